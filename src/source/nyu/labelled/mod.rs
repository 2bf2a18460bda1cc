//! The labelled file `nyu_depth_v2_labeled.mat`: 1449 frames with filled and raw depth, 894 classes, scenes.
//!
//! Arrays are read chunk by chunk, a frame at a time and from many threads at once. Rows of the set are the frames of
//! the split in the order of the file; the key of a frame is its **0-based** index in the file with five digits
//! (`00000`), as BTS names its test pictures. Labels are matched by *name*: a class gets the target of its name in the
//! 894-name table, whatever position it has in this file. Names that the table does not know become *ignore* and are
//! listed in the options of the set as `unknown_names`.
//!
//! Format: `docs/nyu.md`.

mod classes;
mod frames;
mod options;
mod splits;
mod transpose;
mod variables;

use std::cell::Cell;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, Array3};

use super::RGB_CAMERA;
use crate::sample::{Crop, Depth, Fault, IGNORE, Image, Invalid, Sample, Semantics, Size};
use crate::source::mat::hdf5::Scratch;
use crate::source::{Entry, Fields, Header, Loaded, Source, SourceError};

use classes::Classes;
use frames::Frames;
pub use options::{Border, DepthKind, GRID, Options, Split};
pub use splits::Splits;
use transpose::Kept;
use variables::{SINGLE, UINT8, UINT16, Variables};

/// A labelled file, planned.
#[derive(Debug)]
pub struct Labelled {
    file: String,
    header: Header,
    entries: Vec<Entry>,
    /// Frame of each entry.
    frames: Vec<usize>,
    /// Frames that the splits list nowhere.
    n_unlisted: usize,
    kept: Kept,
    border: Border,
    images: Frames,
    depths: Frames,
    raw_depths: Option<Frames>,
    labels: Option<(Frames, Classes)>,
    /// Buffers at rest: as many as threads have been reading at once.
    scratches: Mutex<Vec<Scratch>>,
}

impl Labelled {
    /// Opens a labelled file and plans its samples. `splits` is needed for any split but [`Split::All`], and tells the
    /// split of each sample otherwise.
    ///
    /// # Errors
    /// [`SourceError`] naming file and variable: not a MAT 7.3 file, a variable missing, of the wrong type or shape;
    /// [`SourceError::Usage`] when the options ask for what the file cannot give.
    pub fn open(path: &Path, splits: Option<&Path>, options: &Options) -> Result<Self, SourceError> {
        let file = Variables::open(path)?;
        let (n_frames, size) = file.grid()?;
        if options.border != Border::Keep && size != GRID {
            let message =
                format!("{}: border crop and black are defined for {GRID}, this file has {size}", path.display());
            return Err(SourceError::Usage(message));
        }
        let splits = splits.map(|path| Splits::read(path, n_frames)).transpose()?;
        let frames = match (options.split, &splits) {
            (Split::All, _) => (0..n_frames).collect(),
            (Split::Train, Some(splits)) => splits.train.clone(),
            (Split::Test, Some(splits)) => splits.test.clone(),
            (split, None) => {
                let message = format!("the {} split needs splits.mat: give --splits FILE", split.name());
                return Err(SourceError::Usage(message));
            }
        };
        let n_unlisted = splits.as_ref().map_or(0, |splits| n_frames - splits.train.len() - splits.test.len());
        let plane = [1, size.width, size.height];
        let images = file.frames("images", n_frames, [3, size.width, size.height], UINT8)?;
        let depths = file.frames(options.depth.depth_variable(), n_frames, plane, SINGLE)?;
        let raw_depths = (options.depth == DepthKind::Both).then(|| file.frames("rawDepths", n_frames, plane, SINGLE));
        let raw_depths = raw_depths.transpose()?;
        let labels = options.labels.map(|space| {
            Ok::<_, SourceError>((file.frames("labels", n_frames, plane, UINT16)?, Classes::read(&file, space)?))
        });
        let labels = labels.transpose()?;
        let mut stored_options = options.to_json();
        if let Some((_, classes)) = labels.as_ref().filter(|(_, classes)| !classes.unknown_names.is_empty()) {
            stored_options.insert("unknown_names".to_owned(), classes.unknown_names.clone().into());
        }
        let window = options.border.window(size);
        let fields = Fields { confidence: false, raw_depth: raw_depths.is_some(), intrinsics: size == GRID };
        let header = Header {
            dataset: "nyuv2".to_owned(),
            split: options.split.name().to_owned(),
            label_space: options.labels,
            size: window.size(),
            fields,
            options: stored_options,
        };
        let entries = file.entries(&frames, n_frames, splits.as_ref(), &header)?;
        // The window lies inside the grid: it is the whole, or a part of GRID.
        let side = |offset: i64| usize::try_from(offset).unwrap_or(0);
        let kept = Kept { top: side(window.top), left: side(window.left), height: window.height, width: window.width };
        Ok(Self {
            file: file.name,
            header,
            entries,
            frames,
            n_unlisted,
            kept,
            border: options.border,
            images,
            depths,
            raw_depths,
            labels,
            scratches: Mutex::default(),
        })
    }

