//! What a conversion will make: the samples in order, and what was left out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::DepthKind;
use super::frame::Camera;
use super::optics::Optics;
use crate::label::Remap;
use crate::source::Entry;

/// The samples and what is common to them.
pub(super) struct Plan {
    pub(super) depth: DepthKind,
    /// In the order of their keys.
    pub(super) items: Vec<Item>,
    /// Table of the labels, when there are any.
    pub(super) labels: Option<Remap>,
    pub(super) report: Report,
}

/// One sample.
pub(super) struct Item {
    pub(super) entry: Entry,
    pub(super) image: PathBuf,
    /// `None` only when all depth is missing.
    pub(super) depth: Option<PathBuf>,
    /// Present in all samples or in none.
    pub(super) labels: Option<PathBuf>,
    pub(super) camera: Camera,
    pub(super) optics: Optics,
}

impl Item {
    /// A sample whose files are named relative to the roots they lie under.
    pub(super) fn new(key: String, image: (&Path, PathBuf), depth: (&Path, PathBuf), camera: Camera) -> Self {
        let mut item = Self::without_depth(key, image, camera);
        item.entry.source.insert("depth".into(), relative(depth.0, &depth.1));
        Self { depth: Some(depth.1), ..item }
    }

    /// The same, where all depth is missing.
    pub(super) fn without_depth(key: String, image: (&Path, PathBuf), camera: Camera) -> Self {
        let source = [("image".to_owned(), relative(image.0, &image.1))].into();
        let entry = Entry { key, source, ..Entry::default() };
        Self { entry, image: image.1, depth: None, labels: None, camera, optics: Optics::Unknown }
    }

    /// Adds the file of the labels.
    pub(super) fn with_labels(mut self, root: &Path, path: PathBuf) -> Self {
        self.entry.source.insert("semantics".into(), relative(root, &path));
        self.labels = Some(path);
        self
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
    /// Frames without labels, where others have some.
    pub without_labels: LeftOut,
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
            ("no labels", &self.without_labels),
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
