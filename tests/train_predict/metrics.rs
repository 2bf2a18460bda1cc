//! `sdtrain metrics`: what is measured of files and sets, against formulas in NumPy.

use std::path::Path;

use assert_cmd::Command;

use super::{floats, json, near, picture, sdtrain, text};

/// Two pictures of 6 x 8 by formula: `truth/` and `said/` with 16-bit PNG in millimetres, npy in metres, and labels.
///
/// The expected values of the two tests below were made with NumPy from the same formulas and the metrics of evaluation.md as
/// written there, for example
///
/// ```python
/// y, x = np.mgrid[0:6, 0:8]; i = 0 or 1
/// g = (500 + (37*y + 53*x + 211*i) % 97 * 90) / 1000, 0 where (8*y + x + i) % 9 == 0
/// d = (400 + (37*y + 53*x + 211*i) % 97 * 88 + (5*y + 3*x + i) % 11 * 60) / 1000
/// m = (g > 1e-3) & (g < 10); abs_rel = np.mean(np.abs(d[m] - g[m]) / g[m])        # both as float32; mean over i
/// t = np.full(256, 255); [t.__setitem__(int(r["ade_index"]), int(r["nyu40_id"])) for r in csv.DictReader(open(table))]
/// np.add.at(C, (t[truth][t[truth] != 255], t[said][t[truth] != 255]), 1)          # id 0 of nyu40 is 255
/// ```
fn by_formula(folder: &Path) {
    for part in ["truth/depth", "truth/image", "truth/labels", "said/depth", "said/image", "said/labels", "said-npy"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    for i in 0..2u32 {
        let base = |x: u32, y: u32| (37 * y + 53 * x + 211 * i) % 97;
        let truth = |x: u32, y: u32| if (8 * y + x + i).is_multiple_of(9) { 0 } else { 500 + base(x, y) * 90 };
        let said = |x, y| 400 + base(x, y) * 88 + (5 * y + 3 * x + i) % 11 * 60;
        let kind = |x, y| ((y + 2 * x + i) % 6) as usize;
        let true_class = |x, y| [0, 3, 7, 19, 255, 80][kind(x, y)];
        let said_class = |x: u32, y: u32| {
            if (x * y + i).is_multiple_of(4) {
                [3, 0, 57, 2, 8, 80][kind(x, y)]
            } else {
                [0, 3, 7, 19, 8, 80][kind(x, y)]
            }
        };
        let depth = |f: &dyn Fn(u32, u32) -> u32| {
            image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_fn(8, 6, |x, y| image::Luma([f(x, y) as u16]))
        };
        let labels = |f: &dyn Fn(u32, u32) -> u8| image::GrayImage::from_fn(8, 6, |x, y| image::Luma([f(x, y)]));
        depth(&truth).save(folder.join(format!("truth/depth/{i}.png"))).unwrap();
        depth(&said).save(folder.join(format!("said/depth/{i}.png"))).unwrap();
        labels(&true_class).save(folder.join(format!("truth/labels/{i}.png"))).unwrap();
        labels(&said_class).save(folder.join(format!("said/labels/{i}.png"))).unwrap();
        picture(&folder.join(format!("truth/image/{i}.png")), 8, 6);
        picture(&folder.join(format!("said/image/{i}.png")), 8, 6);
        let metres = (0..48).map(|at| (f64::from(said(at % 8, at / 8)) / 1000.0) as f32);
        floats(&folder.join(format!("said-npy/{i}.npy")), &[6, 8], metres);
    }
}

#[test]
fn metrics_of_folders_are_those_of_numpy() {
    let dir = tempfile::tempdir().unwrap();
    by_formula(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let truth = path("truth/depth");
    for folder in ["said/depth", "said-npy"] {
        let run = |more: &[&str]| {
            json(&sdtrain(&[&["metrics", "--pred", &path(folder), "--gt", &truth, "--json"], more].concat()))
        };
        let found = run(&[]);
        let expected = [
            ("abs_rel", 0.07700154501436005),
            ("sq_rel", 0.02355126149007568),
            ("rms", 0.23077135046168312),
            ("rms_log", 0.11764444654403802),
            ("log10", 0.03034449515326636),
            ("silog", 10.683666843942518),
            ("d1", 0.9294019933554818),
            ("d2", 0.9880952380952381),
            ("d3", 1.0),
        ];
        expected.iter().for_each(|(key, value)| near(&found["full"]["average"][key], *value, key));
        for (limit, abs_rel, rms) in [
            ("4", 0.13907020488013705, 0.25272964015616806),
            ("6", 0.10582857938797603, 0.24223276106357655),
            ("8", 0.08538728630428524, 0.23700005213004804),
        ] {
            near(&found["ranges"][limit]["average"]["abs_rel"], abs_rel, limit);
            near(&found["ranges"][limit]["average"]["rms"], rms, limit);
        }
        near(&run(&["--median-scaling"])["full"]["average"]["rms"], 0.2872927261014698, "scaled");
        near(&run(&["--cap", "5"])["full"]["average"]["silog"], 13.54210660497047, "to a cap of 5 m");
    }
    for (arguments, code, part) in [
        (vec!["--protocol", "garg"], 2, "kb_garg"),
        (vec!["--cap", "0.0001"], 2, "--cap"),
        (vec!["--depth-scale", "0"], 2, "a step above 0"),
        (vec!["--score", "coco"], 2, "ade20k150"),
    ] {
        let output = sdtrain(&[&["metrics", "--pred", &truth, "--gt", &truth], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(part), "{arguments:?}: {}", text(&output.stderr));
    }
    image::GrayImage::from_pixel(8, 6, image::Luma([200])).save(dir.path().join("shallow.png")).unwrap();
    floats(
        &dir.path().join("holes.npy"),
        &[6, 8],
        (0..48).map(|i| [f32::NAN, 0.0, -1.0, f32::INFINITY, 2.0, 2.0][i % 6]),
    );
    for (pred, gt, code, part) in [
        ("nowhere", "truth/depth", 3, "no such file or folder"),
        ("shallow.png", "shallow.png", 2, "expected 16 bits, found 8"),
    ] {
        let output = sdtrain(&["metrics", "--pred", &path(pred), "--gt", &path(gt)]);
        assert_eq!(output.status.code(), Some(code), "{pred}");
        assert!(text(&output.stderr).contains(part), "{pred}: {}", text(&output.stderr));
    }
    let shallow = ["metrics", "--pred", &path("shallow.png"), "--gt", &path("shallow.png"), "--depth-scale", "1/50"];
    let read = sdtrain(&shallow);
    assert!(read.status.success(), "whoever says the unit means it");
    assert!(text(&read.stdout).contains("PNG files: metres = value / 50"), "{}", text(&read.stdout));
    let holes = ["metrics", "--pred", &path("holes.npy"), "--gt", &path("shallow.png"), "--depth-scale", "1/50"];
    assert!(text(&sdtrain(&holes).stdout).contains("32 of 48 predicted pixels are no depth"));
    assert_eq!(json(&sdtrain(&[&holes[..], &["--json"]].concat()))["invalid_predictions"]["pixels"], 32);
    let far = sdtrain(&["metrics", "--pred", &truth, "--gt", &truth, "--min-depth", "9.99", "--cap", "9.995"]);
    assert_eq!(far.status.code(), Some(1), "nothing to evaluate is no success: {}", text(&far.stdout));
    std::fs::remove_file(dir.path().join("said-npy/1.npy")).unwrap();
    let output = sdtrain(&["metrics", "--pred", &path("said-npy"), "--gt", &truth]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no prediction for `1`"), "{}", text(&output.stderr));
}

#[test]
fn metrics_of_sets_score_labels_in_three_class_sets() {
    let dir = tempfile::tempdir().unwrap();
    by_formula(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for part in ["truth", "said"] {
        let arguments = ["--images", "image/*.png", "--depths", "depth/*.png", "--labels", "labels/*.png"];
        let more = ["--depth-scale", "1/1000", "--labels-table", "ade20k", "--quiet", "--out"];
        let mut sdprep = Command::cargo_bin("sdprep").unwrap();
        sdprep.args(["convert", "folder", &path(part)]).args(arguments).args(more).arg(path(&format!("set-{part}")));
        sdprep.assert().success();
    }
    let (said, truth) = (path("set-said"), path("set-truth"));
    for (score, miou, classes, accuracy, weighted) in [
        ("ade20k", 0.6397777777777778, 5, 0.7125, 0.6397777777777778),
        ("nyu40", 0.5497222222222222, 4, 0.640625, 0.5497222222222222),
        ("cityscapes", 0.71875, 2, 0.71875, 0.71875),
    ] {
        let found = json(&sdtrain(&["metrics", "--pred", &said, "--gt", &truth, "--score", score, "--json"]));
        near(&found["full"]["average"]["abs_rel"], 0.07700154501436005, "depth of the sets");
        near(&found["semantics"]["miou"], miou, score);
        assert_eq!(found["semantics"]["classes"], classes, "{score}");
        near(&found["semantics"]["pixel_accuracy"], accuracy, score);
        near(&found["semantics"]["frequency_weighted_iou"], weighted, score);
    }
    // Predictions of another program, named like the samples of a set.
    let found = json(&sdtrain(&["metrics", "--pred", &path("said/depth"), "--gt", &truth, "--json"]));
    near(&found["full"]["average"]["abs_rel"], 0.07700154501436005, "files against a set");
}
