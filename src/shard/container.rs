//! The file of one shard: compressed chunks one after the other, then the index
//! (Zarr sharding codec 1.0, `index_location: end`).

const ENTRY_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
const ABSENT: u64 = u64::MAX;

/// Why a shard file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Shorter than its index.
    #[error("expected at least {expected} bytes for the index, found {found}")]
    Short {
        /// Bytes of the index.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// The index fails its checksum.
    #[error("the index checksum does not match: expected {expected:08x}, found {found:08x}")]
    Checksum {
        /// As stored.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// An entry points outside the chunks.
    #[error("index entry {entry}: offset {offset} + {len} bytes reach beyond the {end} bytes of chunks")]
    Range {
        /// Number of the chunk within the shard.
        entry: usize,
        /// Where it says to begin.
        offset: u64,
        /// Its length.
        len: u64,
        /// Where the index begins.
        end: u64,
    },
}

/// Where each chunk of a shard lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    entries: Vec<Option<(u64, u64)>>,
}

impl Index {
    /// Bytes of the index of a shard of `n` chunks, checksum included.
    #[must_use]
    pub const fn n_bytes(n: usize) -> usize {
        n * ENTRY_BYTES + CHECKSUM_BYTES
    }

    /// Appends the place of the next chunk; `None` when it is left out.
    pub fn push(&mut self, place: Option<(u64, u64)>) {
        self.entries.push(place);
    }

    /// Offset and length of a chunk; `None` when it is left out (or beyond the shard).
    #[must_use]
    pub fn get(&self, chunk: usize) -> Option<(u64, u64)> {
        self.entries.get(chunk).copied().flatten()
    }

    /// The index as stored, for a shard of `n` chunks; those not pushed are left out.
    #[must_use]
    pub fn to_bytes(&self, n: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..n)
            .map(|i| self.get(i).unwrap_or((ABSENT, ABSENT)))
            .flat_map(|(offset, len)| [offset.to_le_bytes(), len.to_le_bytes()].concat())
            .collect();
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Parses the last [`n_bytes`](Self::n_bytes)`(n)` bytes of a file of `file_len` bytes.
    ///
    /// # Errors
    /// Wrong length, checksum, or an entry outside the file.
    pub fn parse(tail: &[u8], n: usize, file_len: u64) -> Result<Self, ContainerError> {
        let short = ContainerError::Short { expected: Self::n_bytes(n) as u64, found: tail.len() as u64 };
        if tail.len() != Self::n_bytes(n) {
            return Err(short);
        }
        let Some((body, checksum)) = tail.split_last_chunk::<CHECKSUM_BYTES>() else { return Err(short) };
        let (expected, found) = (u32::from_le_bytes(*checksum), crc32c::crc32c(body));
        if expected != found {
            return Err(ContainerError::Checksum { expected, found });
        }
        let end = file_len.saturating_sub(tail.len() as u64);
        let (words, _) = body.as_chunks::<8>();
        let (pairs, _) = words.as_chunks::<2>();
        let place = |(entry, &[offset, len]): (usize, &[[u8; 8]; 2])| {
            let (offset, len) = (u64::from_le_bytes(offset), u64::from_le_bytes(len));
            if (offset, len) == (ABSENT, ABSENT) {
                return Ok(None);
            }
            if offset.checked_add(len).is_none_or(|e| e > end) {
                return Err(ContainerError::Range { entry, offset, len, end });
            }
            Ok(Some((offset, len)))
        };
        Ok(Self { entries: pairs.iter().enumerate().map(place).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_survives_the_round_trip() {
        let mut index = Index::default();
        index.push(Some((0, 10)));
        index.push(None);
        index.push(Some((10, 7)));
        let bytes = index.to_bytes(4);
        assert_eq!(bytes.len(), Index::n_bytes(4));
        let read = Index::parse(&bytes, 4, 17 + bytes.len() as u64).unwrap();
        assert_eq!((0..4).map(|i| read.get(i)).collect::<Vec<_>>(), [Some((0, 10)), None, Some((10, 7)), None]);
    }

    #[test]
    fn entries_outside_the_file_are_refused() {
        let mut index = Index::default();
        index.push(Some((u64::MAX - 1, 5)));
        assert!(matches!(Index::parse(&index.to_bytes(1), 1, 100), Err(ContainerError::Range { .. })));
        let mut bytes = index.to_bytes(1);
        bytes[0] ^= 1;
        assert!(matches!(Index::parse(&bytes, 1, 100), Err(ContainerError::Checksum { .. })));
        assert!(matches!(Index::parse(&bytes[1..], 1, 100), Err(ContainerError::Short { .. })));
    }
}
