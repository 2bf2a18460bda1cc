//! PNG files without anything but pixels: the same pixels give the same bytes.

use png::{BitDepth, ColorType, Encoder};

use crate::sample::Size;

pub(super) fn rgb8(pixels: &[u8], size: Size) -> Vec<u8> {
    encoded(pixels, size, ColorType::Rgb, BitDepth::Eight)
}

pub(super) fn grey8(pixels: &[u8], size: Size) -> Vec<u8> {
    encoded(pixels, size, ColorType::Grayscale, BitDepth::Eight)
}

/// Each pixel is a number of the palette.
pub(super) fn indexed(pixels: &[u8], palette: &[[u8; 3]; 256], size: Size) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, size.width as u32, size.height as u32);
    encoder.set_palette(palette.as_flattened());
    write(encoder, pixels, ColorType::Indexed, BitDepth::Eight);
    file
}

pub(super) fn grey16(pixels: &[u16], size: Size) -> Vec<u8> {
    let big_endian: Vec<u8> = pixels.iter().flat_map(|p| p.to_be_bytes()).collect();
    encoded(&big_endian, size, ColorType::Grayscale, BitDepth::Sixteen)
}

fn encoded(bytes: &[u8], size: Size, color: ColorType, depth: BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    write(Encoder::new(&mut file, size.width as u32, size.height as u32), bytes, color, depth);
    file
}

#[expect(
    clippy::expect_used,
    reason = "a Vec takes every byte, and sizes are checked where pictures and sets are read"
)]
fn write(mut encoder: Encoder<'_, &mut Vec<u8>>, bytes: &[u8], color: ColorType, depth: BitDepth) {
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(bytes))
        .expect("pixels of a checked size can be written to memory");
}
