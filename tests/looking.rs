//! Sets are looked at: inspect, stats, view, report, export and diff, through the library and through the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::made::Made;
use common::tree;
use ndarray::{Array2, Array3};
use semdepth::label::LabelSpace;
use semdepth::run::{RunOptions, Silent, convert};
use semdepth::sample::{Depth, Fields, Image, Intrinsics, Sample, Semantics, Size};
use semdepth::shard::export::{ExportError, ExportOptions, Format, export};
use semdepth::shard::{DepthEncoding, Set, compare};
use semdepth::view::{Stats, Summary, of_set};
use serde_json::Value;

const SIZE: Size = Size::new(30, 40);
const N: usize = 7;
/// This row cannot be decoded.
const BAD: usize = 2;

/// `shift_m` moves every depth of row 4.
fn made(shift_m: f32) -> Made {
    let fields = Fields { raw_depth: true, intrinsics: true, ..Fields::default() };
    Made::new(N, SIZE, fields, |i| format!("drive.{i}/frame_{i:03}"), move |i| frame(i, shift_m), BAD)
}

fn frame(i: usize, shift_m: f32) -> Sample {
    let plane = (SIZE.height, SIZE.width);
    let image = Array3::from_shape_fn((3, plane.0, plane.1), |(c, y, x)| (i * 31 + c * 70 + y * 3 + x) as u8);
    let shift_m = if i == 4 { shift_m } else { 0.0 };
    let metres =
        Array2::from_shape_fn(plane, |(y, x)| if x == 0 { 0.0 } else { 1.0 + (i + y) as f32 * 0.25 + shift_m });
    let raw = Array2::from_shape_fn(plane, |(y, x)| if (x + y) % 3 == 0 { 0.0 } else { metres[(y, x)] });
    let mut sample = Sample::new(Image::from_planes(image).unwrap(), Depth::from_metres(metres).0);
    sample.raw_depth = Some(Depth::from_metres(raw).0);
    let class = |(y, x)| {
        if y < 3 {
            255
        } else if x < 10 {
            19
        } else {
            0
        }
    };
    sample.semantics = Some(Semantics::new(Array2::from_shape_fn(plane, class)));
    sample.intrinsics = Some(Intrinsics { fx: 500.0 + i as f64, fy: 501.0, cx: 19.5, cy: 14.5 });
    sample
}

fn make(out: &Path, shift_m: f32, samples_per_shard: usize, depth: DepthEncoding) -> Set {
    let options = RunOptions { samples_per_shard, depth, ..RunOptions::default() };
    convert(&made(shift_m), out, &options, &Silent).unwrap();
    Set::open(out).unwrap()
}

fn sdprep() -> Command {
    Command::cargo_bin("sdprep").unwrap()
}

