//! Training runs: from sets to a network, stopped and continued, evaluated; and files that do not fit.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assert_cmd::Command;
use common::tree;
use dfdx::tensor::Cpu;
use semdepth::mix::{Domain, Method};
use semdepth::sample::Sample;
use semdepth::train::augment::Augmentation;
use semdepth::train::checkpoint::{Checkpoint, save_weights};
use semdepth::train::data::Data;
use semdepth::train::fault::TrainError;
use semdepth::train::loader::Feed;
use semdepth::train::mixing::{MixShares, Mixing, Planned};
use semdepth::train::model::{Config, Dss, ExchangeKind};
use semdepth::train::optim::AdamWConfig;
use semdepth::train::session::{BEST, LOG, Session, Told, VALIDATION};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::{LAST, Trainer};
use serde_json::Value;

/// A set of made-up rooms.
fn rooms(folder: &Path, count: usize) -> PathBuf {
    let out = folder.join("rooms");
    let mut command = Command::cargo_bin("sdprep").unwrap();
    command
        .args(["synth", "indoor", "--height", "64", "--width", "96", "--quiet", "--count", &count.to_string(), "--out"])
        .arg(&out);
    command.assert().success();
    out
}

fn nano() -> Config {
    Config::named("dss-nano").unwrap().for_size((64, 96))
}

fn sdtrain(arguments: &[&str]) -> Output {
    Command::cargo_bin("sdtrain").unwrap().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Everything a run leaves, but for the event files, which tell the time.
fn result(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    tree(folder).into_iter().filter(|(name, _)| !name.starts_with("events.")).collect()
}

/// Runs until `stop_after` steps are done; 0 runs to the end.
fn train(trainer: &mut Trainer<Cpu>, data: &Arc<Data>, folder: &Path, stop_after: u64) -> Result<(), TrainError> {
    let stop = AtomicBool::new(false);
    let session = Session { folder, data: Arc::clone(data), validation: Some(data), stop: &stop };
    session.run(trainer, |told| {
        if let Told::Step(report, _) = told {
            stop.store(report.step + 1 == stop_after, Ordering::Relaxed);
        }
    })
}

#[test]
fn a_stopped_and_continued_run_equals_an_unbroken_one_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 3)]).unwrap());
    let settings = Settings {
        steps: 4,
        warmup: 2,
        batch: 2,
        checkpoint_every: 1,
        validate_every: 2,
        keep: 2,
        pictures: 0,
        mix: MixShares::from([(Method::NearFarMix, 0.5), (Method::CutMix, 0.3)]),
        augmentation: Augmentation { crop: 0.7, ..Augmentation::usual(Domain::Indoor) },
        ..Settings::default()
    };
    let unbroken = dir.path().join("unbroken");
    train(&mut Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap(), &data, &unbroken, 0).unwrap();
    for stop_after in [1, 2] {
        let folder = dir.path().join(format!("stopped-{stop_after}"));
        let mut trainer = Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap();
        train(&mut trainer, &data, &folder, stop_after).unwrap();
        assert_eq!(trainer.step(), stop_after);
        let mut trainer = Trainer::resume(Cpu::default(), &folder.join(LAST)).unwrap();
        assert_eq!((trainer.step(), trainer.settings()), (stop_after, &settings));
        train(&mut trainer, &data, &folder, 0).unwrap();
        assert!(result(&folder) == result(&unbroken), "stopped after step {stop_after}");
    }
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(unbroken.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(lines(LOG).len(), 4);
    assert!(lines(LOG).iter().all(|line| line["total"].as_f64().unwrap() > 0.0));

    // The best checkpoint is that of the better of the two evaluations, and two of the others are kept.
    let validations = lines(VALIDATION);
    assert_eq!((validations[0]["step"].as_u64(), validations[1]["step"].as_u64()), (Some(2), Some(4)));
    let error = |i: usize| validations[i]["abs_rel"].as_f64().unwrap();
    let best = if error(1) < error(0) { 4 } else { 2 };
    assert_eq!(Checkpoint::read(&unbroken.join(BEST)).unwrap().progress().unwrap().step, best);
    let names: Vec<String> = result(&unbroken).into_keys().filter(|name| name.starts_with("step-")).collect();
    assert_eq!(names, ["step-00000003.safetensors", "step-00000004.safetensors"]);
}

