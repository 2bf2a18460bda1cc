use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::array::Array;
use super::container::Index;
use crate::file::{sync, unfinished};

/// Writes the files of one shard of every array, row by row, under temporary names; they get their own names when
/// all are whole and on the disk.
pub struct ShardWriter {
    parts: Vec<Part>,
    scratch: PathBuf,
    samples_per_shard: usize,
}

struct Part {
    file: BufWriter<File>,
    index: Index,
    offset: u64,
    temporary: PathBuf,
    target: PathBuf,
}

impl ShardWriter {
    /// Begins shard `shard` of the set at `root`; the temporary files lie in `scratch`, on the same file system.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn begin(
        root: &Path,
        scratch: &Path,
        arrays: &[Array],
        shard: usize,
        samples_per_shard: usize,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut writer = Self { parts: Vec::new(), scratch: scratch.to_owned(), samples_per_shard };
        for array in arrays {
            let target = root.join(array.shard_path(shard));
            let temporary = unfinished(scratch, Path::new(&format!("{}-{shard}", array.field)));
            let folder = target.parent().unwrap_or(root);
            fs::create_dir_all(folder).map_err(|e| (folder.to_owned(), e))?;
            let file = File::create(&temporary).map_err(|e| (temporary.clone(), e))?;
            // Smaller than the chunks of pictures and depth, which then go to the file without another copy.
            let file = BufWriter::with_capacity(1 << 17, file);
            writer.parts.push(Part { file, index: Index::default(), offset: 0, temporary, target });
        }
        Ok(writer)
    }

    /// Appends the next row: one chunk an array, `None` where it equals the fill value. No chunks at all is a
    /// quarantined row.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn push(&mut self, chunks: &[Option<Vec<u8>>]) -> Result<(), (PathBuf, io::Error)> {
        for (i, part) in self.parts.iter_mut().enumerate() {
            let chunk = chunks.get(i).and_then(Option::as_deref);
            part.push(chunk).map_err(|e| (part.target.clone(), e))?;
        }
        Ok(())
    }

    /// Writes the indices, brings everything to the disk and renames the files into place. Returns the bytes written.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn finish(mut self) -> Result<u64, (PathBuf, io::Error)> {
        let mut written = 0;
        for part in &mut self.parts {
            written += part.close(self.samples_per_shard).map_err(|e| (part.target.clone(), e))?;
        }
        sync(self.parts.iter().map(|p| p.file.get_ref())).map_err(|e| (self.scratch.clone(), e))?;
        for part in &self.parts {
            fs::rename(&part.temporary, &part.target).map_err(|e| (part.target.clone(), e))?;
        }
        Ok(written)
    }
}

impl Drop for ShardWriter {
    fn drop(&mut self) {
        for part in &self.parts {
            let _ = fs::remove_file(&part.temporary); // gone already after `finish`
        }
    }
}

impl Part {
    fn push(&mut self, chunk: Option<&[u8]>) -> io::Result<()> {
        let Some(chunk) = chunk else {
            self.index.push(None);
            return Ok(());
        };
        self.file.write_all(chunk)?;
        let len = chunk.len() as u64;
        self.index.push(Some((self.offset, len)));
        self.offset += len;
        Ok(())
    }

    fn close(&mut self, n: usize) -> io::Result<u64> {
        let index = self.index.to_bytes(n);
        self.file.write_all(&index)?;
        self.file.flush()?;
        Ok(self.offset + index.len() as u64)
    }
}
