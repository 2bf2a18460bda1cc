//! What is known of the camera of a sample, and when it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calib::{self, Calib, Rig};
use super::file::{self, Malformed};
use super::frame::Camera;
use super::velodyne::Projection;
use crate::sample::{Fault, Intrinsics, Size};
use crate::source::SourceError;

/// A camera, and the way of laser points into its picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) intrinsics: Option<Intrinsics>,
    pub(super) projection: Option<Projection>,
}

/// Where the camera of a sample is described.
#[derive(Clone)]
pub(super) enum Optics {
    /// Nowhere.
    Unknown,
    /// In the files of the day, which are read while planning.
    Day(Arc<Known>),
    /// In a calibration file of the frame, which is read with it.
    Frame(PathBuf),
    /// In a file of nine numbers, the camera matrix, which is read with the frame.
    Matrix(PathBuf),
}

impl Known {
    /// Reads the calibration of a day. The projection, for which `calib_velo_to_cam.txt` is needed besides, only
    /// when `projected`.
    pub(super) fn of_day(day: &Path, camera: Camera, projected: bool) -> Result<Self, SourceError> {
        let path = day.join(CAM_TO_CAM);
        let at = |e: Malformed| SourceError::format(&path, e.field, e.reason);
        let cam_to_cam = Calib::read(&path).map_err(|e| e.at(&path))?;
        let intrinsics = calib::intrinsics(&cam_to_cam, camera).map_err(at)?;
        if !projected {
            return Ok(Self { intrinsics: Some(intrinsics), projection: None });
        }
        let velo_path = day.join(VELO_TO_CAM);
        let velo_to_cam = Calib::read(&velo_path).map_err(|e| e.at(&velo_path))?;
        let rig = Rig::of_raw(&cam_to_cam, &velo_to_cam, camera).map_err(|e| {
            let file = if matches!(e.field.as_str(), "R" | "T") { &velo_path } else { &path };
            SourceError::format(file, e.field, e.reason)
        })?;
        let size = cam_to_cam.rectified_size().map_err(at)?;
        Ok(Self { intrinsics: Some(intrinsics), projection: Some(Projection::new(&rig, size)) })
    }

    fn of_frame(calib: &Calib, camera: Camera, projected: Option<Size>) -> Result<Self, Malformed> {
        let intrinsics = Some(calib::intrinsics(calib, camera)?);
        let projection = match projected {
            Some(size) => Some(Projection::new(&Rig::of_object(calib, camera)?, size)),
            None => None,
        };
        Ok(Self { intrinsics, projection })
    }
}

/// Name of the camera calibration of a day.
pub(super) const CAM_TO_CAM: &str = "calib_cam_to_cam.txt";

/// Name of the scanner calibration of a day.
pub(super) const VELO_TO_CAM: &str = "calib_velo_to_cam.txt";

impl Optics {
    /// The camera of one sample. `file` is the calibration's name in faults; `projected` is the size of the picture
    /// when laser points are to be projected into it.
    pub(super) fn resolve(&self, file: &str, camera: Camera, projected: Option<Size>) -> Result<Arc<Known>, Fault> {
        let known = match self {
            Self::Unknown => return Ok(Arc::default()),
            Self::Day(known) => return Ok(Arc::clone(known)),
            Self::Frame(path) => Calib::read(path).and_then(|calib| Ok(Known::of_frame(&calib, camera, projected)?)),
            Self::Matrix(path) => file::read(path, 1 << 16, matrix)
                .map(|intrinsics| Known { intrinsics: Some(intrinsics), projection: None }),
        };
        known.map(Arc::new).map_err(|e| e.in_sample(file, "calib"))
    }
}

/// A camera matrix, 3x3 by rows, as in the `intrinsics` folder of the depth selection.
fn matrix(bytes: &[u8]) -> Result<Intrinsics, Malformed> {
    let text: Vec<&str> = file::lines(bytes)?.into_iter().map(|(_, line)| line).collect();
    let numbers = calib::numbers(&text.join(" ")).map_err(|reason| Malformed::new("matrix", reason))?;
    let [fx, _, cx, _, fy, cy, _, _, _] = numbers[..] else {
        return Err(Malformed::new("matrix", format!("expected 9 numbers, found {}", numbers.len())));
    };
    if fx > 0.0 && fy > 0.0 {
        return Ok(Intrinsics { fx, fy, cx, cy });
    }
    Err(Malformed::new("matrix", format!("expected positive focal lengths, found {fx} and {fy}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_has_nine_numbers() {
        assert_eq!(matrix(b"721.5 0 609.6\n0 720 149.9\n0 0 1").unwrap().to_array(), [721.5, 720.0, 609.6, 149.9]);
        assert_eq!(matrix(b"1 2 3").unwrap_err().to_string(), "matrix: expected 9 numbers, found 3");
        assert!(matrix(b"0 0 1 0 1 1 0 0 1").unwrap_err().reason.contains("positive"));
    }
}
