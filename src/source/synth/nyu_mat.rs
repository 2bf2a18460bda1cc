//! Scenes as a MAT 7.3 file of the layout of `nyu_depth_v2_labeled.mat`, and its `splits.mat`.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use hdf5::types::FixedAscii;
use hdf5::{Dataset, File, Group, H5Type, Location, ObjectReference1};
use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::render::Frame;
use super::write::{WriteError, make_room, write_whole};
use super::{Kind, Synth, sensor, splits};
use crate::file::{folder_of, unfinished};
use crate::label::{LabelSpace, Remap, ade20k, nyu};
use crate::sample::Size;
use crate::source::Source;

/// Bytes before the HDF5 superblock.
const USER_BLOCK: usize = 512;
/// Frames in memory for each thread.
const AHEAD: usize = 2;

/// Writes rooms as a labelled NYU file and, when asked, the list of its splits. Both appear when they are complete.
/// `done` is called after each frame. Memory does not grow with the number of frames.
///
/// # Errors
/// [`WriteError::Usage`] for scenes that are not rooms; otherwise what the system or the HDF5 library said.
pub fn write_nyu_mat(
    synth: &Synth,
    mat: &Path,
    splits: Option<&Path>,
    done: &(dyn Fn() + Sync),
) -> Result<(), WriteError> {
    if synth.options.kind != Kind::Indoor {
        return Err(WriteError::Usage("the NYU layout holds rooms: use `sdprep synth indoor --as nyu-mat`".into()));
    }
    make_room(mat)?;
    let part = unfinished(folder_of(mat), mat);
    let written = write_hdf5(synth, &part, done)
        .and_then(|()| write_user_block(&part))
        .and_then(|()| fs::rename(&part, mat).map_err(WriteError::io(mat)));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&part);
    }
    written?;
    let Some(path) = splits else { return Ok(()) };
    let bytes = splits::splits_mat(synth.entries().len()).map_err(WriteError::io(path))?;
    write_whole(path, &bytes)
}

/// The raw NYU id that stands for each ADE20K class: the one of the same name, else the first that maps to it.
fn raw_ids() -> Result<[u16; 256], WriteError> {
    let remap = Remap::nyu894_to(LabelSpace::Ade20k150).map_err(|e| WriteError::Usage(e.to_string()))?;
    let mut raw = [0; 256];
    for (index, name) in nyu::names_894().iter().enumerate() {
        let id = index + 1;
        let (Ok(wide), Ok(narrow)) = (u32::try_from(id), u16::try_from(id)) else { continue };
        let ade = remap.id(wide).map_or(255, usize::from);
        let same = ade20k::names().get(ade).is_some_and(|ade_name| ade_name == name);
        if ade != 255 && (raw[ade] == 0 || same) {
            raw[ade] = narrow;
        }
    }
    Ok(raw)
}

/// The big arrays of the file.
struct Arrays {
    images: Dataset,
    depths: Dataset,
    raw_depths: Dataset,
    labels: Dataset,
    instances: Dataset,
}

/// One frame as it is stored: every plane transposed.
struct Planes {
    image: Array3<u8>,
    depth: Array2<f32>,
    raw_depth: Array2<f32>,
    labels: Array2<u16>,
    instances: Array2<u8>,
    tilt: f32,
}

impl Planes {
    fn new(frame: &Frame, raw_ids: &[u16; 256], tilt: f64) -> Self {
        let transposed = |plane: ArrayView2<'_, f32>| plane.t().as_standard_layout().into_owned();
        #[expect(clippy::cast_possible_truncation, reason = "the file holds singles")]
        Self {
            image: frame.image.view().permuted_axes([0, 2, 1]).as_standard_layout().into_owned(),
            depth: transposed(frame.depth.view()),
            raw_depth: transposed(sensor::with_holes(&frame.depth).view()),
            labels: frame.classes.t().mapv(|class| raw_ids[usize::from(class)]).as_standard_layout().into_owned(),
            instances: instances(frame),
            tilt: tilt as f32,
        }
    }
}

