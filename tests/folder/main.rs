//! Own folders and the NYU folder layouts: real ones against statistics of NumPy and Pillow
//! (`fixtures/folder/make_expected.py`), small made ones against hand arithmetic, and what can be wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use ndarray::array;
use rayon::prelude::*;
use semdepth::label::{LabelSpace, Remap};
use semdepth::sample::{Fault, Invalid, Size, Window};
use semdepth::source::depth_code::{DepthCode, Encoding};
use semdepth::source::fit::Fit;
use semdepth::source::folder::{self, LabelTable, Options, Pairing, Preset};
use semdepth::source::nyu::fast_depth::FastDepth;
use semdepth::source::nyu::{RGB_CAMERA, bts, densedepth, toolbox};
use semdepth::source::pairs::{Name, Pairs};
use semdepth::source::{Loaded, Source, SourceError};
use serde_json::Value;

fn options(images: &str, depths: &str, depth: DepthCode) -> Options {
    let name = Name { dataset: "own".into(), split: "all".into() };
    Options::new(name, images, depths, depth).unwrap()
}

fn of_preset(preset: Preset) -> Options {
    let d = preset.defaults();
    let labels = d.labels.map(|(pattern, table)| (pattern, table.remap(LabelSpace::Ade20k150).unwrap()));
    let (labels, table) = labels.unzip();
    Options {
        labels: labels.map(|l| l.parse().unwrap()),
        table,
        pairing: d.pairing,
        mirror: d.mirror,
        intrinsics: d.intrinsics,
        ..options(d.images, d.depths, d.depth)
    }
}

