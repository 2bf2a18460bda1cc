//! The variables of a labelled file, with their types and shapes checked against each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::frames::Frames;
use super::splits::Splits;
use crate::sample::Size;
use crate::source::mat::hdf5::{ByteOrder, Dataset, Datatype};
use crate::source::mat::{Error, v73};
use crate::source::{Entry, Header, SourceError};

/// More frames than any file of this layout has.
const MAX_FRAMES: u64 = 1_000_000;
/// The longest side of a picture that is read, in pixels.
const MAX_SIDE: u64 = 16_384;

pub(super) const UINT8: Datatype = Datatype::Integer { size: 1, signed: false, order: ByteOrder::Little };
pub(super) const UINT16: Datatype = Datatype::Integer { size: 2, signed: false, order: ByteOrder::Little };
pub(super) const SINGLE: Datatype = Datatype::Float { size: 4, order: ByteOrder::Little };

/// An open labelled file.
pub(super) struct Variables {
    path: PathBuf,
    /// Its name without folders: what a set may remember.
    pub(super) name: String,
    mat: v73::File,
}

impl Variables {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mat = v73::File::open(path).map_err(|error| convert(path, "file", error))?;
        Ok(Self { path: path.to_owned(), name, mat })
    }

    /// Number of frames and the size of a picture, from `images`, `[N, 3, W, H]` in the file.
    pub(super) fn grid(&self) -> Result<(usize, Size), SourceError> {
        const IMAGES: &str = "images";
        let dataset = self.dataset(IMAGES)?;
        let shape = dataset.shape();
        let fail = |what: &str| Err(self.format(IMAGES, format_args!("expected {what}, found {shape:?}")));
        let &[n, channels, width, height] = shape else {
            return fail("four axes [N, 3, W, H] (480x640x3xN in MATLAB)");
        };
        if channels != 3 {
            return fail("three channels in the second axis of [N, 3, W, H] (480x640x3xN in MATLAB)");
        }
        if height > width {
            return fail(
                "pictures that are wider than tall in [N, 3, W, H], columns before rows as MATLAB stores them",
            );
        }
        if n == 0 || n > MAX_FRAMES {
            return fail("1 to 1000000 frames");
        }
        if height == 0 || width > MAX_SIDE {
            return fail("sides of 1 to 16384 pixels");
        }
        let fits = |side: u64| usize::try_from(side).map_err(|_| self.format(IMAGES, "longer than memory"));
        Ok((fits(n)?, Size::new(fits(height)?, fits(width)?)))
    }

    /// An array with a frame of the shape `frame` (planes, columns, rows) for each of the `n_frames` frames.
    pub(super) fn frames(
        &self,
        variable: &'static str,
        n_frames: usize,
        frame: [usize; 3],
        datatype: Datatype,
    ) -> Result<Frames, SourceError> {
        let dataset = self.dataset(variable)?;
        if dataset.datatype() != datatype {
            let reason = format!("expected {}, found {}", describe(datatype), describe(dataset.datatype()));
            return Err(self.format(variable, reason));
        }
        let [n_planes, n_columns, n_rows] = frame;
        let expected =
            if n_planes == 1 { vec![n_frames, n_columns, n_rows] } else { vec![n_frames, n_planes, n_columns, n_rows] };
        let found = dataset.shape();
        if !found.iter().map(|&side| usize::try_from(side).ok()).eq(expected.iter().map(|&side| Some(side))) {
            let reason = format!(
                "expected the shape {expected:?} (slowest axis first) that belongs to `images`, found {found:?}"
            );
            return Err(self.format(variable, reason));
        }
        Frames::new(variable, dataset, frame).map_err(|error| self.format(variable, error))
    }

    /// A list of names.
    pub(super) fn texts(&self, variable: &str) -> Result<Vec<String>, SourceError> {
        let value = self.mat.read(variable).map_err(|error| self.error(variable, error))?;
        value.texts().ok_or_else(|| {
            self.format(
                variable,
                format_args!("expected a cell array of names, found class {} or other cells", value.class()),
            )
        })
    }

    /// The entries of the given frames. Scenes are told when the file has them.
    pub(super) fn entries(
        &self,
        frames: &[usize],
        n_frames: usize,
        splits: Option<&Splits>,
        header: &Header,
    ) -> Result<Vec<Entry>, SourceError> {
        let scenes = self.names_of_frames("scenes", n_frames)?;
        let scene_types = self.names_of_frames("sceneTypes", n_frames)?;
        let fields = ["image", "depth"].into_iter();
        let fields = fields.chain(header.fields.raw_depth.then_some("raw_depth"));
        let fields = fields.chain(header.label_space.map(|_| "semantics"));
        let source: BTreeMap<_, _> = fields.map(|field| (field.to_owned(), self.name.clone())).collect();
        let entry = |&frame: &usize| Entry {
            key: format!("{frame:05}"),
            source: source.clone(),
            split: splits.and_then(|splits| splits.of(frame)).map(str::to_owned),
            scene: scenes.get(frame).cloned(),
            scene_type: scene_types.get(frame).cloned(),
            provenance: None,
        };
        Ok(frames.iter().map(entry).collect())
    }

    /// One name a frame; none at all when the file has no such variable.
    fn names_of_frames(&self, variable: &str, n_frames: usize) -> Result<Vec<String>, SourceError> {
        if !self.mat.variables().any(|name| name == variable) {
            return Ok(Vec::new());
        }
        let names = self.texts(variable)?;
        if names.len() != n_frames {
            return Err(self.format(variable, format_args!("expected {n_frames} names, found {}", names.len())));
        }
        Ok(names)
    }

    fn dataset(&self, variable: &str) -> Result<Dataset, SourceError> {
        self.mat.dataset(variable).map_err(|error| self.error(variable, error))
    }

    fn error(&self, variable: &str, error: Error) -> SourceError {
        if let Error::Missing(_) = error {
            let found: Vec<_> = self.mat.variables().collect();
            return self
                .format(variable, format_args!("there is no such variable; the file has: {}", found.join(", ")));
        }
        convert(&self.path, variable, error)
    }

    /// An error of a variable.
    pub(super) fn format(&self, variable: &str, reason: impl std::fmt::Display) -> SourceError {
        SourceError::format(&self.path, variable, reason)
    }
}

fn convert(path: &Path, field: &str, error: Error) -> SourceError {
    use crate::source::mat::hdf5;
    match error {
        Error::Io(error) | Error::Hdf5(hdf5::Error::Io(error)) => SourceError::io(path, error),
        Error::Hdf5(hdf5::Error::NotHdf5) => SourceError::format(
            path,
            field,
            "not a MAT 7.3 file (HDF5), which `nyu_depth_v2_labeled.mat` is; was the download complete?",
        ),
        error => SourceError::format(path, field, error),
    }
}

/// A type in MATLAB's words.
fn describe(datatype: Datatype) -> String {
    match datatype {
        Datatype::Integer { size, signed, order } => {
            format!("{}int{} ({order:?} endian)", if signed { "" } else { "u" }, size.saturating_mul(8))
        }
        Datatype::Float { size, order } => {
            format!("{} ({order:?} endian)", if size == 4 { "single" } else { "double" })
        }
        Datatype::String { .. } => "fixed-length string".to_owned(),
        Datatype::Reference => "cell".to_owned(),
        Datatype::Other { name, .. } => name.to_owned(),
    }
}
