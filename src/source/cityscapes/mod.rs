//! Cityscapes: pictures, labels by class, train id or instance, and depth from disparity and the camera files.
//!
//! Files are known by the ends of their names, wherever below the root they lie, so that the official tree
//! (`leftImg8bit/SPLIT/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png`) and a flat folder are read alike.
//!
//! Formats: Cordts et al., *The Cityscapes Dataset* (2016), and the README of `cityscapesScripts`.

mod camera;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rayon::prelude::*;
use serde_json::{Map, json};

use self::camera::Camera;
use self::tree::{Files, Frame};
use crate::label::{LabelSpace, Remap};
use crate::sample::{Depth, Fault, Invalid, Sample, Size};
use crate::source::depth_code::{DepthCode, Encoding};
use crate::source::fit::Fit;
use crate::source::label_map::{self, Container};
use crate::source::picture::{self, PictureError};
use crate::source::{Entry, Fields, Header, Loaded, Source, SourceError};

/// The pictures that the camera files belong to.
const CAMERA_SIZE: Size = Size::new(1024, 2048);

/// Which of the label files to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelKind {
    /// `labelIds`: 0..33.
    #[default]
    LabelIds,
    /// `labelTrainIds`: 0..18, 255 = ignore; made by the scripts of the data set.
    TrainIds,
    /// `instanceIds`: id * 1000 + k for things, of which the class is taken.
    InstanceIds,
}

impl LabelKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::LabelIds, Self::TrainIds, Self::InstanceIds];

    /// As in `--labels`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LabelIds => "label-ids",
            Self::TrainIds => "train-ids",
            Self::InstanceIds => "instance-ids",
        }
    }
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LabelKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("expected one of {}; found {text:?}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What to convert and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Folder of the data set.
    pub root: PathBuf,
    /// Only the frames below a folder of this name; `None`: all.
    pub split: Option<String>,
    /// Which label files.
    pub labels: LabelKind,
    /// The coarse annotations instead of the fine ones.
    pub coarse: bool,
    /// Map some classes that are not evaluated too: bridge, parking, caravan, ...
    pub extended: bool,
    /// Classes of the set.
    pub space: LabelSpace,
    /// What becomes of pictures of different sizes.
    pub fit: Fit,
}

impl Options {
    /// The usual choices for the data set at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            split: None,
            labels: LabelKind::default(),
            coarse: false,
            extended: false,
            space: LabelSpace::Ade20k150,
            fit: Fit::Reject,
        }
    }

    fn remap(&self) -> Result<Remap, SourceError> {
        let remap = match self.labels {
            LabelKind::LabelIds if self.extended => Remap::cityscapes_extended_to(self.space),
            LabelKind::LabelIds => Remap::cityscapes_to(self.space),
            _ if self.extended => {
                let text = format!("train and instance ids have no extended table; leave --labels {} out", self.labels);
                return Err(SourceError::Usage(text));
            }
            LabelKind::TrainIds => Remap::cityscapes_train_ids_to(self.space),
            LabelKind::InstanceIds => Remap::cityscapes_instances_to(self.space),
        };
        remap.map_err(|error| SourceError::Usage(error.to_string()))
    }
}

/// What planning found, for the user to read: frames left out, by what they lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples that have a row.
    pub n_samples: usize,
    /// How many frames lack a file, and the first of them.
    pub left_out: BTreeMap<&'static str, (usize, String)>,
    /// Whether there is disparity to take depth from.
    pub has_depth: bool,
    /// Whether there are labels.
    pub has_labels: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples", self.n_samples)?;
        for (what, (n, first)) in &self.left_out {
            write!(f, "\n{n} left out, no {what}: {first}{}", if *n > 1 { " and others" } else { "" })?;
        }
        if !self.has_depth {
            write!(f, "\nno disparity files: all depth will be missing")?;
        }
        if !self.has_labels {
            write!(f, "\nno label files: the set will have no labels")?;
        }
        Ok(())
    }
}

/// Samples of Cityscapes.
#[derive(Debug)]
pub struct Cityscapes {
    header: Header,
    entries: Vec<Entry>,
    options: Options,
    remap: Option<Remap>,
    report: Report,
}

impl Cityscapes {
    /// Finds the frames and fixes their rows. Headers of the pictures are read for their sizes.
    ///
    /// # Errors
    /// A folder that cannot be walked, two files for one frame, no picture, pictures whose sizes do not become one.
    pub fn plan(options: Options) -> Result<Self, SourceError> {
        let frames = tree::find(&options)?;
        let has = |file: fn(&Files) -> &Option<String>| {
            frames.values().any(|f| f.files.image.is_some() && file(&f.files).is_some())
        };
        let (has_depth, has_labels) = (has(|f| &f.disparity), has(|f| &f.labels));
        let mut report = Report { has_depth, has_labels, ..Report::default() };
        let mut entries = Vec::new();
        for (id, Frame { files, split }) in frames {
            let needed = [
                ("picture", Some(&files.image)),
                ("labels", has_labels.then_some(&files.labels)),
                ("disparity", has_depth.then_some(&files.disparity)),
                ("camera file", has_depth.then_some(&files.camera)),
            ];
            if let Some((what, _)) = needed.into_iter().find(|(_, file)| file.is_some_and(Option::is_none)) {
                report.left_out.entry(what).or_insert((0, id)).0 += 1;
                continue;
            }
            let scene = id.split('_').next().map(str::to_owned);
            entries.push(Entry {
                key: id,
                source: files.named(has_depth, has_labels),
                split,
                scene,
                ..Entry::default()
            });
        }
        report.n_samples = entries.len();
        if entries.is_empty() {
            let why = report.left_out.keys().next().map_or("no picture", |what| what);
            return Err(SourceError::Usage(format!(
                "{}: no frame has all its files ({why}); expected leftImg8bit/SPLIT/CITY/*_leftImg8bit.png and gtFine/SPLIT/CITY/*_gtFine_labelIds.png below it",
                options.root.display()
            )));
        }
        let intrinsics = entries.iter().all(|entry| entry.source.contains_key(CAMERA));
        let remap = if has_labels { Some(options.remap()?) } else { None };
        let header = Header {
            dataset: "cityscapes".into(),
            split: split(&options, &entries),
            label_space: remap.as_ref().map(Remap::space),
            size: grid(&options, &entries)?,
            fields: Fields { intrinsics, ..Fields::default() },
            options: effective(&options, remap.as_ref(), has_depth),
        };
        Ok(Self { header, entries, options, remap, report })
    }