/// Compares every sample of a source with the section `name` of the expected statistics.
fn check(name: &str, source: &Pairs) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/folder/expected.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let expected = &all[name];
    let n = source.entries().len();
    assert_eq!(n as u64, expected["n"], "{name}");
    let size = source.header().size;
    assert_eq!(serde_json::json!([size.height, size.width]), expected["size"], "{name}");
    let loaded: Vec<Loaded> = (0..n).into_par_iter().map(|i| source.load(i).unwrap()).collect();

    let (mut depth_crc, mut image_crc) = (flate2::Crc::new(), flate2::Crc::new());
    let (mut sum, mut n_valid, mut low, mut high, mut level) = (0.0, 0, f32::INFINITY, 0.0_f32, 0.0);
    let mut classes = vec![0_u64; 256];
    for Loaded { sample, invalid, crop, .. } in &loaded {
        assert_eq!((*invalid, *crop), (Invalid::default(), None));
        assert_eq!(sample.intrinsics.is_some(), source.header().fields.intrinsics);
        for &m in sample.depth.metres() {
            depth_crc.update(&m.to_le_bytes());
            if m > 0.0 {
                (sum, n_valid, low, high) = (sum + f64::from(m), n_valid + 1, low.min(m), high.max(m));
            }
        }
        let pixels = sample.image.to_interleaved();
        image_crc.update(&pixels);
        level += pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64 / n as f64;
        sample.semantics.iter().for_each(|s| s.values().iter().for_each(|&c| classes[usize::from(c)] += 1));
    }
    assert_eq!(Value::from(n_valid), expected["n_valid"], "{name}");
    assert_eq!(
        (Value::from(f64::from(low)), Value::from(f64::from(high))),
        (expected["min_m"].clone(), expected["max_m"].clone()),
        "{name}"
    );
    assert!((sum / expected["sum_m"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{name}: {sum}");
    assert_eq!(Value::from(depth_crc.sum()), expected["depth_crc"], "{name}");
    // JPEG decoders differ in rounding and in how they enlarge the colour planes.
    assert!((level - expected["mean_level"].as_f64().unwrap()).abs() < 0.5, "{name}: {level}");
    if let Some(crc) = expected.get("image_crc") {
        assert_eq!(&Value::from(image_crc.sum()), crc, "{name}");
    }
    if let Some(counts) = expected.get("classes").and_then(Value::as_object) {
        let found = classes.iter().enumerate().filter(|&(_, &n)| n > 0).map(|(c, &n)| (c.to_string(), n.into()));
        assert_eq!(&found.collect::<serde_json::Map<_, _>>(), counts, "{name}");
    }
}

#[test]
fn real_folders_have_the_depth_that_numpy_finds() {
    let Some(real) = common::real_data() else { return };
    let plan = |folder: &str, options: Options| folder::plan(&real.join(folder), options).unwrap();
    check("rgbd_7scenes", &plan("rgbd_7scenes", of_preset(Preset::SevenScenes)));
    check("redwood_rgbd", &plan("redwood_rgbd", of_preset(Preset::Redwood)));
    let sun = of_preset(Preset::SunRgbd);
    check("sunrgbd", &plan("sunrgbd", options("*_color.jpg", "*_depth.png", sun.depth)));
    check("nyuv2_raw", &toolbox::plan_folder(&real.join("nyuv2_raw"), "all", Fit::Reject).unwrap());
    let kitti = DepthCode::u16_steps(256.0);
    check("kitti_depth_gt", &plan("kitti_depth", options("*_rgb.png", "*_gt_depth.png", kitti.clone())));
    check("kitti_depth_sparse", &plan("kitti_depth", options("*_rgb.png", "*_sparse_depth.png", kitti)));
    let encoding = Encoding::Disparity { baseline_focal: 721.5377 * 0.54 };
    let disparity = DepthCode { encoding, ..DepthCode::u16_steps(256.0) };
    check("kitti2015", &plan("kitti2015_devkit", options("image.png", "disp_gt.png", disparity)));
    check("nyuv2_frame0000", &plan("nyuv2_frame0000", options("rgb.jpg", "depth_m_float32.npy", DepthCode::metres())));
}

#[test]
fn the_mirrored_export_is_turned_back_and_its_ambiguous_class_ignored() {
    let Some(real) = common::real_data() else { return };
    let whole = of_preset(Preset::NyuMirrored);
    let part = Options {
        images: "images/10*.jpg".parse().unwrap(),
        depths: Some("depths/10*.png".parse().unwrap()),
        labels: Some("labels40/10*.png".parse().unwrap()),
        ..whole
    };
    let source = folder::plan(&real.join("nyuv2_mirrored"), part).unwrap();
    check("nyuv2_mirrored", &source);
    assert_eq!(source.load(0).unwrap().sample.intrinsics, Some(RGB_CAMERA), "the camera is that of the true frame");
}

#[test]
fn labels_pair_by_number_without_depth() {
    let Some(real) = common::real_data() else { return };
    let options = Options {
        depths: None,
        labels: Some("train_*.png".parse().unwrap()),
        table: Some(LabelTable::SunRgbd37ZeroBased.remap(LabelSpace::Ade20k150).unwrap()),
        pairing: Pairing::Number,
        ..options("*.jpg", "*", DepthCode::metres())
    };
    let source = folder::plan(&real.join("sunrgbd/label37"), options).unwrap();
    assert_eq!((source.entries()[0].key.as_str(), source.header().size), ("1", Size::new(530, 730)));
    let sample = source.load(0).unwrap().sample;
    assert_eq!(sample.depth.n_valid(), 0);
    // python: a = np.asarray(Image.open("train_00000001.png")); (a == 0).sum(), (a == 1).sum(), (a == 255).sum()
    let count = |class: u8| sample.semantics.as_ref().unwrap().values().iter().filter(|&&c| c == class).count();
    assert_eq!((count(0), count(3)), (68214, 146_246));
}

/// Writes an 8-bit RGB PNG of one colour.
fn write_picture(path: &Path, width: u32, height: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(width, height, image::Rgb([10, 20, 30])).save(path).unwrap();
}

/// Writes a 16-bit grey PNG.
fn write_u16(path: &Path, width: u32, height: u32, values: &[u16]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::ImageBuffer::<image::Luma<u16>, _>::from_raw(width, height, values).unwrap().save(path).unwrap();
}

fn write_u8(path: &Path, width: u32, height: u32, values: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::ImageBuffer::<image::Luma<u8>, _>::from_raw(width, height, values).unwrap().save(path).unwrap();
}

#[test]
fn a_tree_of_bts_with_and_without_its_list() {
    let root = tempfile::tempdir().unwrap();
    let at = |file: &str| root.path().join(file);
    for scene in ["kitchen_0028b", "bathroom"] {
        write_picture(&at(&format!("{scene}/rgb_00045.jpg")), 2, 1);
        write_u16(&at(&format!("{scene}/sync_depth_00045.png")), 2, 1, &[0, 1234]);
    }
    write_picture(&at("bathroom/rgb_00046.jpg"), 2, 1);
    let all = bts::plan_folder(root.path(), "all", Fit::Reject).unwrap();
    let keys: Vec<&str> = all.entries().iter().map(|e| e.key.as_str()).collect();
    assert_eq!(keys, ["bathroom/rgb_00045", "kitchen_0028b/rgb_00045"]);
    assert_eq!(all.unmatched()[0].file, "bathroom/rgb_00046.jpg");
    let loaded = all.load(1).unwrap();
    assert_eq!(loaded.sample.depth.metres(), array![[0.0, 1.234]]);
    assert_eq!(loaded.sample.intrinsics, Some(RGB_CAMERA));

    std::fs::write(at("list.txt"), "/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\nbathroom/rgb_00046.jpg bathroom/sync_depth_00046.png 518.8579").unwrap();
    let listed = bts::plan_list(root.path(), &at("list.txt"), "train", Fit::Reject).unwrap();
    assert_eq!(listed.header().split, "train");
    let (kitchen, bathroom) = (&listed.entries()[0], &listed.entries()[1]);
    assert_eq!((kitchen.scene.as_deref(), kitchen.scene_type.as_deref()), (Some("kitchen_0028b"), Some("kitchen")));
    assert_eq!((bathroom.scene.as_deref(), bathroom.scene_type.as_deref()), (None, Some("bathroom")));
    assert_eq!(listed.load(0).unwrap().sample.depth.metres(), array![[0.0, 1.234]]);
    let fault = listed.load(1).unwrap_err();
    assert_eq!((fault.file.as_str(), fault.field.as_str()), ("bathroom/sync_depth_00046.png", "depth"));
}

#[test]
fn the_real_bts_list_is_read_whole() {
    let Some(real) = common::real_data() else { return };
    let list = std::fs::read(real.join("nyuv2_meta/bts_nyudepthv2_test_files_with_gt.txt")).unwrap();
    let lines = bts::parse_list(&list).unwrap();
    assert_eq!(lines.len(), 654);
    assert!(lines.iter().all(|l| l.focal_px == Some(518.8579)));
    assert_eq!(lines[0].image, "bathroom/rgb_00045.jpg");
}

#[test]
fn densedepth_has_two_units() {
    let root = tempfile::tempdir().unwrap();
    let at = |file: &str| root.path().join("data").join(file);
    write_picture(&at("nyu2_train/study_0004_out/1.jpg"), 3, 1);
    write_u8(&at("nyu2_train/study_0004_out/1.png"), 3, 1, &[0, 51, 255]);
    write_picture(&at("nyu2_test/00000_colors.png"), 3, 1);
    write_u16(&at("nyu2_test/00000_depth.png"), 3, 1, &[0, 2500, 10000]);
    let train = densedepth::plan_folder(root.path(), densedepth::Half::Train, Fit::Reject).unwrap();
    assert_eq!(train.load(0).unwrap().sample.depth.metres(), array![[0.0, 2.0, 10.0]]);
    assert_eq!(train.entries()[0].scene_type.as_deref(), Some("study"));
    let test = densedepth::plan_folder(root.path(), densedepth::Half::Test, Fit::Reject).unwrap();
    assert_eq!(test.load(0).unwrap().sample.depth.metres(), array![[0.0, 2.5, 10.0]]);
    assert_eq!(test.entries()[0].scene_type, None);

    let list = root.path().join("nyu2_train.csv");
    std::fs::write(&list, "data/nyu2_train/study_0004_out/1.jpg,data/nyu2_train/study_0004_out/1.png\n").unwrap();
    for base in [root.path().to_path_buf(), root.path().join("data")] {
        let listed = densedepth::plan_list(&base, &list, densedepth::Half::Train, Fit::Reject).unwrap();
        assert_eq!(listed.load(0).unwrap().sample.depth.metres(), array![[0.0, 2.0, 10.0]]);
    }
    // Taken for the other half, the bits do not fit and nothing is guessed.
    let wrong = densedepth::plan_list(root.path(), &list, densedepth::Half::Test, Fit::Reject).unwrap();
    assert_eq!(wrong.load(0).unwrap_err().reason, "expected 16 bits a sample, found 8");
}

#[test]
fn raw_recordings_pair_by_time() {
    let root = tempfile::tempdir().unwrap();
    let scene = root.path().join("cafe_0001a");
    std::fs::create_dir(&scene).unwrap();
    for time in ["1294886360.208451", "1294886360.251"] {
        std::fs::write(scene.join(format!("r-{time}-2996770081.ppm")), b"P6 1 1 255\n\x01\x02\x03").unwrap();
    }
    std::fs::write(scene.join("d-1294886360.199650-2996242701.pgm"), b"P5 1 1 65535\n\x47\x03").unwrap();
    let source = toolbox::plan_folder(root.path(), "all", Fit::Reject).unwrap();
    assert_eq!(source.entries().len(), 1);
    assert_eq!(source.entries()[0].key, "cafe_0001a/r-1294886360.208451-2996770081");
    // 0x0347 = 839: 351.3 / (1092.5 - 839)
    assert_eq!(source.load(0).unwrap().sample.depth.metres(), array![[351.3_f32 / 253.5]]);
    assert_eq!(source.unmatched().len(), 1);
}

#[test]
fn a_tree_of_fast_depth() {
    let root = tempfile::tempdir().unwrap();
    let write = |file: &str, metres: f32| {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let h5 = hdf5::File::create(path).unwrap();
        // Channel, row, column: the value tells all three.
        let rgb = ndarray::Array3::from_shape_fn((3, 2, 4), |(c, y, x)| (100 * c + 10 * y + x) as u8);
        h5.new_dataset_builder().with_data(&rgb).create("rgb").unwrap();
        let depth = ndarray::Array2::from_shape_fn((2, 4), |(y, x)| metres * (y * 4 + x) as f32);
        h5.new_dataset_builder().with_data(&depth).create("depth").unwrap();
    };
    write("train/study_0001/00001.h5", 0.5);
    write("val/official/00001.h5", 1.0);
    write("val/official/00002.h5", -1.0);
    let all = FastDepth::plan(root.path(), None, Fit::Reject).unwrap();
    let keys: Vec<&str> = all.entries().iter().map(|e| e.key.as_str()).collect();
    assert_eq!(keys, ["train/study_0001/00001", "val/official/00001", "val/official/00002"]);
    let train = all.load(0).unwrap().sample;
    assert_eq!(train.image.rgb(1, 2), [12, 112, 212]);
    assert_eq!(train.depth.metres(), array![[0.0, 0.5, 1.0, 1.5], [2.0, 2.5, 3.0, 3.5]]);
    let val = FastDepth::plan(root.path(), Some("val"), Fit::Crop(Size::new(1, 2))).unwrap();
    assert_eq!((val.entries().len(), val.header().split.as_str()), (2, "val"));
    assert_eq!(val.load(0).unwrap().sample.depth.metres(), array![[5.0, 6.0]]);
    assert_eq!(val.load(1).unwrap().invalid.negative, 7);
    std::fs::write(root.path().join("val/official/00002.h5"), "no HDF5").unwrap();
    let damaged = FastDepth::plan(root.path(), Some("val"), Fit::Reject).unwrap();
    assert_eq!(damaged.load(1).unwrap_err().file, "val/official/00002.h5");
}

#[test]
fn mixed_sizes_are_rejected_padded_or_cropped() {
    let root = tempfile::tempdir().unwrap();
    write_picture(&root.path().join("rgb/1.png"), 4, 2);
    write_u16(&root.path().join("d/1.png"), 4, 2, &[1, 2, 3, 4, 5, 6, 7, 8]);
    write_picture(&root.path().join("rgb/2.png"), 2, 3);
    write_u16(&root.path().join("d/2.png"), 2, 3, &[1, 2, 3, 4, 5, 6]);
    let plan = |fit| folder::plan(root.path(), Options { fit, ..options("rgb/*.png", "d/*.png", DepthCode::metres()) });
    let error = plan(Fit::Reject).unwrap_err().to_string();
    assert!(error.contains("2 different sizes") && error.contains("--fit pad"), "{error}");
    let padded = plan(Fit::Pad).unwrap();
    assert_eq!(padded.header().size, Size::new(3, 4));
    let second = padded.load(1).unwrap();
    assert_eq!(second.crop, Some(Window { top: 0, left: -1, height: 3, width: 4 }));
    assert_eq!(second.sample.depth.metres(), array![[0.0, 1.0, 2.0, 0.0], [0.0, 3.0, 4.0, 0.0], [0.0, 5.0, 6.0, 0.0]]);
    let cropped = plan(Fit::Crop(Size::new(2, 2))).unwrap();
    assert_eq!(cropped.load(0).unwrap().sample.depth.metres(), array![[2.0, 3.0], [6.0, 7.0]]);
    assert_eq!(cropped.load(1).unwrap().sample.depth.metres(), array![[3.0, 4.0], [5.0, 6.0]]);
    let large = plan(Fit::Crop(Size::new(3, 2))).unwrap();
    let fault = large.load(0).unwrap_err();
    assert_eq!((fault.file.as_str(), fault.field.as_str()), ("rgb/1.png", "image"));
    assert!(fault.reason.contains("smaller than the crop"), "{fault}");
}

#[test]
fn intrinsics_follow_the_mirror_and_the_crop() {
    let root = tempfile::tempdir().unwrap();
    write_picture(&root.path().join("1.jpg"), 4, 2);
    write_u16(&root.path().join("1.png"), 4, 2, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let camera = semdepth::sample::Intrinsics { fx: 1.0, fy: 1.0, cx: 1.5, cy: 0.5 };
    let options = Options {
        mirror: true,
        intrinsics: Some(camera),
        fit: Fit::Crop(Size::new(1, 2)),
        ..options("*.jpg", "*.png", DepthCode::metres())
    };
    let sample = folder::plan(root.path(), options).unwrap().load(0).unwrap().sample;
    assert_eq!(sample.depth.metres(), array![[7.0, 6.0]]);
    assert_eq!(sample.intrinsics.unwrap().to_array(), [1.0, 1.0, 0.5, -0.5]);
}

/// A folder of one sound sample and one that `spoil` has changed.
fn faults(spoil: impl Fn(&Path)) -> Vec<Fault> {
    let root = tempfile::tempdir().unwrap();
    for i in 1..=2 {
        write_picture(&root.path().join(format!("rgb/{i}.png")), 2, 2);
        write_u16(&root.path().join(format!("d/{i}.png")), 2, 2, &[1000, 2000, 3000, 4000]);
        write_u8(&root.path().join(format!("l/{i}.png")), 2, 2, &[0, 1, 149, 255]);
    }
    spoil(root.path());
    let options = Options {
        labels: Some("l/*.png".parse().unwrap()),
        table: Some(Remap::identity(LabelSpace::Ade20k150)),
        ..options("rgb/*.png", "d/*.png", DepthCode::u16_steps(1000.0))
    };
    let source = folder::plan(root.path(), options).unwrap();
    assert_eq!(source.entries().len(), 2);
    (0..2).filter_map(|i| source.load(i).err()).collect()
}

/// Exactly one fault, in this file and field, whose reason holds `part`.
fn assert_fault(found: &[Fault], file: &str, field: &str, part: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].file.as_str(), found[0].field.as_str()), (file, field));
    assert!(found[0].reason.contains(part), "{}", found[0]);
}

