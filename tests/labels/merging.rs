//! Rules, sharing, confidence; what is refused.

use std::fs;
use std::os::unix::fs::MetadataExt;

use semdepth::shard::{Field, Set, verify};
use serde_json::Value;

use super::common::tree;
use super::{TRUTH, done, grey, labels, npy, sdprep, world};

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
    for shard in ["image/c.0.0.0.0", "depth/c.2.0.0"] {
        let [old, new] = ["set", "new"].map(|set| fs::metadata(dir.join(set).join(shard)).unwrap());
        assert!(shared["linked"] == 0 || old.ino() == new.ino(), "{shard} is the same file");
        assert_eq!(old.len(), new.len());
    }
    let semantics = fs::metadata(dir.join("new/semantics/c.0.0.0")).unwrap();
    assert_ne!(semantics.ino(), fs::metadata(dir.join("set/semantics/c.0.0.0")).unwrap().ino());
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
    fs::remove_file(dir.join("parts/image/c.1.0.0.0")).unwrap();
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
    done(dir, "labels remap new --to cityscapes --out city");
    assert_eq!(labels(&dir.join("city"), 0), [3, 3, 255, 255, 255, 255, 255, 255]);
    let sure = Set::open(dir.join("city")).unwrap().sample(0).unwrap().confidence.unwrap();
    let sure = sure.values().iter().copied().collect::<Vec<_>>();
    assert_eq!(sure, [255, 255, 0, 0, 0, 0, 0, 0], "what has no counterpart is no label, and nothing is sure of it");
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
    assert_eq!(tree(&dir.join("new"))["semantics/c.0.0.0"], tree(&dir.join("other"))["semantics/c.0.0.0"]);
}
