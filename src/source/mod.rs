//! One file per input format. A source plans every sample before it decodes any, then loads them one by one,
//! in any order and from any thread.
//!
//! Nothing here knows how a prepared set is laid out on disk.

pub mod cityscapes;
pub mod depth_code;
pub mod fit;
pub mod folder;
pub mod kitti;
pub mod label_map;
pub mod mat;
pub mod nyu;
pub mod pairs;
pub mod picture;
pub mod synth;
pub mod walk;

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::label::LabelSpace;
use crate::sample::{Crop, Fault, Invalid, Sample, Size, Window};

pub use crate::sample::{Entry, Fields};

/// A data set that can be converted.
///
/// `entries` fixes the number of samples and the row of each; both must be a pure function of the input and the
/// options, so that many machines plan the same set.
pub trait Source: Sync {
    /// What all samples have in common.
    fn header(&self) -> &Header;

    /// The samples, in row order. Keys are unique.
    fn entries(&self) -> &[Entry];

    /// Decodes sample `index`. Every field lies on [`Header::size`], and is present exactly when [`Fields`] says so.
    ///
    /// # Errors
    /// A [`Fault`] that names file, field, expected and found; it quarantines this sample only.
    fn load(&self, index: usize) -> Result<Loaded, Fault>;
}

/// What all samples of a set have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Name of the data set, e.g. `nyuv2`.
    pub dataset: String,
    /// `train`, `test`, `val` or `all`.
    pub split: String,
    /// Space of the class ids; `None` when there are no labels.
    pub label_space: Option<LabelSpace>,
    /// The grid of every sample.
    pub size: Size,
    /// The optional fields every sample has. `semantics` is present exactly when `label_space` is.
    pub fields: Fields,
    /// Every option that decides a stored byte, defaults included; no path of the machine.
    pub options: Map<String, Value>,
}

/// One decoded sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The fields.
    pub sample: Sample,
    /// The part of the source picture that was kept, when it is not the whole.
    pub crop: Option<Crop>,
    /// Depth values that became missing because they were not depths.
    pub invalid: Invalid,
    /// How the sample was made, when that is known only now; it takes the place of the entry's.
    pub provenance: Option<Value>,
}

impl Loaded {
    /// The part of a decoded picture that `window` covers.
    #[must_use]
    pub fn window(sample: Sample, window: Window, invalid: Invalid) -> Self {
        let crop = Crop::new(window, sample.image.size());
        let sample = if crop.is_some() { sample.window(window) } else { sample };
        Self { sample, crop, invalid, provenance: None }
    }
}

/// Why a source could not be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that every sample needs is not what it should be.
    #[error("{}: {field}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Variable, line or part of it.
        field: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The options ask for something this input cannot give. The text says what to type instead.
    #[error("{0}")]
    Usage(String),
}

impl SourceError {
    /// A [`Format`](Self::Format) error.
    pub fn format(path: impl Into<PathBuf>, field: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Format { path: path.into(), field: field.into(), reason: reason.to_string() }
    }

    /// An [`Io`](Self::Io) error.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}
