//! The filter pipeline, version 1 (section IV.A.2.l): deflate, shuffle and fletcher32, undone in reverse order.

use flate2::{Decompress, FlushDecompress, Status};

use super::fields::Fields;
use super::{Error, Result};

/// Deflate cannot shrink anything further than this.
const MAX_DEFLATE_RATIO: u64 = 1032;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Deflate,
    /// Bytes of equal weight stand together; holds the size of an element.
    Shuffle(usize),
    /// A checksum of four bytes follows.
    Fletcher32,
}

/// The filters of a dataset, in the order they were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pipeline(Vec<Filter>);

/// Buffers and the inflate state for reading chunks one after the other.
#[derive(Debug)]
pub struct Scratch {
    inflate: Decompress,
    /// The chunk as stored, then alternately input and output of the filters.
    pub(super) stored: Vec<u8>,
    spare: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { inflate: Decompress::new(true), stored: Vec::new(), spare: Vec::new() }
    }
}

impl Pipeline {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self> {
        let version = fields.u8()?;
        if version == 2 {
            return Err(Error::newer("filter pipeline version 2"));
        }
        if version != 1 {
            return Err(fields.damaged(format!("expected version 1, found {version}")));
        }
        let n_filters = fields.u8()?;
        if n_filters > 32 {
            return Err(fields.damaged(format!("expected at most 32 filters, found {n_filters}")));
        }
        fields.skip(6)?;
        let filters = (0..n_filters).map(|_| parse_filter(&mut fields)).collect::<Result<Vec<_>>>()?;
        Ok(Self(filters))
    }

    /// Undoes the filters on `scratch.stored`, of which those in `mask` were left out when the chunk was written.
    /// Gives the `n_bytes` bytes of the chunk, which stay in `scratch`.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub(super) fn decode<'s>(
        &self,
        mask: u32,
        n_bytes: usize,
        scratch: &'s mut Scratch,
    ) -> std::result::Result<&'s [u8], String> {
        let applied = |i: &usize| mask >> i & 1 == 0;
        for (i, filter) in self.0.iter().enumerate().rev().filter(|(i, _)| applied(i)) {
            // What the filters before this one had made of the chunk: only the checksum changes a length for certain.
            let earlier = self.0.iter().enumerate().take(i).filter(|(j, _)| applied(j));
            let n_checksums = earlier.clone().filter(|(_, filter)| **filter == Filter::Fletcher32).count();
            let n_deflates = earlier.filter(|(_, filter)| **filter == Filter::Deflate).count();
            let length = (n_deflates == 0).then_some(n_bytes + 4 * n_checksums);
            match *filter {
                Filter::Deflate => scratch.inflate(length.ok_or("deflated more than once")?)?,
                Filter::Shuffle(size) => scratch.unshuffle(size),
                Filter::Fletcher32 => scratch.check_fletcher32()?,
            }
        }
        if scratch.stored.len() != n_bytes {
            return Err(format!("expected {n_bytes} bytes, found {}", scratch.stored.len()));
        }
        Ok(&scratch.stored)
    }
}

fn parse_filter(fields: &mut Fields<'_>) -> Result<Filter> {
    let (id, name_bytes) = (fields.u16()?, usize::from(fields.u16()?));
    fields.skip(2)?; // whether a writer may leave it out
    let n_values = usize::from(fields.u16()?);
    let name = fields.bytes(name_bytes.next_multiple_of(8))?;
    let first_value = if n_values == 0 { None } else { Some(fields.u32()?) };
    fields.skip(4 * n_values.saturating_sub(1) + 4 * (n_values % 2))?;
    match (id, first_value.map(usize::try_from)) {
        (1, _) => Ok(Filter::Deflate),
        (2, Some(Ok(size))) if size > 0 => Ok(Filter::Shuffle(size)),
        (2, _) => Err(fields.damaged("the shuffle filter does not say the size of an element")),
        (3, _) => Ok(Filter::Fletcher32),
        _ => {
            let name = String::from_utf8_lossy(name);
            let name = name.trim_end_matches('\0');
            Err(Error::Unsupported(format!(
                "filter {id} `{name}` is none of deflate, shuffle and fletcher32; \
                 `h5repack --filter=GZIP=3 IN OUT` rewrites the file with deflate"
            )))
        }
    }
}

