//! Decoding of pictures with limits and without silent conversions.
//!
//! What a file is, is decided by its first bytes, never by its name. A header is checked against
//! [`MAX_PIXELS`] before memory is asked for, checksums are verified, and a file that ends too early or too late
//! is an error. EXIF orientation is not applied: depth and labels would not follow it.
//!
//! ```
//! use semdepth::source::picture::{decode_u16, Endian};
//! let pgm = b"P5 2 1 65535\n\x01\x00\x02\x00";
//! assert_eq!(decode_u16(pgm, Endian::Big)?, ndarray::array![[256, 512]]);
//! assert_eq!(decode_u16(pgm, Endian::Little)?, ndarray::array![[1, 2]]);
//! # Ok::<(), semdepth::source::picture::PictureError>(())
//! ```

mod error;
mod ids;
mod jpeg;
pub mod npy;
pub mod npz;
mod png;
mod pnm;

use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use ndarray::Array2;

use crate::file;
use crate::sample::{Image, Size};

pub use error::PictureError;
pub use ids::Ids;

/// The most pixels a picture may have.
pub const MAX_PIXELS: usize = 64_000_000;

/// The most bytes a picture file may have: [`MAX_PIXELS`] of eight bytes, with room for a header.
pub const MAX_FILE_BYTES: u64 = 520_000_000;

/// Order of the two bytes of a 16-bit sample in a PGM or PPM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endian {
    /// Most significant byte first, as the format demands.
    #[default]
    Big,
    /// Least significant byte first, as the NYU toolbox writes its disparity.
    Little,
}

/// The kinds of files we tell apart by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Pnm,
    Npy,
    Npz,
}

impl Format {
    fn of(head: &[u8]) -> Result<Self, PictureError> {
        match head {
            [0x89, b'P', b'N', b'G', ..] => Ok(Self::Png),
            [0xff, 0xd8, ..] => Ok(Self::Jpeg),
            [b'P', b'1'..=b'7', ..] => Ok(Self::Pnm),
            [0x93, b'N', b'U', b'M', ..] => Ok(Self::Npy),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Ok(Self::Npz),
            [] => Err(PictureError::unexpected("a picture", "an empty file")),
            _ => {
                let head: Vec<String> = head.iter().take(4).map(|b| format!("{b:02x}")).collect();
                let found = format!("a file that begins with the bytes {}", head.join(" "));
                Err(PictureError::unexpected("PNG, JPEG, PGM, PPM, npy or npz", found))
            }
        }
    }
}

/// Decodes a colour picture: PNG (8 or 16 bit; grey, palette, RGB, with or without alpha), JPEG (RGB, grey, CMYK), PGM or PPM.
///
/// Grey is repeated, alpha is dropped, samples of more or fewer than 8 bits are scaled and rounded.
///
/// # Errors
/// See [`PictureError`].
pub fn decode_rgb(bytes: &[u8]) -> Result<Image, PictureError> {
    match Format::of(bytes)? {
        Format::Png => png::decode_rgb(bytes),
        Format::Jpeg => jpeg::decode_rgb(bytes),
        Format::Pnm => pnm::decode_rgb(bytes),
        Format::Npy | Format::Npz => Err(PictureError::unexpected("a PNG, JPEG or PPM picture", "a NumPy array")),
    }
}

/// Decodes the exact samples of a map, `[H, W]`: grey PNG of 1 to 16 bits (never stretched), the indices of a palette PNG,
/// PGM, or a two-dimensional npy or npz of integers from 0 to 65535.
///
/// `endian` concerns 16-bit PGM only.
///
/// # Errors
/// See [`PictureError`]; a colour picture or a JPEG is [`PictureError::Unexpected`].
pub fn decode_u16(bytes: &[u8], endian: Endian) -> Result<Array2<u16>, PictureError> {
    match Format::of(bytes)? {
        Format::Png => png::decode_u16(bytes),
        Format::Pnm => pnm::decode_u16(bytes, endian),
        Format::Npy => npy::Npy::parse(bytes)?.plane_u16(),
        Format::Npz => npy::Npy::parse(&npz::Npz::parse(bytes)?.map(None)?)?.plane_u16(),
        Format::Jpeg => Err(PictureError::unexpected("exact samples (PNG, PGM or npy)", "a JPEG, which alters them")),
    }
}

/// As [`decode_u16`], and float npy or npz besides: samples as `f32`, `[H, W]`.
///
/// # Errors
/// See [`decode_u16`].
pub fn decode_f32(bytes: &[u8], endian: Endian) -> Result<Array2<f32>, PictureError> {
    match Format::of(bytes)? {
        Format::Npy => npy::Npy::parse(bytes)?.plane_f32(),
        Format::Npz => npy::Npy::parse(&npz::Npz::parse(bytes)?.map(None)?)?.plane_f32(),
        _ => Ok(decode_u16(bytes, endian)?.mapv(f32::from)),
    }
}

