//! The command line of `sdtrain`.

mod curves;
mod doctor;
mod eval;
mod metrics;
mod network;
mod options;
mod page;
mod predict;
mod run;
mod sets;
mod summary;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use super::Common;
use super::exit::Exit;
use super::output::Output;
use crate::sample::Size;
use crate::train::device::within_limits;

/// Trains depth + semantics networks on prepared sets, and evaluates them.
#[derive(Debug, Parser)]
#[command(
    name = "sdtrain",
    version,
    max_term_width = 110,
    args_conflicts_with_subcommands = true,
    after_help = "\
Exit codes: 0 done; 1 done, with findings (samples that could not be read, stopped early); 2 usage; 3 failed.
Begin with:  sdtrain shards/   then   sdtrain eval runs/last shards/   and   sdtrain predict runs/last picture.jpg"
)]
pub(super) struct Sdtrain {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    train: run::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say which devices there are, and whether networks run right on one
    Doctor(doctor::Args),
    /// Evaluate a trained network on sets
    Eval(eval::Args),
    /// Draw the curves of runs into one chart
    Curves(curves::Args),
    /// Say depth and classes of pictures
    Predict(predict::Args),
    /// Evaluate depth maps of any program against the truth
    Metrics(metrics::Args),
    /// Say what a network is made of
    Summary(summary::Args),
}

/// Runs `sdtrain` on the arguments of this process.
#[must_use]
pub fn sdtrain() -> ExitCode {
    super::run(
        "sdtrain",
        |arguments: &Sdtrain| arguments.common,
        |arguments, output| within_limits(|| dispatch(arguments, output))?,
    )
}

fn dispatch(arguments: Sdtrain, output: &Output) -> Result<Exit> {
    match arguments.command {
        None => arguments.train.run(output),
        Some(Command::Doctor(arguments)) => arguments.run(output),
        Some(Command::Eval(arguments)) => arguments.run(output),
        Some(Command::Curves(arguments)) => arguments.run(output),
        Some(Command::Predict(arguments)) => arguments.run(output),
        Some(Command::Metrics(arguments)) => arguments.run(output),
        Some(Command::Summary(arguments)) => arguments.run(output),
    }
}

/// Rows and columns, as in `192x256`.
fn size(text: &str) -> Result<(usize, usize), String> {
    text.parse::<Size>().map(|size| (size.height, size.width))
}
