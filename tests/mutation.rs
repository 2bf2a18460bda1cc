//! No parser of foreign bytes panics, hangs or takes memory beyond its limit, whatever the bytes.
//! `common/mutation.rs` says how to run more of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write;
use std::path::Path;

use common::mutation::Target;
use flate2::{Compression, write::ZlibEncoder};
use hdf5::types::FixedAscii;
use semdepth::sample::{Image, Size};
use semdepth::source::Source;
use semdepth::source::folder;
use semdepth::source::kitti::velodyne::{self, Axis, Projection};
use semdepth::source::kitti::{Camera, Malformed, calib, split};
use semdepth::source::mat::{Error, hdf5 as dialect, v5, v73};
use semdepth::source::nyu::labelled::{DepthKind, Labelled, Options, Split};
use semdepth::source::nyu::{bts, densedepth};
use semdepth::source::picture::{self, Endian};

/// Memory the values of one mutated file may take: what matters is that it is bounded.
const LIMIT: u64 = 4 << 20;

/// The files of one folder of the real data, smaller than `max_bytes`; none without the data.
fn real(folder: &str, max_bytes: usize) -> Vec<Vec<u8>> {
    let Some(root) = common::real_data() else { return Vec::new() };
    let files = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "mat")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).filter(|bytes| bytes.len() <= max_bytes).collect()
}

// ---- MAT 5 ----------------------------------------------------------------------------------------------------------

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let padding = vec![0; data.len().next_multiple_of(8) - data.len()];
    [&kind.to_le_bytes(), &length.to_le_bytes(), data, &padding].concat()
}

/// A matrix element; `parts` are what follows the name.
fn matrix(class: u32, dims: [i32; 2], name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let flags = element(6, &[class.to_le_bytes(), [0; 4]].concat());
    let dims = element(5, &dims.map(i32::to_le_bytes).concat());
    element(14, &[flags, dims, element(1, name.as_bytes()), parts.concat()].concat())
}

/// One variable of every kind that the reader knows, as bare elements.
fn v5_elements() -> Vec<Vec<u8>> {
    let number = |name: &str| matrix(6, [1, 3], name, &[element(2, &[1, 2, 3])]);
    let text = |name: &str| matrix(4, [1, 4], name, &[element(16, "abcé".as_bytes())]);
    let cell = matrix(1, [1, 3], "cell", &[number(""), text(""), element(14, &[])]);
    let fields = [element(5, &8_i32.to_le_bytes()), element(1, b"first\0\0\0second\0\0")];
    let fields = [fields.concat(), number(""), matrix(1, [1, 1], "", &[text("")])];
    let sparse = matrix(5, [1, 1], "sparse", &[]);
    vec![number("number"), text("text"), cell, matrix(2, [1, 1], "struct", &fields), sparse]
}

