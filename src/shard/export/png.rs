//! PNG files without anything but pixels: the same pixels give the same bytes.

use png::{BitDepth, ColorType, Encoder};

use crate::sample::Size;

pub(super) fn rgb8(pixels: &[u8], size: Size) -> Vec<u8> {
    encoded(pixels, size, ColorType::Rgb, BitDepth::Eight)
}

pub(super) fn grey8(pixels: &[u8], size: Size) -> Vec<u8> {
    encoded(pixels, size, ColorType::Grayscale, BitDepth::Eight)
}

pub(super) fn grey16(pixels: &[u16], size: Size) -> Vec<u8> {
    let big_endian: Vec<u8> = pixels.iter().flat_map(|p| p.to_be_bytes()).collect();
    encoded(&big_endian, size, ColorType::Grayscale, BitDepth::Sixteen)
}

#[expect(clippy::expect_used, reason = "a Vec takes every byte, and a set's sizes are checked when it is opened")]
fn encoded(bytes: &[u8], size: Size, color: ColorType, depth: BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, size.width as u32, size.height as u32);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(bytes))
        .expect("pixels of a checked size can be written to memory");
    file
}
