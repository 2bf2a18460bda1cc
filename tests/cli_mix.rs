//! `sdprep mix`, `explain` and `view --method` as processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;

use common::process::{done, refused, sdprep};
use common::tree;
use semdepth::shard::Set;
use serde_json::Value;

/// Six small rooms as `shards/synth-indoor`.
fn rooms() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), "synth indoor -n 6 --height 48 --width 64 --quiet");
    folder
}

#[test]
fn the_bare_command_mixes_the_training_sets() {
    let folder = rooms();
    let run = done(folder.path(), "mix --method nearfarmix");
    assert!(run.stderr.contains("taking shards/synth-indoor"), "{}", run.stderr);
    assert!(run.stdout.contains("shards/synth-indoor-nearfarmix: 6 samples, 6 made now"), "{}", run.stdout);
    let set = Set::open(folder.path().join("shards/synth-indoor-nearfarmix")).unwrap();
    assert!(run.stdout.contains("; 6 mixed\n"), "{}", run.stdout);
    let cut = done(folder.path(), "mix shards/synth-indoor --method cutmix --p 0 --out cut --json");
    let cut: Value = serde_json::from_str(&cut.stdout).unwrap();
    assert_eq!(cut["mixes"], serde_json::json!({"mixed": 0, "unmixed": {"chance": 6}}));
    for record in set.records() {
        let mix = &record.entry.provenance.as_ref().unwrap()["mix"];
        let key = mix["sample"]["key"].as_str().unwrap();
        assert_eq!(record.entry.key, format!("{key}@nearfarmix.0"));
        assert!(mix["partner"]["key"].as_str().unwrap() != key && mix["drawn"]["threshold"].is_number());
        assert!(record.entry.scene_type.is_some());
    }
    // The mix lies among the sets now, and is not mixed again.
    let again = done(folder.path(), "mix --method nearfarmix");
    assert!(again.stdout.contains("complete already"), "{}", again.stdout);
    assert!(again.stderr.contains("passing over shards/synth-indoor-nearfarmix: a mix itself"), "{}", again.stderr);
    let nothing = tempfile::tempdir().unwrap();
    refused(nothing.path(), "mix --method nearfarmix", "sdprep convert");
    refused(folder.path(), "mix", "--method");
}

#[test]
fn a_replayed_plan_gives_the_same_bytes() {
    let folder = rooms();
    let methods = "nearfarmix=2,cutdepth,vcutdepth,cutmix,classmix,depthmix,affinemix";
    let options = format!("mix shards/synth-indoor --method {methods} --copies 4 --seed 3 --p 0.9 --both-orders");
    done(folder.path(), &format!("{options} --out drawn"));
    let drawn = tree(&folder.path().join("drawn"));
    done(folder.path(), &format!("{options} --plan plan.jsonl --dry-run"));
    assert!(!folder.path().join("shards/synth-indoor-mix").exists());
    done(folder.path(), "mix shards/synth-indoor --plan plan.jsonl --out replayed");
    assert!(tree(&folder.path().join("replayed")) == drawn);
    done(folder.path(), &format!("{options} --plan plan.jsonl --out again"));
    assert!(tree(&folder.path().join("again")) == drawn);

    let plan = fs::read_to_string(folder.path().join("plan.jsonl")).unwrap();
    let lines: Vec<Value> = plan.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let pairs = lines.iter().filter(|l| l.get("partner").is_some() && l.get("swapped").is_none()).count();
    assert_eq!(lines.len(), 24 + pairs, "6 samples, 4 copies; pairs in both orders");
    assert!(lines.iter().any(|l| l["unmixed"] == "chance"));
    // A line taken away makes another set, and is not mistaken for the drawn one.
    let shorter: String = plan.lines().filter(|l| !l.contains("\"copy\":3")).map(|l| format!("{l}\n")).collect();
    fs::write(folder.path().join("plan.jsonl"), shorter).unwrap();
    done(folder.path(), "mix shards/synth-indoor --plan plan.jsonl --out shorter");
    refused(folder.path(), "mix shards/synth-indoor --plan plan.jsonl --out drawn", "edited_plan");
    refused(folder.path(), "mix shards/synth-indoor --method cutmix --plan plan.jsonl", "other options");
    fs::write(folder.path().join("plan.jsonl"), "{}").unwrap();
    refused(folder.path(), "mix shards/synth-indoor --plan plan.jsonl", "no plan");
    refused(folder.path(), "mix shards/synth-indoor --plan nowhere.jsonl", "say --method");
}

