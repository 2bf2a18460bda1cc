//! What the commands that draw have in common: names of files, titles, colour maps.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cli::exit::Usage;
pub(super) use crate::cli::picture::png;
use crate::file::write_atomically;
use crate::shard::Set;
use crate::view::{ColorMap, Drawing};

/// Colour maps by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum MapName {
    /// Red (near) to blue: shows most detail
    Turbo,
    /// Pale yellow (near) to black
    Magma,
    /// Yellow (near) to violet: even for colour-blind eyes and in print
    Viridis,
}

impl From<MapName> for ColorMap {
    fn from(name: MapName) -> Self {
        match name {
            MapName::Turbo => Self::Turbo,
            MapName::Magma => Self::Magma,
            MapName::Viridis => Self::Viridis,
        }
    }
}

/// `nyuv2 · train`
pub(super) fn title(set: &Set) -> String {
    format!("{} \u{b7} {}", set.spec().dataset, set.spec().split)
}

/// Name of the folder of a set.
pub(super) fn set_name(set: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    // `.` and `..` have no name of their own.
    name(set).or_else(|| name(&set.canonicalize().ok()?)).unwrap_or_else(|| "set".to_owned())
}

/// `chart.svg`, or `chart-NAME.svg` when there are several sets.
pub(super) fn named(file: &Path, set: &Path, n_sets: usize) -> PathBuf {
    if n_sets == 1 {
        return file.to_owned();
    }
    let part = |p: Option<&std::ffi::OsStr>| p.unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!("{}-{}.{}", part(file.file_stem()), set_name(set), part(file.extension())))
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
