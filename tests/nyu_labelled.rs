//! The labelled NYU file: samples against h5py (`tests/golden/make_labelled_golden.py`), wrong files, damaged chunks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use hdf5::File;
use ndarray::{Array, ArrayD, IxDyn};
use semdepth::label::LabelSpace;
use semdepth::sample::Size;
use semdepth::source::fit::Fit;
use semdepth::source::nyu::RGB_CAMERA;
use semdepth::source::nyu::fast_depth::{FastDepth, read_fast_depth, read_fast_depth_size};
use semdepth::source::nyu::labelled::{Border, DepthKind, Labelled, Options, Split};
use semdepth::source::{Source, SourceError};
use serde_json::Value as Json;

const MINI: &str = "nyuv2_mini_mat/nyu_depth_v2_labeled_mini.mat";

fn crc32<T>(values: impl IntoIterator<Item = T>, bytes: impl Fn(T) -> Vec<u8>) -> u64 {
    let mut crc = flate2::Crc::new();
    crc.update(&values.into_iter().flat_map(bytes).collect::<Vec<u8>>());
    crc.sum().into()
}

fn metres_crc32(depth: &semdepth::sample::Depth) -> u64 {
    crc32(depth.metres().iter(), |m| m.to_le_bytes().to_vec())
}

#[test]
fn frames_equal_an_independent_reading() {
    let Some(root) = common::real_data() else { return };
    let golden: Vec<Json> = serde_json::from_str(include_str!("../fixtures/golden/labelled_mini.json")).unwrap();
    // The space of the labels and the border do not touch each other: each value of both is met once.
    for (space, border) in LabelSpace::ALL.into_iter().zip([Border::Keep, Border::Black, Border::Crop]) {
        let options = Options { depth: DepthKind::Both, labels: Some(space), border, ..Options::default() };
        let source = Labelled::open(&root.join(MINI), None, &options).unwrap();
        assert_eq!(source.entries().len(), golden.len());
        for (i, expected) in golden.iter().enumerate() {
            let entry = &source.entries()[i];
            assert_eq!(entry.key, format!("{i:05}"));
            assert_eq!(entry.scene.as_deref(), expected["scene"].as_str());
            assert_eq!(entry.scene_type.as_deref(), expected["scene_type"].as_str());
            let loaded = source.load(i).unwrap();
            let sample = &loaded.sample;
            assert_eq!(sample.misfit(), None);
            assert_eq!(loaded.invalid.total(), 0);
            let sums = if border == Border::Crop { &expected["crop"] } else { &expected["crc32"] };
            let image = crc32(sample.image.as_slice().iter(), |&byte| vec![byte]);
            let image_sum = if border == Border::Black { &expected["black"] } else { &sums["image"] };
            assert_eq!(image, image_sum.as_u64().unwrap(), "image {i} {border:?}");
            assert_eq!(metres_crc32(&sample.depth), sums["depth"].as_u64().unwrap(), "depth {i} {border:?}");
            let raw = metres_crc32(sample.raw_depth.as_ref().unwrap());
            assert_eq!(raw, sums["raw_depth"].as_u64().unwrap(), "raw depth {i} {border:?}");
            let classes = crc32(sample.semantics.as_ref().unwrap().values().iter(), |&id| vec![id]);
            assert_eq!(classes, sums[space.name()].as_u64().unwrap(), "{space} {i} {border:?}");
        }
    }
}