fn json(arguments: &[&str], code: i32) -> Value {
    let output = sdprep().args(arguments).arg("--json").assert().code(code).get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn statistics_leave_quarantined_rows_out_and_do_not_depend_on_threads() {
    let dir = tempfile::tempdir().unwrap();
    let set = make(&dir.path().join("a"), 0.0, 4, DepthEncoding::F32);
    let expected = (0..N).filter(|&i| i != BAD).map(|i| Stats::of(&frame(i, 0.0))).fold(Stats::default(), Stats::merge);
    assert_eq!(of_set::stats(&set, || ()).unwrap(), expected);
    let summary = Summary::new(&expected, LabelSpace::Ade20k150);
    // By hand: the first of 40 columns is missing; 10 of 40 columns are chairs; 3 of 30 rows are ignored.
    assert_eq!(summary.depth.valid_share, Some(39.0 / 40.0));
    let classes = summary.semantics.as_ref().unwrap();
    assert_eq!(
        (classes.coverage, classes.classes[1].name.as_str(), classes.classes[1].share),
        (Some(0.9), "chair", 0.25)
    );
    assert_eq!((summary.depth.min_m, summary.depth.max_m), (Some(1.0), Some(1.0 + 35.0 * 0.25)));
    let path = dir.path().join("a");
    let told = |threads| json(&["stats", path.to_str().unwrap(), "--threads", threads], 0);
    assert_eq!(told("1"), told("3"));
    assert_eq!(told("2")[0]["stats"], serde_json::to_value(&summary).unwrap());
}

#[test]
fn charts_and_sheets_and_pages_are_files() {
    let dir = tempfile::tempdir().unwrap();
    make(&dir.path().join("sets/a"), 0.0, 4, DepthEncoding::F32);
    make(&dir.path().join("sets/b"), 0.5, 4, DepthEncoding::F32);
    let at = |name: &str| dir.path().join(name).display().to_string();
    for chart in ["chart.svg", "chart.png"] {
        json(&["stats", &at("sets"), "--chart", &at(chart)], 0);
    }
    let svg = fs::read_to_string(dir.path().join("chart-a.svg")).unwrap();
    assert!(svg.contains("97.5 % of the pixels measured") && svg.contains("chair: "), "{svg}");
    assert!(image::open(dir.path().join("chart-b.png")).unwrap().width() > 600);
    let told = json(&["view", &at("sets/a"), "--out", &at("sheet.png"), "--count", "3"], 0);
    assert_eq!(told[0]["rows"], serde_json::json!([0, 3, 6]));
    let sheet = image::open(dir.path().join("sheet.png")).unwrap().to_rgb8();
    assert!(sheet.pixels().any(|p| p.0 == [204, 70, 3]), "a chair has the colour of the palette");
    let told =
        json(&["view", &at("sets/a"), "--out", &at("k.png"), "--keys", "drive.2/frame_002,drive.0/frame_000"], 0);
    assert_eq!(told[0]["rows"], serde_json::json!([2, 0]));
    json(&["report", &at("sets"), "--out", &at("page"), "--title", "Two <sets>"], 0);
    let page = fs::read_to_string(dir.path().join("page/index.html")).unwrap();
    for part in
        ["Two &lt;sets&gt;", "src=\"01-a-sheet.png\"", "src=\"02-b-sheet.png\"", "<svg", "expected 12 rows, found 7"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(dir.path().join("page/02-b-sheet.png").is_file());
    json(&["report", &at("sets"), "--out", &at("page")], 0);
    assert!(
        !fs::read_to_string(dir.path().join("page/index.html")).unwrap().contains("Two"),
        "its own page it writes anew"
    );
}

#[test]
fn inspect_says_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let set = make(&dir.path().join("a"), 0.0, 4, DepthEncoding::U16 { scale_factor: 0.001 });
    let path = dir.path().join("a").display().to_string();
    let told = &json(&["inspect", &path], 0)[0];
    assert_eq!(told["complete"], true);
    assert_eq!(told["fingerprint"], set.fingerprint());
    assert_eq!(told["quarantined"][0]["key"], "drive.2/frame_002");
    assert_eq!(told["arrays"][1]["dtype"], "uint16");
    assert_eq!(told["arrays"][1]["raw_bytes"], N * 30 * 40 * 2);
    let text = sdprep().args(["inspect", &path]).assert().code(0).get_output().stdout.clone();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("1 quarantined") && text.contains("ade20k150, 150 classes"), "{text}");
}

