use std::sync::Arc;

use super::datatype::Datatype;
use super::filter::{Pipeline, Scratch};
use super::layout::{self, Layout};
use super::object::{Object, kind};
use super::storage::Storage;
use super::{Chunk, ChunkIndex, Error, Result, dataspace};

/// The longest chunk that is read, in bytes after inflating. MATLAB and h5py make chunks of about a megabyte.
pub const MAX_CHUNK_BYTES: u64 = 256 << 20;

/// A dataset: its description and the way to its elements. Reading needs `&self` alone.
#[derive(Clone, Debug)]
pub struct Dataset {
    storage: Arc<Storage>,
    at: u64,
    shape: Vec<u64>,
    datatype: Datatype,
    layout: Layout,
    filters: Pipeline,
    /// One element; empty for zeros.
    fill: Vec<u8>,
}

impl Dataset {
    pub(super) fn read(object: &Object) -> Result<Self> {
        let at = object.at();
        if object.has(kind::EXTERNAL) {
            return Err(Error::Unsupported(format!("the dataset at byte {at} keeps its data in other files")));
        }
        let shape = dataspace::parse(object.needed(kind::DATASPACE, "dataspace")?)?;
        let shape =
            shape.ok_or_else(|| Error::Unsupported(format!("the dataset at byte {at} has a null dataspace")))?;
        let datatype = Datatype::parse(object.needed(kind::DATATYPE, "datatype")?)?;
        let layout = layout::parse(object.needed(kind::LAYOUT, "data layout")?)?;
        if let Layout::Chunked { chunk, element_bytes, .. } = &layout
            && (chunk.len() != shape.len() || *element_bytes != datatype.size())
        {
            let reason = format!(
                "expected chunks of {} axes and elements of {} bytes, found {} and {element_bytes}",
                shape.len(),
                datatype.size(),
                chunk.len()
            );
            return Err(Error::damaged("data layout", at, reason));
        }
        let filters = object.message(kind::FILTERS, "filter pipeline")?.map(Pipeline::parse).transpose()?;
        let fill = fill_value(object, datatype.size())?;
        let storage = Arc::clone(object.storage());
        Ok(Self { storage, at, shape, datatype, layout, filters: filters.unwrap_or_default(), fill })
    }

    /// Number of elements along each axis, slowest first.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Type of an element.
    #[must_use]
    pub fn datatype(&self) -> Datatype {
        self.datatype
    }

    /// Number of elements.
    #[must_use]
    pub fn n_elements(&self) -> u64 {
        dataspace::n_elements(&self.shape).unwrap_or(u64::MAX)
    }

    /// Number of elements along each axis of a chunk; `None` when the data is in one piece.
    #[must_use]
    pub fn chunk_shape(&self) -> Option<&[u64]> {
        if let Layout::Chunked { chunk, .. } = &self.layout { Some(chunk) } else { None }
    }

    /// Where the chunks are; `None` when the data is in one piece.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the index contradicts itself or the shape.
    pub fn chunk_index(&self) -> Result<Option<ChunkIndex>> {
        let Layout::Chunked { tree, chunk, .. } = &self.layout else { return Ok(None) };
        ChunkIndex::read(&self.storage, *tree, &self.shape, chunk).map(Some)
    }

    /// Reads one chunk and undoes its filters. A chunk at the edge is stored whole; the caller cuts it.
    /// The bytes stay in `scratch`.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the place of the chunk, [`Error::TooLarge`] above [`MAX_CHUNK_BYTES`].
    pub fn read_chunk<'s>(&self, chunk: Chunk, scratch: &'s mut Scratch) -> Result<&'s [u8]> {
        const PART: &str = "chunk";
        let n_bytes = self.chunk_bytes()?;
        self.storage.read_into(PART, chunk.address, u64::from(chunk.n_bytes), &mut scratch.stored)?;
        let decoded = self.filters.decode(chunk.mask, n_bytes, scratch);
        decoded.map_err(|reason| Error::damaged(PART, self.storage.place(chunk.address), reason))
    }

    /// Reads `n_bytes` bytes from byte `start` of data that is in one piece; `None` for chunked data.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the data ends before.
    pub fn read_piece(&self, start: u64, n_bytes: u64, buffer: &mut Vec<u8>) -> Result<Option<()>> {
        const PART: &str = "data";
        match &self.layout {
            Layout::Chunked { .. } => return Ok(None),
            Layout::Contiguous { address: Some(address) } => {
                let address =
                    address.checked_add(start).ok_or_else(|| Error::damaged(PART, self.at, "lies outside"))?;
                self.storage.read_into(PART, address, n_bytes, buffer)?;
            }
            Layout::Contiguous { address: None } => {
                let length =
                    usize::try_from(n_bytes).map_err(|_| Error::damaged(PART, self.at, "longer than memory"))?;
                *buffer = self.filled(length);
            }
            Layout::Compact(data) => {
                let start = usize::try_from(start).ok();
                let end = start.and_then(|start| start.checked_add(usize::try_from(n_bytes).ok()?));
                let piece = start.zip(end).and_then(|(start, end)| data.get(start..end));
                let piece = piece.ok_or_else(|| {
                    Error::damaged(PART, self.at, format_args!("{} bytes are too few for its shape", data.len()))
                })?;
                buffer.clear();
                buffer.extend_from_slice(piece);
            }
        }
        Ok(Some(()))
    }

    /// Bytes of a chunk of a chunked dataset, decoded.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`MAX_CHUNK_BYTES`].
    pub fn chunk_bytes(&self) -> Result<usize> {
        let elements = self.chunk_shape().and_then(dataspace::n_elements);
        within("chunk", elements.and_then(|n| n.checked_mul(self.element_bytes())), MAX_CHUNK_BYTES)
    }

    /// All elements, as stored, slowest axis first.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::TooLarge`] above `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>> {
        let needed = self.n_elements().checked_mul(self.element_bytes());
        let n_bytes = within("a dataset", needed, limit)?;
        let mut data = Vec::new();
        if self.read_piece(0, n_bytes as u64, &mut data)?.is_some() {
            return Ok(data);
        }
        data = self.filled(n_bytes);
        let (Some(index), Some(chunk_shape)) = (self.chunk_index()?, self.chunk_shape()) else { return Ok(data) };
        let mut scratch = Scratch::default();
        for &chunk in index.chunks() {
            let bytes = self.read_chunk(chunk, &mut scratch)?;
            let rows = Rows::new(chunk.number, index.grid(), chunk_shape, &self.shape);
            rows.copy(bytes, &mut data, self.element_bytes());
        }
        Ok(data)
    }

    /// `n_bytes` bytes of the fill value.
    pub fn filled(&self, n_bytes: usize) -> Vec<u8> {
        if self.fill.is_empty() { vec![0; n_bytes] } else { self.fill.iter().copied().cycle().take(n_bytes).collect() }
    }

    fn element_bytes(&self) -> u64 {
        u64::from(self.datatype.size())
    }
}