#[test]
fn a_bad_sample_is_a_fault_of_its_own() {
    assert!(faults(|_| ()).is_empty());
    let cut = |file: &'static str| {
        move |root: &Path| {
            let bytes = std::fs::read(root.join(file)).unwrap();
            std::fs::write(root.join(file), &bytes[..bytes.len() / 2]).unwrap();
        }
    };
    assert_fault(&faults(cut("rgb/2.png")), "rgb/2.png", "image", "damaged PNG");
    assert_fault(&faults(cut("d/2.png")), "d/2.png", "depth", "damaged PNG");
    assert_fault(&faults(|r| std::fs::write(r.join("d/2.png"), "").unwrap()), "d/2.png", "depth", "an empty file");
    assert_fault(
        &faults(|r| write_u8(&r.join("d/2.png"), 2, 2, &[1; 4])),
        "d/2.png",
        "depth",
        "expected 16 bits a sample, found 8",
    );
    assert_fault(
        &faults(|r| write_u16(&r.join("d/2.png"), 3, 2, &[1; 6])),
        "d/2.png",
        "depth",
        "expected the size of the image, 2x2",
    );
    assert_fault(&faults(|r| write_picture(&r.join("d/2.png"), 2, 2)), "d/2.png", "depth", "expected 16 bits");
    assert_fault(&faults(|r| write_u8(&r.join("l/2.png"), 2, 2, &[150; 4])), "l/2.png", "semantics", "class id 150");
    assert_fault(
        &faults(|r| write_picture(&r.join("l/2.png"), 2, 2)),
        "l/2.png",
        "semantics",
        "found 10,20,30 in row 0",
    );
    // A header that asks for 60000 x 60000 pixels, its checksum right.
    let huge = |root: &Path| {
        let mut bytes = std::fs::read(root.join("rgb/2.png")).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        std::fs::write(root.join("rgb/2.png"), bytes).unwrap();
    };
    assert_fault(
        &faults(huge),
        "rgb/2.png",
        "image",
        "60000x60000 (height x width) is more than the limit of 64 megapixels",
    );
    let flip = |root: &Path| {
        let mut bytes = std::fs::read(root.join("d/2.png")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(root.join("d/2.png"), bytes).unwrap();
    };
    assert_fault(&faults(flip), "d/2.png", "depth", "damaged PNG");
}

