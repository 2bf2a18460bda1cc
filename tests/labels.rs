//! `sdprep labels` as a process: merging by every rule, on made-up and on real maps; what is shared, what is refused.
//!
//! The CRCs of real data are those of NumPy and Pillow: tables applied by indexing, mirrored by `[:, ::-1]`, merged by
//! `numpy.where`, then `zlib.crc32` of the u8 map.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use assert_cmd::Command;
use image::{GrayImage, RgbImage};
use semdepth::label::LabelSpace;
use semdepth::shard::{Field, Set, verify};
use serde_json::Value;

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn sdprep(folder: &Path, command: &str) -> Run {
    let mut sdprep = Command::cargo_bin("sdprep").unwrap();
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        sdprep.env_remove(variable);
    }
    let output = sdprep.current_dir(folder).args(command.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn done(folder: &Path, command: &str) -> Run {
    let run = sdprep(folder, command);
    assert_eq!(run.code, 0, "{command}: {}{}", run.stdout, run.stderr);
    run
}

/// Every file below a folder with its bytes.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(root).into_iter().map(|e| e.unwrap()).filter(|e| e.file_type().is_file());
    files.map(|e| (e.path().strip_prefix(root).unwrap().display().to_string(), fs::read(e.path()).unwrap())).collect()
}

fn grey(path: &Path, width: u32, pixels: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_raw(width, pixels.len() as u32 / width, pixels.to_vec()).unwrap().save(path).unwrap();
}

const TRUTH: [u8; 8] = [0, 0, 3, 3, 255, 255, 5, 19];
const PSEUDO: [u8; 8] = [0, 14, 3, 255, 7, 255, 5, 30];

/// A set `set` of five samples of 4x2 pixels with labels, two a shard, and the maps of a teacher below `maps`.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own");
    for i in 0..5_u8 {
        fs::create_dir_all(own.join("rgb")).unwrap();
        RgbImage::from_pixel(4, 2, image::Rgb([i, 20, 30])).save(own.join(format!("rgb/f{i}.png"))).unwrap();
        grey(&own.join(format!("depth/f{i}.png")), 4, &[10 + i; 8]);
        grey(&own.join(format!("label/f{i}.png")), 4, &TRUTH);
        grey(&dir.path().join(format!("maps/f{i}.png")), 4, &PSEUDO);
    }
    done(
        dir.path(),
        "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1/10 --labels label/*.png \
         --labels-table ade20k --samples-per-shard 2 --out set",
    );
    dir
}

fn labels(set: &Path, row: usize) -> Vec<u8> {
    let set = Set::open(set).unwrap();
    let labels = set.reader().unwrap().semantics(row).unwrap().unwrap();
    labels.values().iter().copied().collect()
}

fn crc(set: &Set, row: usize) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(set.reader().unwrap().semantics(row).unwrap().unwrap().values().as_slice().unwrap());
    crc.sum()
}

