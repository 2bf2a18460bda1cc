//! Reading the small foreign files of the data set within a size limit, and saying what is wrong with them.

use std::io;
use std::path::Path;

use crate::file::read_bounded;
use crate::sample::Fault;
use crate::source::SourceError;

/// What is wrong with the bytes of one file: the part of it and what was expected and found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Malformed {
    /// Line, key or other part of the file.
    pub field: String,
    /// What was expected and what was found.
    pub reason: String,
}

impl Malformed {
    /// An error of `field`.
    pub fn new(field: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }

    /// An error of line `number`, counted from 1.
    pub fn line(number: usize, reason: impl std::fmt::Display) -> Self {
        Self::new(format!("line {number}"), reason)
    }
}

/// Why one file could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl FileError {
    /// As an error of the whole plan.
    pub(super) fn at(self, path: &Path) -> SourceError {
        match self {
            Self::Io(source) => SourceError::io(path, source),
            Self::Malformed(Malformed { field, reason }) => SourceError::format(path, field, reason),
        }
    }

    /// As an error of one sample. `file` is relative to the root; `field` is what the file was wanted for.
    pub(super) fn in_sample(self, file: &str, field: &str) -> Fault {
        match self {
            Self::Io(reason) => Fault::new(file, field, reason),
            Self::Malformed(Malformed { field: part, reason }) => Fault::new(file, field, format!("{part}: {reason}")),
        }
    }
}

/// Reads and parses a file of at most `limit` bytes.
pub(super) fn read<T>(
    path: &Path,
    limit: u64,
    parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> Result<T, FileError> {
    Ok(parse(&read_bounded(path, limit)?)?)
}

/// The lines of a text file with their numbers from 1, ends trimmed, blank ones left out.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, Malformed> {
    let mut lines = Vec::new();
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let number = i + 1;
        let text =
            std::str::from_utf8(line).map_err(|_| Malformed::line(number, "expected text, found other bytes"))?;
        let text = text.trim();
        if !text.is_empty() {
            lines.push((number, text));
        }
    }
    Ok(lines)
}

/// At most the first 60 characters, for messages.
pub(super) fn excerpt(text: &str) -> String {
    const N: usize = 60;
    let head: String = text.chars().take(N).collect();
    if head.len() < text.len() { format!("{head:?}...") } else { format!("{head:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [0; 5]).unwrap();
        let count = |bytes: &[u8]| Ok(bytes.len());
        assert_eq!(read(&path, 5, count).unwrap(), 5);
        assert!(read(dir.path(), 5, count).unwrap_err().to_string().contains("found a folder"));
        assert_eq!(read(&path, 4, count).unwrap_err().to_string(), "expected at most 4 bytes, found more");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(lines(b"a\r\n\n b \nc").unwrap(), [(1, "a"), (3, "b"), (4, "c")]);
        assert_eq!(lines(b"a\n\xff").unwrap_err().field, "line 2");
    }
}
