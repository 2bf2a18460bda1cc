use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::io_error;
use crate::file;
use crate::train::fault::TrainError;

/// No log of a run is larger; more is not read.
const LIMIT: u64 = 4 << 30;

/// A file with a JSON object a line, and its content.
#[derive(Debug)]
pub(super) struct Lines<T> {
    path: PathBuf,
    file: File,
    all: Vec<T>,
}

/// What the lines of a file say.
///
/// # Errors
///
/// No file, or a line that says nothing of the kind: see [`parse`].
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, TrainError> {
    let bytes = file::read_bounded(path, LIMIT).map_err(io_error(path))?;
    Ok(parse(path, &String::from_utf8_lossy(&bytes))?.into_iter().map(|(_, value)| value).collect())
}

/// The lines of `text` and what they say. The last may be torn, where a run was killed or diverged, and is left out then; any
/// other that cannot be read is an error, so that nothing is lost unnoticed.
fn parse<'a, T: DeserializeOwned>(path: &Path, text: &'a str) -> Result<Vec<(&'a str, T)>, TrainError> {
    let n = text.lines().count();
    let mut found = Vec::with_capacity(n);
    for (i, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(value) => found.push((line, value)),
            Err(_) if i + 1 == n => {}
            Err(source) => return Err(TrainError::Line { path: path.to_owned(), line: i + 1, source }),
        }
    }
    Ok(found)
}

impl<T: Serialize + DeserializeOwned> Lines<T> {
    /// Opens a file for the next line, without lines of what a stopped run has to do again.
    pub(super) fn reopen(path: &Path, keep: impl Fn(&T) -> bool) -> Result<Self, TrainError> {
        let text = match file::read_bounded(path, LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(io_error(path)(e)),
        };
        let (kept, all): (Vec<&str>, Vec<T>) = parse(path, &text)?.into_iter().filter(|(_, value)| keep(value)).unzip();
        let kept: String = kept.into_iter().flat_map(|line| [line, "\n"]).collect();
        file::write_atomically(path, kept.as_bytes()).map_err(io_error(path))?;
        let file = File::options().append(true).open(path).map_err(io_error(path))?;
        Ok(Self { path: path.to_owned(), file, all })
    }

    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    pub(super) fn add(&mut self, value: T) -> Result<(), TrainError> {
        let line = serde_json::to_string(&value).unwrap_or_default();
        writeln!(self.file, "{line}").map_err(io_error(&self.path))?;
        self.all.push(value);
        Ok(())
    }
}
