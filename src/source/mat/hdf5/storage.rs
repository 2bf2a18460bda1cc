//! Where the bytes come from: positioned reads that need no shared cursor and so no lock.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Error, Result};

/// Bytes that can be read at any place from any thread.
pub trait ReadAt: Send + Sync {
    /// Number of bytes.
    fn n_bytes(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When there are not as many bytes, or the system refuses.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn n_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file on disk and its length when it was opened.
pub(super) struct OpenFile {
    file: fs::File,
    n_bytes: u64,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { n_bytes: metadata.len(), file })
    }
}

impl ReadAt for OpenFile {
    fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// The bytes of a file together with the base that its addresses are relative to.
pub(super) struct Storage {
    source: Box<dyn ReadAt>,
    base: u64,
}

impl Storage {
    pub(super) fn new(source: Box<dyn ReadAt>, base: u64) -> Self {
        Self { source, base }
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.source.n_bytes()
    }

    /// Place of `address` counted from the start of the file, for messages.
    pub(super) fn place(&self, address: u64) -> u64 {
        self.base.saturating_add(address)
    }

    /// `n_bytes` bytes at `address`; nothing is allocated unless the file has them.
    pub(super) fn read(&self, part: &'static str, address: u64, n_bytes: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(part, address, n_bytes, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`read`](Self::read), into a buffer that is used again.
    pub(super) fn read_into(&self, part: &'static str, address: u64, n_bytes: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let start = self.place(address);
        let end = address.checked_add(self.base).and_then(|start| start.checked_add(n_bytes));
        let (Some(_), Ok(length)) = (end.filter(|&end| end <= self.n_bytes()), usize::try_from(n_bytes)) else {
            let reason = format!("needs {n_bytes} bytes, but the file ends at byte {}", self.n_bytes());
            return Err(Error::damaged(part, start, reason));
        };
        buffer.resize(length, 0);
        Ok(self.source.read_exact_at(buffer, start)?)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("base", &self.base).field("n_bytes", &self.n_bytes()).finish()
    }
}
