//! What a conversion will make: the samples in order, and what was left out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::DepthKind;
use super::frame::Camera;
use super::optics::Optics;
use crate::source::Entry;

/// The samples and what is common to them.
pub(super) struct Plan {
    pub(super) depth: DepthKind,
    /// In the order of their keys.
    pub(super) items: Vec<Item>,
    pub(super) report: Report,
}

/// One sample.
pub(super) struct Item {
    pub(super) entry: Entry,
    pub(super) image: PathBuf,
    pub(super) depth: PathBuf,
    pub(super) camera: Camera,
    pub(super) optics: Optics,
}

impl Item {
    /// A sample whose files are named relative to the roots they lie under.
    pub(super) fn new(key: String, image: (&Path, PathBuf), depth: (&Path, PathBuf), camera: Camera) -> Self {
        let source = [("image", &image), ("depth", &depth)]
            .map(|(field, (root, path))| (field.to_owned(), relative(root, path)))
            .into();
        let entry = Entry { key, source, ..Entry::default() };
        Self { entry, image: image.1, depth: depth.1, camera, optics: Optics::Unknown }
    }

    /// The file of a field as it is named in faults.
    pub(super) fn name(&self, field: &str) -> &str {
        self.entry.source.get(field).map_or("", String::as_str)
    }
}

/// `path` below `root`, with `/` between its parts.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// What planning found, for the user to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples that have a row.
    pub n_samples: usize,
    /// Frames without an image.
    pub without_image: LeftOut,
    /// Frames without a depth file.
    pub without_depth: LeftOut,
    /// Frames of which the list says that there is no depth (`None`).
    pub none_in_list: LeftOut,
    /// Lines of the list that repeat another.
    pub repeated: LeftOut,
    /// Whether the samples carry intrinsics; if not, the calibration file that was looked for.
    pub without_intrinsics: Option<String>,
}

/// How many frames were left out for one reason, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub n: usize,
    /// Key of the first.
    pub first: String,
}

impl LeftOut {
    pub(super) fn add(&mut self, key: impl fmt::Display) {
        if self.n == 0 {
            self.first = key.to_string();
        }
        self.n += 1;
    }
}

impl Report {
    /// Left out, by reason.
    #[must_use]
    pub fn left_out(&self) -> BTreeMap<&'static str, &LeftOut> {
        [
            ("no image", &self.without_image),
            ("no depth", &self.without_depth),
            ("None in the list", &self.none_in_list),
            ("repeated in the list", &self.repeated),
        ]
        .into_iter()
        .filter(|(_, left)| left.n > 0)
        .collect()
    }
}

impl fmt::Display for Report {
    /// One line for each reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples", self.n_samples)?;
        for (reason, LeftOut { n, first }) in self.left_out() {
            write!(f, "\n{n} left out, {reason}: {first}{}", if *n > 1 { " and others" } else { "" })?;
        }
        if let Some(file) = &self.without_intrinsics {
            write!(f, "\nno intrinsics: {file} is not there")?;
        }
        Ok(())
    }
}
