//! What networks say of pictures, and measuring it, through the program.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod metrics;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use dfdx::tensor::Cpu;
use safetensors::SafeTensors;
use semdepth::train::checkpoint::save_weights;
use semdepth::train::model::{Config, Dss};
use serde_json::Value;

fn sdtrain(arguments: &[&str]) -> Output {
    Command::cargo_bin("sdtrain").unwrap().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A set of made-up rooms.
fn rooms(folder: &Path, count: usize) -> PathBuf {
    let out = folder.join("rooms");
    let arguments = ["synth", "indoor", "--height", "64", "--width", "96", "--quiet", "--count", &count.to_string()];
    Command::cargo_bin("sdprep").unwrap().args(arguments).arg("--out").arg(&out).assert().success();
    out
}

/// Weights of an untrained dss-nano for 64 x 96.
fn weights(folder: &Path) -> PathBuf {
    let path = folder.join("nano.safetensors");
    let config = Config::named("dss-nano").unwrap().for_size((64, 96));
    let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 1).unwrap();
    save_weights(&path, &network).unwrap();
    path
}

/// An npy file, version 1.0.
fn npy(path: &Path, descr: &str, shape: &[usize], data: impl IntoIterator<Item = u8>) {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dict.len() as u16 + 1).to_le_bytes());
    bytes.extend(dict.bytes().chain([b'\n']).chain(data));
    std::fs::write(path, bytes).unwrap();
}

fn floats(path: &Path, shape: &[usize], values: impl IntoIterator<Item = f32>) {
    npy(path, "<f4", shape, values.into_iter().flat_map(f32::to_le_bytes));
}

fn picture(path: &Path, width: u32, height: u32) {
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90])).save(path).unwrap();
}

fn near(found: &Value, expected: f64, what: &str) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{what}: {found} is no number"));
    assert!((found - expected).abs() < 1e-6, "{what}: {found}, expected {expected}");
}

