//! What the writers of foreign layouts share: their error, and files that appear whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::{self, folder_of};

/// Why scenes could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An encoder or the HDF5 library refused.
    #[error("{}: {reason}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// The layout does not fit the scenes. The text says what to type instead.
    #[error("{0}")]
    Usage(String),
}

impl WriteError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn encode(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Encode { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// Creates the folder a file goes to.
pub(super) fn make_room(path: &Path) -> Result<(), WriteError> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(WriteError::io(folder))
}

/// Writes a file whole: beside its place first, then renamed.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    make_room(path)?;
    file::write_whole(folder_of(path), path, bytes).map_err(WriteError::io(path))
}