impl Scratch {
    fn inflate(&mut self, n_bytes: usize) -> std::result::Result<(), String> {
        let limit = (self.stored.len() as u64).saturating_mul(MAX_DEFLATE_RATIO).saturating_add(64);
        if n_bytes as u64 > limit {
            return Err(format!("{} deflated bytes cannot hold {n_bytes}", self.stored.len()));
        }
        self.spare.resize(n_bytes, 0);
        self.inflate.reset(true);
        let status = self.inflate.decompress(&self.stored, &mut self.spare, FlushDecompress::Finish);
        let n_out = self.inflate.total_out();
        match status {
            Ok(Status::StreamEnd) if n_out == n_bytes as u64 => {}
            Ok(Status::StreamEnd) => return Err(format!("expected {n_bytes} bytes after inflating, found {n_out}")),
            Ok(_) if n_out == n_bytes as u64 => return Err(format!("inflates to more than {n_bytes} bytes")),
            Ok(_) => return Err(format!("the deflate stream ends after {n_out} of {n_bytes} bytes")),
            Err(error) => return Err(format!("not a deflate stream: {error}")),
        }
        std::mem::swap(&mut self.stored, &mut self.spare);
        Ok(())
    }

    fn unshuffle(&mut self, size: usize) {
        let n = self.stored.len() / size;
        if size == 1 || n < 2 {
            return; // libhdf5 leaves such chunks as they are
        }
        self.spare.clear();
        self.spare.extend_from_slice(&self.stored); // a rest shorter than an element stays in its place
        for (weight, plane) in self.stored.chunks_exact(n).take(size).enumerate() {
            let places = self.spare.get_mut(weight..).unwrap_or_default();
            for (&byte, place) in plane.iter().zip(places.iter_mut().step_by(size)) {
                *place = byte;
            }
        }
        std::mem::swap(&mut self.stored, &mut self.spare);
    }

    fn check_fletcher32(&mut self) -> std::result::Result<(), String> {
        let Some((data, stored)) = self.stored.split_last_chunk::<4>() else {
            return Err("too short for its checksum".to_owned());
        };
        let (found, expected) = (fletcher32(data), u32::from_le_bytes(*stored));
        // Before 1.6.3 libhdf5 wrote the bytes of each half the other way round on little-endian machines.
        let swapped = (expected & 0x00FF_00FF) << 8 | (expected >> 8 & 0x00FF_00FF);
        if found != expected && found != swapped {
            return Err(format!("its checksum is {found:08x}, the stored one {expected:08x}"));
        }
        let n_bytes = data.len();
        self.stored.truncate(n_bytes);
        Ok(())
    }
}

/// Fletcher's checksum over 16-bit words, most significant byte first, as libhdf5 computes it.
pub(super) fn fletcher32(data: &[u8]) -> u32 {
    let (mut low, mut high) = (0_u32, 0_u32);
    // 360 words is what the sums can take before they must be folded.
    for block in data.chunks(720) {
        for word in block.chunks(2) {
            let (first, second) = (word.first().copied().unwrap_or(0), word.get(1).copied().unwrap_or(0));
            low += u32::from(u16::from_be_bytes([first, second]));
            high += low;
        }
        low = (low & 0xFFFF) + (low >> 16);
        high = (high & 0xFFFF) + (high >> 16);
    }
    low = (low & 0xFFFF) + (low >> 16);
    high = (high & 0xFFFF) + (high >> 16);
    high << 16 | low
}
