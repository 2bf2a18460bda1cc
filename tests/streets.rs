//! Labels of streets: Cityscapes and the semantic benchmark of KITTI, on the real files and on made-up ones.
//!
//! The CRCs are those of NumPy and Pillow: `zlib.crc32` of the label map after the table was applied by indexing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageBuffer, Luma, RgbImage};
use semdepth::label::LabelSpace;
use semdepth::sample::{Sample, Semantics};
use semdepth::source::Source;
use semdepth::source::cityscapes::{self, Cityscapes, LabelKind};
use semdepth::source::kitti::{self, Kitti};

fn crc(map: &Semantics) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(map.values().as_slice().unwrap());
    crc.sum()
}

fn load(source: &dyn Source, row: usize) -> Sample {
    source.load(row).unwrap_or_else(|fault| panic!("{fault}")).sample
}

#[test]
fn the_official_tree_of_cityscapes() {
    let Some(real) = common::real_data() else { return };
    for labels in [LabelKind::LabelIds, LabelKind::InstanceIds] {
        let options = cityscapes::Options { labels, ..cityscapes::Options::new(real.join("cityscapes")) };
        let source = Cityscapes::plan(options).unwrap();
        assert_eq!((source.header().split.as_str(), source.entries().len()), ("train", 2));
        let entry = &source.entries()[1];
        assert_eq!((entry.key.as_str(), entry.scene.as_deref()), ("aachen_000001_000019", Some("aachen")));
        let report = source.report().to_string();
        assert!(report.contains("4 left out, no picture: frankfurt_000000_000576 and others"), "{report}");
        assert!(report.contains("no disparity files: all depth will be missing"), "{report}");
        let labels = [0, 1].map(|row| crc(&load(&source, row).semantics.unwrap()));
        assert_eq!(labels, [4_280_942_034, 2_007_229_583]);
    }
}

#[test]
fn a_flat_folder_of_cityscapes() {
    let Some(real) = common::real_data() else { return };
    let plan = |labels, space| {
        let options = cityscapes::Options { labels, space, ..cityscapes::Options::new(real.join("cityscapes_small")) };
        Cityscapes::plan(options).unwrap()
    };
    let ade = LabelSpace::Ade20k150;
    assert_eq!(crc(&load(&plan(LabelKind::LabelIds, ade), 0).semantics.unwrap()), 1_638_805_118);
    assert_eq!(crc(&load(&plan(LabelKind::TrainIds, ade), 0).semantics.unwrap()), 1_241_776_045);
    let scoring = load(&plan(LabelKind::TrainIds, LabelSpace::Cityscapes19), 0).semantics.unwrap();
    let raw = real.join("cityscapes_small/frankfurt_000000_000294_gtFine_labelTrainIds.png");
    assert_eq!(scoring.values().iter().copied().collect::<Vec<_>>(), image::open(raw).unwrap().into_luma8().into_raw());
}

/// A frame of the official size with disparity and camera.
fn frame(root: &Path, id: &str, disparity: u16) {
    let file = |folder: &str, end: &str| {
        let folder = root.join(folder).join("val/ulm");
        fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{id}{end}"))
    };
    RgbImage::new(2048, 1024).save(file("leftImg8bit", "_leftImg8bit.png")).unwrap();
    GrayImage::from_pixel(2048, 1024, Luma([7])).save(file("gtFine", "_gtFine_labelIds.png")).unwrap();
    let mut map = ImageBuffer::<Luma<u16>, _>::from_pixel(2048, 1024, Luma([disparity]));
    map.put_pixel(0, 0, Luma([0]));
    map.put_pixel(1, 0, Luma([1]));
    map.save(file("disparity", "_disparity.png")).unwrap();
    let camera =
        r#"{"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 2000.0, "fy": 2001.0, "u0": 1000.0, "v0": 500.0}}"#;
    fs::write(file("camera", "_camera.json"), camera).unwrap();
}

#[test]
fn disparity_has_its_own_minus_one() {
    let dir = tempfile::tempdir().unwrap();
    frame(dir.path(), "ulm_000000_000019", 2561);
    frame(dir.path(), "ulm_000001_000019", 257);
    fs::remove_file(dir.path().join("camera/val/ulm/ulm_000001_000019_camera.json")).unwrap();
    let source = Cityscapes::plan(cityscapes::Options::new(dir.path())).unwrap();
    assert_eq!(source.report().left_out["camera file"], (1, "ulm_000001_000019".to_owned()));
    let sample = load(&source, 0);
    // (2561 - 1) / 256 = 10 px; 0.2 m * 2000 px / 10 px = 40 m. 0 is invalid, and 1 a disparity of zero.
    let metres = sample.depth.metres();
    assert_eq!([metres[(0, 0)], metres[(0, 1)], metres[(0, 2)]], [0.0, 0.0, 40.0]);
    assert_eq!(sample.intrinsics.unwrap().to_array(), [2000.0, 2001.0, 1000.0, 500.0]);
    assert_eq!(sample.semantics.unwrap().values()[(5, 5)], 6, "road");
    assert_eq!(source.header().split, "val");
}

