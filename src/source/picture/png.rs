//! PNG (ISO/IEC 15948), interlaced or not.

use std::io::{BufRead, Cursor};

use ndarray::Array2;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Transformations};

use super::{Ids, Map, PictureError, checked_size, image_from_samples, to_8_bits};
use crate::sample::{Image, Size};

/// What the decoder may allocate besides the pixels: rows, the inflate window, ancillary chunks.
const MAX_WORK_BYTES: usize = 64 << 20;

struct Samples {
    size: Size,
    color: ColorType,
    depth: BitDepth,
    /// Rows in order, each padded to whole bytes; 16-bit samples big endian.
    bytes: Vec<u8>,
}

pub(super) fn decode_rgb(bytes: &[u8]) -> Result<Image, PictureError> {
    // EXPAND looks palettes up and stretches 1, 2 and 4 bits to 8, as a picture wants it.
    let picture = decode(bytes, Transformations::EXPAND, |_, _| Ok(()))?;
    let samples = match picture.depth {
        BitDepth::Sixteen => {
            let (pairs, _) = picture.bytes.as_chunks();
            pairs.iter().map(|&b| to_8_bits(u32::from(u16::from_be_bytes(b)), 65535)).collect()
        }
        _ => picture.bytes,
    };
    image_from_samples(&samples, picture.color.samples(), picture.size)
        .ok_or_else(|| damaged("the pixels do not fill the picture"))
}

pub(super) fn decode_u16(bytes: &[u8]) -> Result<Array2<u16>, PictureError> {
    let picture = decode(bytes, Transformations::IDENTITY, |color, depth| match color {
        ColorType::Grayscale | ColorType::Indexed => Ok(()),
        _ => Err(PictureError::unexpected("a grey or palette PNG", format!("{} at {} bits", name(color), depth as u8))),
    })?;
    Ok(unstretched(picture)?.into_u16())
}

/// The samples as they are: bytes, unless they have 16 bits.
fn unstretched(picture: Samples) -> Result<Ids, PictureError> {
    let size = picture.size;
    Ok(match picture.depth {
        BitDepth::Sixteen => {
            Ids::Wide(plane(picture.bytes.as_chunks().0.iter().map(|&b| u16::from_be_bytes(b)).collect(), size)?)
        }
        BitDepth::Eight => Ids::Narrow(plane(picture.bytes, size)?),
        depth => Ids::Narrow(plane(unpack(&picture.bytes, depth as u32, size), size)?),
    })
}

fn plane<T>(samples: Vec<T>, size: Size) -> Result<Array2<T>, PictureError> {
    Array2::from_shape_vec((size.height, size.width), samples)
        .map_err(|_| damaged("the pixels do not fill the picture"))
}

/// The samples of a label map and what the file says of them.
pub(super) fn decode_map(bytes: &[u8]) -> Result<Map, PictureError> {
    let mut palette = Vec::new();
    let picture = decode_with_palette(bytes, Transformations::IDENTITY, |_, _| Ok(()), &mut palette)?;
    let (size, color, depth) = (picture.size, picture.color, picture.depth);
    let found = || format!("{} at {} bits", name(color), depth as u8);
    match (color, depth) {
        (ColorType::Grayscale, _) => Ok(Map::Ids(unstretched(picture)?)),
        (ColorType::Indexed, _) => {
            let (colors, _) = palette.as_chunks::<3>();
            Ok(Map::Indexed { palette: colors.to_vec(), ids: unstretched(picture)? })
        }
        (ColorType::Rgb, BitDepth::Eight) => {
            let (colors, _) = picture.bytes.as_chunks::<3>();
            plane(colors.to_vec(), size).map(Map::Colors)
        }
        (ColorType::Rgba, BitDepth::Eight) => {
            let (pixels, _) = picture.bytes.as_chunks::<4>();
            if pixels.iter().any(|p| p[3] != 255) {
                return Err(PictureError::unexpected("opaque colours", "RGB with transparent pixels"));
            }
            plane(pixels.iter().map(|&[r, g, b, _]| [r, g, b]).collect(), size).map(Map::Colors)
        }
        _ => Err(PictureError::unexpected("grey, palette or 8-bit RGB", found())),
    }
}

/// Samples of 1, 2 or 4 bits, leftmost in the high bits; every row starts on a byte.
fn unpack(bytes: &[u8], bits: u32, size: Size) -> Vec<u8> {
    let per_byte = (8 / bits) as usize;
    let mask = (1_u8 << bits) - 1;
    let sample = |row: &[u8], x: usize| {
        let shift = 8 - bits as usize * (x % per_byte + 1);
        (row[x / per_byte] >> shift) & mask
    };
    let rows = bytes.chunks_exact(size.width.div_ceil(per_byte));
    rows.flat_map(|row| (0..size.width).map(move |x| sample(row, x))).collect()
}

pub(super) fn size(reader: impl BufRead) -> Result<Size, PictureError> {
    let head = head(reader)?;
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    Ok(Size::new(number(20), number(16)))
}

pub(super) fn bits(reader: impl BufRead) -> Result<u32, PictureError> {
    Ok(head(reader)?[24].into())
}

/// Signature, length and type of the first chunk, width, height, bit depth.
fn head(mut reader: impl BufRead) -> Result<[u8; 25], PictureError> {
    let mut head = [0; 25];
    reader.read_exact(&mut head).map_err(|_| damaged("the file ends inside the header"))?;
    if head[12..16] != *b"IHDR" {
        return Err(damaged("the first chunk is not IHDR"));
    }
    Ok(head)
}

/// Decodes every pixel and checks every checksum; `accept` judges colour type and bit depth before that.
fn decode(
    bytes: &[u8],
    transform: Transformations,
    accept: impl FnOnce(ColorType, BitDepth) -> Result<(), PictureError>,
) -> Result<Samples, PictureError> {
    decode_with_palette(bytes, transform, accept, &mut Vec::new())
}

/// As [`decode`]; the palette, red, green and blue in turn, is put into `palette`.
fn decode_with_palette(
    bytes: &[u8],
    transform: Transformations,
    accept: impl FnOnce(ColorType, BitDepth) -> Result<(), PictureError>,
    palette: &mut Vec<u8>,
) -> Result<Samples, PictureError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false); // a damaged type byte turns any chunk into an ancillary one
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: MAX_WORK_BYTES });
    decoder.set_transformations(transform);
    let info = decoder.read_header_info().map_err(damaged)?;
    let size = checked_size(info.height as usize, info.width as usize)?;
    accept(info.color_type, info.bit_depth)?;

    let mut reader = decoder.read_info().map_err(damaged)?;
    palette.extend_from_slice(reader.info().palette.as_deref().unwrap_or_default());
    let n_bytes = reader.output_buffer_size().ok_or_else(|| damaged("the size overflows"))?;
    let mut samples = vec![0; n_bytes];
    let frame = reader.next_frame(&mut samples).map_err(damaged)?;
    if (frame.height as usize, frame.width as usize) != (size.height, size.width) {
        return Err(damaged(format!("the first frame is {}x{}, the header says {size}", frame.height, frame.width)));
    }
    reader.finish().map_err(damaged)?;
    samples.truncate(frame.buffer_size());
    Ok(Samples { size, color: frame.color_type, depth: frame.bit_depth, bytes: samples })
}

fn name(color: ColorType) -> &'static str {
    match color {
        ColorType::Grayscale => "grey",
        ColorType::GrayscaleAlpha => "grey with alpha",
        ColorType::Indexed => "palette",
        ColorType::Rgb => "RGB",
        ColorType::Rgba => "RGB with alpha",
    }
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged("PNG", reason)
}
