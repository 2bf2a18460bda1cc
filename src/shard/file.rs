use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::Path;

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// The system's, or `FileTooLarge`.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let n = File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if n as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the limit of {limit} bytes")));
    }
    Ok(bytes)
}

/// Writes a file so that it appears under its name only when whole: beside it first, to the disk, then renamed.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_through(path.parent().unwrap_or(Path::new(".")), path, bytes)
}

/// Ends the name of an unfinished file. Drawn at random: parts may run in one process, or on machines whose process
/// numbers coincide.
pub(super) fn partial_suffix() -> String {
    format!("{:016x}.partial", RandomState::new().build_hasher().finish())
}

/// As [`write_atomically`], but the unfinished file lies in `scratch`, on the same file system.
pub(crate) fn write_through(scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = scratch.join(format!("{name}.{}", partial_suffix()));
    let result = File::create(&partial)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result
}
