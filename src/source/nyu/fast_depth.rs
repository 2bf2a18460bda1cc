//! The `.h5` files of fast-depth and sparse-to-dense: one frame a file, already in rows.
//!
//! `rgb` is u8 `[3, H, W]`, `depth` f32 `[H, W]` in metres. Unlike the labelled `.mat`, nothing is transposed.
//! Source: `dwofk/fast-depth:dataloaders/dataloader.py`.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3};
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::{name, scene_type};
use crate::file::from_le;
use crate::sample::{Depth, Fault, Image, Invalid, Sample, Size};
use crate::source::fit::Fit;
use crate::source::mat::hdf5::{ByteOrder, Dataset, Datatype, File, Group};
use crate::source::{Entry, Fields, Header, Loaded, Source, SourceError, walk};

/// Key of [`Entry::source`] for the picture.
const RGB_FIELD: &str = "image";
/// The longest side that is read, in pixels.
const MAX_SIDE: u64 = 16_384;
/// The most pixels that are read.
const MAX_PIXELS: u64 = 64 << 20;

const RGB: &str = "rgb";
const DEPTH: &str = "depth";
const UINT8: Datatype = Datatype::Integer { size: 1, signed: false, order: ByteOrder::Little };
const SINGLE: Datatype = Datatype::Float { size: 4, order: ByteOrder::Little };

/// Height and width of a file's frame, without reading it.
///
/// # Errors
/// A [`Fault`] with the path as given.
pub fn read_fast_depth_size(path: &Path) -> Result<Size, Fault> {
    let frame = Frame { path };
    frame.size(&frame.dataset(&frame.root()?, RGB, UINT8)?)
}

/// Reads one file: the picture, the depth, and what of it could not be depth.
///
/// # Errors
/// A [`Fault`] with the path as given: not an HDF5 file, no `rgb` or `depth`, another type or shape, damage.
pub fn read_fast_depth(path: &Path) -> Result<(Image, Depth, Invalid), Fault> {
    let frame = Frame { path };
    let root = frame.root()?;
    let (rgb, depth) = (frame.dataset(&root, RGB, UINT8)?, frame.dataset(&root, DEPTH, SINGLE)?);
    let size = frame.size(&rgb)?;
    let expected = [size.height as u64, size.width as u64];
    if depth.shape() != expected {
        return Err(frame.fault(DEPTH, format_args!("expected {expected:?} like `rgb`, found {:?}", depth.shape())));
    }
    let read = |name, dataset: &Dataset| dataset.read_all(4 * MAX_PIXELS).map_err(|error| frame.fault(name, error));
    let planes = Array3::from_shape_vec((3, size.height, size.width), read(RGB, &rgb)?);
    let image = planes.ok().and_then(Image::from_planes).ok_or_else(|| frame.fault(RGB, "too short for its shape"))?;
    let metres = from_le(&read(DEPTH, &depth)?);
    let metres = Array2::from_shape_vec((size.height, size.width), metres);
    let (depth, invalid) = Depth::from_metres(metres.map_err(|error| frame.fault(DEPTH, error))?);
    Ok((image, depth, invalid))
}

struct Frame<'a> {
    path: &'a Path,
}

impl Frame<'_> {
    fn root(&self) -> Result<Group, Fault> {
        File::open(self.path).and_then(|file| file.root()).map_err(|error| self.fault("file", error))
    }

    fn dataset(&self, root: &Group, name: &str, datatype: Datatype) -> Result<Dataset, Fault> {
        let dataset = root.dataset(name).map_err(|error| self.fault(name, error))?;
        if dataset.datatype() != datatype {
            return Err(self.fault(name, format_args!("expected {datatype:?}, found {:?}", dataset.datatype())));
        }
        Ok(dataset)
    }

    fn size(&self, rgb: &Dataset) -> Result<Size, Fault> {
        let fits = |side: u64| usize::try_from(side).ok().filter(|_| (1..=MAX_SIDE).contains(&side));
        let size = match *rgb.shape() {
            [3, height, width] if height.saturating_mul(width) <= MAX_PIXELS => fits(height).zip(fits(width)),
            _ => None,
        };
        let found =
            || self.fault(RGB, format_args!("expected [3, H, W] with sides up to {MAX_SIDE}, found {:?}", rgb.shape()));
        size.map(|(height, width)| Size::new(height, width)).ok_or_else(found)
    }

    fn fault(&self, field: &str, reason: impl std::fmt::Display) -> Fault {
        Fault::new(self.path.display().to_string(), field, reason)
    }
}