    /// What was found and what was left out.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn camera(&self, entry: &Entry, image: Size) -> Result<Option<Camera>, Fault> {
        let Some(file) = entry.source.get(CAMERA) else { return Ok(None) };
        if image != CAMERA_SIZE {
            let reason = format!("expected pictures of {CAMERA_SIZE}, to which it belongs, found {image}");
            return Err(Fault::new(file, CAMERA, reason));
        }
        Camera::read(&self.options.root.join(file)).map(Some).map_err(|reason| Fault::new(file, CAMERA, reason))
    }
}

/// Names of the files in [`Entry::source`].
const IMAGE: &str = "image";
const DEPTH: &str = "depth";
const SEMANTICS: &str = "semantics";
const CAMERA: &str = "camera";

impl Source for Cityscapes {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let entry =
            self.entries.get(index).ok_or_else(|| Fault::new("", "index", format!("there is no sample {index}")))?;
        let image = decode(&self.options.root, entry, IMAGE, picture::decode_rgb)?
            .ok_or_else(|| Fault::new("", IMAGE, "the sample has no picture"))?;
        let size = image.size();
        let camera = self.camera(entry, size)?;
        let code = camera.as_ref().map(|c| disparity(c.baseline_m * c.intrinsics.fx));
        let depth = match &code {
            Some(code) => decode(&self.options.root, entry, DEPTH, |bytes| code.decode(bytes))?,
            None => None,
        };
        let (depth, invalid) = depth.unwrap_or_else(|| (Depth::missing(size), Invalid::default()));
        let mut sample = Sample::new(image, depth);
        if let Some(remap) = &self.remap {
            let map = decode(&self.options.root, entry, SEMANTICS, |b| label_map::decode(b, &Container::default()))?;
            let file = entry.source.get(SEMANTICS).map(String::as_str).unwrap_or_default();
            let labels = map.map(|map| map.classes(remap)).transpose();
            sample.semantics = labels.map_err(|e| Fault::new(file, SEMANTICS, e))?;
        }
        if let Some((field, found)) = sample.misfit() {
            let file = entry.source.get(field).map(String::as_str).unwrap_or_default();
            return Err(Fault::new(file, field, format!("expected the size of the picture, {size}, found {found}")));
        }
        if self.header.fields.intrinsics {
            sample.intrinsics = camera.map(|c| c.intrinsics);
        }
        let fit = self.options.fit.window(size, self.header.size);
        let window = fit.map_err(|e| Fault::new(entry.source.get(IMAGE).cloned().unwrap_or_default(), IMAGE, e))?;
        Ok(Loaded::window(sample, window, invalid))
    }
}

/// The file of a field, if the sample has one.
fn decode<T>(
    root: &Path,
    entry: &Entry,
    field: &str,
    decode: impl Fn(&[u8]) -> Result<T, PictureError>,
) -> Result<Option<T>, Fault> {
    let Some(file) = entry.source.get(field) else { return Ok(None) };
    let decoded = picture::read_bytes(&root.join(file)).and_then(|bytes| decode(&bytes));
    decoded.map(Some).map_err(|error| error.fault(file, field))
}

/// Sixteen bits: 0 = invalid, else disparity = (value - 1) / 256 pixels. (KITTI's has no -1.)
fn disparity(baseline_focal: f64) -> DepthCode {
    DepthCode {
        encoding: Encoding::Disparity { baseline_focal },
        scale: 1.0 / 256.0,
        offset: -1.0 / 256.0,
        invalid: vec![0.0],
        bits: Some(16),
    }
}

fn split(options: &Options, entries: &[Entry]) -> String {
    let first = entries.first().and_then(|entry| entry.split.clone());
    let unanimous = first.filter(|first| entries.iter().all(|entry| entry.split.as_ref() == Some(first)));
    options.split.clone().or(unanimous).unwrap_or_else(|| "all".into())
}

fn grid(options: &Options, entries: &[Entry]) -> Result<Size, SourceError> {
    let file = |entry: &Entry| options.root.join(entry.source.get(IMAGE).map(String::as_str).unwrap_or_default());
    let sizes: Vec<Size> = entries.par_iter().filter_map(|e| picture::read_size(&file(e)).ok()).collect();
    options.fit.grid(sizes).map_err(|error| SourceError::Usage(format!("{}: {error}", options.root.display())))
}

/// The options that decide what is stored.
fn effective(options: &Options, remap: Option<&Remap>, has_depth: bool) -> Map<String, serde_json::Value> {
    let mut effective = Map::new();
    if has_depth {
        effective.insert("depth".into(), json!("disparity, (value - 1) / 256 px"));
    }
    effective.insert("labels".into(), json!(remap.map(Remap::to_json)));
    effective.insert("annotation".into(), json!(if options.coarse { "coarse" } else { "fine" }));
    effective.insert("split".into(), json!(options.split));
    effective.insert("fit".into(), json!(options.fit.to_string()));
    effective
}
