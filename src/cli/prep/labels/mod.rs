mod container;
mod merge;
mod remap;
mod report;
mod teach;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// Class labels of sets and of folders.
#[derive(Debug, Subcommand)]
pub(super) enum Labels {
    Merge(Box<merge::Args>),
    Remap(remap::Args),
    Report(report::Args),
    Teach(Box<teach::Args>),
}

impl Labels {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        match self {
            Self::Merge(arguments) => arguments.run(output),
            Self::Remap(arguments) => arguments.run(output),
            Self::Report(arguments) => arguments.run(output),
            Self::Teach(arguments) => arguments.run(output),
        }
    }
}
