//! Real folders against statistics of NumPy and Pillow (`fixtures/folder/make_expected.py`).

use std::path::Path;

use rayon::prelude::*;
use semdepth::label::LabelSpace;
use semdepth::sample::{Invalid, Size};
use semdepth::source::depth_code::{DepthCode, Encoding};
use semdepth::source::fit::Fit;
use semdepth::source::folder::{self, LabelTable, Options, Pairing, Preset};
use semdepth::source::nyu::{RGB_CAMERA, toolbox};
use semdepth::source::pairs::Pairs;
use semdepth::source::{Loaded, Source};
use serde_json::Value;

use super::{common, options};

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