#[test]
fn pixels_stand_where_they_belong() {
    let Some(root) = common::real_data() else { return };
    let golden: Vec<Json> = serde_json::from_str(include_str!("../fixtures/golden/labelled_mini.json")).unwrap();
    let options = Options { depth: DepthKind::Raw, labels: Some(LabelSpace::Ade20k150), ..Options::default() };
    let source = Labelled::open(&root.join(MINI), None, &options).unwrap();
    assert_eq!(source.header().size, Size::new(480, 640));
    for (i, frame) in golden.iter().enumerate() {
        let sample = source.load(i).unwrap().sample;
        assert_eq!(sample.intrinsics, Some(RGB_CAMERA));
        for pixel in frame["pixels"].as_array().unwrap() {
            let [y, x] = [0, 1].map(|axis| usize::try_from(pixel["at"][axis].as_u64().unwrap()).unwrap());
            let rgb = sample.image.rgb(y, x).map(u64::from);
            assert_eq!(
                rgb.as_slice(),
                pixel["rgb"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect::<Vec<_>>()
            );
            assert_eq!(f64::from(sample.depth.metres()[(y, x)]), pixel["raw_depth"].as_f64().unwrap());
            assert_eq!(
                u64::from(sample.semantics.as_ref().unwrap().values()[(y, x)]),
                pixel["ade20k150"].as_u64().unwrap()
            );
        }
    }
}

#[test]
fn splits_choose_frames_and_the_crop_moves_the_camera() {
    let Some(root) = common::real_data() else { return };
    let splits = root.join("nyuv2_mini_mat/splits_mini.mat");
    let keys = |split, splits: Option<&Path>| {
        let options = Options { split, border: Border::Crop, ..Options::default() };
        let source = Labelled::open(&root.join(MINI), splits, &options).unwrap();
        let k = source.load(0).unwrap().sample.intrinsics.unwrap();
        assert_eq!((k.cx, k.cy), (RGB_CAMERA.cx - 43.0, RGB_CAMERA.cy - 45.0));
        assert_eq!(source.header().size, Size::new(427, 565));
        source.entries().iter().map(|entry| (entry.key.clone(), entry.split.clone())).collect::<Vec<_>>()
    };
    let with = |keys: &[&str], split: &str| {
        keys.iter().map(|key| ((*key).to_owned(), Some(split.to_owned()))).collect::<Vec<_>>()
    };
    assert_eq!(keys(Split::Train, Some(&splits)), with(&["00000", "00001", "00003", "00005"], "train"));
    assert_eq!(keys(Split::Test, Some(&splits)), with(&["00002", "00004"], "test"));
    assert_eq!(keys(Split::All, None).len(), 6);
    let error = Labelled::open(&root.join(MINI), None, &Options { split: Split::Test, ..Options::default() });
    assert!(matches!(error, Err(SourceError::Usage(message)) if message.contains("--splits")));
    // The split of the whole data set names frames that this file does not have.
    let whole = root.join("nyuv2_meta/splits.mat");
    let error = Labelled::open(&root.join(MINI), Some(&whole), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("splits.mat: trainNdxs: expected frames 1 to 6, found 7"), "{error}");
}

// ---- Files of our own, written with libhdf5 -------------------------------------------------------------------------

/// A small file of the layout; what differs from the real one is the arguments.
struct Layout {
    n_frames: usize,
    height: usize,
    width: usize,
    /// Chunk of the planes `[N, W, H]`; the channel axis is added for `images`.
    chunk: Option<[usize; 3]>,
}

fn value(n: usize, c: usize, x: usize, y: usize) -> u8 {
    ((n * 31 + c * 87 + x * 7 + y * 13) % 251) as u8
}

impl Layout {
    fn write(&self, path: &Path) {
        let file = File::with_options().with_fcpl(|p| p.userblock(512)).create(path).unwrap();
        let plane = [self.n_frames, self.width, self.height];
        let at = |i: &IxDyn| value(i[0], 0, i[1], i[2]);
        self.dataset(
            &file,
            "images",
            &ArrayD::from_shape_fn(IxDyn(&[plane[0], 3, plane[1], plane[2]]), |i| value(i[0], i[1], i[2], i[3])),
        );
        self.dataset(&file, "depths", &ArrayD::from_shape_fn(IxDyn(&plane), |i| f32::from(at(&i)) / 25.0));
        self.dataset(&file, "rawDepths", &ArrayD::from_shape_fn(IxDyn(&plane), |i| f32::from(at(&i)) / 50.0 - 1.0));
        drop(file);
    }

    fn dataset<T: hdf5::H5Type + Clone>(&self, file: &File, name: &str, data: &ArrayD<T>) {
        let builder = file.new_dataset_builder().with_data(data);
        match self.chunk {
            None => builder.no_chunk().create(name).unwrap(),
            Some([n, w, h]) if data.ndim() == 4 => builder.chunk((n, 2, w, h)).deflate(3).create(name).unwrap(),
            Some(chunk) => builder.chunk(chunk).deflate(3).create(name).unwrap(),
        };
    }
}

fn temporary(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn any_chunk_shape_gives_the_same_frames() {
    for chunk in [None, Some([1, 20, 24]), Some([1, 33, 7]), Some([3, 8, 24]), Some([7, 30, 11]), Some([4, 1, 1])] {
        let (_folder, path) = temporary("nyu.mat");
        let layout = Layout { n_frames: 7, height: 24, width: 33, chunk };
        layout.write(&path);
        let options = Options { depth: DepthKind::Both, ..Options::default() };
        let source = Labelled::open(&path, None, &options).unwrap();
        assert!(!source.header().fields.intrinsics, "the camera belongs to 480 x 640");
        for n in [0, 6, 3, 2, 5, 1, 4, 3] {
            let loaded = source.load(n).unwrap();
            let (image, depth) = (&loaded.sample.image, &loaded.sample.depth);
            let expected = Array::from_shape_fn((3, 24, 33), |(c, y, x)| value(n, c, x, y));
            assert_eq!(image.planes(), expected, "{chunk:?}");
            let expected = Array::from_shape_fn((24, 33), |(y, x)| f32::from(value(n, 0, x, y)) / 25.0);
            assert_eq!(depth.metres(), expected, "{chunk:?}");
            let negative =
                (0..24).flat_map(|y| (0..33).map(move |x| (x, y))).filter(|&(x, y)| value(n, 0, x, y) < 50).count();
            assert_eq!(loaded.invalid.negative, negative as u64);
        }
    }
}

#[test]
fn wrong_arrays_are_named_with_what_was_expected_and_found() {
    let message = |change: &dyn Fn(&File)| {
        let (_folder, path) = temporary("nyu.mat");
        Layout { n_frames: 2, height: 24, width: 33, chunk: None }.write(&path);
        let file = File::open_rw(&path).unwrap();
        change(&file);
        drop(file);
        Labelled::open(&path, None, &Options { labels: None, ..Options::default() }).unwrap_err().to_string()
    };
    let replace = |file: &File, name: &str, shape: &[usize]| {
        file.unlink(name).unwrap();
        if name == "images" {
            file.new_dataset::<u8>().shape(shape).create(name).unwrap();
        } else {
            file.new_dataset::<f32>().shape(shape).create(name).unwrap();
        }
    };
    let error = message(&|file| replace(file, "depths", &[2, 24, 33]));
    assert!(
        error.contains("nyu.mat: depths: expected the shape [2, 33, 24]") && error.contains("found [2, 24, 33]"),
        "{error}"
    );
    let error = message(&|file| replace(file, "images", &[2, 3, 24, 33]));
    assert!(error.contains("nyu.mat: images: expected pictures that are wider than tall"), "{error}");
    let error = message(&|file| replace(file, "images", &[2, 33, 24, 3]));
    assert!(error.contains("three channels") && error.contains("[2, 33, 24, 3]"), "{error}");
    let error = message(&|file| replace(file, "images", &[2, 3, 60000, 24]));
    assert!(error.contains("sides of 1 to 16384"), "{error}");
    let error = message(&|file| file.unlink("depths").unwrap());
    assert!(error.contains("depths: there is no such variable; the file has: images, rawDepths"), "{error}");
    let error = message(&|file| {
        file.unlink("depths").unwrap();
        file.new_dataset::<f64>().shape((2, 33, 24)).create("depths").unwrap();
    });
    assert!(error.contains("depths: expected single") && error.contains("found double"), "{error}");
    // Chunks that nobody has written are made when they are read, as large as the file says.
    let error = message(&|file| {
        file.unlink("depths").unwrap();
        let shape = hdf5::SimpleExtents::resizable([2, 33, 24]);
        file.new_dataset::<f32>().shape(shape).chunk((1, 1 << 14, 1 << 13)).create("depths").unwrap();
    });
    assert!(error.contains("depths: chunk takes 536870912 bytes, the limit is 268435456"), "{error}");
}

#[test]
fn a_damaged_chunk_spoils_its_frame_alone() {
    let (_folder, path) = temporary("nyu.mat");
    Layout { n_frames: 4, height: 24, width: 33, chunk: Some([1, 33, 24]) }.write(&path);
    let chunk = File::open(&path).unwrap().dataset("depths").unwrap().chunk_info(2).unwrap();
    assert_eq!(chunk.offset[0], 2);
    let mut bytes = std::fs::read(&path).unwrap();
    let start = usize::try_from(chunk.addr).unwrap();
    let at = [start + 512, start].into_iter().find(|&at| bytes[at] == 0x78).expect("the head of a zlib stream");
    bytes[at + 20] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let source = Labelled::open(&path, None, &Options::default()).unwrap();
    for n in 0..4 {
        match source.load(n) {
            Ok(_) => assert_ne!(n, 2),
            Err(fault) => {
                assert_eq!(
                    (n, fault.file.as_str(), fault.field.as_str()),
                    (2, "nyu.mat", "depths (frame 3 of MATLAB)")
                );
                assert!(fault.reason.contains("damaged chunk at byte"), "{fault}");
            }
        }
    }
}

#[test]
fn fast_depth_files_are_read_as_they_are() {
    let (_folder, path) = temporary("00001.h5");
    let rgb = Array::from_shape_fn((3, 20, 30), |(c, y, x)| value(9, c, x, y));
    let depth = Array::from_shape_fn((20, 30), |(y, x)| if (y, x) == (3, 4) { f32::NAN } else { (y * 30 + x) as f32 });
    let file = File::create(&path).unwrap();
    file.new_dataset_builder().with_data(&rgb).create("rgb").unwrap();
    file.new_dataset_builder().with_data(&depth).chunk((7, 11)).shuffle().deflate(4).create("depth").unwrap();
    drop(file);
    assert_eq!(read_fast_depth_size(&path).unwrap(), Size::new(20, 30));
    let (image, read, invalid) = read_fast_depth(&path).unwrap();
    assert_eq!(image.planes(), rgb);
    assert_eq!((read.metres()[(3, 4)], read.metres()[(19, 29)], invalid.nan), (0.0, 599.0, 1));
    let error = read_fast_depth(&path.with_extension("mat")).unwrap_err().to_string();
    assert!(error.contains("00001.mat"), "{error}");
    // Two frames of each training scene are held out.
    let root = tempfile::tempdir().unwrap();
    for name in ["train/a/00001.h5", "train/a/00002.h5", "train/b/00201.h5", "val/official/00001.h5"] {
        let place = root.path().join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(&path, place).unwrap();
    }
    let keys = |split| {
        let planned = FastDepth::plan(root.path(), split, Fit::Reject).unwrap();
        planned.entries().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(Some("train")), ["train/a/00002"]);
    assert_eq!((keys(Some("val")).len(), keys(None).len()), (1, 4));
}
