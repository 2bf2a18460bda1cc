//! The sets a run learns from: what a folder stands for, and what a set can teach.

use assert_cmd::Command;
use semdepth::train::session::LOG;
use semdepth::train::trainer::LAST;
use serde_json::Value;

use super::common::tree;
use super::program::sdtrain;
use super::{rooms, text};

#[test]
fn a_set_counts_once_whatever_was_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    rooms(&dir.path().join("sets"), 2);
    let run = |program: &str, command: &str| {
        let mut program = Command::cargo_bin(program).unwrap();
        let output = program.current_dir(dir.path()).args(command.split_whitespace()).output().unwrap();
        let told = text(&output.stderr);
        assert!(output.status.success(), "{command}: {told}");
        (told, output.stdout)
    };
    run("sdprep", "labels remap sets/rooms --to nyu40 --out sets/nyu40");
    run("sdprep", "labels remap sets/rooms --from ade20k --to ade20k --out sets/again");
    run("sdprep", "synth indoor --count 1 --height 64 --width 96 --seed 4 --out held");
    let train = "--steps 1 --batch 1 --size 32x64 --pictures 0 --force --json";
    let (told, _) = run("sdtrain", &format!("sets {train}"));
    for part in [
        "passing over sets/nyu40: its labels are of nyu40",
        "passing over sets/rooms: sets/again holds the same with other labels",
        "on 2 samples",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (told, _) = run("sdtrain", &format!("sets/rooms sets/again {train}"));
    assert!(told.contains("on 4 samples"), "what is named is meant: {told}");
    assert!(told.contains("2 of 4 pictures are learned from more than once"), "{told}");
    let (told, _) = run("sdprep", "mix sets --method cutmix --out mixed --quiet");
    assert_eq!(told, "");
    let (_, inspected) = run("sdprep", "inspect mixed --json");
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected[0]["n_samples"], 2);
    let (told, _) = run("sdtrain", &format!("sets/rooms --val held --val sets/again {train}"));
    for part in ["learning from sets/rooms: 2 samples", "evaluating on held: 1 samples", "2 pictures of the evaluation"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_what_is_unfinished_is_told_of() {
    use std::os::unix::fs::symlink;

    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    rooms(&at("elsewhere"), 2);
    let run = |program: &str, command: &str| {
        let mut program = Command::cargo_bin(program).unwrap();
        program.current_dir(dir.path()).args(command.split_whitespace()).output().unwrap()
    };
    let half =
        "synth indoor --count 4 --height 64 --width 96 --seed 4 --samples-per-shard 2 --part 1/2 --out sets/half";
    assert_eq!(run("sdprep", half).status.code(), Some(0));
    let refused = run("sdtrain", "sets");
    assert!(text(&refused.stderr).contains("sets/half"), "{}", text(&refused.stderr));
    symlink("../elsewhere/rooms", at("sets/link")).unwrap();
    symlink("../elsewhere/rooms", at("sets/link-too")).unwrap();
    symlink(".", at("sets/back")).unwrap();
    symlink("nowhere", at("sets/lost")).unwrap();
    let trained = run("sdtrain", "sets --steps 1 --batch 1 --size 32x64 --pictures 0");
    let told = text(&trained.stderr);
    assert!(trained.status.success(), "{told}");
    for part in ["passing over sets/half: it is not complete", "learning from", "on 2 samples"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let verified = run("sdprep", "verify sets/link");
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    assert!(text(&verified.stdout).contains("sets/link: whole: 2 samples"), "{}", text(&verified.stdout));
}

#[test]
fn sets_that_cannot_teach_are_refused_or_taught_from_as_far_as_they_go() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("frames"), dir.path().join("set"));
    std::fs::create_dir_all(&from).unwrap();
    image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 90])).save(from.join("a.rgb.png")).unwrap();
    let metres = image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(64, 64, image::Luma([2000]));
    metres.save(from.join("a.depth.png")).unwrap();
    let make = |depth: &[&str]| {
        let _ = std::fs::remove_dir_all(&out);
        let mut command = Command::cargo_bin("sdprep").unwrap();
        command.args(["convert", "folder"]).arg(&from).args(["--images", "*.rgb.png", "--out"]).arg(&out).args(depth);
        command.assert().success();
    };
    let run = dir.path().join("run");
    let command = [out.to_str().unwrap(), "--out", run.to_str().unwrap(), "--size", "64x64", "--steps", "1"];
    let command = [&command[..], &["--batch", "1", "--pictures", "0"]].concat();
    make(&[]);
    let refused = sdtrain(&command);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("no depth at all"), "{}", text(&refused.stderr));
    assert!(!run.exists());
    make(&["--depths", "*.depth.png", "--depth-scale", "1/1000"]);
    let trained = sdtrain(&command);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    assert!(text(&trained.stderr).contains("no labels: depth is learned alone"), "{}", text(&trained.stderr));
    let line: Value = serde_json::from_str(&std::fs::read_to_string(run.join(LOG)).unwrap()).unwrap();
    assert!(line["depth"].is_number() && line["semantics"].is_null(), "{line}");
    // It says nothing of classes, though the network has a head for them.
    let (run, labelled) = (run.to_str().unwrap(), rooms(dir.path(), 1));
    let labelled = labelled.to_str().unwrap();
    let evaluated = sdtrain(&["eval", run, labelled, "--json"]);
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    assert!(evaluated["full"]["pictures"] == 1 && evaluated["semantics"].is_null(), "{evaluated}");
    let scored = sdtrain(&["eval", run, labelled, "--score", "nyu40"]);
    assert_eq!(scored.status.code(), Some(2));
    assert!(text(&scored.stderr).contains("depth alone"), "{}", text(&scored.stderr));
    let (picture, out) = (from.join("a.rgb.png"), dir.path().join("out"));
    let predicted = sdtrain(&["predict", run, picture.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(
        predicted.status.success() && text(&predicted.stderr).contains("depth alone"),
        "{}",
        text(&predicted.stderr)
    );
    assert_eq!(tree(&out).into_keys().collect::<Vec<_>>(), ["depth/a.rgb.npy", "sheet.png"]);
}

#[test]
fn the_bare_command_trains_on_the_sets_of_a_folder_and_evaluates_on_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let shards = dir.path().join("shards");
    rooms(&shards, 2);
    let bare = Command::cargo_bin("sdtrain")
        .unwrap()
        .current_dir(dir.path())
        .args(["--steps", "1", "--batch", "1", "--pictures", "0", "--size", "64x64"])
        .output()
        .unwrap();
    assert!(bare.status.success(), "{}", text(&bare.stderr));
    assert!(text(&bare.stderr).contains("model auto: dss-nano"), "{}", text(&bare.stderr));
    assert!(dir.path().join("runs/last").join(LAST).exists());
    let elsewhere = tempfile::tempdir().unwrap();
    let lost = Command::cargo_bin("sdtrain").unwrap().current_dir(elsewhere.path()).output().unwrap();
    assert_eq!(lost.status.code(), Some(3), "{}", text(&lost.stderr));
    assert!(text(&lost.stderr).contains("shards"), "{}", text(&lost.stderr));
}

