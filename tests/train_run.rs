//! Training runs: from sets to a network, stopped and continued, evaluated; and files that do not fit.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assert_cmd::Command;
use common::tree;
use dfdx::tensor::Cpu;
use semdepth::mix::Method;
use semdepth::sample::Sample;
use semdepth::train::checkpoint::{Checkpoint, save_weights};
use semdepth::train::data::Data;
use semdepth::train::loader::Feed;
use semdepth::train::mixing::{MixShares, Mixing, Planned};
use semdepth::train::model::{Config, Dss, ExchangeKind};
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

#[test]
fn a_stopped_and_continued_run_equals_an_unbroken_one_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 5)]).unwrap());
    let mix = MixShares::from([(Method::NearFarMix, 0.5), (Method::CutMix, 0.3)]);
    let settings = Settings { steps: 4, warmup: 2, batch: 2, checkpoint_every: 3, mix, ..Settings::default() };
    let run = |trainer: &mut Trainer<Cpu>, folder: &str, stop_after: u64| {
        let stop = AtomicBool::new(false);
        let folder = dir.path().join(folder);
        trainer
            .run(Arc::clone(&data), &folder, &stop, |report, _| {
                stop.store(report.step + 1 == stop_after, Ordering::Relaxed);
            })
            .unwrap();
        folder
    };
    let unbroken = run(&mut Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap(), "unbroken", 0);
    for stop_after in [1, 3] {
        let name = format!("stopped-{stop_after}");
        let mut trainer = Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap();
        let folder = run(&mut trainer, &name, stop_after);
        assert_eq!(trainer.step(), stop_after);
        let mut trainer = Trainer::resume(Cpu::default(), &folder.join(LAST)).unwrap();
        assert_eq!((trainer.step(), trainer.settings()), (stop_after, &settings));
        run(&mut trainer, &name, 0);
        assert!(tree(&folder) == tree(&unbroken), "stopped after step {stop_after}");
    }
    let log = std::fs::read_to_string(unbroken.join("log.jsonl")).unwrap();
    let losses: Vec<f64> =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["total"].as_f64().unwrap()).collect();
    assert_eq!(losses.len(), 4);
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
    let feed = Feed { data: Arc::clone(&data), batching, mixing };
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
    let command = [set, "--val", set, "--out", run, "--size", "64x96", "--steps", "2", "--batch", "1", "--json"];
    let first = sdtrain(&command);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stderr).contains("dss-nano with"), "{}", text(&first.stderr));
    let result: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(result["last"]["step"], 1);
    assert_eq!(result["evaluation"]["full"]["pictures"], 3);
    let before = tree(Path::new(run));
    assert!(before.contains_key("log.jsonl") && before.contains_key(LAST) && before.contains_key("eval.json"));

    // The same again finds it finished; other settings are refused.
    let again = sdtrain(&command);
    assert!(again.status.success() && text(&again.stderr).contains("after step 2 of 2"));
    assert!(tree(Path::new(run)) == before);
    let other = sdtrain(&[&command[..], &["--seed", "1"]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("seed is 0, asked for is 1"), "{}", text(&other.stderr));

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
    for (arguments, part) in [
        (vec!["--size", "100x96"], "multiples of 32"),
        (vec!["--model", "dss-giant"], "dss-nano"),
        (vec!["--exchange", "magic"], "lg_cat"),
        (vec!["--size", "large"], "rows x columns"),
        (vec!["--mix", "blur"], "nearfarmix"),
        (vec!["--mix", "nearfarmix=often"], "a share such as 0.5"),
        (vec!["--mix", "cutmix=0.8,classmix=0.3"], "at most 1 together"),
        (vec!["--mix", "nearfarmix"], "the sets hold one"),
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