/// Every intermediate of the golden batch, through npy file and process.
#[test]
fn features_are_the_golden_ones() {
    let Some(root) = common::golden() else { return };
    let dir = tempfile::tempdir().unwrap();
    let batch = std::fs::read(root.join("nano_input.safetensors")).unwrap();
    let batch = SafeTensors::deserialize(&batch).unwrap();
    let input = batch.tensor("input").unwrap();
    let array = dir.path().join("batch.npy");
    npy(&array, "<f4", input.shape(), input.data().iter().copied());
    let (features, out) = (dir.path().join("features.safetensors"), dir.path().join("out"));
    let weights = root.join("nano_weights.safetensors");
    let paths = [&weights, &array, &features, &out].map(|path| path.to_str().unwrap());
    let [weights, array, file, out] = paths;
    let command = ["predict", "--weights", weights, "--model", "dss-nano", array, "--features", file, "--out", out];
    let result = json(&sdtrain(&[&command[..], &["--to", "npy,classes", "--json"]].concat()));
    assert_eq!(result["pictures"].as_array().unwrap().len(), 2);

    let found = std::fs::read(&features).unwrap();
    let found = SafeTensors::deserialize(&found).unwrap();
    let golden = std::fs::read(root.join("nano_eval.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&golden).unwrap();
    let values = |file: &SafeTensors, name: &str| -> Vec<f32> {
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let close = |what: &str, found: &[f32], expected: &[f32]| {
        assert_eq!(found.len(), expected.len(), "{what}");
        let size = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let error = found.iter().zip(expected).fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / size;
        assert!(error <= 1e-4, "{what}: {error:e}");
    };
    for name in "e1 e2 e3 e4 d4 d3 d2 d1 f_d f_s f_d_out f_s_out depth_quarter logits_quarter depth".split(' ') {
        assert_eq!(found.tensor(name).unwrap().shape(), golden.tensor(name).unwrap().shape(), "{name}");
        close(name, &values(&found, name), &values(&golden, name));
    }
    assert_eq!(found.tensor("e0").unwrap().shape(), [2, 16, 48, 64]);
    assert_eq!(found.tensor("logits").unwrap().shape(), [2, 150, 96, 128]);
    close("input", &values(&found, "input"), &values(&batch, "input"));
    let (all, plane) = (values(&found, "logits"), 96 * 128);
    let first_two = [&all[..2 * plane], &all[150 * plane..152 * plane]].concat();
    close("logits_0_1", &first_two, &values(&golden, "logits_0_1"));

    // The files of each picture: depth as it is, classes but where two logits are all but equal.
    let (classes, margins) = (golden.tensor("classes").unwrap().data().to_vec(), values(&golden, "class_margin"));
    for i in 0..2 {
        let depth = semdepth::source::picture::read_f32(&dir.path().join(format!("out/depth/batch-{i}.npy"))).unwrap();
        close("depth file", depth.as_slice().unwrap(), &values(&golden, "depth")[i * plane..][..plane]);
        let ids = semdepth::source::picture::read_u16(&dir.path().join(format!("out/classes/batch-{i}.png"))).unwrap();
        for (at, id) in ids.iter().enumerate().filter(|(at, _)| margins[i * plane + at] >= 1e-4) {
            assert_eq!(*id, u16::from(classes[i * plane + at]), "picture {i}, pixel {at}");
        }
    }
}

#[test]
fn pictures_of_any_size_become_files_of_their_size() {
    let dir = tempfile::tempdir().unwrap();
    let (weights, out) = (weights(dir.path()), dir.path().join("out"));
    let (small, large) = (dir.path().join("small.png"), dir.path().join("large.jpg"));
    picture(&small, 40, 50);
    picture(&large, 200, 120);
    let paths = [&weights, &small, &large, &out].map(|path| path.to_str().unwrap());
    let [run, small, large, folder] = paths;
    let all = "npy,png,classes,ply,sheet";
    let result = json(&sdtrain(&["predict", run, small, large, "--out", folder, "--to", all, "--fx", "100", "--json"]));
    assert_eq!((&result["pictures"][0]["height"], &result["pictures"][1]["width"]), (&50.into(), &200.into()));
    assert_eq!(result["depth_step_m"], 1e-3);
    for (name, height, width) in [("small", 50, 40), ("large", 120, 200)] {
        let of = |kind: &str, ending: &str| out.join(kind).join(format!("{name}.{ending}"));
        let metres = semdepth::source::picture::read_f32(&of("depth", "npy")).unwrap();
        let steps = semdepth::source::picture::read_u16(&of("depth-png", "png")).unwrap();
        let classes = semdepth::source::picture::read_u16(&of("classes", "png")).unwrap();
        assert_eq!((metres.dim(), steps.dim(), classes.dim()), ((height, width), (height, width), (height, width)));
        assert!(metres.iter().zip(&steps).all(|(m, s)| (m * 1000.0 - f32::from(*s)).abs() < 0.51));
        assert!(metres.iter().all(|m| (0.001..=10.0).contains(m)) && classes.iter().all(|id| *id < 150));
        let cloud = std::fs::read(of("cloud", "ply")).unwrap();
        let header = text(&cloud[..300]);
        assert!(header.contains(&format!("element vertex {}\n", height * width)), "{header}");
        let middle = (width as f64 - 1.0) / 2.0;
        assert!(header.contains(&format!("fx 100 fy 100 cx {middle}")), "{header}");
    }
    let sheet = image::open(out.join("sheet.png")).unwrap().to_rgb8();
    assert!(sheet.width() > 1000 && sheet.pixels().any(|p| p.0 == [32, 34, 38]), "texts and pictures");

    // At another size the window of the attention is another.
    let double =
        json(&sdtrain(&["predict", run, small, "--size", "128x192", "--to", "npy", "--out", folder, "--json"]));
    assert_eq!(double["size"], serde_json::json!([128, 192]));

    // What is no multiple of 32 is padded: every picture at its own size, and all at one.
    for (size, told) in [("own", serde_json::json!({ "scale": [1.0, 1.0] })), ("40x50", serde_json::json!([40, 50]))] {
        let command = ["predict", run, small, large, "--size", size, "--to", "npy", "--out", folder, "--json"];
        assert_eq!(json(&sdtrain(&command))["size"], told);
        for (name, dim) in [("small", (50, 40)), ("large", (120, 200))] {
            let metres = semdepth::source::picture::read_f32(&out.join(format!("depth/{name}.npy"))).unwrap();
            assert_eq!(metres.dim(), dim);
            assert!(metres.iter().all(|m| (0.001..=10.0).contains(m)));
        }
    }

    // No result takes the place of another, or of an input.
    floats(&dir.path().join("z.npy"), &[2, 3, 64, 96], std::iter::repeat_n(0.0, 2 * 3 * 64 * 96));
    picture(&dir.path().join("z-0.png"), 40, 50);
    let [two, same] = ["z.npy", "z-0.png"].map(|name| dir.path().join(name));
    let twice =
        sdtrain(&["predict", run, two.to_str().unwrap(), same.to_str().unwrap(), "--to", "npy", "--out", folder]);
    assert_eq!(twice.status.code(), Some(1), "{}", text(&twice.stderr));
    assert!(text(&twice.stderr).contains("another input has become `z-0`"), "{}", text(&twice.stderr));
    let input = out.join("depth/in.npy");
    std::fs::copy(&two, &input).unwrap();
    let onto = sdtrain(&["predict", run, input.to_str().unwrap(), "--to", "npy", "--out", folder]);
    assert!(onto.status.success(), "in-0.npy and in-1.npy are others: {}", text(&onto.stderr));
    floats(&input, &[1, 3, 64, 96], std::iter::repeat_n(0.0, 3 * 64 * 96));
    let onto = sdtrain(&["predict", run, input.to_str().unwrap(), "--to", "npy", "--out", folder]);
    assert_eq!(onto.status.code(), Some(2), "{}", text(&onto.stderr));
    assert!(text(&onto.stderr).contains("is an input"), "{}", text(&onto.stderr));
}

#[test]
fn inputs_that_cannot_be_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let weights = weights(dir.path());
    let run = weights.to_str().unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("text.png"), "no picture").unwrap();
    picture(Path::new(&path("good.png")), 30, 20);
    floats(Path::new(&path("plane.npy")), &[64, 96], vec![0.0; 64 * 96]);
    floats(Path::new(&path("odd.npy")), &[1, 3, 64, 64], vec![0.0; 3 * 64 * 64]);
    floats(Path::new(&path("nan.npy")), &[1, 3, 64, 96], vec![f32::NAN; 3 * 64 * 96]);
    floats(Path::new(&path("small.npy")), &[1, 3, 64, 96], vec![0.1; 3 * 64 * 96]);
    floats(Path::new(&path("wide.npy")), &[1, 3, 64, 192], vec![0.1; 3 * 64 * 192]);
    let (good, out) = (path("good.png"), path("out"));
    let (features, text_file, far) = (path("f.safetensors"), path("text.png"), path("absent.png"));
    let check = |arguments: &[&str], code: i32, part: &str| {
        let output = sdtrain(&[&["predict"], arguments, &["--out", &out]].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(part), "{arguments:?}: {}", text(&output.stderr));
    };
    check(&[run], 2, "name the pictures after the run");
    check(&[run, &path("folder")], 2, "is a folder");
    check(&[run, &good, &path("good.jpg")], 2, "would both become `good`");
    check(&[run, &good, "--fov", "180"], 2, "between 0.01 and 180");
    check(&[run, &good, "--fx", "0"], 2, "--fx must be from 0.001");
    check(&[run, &good, "--to", "png", "--depth-step", "1/10000"], 2, "0.000153 at least");
    check(&[run, &good, "--depth-step", "1001"], 2, "to 1000 m");
    check(&[run, &good, "--size", "0x100"], 2, "HEIGHTxWIDTH");
    check(&[run, &good, "--size", "whole"], 2, "HEIGHTxWIDTH");
    check(&["--weights", run, "--model", "dss-tiny", &good], 2, "is of dss-nano");
    check(&[&good, &good], 3, "good.png");
    check(&[run, &text_file], 3, "expected PNG, JPEG");
    check(&[run, &far], 3, "absent.png");
    check(&[run, &path("plane.npy")], 3, "[N, C, H, W]");
    check(&[run, &path("odd.npy")], 3, "multiples of 64 and 96");
    check(&[run, &path("nan.npy")], 3, "not finite");
    assert!(!Path::new(&out).exists());
    // One bad file among good ones is a finding.
    check(&[run, &good, &text_file, "--to", "npy"], 1, "text.png: expected PNG");
    assert!(Path::new(&out).join("depth/good.npy").is_file());
    check(
        &[run, &path("small.npy"), &path("wide.npy"), "--to", "npy", "--features", &features],
        1,
        "inputs of one size",
    );
}

/// An evaluation measures what `predict` writes: the same numbers come out of its files.
#[test]
fn an_evaluation_equals_the_metrics_of_the_predicted_files() {
    let dir = tempfile::tempdir().unwrap();
    let (set, weights) = (rooms(dir.path(), 3), weights(dir.path()));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (set, run, page) = (set.to_str().unwrap(), weights.to_str().unwrap(), path("page"));
    let found = json(&sdtrain(&["eval", run, set, "--score", "nyu40", "--report", &page, "-n", "2", "--json"]));
    assert_eq!(
        (&found["score"], &found["full"]["pictures"], &found["sets"][0]["samples"]),
        (&"nyu40".into(), &3.into(), &3.into())
    );
    assert!(found["model_hash"].as_str().unwrap().starts_with("xxh3-128:"));
    let html = std::fs::read_to_string(dir.path().join("page/index.html")).unwrap();
    assert!(html.contains("abs_rel") && html.contains("nyu40") && html.contains("sheet.png"));
    assert!(dir.path().join("page/sheet.png").is_file() && dir.path().join("page/eval.json").is_file());

    let mut sdprep = Command::cargo_bin("sdprep").unwrap();
    sdprep.args(["export", set, "--to", "png", "--quiet", "--out", &path("plain")]).assert().success();
    let mut pictures: Vec<String> = common::tree(&dir.path().join("plain/image")).into_keys().collect();
    pictures.sort();
    let pictures: Vec<String> = pictures.iter().map(|name| path(&format!("plain/image/{name}"))).collect();
    let mut command = vec!["predict", run];
    command.extend(pictures.iter().map(String::as_str));
    let out = path("out");
    command.extend(["--to", "npy", "--out", &out, "--json"]);
    json(&sdtrain(&command));
    let of_files = json(&sdtrain(&["metrics", "--pred", &path("out/depth"), "--gt", set, "--json"]));
    // Files come in the order of their names, samples in that of their rows.
    for key in ["abs_rel", "sq_rel", "rms", "rms_log", "log10", "silog", "d1", "d2", "d3"] {
        near(&of_files["full"]["average"][key], found["full"]["average"][key].as_f64().unwrap(), key);
    }

    // Against which labels: the set's own, and after merging those that another network filled the holes with.
    assert_eq!(found["reference"]["pseudo"], 0);
    let (maps, merged) = (path("maps"), path("merged"));
    common::tree(&dir.path().join("plain/semantics")).into_keys().for_each(|name| {
        let file = dir.path().join("maps").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(96, 64, image::Luma([117])).save(file).unwrap();
    });
    let mut sdprep = Command::cargo_bin("sdprep").unwrap();
    let rule = ["--prefer", "pseudo", "--base", "0", "--quiet", "--out", &merged];
    sdprep.args(["labels", "merge", set, "--pseudo", &maps]).args(rule).assert().success();
    let output = sdtrain(&["eval", run, &merged]);
    assert!(text(&output.stdout).contains("against pseudo labels"), "{}", text(&output.stdout));

    let output = sdtrain(&["eval", run, set, "--score", "coco"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    // The costs of the same network, by name and by file.
    let summary = json(&sdtrain(&["summary", run, "--size", "96x128", "--batch", "4", "--json"]));
    assert_eq!((&summary["parameters"], &summary["multiply_adds"]), (&1_179_061.into(), &231_630_336.into()));
    assert!(summary["training_bytes"].as_u64() > summary["evaluation_bytes"].as_u64());
    // 1 179 061 less LG-CAT's 136 336, and four numbers.
    let lsu = json(&sdtrain(&["summary", "dss-nano", "--exchange", "lsu", "--json"]));
    assert_eq!(lsu["parameters"], 1_179_061 - 136_336 + 4);
    for (arguments, part) in [(["dss-nano", "magic"], "lg_cat"), ([run, "lsu"], "--exchange is for named networks")] {
        let output = sdtrain(&["summary", arguments[0], "--exchange", arguments[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
}
