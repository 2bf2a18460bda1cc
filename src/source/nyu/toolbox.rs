//! Raw recordings as the toolbox of NYU Depth v2 reads them: `r-<time>-<ticks>.ppm` with `d-<time>-<ticks>.pgm`, whose samples are
//! raw Kinect disparity, little endian. Colour and depth are **not registered** to each other.

use std::path::Path;

use super::{name, set_scene};
use crate::source::depth_code::DepthCode;
use crate::source::fit::Fit;
use crate::source::folder::{self, Options, Pairing};
use crate::source::pairs::Pairs;
use crate::source::{SourceError, walk};

/// Frames further apart than this are no pair: one and a half periods of the Kinect.
const MAX_S: f64 = 0.05;

/// Plans all pairs below a folder: raw recordings, whose frames pair with the nearest in time, or `*_color.ppm` with
/// `*_depth.pgm`. Nothing is known of the camera, since the grids are two.
///
/// # Errors
/// A folder that cannot be walked, no pairs, or pictures whose sizes do not become one.
pub fn plan_folder(root: &Path, split: &str, fit: Fit) -> Result<Pairs, SourceError> {
    let raw = Options::new(name(split), "**/r-*-{*}.ppm", "**/d-*-{*}.pgm", DepthCode::kinect())?;
    let raw = Options { pairing: Pairing::Time { max_s: MAX_S }, fit, ..raw };
    let is_raw = walk::files(root)?.iter().any(|file| raw.images.key(file).is_some());
    let named = Options::new(name(split), "**/*_color.ppm", "**/*_depth.pgm", DepthCode::kinect())?;
    let options = if is_raw { raw } else { Options { fit, ..named } };
    Ok(folder::plan(root, options)?.map_entries(set_scene))
}