/// Numbers of things within their class, from one, in order of appearance; they restart for each class.
fn instances(frame: &Frame) -> Array2<u8> {
    let mut known: Vec<Vec<u16>> = vec![Vec::new(); 256];
    let (height, width) = frame.classes.dim();
    let mut numbers = Array2::zeros((width, height));
    for ((at, &class), &object) in frame.classes.indexed_iter().zip(&frame.objects) {
        let of_class = &mut known[usize::from(class)];
        let position = of_class.iter().position(|&o| o == object).unwrap_or_else(|| {
            of_class.push(object);
            of_class.len() - 1
        });
        numbers[(at.1, at.0)] = u8::try_from(position + 1).unwrap_or(u8::MAX);
    }
    numbers
}

fn write_hdf5(synth: &Synth, path: &Path, done: &(dyn Fn() + Sync)) -> Result<(), WriteError> {
    let raw_ids = raw_ids()?;
    let failed = |e: hdf5::Error| WriteError::encode(path, e);
    let (size, count) = (synth.options.size, synth.entries().len());
    let file = create(path).map_err(failed)?;
    let arrays = arrays(&file, count, size).map_err(failed)?;
    let batch = rayon::current_num_threads().max(1) * AHEAD;
    let make = |from: usize| -> Vec<Planes> {
        (from..(from + batch).min(count))
            .into_par_iter()
            .map(|index| {
                let (camera, frame) = synth.frame(index);
                Planes::new(&frame, &raw_ids, camera.ahead.z)
            })
            .collect()
    };
    let mut accel = Array2::<f32>::zeros((4, count));
    let mut frames = make(0);
    let mut first = 0;
    while !frames.is_empty() {
        // The library writes under one lock; the other threads render meanwhile.
        let (next, written) = rayon::join(
            || make(first + batch),
            || {
                frames.iter().enumerate().try_for_each(|(i, planes)| {
                    arrays.write(first + i, planes)?;
                    done();
                    Ok(())
                })
            },
        );
        written.map_err(failed)?;
        for (i, planes) in frames.iter().enumerate() {
            accel[(2, first + i)] = planes.tilt;
        }
        first += frames.len();
        frames = next;
    }
    write_small(&file, synth, &accel).and_then(|()| file.close()).map_err(failed)
}

fn create(path: &Path) -> hdf5::Result<File> {
    File::with_options()
        .with_fapl(|access| access.libver_earliest())
        .with_fcpl(|create| create.userblock(USER_BLOCK as u64).obj_track_times(false))
        .create(path)
}

fn arrays(file: &File, count: usize, size: Size) -> hdf5::Result<Arrays> {
    let Size { height, width } = size;
    let strip = width.div_ceil(8);
    fn plane<T: H5Type>(file: &File, name: &str, shape: [usize; 3], strip: usize) -> hdf5::Result<Dataset> {
        let chunk = (1, strip, shape[2]);
        file.new_dataset::<T>().shape(shape).chunk(chunk).deflate(3).obj_track_times(false).create(name)
    }
    let shape = [count, width, height];
    let images = file
        .new_dataset::<u8>()
        .shape([count, 3, width, height])
        .chunk((1, 3, strip, height))
        .deflate(3)
        .obj_track_times(false)
        .create("images")?;
    let arrays = Arrays {
        images,
        depths: plane::<f32>(file, "depths", shape, strip)?,
        raw_depths: plane::<f32>(file, "rawDepths", shape, strip)?,
        labels: plane::<u16>(file, "labels", shape, strip)?,
        instances: plane::<u8>(file, "instances", shape, strip)?,
    };
    class(&arrays.images, b"uint8")?;
    class(&arrays.instances, b"uint8")?;
    class(&arrays.labels, b"uint16")?;
    class(&arrays.depths, b"single")?;
    class(&arrays.raw_depths, b"single")?;
    Ok(arrays)
}

