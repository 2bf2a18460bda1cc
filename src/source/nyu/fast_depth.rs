//! The `.h5` files of fast-depth and sparse-to-dense: one frame a file, already in rows.
//!
//! `rgb` is u8 `[3, H, W]`, `depth` f32 `[H, W]` in metres. Unlike the labelled `.mat`, nothing is transposed.
//! Source: `dwofk/fast-depth:dataloaders/dataloader.py`.

use std::path::Path;

use ndarray::{Array2, Array3};

use crate::sample::{Depth, Fault, Image, Invalid, Size};
use crate::source::mat::hdf5::{ByteOrder, Dataset, Datatype, File, Group};

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
    let bytes = read(DEPTH, &depth)?;
    let metres = bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect();
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
