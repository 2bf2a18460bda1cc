//! Small folders of every layout against hand arithmetic: how they pair, mirror, crop and pad.

use ndarray::array;
use semdepth::sample::{Crop, Size, Window};
use semdepth::source::Source;
use semdepth::source::depth_code::DepthCode;
use semdepth::source::fit::Fit;
use semdepth::source::folder::{self, Options};
use semdepth::source::nyu::fast_depth::FastDepth;
use semdepth::source::nyu::{RGB_CAMERA, bts, densedepth, toolbox};

use super::{common, options, write_picture, write_u8, write_u16};

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
    let window = Window { top: 0, left: -1, height: 3, width: 4 };
    assert_eq!(second.crop, Crop::new(window, Size::new(3, 2)));
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
