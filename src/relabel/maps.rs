use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::join::Join;
use super::probe;
use super::{Pseudo, PseudoLabels};
use crate::label::{LabelSpace, Remap};
use crate::run::DeriveError;
use crate::sample::{Fault, Semantics, Size, Window};
use crate::shard::{Reader, Set};
use crate::source::label_map::{self, Base, Container, LabelMap, Placement};
use crate::source::{SourceError, picture, walk};

/// Where the maps of a teacher are and how they are read.
#[derive(Clone, Debug)]
pub struct MapOptions {
    /// The folder of the maps.
    pub root: PathBuf,
    /// Which file belongs to which sample.
    pub join: Join,
    /// What the files do not tell.
    pub container: Container,
    /// The number of the first class; may be left out when the files tell it.
    pub base: Option<Base>,
    /// The maps show their pictures left-right mirrored; turn them back.
    pub mirror: bool,
    /// Samples without a map.
    pub missing: MissingMaps,
    /// The folder of the confidences, and which of its files belong to which sample.
    pub confidence: Option<(PathBuf, Join)>,
    /// Name of the teacher, to be recorded.
    pub teacher: String,
}

impl MapOptions {
    /// The maps below `root`, named like the samples.
    pub fn new(root: impl Into<PathBuf>, base: Option<Base>) -> Self {
        let root = root.into();
        let name = root.canonicalize().ok().and_then(|r| Some(r.file_name()?.to_string_lossy().into_owned()));
        Self {
            teacher: name.unwrap_or_default(),
            root,
            join: Join::default(),
            container: Container::default(),
            base,
            mirror: false,
            missing: MissingMaps::default(),
            confidence: None,
        }
    }

    /// Lists the folders.
    ///
    /// # Errors
    /// Folders that cannot be read.
    pub fn files(&self) -> Result<MapFiles, SourceError> {
        let maps = walk::files(&self.root)?;
        let confidences = self.confidence.as_ref().map_or_else(|| Ok(Vec::new()), |(root, _)| walk::files(root))?;
        Ok(MapFiles { maps, confidences })
    }
}

/// The files below the folders of the maps and of the confidences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapFiles {
    maps: Vec<String>,
    confidences: Vec<String>,
}

/// What to do with samples that have no map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingMaps {
    /// Refuse to begin.
    #[default]
    Refuse,
    /// The teacher says nothing of them.
    Keep,
}

/// The maps of a teacher, one file a sample.
#[derive(Debug)]
pub struct Maps<'a> {
    parent: &'a Set,
    options: MapOptions,
    files: Vec<Option<String>>,
    confidences: Vec<Option<String>>,
    remap: Remap,
    base: Base,
    n_unused: usize,
    warnings: Vec<String>,
}

/// Names of the files in [`Entry::source`](crate::sample::Entry).
const PSEUDO: &str = "pseudo";
const CONFIDENCE: &str = "pseudo_confidence";

impl<'a> Maps<'a> {
    /// Finds the map of every sample among the `files` of the options, and looks at a few of them for signs of a wrong base or
    /// of mirrored maps.
    ///
    /// # Errors
    /// Two maps for a sample, samples without a map, a base that is needed and not given or that the maps
    /// disprove.
    pub fn plan(parent: &'a Set, options: MapOptions, files: MapFiles) -> Result<Self, SourceError> {
        let records = parent.records();
        let MapFiles { maps, confidences } = files;
        let (files, n_unused) = options.join.files("--pseudo", &maps, records)?;
        let confidences = match &options.confidence {
            Some((_, join)) => join.files("--confidence", &confidences, records)?.0,
            None => vec![None; records.len()],
        };
        let incomplete =
            |row: usize| files[row].is_none() || (options.confidence.is_some() && confidences[row].is_none());
        let missing: Vec<usize> = parent.rows().filter(|&row| incomplete(row)).collect();
        if let (Some(&first), MissingMaps::Refuse) = (missing.first(), options.missing) {
            let what = if files[first].is_none() { "map" } else { "confidence" };
            return Err(SourceError::Usage(format!(
                "{}: {} of {} samples have no {what}, the first is {:?}; --missing keep leaves the labels of such samples as they are",
                options.root.display(),
                missing.len(),
                parent.rows().count(),
                records[first].entry.key
            )));
        }
        let mut maps = Self {
            parent,
            base: options.base.unwrap_or(Base::Zero),
            remap: remap_of(options.base.unwrap_or(Base::Zero)),
            options,
            files,
            confidences,
            n_unused,
            warnings: Vec::new(),
        };
        let found = probe::look(&maps)?;
        maps.base = found.base;
        maps.remap = remap_of(found.base);
        maps.warnings = found.warnings;
        Ok(maps)
    }

    /// Things that deserve a look: what the maps look like under another base, or mirrored.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Maps that belong to no sample.
    #[must_use]
    pub const fn n_unused(&self) -> usize {
        self.n_unused
    }

    /// Samples of which the teacher says nothing.
    #[must_use]
    pub fn n_missing(&self) -> usize {
        self.parent.rows().filter(|&row| self.files[row].is_none()).count()
    }