#[test]
fn every_rule_by_hand() {
    let world = world();
    let dir = world.path();
    fs::write(dir.join("overrides.csv"), "truth,pseudo,rule\nchair,*,pseudo\nwall,door,agree\n").unwrap();
    for (name, options, expected) in [
        ("gt", "--prefer gt", [0, 0, 3, 3, 7, 255, 5, 19]),
        ("pseudo", "--prefer pseudo", [0, 14, 3, 3, 7, 255, 5, 30]),
        ("agree", "--prefer agree", [0, 255, 3, 255, 255, 255, 5, 255]),
        ("exceptions", "--overrides overrides.csv", [0, 255, 3, 3, 7, 255, 5, 30]),
    ] {
        done(dir, &format!("labels merge set --pseudo maps --base 0 --out {name} {options}"));
        let set = Set::open(dir.join(name)).unwrap();
        for row in 0..5 {
            assert_eq!(labels(set.root(), row), expected, "{name}");
            let sample = set.sample(row).unwrap();
            assert_eq!(sample.image.rgb(0, 0), [row as u8, 20, 30], "the other fields are the parent's");
            assert_eq!(sample.depth.metres()[(0, 0)], (10 + row) as f32 / 10.0);
        }
        assert!(verify(&set, || ()).findings.is_empty(), "{name}");
        let parent = Set::open(dir.join("set")).unwrap();
        assert_eq!(set.spec().options["parent"]["fingerprint"], parent.fingerprint());
        assert_eq!(set.spec().options["labels"]["pseudo"]["teacher"], "maps");
        assert_eq!(set.records()[1].entry.source["pseudo"], "f1.png");
        assert_ne!(set.fingerprint(), parent.fingerprint());
    }
    let report = done(dir, "labels report gt --json --heat-map heat.png");
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let report = &report[0]["report"];
    assert_eq!((report["n_samples"].as_u64(), report["n_pixels"].as_u64()), (Some(5), Some(40)));
    assert_eq!(report["coverage"], serde_json::json!({"ground_truth": 0.75, "pseudo": 0.75, "merged": 0.875}));
    assert_eq!((report["changed"].as_f64(), report["agreement"].as_f64()), (Some(0.125), Some(0.6)));
    assert_eq!(report["disagreements"][0]["ground_truth"], "wall");
    assert_eq!(report["disagreements"][0]["pseudo"], "door");
    assert_eq!(report["disagreements"][1]["n_pixels"], 5);
    assert!(image::open(dir.join("heat.png")).unwrap().width() > 300);
    let run = sdprep(dir, "labels report set");
    assert_eq!((run.code, run.stderr.contains("were not merged")), (2, true), "{}", run.stderr);
}

#[test]
fn what_does_not_change_is_shared() {
    let world = world();
    let dir = world.path();
    let run = done(dir, "labels merge set --pseudo maps --base 0 --out new --json");
    let outcome: Value = serde_json::from_str(&run.stdout).unwrap();
    let shared = &outcome["shared_files"];
    assert_eq!(
        (shared["reflinked"].as_u64().unwrap() + shared["linked"].as_u64().unwrap(), &shared["copied"]),
        (6, &0.into())
    );
    for shard in ["image/c/0/0/0/0", "depth/c/2/0/0"] {
        let [old, new] = ["set", "new"].map(|set| fs::metadata(dir.join(set).join(shard)).unwrap());
        assert!(shared["linked"] == 0 || old.ino() == new.ino(), "{shard} is the same file");
        assert_eq!(old.len(), new.len());
    }
    let semantics = fs::metadata(dir.join("new/semantics/c/0/0/0")).unwrap();
    assert_ne!(semantics.ino(), fs::metadata(dir.join("set/semantics/c/0/0/0")).unwrap().ino());
    // The new set outlives the old one.
    let before = tree(&dir.join("new"));
    fs::remove_dir_all(dir.join("set")).unwrap();
    assert!(tree(&dir.join("new")) == before);
    assert!(verify(&Set::open(dir.join("new")).unwrap(), || ()).findings.is_empty());
}

#[test]
fn bytes_do_not_depend_on_threads_parts_or_interruptions() {
    let world = world();
    let dir = world.path();
    done(dir, "labels merge set --pseudo maps --base 0 --out whole --threads 1");
    let whole = tree(&dir.join("whole"));
    done(dir, "labels merge set --pseudo maps --base 0 --out threads --threads 3");
    assert!(tree(&dir.join("threads")) == whole);
    let run = done(dir, "labels merge set --pseudo maps --base 0 --out parts --part 2/2");
    assert!(run.stdout.contains("2 shards are still missing"), "{}", run.stdout);
    // A shard of which a file was lost is made again.
    fs::remove_file(dir.join("parts/image/c/1/0/0/0")).unwrap();
    done(dir, "labels merge set --pseudo maps --base 0 --out parts --part 2/2");
    let run = done(dir, "labels merge set --pseudo maps --base 0 --out parts --part 1/2");
    assert!(run.stdout.contains("agree on 60.00 %"), "{}", run.stdout);
    assert!(tree(&dir.join("parts")) == whole);
    let run = done(dir, "labels merge set --pseudo maps --base 0 --out whole");
    assert!(run.stdout.contains("was complete already"), "{}", run.stdout);
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out whole --prefer pseudo");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("\"prefer\":\"gt\""), "{}", run.stderr);
    let run = done(dir, "labels merge set --pseudo maps --base 0 --out nothing --dry-run");
    assert!(run.stdout.contains("5 samples") && !dir.join("nothing").exists(), "{}", run.stdout);
}

