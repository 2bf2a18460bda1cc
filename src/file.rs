//! Files, as every part reads and writes them: read whole up to a limit, written whole or not at all.

use std::borrow::Cow;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use bytemuck::{cast_slice, cast_slice_mut};
use walkdir::WalkDir;

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// The system's; `IsADirectory` or `InvalidInput` for what is no file, `FileTooLarge` above the limit.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(file.metadata()?.len().min(limit)).unwrap_or(0))?;
    // One byte more than allowed: the file may grow while it is read.
    if file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64 > limit {
        let reason = format!("expected at most {limit} bytes, found more");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// Opens a plain file for reading. Opening a pipe would wait for a writer, so the kind is asked for first.
///
/// # Errors
/// The system's; `IsADirectory` or `InvalidInput` for what is no file.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "expected a file, found a folder"));
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a file, found a pipe or device"));
    }
    File::open(path)
}

/// Writes a file so that it appears under its name only when whole: beside it first, to the disk, then renamed.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_through(folder_of(path), path, bytes)
}

/// The name that a file or folder has in `scratch` until it is whole. Its end is drawn at random: parts may run in one
/// process, or on machines whose process numbers coincide.
pub(crate) fn unfinished(scratch: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    scratch.join(format!("{name}.{:016x}.partial", RandomState::new().build_hasher().finish()))
}

/// Where `path` lies, also when it is written with a slash at its end.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Makes a folder that appears under its name only when whole: `fill` fills another beside it, whose files are brought to the disk
/// before it is renamed. What runs that were killed have left of such folders goes.
///
/// # Errors
/// Those of `fill`, and of the system as `io` says them; nothing is left behind.
pub(crate) fn write_folder<T, E>(
    folder: &Path,
    io: impl FnOnce(io::Error) -> E,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    remove_remains(folder);
    let partial = unfinished(folder_of(folder), folder);
    // Held until the end, so that nobody takes it for remains.
    let kept = fs::create_dir_all(&partial).and_then(|()| claim(&partial));
    let result = match kept {
        Ok(_kept) => fill(&partial).and_then(|filled| {
            sync_files(&partial).and_then(|()| fs::rename(&partial, folder)).map_err(io)?;
            Ok(filled)
        }),
        Err(error) => Err(io(error)),
    };
    if result.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    result
}

/// As [`write_atomically`], but the unfinished file lies in `scratch`, on the same file system.
pub(crate) fn write_through(scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_then(scratch, path, bytes, File::sync_all)
}

/// As [`write_through`], but when it reaches the disk is left to the system: whole after a kill, perhaps not after a
/// power failure. For files that are checked before they are trusted, or synced later by [`sync`].
pub(crate) fn write_whole(scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_then(scratch, path, bytes, |_| Ok(()))
}

fn write_then(
    scratch: &Path,
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let partial = unfinished(scratch, path);
    let result = File::create(&partial)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| finish(&f)))
        .and_then(|()| fs::rename(&partial, path));
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result
}

/// Keeps a folder for one process, until the file is dropped or the process ends, in whatever way. None where the file system
/// knows no such locks.
///
/// # Errors
/// `WouldBlock` while another process keeps or shares the folder.
pub(crate) fn claim(folder: &Path) -> io::Result<Option<File>> {
    locked(folder, File::try_lock)
}

/// As [`claim`], for processes that work in the folder together.
///
/// # Errors
/// `WouldBlock` while another process keeps the folder for itself.
pub(crate) fn share(folder: &Path) -> io::Result<Option<File>> {
    locked(folder, File::try_lock_shared)
}

