//! What the commands that draw have in common: names of files, titles, colour maps.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(super) use crate::cli::picture::{CHART, INDEX, begin_page, check_ending, png, save, set_name};
use crate::shard::Set;
use crate::view::ColorMap;

/// What pictures of sets are; charts can be drawings, too.
pub(super) const PICTURE: &[&str] = &["png"];

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

/// `chart.svg`, or `chart-NAME.svg` when there are several sets: by their places below the folder that was given, `a-train`.
pub(super) fn named(file: &Path, set: &Path, root: &Path, n_sets: usize) -> PathBuf {
    if n_sets == 1 {
        return file.to_owned();
    }
    let below = set.strip_prefix(root).unwrap_or(set);
    let name: Vec<String> = below.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let part = |p: Option<&std::ffi::OsStr>| p.unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!("{}-{}.{}", part(file.file_stem()), name.join("-"), part(file.extension())))
}
