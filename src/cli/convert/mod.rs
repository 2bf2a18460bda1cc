use anyhow::Result;
use clap::Subcommand;

use super::exit::Exit;
use super::output::Output;

/// One data set format each.
#[derive(Debug, Subcommand)]
pub(super) enum Convert {}

impl Convert {
    pub(super) fn run(self, _output: &Output) -> Result<Exit> {
        match self {}
    }
}