/// The errors of a teacher's output, each with its message; the old set stays as it is.
#[test]
fn mistakes_are_told_and_the_old_set_is_untouched() {
    let world = world();
    let dir = world.path();
    let before = tree(&dir.join("set"));
    fs::write(dir.join("twice.csv"), "wall,*,gt\nwall,*,pseudo\n").unwrap();
    fs::write(dir.join("table.csv"), "0,wall\n0,floor\n").unwrap();
    for (command, part) in [
        ("merge set --pseudo maps", "is the first class of the maps 0 or 1? \"f0.png\" does not tell"),
        ("merge set --pseudo nowhere --base 0", "there is no such folder"),
        ("merge set --pseudo own/rgb --base 0 --pattern *.jpg", "none of the files belongs to a sample"),
        ("merge set --pseudo maps --base 0 --overrides twice.csv", "line 2: wall,* stands here for the second time"),
        ("merge set --pseudo maps --base 0 --min-confidence 0.5", "--confidence FOLDER"),
        ("merge set --pseudo maps --base 2", "expected 0 or 1"),
        ("merge set --pseudo maps --base 0 --prefer best", "expected gt, pseudo or agree"),
        ("merge set --pseudo maps --base 0 --out set --force", "this is the set itself"),
        ("merge set --pseudo maps --base 0 --out own/../set/below", "set/below"),
        ("merge set --pseudo maps --base 0 --heat-map heat.jpg", "ends in .svg or .png"),
        ("remap set --to nyu41", "there is no label space `nyu41`"),
        ("remap set --from table.csv --to ade20k", "line 2: source id 0 stands here for the second time"),
        ("remap maps --to nyu40 --out x", "which classes are the ids?"),
        ("remap maps --from ade20k --to nyu40", "--out FOLDER"),
    ] {
        let run = sdprep(dir, &format!("labels {command}"));
        assert!(matches!(run.code, 2 | 3), "{command}: {} {}", run.code, run.stderr);
        assert!(run.stderr.contains(part), "{command}: {}", run.stderr);
    }
    // Two maps for one sample, and a sample without one.
    let maps = dir.join("maps");
    fs::copy(maps.join("f0.png"), maps.join("f0.npy")).unwrap();
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out new");
    assert!(run.code == 2 && run.stderr.contains("both belong to the sample \"f0\""), "{}", run.stderr);
    fs::remove_file(maps.join("f0.npy")).unwrap();
    fs::remove_file(maps.join("f3.png")).unwrap();
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out new");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("1 of 5 samples have no map, the first is \"f3\""), "{}", run.stderr);
    assert!(!dir.join("new").exists(), "nothing is begun");
    let run = done(dir, "labels merge set --pseudo maps --base 0 --missing keep --out kept");
    assert!(run.stderr.contains("1 samples have no map and keep their labels"), "{}", run.stderr);
    assert_eq!(labels(&dir.join("kept"), 3), TRUTH);
    assert!(tree(&dir.join("set")) == before);
}

