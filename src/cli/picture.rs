//! Pictures as files, and the names in them.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage};

use super::exit::Usage;
use crate::file::write_atomically;
use crate::view::Drawing;

/// The picture as a PNG file.
pub(super) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

/// Name of the folder of a set or of a run.
pub(super) fn set_name(set: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    // `.` and `..` have no name of their own.
    name(set).or_else(|| name(&set.canonicalize().ok()?)).unwrap_or_else(|| "set".to_owned())
}

/// `svg` or `png`, as the file of this option ends.
pub(super) fn ending<'p>(option: &str, path: &'p Path) -> Result<&'p str> {
    let ending = path.extension().and_then(|e| e.to_str()).filter(|e| matches!(*e, "svg" | "png"));
    Ok(ending
        .ok_or_else(|| Usage(format!("{option} {}: expected a name that ends in .svg or .png", path.display())))?)
}

/// Writes a drawing as SVG if the name ends so, and else as PNG.
pub(super) fn save(path: &Path, drawing: &Drawing) -> Result<()> {
    let is_svg = path.extension().is_some_and(|e| e == "svg");
    let file = if is_svg { drawing.to_svg().into_bytes() } else { png(&drawing.to_rgb())? };
    write_atomically(path, &file).with_context(|| path.display().to_string())
}
