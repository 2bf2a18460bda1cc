//! The index of a chunked dataset: a B-tree of type 1 (section III.A.1).

use super::btree::{self, Kind};
use super::dataspace::n_elements;
use super::fields::Fields;
use super::storage::Storage;
use super::{Error, Result};

/// One stored chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its number in the grid of chunks, counted row by row.
    pub number: u64,
    pub(super) address: u64,
    /// Bytes as stored.
    pub(super) n_bytes: u32,
    /// Filters that were left out.
    pub(super) mask: u32,
}

/// Where every chunk of a dataset is. Takes 24 bytes a chunk; a chunk takes at least as much of the file.
#[derive(Clone, Debug)]
pub struct ChunkIndex {
    chunks: Vec<Chunk>,
    grid: Vec<u64>,
}

const PART: &str = "chunk B-tree node";

impl ChunkIndex {
    pub(super) fn read(storage: &Storage, tree: Option<u64>, shape: &[u64], chunk: &[u64]) -> Result<Self> {
        let grid: Vec<u64> = shape.iter().zip(chunk).map(|(&side, &step)| side.div_ceil(step)).collect();
        if n_elements(&grid).is_none() {
            return Err(Error::damaged(PART, tree.unwrap_or(0), format_args!("a grid of {grid:?} chunks")));
        }
        let mut index = Self { chunks: Vec::new(), grid };
        if let Some(root) = tree {
            index.walk(storage, root, chunk)?;
        }
        index.chunks.sort_unstable_by_key(|chunk| chunk.number);
        if let Some([twice, _]) = index.chunks.array_windows().find(|[a, b]| a.number == b.number) {
            let reason = format!("chunk {} is listed twice", twice.number);
            return Err(Error::damaged(PART, storage.place(twice.address), reason));
        }
        Ok(index)
    }

    fn walk(&mut self, storage: &Storage, root: u64, chunk: &[u64]) -> Result<()> {
        // A key: stored bytes, filter mask, one offset an axis and one for the element.
        let key_bytes = 4 + 4 + 8 * (chunk.len() as u64 + 1);
        let kind = Kind { part: PART, node_type: (1, "chunks"), key_bytes };
        let grid = &self.grid;
        let key = |fields: &mut Fields<'_>| Ok((fields.u32()?, fields.u32()?, number(grid, fields, chunk)?));
        let chunks = &mut self.chunks;
        btree::walk(storage, root, kind, key, |fields, (n_bytes, mask, number), address| {
            let number = number.ok_or_else(|| fields.damaged("a chunk lies outside the dataset or off its grid"))?;
            chunks.push(Chunk { number, address, n_bytes, mask });
            Ok(())
        })
    }

    /// Number of chunks along each axis.
    #[must_use]
    pub fn grid(&self) -> &[u64] {
        &self.grid
    }

    /// The stored chunks, by number.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunk of a number; `None` when it was never written.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<Chunk> {
        let at = self.chunks.binary_search_by_key(&number, |chunk| chunk.number).ok()?;
        self.chunks.get(at).copied()
    }
}

/// The number of the chunk at the offsets of a key; `None` outside the grid of chunks.
fn number(grid: &[u64], fields: &mut Fields<'_>, chunk: &[u64]) -> Result<Option<u64>> {
    let mut number = Some(0_u64);
    for (&n_chunks, &step) in grid.iter().zip(chunk) {
        let offset = fields.u64()?;
        let at = Some(offset / step).filter(|&at| offset % step == 0 && at < n_chunks);
        number = number.zip(at).map(|(number, at)| number * n_chunks + at);
    }
    let element = fields.u64()?;
    Ok(number.filter(|_| element == 0))
}
