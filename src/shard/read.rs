//! Samples of a set, read chunk by chunk and checked.

use std::io;
use std::os::unix::fs::FileExt;

use ndarray::{Array2, Array3};

use super::array::{Array, Dtype, Field};
use super::chunk;
use super::set::{Set, SetError, Shard};
use crate::file::from_le;
use crate::sample::{Confidence, Depth, Image, Intrinsics, Sample, Semantics};

/// Reads samples of one set.
pub struct Reader<'s> {
    set: &'s Set,
    decompressor: zstd::bulk::Decompressor<'static>,
    /// A chunk as it is stored, and depth as its array holds it.
    chunk: Vec<u8>,
    plain: Vec<u8>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(set: &'s Set) -> io::Result<Self> {
        Ok(Self { set, decompressor: zstd::bulk::Decompressor::new()?, chunk: Vec::new(), plain: Vec::new() })
    }

    /// All fields of a row.
    ///
    /// # Errors
    /// The row is quarantined, or a chunk is lost or damaged (checksums are verified).
    pub fn sample(&mut self, row: usize) -> Result<Sample, SetError> {
        let mut sample = Sample::new(self.image(row)?, self.depth(Field::Depth, row)?);
        for array in self.set.arrays() {
            match array.field {
                Field::Image | Field::Depth => {}
                Field::Semantics => sample.semantics = Some(Semantics::new(self.plane(array.field, row)?)),
                Field::Confidence => sample.confidence = Some(Confidence::new(self.plane(array.field, row)?)),
                Field::RawDepth => sample.raw_depth = Some(self.depth(array.field, row)?),
                Field::Intrinsics => sample.intrinsics = Some(self.intrinsics(row)?),
            }
        }
        Ok(sample)
    }

    /// The picture of a row.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn image(&mut self, row: usize) -> Result<Image, SetError> {
        let size = self.set.spec().size;
        let planes = Array3::from_shape_vec((3, size.height, size.width), self.bytes(Field::Image, row)?);
        planes.ok().and_then(Image::from_planes).ok_or_else(|| self.misfit(Field::Image, row))
    }

    /// The class ids of a row, if the set has any.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn semantics(&mut self, row: usize) -> Result<Option<Semantics>, SetError> {
        let plane = self.set.array(Field::Semantics).map(|_| self.plane(Field::Semantics, row));
        Ok(plane.transpose()?.map(Semantics::new))
    }

    /// The confidences of a row, if the set has any.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn confidence(&mut self, row: usize) -> Result<Option<Confidence>, SetError> {
        let plane = self.set.array(Field::Confidence).map(|_| self.plane(Field::Confidence, row));
        Ok(plane.transpose()?.map(Confidence::new))
    }

    fn plane(&mut self, field: Field, row: usize) -> Result<Array2<u8>, SetError> {
        let size = self.set.spec().size;
        let plane = Array2::from_shape_vec((size.height, size.width), self.bytes(field, row)?);
        plane.map_err(|_| self.misfit(field, row))
    }

    fn depth(&mut self, field: Field, row: usize) -> Result<Depth, SetError> {
        let size = self.set.spec().size;
        let mut bytes = std::mem::take(&mut self.plain);
        self.read(field, row, &mut bytes)?;
        let metres: Vec<f32> = match self.set.array(field) {
            Some((_, array)) if array.dtype == Dtype::U16 => {
                let scale = array.scale_factor.unwrap_or(1.0);
                bytes.as_chunks().0.iter().map(|step| metres_of(u16::from_le_bytes(*step), scale)).collect()
            }
            _ => from_le(&bytes),
        };
        self.plain = bytes;
        let metres = Array2::from_shape_vec((size.height, size.width), metres);
        metres.map(|metres| Depth::from_metres(metres).0).map_err(|_| self.misfit(field, row))
    }

    fn intrinsics(&mut self, row: usize) -> Result<Intrinsics, SetError> {
        let bytes = self.bytes(Field::Intrinsics, row)?;
        let values: Vec<f64> = bytes.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
        values.try_into().map(Intrinsics::from_array).map_err(|_| self.misfit(Field::Intrinsics, row))
    }

    /// The bytes of one field of a row as its array holds them.
    ///
    /// # Errors
    /// The row is quarantined, the set has no such field, or the chunk is lost or damaged.
    pub fn bytes(&mut self, field: Field, row: usize) -> Result<Vec<u8>, SetError> {
        let mut bytes = Vec::new();
        self.read(field, row, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`bytes`](Self::bytes), into a buffer that is reused.
    fn read(&mut self, field: Field, row: usize, out: &mut Vec<u8>) -> Result<(), SetError> {
        let record = self.set.records().get(row);
        if let Some(fault) = record.and_then(|r| r.quarantined.clone()) {
            let (path, fault) = (self.set.root().to_owned(), Box::new(fault));
            return Err(SetError::Quarantined { path, key: self.key(row), row, fault });
        }
        match self.stored(field, row, out) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.error(field, row, "the chunk is lost: it holds data but is not in its shard".into())),
            Err(reason) => Err(self.error(field, row, reason)),
        }
    }

    /// What the array holds at a row goes to `out`, whose memory is reused. `false` when the chunk is left out although
    /// its content is not all fill. Quarantined rows read as fill.
    pub(super) fn stored(&mut self, field: Field, row: usize, out: &mut Vec<u8>) -> Result<bool, String> {
        let set = self.set;
        let found = set.array(field).zip(set.records().get(row));
        let ((i, array), record) = found.ok_or_else(|| format!("the set has no field {field} or no row {row}"))?;
        let per_shard = set.spec().samples_per_shard;
        let shard = set.shard(i, row / per_shard)?;
        let Some((offset, len)) = shard.index.get(row % per_shard) else {
            out.clear();
            out.resize(array.n_bytes(), field.fill_byte());
            let is_fill = || record.hashes.get(field.name()) == Some(&chunk::content_hash(out));
            return Ok(record.quarantined.is_some() || is_fill());
        };
        read_chunk(array, shard, offset, len, &mut self.chunk)?;
        chunk::decode(&mut self.decompressor, &self.chunk, array.n_bytes(), out)?;
        Ok(true)
    }

    /// The compressed chunk of a field of a row, with its checksum; `None` when it is left out as fill.
    ///
    /// # Errors
    /// The set has no such field, or the shard is lost or damaged.
    pub fn chunk(&self, field: Field, row: usize) -> Result<Option<Vec<u8>>, SetError> {
        let read = || {
            let (i, array) = self.set.array(field).ok_or(format!("the set has no field {field}"))?;
            let per_shard = self.set.spec().samples_per_shard;
            let shard = self.set.shard(i, row / per_shard)?;
            let Some((offset, len)) = shard.index.get(row % per_shard) else { return Ok(None) };
            let mut chunk = Vec::new();
            read_chunk(array, shard, offset, len, &mut chunk)?;
            Ok(Some(chunk))
        };
        read().map_err(|reason: String| self.error(field, row, reason))
    }

    fn key(&self, row: usize) -> String {
        self.set.records().get(row).map(|r| r.entry.key.clone()).unwrap_or_default()
    }

    fn misfit(&self, field: Field, row: usize) -> SetError {
        self.error(field, row, "the bytes do not fit the array's shape".into())
    }

    fn error(&self, field: Field, row: usize, reason: String) -> SetError {
        let set = self.set;
        let path = set.array(field).map(|(_, a)| set.root().join(a.shard_path(row / set.spec().samples_per_shard)));
        SetError::Sample { path: path.unwrap_or_else(|| set.root().to_owned()), key: self.key(row), row, field, reason }
    }
}

/// A compressed chunk as stored.
fn read_chunk(array: &Array, shard: &Shard, offset: u64, len: u64, chunk: &mut Vec<u8>) -> Result<(), String> {
    // A chunk larger than its sample could only be damage: zstd adds less than this.
    let limit = zstd::zstd_safe::compress_bound(array.n_bytes()) + 64;
    let len = usize::try_from(len).ok().filter(|&l| l <= limit).ok_or(format!("a chunk of {len} bytes"))?;
    chunk.resize(len, 0);
    shard.file.read_exact_at(chunk, offset).map_err(|e| e.to_string())
}

#[expect(clippy::cast_possible_truncation, reason = "metres are kept as f32")]
fn metres_of(step: u16, scale_factor: f64) -> f32 {
    (f64::from(step) * scale_factor) as f32
}