/// The frames of each training scene that fast-depth holds out.
const HELD_OUT: [&str; 2] = ["/00001.h5", "/00201.h5"];

/// A folder of such files: `<split>/<scene>/00001.h5`.
#[derive(Debug)]
pub struct FastDepth {
    root: PathBuf,
    header: Header,
    entries: Vec<Entry>,
    fit: Fit,
}

impl FastDepth {
    /// Plans every `.h5` file below `root`, in byte order; with a split, those below the folder of that name, and of `train` those
    /// that fast-depth learns from (`dataloaders/nyu.py`): two frames of each scene are held out. A file whose
    /// size cannot be read faults its sample only. Nothing is known of the camera: the frames were resized.
    ///
    /// # Errors
    /// A folder that cannot be walked, no files, or frames whose sizes do not become one.
    pub fn plan(root: &Path, split: Option<&str>, fit: Fit) -> Result<Self, SourceError> {
        let below = split.map_or_else(String::new, |split| format!("{split}/"));
        let mut files = walk::files(root)?;
        let is_held_out = |file: &str| split == Some("train") && HELD_OUT.iter().any(|name| file.ends_with(name));
        files.retain(|file| file.ends_with(".h5") && file.starts_with(&below) && !is_held_out(file));
        if files.is_empty() {
            let reason = format!("no .h5 files below {:?}; --split names the folder: train, val or all", below);
            return Err(SourceError::Usage(format!("{}: {reason}", root.display())));
        }
        let sizes: Vec<Size> =
            files.par_iter().filter_map(|file| read_fast_depth_size(&root.join(file)).ok()).collect();
        let size = fit.grid(sizes).map_err(|e| SourceError::Usage(format!("{}: {e}", root.display())))?;
        let options = Map::from_iter([("fit".to_owned(), Value::from(fit.to_string()))]);
        let name = name(split.unwrap_or("all"));
        let header = Header {
            dataset: name.dataset,
            split: name.split,
            label_space: None,
            size,
            fields: Fields::default(),
            options,
        };
        Ok(Self { root: root.to_path_buf(), header, entries: files.iter().map(|f| entry(f)).collect(), fit })
    }
}

/// `val/official/00001.h5` is of the split `val`; `official` is no scene.
fn entry(file: &str) -> Entry {
    let key = file.strip_suffix(".h5").unwrap_or(file);
    let folders: Vec<&str> = key.rsplit('/').skip(1).collect();
    let scene = folders.first().copied().filter(|scene| scene_type(scene).is_some());
    Entry {
        key: key.to_owned(),
        source: [RGB_FIELD, DEPTH].map(|field| (field.to_owned(), file.to_owned())).into(),
        split: folders.last().filter(|split| matches!(**split, "train" | "val" | "test")).map(|s| (*s).to_owned()),
        scene: scene.map(str::to_owned),
        scene_type: scene.and_then(scene_type).map(str::to_owned),
        ..Entry::default()
    }
}

impl Source for FastDepth {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let file = self.entries.get(index).and_then(|entry| entry.source.get(RGB_FIELD));
        let file = file.ok_or_else(|| Fault::new("", "index", format!("there is no sample {index}")))?;
        let read = read_fast_depth(&self.root.join(file));
        let (image, depth, invalid) = read.map_err(|fault| Fault { file: file.clone(), ..fault })?;
        let size = image.size();
        let window = self.fit.window(size, self.header.size).map_err(|e| Fault::new(file.clone(), RGB, e))?;
        Ok(Loaded::window(Sample::new(image, depth), window, invalid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_know_split_and_scene() {
        let train = entry("train/living_room_0004/00001.h5");
        assert_eq!(train.key, "train/living_room_0004/00001");
        assert_eq!((train.split.as_deref(), train.scene_type.as_deref()), (Some("train"), Some("living_room")));
        let val = entry("val/official/00001.h5");
        assert_eq!((val.split.as_deref(), val.scene), (Some("val"), None));
        assert_eq!(entry("00001.h5").split, None);
    }
}
