//! One sample of one array: the inner codecs `bytes(little), zstd(3), crc32c`.

use xxhash_rust::xxh3::xxh3_128;

/// zstd level of every set.
pub(super) const LEVEL: i32 = 3;

const CHECKSUM_BYTES: usize = 4;

/// Content hash of the bytes of one sample as the array holds them: xxh3-128, 32 hexadecimal digits.
pub(super) fn content_hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Compresses chunks.
pub(super) struct Compressor {
    context: zstd::bulk::Compressor<'static>,
    /// As large as a chunk can become. Chunks wait for their turn to be written, so they take no more than they need.
    buffer: Vec<u8>,
}

impl Compressor {
    /// # Errors
    /// When zstd cannot allocate its context.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { context: zstd::bulk::Compressor::new(LEVEL)?, buffer: Vec::new() })
    }

    /// The chunk of one sample; `None` when it equals the fill value, which Zarr stores by leaving it out.
    pub(super) fn encode(&mut self, bytes: &[u8], fill: u8) -> std::io::Result<Option<Vec<u8>>> {
        if is_fill(bytes, fill) {
            return Ok(None);
        }
        self.buffer.clear();
        self.buffer.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        self.context.compress_to_buffer(bytes, &mut self.buffer)?;
        let checksum = crc32c::crc32c(&self.buffer).to_le_bytes();
        Ok(Some([self.buffer.as_slice(), &checksum].concat()))
    }
}

/// Whether every byte is the fill byte.
pub(super) fn is_fill(bytes: &[u8], fill: u8) -> bool {
    // Byte after byte would cost as much as compressing flat regions; whole blocks compare at memory speed.
    bytes.chunks(64).all(|block| block.iter().fold(0, |acc, &b| acc | (b ^ fill)) == 0)
}

/// Checks and decompresses one chunk into `out`, whose memory is reused; a sample has `n_bytes`.
///
/// # Errors
/// In words, without the place: checksum, damaged frame, wrong length.
pub(super) fn decode(
    decompressor: &mut zstd::bulk::Decompressor<'_>,
    chunk: &[u8],
    n_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let Some((frame, checksum)) = chunk.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(format!("expected a chunk of more than {CHECKSUM_BYTES} bytes, found {}", chunk.len()));
    };
    let (expected, found) = (u32::from_le_bytes(*checksum), crc32c::crc32c(frame));
    if expected != found {
        return Err(format!("checksum does not match: expected {expected:08x}, found {found:08x}"));
    }
    out.clear();
    out.reserve_exact(n_bytes);
    match decompressor.decompress_to_buffer(frame, out) {
        Ok(n) if n == n_bytes => Ok(()),
        Ok(n) => Err(format!("expected {n_bytes} bytes after decompression, found {n}")),
        Err(e) => Err(format!("expected {n_bytes} bytes after decompression: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8], fill: u8) -> Option<Vec<u8>> {
        Compressor::new().unwrap().encode(bytes, fill).unwrap()
    }

    #[test]
    fn a_chunk_survives_the_round_trip() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 7) as u8).collect();
        let chunk = encode(&bytes, 0).unwrap();
        let mut out = Vec::new();
        decode(&mut zstd::bulk::Decompressor::new().unwrap(), &chunk, bytes.len(), &mut out).unwrap();
        assert_eq!(out, bytes);
    }

    #[test]
    fn a_chunk_of_fill_is_left_out() {
        assert_eq!(encode(&[255; 100], 255), None);
        let mut nearly = [255; 100];
        nearly[99] = 254;
        assert!(encode(&nearly, 255).is_some());
    }

    #[test]
    fn damage_is_told_from_wrong_size() {
        let (mut decompressor, mut out) = (zstd::bulk::Decompressor::new().unwrap(), Vec::new());
        let mut chunk = encode(&[7; 100], 0).unwrap();
        let error = decode(&mut decompressor, &chunk, 101, &mut out).unwrap_err();
        assert!(error.contains("expected 101 bytes"), "{error}");
        assert!(decode(&mut decompressor, &chunk, 99, &mut out).is_err());
        chunk[3] ^= 1;
        assert!(decode(&mut decompressor, &chunk, 100, &mut out).unwrap_err().contains("checksum"));
        assert!(decode(&mut decompressor, &[1, 2], 1, &mut out).is_err());
    }
}