fn v5_file(elements: &[u8]) -> Vec<u8> {
    let mut file = vec![b' '; 124];
    file.extend([0, 1, b'I', b'M']);
    file.extend_from_slice(elements);
    file
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn v5_accepts(file: &[u8]) -> bool {
    v5::parse_within(file, LIMIT).is_ok()
}

#[test]
fn mat_5_files() {
    let mut seeds = [real("mat_v5", 1 << 16), real("nyuv2_meta", 1 << 16)].concat();
    seeds.push(v5_file(&v5_elements().concat()));
    Target { name: "MAT 5", seeds, accepts: &v5_accepts, one_in: 1 }.run();
}

/// The parser behind the deflated elements: what is mutated is deflated again with a right checksum.
#[test]
fn mat_5_files_inside_deflated_elements() {
    let mut seeds = v5_elements();
    for file in [real("mat_v5", 1 << 16), real("nyuv2_meta", 1 << 16)].concat() {
        let mut rest = &file[128..];
        while let Some((tag, data)) = rest.split_first_chunk::<8>() {
            let length = usize::try_from(u32::from_le_bytes(*tag.last_chunk().unwrap())).unwrap();
            let mut inflated = Vec::new();
            std::io::copy(&mut flate2::read::ZlibDecoder::new(&data[..length]), &mut inflated).unwrap();
            seeds.push(inflated);
            rest = &data[length..];
        }
    }
    let accepts = |bytes: &[u8]| {
        let deflated = deflated(bytes);
        let tag = [15_u32.to_le_bytes(), u32::try_from(deflated.len()).unwrap().to_le_bytes()].concat();
        v5_accepts(&v5_file(&[tag, deflated].concat()))
    };
    Target { name: "MAT 5, inside deflated elements", seeds, accepts: &accepts, one_in: 1 }.run();
}

// ---- MAT 7.3 --------------------------------------------------------------------------------------------------------

fn written(write: impl FnOnce(&hdf5::File)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.mat");
    let file = hdf5::File::with_options().with_fcpl(|p| p.userblock(512)).create(&path).unwrap();
    write(&file);
    drop(file);
    std::fs::read(path).unwrap()
}

fn v73_seeds() -> Vec<Vec<u8>> {
    let data = ndarray::Array::from_shape_fn((20, 30), |(y, x)| (y * x) as f32);
    let chunks = written(|file| {
        let builder = || file.new_dataset_builder().with_data(&data);
        builder().chunk((7, 8)).deflate(3).create("deflate").unwrap();
        builder().chunk((7, 8)).shuffle().fletcher32().create("checked").unwrap();
        builder().layout(hdf5::dataset::Layout::Compact).create("compact").unwrap();
        file.new_dataset::<i16>().shape((9, 9)).chunk((2, 4)).fill_value(3_i16).create("fill").unwrap();
    });
    let classes = written(|file| {
        let group = file.create_group("struct").unwrap();
        for (name, class) in [("text", "char"), ("truth", "logical"), ("number", "uint16")] {
            let dataset = if class == "logical" {
                group.new_dataset_builder().with_data(&[1_u8, 0]).create(name).unwrap()
            } else {
                group.new_dataset_builder().with_data(&[72_u16, 105]).create(name).unwrap()
            };
            let class = FixedAscii::<8>::from_ascii(class).unwrap();
            dataset.new_attr::<FixedAscii<8>>().create("MATLAB_class").unwrap().write_scalar(&class).unwrap();
            dataset.new_attr::<i32>().create("MATLAB_int_decode").unwrap().write_scalar(&2).unwrap();
        }
    });
    [vec![chunks, classes], real("mat_v73", 12_000)].concat()
}

#[test]
fn mat_73_files() {
    let accepts = |bytes: &[u8]| {
        let Ok(file) = v73::File::from_bytes(bytes.to_vec()) else { return false };
        let file = file.with_limit(LIMIT);
        // Every variable is read, so that damage in one does not hide the others.
        let read = |name| matches!(file.read(name), Ok(_) | Err(Error::Unexpected { .. }));
        let n_bad = file.variables().filter(|name| !read(*name)).count();
        n_bad == 0
    };
    Target { name: "MAT 7.3", seeds: v73_seeds(), accepts: &accepts, one_in: 1 }.run();
}

/// What a file claims of an array before anything is inflated: shapes, types, the index of the chunks.
#[test]
fn hdf5_structures() {
    fn walk(file: &dialect::File, object: dialect::Object, depth: usize) -> bool {
        if object.attributes().is_err() {
            return false;
        }
        if object.is_dataset() {
            return object.read_dataset().is_ok_and(|dataset| dataset.chunk_index().is_ok());
        }
        let Ok(group) = object.read_group() else { return false };
        let below = |&address: &u64| file.object(address).is_ok_and(|object| walk(file, object, depth + 1));
        depth < 4 && group.members().values().filter(|address| !below(address)).count() == 0
    }
    let accepts = |bytes: &[u8]| {
        let Ok(file) = dialect::File::from_bytes(bytes.to_vec()) else { return false };
        let Ok(root) = file.root() else { return false };
        root.members().values().all(|&address| file.object(address).is_ok_and(|object| walk(&file, object, 0)))
    };
    Target { name: "HDF5 structures", seeds: v73_seeds(), accepts: &accepts, one_in: 1 }.run();
}

#[test]
fn labelled_nyu_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nyu.mat");
    let seed = written(|file| {
        let plane = |scale: f32| ndarray::Array::from_shape_fn((4, 33, 24), |(n, x, y)| scale * (n + x * y) as f32);
        let images = ndarray::Array::from_shape_fn((4, 3, 33, 24), |(n, c, x, y)| (n + c + x + y) as u8);
        file.new_dataset_builder().with_data(&images).chunk((1, 2, 20, 24)).deflate(3).create("images").unwrap();
        file.new_dataset_builder().with_data(&plane(0.1)).chunk((2, 20, 24)).deflate(3).create("depths").unwrap();
        file.new_dataset_builder().with_data(&plane(0.2)).chunk((1, 33, 10)).deflate(3).create("rawDepths").unwrap();
    });
    let accepts = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let options = Options { split: Split::All, depth: DepthKind::Both, ..Options::default() };
        let Ok(source) = Labelled::open(Path::new(&path), None, &options) else { return false };
        // A mutated count of frames may be large; the first ones tell enough.
        (0..source.entries().len().min(8)).filter(|&n| source.load(n).is_err()).count() == 0
    };
    Target { name: "labelled NYU", seeds: vec![seed], accepts: &accepts, one_in: 20 }.run();
}

