//! What can end a run.

use std::io;
use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::data::DataError;
use super::evaluate::EvaluateError;
use super::mixing::MixError;
use super::model::ConfigError;
use super::op::LabelError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The evaluation during the run.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Mixes that cannot be.
    #[error(transparent)]
    Mix(#[from] MixError),
    /// A run goes on with other data.
    #[error(
        "the run learned from other sets: their fingerprints are {there}, those of {named} are {asked}; --force starts over, --out names another folder, and --weights begins a new run with the network of this one",
        there = run.join(" "), asked = asked.join(" "),
        named = roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(" ")
    )]
    OtherData {
        /// Fingerprints of the sets of the run.
        run: Vec<String>,
        /// Of those asked for.
        asked: Vec<String>,
        /// Where these are.
        roots: Vec<PathBuf>,
    },
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A protocol nobody knows.
    #[error("{reason}")]
    Protocol {
        /// Which there are.
        reason: String,
    },
    /// A label without a class.
    #[error("step {step}, samples {keys}: {source}", keys = keys.join(", "))]
    Label {
        /// The step.
        step: u64,
        /// Names of the samples of the batch.
        keys: Vec<String>,
        /// The label.
        source: LabelError,
    },
    /// A loss or gradient that is no number.
    #[error("step {step}: the loss or its gradient is not finite; the batch ({keys}) is in {saved}", keys = keys.join(", "), saved = saved.display())]
    NotFinite {
        /// The step.
        step: u64,
        /// Names of the samples of the batch.
        keys: Vec<String>,
        /// Where the batch was saved.
        saved: PathBuf,
    },
    /// A line of a run's log.
    #[error(
        "{path}: line {line} is not one of this file ({source}); repair it or take it out, or start over with --force",
        path = path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A network is kept as the best, and how good it is was lost.
    #[error(
        "{path} is the network after step {step}, and {log} no longer says how good it is: the next one would take its place; move it elsewhere to go on, or start over with --force",
        path = path.display(), log = log.display()
    )]
    BestUnknown {
        /// The network.
        path: PathBuf,
        /// Its step.
        step: u64,
        /// Where its evaluation was.
        log: PathBuf,
    },
    /// The folder of the run.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
