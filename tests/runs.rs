//! Runs that meet each other, and what an earlier run has left.
#![cfg(feature = "prep")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::{self, File};
use std::path::Path;

use assert_cmd::Command;
use common::tree;

/// Six made-up rooms in three shards.
const ROOMS: &str = "synth indoor -n 6 --height 16 --width 24 --samples-per-shard 2 --quiet --out";

fn sdprep(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let mut command = Command::cargo_bin("sdprep").unwrap();
    let output = command.current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn done(folder: &Path, arguments: &str) {
    let (code, told) = sdprep(folder, arguments);
    assert_eq!(code, Some(0), "{arguments}: {told}");
}

fn ends(folder: &Path, arguments: &str, expected: i32, part: &str) {
    let (code, told) = sdprep(folder, arguments);
    assert!(code == Some(expected) && told.contains(part), "{arguments}: {code:?}, {told}");
}

#[test]
fn what_an_interrupted_deletion_leaves_is_made_whole() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    done(dir.path(), &format!("{ROOMS} whole"));
    let whole = tree(&at("whole"));
    // `--force` says first that the set is not complete, and deletes zarr.json last.
    done(dir.path(), &format!("{ROOMS} left"));
    done(dir.path(), &format!("{ROOMS} begun --part 1/3"));
    fs::copy(at("begun/zarr.json"), at("left/zarr.json")).unwrap();
    fs::remove_file(at("left/samples.jsonl")).unwrap();
    fs::remove_dir_all(at("left/depth")).unwrap();
    done(dir.path(), &format!("{ROOMS} left"));
    assert!(tree(&at("left")) == whole);
    done(dir.path(), &format!("{ROOMS} left --force"));
    assert!(tree(&at("left")) == whole);
}

#[test]
fn a_shard_is_taken_over_only_with_a_sound_index() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    done(dir.path(), &format!("{ROOMS} whole"));
    done(dir.path(), &format!("{ROOMS} parts --part 1/2"));
    let inspect = |set: &str| {
        let mut command = Command::cargo_bin("sdprep").unwrap();
        let output = command.current_dir(dir.path()).args(["inspect", set, "--json"]).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()[0]["quarantined"].clone()
    };
    assert!(inspect("parts").is_null() && inspect("whole") == serde_json::json!([]), "not known before the end");
    fs::write(at("parts/depth/c.0.0.0"), "").unwrap();
    done(dir.path(), &format!("{ROOMS} parts"));
    assert!(tree(&at("parts")) == tree(&at("whole")));
    fs::remove_file(at("parts/depth/c.1.0.0")).unwrap();
    ends(dir.path(), &format!("{ROOMS} parts"), 3, "the shard file of a complete set is lost; --force");
}

#[test]
fn nothing_is_deleted_under_the_hands_of_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    done(dir.path(), &format!("{ROOMS} set"));
    let before = tree(&at("set"));
    let other = File::open(at("set")).unwrap();
    other.lock_shared().unwrap();
    ends(dir.path(), &format!("{ROOMS} set --seed 5 --force"), 2, "another run is at work on this set");
    assert!(tree(&at("set")) == before);
    done(dir.path(), &format!("{ROOMS} set")); // beside it others may work
    other.unlock().unwrap();
    done(dir.path(), &format!("{ROOMS} set --seed 5 --force"));
    assert!(tree(&at("set")) != before);
    ends(dir.path(), &format!("{ROOMS} set --part 1/2 --force"), 2, "delete the set once");
}

#[test]
fn equal_runs_at_the_same_time_all_succeed() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &format!("{ROOMS} whole"));
    for round in 0..3 {
        let out = format!("set-{round}");
        std::thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(|| done(dir.path(), &format!("{ROOMS} {out}")))));
        });
        done(dir.path(), &format!("verify {out}"));
        let ours = tree(&dir.path().join(&out));
        assert!(ours.iter().filter(|(name, _)| !name.starts_with(".run")).eq(tree(&dir.path().join("whole")).iter()));
    }
}

#[test]
fn strict_counts_the_bad_samples_of_finished_shards() {
    let dir = tempfile::tempdir().unwrap();
    let frames = dir.path().join("frames");
    fs::create_dir(&frames).unwrap();
    for i in 0..3 {
        image::RgbImage::new(8, 6).save(frames.join(format!("{i}.rgb.png"))).unwrap();
        image::ImageBuffer::<image::Luma<u16>, _>::new(8, 6).save(frames.join(format!("{i}.d.png"))).unwrap();
    }
    fs::write(frames.join("1.d.png"), "no picture").unwrap();
    let convert = "convert folder frames --images *.rgb.png --depths *.d.png --depth-scale 1/1000 --out set";
    ends(dir.path(), convert, 1, "quarantined");
    ends(dir.path(), convert, 1, "quarantined");
    ends(dir.path(), &format!("{convert} --strict"), 3, "1.d.png");
}

#[test]
fn exports_beside_sets_are_no_sets() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &format!("{ROOMS} shards/rooms"));
    done(dir.path(), "export shards/rooms --to npy --out shards/npy --quiet");
    done(dir.path(), "verify shards --quiet");
    done(dir.path(), "mix shards --method cutmix --quiet --out mixed");
}

#[cfg(unix)]
#[test]
fn sets_may_have_more_files_than_a_process_may_open_as_a_rule() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), "synth indoor -n 40 --height 16 --width 16 --samples-per-shard 1 --quiet --out set");
    let program = Command::cargo_bin("sdprep").unwrap().get_program().to_owned();
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "ulimit -S -n 40; exec \"$0\" verify set"]).arg(program).current_dir(dir.path());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