#[test]
fn mistyped_arguments_are_told() {
    let dir = tempfile::tempdir().unwrap();
    make(&dir.path().join("a"), 0.0, 4, DepthEncoding::F32);
    let path = dir.path().join("a").display().to_string();
    let nothing = dir.path().join("nothing").display().to_string();
    fs::write(dir.path().join("index.html"), "<h1>My pages</h1>").unwrap();
    let home = dir.path().display().to_string();
    for (arguments, code, says) in [
        (vec!["view", &path, "--keys", "nope"], 2, "keys look like \"drive.0/frame_000\""),
        (vec!["view", &path, "--range", "5,1"], 2, "the nearer first"),
        (vec!["stats", &path, "--chart", "chart.gif"], 2, ".svg or .png"),
        (vec!["view", &path, "--out", "sheet.jpg"], 2, "a name that ends in .png"),
        (vec!["report", &path, "--out", &home], 2, "this page is of another program"),
        (vec!["export", &path, "--to", "npy", "--out", &path], 2, "is there already"),
        (vec!["inspect", &nothing], 3, "nothing"),
    ] {
        let error = sdprep().args(&arguments).assert().code(code).get_output().stderr.clone();
        let error = String::from_utf8(error).unwrap();
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[test]
fn equal_sets_do_not_differ_and_others_do() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let a = make(&at("a"), 0.0, 4, DepthEncoding::F32);
    let b = make(&at("b"), 0.0, 3, DepthEncoding::F32);
    let c = make(&at("c"), 0.5, 4, DepthEncoding::F32);
    let d = make(&at("d"), 0.0, 4, DepthEncoding::U16 { scale_factor: 0.25 });
    let same = compare(&a, &b, || ()).unwrap();
    assert!(same.is_same() && same.n_compared == N - 1, "{same:?}");
    assert!(same.settings.iter().any(|s| s.starts_with("samples_per_shard")), "{same:?}");
    assert!(compare(&a, &d, || ()).unwrap().is_same(), "quarter metres are whole steps");
    let other = compare(&a, &c, || ()).unwrap();
    let depth = other.fields.iter().find(|f| f.field == "depth").unwrap();
    assert_eq!((depth.n_samples, depth.n_values, depth.max_abs), (1, 30 * 39, 0.5));
    assert_eq!(depth.first_key.as_deref(), Some("drive.4/frame_004"));
    assert_eq!(other.fields.iter().filter(|f| f.n_samples > 0).count(), 2, "depth and raw depth");
    let path = |name: &str| at(name).display().to_string();
    assert_eq!(json(&["diff", &path("a"), &path("b")], 0)["same"], true);
    assert_eq!(json(&["diff", &path("a"), &path("c")], 1)["same"], false);
}

#[test]
fn exports_hold_the_samples_and_are_repeatable() {
    let dir = tempfile::tempdir().unwrap();
    let set = make(&dir.path().join("a"), 0.0, 4, DepthEncoding::F32);
    let options = |format| ExportOptions { format, depth_step_m: None, samples_per_tar: 4 };
    for format in [Format::Npy, Format::Png, Format::Webdataset] {
        let (first, second) = (dir.path().join(format!("{format:?}1")), dir.path().join(format!("{format:?}2")));
        let exported = export(&set, &first, &options(format), || ()).unwrap();
        export(&set, &second, &options(format), || ()).unwrap();
        let files = tree(&first);
        assert!(files == tree(&second), "{format:?}");
        assert_eq!((exported.n_samples, exported.n_files), (N - 1, files.len()));
        assert_eq!(exported.n_bytes, files.values().map(|b| b.len() as u64).sum::<u64>());
        assert!(!files.keys().any(|name| name.contains("frame_002")), "quarantined");
        assert!(matches!(export(&set, &first, &options(format), || ()), Err(ExportError::Occupied(_))));
    }
    let npy = fs::read(dir.path().join("Npy1/depth/drive.1/frame_001.npy")).unwrap();
    let metres: Vec<f32> = npy[128..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert_eq!(metres, frame(1, 0.0).depth.metres().iter().copied().collect::<Vec<_>>());
    let png = image::open(dir.path().join("Png1/depth/drive.1/frame_001.png")).unwrap().into_luma16();
    assert_eq!((png.get_pixel(0, 0).0, png.get_pixel(5, 2).0), ([0], [1750]), "millimetres");
    let labels = image::open(dir.path().join("Png1/semantics/drive.1/frame_001.png")).unwrap().into_luma8();
    assert_eq!((labels.get_pixel(0, 0).0, labels.get_pixel(0, 5).0), ([255], [19]));
    let tars: Vec<String> = tree(&dir.path().join("Webdataset1")).into_keys().filter(|n| n.ends_with("tar")).collect();
    assert_eq!(tars, ["made-train-000000.tar", "made-train-000001.tar"]);
    // As the README types it.
    assert!(export(&set, &dir.path().join("slash/"), &options(Format::Webdataset), || ()).is_ok());
    assert!(tree(&dir.path().join("slash")) == tree(&dir.path().join("Webdataset1")));
    let too_far = ExportOptions { depth_step_m: Some(1e-5), ..options(Format::Png) };
    let error = export(&set, &dir.path().join("far"), &too_far, || ()).unwrap_err();
    assert!(matches!(error, ExportError::Depth { .. }) && error.to_string().contains("--depth-step"), "{error}");
    assert!(fs::read_dir(dir.path()).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().contains("partial")));
}