#[test]
fn nan_in_float_depth_is_missing_and_counted() {
    let root = tempfile::tempdir().unwrap();
    write_picture(&root.path().join("1.png"), 3, 1);
    let header = format!("{:<70}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }");
    let values = [1.5_f32, f32::NAN, f32::INFINITY];
    let npy = [
        b"\x93NUMPY\x01\x00\x46\x00".to_vec(),
        header.into_bytes(),
        values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    ];
    std::fs::write(root.path().join("1.npy"), npy.concat()).unwrap();
    let source = folder::plan(root.path(), options("*.png", "*.npy", DepthCode::metres())).unwrap();
    let loaded = source.load(0).unwrap();
    assert_eq!(loaded.sample.depth.metres(), array![[1.5, 0.0, 0.0]]);
    assert_eq!(loaded.invalid, Invalid { nan: 1, negative: 0, infinite: 1 });
}

#[test]
fn plans_that_cannot_be_are_refused_with_advice() {
    let root = tempfile::tempdir().unwrap();
    let message = |o: Options| match folder::plan(root.path(), o).unwrap_err() {
        SourceError::Usage(text) => text,
        other => panic!("{other}"),
    };
    write_picture(&root.path().join("rgb/1.png"), 2, 2);
    write_u16(&root.path().join("d/x1.png"), 2, 2, &[1; 4]);
    let text = message(options("rgb/*.png", "d/*.png", DepthCode::metres()));
    assert!(text.contains("\"rgb/1.png\" has no depth"), "{text}");
    let text = message(options("rgb/*.jpg", "d/*.png", DepthCode::metres()));
    assert!(text.contains("none of the 2 files below the root matches \"rgb/*.jpg\""), "{text}");
    let labels = Some("l/*.png".parse().unwrap());
    let text = message(Options { labels, ..options("rgb/*.png", "d/x*.png", DepthCode::metres()) });
    assert!(text.contains("--labels-table"), "{text}");
    // The only picture is damaged: nothing says how large the set is.
    std::fs::write(root.path().join("rgb/1.png"), "no picture").unwrap();
    let error =
        folder::plan(root.path(), options("rgb/*.png", "d/x*.png", DepthCode::metres())).unwrap_err().to_string();
    assert!(error.contains("rgb/1.png: image: expected PNG"), "{error}");
}
