//! Binary PGM (P5) and PPM (P6) of the Netpbm formats.

use std::io::{BufRead, Read};

use ndarray::Array2;

use super::{Endian, PictureError, checked_size, image_from_samples, to_8_bits};
use crate::sample::{Image, Size};

/// Comments included; real headers have some twenty bytes.
const MAX_HEADER_BYTES: u64 = 64 << 10;

struct Header {
    /// 1 or 3.
    channels: usize,
    size: Size,
    max: u16,
}

pub(super) fn decode_rgb(bytes: &[u8]) -> Result<Image, PictureError> {
    let (header, samples) = decode(bytes, Endian::Big)?;
    let max = u32::from(header.max);
    let samples: Vec<u8> = samples.into_iter().map(|v| to_8_bits(u32::from(v), max)).collect();
    image_from_samples(&samples, header.channels, header.size)
        .ok_or_else(|| damaged("the pixels do not fill the picture"))
}

pub(super) fn decode_u16(bytes: &[u8], endian: Endian) -> Result<Array2<u16>, PictureError> {
    let (header, samples) = decode(bytes, endian)?;
    if header.channels != 1 {
        return Err(PictureError::unexpected("a grey picture (PGM)", "a colour one (PPM)"));
    }
    Array2::from_shape_vec((header.size.height, header.size.width), samples)
        .map_err(|_| damaged("the samples do not fill the picture"))
}

pub(super) fn size(reader: impl BufRead) -> Result<Size, PictureError> {
    Ok(header(reader)?.0.size)
}

pub(super) fn bits(reader: impl BufRead) -> Result<u32, PictureError> {
    Ok(if header(reader)?.0.max > 255 { 16 } else { 8 })
}

fn decode(bytes: &[u8], endian: Endian) -> Result<(Header, Vec<u16>), PictureError> {
    let (header, at) = header(bytes)?;
    let n = checked_size(header.size.height, header.size.width)?.n_pixels() * header.channels;
    let data = bytes.get(at..).unwrap_or_default();
    let n_bytes = if header.max > 255 { 2 * n } else { n };
    if data.len() != n_bytes {
        return Err(damaged(format!("expected {n_bytes} bytes after the header, found {}", data.len())));
    }
    let samples: Vec<u16> = match (header.max > 255, endian) {
        (false, _) => data.iter().copied().map(u16::from).collect(),
        (true, Endian::Big) => data.as_chunks().0.iter().map(|&b| u16::from_be_bytes(b)).collect(),
        (true, Endian::Little) => data.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect(),
    };
    match samples.iter().find(|&&v| v > header.max) {
        Some(v) => Err(damaged(format!("sample {v} is above the stated maximum {}", header.max))),
        None => Ok((header, samples)),
    }
}

/// The header and its length.
fn header(reader: impl BufRead) -> Result<(Header, usize), PictureError> {
    let mut bytes = reader.take(MAX_HEADER_BYTES).bytes();
    let mut n_read = 0;
    let mut next = || -> Result<u8, PictureError> {
        let byte = bytes.next().ok_or_else(|| damaged("the file ends inside the header"))??;
        n_read += 1;
        Ok(byte)
    };
    let magic = [next()?, next()?];
    let channels = match &magic {
        b"P5" => 1,
        b"P6" => 3,
        _ => {
            let found = String::from_utf8_lossy(&magic).into_owned();
            return Err(PictureError::unexpected("binary PGM (P5) or PPM (P6)", found));
        }
    };
    let (width, height, max) = (number(&mut next)?, number(&mut next)?, number(&mut next)?);
    let max = u16::try_from(max).ok().filter(|&m| m > 0);
    let max = max.ok_or_else(|| damaged("the largest sample must be 1 to 65535"))?;
    Ok((Header { channels, size: Size::new(height, width), max }, n_read))
}

/// A decimal number after blanks and comments; takes the one blank behind it too.
fn number(next: &mut impl FnMut() -> Result<u8, PictureError>) -> Result<usize, PictureError> {
    let mut byte = next()?;
    while byte.is_ascii_whitespace() || byte == b'#' {
        if byte == b'#' {
            while byte != b'\n' && byte != b'\r' {
                byte = next()?;
            }
        }
        byte = next()?;
    }
    let mut value = 0_usize;
    while byte.is_ascii_digit() {
        let digit = usize::from(byte - b'0');
        value =
            value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or_else(|| damaged("a number overflows"))?;
        byte = next()?;
    }
    if byte.is_ascii_whitespace() { Ok(value) } else { Err(damaged(format!("byte {byte:02x} in the header"))) }
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged("PNM", reason)
}