/// An npy of one axis order and any descriptor.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn bad_maps_are_quarantined_one_by_one() {
    let world = world();
    let dir = world.path();
    let before = tree(&dir.join("set"));
    let maps = dir.join("maps");
    grey(&maps.join("f0.png"), 2, &[0; 8]);
    grey(&maps.join("f1.png"), 4, &[0, 0, 0, 0, 0, 0, 0, 151]);
    fs::remove_file(maps.join("f3.png")).unwrap();
    fs::write(maps.join("f3.npy"), npy("<f4", "(2, 4)", &[0; 32])).unwrap();
    fs::remove_file(maps.join("f4.png")).unwrap();
    fs::write(maps.join("f4.npz"), b"PK\x03\x04 and no more").unwrap();
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out new");
    assert_eq!(run.code, 1, "{}", run.stderr);
    for part in [
        "quarantined \"f0\" (row 0): f0.png: pseudo: expected a map of the sample, 2x4",
        "quarantined \"f1\" (row 1): f1.png: pseudo: class id 151 is not in the table",
        "quarantined \"f3\" (row 3): f3.npy: pseudo: expected integers (of scores, take the argmax over the classes first)",
        "quarantined \"f4\" (row 4): f4.npz: pseudo: damaged npz: the table of contents is missing",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let set = Set::open(dir.join("new")).unwrap();
    assert_eq!(set.rows().collect::<Vec<_>>(), [2]);
    assert_eq!(labels(set.root(), 2), [0, 0, 3, 3, 7, 255, 5, 19]);
    assert!(verify(&set, || ()).findings.is_empty(), "quarantined rows are empty in the shared arrays too");
    assert_eq!(set.sample(2).unwrap().depth.metres()[(0, 0)], 1.2);
    assert!(tree(&dir.join("set")) == before);
    // What is quarantined stays so in the next set.
    let run = sdprep(dir, "labels remap new --to nyu40 --out next");
    assert_eq!(run.code, 1, "{}", run.stderr);
    let next = Set::open(dir.join("next")).unwrap();
    assert_eq!((next.rows().collect::<Vec<_>>(), next.spec().label_space), (vec![2], Some(LabelSpace::Nyu40)));
    assert!(verify(&next, || ()).findings.is_empty());
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out strict --strict");
    assert!(run.code == 3 && run.stderr.contains("sample \"f0\""), "{}", run.stderr);
}

#[test]
fn a_wrong_base_is_proved_or_suspected() {
    let world = world();
    let dir = world.path();
    for i in 0..5 {
        grey(&dir.join(format!("proof/f{i}.png")), 4, &[1, 1, 4, 4, 150, 1, 6, 20]);
    }
    let run = sdprep(dir, "labels merge set --pseudo proof --base 0 --out new");
    assert!(run.code == 2 && run.stderr.contains("holds the number 150"), "{}", run.stderr);
    done(dir, "labels merge set --pseudo proof --base 1 --prefer pseudo --out new");
    assert_eq!(labels(&dir.join("new"), 0), [0, 0, 3, 3, 149, 0, 5, 19]);
    // A picture large enough to judge by: the maps count from 1, and show their pictures mirrored.
    let wide = dir.path_of("wide");
    RgbImage::new(64, 48).save(wide.join("rgb.png")).unwrap();
    let half = |a: u8, b: u8| (0..64 * 48).map(|i| if i % 64 < 32 { a } else { b }).collect::<Vec<u8>>();
    grey(&wide.join("label.png"), 64, &half(0, 3));
    grey(&wide.join("shifted/rgb.png"), 64, &half(1, 4));
    grey(&wide.join("mirrored/rgb.png"), 64, &half(3, 0));
    done(&wide, "convert folder . --images rgb.png --labels label.png --labels-table ade20k --out set");
    let run = done(&wide, "labels merge set --pseudo shifted --base 0 --out a");
    assert!(run.stderr.contains("with --base 1 on 100 %: is the base wrong?"), "{}", run.stderr);
    let run = done(&wide, "labels merge set --pseudo mirrored --base 0 --out b");
    assert!(run.stderr.contains("without --mirror the maps agree with the ground truth on 0 %"), "{}", run.stderr);
    let run = done(&wide, "labels merge set --pseudo mirrored --base 0 --mirror --out c");
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert!(run.stdout.contains("agree on 100.00 %"), "{}", run.stdout);
}

