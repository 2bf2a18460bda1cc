//! One frame after the other out of a big array `[N, (C,) W, H]`, reading only the chunks that hold it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::transpose::{Columns, Element, Kept};
use crate::source::mat::hdf5::{self, Chunk, ChunkIndex, Dataset, Scratch};

/// Inflated chunks that one array may keep, in bytes, when its chunks hold more than one frame.
const CACHE_BYTES: usize = 64 << 20;

/// An array with the frame as its slowest axis and rows as its fastest.
#[derive(Debug)]
pub(super) struct Frames {
    variable: &'static str,
    dataset: Dataset,
    index: Option<ChunkIndex>,
    /// Number of planes, columns and rows of a frame.
    frame: [usize; 3],
    /// Frames, planes, columns and rows of a chunk; one whole frame when the data is in one piece.
    chunk: [usize; 4],
    cache: Cache,
}

impl Frames {
    /// `dataset` has the axes `[N, C, W, H]`, or `[N, W, H]` for a single plane. The caller has checked that the sides
    /// are within limits.
    pub(super) fn new(
        variable: &'static str,
        dataset: Dataset,
        [n_planes, n_columns, n_rows]: [usize; 3],
    ) -> hdf5::Result<Self> {
        let index = dataset.chunk_index()?;
        let mut chunk = [1, n_planes, n_columns, n_rows];
        if let Some(shape) = dataset.chunk_shape() {
            // Chunks that are not stored are made as large as the file says.
            dataset.chunk_bytes()?;
            let sides: Vec<usize> = shape.iter().map(|&side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
            chunk = match sides[..] {
                [n, planes, columns, rows] => [n, planes, columns, rows],
                [n, columns, rows] => [n, 1, columns, rows],
                _ => chunk,
            };
        }
        let cache = Cache::new(&chunk, &dataset, index.as_ref());
        Ok(Self { variable, dataset, index, frame: [n_planes, n_columns, n_rows], chunk, cache })
    }

    /// Name of the variable in the file.
    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    /// Elements of a frame, all planes together.
    fn n_elements(&self) -> usize {
        self.frame.iter().product()
    }

    /// Writes frame `n` into `planes` (`[C, H, W]` of the kept part), converting every element.
    pub(super) fn read<T: Element, const BYTES: usize>(
        &self,
        n: usize,
        planes: &mut [T],
        kept: Kept,
        scratch: &mut Scratch,
        convert: impl Fn([u8; BYTES]) -> T + Copy,
    ) -> Result<(), String> {
        let Some(index) = &self.index else {
            let n_bytes = (self.n_elements() * BYTES) as u64;
            let mut data = Vec::new();
            self.dataset.read_piece(n as u64 * n_bytes, n_bytes, &mut data).map_err(|error| error.to_string())?;
            return self.write([0; 3], &data, planes, kept, convert);
        };
        let [n_frames, chunk @ ..] = self.chunk;
        let counts: [usize; 3] = std::array::from_fn(|axis| self.frame[axis].div_ceil(chunk[axis]));
        let per_slab = counts.iter().product::<usize>();
        let skip = n % n_frames * chunk.iter().product::<usize>() * BYTES;
        for place in 0..per_slab {
            let at = [place / counts[2] / counts[1], place / counts[2] % counts[1], place % counts[2]];
            let start = std::array::from_fn(|axis| at[axis] * chunk[axis]);
            let number = (n / n_frames * per_slab + place) as u64;
            let Some(stored) = index.get(number) else {
                let data = self.dataset.filled(chunk.iter().product::<usize>() * BYTES);
                self.write(start, &data, planes, kept, convert)?;
                continue;
            };
            if self.cache.keeps(place) {
                let data = self.cache.get(&self.dataset, stored, scratch)?;
                self.write(start, data.get(skip..).unwrap_or_default(), planes, kept, convert)?;
            } else {
                let data = self.dataset.read_chunk(stored, scratch).map_err(|error| error.to_string())?;
                self.write(start, data.get(skip..).unwrap_or_default(), planes, kept, convert)?;
            }
        }
        Ok(())
    }

    /// Writes one chunk's part of a frame, which begins at `start` (plane, column, row).
    fn write<T: Element, const BYTES: usize>(
        &self,
        start: [usize; 3],
        data: &[u8],
        planes: &mut [T],
        kept: Kept,
        convert: impl Fn([u8; BYTES]) -> T + Copy,
    ) -> Result<(), String> {
        let [_, chunk_planes, chunk_columns, chunk_rows] = self.chunk;
        let inside = |axis: usize, side: usize| side.min(self.frame[axis] - start[axis]);
        let elements = data.as_chunks::<BYTES>().0;
        let per_plane = (kept.height * kept.width).max(1);
        let targets = planes.chunks_exact_mut(per_plane).skip(start[0]).take(inside(0, chunk_planes));
        for (target, data) in targets.zip(elements.chunks_exact(chunk_columns * chunk_rows)) {
            let (x, y) = ((start[1], inside(1, chunk_columns)), (start[2], inside(2, chunk_rows)));
            let columns = Columns { data, stride: chunk_rows, x, y };
            columns.write(target, kept, convert).ok_or("the data of a chunk is too short")?;
        }
        Ok(())
    }
}

/// Inflated chunks that hold several frames, so that neighbouring frames do not inflate them again.
#[derive(Debug)]
struct Cache {
    /// Chunks of a slab (all chunks with the same frames) that are worth keeping: so many that the slabs all threads
    /// work on fit. A slab that does not fit is kept in part; evicting in turn would keep nothing.
    n_kept: usize,
    capacity: usize,
    entries: Mutex<VecDeque<(u64, Slot)>>,
}

/// Filled once, by the thread that came first, while the others wait for that chunk alone.
type Slot = Arc<OnceLock<Result<Arc<[u8]>, String>>>;

impl Cache {
    fn new(chunk: &[usize; 4], dataset: &Dataset, index: Option<&ChunkIndex>) -> Self {
        let element_bytes = usize::try_from(dataset.datatype().size()).unwrap_or(1);
        let chunk_bytes = chunk.iter().try_fold(element_bytes, |n, &side| n.checked_mul(side));
        let deep = index.is_some() && chunk[0] > 1;
        let capacity = if deep { CACHE_BYTES / chunk_bytes.unwrap_or(usize::MAX).max(1) } else { 0 };
        // Each thread is at another frame; consecutive frames share a slab, so that a few slabs do for many threads.
        let n_slabs = (rayon::current_num_threads() + 1).min(4);
        Self { n_kept: capacity / n_slabs, capacity, entries: Mutex::default() }
    }

    /// Whether the chunk at this place of a slab is kept.
    fn keeps(&self, place: usize) -> bool {
        place < self.n_kept
    }

    fn get(&self, dataset: &Dataset, chunk: Chunk, scratch: &mut Scratch) -> Result<Arc<[u8]>, String> {
        let slot = self.slot(chunk.number);
        let read = || dataset.read_chunk(chunk, scratch).map(Arc::from).map_err(|error| error.to_string());
        slot.get_or_init(read).clone()
    }

    fn slot(&self, number: u64) -> Slot {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = entries.iter().find(|(kept, _)| *kept == number) {
            return Arc::clone(slot);
        }
        if entries.len() >= self.capacity {
            entries.pop_front();
        }
        let slot = Slot::default();
        entries.push_back((number, Arc::clone(&slot)));
        slot
    }
}
