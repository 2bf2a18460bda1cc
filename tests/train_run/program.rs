//! `sdtrain` as a process.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use assert_cmd::Command;
use dfdx::tensor::Cpu;
use semdepth::train::checkpoint::Checkpoint;
use semdepth::train::data::Data;
use semdepth::train::session::{BEST, LOG, VALIDATION};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::{LAST, Trainer};
use serde_json::Value;

use super::common::tree;
use super::{nano, rooms, text, train};

pub(super) fn sdtrain(arguments: &[&str]) -> Output {
    Command::cargo_bin("sdtrain").unwrap().args(arguments).output().unwrap()
}

#[test]
fn the_program_trains_goes_on_and_evaluates() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 3);
    let run = dir.path().join("run");
    let (set, run) = (set.to_str().unwrap(), run.to_str().unwrap());
    let command = [
        set,
        "--val",
        set,
        "--out",
        run,
        "--size",
        "64x96",
        "--steps",
        "2",
        "--batch",
        "1",
        "--pictures",
        "0",
        "--json",
    ];
    let first = sdtrain(&command);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stderr).contains("dss-nano with"), "{}", text(&first.stderr));
    let result: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(result["last"]["step"], 1);
    assert_eq!(result["evaluation"]["full"]["pictures"], 3);
    let before = tree(Path::new(run));
    for name in [LOG, VALIDATION, LAST, BEST, "eval.json", "curves.png", "train.toml"] {
        assert!(before.contains_key(name), "{name}");
    }
    // One evaluation serves the last line of the validation and the file.
    let evaluation: Value = serde_json::from_slice(&before["eval.json"]).unwrap();
    let last: Value = serde_json::from_str(text(&before[VALIDATION]).lines().last().unwrap()).unwrap();
    assert_eq!(last["step"], 2);
    for metric in ["abs_rel", "rms", "d1"] {
        assert!(last[metric].is_number() && last[metric] == evaluation["full"]["average"][metric], "{metric}: {last}");
    }
    assert!(last["miou"].is_number() && last["miou"] == evaluation["semantics"]["miou"], "{last}");
    assert_eq!(result["evaluation"], evaluation);

    // The same again finds it finished, and evaluates it to the same bytes; other settings are refused.
    let again = sdtrain(&command);
    assert!(again.status.success() && text(&again.stderr).contains("all 2 steps are done"));
    assert!(tree(Path::new(run)) == before);
    let other = sdtrain(&[&command[..], &["--seed", "1"]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("seed is 0, asked for is 1"), "{}", text(&other.stderr));

    // Nor does it take other data for its own.
    let other = rooms(&dir.path().join("other"), 2);
    let other = sdtrain(&[&[other.to_str().unwrap()], &command[1..]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("the run learned from other sets"), "{}", text(&other.stderr));
    assert!(tree(Path::new(run)) == before);

    // The file in the folder makes the same run again; --resume needs nothing but the folder.
    let config = format!("{run}/train.toml");
    let again = sdtrain(&[set, "--val", set, "--out", run, "--config", &config, "--json"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(sdtrain(&[set, "--val", set, "--out", run, "--resume", "--pictures", "0"]).status.success());
    let other = sdtrain(&[set, "--out", run, "--resume", "--steps", "3"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("steps is 2, asked for is 3"), "{}", text(&other.stderr));

    let evaluated = sdtrain(&["eval", run, set, "--protocol", "full", "--flip", "mean", "--json"]);
    assert!(evaluated.status.success(), "{}", text(&evaluated.stderr));
    let result: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    assert!(result["full"]["average"]["abs_rel"].as_f64().unwrap() > 0.0);
    assert!(result["semantics"]["miou"].is_number());

    let chart = dir.path().join("chart.svg");
    assert!(sdtrain(&["curves", run, run, "--out", chart.to_str().unwrap()]).status.success());
    let chart = std::fs::read_to_string(chart).unwrap();
    assert!(
        chart.contains("depth loss") && chart.contains("validation: abs_rel") && chart.contains(">run 0."),
        "{chart}"
    );
    let none = sdtrain(&["curves", set]);
    assert_eq!(none.status.code(), Some(3));
    assert!(text(&none.stderr).contains("log.jsonl"), "{}", text(&none.stderr));

    let summary = sdtrain(&["summary", run]);
    assert!(text(&summary.stdout).contains("encoder"), "{}", text(&summary.stdout));
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let (set, run) = (set.to_str().unwrap(), dir.path().join("run"));
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, "[optimiser]\nlrr = 1\n").unwrap();
    for (arguments, part) in [
        (vec!["--size", "100x96"], "multiples of 32"),
        (vec!["--model", "dss-giant"], "dss-nano"),
        (vec!["--exchange", "magic"], "lg_cat"),
        (vec!["--size", "large"], "HEIGHTxWIDTH"),
        (vec!["--mix", "blur"], "nearfarmix"),
        (vec!["--mix", "nearfarmix=often"], "a share such as 0.5"),
        (vec!["--mix", "cutmix=0.8,classmix=0.3"], "at most 1 together"),
        (vec!["--mix", "nearfarmix"], "the sets hold one"),
        (vec!["--resume"], "there is no run in"),
        (vec!["--crop", "0"], "augmentation.crop"),
        (vec!["--crop", "some"], "a share such as 0.8"),
        (vec!["--crop", "64x800"], "too small for a crop of 64x800"),
        (vec!["--flip", "2"], "flip: expected a number from 0 to 1"),
        (vec!["--best", "beauty"], "abs_rel"),
        (vec!["--config", bad.to_str().unwrap()], "`optimiser.lrr` is unknown"),
    ] {
        let mut all = vec![set, "--out", run.to_str().unwrap()];
        all.extend(arguments);
        let output = sdtrain(&all);
        assert_eq!(output.status.code(), Some(2), "{all:?}");
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
    assert!(!run.exists());
    let output = sdtrain(&[dir.path().join("nothing").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

/// As dss.md 3.1 trains on KITTI: on windows, and evaluated on whole pictures at the same scale.
#[test]
fn windows_are_learned_from_and_whole_pictures_are_evaluated() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 2);
    let run = dir.path().join("run");
    let (set, run) = (set.to_str().unwrap(), run.to_str().unwrap());
    let trained = sdtrain(&[
        set,
        "--val",
        set,
        "--out",
        run,
        "--size",
        "32x64",
        "--crop",
        "32x64",
        "--steps",
        "1",
        "--batch",
        "1",
        "--pictures",
        "1",
    ]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let of_run: Value = serde_json::from_slice(&std::fs::read(format!("{run}/eval.json")).unwrap()).unwrap();
    assert_eq!(of_run["size"], serde_json::json!({ "scale": [1.0, 1.0] }));
    for size in [&[][..], &["--size", "own"]] {
        let evaluated = sdtrain(&[&["eval", run, set, "--json"], size].concat());
        let own: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
        assert_eq!((&own["full"], &own["size"]), (&of_run["full"], &of_run["size"]), "{size:?}");
    }
    let small = sdtrain(&["eval", run, set, "--size", "32x64", "--json"]);
    let small: Value = serde_json::from_slice(&small.stdout).unwrap();
    assert_eq!(small["size"], serde_json::json!([32, 64]));
    assert_ne!(small["full"], of_run["full"], "resized to the window");
}

#[test]
fn settings_come_from_the_file_and_options_win() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let set = set.to_str().unwrap();
    let file = dir.path().join("train.toml");
    std::fs::write(&file, "steps = 7\nbatch = 3\n[mix]\ncutdepth = 0.5\n[network]\ninput.size = [64, 64]\n").unwrap();
    let printed = sdtrain(&[set, "--config", file.to_str().unwrap(), "--batch", "2", "--print-config"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let printed = text(&printed.stdout);
    for line in ["steps = 7", "batch = 2", "cutdepth = 0.5", "size = [64, 64]", "rotation = 2.5", "n_s = 1"] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
    assert!(printed.contains("\n# warmup = 0\n") && printed.contains("\n# n_s = 1\n"), "{printed}");
    // What is printed prints itself.
    std::fs::write(&file, &printed).unwrap();
    assert_eq!(text(&sdtrain(&[set, "--config", file.to_str().unwrap(), "--print-config"]).stdout), printed);
}

#[test]
fn damage_is_left_out_and_told_unless_strict() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 4);
    // One byte in the middle of the compressed image of some sample.
    let mut shards = walkdir::WalkDir::new(set.join("image")).into_iter().map(|e| e.unwrap().into_path());
    let shard = shards.find(|path| path.is_file() && !path.ends_with("zarr.json")).unwrap();
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&shard, bytes).unwrap();
    let (set, run) = (set.to_str().unwrap(), dir.path().join("run"));
    let command = |out: &str| {
        let out = dir.path().join(out).to_str().unwrap().to_owned();
        ["--steps", "2", "--batch", "2", "--size", "64x64", "--pictures", "0", "--out"]
            .map(String::from)
            .into_iter()
            .chain([out])
    };
    let run_with = |out: &str, more: &[&str]| {
        let all: Vec<String> = command(out).chain(more.iter().map(|s| (*s).to_owned())).collect();
        sdtrain(&[&[set], all.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat())
    };
    let lenient = run_with("run", &[]);
    assert_eq!(lenient.status.code(), Some(1), "{}", text(&lenient.stderr));
    assert!(text(&lenient.stderr).contains("left out: "), "{}", text(&lenient.stderr));
    let log = std::fs::read_to_string(run.join(LOG)).unwrap();
    assert_eq!(log.lines().count(), 2);
    assert!(log.contains("skipped") && log.contains("image"), "{log}");
    // Nor does it end an evaluation, whether the run makes it or is asked for it again.
    for _ in 0..2 {
        let validated = run_with("validated", &["--val", set]);
        assert_eq!(validated.status.code(), Some(1), "{}", text(&validated.stderr));
        assert!(text(&validated.stderr).contains("left out of the evaluation: "), "{}", text(&validated.stderr));
        let evaluation: Value =
            serde_json::from_slice(&std::fs::read(dir.path().join("validated/eval.json")).unwrap()).unwrap();
        assert_eq!((&evaluation["full"]["pictures"], evaluation["unread"].as_array().unwrap().len()), (&3.into(), 1));
    }
    let strict = run_with("strict", &["--strict"]);
    assert_eq!(strict.status.code(), Some(3), "{}", text(&strict.stderr));
}

#[cfg(unix)]
#[test]
fn a_save_that_fails_leaves_the_checkpoint_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let run = dir.path().join("run");
    let program = Command::cargo_bin("sdtrain").unwrap().get_program().to_owned();
    let data = Arc::new(Data::open(std::slice::from_ref(&set)).unwrap());
    let settings = Settings { steps: 2, batch: 1, pictures: 0, ..Settings::default() };
    train(&mut Trainer::new(Cpu::default(), nano(), settings).unwrap(), &data, &run, 1).unwrap();
    let before = std::fs::read(run.join(LAST)).unwrap();
    // No file may grow beyond 1 MiB; a checkpoint has 14. The signal is off, so that writing fails as on a full disk.
    let go_on = |limit: &str| {
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", &format!("trap '' XFSZ; {limit} exec \"$@\""), "bash"]).arg(&program);
        shell.arg(&set).args(["--resume", "--out"]).arg(&run).output().unwrap()
    };
    let full = go_on("ulimit -f 1024;");
    assert_eq!(full.status.code(), Some(3), "{}", text(&full.stderr));
    assert!(text(&full.stderr).contains(LAST), "{}", text(&full.stderr));
    assert!(std::fs::read(run.join(LAST)).unwrap() == before, "the checkpoint before it");
    assert!(!tree(&run).keys().any(|name| name.ends_with(".partial")), "half a checkpoint is left");
    let enough = go_on("");
    assert!(enough.status.success(), "{}", text(&enough.stderr));
    assert_eq!(Checkpoint::read(&run.join(LAST)).unwrap().progress().unwrap().step, 2);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 2);
    for signal in ["-INT", "-TERM"] {
        let run = dir.path().join(signal);
        let program = Command::cargo_bin("sdtrain").unwrap().get_program().to_owned();
        let mut command = std::process::Command::new(&program);
        command
            .arg(&set)
            .args(["--steps", "100000", "--batch", "1", "--size", "64x64", "--pictures", "0", "--json", "--out"])
            .arg(&run);
        let piped = std::process::Stdio::piped;
        let child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
        let log = run.join(LOG);
        let began = std::time::Instant::now();
        while !std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 1) {
            assert!(began.elapsed().as_secs() < 600, "no step is done");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
        let result: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let step = Checkpoint::read(&run.join(LAST)).unwrap().progress().unwrap().step;
        assert_eq!(result["stopped_after"], step);
        assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count() as u64, step);
    }
}

#[test]
fn a_run_that_diverges_keeps_a_checkpoint_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 2);
    let run = dir.path().join("run");
    let output = sdtrain(&[
        set.to_str().unwrap(),
        "--steps=6",
        "--batch=1",
        "--size=32x64",
        "--pictures=0",
        "--lr-scale=1e45",
        "--warmup=0",
        "--checkpoint-every=1",
        "--out",
        run.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("not finite"), "{}", text(&output.stderr));
    if run.join(LAST).exists() {
        Trainer::resume(Cpu::default(), &run.join(LAST)).unwrap();
    }
}
