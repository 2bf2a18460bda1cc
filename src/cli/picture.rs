//! Pictures as files.

use std::io::Cursor;

use anyhow::Result;
use image::{ImageFormat, RgbImage};

/// The picture as a PNG file.
pub(super) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}
