//! Own folders and the NYU folder layouts: real ones against statistics of NumPy and Pillow
//! (`fixtures/folder/make_expected.py`), small made ones against hand arithmetic, and what can be wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod layouts;
mod real;

use std::path::Path;

use semdepth::source::depth_code::DepthCode;
use semdepth::source::folder::Options;
use semdepth::source::pairs::Name;

fn options(images: &str, depths: &str, depth: DepthCode) -> Options {
    let name = Name { dataset: "own".into(), split: "all".into() };
    Options::new(name, images, depths, depth).unwrap()
}

/// Writes an 8-bit RGB PNG of one colour.
fn write_picture(path: &Path, width: u32, height: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(width, height, image::Rgb([10, 20, 30])).save(path).unwrap();
}

/// Writes a 16-bit grey PNG.
fn write_u16(path: &Path, width: u32, height: u32, values: &[u16]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::ImageBuffer::<image::Luma<u16>, _>::from_raw(width, height, values).unwrap().save(path).unwrap();
}

fn write_u8(path: &Path, width: u32, height: u32, values: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::ImageBuffer::<image::Luma<u8>, _>::from_raw(width, height, values).unwrap().save(path).unwrap();
}