/// The look at eight maps can miss the one that proves the base wrong. The run then stops: what it has begun is not
/// taken for a set, what it was made from stays as it was, and the message says how to go on.
#[test]
fn a_wrong_base_is_proved_while_merging() {
    let world = tempfile::tempdir().unwrap();
    let dir = world.path();
    for i in 0..16 {
        grey(&dir.join(format!("own/f{i:02}.png")), 4, &[9; 8]);
        grey(&dir.join(format!("maps/f{i:02}.png")), 4, &[1, 1, 4, 4, if i == 13 { 150 } else { 0 }, 1, 6, 20]);
    }
    done(dir, "convert folder own --images *.png --samples-per-shard 2 --out set");
    let before = tree(&dir.join("set"));
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --threads 1 --out new");
    assert_eq!(run.code, 2, "{}", run.stderr);
    let proof =
        "\"f13.png\" holds the number 150, which only maps that count from 1 have; type --base 1; --force starts";
    assert!(run.stderr.contains(proof), "{}", run.stderr);
    assert!(tree(&dir.join("set")) == before);
    let run = sdprep(dir, "stats new");
    assert!(run.code == 3 && run.stderr.contains("the set is not complete"), "{} {}", run.code, run.stderr);
    let run = sdprep(dir, "labels merge set --pseudo maps --base 1 --out new");
    assert!(run.code == 2 && run.stderr.contains("--force to start over"), "{}", run.stderr);
    done(dir, "labels merge set --pseudo maps --base 1 --force --out new");
    done(dir, "labels merge set --pseudo maps --base 1 --out fresh");
    assert!(tree(&dir.join("new")) == tree(&dir.join("fresh")));
    assert_eq!(labels(&dir.join("new"), 13), [0, 0, 3, 3, 149, 0, 5, 19]);
}