#[test]
fn what_no_loss_reaches_is_left_alone_and_depth_is_learned_without_labels() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 2)]).unwrap());
    let settings = Settings { steps: 2, batch: 1, semantics: false, pictures: 0, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    let before = |name: &str| Dss::<f32, Cpu>::new(Cpu::default(), nano(), 0).unwrap().store().by_name()[name].values();
    let after = |trainer: &Trainer<Cpu>, name: &str| trainer.network().store().by_name()[name].values();
    train(&mut trainer, &data, &dir.path().join("run"), 1).unwrap();
    let names: Vec<String> =
        trainer.network().store().parameters().map(|e| e.name.clone()).filter(|n| n.starts_with("head.sem")).collect();
    assert!(!names.is_empty());
    for name in &names {
        assert_eq!(before(name), after(&trainer, name), "{name}");
    }
    assert_ne!(before("head.depth.out.weight"), after(&trainer, "head.depth.out.weight"));
    // It goes on without moments of what was left alone.
    let mut trainer = Trainer::resume(Cpu::default(), &dir.path().join("run").join(LAST)).unwrap();
    train(&mut trainer, &data, &dir.path().join("run"), 0).unwrap();
    assert_eq!(trainer.step(), 2);
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_with_its_batch_saved() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 2)]).unwrap());
    let optimiser = AdamWConfig { lr: 1e38, lr_encoder: 1e38, ..AdamWConfig::default() };
    let settings = Settings { steps: 9, warmup: 0, batch: 2, optimiser, pictures: 0, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    let folder = dir.path().join("run");
    let error = train(&mut trainer, &data, &folder, 0).unwrap_err();
    let TrainError::NotFinite { step, keys, saved } = &error else { panic!("{error}") };
    assert_eq!(keys.len(), 2);
    let bytes = std::fs::read(saved).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("0.input").unwrap().shape(), [2, 3, 64, 96]);
    assert!(error.to_string().contains(&format!("step {step}")) && error.to_string().contains(&keys[0]), "{error}");
    assert_eq!(trainer.step(), *step, "nothing was learned from it");
}

#[test]
fn event_files_and_pictures_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 1)]).unwrap());
    let settings = Settings { steps: 1, batch: 1, pictures: 1, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    train(&mut trainer, &data, dir.path(), 0).unwrap();
    // A record: length, masked CRC-32C of it, content, masked CRC-32C of that (tensorflow/core/lib/io/record_writer.h).
    let bytes = std::fs::read(dir.path().join("events.out.tfevents.0000000000.semdepth")).unwrap();
    let masked = |content: &[u8]| {
        let crc = crc32c::crc32c(content);
        crc.rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
    };
    let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(rest[8..12], masked(&rest[..8]));
        let content = &rest[12..12 + n];
        assert_eq!(rest[12 + n..16 + n], masked(content));
        // Field 1: time as a double; field 2: step.
        assert_eq!((content[0], content[9]), (0x09, 0x10));
        records.push((u64::from(content[10]), content[11..].to_vec()));
        rest = &rest[16 + n..];
    }
    // Version, start, losses of step 1, evaluation after it.
    assert_eq!(records.iter().map(|r| r.0).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert_eq!(records[0].1, b"\x1a\x0dbrain.Event:2");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(dir.path().join(LOG)).unwrap()).unwrap();
    let mut scalar = b"loss/depth\x15".to_vec();
    scalar.extend((report["depth"].as_f64().unwrap() as f32).to_le_bytes());
    assert!(records[2].1.windows(scalar.len()).any(|part| part == scalar));
    assert!(records[3].1.windows(18).any(|part| part == b"validation/abs_rel"));

    let size = |name: &str| image::image_dimensions(dir.path().join(name)).unwrap();
    assert!(size("sheets/step-00000001.png").0 > 800);
    assert!(size("curves.png").1 > 1000, "four panels");
}