// ---- KITTI ----------------------------------------------------------------------------------------------------------

/// What a calibration file needs for a projection.
const KITTI_CALIB: &str = "calib_time: 09-Jan-2012 13:57:47\n\
    S_rect_02: 1.242000e+03 3.750000e+02\n\
    R_rect_00: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 9.999631e-01\n\
    P_rect_02: 7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 1.728540e+02 2.163791e-01 0 0 1 2.745884e-03\n\
    R: 7.533745e-03 -9.999714e-01 -6.166020e-04 1.480249e-02 7.280733e-04 -9.998902e-01 9.998621e-01 7.523790e-03 1.480755e-02\n\
    T: -4.069766e-03 -7.631618e-02 -2.717806e-01\n";

fn kitti_projection(calib: &calib::Calib, size: Size) -> Result<Projection, Malformed> {
    Ok(Projection::new(&calib::Rig::of_raw(calib, calib, Camera::Left)?, size))
}

#[test]
fn kitti_calibrations() {
    let object = KITTI_CALIB.replace("P_rect_02", "P2").replace("R_rect_00", "R0_rect");
    let accepts = |bytes: &[u8]| {
        calib::parse(bytes).is_ok_and(|calib| {
            let read = calib::intrinsics(&calib, Camera::Left).is_ok() && calib.rectified_size().is_ok();
            read && (kitti_projection(&calib, Size::new(4, 4)).is_ok() || calib.numbers::<9>("R0_rect").is_ok())
        })
    };
    let seeds = vec![KITTI_CALIB.into(), object.into()];
    Target { name: "KITTI calibration", seeds, accepts: &accepts, one_in: 1 }.run();
}

#[test]
fn kitti_lists() {
    let bts = "/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png None 721.5377\n\
        2011_09_26/2011_09_26_drive_0002_sync/image_03/data/0000000007.png \
        2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_03/0000000007.png 721.5377";
    let monodepth2 =
        "2011_09_26/2011_09_26_drive_0022_sync 473 r\n2011_09_29/2011_09_29_drive_0026_sync 0000000001 l\n";
    let seeds = vec![bts.into(), monodepth2.into()];
    let accepts = |bytes: &[u8]| split::parse(bytes).is_ok();
    Target { name: "KITTI list", seeds, accepts: &accepts, one_in: 1 }.run();
}

/// Every accepted sweep is projected too: no coordinate may lead outside the map.
#[test]
fn kitti_sweeps() {
    let size = Size::new(37, 124);
    let projection = kitti_projection(&calib::parse(KITTI_CALIB.as_bytes()).unwrap(), size).unwrap();
    let point = |i: u16| [f32::from(i % 40) - 3.0, f32::from(i % 23) - 11.0, f32::from(i % 7) - 3.0, 0.5];
    let seed: Vec<u8> = (0..200).flat_map(point).flat_map(f32::to_le_bytes).collect();
    let accepts = |bytes: &[u8]| {
        velodyne::parse(bytes).is_ok_and(|sweep| {
            let maps = [Axis::CameraZ, Axis::VelodyneX].map(|axis| projection.depth(&sweep, axis));
            maps.iter().all(|map| map.dim() == (size.height, size.width) && !map.iter().any(|m| m.is_nan()))
        })
    };
    Target { name: "KITTI sweep", seeds: vec![seed], accepts: &accepts, one_in: 1 }.run();
}

// ---- pictures -------------------------------------------------------------------------------------------------------

fn pictures(names: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/picture");
    names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

/// Length, type and data of each chunk as far as they are whole.
fn png_chunks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut chunks = Vec::new();
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(end) = at.checked_add(12 + length).filter(|&end| end <= bytes.len()) else { break };
        chunks.push(at + 4..end - 4);
        at = end;
    }
    chunks
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// The same picture with right checksums, so that mutations get past them.
fn mend_png(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    for chunk in png_chunks(bytes) {
        let crc = crc(&bytes[chunk.clone()]);
        mended[chunk.end..chunk.end + 4].copy_from_slice(&crc);
    }
    mended
}