/// RGB maps by published colours and by a file of the user's, ids by hand from the tables of the formats.
#[test]
fn colours_are_read_in_every_space() {
    let world = world();
    let dir = world.path();
    let rgb = |name: &str, colors: &[[u8; 3]]| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_raw(colors.len() as u32, 1, colors.concat()).unwrap().save(path).unwrap();
    };
    let remapped = |folder: &str| image::open(dir.join(folder).join("a.png")).unwrap().into_luma8().into_raw();
    // road, sidewalk, pole and polegroup, car and license plate, bridge, unlabeled
    let city = [[128, 64, 128], [244, 35, 232], [153; 3], [0, 0, 142], [150, 100, 100], [0; 3]];
    rgb("city/a.png", &city);
    for (table, expected) in [
        ("cityscapes", [6, 11, 93, 20, 255, 255]),
        ("cityscapes-extended", [6, 11, 93, 20, 61, 255]),
        ("cityscapes-trainids", [6, 11, 93, 20, 255, 255]),
    ] {
        done(dir, &format!("labels remap city --from {table} --to ade20k --out {table}"));
        assert_eq!(remapped(table), expected, "{table}");
    }
    // wall, building and black (other) in the palette of the official annotations
    rgb("official/a.png", &[[120; 3], [180, 120, 120], [0; 3]]);
    done(dir, "labels remap official --from ade20k-official --to ade20k --out official-ade");
    assert_eq!(remapped("official-ade"), [0, 1, 255]);
    // NYU40 has no colours of its own: 1 wall, 5 chair, 0 unlabelled
    rgb("nyu/a.png", &[[128, 0, 0], [0, 128, 0], [0; 3]]);
    let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --out x");
    assert!(
        run.code == 1 && run.stderr.contains("a.png: labels: expected class ids") && run.stderr.contains("--colors"),
        "{}",
        run.stderr
    );
    fs::write(dir.join("colors.csv"), "r,g,b,id\n128,0,0,1\n0,128,0,5\n0,0,0,0\n").unwrap();
    for (table, expected) in [("nyu40", [0, 19, 255]), ("sunrgbd37", [0, 19, 255]), ("nyu13", [7, 3, 255])] {
        done(dir, &format!("labels remap nyu --from {table} --to ade20k --colors colors.csv --out own-{table}"));
        assert_eq!(remapped(&format!("own-{table}")), expected, "{table}");
    }
    // A colour that is not listed names itself, its pixel and its file.
    rgb("nyu/b/c.png", &[[128, 0, 0], [1, 2, 3]]);
    let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --colors colors.csv --out y");
    let found = "left out b/c.png: labels: expected colours of colors.csv";
    assert!(run.code == 1 && run.stderr.contains(found), "{}", run.stderr);
    assert!(run.stderr.contains("found 1,2,3 in row 0, column 1"), "{}", run.stderr);
    for (text, part) in [("1,2,3\n", "four columns"), ("0,0,0,1\n0,0,0,2\n", "line 2: the colour 0,0,0 stands here")] {
        fs::write(dir.join("bad.csv"), text).unwrap();
        let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --colors bad.csv --out z");
        assert!(run.code == 2 && run.stderr.contains(part), "{}", run.stderr);
    }
    // The same file serves converting and merging, and tells its options apart.
    let colors = |pixels: &[[u8; 3]]| {
        for i in 0..5 {
            let path = dir.join(format!("rgbmaps/f{i}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_raw(4, 2, pixels.concat()).unwrap().save(path).unwrap();
        }
    };
    let (wall, chair, none) = ([128, 0, 0], [0, 128, 0], [0; 3]);
    colors(&[wall, wall, chair, chair, none, none, chair, wall]);
    fs::create_dir_all(dir.join("own/rgblabel")).unwrap();
    for i in 0..5 {
        fs::copy(dir.join(format!("rgbmaps/f{i}.png")), dir.join(format!("own/rgblabel/f{i}.png"))).unwrap();
    }
    let convert = "convert folder own --images rgb/*.png --labels rgblabel/*.png --labels-table nyu40";
    done(dir, &format!("{convert} --colors colors.csv --out converted"));
    assert_eq!(labels(&dir.join("converted"), 4), [0, 0, 19, 19, 255, 255, 19, 0]);
    assert_eq!(Set::open(dir.join("converted")).unwrap().spec().options["colors"]["table"], "colors.csv");
    fs::write(dir.join("ade.csv"), "128,0,0,0\n0,128,0,19\n0,0,0,255\n").unwrap();
    let merge = "labels merge set --pseudo rgbmaps --prefer pseudo --colors ade.csv --out merged";
    let run = sdprep(dir, merge);
    assert!(run.code == 2 && run.stderr.contains("is the first class of the maps 0 or 1?"), "{}", run.stderr);
    done(dir, &format!("{merge} --base 0"));
    assert_eq!(labels(&dir.join("merged"), 2), [0, 0, 19, 19, 255, 255, 19, 0]);
    fs::write(dir.join("ade.csv"), "128,0,0,1\n0,128,0,19\n0,0,0,255\n").unwrap();
    let run = sdprep(dir, &format!("{merge} --base 0"));
    assert!(run.code == 2 && run.stderr.contains("made with other options"), "{}", run.stderr);
}

trait PathOf {
    fn path_of(&self, name: &str) -> std::path::PathBuf;
}

impl PathOf for Path {
    /// A new folder below this one.
    fn path_of(&self, name: &str) -> std::path::PathBuf {
        fs::create_dir_all(self.join(name)).unwrap();
        self.join(name)
    }
}

#[test]
fn confidence_is_stored_and_decides() {
    let world = world();
    let dir = world.path();
    let floats: Vec<u8> =
        [0.9_f32, 0.2, 0.9, 0.9, 0.8, 0.9, 0.1, 0.95].into_iter().flat_map(f32::to_le_bytes).collect();
    fs::create_dir_all(dir.join("sure")).unwrap();
    for i in 0..5 {
        fs::write(dir.join(format!("sure/f{i}.npy")), npy("<f4", "(1, 2, 4)", &floats)).unwrap();
    }
    let command = "labels merge set --pseudo maps --base 0 --prefer pseudo --confidence sure --min-confidence 0.5";
    done(dir, &format!("{command} --out new"));
    let set = Set::open(dir.join("new")).unwrap();
    assert_eq!(labels(set.root(), 0), [0, 0, 3, 3, 7, 255, 5, 30], "the doubtful door gives way to the wall");
    let sure = set.sample(0).unwrap().confidence.unwrap();
    // 0.8 * 255 = 204, 0.95 * 255 = 242.25; what the ground truth says is certain.
    assert_eq!(sure.values().iter().copied().collect::<Vec<_>>(), [255, 255, 255, 255, 204, 0, 255, 242]);
    assert_eq!(set.records()[2].entry.source["pseudo_confidence"], "f2.npy");
    let again = done(dir, "labels merge new --pseudo maps --base 0 --prefer gt --out again --json");
    assert!(again.stdout.contains("\"report\""));
    let set = Set::open(dir.join("again")).unwrap();
    assert!(set.arrays().iter().any(|a| a.field == Field::Confidence));
}

#[test]
fn a_set_without_labels_gets_some_and_enlarged_ones() {
    let world = world();
    let dir = world.path();
    done(dir, "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1/10 --out bare");
    for i in 0..5 {
        grey(&dir.join(format!("half/pred_{i}.png")), 2, &[3, 255]);
    }
    done(dir, "labels merge bare --pseudo half --pair number --base 0 --out new");
    assert_eq!(labels(&dir.join("new"), 4), [3, 3, 255, 255, 3, 3, 255, 255]);
    done(dir, "labels merge bare --pseudo half --pattern {pred_}*.png --pair number --base 0 --out other");
    assert_eq!(tree(&dir.join("new"))["semantics/c/0/0/0"], tree(&dir.join("other"))["semantics/c/0/0/0"]);
}

#[test]
fn sets_and_folders_go_to_other_spaces() {
    let world = world();
    let dir = world.path();
    done(dir, "labels remap set --to nyu40 --out nyu40");
    // wall 1, floor 2, ceiling 22, chair 5: the NYU40 ids of the format notes.
    assert_eq!(labels(&dir.join("nyu40"), 0), [1, 1, 2, 2, 255, 255, 22, 5]);
    let run = sdprep(dir, "labels merge nyu40 --pseudo maps --base 0 --out x");
    assert!(run.code == 2 && run.stderr.contains("sdprep labels remap nyu40 --to ade20k"), "{}", run.stderr);
    done(dir, "labels remap nyu40 --to ade20k --out back");
    assert_eq!(labels(&dir.join("back"), 0), TRUTH);
    done(dir, "labels remap set --to cityscapes --out city");
    assert_eq!(labels(&dir.join("city"), 0), [3, 3, 255, 255, 255, 255, 255, 255], "only the wall has a train id");
    fs::write(dir.join("own.csv"), "0,person\n14,255\n3,sky\n255,255\n7,\n5,5\n30,30\n").unwrap();
    fs::write(dir.join("maps/notes.txt"), "no map").unwrap();
    let run = done(dir, "labels remap maps --from own.csv --to ade20k --out files");
    assert!(run.stdout.contains("5 maps of ade20k150, 0 left out as bad, 1 other files"), "{}", run.stdout);
    let map = image::open(dir.join("files/f2.png")).unwrap().into_luma8();
    assert_eq!(map.as_raw(), &[12, 255, 2, 255, 255, 255, 5, 30]);
    let run = sdprep(dir, "labels remap maps --from own.csv --to ade20k --out files");
    assert!(run.code == 2 && run.stderr.contains("is there already"), "{}", run.stderr);
    grey(&dir.join("maps/f9.png"), 4, &[200; 8]);
    let run = sdprep(dir, "labels remap maps --from own.csv --to ade20k --out more");
    assert!(run.code == 1 && run.stderr.contains("left out f9.png: labels: class id 200"), "{}", run.stderr);
}

/// Frames of the mirrored NYU export and their real teacher maps, which are mirrored like the pictures.
#[test]
fn real_teacher_maps_meet_real_labels() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for frame in ["1004", "11", "2", "345"] {
        for (from, to) in [
            (format!("nyuv2_mirrored/images/{frame}.jpg"), format!("nyu/images/{frame}.jpg")),
            (format!("nyuv2_mirrored/depths/{frame}.png"), format!("nyu/depths/{frame}.png")),
            (format!("nyuv2_mirrored/labels40/{frame}.png"), format!("nyu/labels40/{frame}.png")),
            (format!("teacher_deeplab/nyuv2_mirrored/images/{frame}.png"), format!("teacher/images/{frame}.png")),
        ] {
            let to = dir.path().join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(real.join(from), to).unwrap();
        }
    }
    done(dir.path(), "convert folder nyu --preset nyuv2-mirrored --out set");
    for (rule, expected) in [
        ("gt", [1_063_571_550, 3_097_566_185, 1_692_248_657, 815_542_757]),
        ("pseudo", [2_828_979_763, 2_600_723_410, 1_633_028_907, 2_427_474_758]),
        ("agree", [3_829_563_683, 1_547_088_699, 1_253_182_574, 1_341_717_680]),
    ] {
        let command = "labels merge set --pseudo teacher --base 0 --mirror --json";
        let run = done(dir.path(), &format!("{command} --prefer {rule} --out {rule}"));
        let set = Set::open(dir.path().join(rule)).unwrap();
        assert_eq!((0..4).map(|row| crc(&set, row)).collect::<Vec<_>>(), expected, "{rule}");
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["report"]["agreement"], 561_728.0 / 916_569.0);
        assert_eq!(report["report"]["coverage"]["ground_truth"], 1.0 - (1_228_800.0 - 916_569.0) / 1_228_800.0);
    }
    let run = done(dir.path(), "labels merge set --pseudo teacher --base 0 --out wrong");
    assert!(run.stderr.contains("without --mirror the maps agree"), "{}", run.stderr);
}

