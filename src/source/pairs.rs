//! Samples whose fields are one picture file each: what every folder layout comes down to once it is planned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::depth_code::DepthCode;
use super::fit::Fit;
use super::label_map::{self, Container};
use super::picture::{self, PictureError};
use super::{Entry, Fields, Header, Loaded, Source, SourceError};
use crate::label::Remap;
use crate::sample::{Confidence, Depth, Fault, Intrinsics, Invalid, Sample, Semantics, Size};

/// How the files of every sample are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Depth numbers to metres.
    pub depth: DepthCode,
    /// Label ids to classes; `None` when there are no labels.
    pub labels: Option<Remap>,
    /// What the files of the labels do not tell.
    pub container: Container,
    /// Whether the files show the world left-right mirrored; all fields are turned back.
    pub mirror: bool,
    /// The camera of a whole picture (after mirroring), when it is known.
    pub intrinsics: Option<Intrinsics>,
    /// What becomes of pictures of different sizes.
    pub fit: Fit,
}

/// What a set of files is called.
#[derive(Clone, Debug)]
pub struct Name {
    /// Name of the data set.
    pub dataset: String,
    /// `train`, `test`, `val` or `all`.
    pub split: String,
}

/// A file that was left out because another field has no file for the same sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmatched {
    /// The field it belongs to.
    pub field: &'static str,
    /// Relative to the root.
    pub file: String,
    /// The field that has no partner.
    pub missing: &'static str,
}

/// Samples whose fields are one picture file each.
#[derive(Debug)]
pub struct Pairs {
    root: PathBuf,
    header: Header,
    entries: Vec<Entry>,
    reading: Reading,
    unmatched: Vec<Unmatched>,
}

/// Keys of [`Entry::source`].
pub(in crate::source) const IMAGE: &str = "image";
pub(in crate::source) const DEPTH: &str = "depth";
pub(super) const SEMANTICS: &str = "semantics";
pub(super) const CONFIDENCE: &str = "confidence";

impl Pairs {
    /// Plans samples whose files [`Entry::source`] names: `image` always, and `depth`, `semantics`, `confidence` in all
    /// samples or in none. Without `depth`, all of it is missing. Picture headers are read for their sizes; one that
    /// cannot be read faults its sample only.
    ///
    /// `options` are those of the layout; the ones of `reading` are added.
    ///
    /// # Errors
    /// No samples, or pictures whose sizes do not become one.
    pub fn plan(
        root: &Path,
        name: Name,
        entries: Vec<Entry>,
        reading: Reading,
        options: Map<String, Value>,
    ) -> Result<Self, SourceError> {
        if entries.is_empty() {
            return Err(SourceError::Usage(format!("{}: no samples found", root.display())));
        }
        let sizes: Vec<Result<Size, PictureError>> =
            entries.par_iter().map(|e| picture::read_size(&path_of(root, e, IMAGE))).collect();
        let size = reading.fit.grid(sizes.iter().filter_map(|s| s.as_ref().ok()).copied()).map_err(|error| {
            let first = entries.first().zip(sizes.into_iter().find_map(Result::err));
            match first {
                Some((entry, cause)) if error == super::fit::FitError::None => {
                    SourceError::format(path_of(root, entry, IMAGE), IMAGE, cause)
                }
                _ => SourceError::Usage(format!("{}: {error}", root.display())),
            }
        })?;
        let has = |field| entries.iter().all(|e| e.source.contains_key(field));
        let fields = Fields { confidence: has(CONFIDENCE), raw_depth: false, intrinsics: reading.intrinsics.is_some() };
        let header = Header {
            dataset: name.dataset,
            split: name.split,
            label_space: reading.labels.as_ref().map(Remap::space),
            size,
            fields,
            options: reading.options(options, has(DEPTH)),
        };
        Ok(Self { root: root.to_path_buf(), header, entries, reading, unmatched: Vec::new() })
    }

    /// The same, knowing which files were left out.
    #[must_use]
    pub fn with_unmatched(mut self, unmatched: Vec<Unmatched>) -> Self {
        self.unmatched = unmatched;
        self
    }

