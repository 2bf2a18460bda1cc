//! What the commands that draw have in common: names of files, titles, colour maps.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(super) use crate::cli::picture::{ending, png, save, set_name};
use crate::shard::Set;
use crate::view::ColorMap;

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

/// `chart.svg`, or `chart-NAME.svg` when there are several sets.
pub(super) fn named(file: &Path, set: &Path, n_sets: usize) -> PathBuf {
    if n_sets == 1 {
        return file.to_owned();
    }
    let part = |p: Option<&std::ffi::OsStr>| p.unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!("{}-{}.{}", part(file.file_stem()), set_name(set), part(file.extension())))
}