#[test]
fn what_is_wrong_with_a_tree_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |split: Option<&str>| {
        let options = cityscapes::Options { split: split.map(Into::into), ..cityscapes::Options::new(dir.path()) };
        Cityscapes::plan(options).map(|_| ()).map_err(|e| e.to_string())
    };
    assert!(plan(None).unwrap_err().contains("no frame has all its files (no picture)"));
    frame(dir.path(), "ulm_000000_000019", 300);
    assert!(plan(Some("train")).unwrap_err().contains("no frame has all its files"));
    fs::write(dir.path().join("ulm_000000_000019_camera.json"), "{}").unwrap();
    assert!(plan(None).unwrap_err().contains("are both of the frame \"ulm_000000_000019\""));
    assert!(plan(Some("val")).is_ok());
    fs::remove_file(dir.path().join("ulm_000000_000019_camera.json")).unwrap();
    fs::write(dir.path().join("camera/val/ulm/ulm_000000_000019_camera.json"), "{\"extrinsic\": {}}").unwrap();
    let source = Cityscapes::plan(cityscapes::Options::new(dir.path())).unwrap();
    let fault = source.load(0).unwrap_err();
    assert!(fault.field == "camera" && fault.reason.contains("baseline"), "{fault}");
}

/// The semantic benchmark has the ids of Cityscapes and no depth; put into one folder with the stereo benchmark it has.
#[test]
fn the_semantic_benchmark_of_kitti() {
    let dir = tempfile::tempdir().unwrap();
    let training = dir.path().join("training");
    for folder in ["image_2", "semantic", "instance", "disp_occ_0"] {
        fs::create_dir_all(training.join(folder)).unwrap();
    }
    for (name, id) in [("000000_10.png", 7), ("000001_10.png", 26), ("000002_10.png", 34)] {
        RgbImage::new(1242, 375).save(training.join("image_2").join(name)).unwrap();
        GrayImage::from_pixel(1242, 375, Luma([id])).save(training.join("semantic").join(name)).unwrap();
        let instance = ImageBuffer::<Luma<u16>, _>::from_pixel(1242, 375, Luma([u16::from(id) * 256 + 3]));
        instance.save(training.join("instance").join(name)).unwrap();
    }
    RgbImage::new(1242, 375).save(training.join("image_2/000003_10.png")).unwrap();
    fs::remove_dir(training.join("disp_occ_0")).unwrap();
    let plan = |space| Kitti::plan(kitti::Options { label_space: space, ..kitti::Options::new(dir.path()) }).unwrap();
    for _ in 0..2 {
        let source = plan(LabelSpace::Ade20k150);
        assert_eq!(source.header().label_space, Some(LabelSpace::Ade20k150));
        assert_eq!(source.entries().len(), 3);
        assert_eq!(source.report().without_labels.n, 1);
        let sample = load(&source, 0);
        assert_eq!((sample.semantics.unwrap().values()[(0, 0)], sample.depth.n_valid()), (6, 0));
        assert_eq!(load(&source, 1).semantics.unwrap().values()[(0, 0)], 20);
        let fault = source.load(2).unwrap_err();
        assert!(fault.field == "semantics" && fault.reason.contains("class id"), "{fault}");
        assert_eq!(load(&plan(LabelSpace::Cityscapes19), 0).semantics.unwrap().values()[(0, 0)], 0);
        // Once more from the instance maps, id * 256 + k.
        let _ = fs::remove_dir_all(training.join("semantic"));
    }
    fs::create_dir_all(training.join("disp_occ_0")).unwrap();
    for name in ["000000_10.png", "000001_10.png", "000003_10.png"] {
        let map = ImageBuffer::<Luma<u16>, _>::from_pixel(1242, 375, Luma([2560]));
        map.save(training.join("disp_occ_0").join(name)).unwrap();
    }
    let source = plan(LabelSpace::Ade20k150);
    assert_eq!(source.entries().len(), 2, "those with labels and disparity");
    let sample = load(&source, 1);
    // 721.5377 px * 0.54 m / 10 px
    assert_eq!(sample.depth.metres()[(0, 0)], 38.963_036);
    assert_eq!(sample.semantics.unwrap().values()[(0, 0)], 20);
}