impl Arrays {
    fn write(&self, index: usize, planes: &Planes) -> hdf5::Result<()> {
        self.images.write_slice(&planes.image, (index, .., .., ..))?;
        self.depths.write_slice(&planes.depth, (index, .., ..))?;
        self.raw_depths.write_slice(&planes.raw_depth, (index, .., ..))?;
        self.labels.write_slice(&planes.labels, (index, .., ..))?;
        self.instances.write_slice(&planes.instances, (index, .., ..))
    }
}

/// The names, cells and objects around the arrays.
fn write_small(file: &File, synth: &Synth, accel: &Array2<f32>) -> hdf5::Result<()> {
    let data = file.new_dataset::<f32>().shape(accel.dim()).obj_track_times(false).create("accelData")?;
    data.write(accel)?;
    class(&data, b"single")?;
    let mut cells = Cells::new(file)?;
    let entries = synth.entries();
    let scene = |i: usize| entries[i].scene.clone().unwrap_or_default();
    let n = entries.len();
    cells.write("names", nyu::names_894().iter().cloned())?;
    cells.write("scenes", (0..n).map(scene))?;
    cells.write("sceneTypes", entries.iter().map(|entry| entry.scene_type.clone().unwrap_or_default()))?;
    cells.write("rawDepthFilenames", (0..n).map(|i| format!("{}/d-{i:06}.pgm", scene(i))))?;
    cells.write("rawRgbFilenames", (0..n).map(|i| format!("{}/r-{i:06}.ppm", scene(i))))?;
    let map = file.new_dataset::<u32>().shape((1, 6)).obj_track_times(false).create("namesToIds")?;
    // A MATLAB object: marker, then numbers into an undocumented store. Readers skip it.
    map.write_raw(&[0xdd00_0000_u32, 2, 1, 1, 1, 1])?;
    class(&map, b"containers.Map")?;
    integer(&map, "MATLAB_object_decode", 3)?;
    let subsystem = file.create_group_builder().obj_track_times(false).create("#subsystem#")?;
    let store = subsystem.new_dataset::<ObjectReference1>().shape((1, 1)).obj_track_times(false).create("MCOS")?;
    store.write_raw(&[cells.refs.reference::<ObjectReference1>("a")?])?;
    class(&store, b"FileWrapper__")?;
    integer(&store, "MATLAB_object_decode", 3)
}

/// Cell arrays of text: references to character arrays that lie in `/#refs#` under names without meaning.
struct Cells<'a> {
    file: &'a File,
    refs: Group,
    used: usize,
}

impl<'a> Cells<'a> {
    fn new(file: &'a File) -> hdf5::Result<Self> {
        let refs = file.create_group_builder().obj_track_times(false).create("#refs#")?;
        let empty = refs.new_dataset::<u64>().shape(2).obj_track_times(false).create("a")?;
        empty.write_raw(&[0_u64, 0])?;
        class(&empty, b"canonical empty")?;
        empty.new_attr::<u8>().create("MATLAB_empty")?.write_scalar(&1_u8)?;
        Ok(Self { file, refs, used: 1 })
    }

    /// A cell column of strings.
    fn write(&mut self, name: &str, texts: impl Iterator<Item = String>) -> hdf5::Result<()> {
        let references = texts.map(|text| self.text(&text)).collect::<hdf5::Result<Vec<_>>>()?;
        let cell = self
            .file
            .new_dataset::<ObjectReference1>()
            .shape((1, references.len()))
            .obj_track_times(false)
            .create(name)?;
        cell.write_raw(&references)?;
        class(&cell, b"cell")
    }

    fn text(&mut self, text: &str) -> hdf5::Result<ObjectReference1> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let name = member_name(self.used);
        self.used += 1;
        let data = self.refs.new_dataset::<u16>().shape((units.len(), 1)).obj_track_times(false).create(&*name)?;
        data.write_raw(&units)?;
        class(&data, b"char")?;
        integer(&data, "MATLAB_int_decode", 2)?;
        self.refs.reference(&name)
    }
}