fn decodes(bytes: &[u8]) -> bool {
    let size = picture::decode_size(bytes);
    let _ = picture::decode_bits(bytes);
    let rgb = picture::decode_rgb(bytes);
    let map = picture::decode_f32(bytes, Endian::Big);
    for found in [rgb.as_ref().ok().map(Image::size), map.as_ref().ok().map(|m| Size::new(m.dim().0, m.dim().1))] {
        assert!(found.is_none_or(|found| size.as_ref().is_ok_and(|&stated| stated == found)), "sizes disagree");
    }
    rgb.is_ok() || map.is_ok()
}

#[test]
fn png_pictures() {
    let names = [
        "grey8.png",
        "grey16.png",
        "rgb8.png",
        "rgb16_interlaced.png",
        "rgba8.png",
        "palette4.png",
        "palette8.png",
        "palette8_transparent.png",
        "grey1.png",
        "grey2_interlaced.png",
        "greyalpha8_interlaced.png",
    ];
    let accepts = |bytes: &[u8]| decodes(&mend_png(bytes));
    Target { name: "PNG", seeds: pictures(&names), accepts: &accepts, one_in: 1 }.run();
}

/// Mutated rows, deflated again: filter types and samples, too many or too few.
#[test]
fn png_rows() {
    for name in ["grey16.png", "palette4_interlaced.png", "rgb8.png"] {
        let file = &pictures(&[name])[0];
        let chunks = png_chunks(file);
        let of = |kind: &[u8]| chunks.iter().find(|c| file[c.start..c.start + 4] == *kind).cloned();
        let data = of(b"IDAT").unwrap();
        let mut rows = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&file[data.start + 4..data.end]), &mut rows)
            .unwrap();
        let accepts = |rows: &[u8]| {
            let chunk = [b"IDAT".to_vec(), deflated(rows)].concat();
            let mut whole = file[..data.start - 4].to_vec();
            whole.extend((chunk.len() as u32 - 4).to_be_bytes());
            whole.extend(&chunk);
            whole.extend(crc(&chunk));
            whole.extend(&file[data.end + 4..]);
            decodes(&whole)
        };
        Target { name: &format!("PNG rows, {name}"), seeds: vec![rows], accepts: &accepts, one_in: 3 }.run();
    }
}

#[test]
fn jpeg_pictures() {
    let seeds = pictures(&["rgb.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"]);
    Target { name: "JPEG", seeds, accepts: &decodes, one_in: 1 }.run();
}

#[test]
fn pnm_pictures() {
    let seeds = pictures(&["grey8.pgm", "grey16.pgm", "rgb8.ppm", "rgb16.ppm"]);
    Target { name: "PNM", seeds, accepts: &decodes, one_in: 1 }.run();
}

#[test]
fn npy_arrays() {
    let seeds =
        pictures(&["f2.npy", "f4.npy", "f8.npy", "f4_big.npy", "f4_fortran.npy", "u2.npy", "i8_1hw.npy", "bool.npy"]);
    let accepts = |bytes: &[u8]| decodes(bytes) | picture::decode_u16(bytes, Endian::Little).is_ok();
    Target { name: "npy", seeds, accepts: &accepts, one_in: 1 }.run();
}

#[test]
fn lists_and_cameras() {
    let bts = b"/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\na/rgb_1.jpg None 518.8579";
    let accepts = |bytes: &[u8]| bts::parse_list(bytes).is_ok();
    Target { name: "BTS list", seeds: vec![bts.to_vec()], accepts: &accepts, one_in: 1 }.run();
    let csv = b"data/nyu2_train/a_0001_out/1.jpg,data/nyu2_train/a_0001_out/1.png\r\n\"data/b,1.jpg\",data/b.png\n";
    let accepts = |bytes: &[u8]| densedepth::parse_list(bytes).is_ok();
    Target { name: "DenseDepth list", seeds: vec![csv.to_vec()], accepts: &accepts, one_in: 1 }.run();
    let cameras = [b"518.857901 519.469611\n325.582449 253.736166".to_vec(), b"585 0 320\n0 585 240\n0 0 1".to_vec()];
    let accepts = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| folder::parse_camera(text).is_ok());
    Target { name: "camera", seeds: cameras.to_vec(), accepts: &accepts, one_in: 1 }.run();
}
