//! Pictures as files, and the names in them.

use std::ffi::OsStr;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage};

use super::exit::Usage;
use crate::file::write_atomically;
use crate::view::{Drawing, Page};

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

/// What a chart can be.
pub(super) const CHART: &[&str] = &["svg", "png"];

/// Makes sure that the file of an option ends as one of `endings`.
pub(super) fn check_ending(option: &str, path: &Path, endings: &[&str]) -> Result<()> {
    let is_one = |e: &OsStr| endings.iter().any(|ending| e.eq_ignore_ascii_case(ending));
    if path.extension().is_some_and(is_one) {
        return Ok(());
    }
    let endings = endings.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(" or ");
    Err(Usage(format!("{option} {}: expected a name that ends in {endings}", path.display())).into())
}

/// Makes the folder of a page, unless what it holds is a set or the page of another program.
pub(super) fn begin_page(folder: &Path) -> Result<()> {
    if folder.join("zarr.json").exists() {
        return Err(Usage(format!("{} is a set; name another folder for the page", folder.display())).into());
    }
    let index = folder.join(INDEX);
    match std::fs::read_to_string(&index) {
        Ok(html) if !Page::is_one(&html) => Err(Usage(format!(
            "{}: this page is of another program; name another folder, or take it away first",
            index.display()
        ))
        .into()),
        // Now, and not after the work.
        _ => std::fs::create_dir_all(folder).with_context(|| folder.display().to_string()),
    }
}

/// The file of a page in its folder.
pub(super) const INDEX: &str = "index.html";

/// Writes a drawing as SVG if the name ends so, and else as PNG.
pub(super) fn save(path: &Path, drawing: &Drawing) -> Result<()> {
    let is_svg = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg"));
    let file = if is_svg { drawing.to_svg().into_bytes() } else { png(&drawing.to_rgb())? };
    write_atomically(path, &file).with_context(|| path.display().to_string())
}
