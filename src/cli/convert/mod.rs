mod kitti;
mod nyu;

use anyhow::Result;
use clap::Subcommand;

use super::exit::Exit;
use super::output::Output;

/// One data set format each.
#[derive(Debug, Subcommand)]
pub(super) enum Convert {
    Nyu(nyu::Args),
    Kitti(kitti::Args),
}

impl Convert {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        match self {
            Self::Nyu(arguments) => arguments.run(output),
            Self::Kitti(arguments) => arguments.run(output),
        }
    }
}
