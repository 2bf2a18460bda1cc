//! JPEG (ITU-T T.81), baseline and progressive; grey, YCbCr, CMYK and YCCK.

use std::io::{BufRead, Cursor, Seek, SeekFrom};

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder};

use super::{PictureError, checked_size, image_from_samples};
use crate::sample::{Image, Size};

const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Every block of 8x8 pixels takes at least one bit, the shortest Huffman code for its mean.
const PIXELS_A_BYTE: usize = 8 * 64;

pub(super) fn decode_rgb(bytes: &[u8]) -> Result<Image, PictureError> {
    let stated = size(Cursor::new(bytes))?;
    let size = checked_size(stated.height, stated.width)?;
    // The decoder paints what is missing grey instead of refusing, and takes its time for it.
    if !is_complete(bytes) {
        return Err(damaged("the file ends before its end-of-image marker"));
    }
    if size.n_pixels() / PIXELS_A_BYTE > bytes.len() {
        return Err(damaged(format!("{} bytes cannot hold {size}", bytes.len())));
    }
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if (height as usize, width as usize) != (size.height, size.width) {
        return Err(damaged(format!("the headers disagree: {size} and {height}x{width}")));
    }
    let channels = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgb8 => 3,
        other => return Err(PictureError::unexpected("8-bit grey or colour", format!("{other:?}"))),
    };
    let mut samples = vec![0; size.n_pixels() * channels];
    if decoder.total_bytes() != samples.len() as u64 {
        return Err(damaged("the number of samples does not fit the size"));
    }
    decoder.read_image(&mut samples).map_err(damaged)?;
    image_from_samples(&samples, channels, size).ok_or_else(|| damaged("the pixels do not fill the picture"))
}

/// Whether the last scan is followed by an end-of-image marker. Inside a scan, 0xff is always escaped.
fn is_complete(bytes: &[u8]) -> bool {
    let scan = bytes.windows(2).rposition(|pair| pair == START_OF_SCAN).unwrap_or(0);
    bytes[scan..].windows(2).any(|pair| pair == END_OF_IMAGE)
}

/// Walks the segments up to the frame header.
pub(super) fn size(mut reader: impl BufRead + Seek) -> Result<Size, PictureError> {
    let ends = |_| damaged("the file ends before the frame header");
    let mut word = [0; 2];
    reader.read_exact(&mut word).map_err(ends)?;
    loop {
        // Every turn reads at least one byte, so the loop ends with the file.
        let marker = next_marker(&mut reader)?;
        match marker {
            0x01 | 0xd0..=0xd8 => continue, // without a length
            0xd9 | 0xda => return Err(damaged("no frame header before the first scan")),
            _ => {}
        }
        reader.read_exact(&mut word).map_err(ends)?;
        let length = u16::from_be_bytes(word);
        let payload = length.checked_sub(2).ok_or_else(|| damaged(format!("a segment of length {length}")))?;
        // SOF0..SOF15 without DHT (c4), JPG (c8) and DAC (cc).
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let mut frame = [0; 5];
            reader.read_exact(&mut frame).map_err(ends)?;
            let [_, h1, h0, w1, w0] = frame;
            return Ok(Size::new(u16::from_be_bytes([h1, h0]).into(), u16::from_be_bytes([w1, w0]).into()));
        }
        reader.seek(SeekFrom::Current(payload.into()))?;
    }
}

fn next_marker(reader: &mut impl BufRead) -> Result<u8, PictureError> {
    let ends = |_| damaged("the file ends before the frame header");
    let mut byte = [0];
    reader.read_exact(&mut byte).map_err(ends)?;
    if byte[0] != 0xff {
        return Err(damaged(format!("expected a marker, found byte {:02x}", byte[0])));
    }
    while byte[0] == 0xff {
        reader.read_exact(&mut byte).map_err(ends)?;
    }
    Ok(byte[0])
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged("JPEG", reason)
}