    /// Names in the file that the 894-name table does not know; their pixels are ignored.
    #[must_use]
    pub fn unknown_names(&self) -> &[String] {
        self.labels.as_ref().map_or(&[], |(_, classes)| &classes.unknown_names)
    }

    /// How many frames the splits list neither for training nor for testing; 0 without splits.
    #[must_use]
    pub fn n_unlisted(&self) -> usize {
        self.n_unlisted
    }

    fn image(&self, frame: usize, scratch: &mut Scratch) -> Result<Image, String> {
        let Size { height, width } = self.header.size;
        let mut planes = vec![0; 3 * height * width];
        self.images.read(frame, &mut planes, self.kept, scratch, |[byte]| byte)?;
        if self.border == Border::Black {
            blacken(&mut planes, self.header.size);
        }
        let planes = Array3::from_shape_vec((3, height, width), planes).ok();
        planes.and_then(Image::from_planes).ok_or_else(|| "the planes do not make a picture".to_owned())
    }

    fn depth(&self, frames: &Frames, frame: usize, scratch: &mut Scratch) -> Result<(Depth, Invalid), String> {
        let Size { height, width } = self.header.size;
        let mut plane = vec![0.0; height * width];
        frames.read(frame, &mut plane, self.kept, scratch, f32::from_le_bytes)?;
        let plane = Array2::from_shape_vec((height, width), plane).map_err(|error| error.to_string())?;
        Ok(Depth::from_metres(plane))
    }

    fn semantics(
        &self,
        frames: &Frames,
        classes: &Classes,
        frame: usize,
        scratch: &mut Scratch,
    ) -> Result<Semantics, String> {
        let Size { height, width } = self.header.size;
        let mut plane = vec![IGNORE; height * width];
        let greatest = Cell::new(0);
        frames.read(frame, &mut plane, self.kept, scratch, |bytes| {
            let id = u16::from_le_bytes(bytes);
            greatest.set(id.max(greatest.get()));
            classes.targets[usize::from(id)]
        })?;
        if usize::from(greatest.get()) > classes.n_names {
            return Err(format!(
                "expected ids up to {} (the number of names), found {}",
                classes.n_names,
                greatest.get()
            ));
        }
        let plane = Array2::from_shape_vec((height, width), plane).map_err(|error| error.to_string())?;
        Ok(Semantics::new(plane))
    }
}

impl Source for Labelled {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let loaded = self.load_with(index, &mut scratch);
        scratches().push(scratch);
        loaded
    }
}

impl Labelled {
    fn load_with(&self, index: usize, scratch: &mut Scratch) -> Result<Loaded, Fault> {
        let frame = *self.frames.get(index).ok_or_else(|| {
            Fault::new(&*self.file, "samples", format_args!("there is no sample {index} of {}", self.frames.len()))
        })?;
        // MATLAB counts from 1, and so does whoever looks the frame up there.
        let fault = |frames: &Frames| {
            let field = format!("{} (frame {} of MATLAB)", frames.variable(), frame + 1);
            move |reason| Fault::new(&*self.file, field, reason)
        };
        let image = self.image(frame, scratch).map_err(fault(&self.images))?;
        let (depth, mut invalid) = self.depth(&self.depths, frame, scratch).map_err(fault(&self.depths))?;
        let mut sample = Sample::new(image, depth);
        if let Some(frames) = &self.raw_depths {
            let (raw_depth, raw_invalid) = self.depth(frames, frame, scratch).map_err(fault(frames))?;
            sample.raw_depth = Some(raw_depth);
            invalid = invalid.plus(raw_invalid);
        }
        if let Some((frames, classes)) = &self.labels {
            sample.semantics = Some(self.semantics(frames, classes, frame, scratch).map_err(fault(frames))?);
        }
        let crop = Crop::new(self.border.window(GRID), GRID);
        if self.header.fields.intrinsics {
            sample.intrinsics = Some(crop.map_or(RGB_CAMERA, |crop| RGB_CAMERA.window(crop.window)));
        }
        Ok(Loaded { sample, crop, invalid, provenance: None })
    }
}

/// Black outside what BTS keeps: rows 7..=473 and columns 7..=631.
fn blacken(planes: &mut [u8], size: Size) {
    for (i, row) in planes.chunks_exact_mut(size.width.max(1)).enumerate() {
        if !(7..=473).contains(&(i % size.height)) {
            row.fill(0);
        }
        for (x, pixel) in row.iter_mut().enumerate() {
            if !(7..=631).contains(&x) {
                *pixel = 0;
            }
        }
    }
}