/// The 894 raw classes of a labelled file, carried into ADE20K while converting.
#[test]
fn raw_nyu_classes_become_ade20k() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mat = real.join("nyuv2_mini_mat/nyu_depth_v2_labeled_mini.mat");
    done(dir.path(), &format!("convert nyu {} --split all --out set", mat.display()));
    let set = Set::open(dir.path().join("set")).unwrap();
    let expected = [2_690_313_726, 2_147_809_922, 1_660_253_662, 897_508_110, 3_791_406_653, 3_894_334_625];
    assert_eq!((0..6).map(|row| crc(&set, row)).collect::<Vec<_>>(), expected);
}

/// Maps of whole KITTI pictures for a set that keeps the crop of the benchmark.
#[test]
fn maps_of_whole_pictures_are_cropped_like_the_set() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &format!("convert kitti {} --depth project --out set", real.join("kitti_raw").display()));
    let teacher = real.join("teacher_deeplab/kitti_raw");
    let run = done(dir.path(), &format!("labels merge set --pseudo {} --base 0 --out new", teacher.display()));
    assert!(run.stderr.contains("2 maps belong to no sample"), "{}", run.stderr);
    let set = Set::open(dir.path().join("new")).unwrap();
    assert_eq!((0..3).map(|row| crc(&set, row)).collect::<Vec<_>>(), [2_019_239_564, 998_076_614, 1_585_397_620]);
}