fn locked(folder: &Path, lock: impl FnOnce(&File) -> Result<(), TryLockError>) -> io::Result<Option<File>> {
    let Ok(handle) = File::open(folder) else { return Ok(None) };
    match lock(&handle) {
        Ok(()) => Ok(Some(handle)),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Numbers as files hold them: little endian.
pub(crate) fn to_le(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(cast_slice(values))
    } else {
        Cow::Owned(values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
}

/// The inverse of [`to_le`]. Bytes beyond the last whole number are left out.
pub(crate) fn from_le(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    let mut values = vec![0.0_f32; words.len()];
    if cfg!(target_endian = "little") {
        cast_slice_mut(&mut values).copy_from_slice(words.as_flattened());
    } else {
        values.iter_mut().zip(words).for_each(|(value, word)| *value = f32::from_le_bytes(*word));
    }
    values
}

/// Brings files to the disk, all at once: the disk takes hardly longer for several than for one.
///
/// # Errors
/// The first of the system's.
pub(crate) fn sync<'f>(files: impl IntoIterator<Item = &'f File>) -> io::Result<()> {
    thread::scope(|scope| {
        let start = |file: &'f File| (file, thread::Builder::new().spawn_scoped(scope, move || file.sync_all()));
        let started: Vec<_> = files.into_iter().map(start).collect();
        started.into_iter().try_for_each(|(file, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that synced a file died"))),
            Err(_) => file.sync_all(), // no thread is to be had
        })
    })
}

/// Removes unfinished folders beside `folder` that nobody fills any more. What cannot be removed stays.
fn remove_remains(folder: &Path) {
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return };
    let is_unfinished = |other: &str| {
        let drawn = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".partial"));
        drawn.is_some_and(|drawn| drawn.len() == 16 && drawn.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for entry in fs::read_dir(folder_of(folder)).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_unfinished)
            && let Ok(Some(_kept)) = claim(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Brings every file below `folder` to the disk.
fn sync_files(folder: &Path) -> io::Result<()> {
    const AT_ONCE: usize = 32;
    let entries = WalkDir::new(folder).into_iter().collect::<Result<Vec<_>, _>>()?;
    let files: Vec<_> = entries.iter().filter(|entry| entry.file_type().is_file()).collect();
    files.chunks(AT_ONCE).try_for_each(|group| {
        let open = group.iter().map(|entry| File::open(entry.path())).collect::<io::Result<Vec<_>>>()?;
        sync(&open)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian() {
        let values = [1.0_f32, -0.0, f32::MIN_POSITIVE];
        assert_eq!(*to_le(&values), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x80, 0, 0, 0x80, 0]);
        // Wherever the bytes begin in memory.
        let bytes = [&[7], &*to_le(&values), &[1, 2, 3]].concat();
        assert_eq!(from_le(&bytes[1..]), values);
        assert!(from_le(&bytes[..3]).is_empty());
    }

    #[test]
    fn only_plain_files_within_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomically(&path, &[7; 5]).unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), [7; 5]);
        let error = read_bounded(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "expected at most 4 bytes, found more");
        assert_eq!(read_bounded(dir.path(), 5).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_folder_is_kept_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let kept = claim(dir.path()).unwrap();
        assert!(kept.is_some());
        assert_eq!(claim(dir.path()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(share(dir.path()).is_err());
        drop(kept);
        let shared = [share(dir.path()).unwrap(), share(dir.path()).unwrap()];
        assert!(shared.iter().all(Option::is_some) && claim(dir.path()).is_err());
        drop(shared);
        assert!(claim(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_folder_appears_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let listed = || fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
        let make = |name: &str, result: io::Result<u8>| {
            let folder = format!("{}/{name}", dir.path().display());
            write_folder(
                Path::new(&folder),
                |e| e,
                |partial| {
                    assert_eq!(partial.parent(), Some(dir.path()));
                    assert_eq!(partial.extension(), Some("partial".as_ref()));
                    fs::create_dir_all(partial.join("a/b"))?;
                    (0..70).try_for_each(|i| fs::write(partial.join(format!("a/b/{i}")), b"1"))?;
                    result
                },
            )
        };
        assert!(make("tars", Err(io::Error::other("no"))).is_err());
        assert!(listed().is_empty());
        assert_eq!(make("tars/", Ok(7)).unwrap(), 7);
        assert_eq!(listed(), ["tars"]);
        assert_eq!(fs::read_dir(dir.path().join("tars/a/b")).unwrap().count(), 70);
        // What a killed run has left goes, what another still fills stays.
        let [left, filled] =
            ["0123456789abcdef", "fedcba9876543210"].map(|end| dir.path().join(format!("more.{end}.partial")));
        for partial in [&left, &filled] {
            fs::create_dir_all(partial.join("a")).unwrap();
        }
        let kept = claim(&filled).unwrap();
        assert!(make("more", Err(io::Error::other("no"))).is_err());
        assert!(!left.exists() && filled.exists());
        drop(kept);
        fs::remove_dir_all(&filled).unwrap();
        // What is there already is neither replaced nor mixed with.
        assert!(make("tars", Ok(7)).is_err());
        assert_eq!(listed(), ["tars"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let error = read_bounded(Path::new("/dev/null"), 5).unwrap_err();
        assert!(error.to_string().contains("pipe or device"), "{error}");
    }
}
