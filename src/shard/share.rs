use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::file::unfinished;

/// How many shard files a derived set has in common with its parent, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFiles {
    /// Files of their own whose blocks are the parent's until one of them changes.
    pub reflinked: u64,
    /// Other names of the parent's files.
    pub linked: u64,
    /// Copies.
    pub copied: u64,
}

impl SharedFiles {
    /// The counts of two shards together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            reflinked: self.reflinked + other.reflinked,
            linked: self.linked + other.linked,
            copied: self.copied + other.copied,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.reflinked + self.linked + self.copied
    }
}

/// Gives files of one set to another.
#[derive(Debug, Default)]
pub struct Sharer {
    /// A file system that has refused to share the blocks of one file refuses it for all, and asking costs more than a hard link.
    refuses_reflinks: AtomicBool,
}

impl Sharer {
    /// Makes `to` a file of the same content as `from` with as little work as the file system allows: sharing its blocks,
    /// another name for it, or a copy. It appears under its name when whole; the unfinished one lies in `scratch`, on the
    /// same file system. Shard files are never written in place, so that another name for one is safe.
    ///
    /// # Errors
    /// The system's; nothing is left behind.
    pub fn share(&self, from: &Path, to: &Path, scratch: &Path) -> io::Result<SharedFiles> {
        let partial = unfinished(scratch, to);
        let shared = self.begin(from, &partial);
        let result = shared.and_then(|shared| fs::rename(&partial, to).map(|()| shared));
        // Also after a rename: one of two names of the same file onto the other does nothing.
        let _ = fs::remove_file(&partial);
        result
    }

    fn begin(&self, from: &Path, partial: &Path) -> io::Result<SharedFiles> {
        let one = SharedFiles::default();
        if !self.refuses_reflinks.load(Ordering::Relaxed) {
            match reflink_copy::reflink(from, partial) {
                Ok(()) => return Ok(SharedFiles { reflinked: 1, ..one }),
                Err(_) => self.refuses_reflinks.store(true, Ordering::Relaxed),
            }
        }
        match fs::hard_link(from, partial) {
            Ok(()) => Ok(SharedFiles { linked: 1, ..one }),
            Err(_) => copy(from, partial).map(|()| SharedFiles { copied: 1, ..one }),
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_file_has_the_same_content_and_survives_its_origin() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|n| dir.path().join(n));
        fs::write(&from, b"shard").unwrap();
        let sharer = Sharer::default();
        for _ in 0..2 {
            assert_eq!(sharer.share(&from, &to, dir.path()).unwrap().total(), 1);
            assert_eq!(fs::read(&to).unwrap(), b"shard");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
        }
        fs::remove_file(&from).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"shard");
        assert!(sharer.share(&from, &to, dir.path()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