    /// The same with other keys or scenes.
    #[must_use]
    pub fn map_entries(mut self, change: impl Fn(&mut Entry)) -> Self {
        self.entries.iter_mut().for_each(change);
        self
    }

    /// Files that were left out, sorted.
    #[must_use]
    pub fn unmatched(&self) -> &[Unmatched] {
        &self.unmatched
    }
}

impl Reading {
    /// Depth only, one size, nothing known of the camera.
    #[must_use]
    pub fn of_depth(depth: DepthCode) -> Self {
        Self { depth, labels: None, container: Container::default(), mirror: false, intrinsics: None, fit: Fit::Reject }
    }

    fn options(&self, mut options: Map<String, Value>, has_depth: bool) -> Map<String, Value> {
        if has_depth {
            options.insert("depth".into(), self.depth.to_json());
        }
        options.insert("labels".into(), json!(self.labels.as_ref().map(Remap::to_json)));
        if let Some(colors) = self.container.color.to_json() {
            options.insert("colors".into(), colors);
        }
        options.insert("mirror".into(), self.mirror.into());
        options.insert("intrinsics".into(), json!(self.intrinsics.map(Intrinsics::to_array)));
        options.insert("fit".into(), self.fit.to_string().into());
        options
    }
}

fn path_of(root: &Path, entry: &Entry, field: &str) -> PathBuf {
    root.join(entry.source.get(field).map_or("", String::as_str))
}

impl Source for Pairs {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let entry =
            self.entries.get(index).ok_or_else(|| Fault::new("", "index", format!("there is no sample {index}")))?;
        let files = Files { root: &self.root, source: &entry.source };
        let image = files.decode(IMAGE, picture::decode_rgb)?;
        let whole = image.size();
        let (depth, invalid) = match files.name(DEPTH) {
            Some(_) => files.decode(DEPTH, |bytes| self.reading.depth.decode(bytes))?,
            None => (Depth::missing(whole), Invalid::default()),
        };
        let mut sample = Sample::new(image, depth);
        if let Some(remap) = &self.reading.labels {
            sample.semantics = Some(files.semantics(remap, &self.reading.container)?);
        }
        if self.header.fields.confidence {
            sample.confidence = Some(files.confidence()?);
        }
        if let Some((field, found)) = sample.misfit() {
            let reason = format!("expected the size of the image, {whole}, found {found}; resize it beforehand");
            return Err(files.fault(field, reason));
        }
        if self.reading.mirror {
            sample = sample.mirror();
        }
        sample.intrinsics = self.reading.intrinsics;
        let window = self.reading.fit.window(whole, self.header.size).map_err(|e| files.fault(IMAGE, e))?;
        Ok(Loaded::window(sample, window, invalid))
    }
}

/// The files of one sample.
struct Files<'a> {
    root: &'a Path,
    source: &'a BTreeMap<String, String>,
}

impl Files<'_> {
    fn name(&self, field: &str) -> Option<&str> {
        self.source.get(field).map(String::as_str)
    }

    fn fault(&self, field: &str, reason: impl std::fmt::Display) -> Fault {
        Fault::new(self.name(field).unwrap_or_default(), field, reason)
    }

    fn decode<T>(&self, field: &str, decode: impl Fn(&[u8]) -> Result<T, PictureError>) -> Result<T, Fault> {
        let name = self.name(field).ok_or_else(|| self.fault(field, "the sample has no such file"))?;
        let decoded = picture::read_bytes(&self.root.join(name)).and_then(|bytes| decode(&bytes));
        decoded.map_err(|error| error.fault(name, field))
    }

    fn semantics(&self, remap: &Remap, container: &Container) -> Result<Semantics, Fault> {
        let map = self.decode(SEMANTICS, |bytes| label_map::decode(bytes, container))?;
        map.classes(remap).map_err(|error| self.fault(SEMANTICS, error))
    }

    fn confidence(&self) -> Result<Confidence, Fault> {
        self.decode(CONFIDENCE, label_map::decode_confidence)
    }
}