/// The samples of a label map, as far as its file says what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Map {
    /// Numbers.
    Ids(Ids),
    /// Numbers, and the colour that a viewer shows for each.
    Indexed {
        /// The numbers.
        ids: Ids,
        /// Red, green, blue of 0, 1, ...
        palette: Vec<[u8; 3]>,
    },
    /// Red, green and blue.
    Colors(Array2<[u8; 3]>),
}

/// As [`decode_u16`], and colour PNG besides. `key` names the array of an npz that has several.
pub(super) fn decode_map(bytes: &[u8], key: Option<&str>) -> Result<Map, PictureError> {
    match Format::of(bytes)? {
        Format::Png => png::decode_map(bytes),
        Format::Npz => npy::Npy::parse(&npz::Npz::parse(bytes)?.map(key)?)?.plane_u16().map(Ids::Wide).map(Map::Ids),
        _ => decode_u16(bytes, Endian::Big).map(Ids::Wide).map(Map::Ids),
    }
}

/// Whether the first bytes are those of a format we know.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    Format::of(bytes).is_ok()
}

/// Height and width from the header of any of the formats above.
///
/// # Errors
/// See [`PictureError`].
pub fn decode_size(bytes: &[u8]) -> Result<Size, PictureError> {
    size_of(std::io::Cursor::new(bytes))
}

/// Bits of a stored sample, from the header.
///
/// # Errors
/// See [`PictureError`].
pub fn decode_bits(bytes: &[u8]) -> Result<u32, PictureError> {
    match Format::of(bytes)? {
        Format::Png => png::bits(bytes),
        Format::Jpeg => Ok(8),
        Format::Pnm => pnm::bits(bytes),
        Format::Npy => npy::bits(bytes),
        Format::Npz => npy::bits(npz::Npz::parse(bytes)?.map(None)?.as_slice()),
    }
}

/// [`decode_rgb`] of a file.
///
/// # Errors
/// See [`PictureError`].
pub fn read_rgb(path: &Path) -> Result<Image, PictureError> {
    decode_rgb(&read_bytes(path)?)
}

/// [`decode_u16`] of a file; 16-bit PGM is big endian, as it should be.
///
/// # Errors
/// See [`PictureError`].
pub fn read_u16(path: &Path) -> Result<Array2<u16>, PictureError> {
    decode_u16(&read_bytes(path)?, Endian::Big)
}

/// [`decode_f32`] of a file; 16-bit PGM is big endian, as it should be.
///
/// # Errors
/// See [`PictureError`].
pub fn read_f32(path: &Path) -> Result<Array2<f32>, PictureError> {
    decode_f32(&read_bytes(path)?, Endian::Big)
}

/// [`decode_size`] of a file, of which only the header is read.
///
/// # Errors
/// See [`PictureError`].
pub fn read_size(path: &Path) -> Result<Size, PictureError> {
    size_of(BufReader::new(file::open(path)?))
}

/// The whole of a file, if it is a plain file no longer than [`MAX_FILE_BYTES`].
///
/// # Errors
/// [`PictureError::Io`], also for a longer file, a folder, pipe or device.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, PictureError> {
    Ok(file::read_bounded(path, MAX_FILE_BYTES)?)
}

fn size_of(mut reader: impl BufRead + Seek) -> Result<Size, PictureError> {
    let size = match Format::of(reader.fill_buf()?)? {
        Format::Png => png::size(reader),
        Format::Jpeg => jpeg::size(reader),
        Format::Pnm => pnm::size(reader),
        Format::Npy => npy::size(reader),
        Format::Npz => {
            let mut bytes = Vec::new();
            reader.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
            npy::size(npz::Npz::parse(&bytes)?.map(None)?.as_slice())
        }
    }?;
    checked_size(size.height, size.width)
}

/// A size within the limit.
fn checked_size(height: usize, width: usize) -> Result<Size, PictureError> {
    let size = Size::new(height, width);
    match height.checked_mul(width) {
        Some(0) => Err(PictureError::unexpected("at least one pixel", size)),
        Some(n) if n <= MAX_PIXELS => Ok(size),
        _ => Err(PictureError::TooLarge { size }),
    }
}

/// Planes from interleaved pixels of `channels` samples (1 or 2: grey, 3 or 4: RGB; the even ones carry alpha, which is dropped).
fn image_from_samples(samples: &[u8], channels: usize, size: Size) -> Option<Image> {
    if channels == 3 {
        return Image::from_interleaved(samples, size);
    }
    let n = size.n_pixels();
    if channels == 0 || samples.len() != n.checked_mul(channels)? {
        return None;
    }
    let colour = |c: usize| if channels < 3 { 0 } else { c };
    let planes = (0..3).flat_map(|c| samples.chunks_exact(channels).map(move |pixel| pixel[colour(c)])).collect();
    Image::from_planes(ndarray::Array3::from_shape_vec((3, size.height, size.width), planes).ok()?)
}

/// Scales a sample of range `0..=max` to eight bits, rounded to nearest.
fn to_8_bits(value: u32, max: u32) -> u8 {
    let scaled = (value.min(max) * 255 + max / 2) / max.max(1);
    u8::try_from(scaled).unwrap_or(u8::MAX)
}