/// `a`, `b`, ... `z`, `A`, ... `Z`, `aa`, `ba`, ...
fn member_name(mut index: usize) -> String {
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut name = String::new();
    loop {
        name.push(char::from(LETTERS[index % 52]));
        if index < 52 {
            return name;
        }
        index = index / 52 - 1;
    }
}

fn class<const N: usize>(location: &Location, name: &[u8; N]) -> hdf5::Result<()> {
    let text = FixedAscii::<N>::from_ascii(name).map_err(|e| hdf5::Error::from(e.to_string()))?;
    location.new_attr::<FixedAscii<N>>().create("MATLAB_class")?.write_scalar(&text)
}

fn integer(location: &Location, name: &str, value: i32) -> hdf5::Result<()> {
    location.new_attr::<i32>().create(name)?.write_scalar(&value)
}

/// The text MATLAB puts before the HDF5 part, with the version and byte-order mark at its place.
fn write_user_block(path: &Path) -> Result<(), WriteError> {
    let text = "MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 .";
    let mut block = text.as_bytes().to_vec();
    block.resize(116, b' ');
    block.resize(124, 0);
    block.extend([0x00, 0x02, b'I', b'M']);
    block.resize(USER_BLOCK, 0);
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)?;
        file.sync_all()
    };
    write().map_err(WriteError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synth::render::survey;
    use crate::source::synth::{Options, room};

    #[test]
    fn every_class_of_a_room_has_a_raw_id_that_leads_back() {
        let raw = raw_ids().unwrap();
        let remap = Remap::nyu894_to(LabelSpace::Ade20k150).unwrap();
        assert_eq!(raw[19], nyu::id_894("chair").unwrap());
        let used: std::collections::BTreeSet<u8> = (0..30_u64)
            .into_par_iter()
            .flat_map_iter(|i| {
                let (scene, camera) = room::build(0, i, Size::new(48, 64));
                survey(&scene, &camera).1.into_iter().collect::<std::collections::BTreeSet<_>>()
            })
            .collect();
        for class in used {
            assert_ne!(raw[usize::from(class)], 0, "class {class} cannot be written");
            assert_eq!(remap.id(u32::from(raw[usize::from(class)])), Ok(class));
        }
    }

    #[test]
    fn names_of_members_do_not_repeat() {
        let names: std::collections::BTreeSet<String> = (0..10_000).map(member_name).collect();
        assert_eq!(names.len(), 10_000);
        assert_eq!([member_name(0), member_name(51), member_name(52)], ["a", "Z", "aa"]);
    }

    #[test]
    fn a_file_has_its_user_block_and_equal_bytes_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let synth = Synth::new(Options { size: Size::new(48, 64), ..Options::new(Kind::Indoor, 3) }).unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name).join("rooms.mat"));
        for path in &paths {
            write_nyu_mat(&synth, path, Some(&path.with_file_name("splits.mat")), &|| ()).unwrap();
        }
        let [a, b] = paths.map(|path| fs::read(path).unwrap());
        assert_eq!(a[..19], *b"MATLAB 7.3 MAT-file");
        assert_eq!(a[124..128], [0, 2, b'I', b'M']);
        // Superblock version 0 after the signature.
        assert_eq!(a[512..521], [0x89, b'H', b'D', b'F', 0x0d, 0x0a, 0x1a, 0x0a, 0]);
        assert!(a == b, "two runs differ");
        let file = File::open(folder.path().join("a/rooms.mat")).unwrap();
        let frame = synth.frame(2).1;
        let depths = file.dataset("depths").unwrap();
        assert_eq!((depths.shape(), depths.chunk()), (vec![3, 64, 48], Some(vec![1, 8, 48])));
        let stored: Array2<f32> = depths.read_slice((2, .., ..)).unwrap();
        assert_eq!(stored.t(), frame.depth);
        let stored: Array3<u8> = file.dataset("images").unwrap().read_slice((2, .., .., ..)).unwrap();
        assert_eq!(stored[(1, 40, 20)], frame.image[(1, 20, 40)]);
        assert!(fs::read_dir(folder.path().join("a")).unwrap().count() == 2);
    }
}