#[test]
fn threads_and_parts_do_not_change_a_byte() {
    let folder = rooms();
    let command =
        |out: &str| format!("mix shards/synth-indoor --method affinemix,depthmix --samples-per-shard 2 --out {out}");
    done(folder.path(), &format!("{} --threads 1", command("one")));
    let one = tree(&folder.path().join("one"));
    for threads in ["2", "8"] {
        done(folder.path(), &format!("{} --threads {threads}", command(threads)));
        assert!(tree(&folder.path().join(threads)) == one, "{threads} threads");
    }
    for part in ["3/3", "1/3", "2/3"] {
        done(folder.path(), &format!("{} --part {part}", command("parts")));
    }
    assert!(tree(&folder.path().join("parts")) == one);
}

#[test]
fn a_dry_run_says_what_each_method_would_do() {
    let folder = rooms();
    let run = done(folder.path(), "mix shards/synth-indoor --method cutmix=3,cutdepth --copies 4 --dry-run --json");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["estimate"]["n_samples"], 24);
    let cutmix = &report["methods"]["cutmix"];
    assert!((cutmix["share"].as_f64().unwrap() - 0.5).abs() < 0.02, "{cutmix}");
    assert_eq!(cutmix["valid"][0], 1.0);
    assert!(cutmix["n_classes"][0].as_f64() > Some(5.0));
    assert!(report["methods"]["cutdepth"]["unmixed"]["chance"].is_number(), "one in four is mixed");
    assert!(!folder.path().join("shards/synth-indoor-mix").exists());
}

#[test]
fn explain_tells_and_shows_how_a_sample_was_made() {
    let folder = rooms();
    done(folder.path(), "mix shards/synth-indoor --method nearfarmix --quiet");
    let set = Set::open(folder.path().join("shards/synth-indoor-nearfarmix")).unwrap();
    let key = set.records()[2].entry.key.clone();
    let explain = format!("explain shards/synth-indoor-nearfarmix {key} --out how.png");
    let run = sdprep(folder.path(), &explain);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for words in ["the near part of A over B", "threshold", "row 2 of synth-indoor", "the same as stored", "how.png"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert!(image::open(folder.path().join("how.png")).unwrap().width() > 1000);
    refused(folder.path(), "explain shards/synth-indoor-nearfarmix nothing", "keys look like");
    let plain = Set::open(folder.path().join("shards/synth-indoor")).unwrap().records()[0].entry.key.clone();
    refused(folder.path(), &format!("explain shards/synth-indoor {plain}"), "was not made by");
    fs::rename(folder.path().join("shards/synth-indoor"), folder.path().join("moved")).unwrap();
    let lost = sdprep(folder.path(), &explain);
    assert!(lost.code == 2 && lost.stderr.contains("--parent SET"), "{}", lost.stderr);
    let found = sdprep(folder.path(), &format!("{explain} --parent moved"));
    assert_eq!(found.code, 0, "{}", found.stderr);
}

#[test]
fn mixes_can_be_seen_before_they_are_made() {
    let folder = rooms();
    done(folder.path(), "view shards/synth-indoor --method affinemix,cutmix --count 2 --out preview.png");
    assert!(image::open(folder.path().join("preview.png")).unwrap().height() > 1000);
    assert_eq!(fs::read_dir(folder.path().join("shards")).unwrap().count(), 1);
}

#[test]
fn predicted_depth_makes_the_mask() {
    let folder = rooms();
    let mixed = "mix shards/synth-indoor --method nearfarmix --seed 5";
    done(folder.path(), &format!("{mixed} --out strict"));
    done(folder.path(), &format!("{mixed} --near-mask predicted --predicted shards/synth-indoor --out predicted"));
    let [strict, predicted] = ["strict", "predicted"].map(|name| Set::open(folder.path().join(name)).unwrap());
    assert_eq!(strict.fingerprint(), predicted.fingerprint(), "a perfect prediction");
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let folder = rooms();
    done(folder.path(), "synth indoor -n 1 --height 48 --width 64 --seed 9 --out one --quiet");
    refused(folder.path(), "mix one --method cutmix", "needs two samples, found 1");
    done(folder.path(), "mix one --method affinemix --out single --quiet");
    done(folder.path(), "synth indoor -n 2 --height 50 --width 64 --out taller --quiet");
    refused(folder.path(), "mix shards/synth-indoor taller --method cutmix", "size 48x64");
    done(folder.path(), "synth road -n 2 --height 48 --width 64 --out road --quiet");
    refused(folder.path(), "mix shards/synth-indoor road --method cutmix", "--domain");
    done(folder.path(), "mix shards/synth-indoor road --domain indoor --method cutmix --out both --quiet");
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    for name in ["a.png", "b.png"] {
        image::RgbImage::new(32, 24).save(pictures.join(name)).unwrap();
    }
    done(folder.path(), "convert folder pictures --images *.png --out plain --quiet");
    refused(folder.path(), "mix plain --method classmix", "needs class ids");
    refused(folder.path(), "mix plain --method cutmix --same-scene-type", "scene type");
    for (options, reason) in [
        ("--method nearfarmix --threshold-range 0.5,1.5", "shares from 0 to 1"),
        ("--method nearfarmix --threshold metric --threshold-range 9,3", "the lower first"),
        ("--method nearfarmix --threshold fixed", "--threshold-range METRES"),
        ("--method nearfarmix --p 1.5", "from 0 to 1"),
        ("--method nearfarmix=0", "above 0"),
        ("--method farmix", "there is no method"),
        ("--method affinemix --movable nowhere.csv --label-space nyu40", "say --label-space ade20k150"),
    ] {
        refused(folder.path(), &format!("mix shards/synth-indoor {options}"), reason);
    }
    // Without depth there is nothing near: all are stored as they are.
    done(folder.path(), "mix plain --method nearfarmix --out unmixed --quiet");
    let unmixed = Set::open(folder.path().join("unmixed")).unwrap();
    assert_eq!(unmixed.records()[0].entry.provenance.as_ref().unwrap()["mix"]["unmixed"], "too_few_depths");
    assert_eq!(unmixed.fingerprint(), Set::open(folder.path().join("plain")).unwrap().fingerprint());
}

/// A damaged parent costs the mixes it takes part in, and no other.
#[test]
fn a_damaged_parent_quarantines_its_mixes() {
    let folder = rooms();
    let shard = folder.path().join("shards/synth-indoor/image/c.0.0.0.0");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[50] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let run = sdprep(folder.path(), "mix shards/synth-indoor --method cutmix --out mixed");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("checksum"), "{}", run.stderr);
    let set = Set::open(folder.path().join("mixed")).unwrap();
    let touched = |r: &&semdepth::shard::Record| {
        let mix = &r.entry.provenance.as_ref().unwrap()["mix"];
        mix["sample"]["row"] == 0 || mix["partner"]["row"] == 0
    };
    let expected: Vec<usize> = set.records().iter().filter(touched).map(|r| r.row).collect();
    let found: Vec<usize> = set.records().iter().filter(|r| r.quarantined.is_some()).map(|r| r.row).collect();
    assert_eq!(found, expected);
    // The quarantined rows are not mixed any further.
    done(folder.path(), "mix mixed --method cutmix --out twice --quiet");
    assert_eq!(Set::open(folder.path().join("twice")).unwrap().records().len(), 6 - found.len());
}