fn within(what: &str, needed: Option<u64>, limit: u64) -> Result<usize> {
    let needed = needed.unwrap_or(u64::MAX);
    let too_large = || Error::TooLarge { what: what.to_owned(), needed, limit };
    if needed > limit {
        return Err(too_large());
    }
    usize::try_from(needed).map_err(|_| too_large())
}

/// One element of the fill value, from the message of either generation (sections IV.A.2.e and f); empty for zeros.
fn fill_value(object: &Object, element_bytes: u32) -> Result<Vec<u8>> {
    let (fields, n_bytes) = if let Some(mut fields) = object.message(kind::FILL, "fill value")? {
        let version = fields.u8()?;
        let defined = match version {
            1 | 2 => {
                fields.skip(2)?; // when space is taken and when it is filled
                fields.u8()? != 0 || version == 1
            }
            3 => fields.u8()? & 0x20 != 0,
            _ => return Err(fields.damaged(format!("expected version 1 to 3, found {version}"))),
        };
        let n_bytes = if defined { fields.u32()? } else { 0 };
        (fields, n_bytes)
    } else if let Some(mut fields) = object.message(kind::OLD_FILL, "fill value")? {
        let n_bytes = fields.u32()?;
        (fields, n_bytes)
    } else {
        return Ok(Vec::new());
    };
    if n_bytes == 0 {
        return Ok(Vec::new());
    }
    let mut fields = fields;
    if n_bytes != element_bytes {
        return Err(fields.damaged(format!("expected {element_bytes} bytes, found {n_bytes}")));
    }
    let n_bytes = usize::try_from(n_bytes).map_err(|_| fields.damaged("longer than memory"))?;
    Ok(fields.bytes(n_bytes)?.to_vec())
}

/// The part of a chunk that lies inside the dataset, as rows along the last axis.
struct Rows<'a> {
    /// First element of the chunk in the dataset, an axis each.
    start: Vec<u64>,
    /// Sides of the part inside.
    inside: Vec<u64>,
    chunk: &'a [u64],
    shape: &'a [u64],
}

impl<'a> Rows<'a> {
    fn new(number: u64, grid: &[u64], chunk: &'a [u64], shape: &'a [u64]) -> Self {
        let mut rest = number;
        let mut start = vec![0; shape.len()];
        for ((start, &n_chunks), &step) in start.iter_mut().zip(grid).zip(chunk).rev() {
            let n_chunks = n_chunks.max(1);
            *start = rest % n_chunks * step;
            rest /= n_chunks;
        }
        let inside = start.iter().zip(chunk).zip(shape);
        let inside = inside.map(|((&start, &step), &side)| step.min(side.saturating_sub(start))).collect();
        Self { start, inside, chunk, shape }
    }

    /// Copies every row to its place. The caller has checked that both buffers have their full length.
    fn copy(&self, from: &[u8], to: &mut [u8], element_bytes: u64) {
        let Some((&row, outer)) = self.inside.split_last() else { return };
        let n_rows = dataspace::n_elements(outer).unwrap_or(0);
        let piece = |start: u64| {
            let start = usize::try_from(start * element_bytes).ok()?;
            Some(start..start.checked_add(usize::try_from(row * element_bytes).ok()?)?)
        };
        for i in 0..n_rows {
            let (source, target) = self.row(i);
            let source = piece(source).and_then(|piece| from.get(piece));
            let target = piece(target).and_then(|piece| to.get_mut(piece));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
    }

    /// Where row `i` begins, in elements of the chunk and of the dataset.
    fn row(&self, i: u64) -> (u64, u64) {
        let (mut rest, mut source, mut target) = (i, 0, 0);
        let (mut source_step, mut target_step) = (1, 1);
        let axes = self.inside.iter().zip(&self.start).zip(self.chunk.iter().zip(self.shape));
        for (from_last, ((&inside, &start), (&chunk, &side))) in axes.rev().enumerate() {
            let is_row = from_last == 0;
            let at = if is_row { 0 } else { rest % inside };
            rest = if is_row { rest } else { rest / inside };
            source += at * source_step;
            target += (start + at) * target_step;
            source_step *= chunk;
            target_step *= side;
        }
        (source, target)
    }
}