    pub(super) const fn parent(&self) -> &'a Set {
        self.parent
    }

    pub(super) const fn options_given(&self) -> &MapOptions {
        &self.options
    }

    pub(super) fn file(&self, row: usize) -> Option<&str> {
        self.files.get(row)?.as_deref()
    }

    /// A map as it is stored.
    pub(super) fn decode(&self, file: &str) -> Result<LabelMap, Fault> {
        read(&self.options.root, file, PSEUDO, |bytes| label_map::decode(bytes, &self.options.container))
    }

    /// Labels on the grid of the sample.
    pub(super) fn labels_of(&self, row: usize, file: &str, map: LabelMap, base: Base) -> Result<Semantics, Fault> {
        let fault = |reason: &dyn std::fmt::Display| Fault::new(file, PSEUDO, reason);
        let told = map.base.unwrap_or(base);
        // Colours have become classes already; the numbers of a palette keep the base that the palette tells.
        let remap = if told == self.base { &self.remap } else { &remap_of(told) };
        let labels = map.classes(remap).map_err(|e| fault(&e))?;
        let labels = if self.options.mirror { labels.mirror() } else { labels };
        let (grid, crop) = self.grid(row);
        Ok(match label_map::place(labels.size(), grid, crop).map_err(|e| fault(&e))? {
            Placement::Same => labels,
            Placement::Window(window) => labels.window(window),
            Placement::Enlarge => labels.resize_nearest(grid),
        })
    }

    fn grid(&self, row: usize) -> (Size, Option<Window>) {
        (self.parent.spec().size, self.parent.records().get(row).and_then(|r| r.crop).map(|crop| crop.window))
    }

    fn confidence(&self, row: usize) -> Result<Option<crate::sample::Confidence>, Fault> {
        let (Some(file), Some((root, _))) =
            (self.confidences.get(row).and_then(Option::as_deref), &self.options.confidence)
        else {
            return Ok(None);
        };
        let values = read(root, file, CONFIDENCE, label_map::decode_confidence)?;
        let values = if self.options.mirror { values.mirror() } else { values };
        let (grid, crop) = self.grid(row);
        let placement = label_map::place(values.size(), grid, crop).map_err(|e| Fault::new(file, CONFIDENCE, e))?;
        Ok(Some(match placement {
            Placement::Same => values,
            Placement::Window(window) => values.window(window),
            Placement::Enlarge => values.resize_nearest(grid),
        }))
    }
}

/// The table of maps with this base.
pub(super) fn remap_of(base: Base) -> Remap {
    match base {
        Base::Zero => Remap::identity(LabelSpace::Ade20k150),
        Base::One => Remap::ade20k_official(),
    }
}

fn read<T>(
    root: &Path,
    file: &str,
    field: &str,
    decode: impl Fn(&[u8]) -> Result<T, picture::PictureError>,
) -> Result<T, Fault> {
    let decoded = picture::read_bytes(&root.join(file)).and_then(|bytes| decode(&bytes));
    decoded.map_err(|error| error.fault(file, field))
}

/// Why the base cannot be the given one, if the map proves it.
pub(super) fn disproof(map: &LabelMap, given: Option<Base>, file: &str) -> Option<String> {
    let proof = |why: &str, base: u8| Some(format!("{file:?} {why}; type --base {base}"));
    match (map.base, given) {
        (Some(Base::One), Some(Base::Zero)) => proof("has the ADE20K palette with its first class at 1", 1),
        (Some(Base::Zero), Some(Base::One)) if !map.is_color => {
            proof("has the ADE20K palette with its first class at 0", 0)
        }
        (None, Some(Base::Zero)) if map.ids.holds(150) => {
            proof("holds the number 150, which only maps that count from 1 have", 1)
        }
        _ => None,
    }
}

impl Pseudo for Maps<'_> {
    fn options(&self) -> Value {
        let Container { raw, npz_key, color } = &self.options.container;
        let mut options = json!({
            "teacher": self.options.teacher,
            "base": match self.base { Base::Zero => 0, Base::One => 1 },
            "mirror": self.options.mirror,
            "raw_size": raw,
            "npz_key": npz_key,
        });
        if let Some(colors) = color.to_json() {
            options["colors"] = colors;
        }
        options
    }

    fn has_confidence(&self) -> bool {
        self.options.confidence.is_some()
    }

    fn files(&self, row: usize) -> Vec<(&'static str, String)> {
        let of = |files: &[Option<String>]| files.get(row).cloned().flatten();
        let files = [(PSEUDO, of(&self.files)), (CONFIDENCE, of(&self.confidences))];
        files.into_iter().filter_map(|(name, file)| Some((name, file?))).collect()
    }

    fn labels(&self, row: usize, _: &mut Reader<'_>) -> Result<Option<PseudoLabels>, DeriveError> {
        let Some(file) = self.file(row) else { return Ok(None) };
        let map = self.decode(file)?;
        let disproof =
            |map: &LabelMap| disproof(map, Some(self.base), file).map_or(Ok(()), |r| Err(DeriveError::Options(r)));
        // A map whose numbers all have a class disproves the base by its palette alone.
        if map.base.is_some() {
            disproof(&map)?;
        }
        let labels = match self.labels_of(row, file, map, self.base) {
            Ok(labels) => labels,
            Err(fault) => {
                // The map is used up, and is needed to tell a wrong base from a bad sample.
                disproof(&self.decode(file)?)?;
                return Err(fault.into());
            }
        };
        let confidence = self.confidence(row)?;
        Ok((confidence.is_some() || !self.has_confidence()).then_some(PseudoLabels { labels, confidence }))
    }
}
