//! Training runs: from sets to a network, stopped and continued, evaluated; and files that do not fit.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod evaluation;
mod program;
mod refusals;
mod session;
mod sets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use assert_cmd::Command;
use common::tree;
use dfdx::tensor::Cpu;
use semdepth::train::data::Data;
use semdepth::train::evaluate::Evaluation;
use semdepth::train::fault::TrainError;
use semdepth::train::model::Config;
use semdepth::train::session::{Session, Told};
use semdepth::train::trainer::Trainer;

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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Everything a run leaves, but for the event files, which tell the time.
fn result(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    tree(folder).into_iter().filter(|(name, _)| !name.starts_with("events.")).collect()
}

/// Runs until `stop_after` steps are done; 0 runs to the end.
fn train(
    trainer: &mut Trainer<Cpu>,
    data: &Arc<Data>,
    folder: &Path,
    stop_after: u64,
) -> Result<Option<Evaluation>, TrainError> {
    let stop = AtomicBool::new(false);
    let session = Session { folder, data: Arc::clone(data), validation: Some(data), stop: &stop };
    session.run(trainer, |told| {
        if let Told::Step(report, _) = told {
            stop.store(report.step + 1 == stop_after, Ordering::Relaxed);
        }
    })
}