#[test]
fn mixes_are_functions_of_seed_and_position_and_follow_their_shares() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 4)]).unwrap());
    let shares = MixShares::from([(Method::NearFarMix, 0.5), (Method::CutDepth, 0.25)]);
    let mixing = Mixing::new(&shares, 7, &data).unwrap();
    let planned: Vec<_> = (0..4000).map(|position| mixing.plan(position, (position % 4) as usize)).collect();
    let count = |method| planned.iter().flatten().filter(|p| p.method == method).count();
    assert!(count(Method::NearFarMix).abs_diff(2000) < 120, "{}", count(Method::NearFarMix));
    assert!(count(Method::CutDepth).abs_diff(1000) < 100, "{}", count(Method::CutDepth));
    for (position, planned) in planned.iter().enumerate() {
        let partner = planned.and_then(|p| p.partner);
        assert!(partner.is_none_or(|partner| partner < 4 && partner != position % 4));
    }

    // A mixed pixel is A's or B's whole: picture, depth and label.
    let (b, a) = (data.sample(0).unwrap().0, data.sample(1).unwrap().0);
    let planned = Planned { method: Method::NearFarMix, partner: Some(1) };
    let (mixed, made) = mixing.mix(planned, 5, 0, b.clone(), Some(&a));
    assert!(made && mixed != b && mixed != a);
    let pixel = |s: &Sample, y, x| {
        (s.image.rgb(y, x), s.depth.metres()[(y, x)], s.semantics.as_ref().unwrap().values()[(y, x)])
    };
    let whole = |y, x| [pixel(&a, y, x), pixel(&b, y, x)].contains(&pixel(&mixed, y, x));
    assert!((0..64).all(|y| (0..96).all(|x| whole(y, x))));

    // Batches do not depend on what was made before.
    let batching =
        Trainer::new(Cpu::default(), nano(), Settings { seed: 7, batch: 2, ..Settings::default() }).unwrap().batching();
    let augmentation = Augmentation::usual(Domain::Indoor);
    let feed = Feed { data: Arc::clone(&data), batching, augmentation, mixing };
    let forward: Vec<_> = (0..4).map(|step| feed.make(step).unwrap()).collect();
    let backward: Vec<_> = (0..4).rev().map(|step| feed.make(step).unwrap()).collect();
    assert!(forward.iter().eq(backward.iter().rev()));
    assert!(forward.iter().map(|b| b.mixed).sum::<usize>() > 0);
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

    // The same again finds it finished; other settings are refused.
    let again = sdtrain(&command);
    assert!(again.status.success() && text(&again.stderr).contains("after step 2 of 2"));
    assert!(tree(Path::new(run)) == before);
    let other = sdtrain(&[&command[..], &["--seed", "1"]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("seed is 0, asked for is 1"), "{}", text(&other.stderr));

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
        (vec!["--size", "large"], "rows x columns"),
        (vec!["--mix", "blur"], "nearfarmix"),
        (vec!["--mix", "nearfarmix=often"], "a share such as 0.5"),
        (vec!["--mix", "cutmix=0.8,classmix=0.3"], "at most 1 together"),
        (vec!["--mix", "nearfarmix"], "the sets hold one"),
        (vec!["--resume"], "there is no run in"),
        (vec!["--crop", "0"], "augmentation.crop"),
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
    // What is printed prints itself.
    std::fs::write(&file, &printed).unwrap();
    assert_eq!(text(&sdtrain(&[set, "--config", file.to_str().unwrap(), "--print-config"]).stdout), printed);
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
    let run = dir.path().join("run");
    let program = Command::cargo_bin("sdtrain").unwrap().get_program().to_owned();
    let mut command = std::process::Command::new(&program);
    command
        .arg(&set)
        .args(["--steps", "100000", "--batch", "1", "--size", "64x64", "--pictures", "0", "--out"])
        .arg(&run);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let log = run.join(LOG);
    let began = std::time::Instant::now();
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 1) {
        assert!(began.elapsed().as_secs() < 600, "no step is done");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    assert!(text(&ended.stderr).contains("goes on from here"), "{}", text(&ended.stderr));
    let step = Checkpoint::read(&run.join(LAST)).unwrap().progress().unwrap().step;
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count() as u64, step);
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
fn weights_that_do_not_fit_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), nano(), 1).unwrap();
    save_weights(&path, &network).unwrap();
    let file = Checkpoint::read(&path).unwrap();
    assert_eq!(file.config(), Some(&nano()));
    assert!(file.progress().unwrap_err().to_string().contains("not a training run"));

    // A network without the exchange knows nothing of its tensors; one with more layers lacks some.
    let none = Config { exchange: ExchangeKind::None, ..nano() };
    let error = file.network(Cpu::default(), Some(none)).unwrap_err().to_string();
    assert!(error.contains("`exchange.dgt.fused.conv1.weight` belongs to no layer"), "{error}");
    let more = Config { lgcat_n_s: 2, ..nano() };
    let error = file.network(Cpu::default(), Some(more)).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    let wider = Config { channels: 64, ..nano() };
    let error = file.network(Cpu::default(), Some(wider)).unwrap_err().to_string();
    assert!(error.contains("has the shape"), "{error}");

    // Bias tables of another window are resized; everything else is kept.
    let other = file.network(Cpu::default(), Some(nano().for_size((96, 128)))).unwrap();
    let (own, same) = (network.store().by_name(), other.store().by_name());
    assert_eq!(own["head.depth.out.weight"].values(), same["head.depth.out.weight"].values());

    // Every cut of the file is an error, never a panic.
    let bytes = std::fs::read(&path).unwrap();
    for keep in (0..bytes.len()).step_by(bytes.len() / 40) {
        std::fs::write(&path, &bytes[..keep]).unwrap();
        assert!(Checkpoint::read(&path).and_then(|file| file.network(Cpu::default(), None)).is_err(), "{keep} bytes");
    }
}
