mod cityscapes;
mod folder;
mod kitti;
mod nyu;
mod nyu_folder;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// One data set format each.
#[derive(Debug, Subcommand)]
pub(super) enum Convert {
    Cityscapes(Box<cityscapes::Args>),
    Folder(Box<folder::Args>),
    Kitti(Box<kitti::Args>),
    Nyu(Box<nyu::Args>),
}

impl Convert {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        match self {
            Self::Cityscapes(arguments) => arguments.run(output),
            Self::Folder(arguments) => arguments.run(output),
            Self::Kitti(arguments) => arguments.run(output),
            Self::Nyu(arguments) => arguments.run(output),
        }
    }
}