#[test]
fn of_a_folder_only_training_sets_are_learned_from_and_each_once() {
    let dir = tempfile::tempdir().unwrap();
    rooms(&dir.path().join("sets"), 2);
    let sdprep = |command: &str| {
        let mut sdprep = Command::cargo_bin("sdprep").unwrap();
        sdprep.current_dir(dir.path()).args(command.split_whitespace()).assert().success();
    };
    sdprep("export sets/rooms --to png --out png");
    sdprep(
        "convert folder png --images image/**/*.png --depths depth/**/*.png --depth-scale 1/1000 --split test --out sets/held",
    );
    let on = |sets: &[&str]| {
        let rest =
            ["--val", "sets/held", "--steps", "1", "--batch", "1", "--size", "32x64", "--pictures", "0", "--force"];
        let mut sdtrain = Command::cargo_bin("sdtrain").unwrap();
        let output = sdtrain.current_dir(dir.path()).args(sets).args(rest).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(on(&["sets"]).contains("on 2 samples"));
    assert!(on(&["sets", "sets/rooms"]).contains("on 2 samples"));
    assert!(on(&["sets/rooms", "sets/held"]).contains("on 4 samples"), "a set that is named is meant");
    std::fs::write(dir.path().join("sets/held/zarr.json"), "{").unwrap();
    let refused = Command::cargo_bin("sdtrain").unwrap().current_dir(dir.path()).arg("sets").output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("sets/held/zarr.json"), "{}", text(&refused.stderr));
}