#[test]
fn a_mix_never_takes_the_place_of_what_it_is_made_from() {
    let folder = rooms();
    let before = tree(&folder.path().join("shards"));
    for out in ["shards/synth-indoor", "shards", "shards/synth-indoor/mix"] {
        refused(folder.path(), &format!("mix shards/synth-indoor --method cutmix --force --out {out}"), "is read");
    }
    let predicted = "mix shards/synth-indoor --method nearfarmix --predicted";
    done(folder.path(), "synth indoor -n 6 --height 48 --width 64 --quiet --out dense");
    let dense = tree(&folder.path().join("dense"));
    refused(folder.path(), &format!("{predicted} dense --force --out dense"), "is read");
    assert!(tree(&folder.path().join("shards")) == before && tree(&folder.path().join("dense")) == dense);
}

#[test]
fn a_prediction_that_is_given_is_used_and_one_that_is_needed_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let road = "synth road -n 4 --height 64 --width 96 --quiet --out";
    ["road", "dense"].iter().for_each(|out| drop(done(folder.path(), &format!("{road} {out}"))));
    done(folder.path(), "mix road --method nearfarmix --out plain");
    done(folder.path(), "mix road --method nearfarmix --predicted dense --out with");
    let mix = |set: &str| Set::open(folder.path().join(set)).unwrap().records()[0].entry.provenance.clone();
    assert!(mix("plain") != mix("with"), "where a sky has no depth, a filled copy differs from what is given");
    refused(folder.path(), "mix road --method nearfarmix --near-mask predicted --out x", "--predicted SET");
    refused(folder.path(), "mix road --method cutmix --predicted dense --out x", "nearfarmix and depthmix");
    refused(folder.path(), "mix road --method cutdepth --both-orders --out x", "--both-orders is about partners");
    let drawn = "mix road --method nearfarmix --near-mask predicted --predicted dense --plan plan.jsonl";
    done(folder.path(), &format!("{drawn} --out a"));
    refused(folder.path(), "mix road --plan plan.jsonl --out b", "found none; say which set that is: --predicted SET");
    done(folder.path(), "synth road -n 4 --height 64 --width 96 --seed 9 --quiet --out other");
    refused(folder.path(), "mix road --plan plan.jsonl --predicted other --out b", "say which set that is");
    done(folder.path(), "mix road --plan plan.jsonl --predicted dense --out b");
    done(folder.path(), "mix road --method cutmix --plan plain.jsonl --out c");
    refused(folder.path(), "mix road --plan plain.jsonl --predicted dense --out d", "leave --predicted out");
    assert!(tree(&folder.path().join("a")) == tree(&folder.path().join("b")));
}
