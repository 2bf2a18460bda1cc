mod merge;
mod remap;
mod report;

use anyhow::Result;
use clap::Subcommand;

use super::exit::Exit;
use super::output::Output;

/// Class labels of sets and of folders.
#[derive(Debug, Subcommand)]
pub(super) enum Labels {
    Merge(Box<merge::Args>),
    Remap(remap::Args),
    Report(report::Args),
}

impl Labels {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        match self {
            Self::Merge(arguments) => arguments.run(output),
            Self::Remap(arguments) => arguments.run(output),
            Self::Report(arguments) => arguments.run(output),
        }
    }
}
