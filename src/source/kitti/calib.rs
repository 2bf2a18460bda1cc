//! Calibration files: `key: numbers`, one key a line.
//!
//! Format: the KITTI raw development kit (`calib_cam_to_cam.txt`, `calib_velo_to_cam.txt`), the object benchmark
//! (`NNNNNN.txt`), Geiger et al., *Vision meets Robotics: The KITTI Dataset*, 2013.

use std::collections::BTreeMap;
use std::path::Path;

use super::Camera;
use super::file::{self, FileError, Malformed, excerpt};
use crate::sample::{Intrinsics, Size};

/// No calibration file is larger; real ones have 3 KiB.
const MAX_BYTES: u64 = 1 << 20;

/// No rectified picture is wider or higher; real ones have 1242x375.
const MAX_SIDE: f64 = 8192.0;

/// The numbers of a calibration file by key. Every number is finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calib(BTreeMap<String, Vec<f64>>);

/// Parses a calibration file.
///
/// A line is split at its first colon only: the value of `calib_time` has colons of its own. That value is no
/// number and is left out. Blank lines are skipped; the object benchmark ends its files with one.
///
/// # Errors
/// A line without a colon, a value that is not a finite number, a key that comes twice.
pub fn parse(bytes: &[u8]) -> Result<Calib, Malformed> {
    let mut keys = BTreeMap::new();
    for (number, line) in file::lines(bytes)? {
        let wrong = |reason: String| Malformed::line(number, reason);
        let (key, value) =
            line.split_once(':').ok_or_else(|| wrong(format!("expected `key: numbers`, found {}", excerpt(line))))?;
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong("expected a key before the colon, found none".into()));
        }
        let values = if key == "calib_time" { Vec::new() } else { numbers(value).map_err(wrong)? };
        if keys.insert(key.to_owned(), values).is_some() {
            return Err(wrong(format!("key {} comes twice", excerpt(key))));
        }
    }
    Ok(Calib(keys))
}

/// Whitespace separated finite numbers.
pub(super) fn numbers(text: &str) -> Result<Vec<f64>, String> {
    text.split_whitespace()
        .map(|word| match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("expected finite numbers, found {}", excerpt(word))),
        })
        .collect()
}

impl Calib {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        file::read(path, MAX_BYTES, parse)
    }

    /// The `N` numbers of `key`.
    ///
    /// # Errors
    /// The key is absent or has another count of numbers.
    pub fn numbers<const N: usize>(&self, key: &str) -> Result<[f64; N], Malformed> {
        let Some(found) = self.0.get(key) else {
            return Err(Malformed::new(key, "the key is missing; is this the right calibration file?"));
        };
        <[f64; N]>::try_from(found.as_slice())
            .map_err(|_| Malformed::new(key, format!("expected {N} numbers, found {}", found.len())))
    }

    /// Width and height of the rectified pictures (`S_rect_02`, which holds width, then height).
    ///
    /// # Errors
    /// Absent, or no size of a picture.
    pub fn rectified_size(&self) -> Result<Size, Malformed> {
        let side = |value: f64| {
            if (1.0..=MAX_SIDE).contains(&value) && value.fract() == 0.0 {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
                let side = value as usize;
                return Ok(side);
            }
            let reason = format!("expected width and height, whole numbers in 1..={MAX_SIDE}, found {value}");
            Err(Malformed::new("S_rect_02", reason))
        };
        let [width, height] = self.numbers("S_rect_02")?;
        Ok(Size::new(side(height)?, side(width)?))
    }
}

/// One rectified camera and where the laser scanner stands: all that a projection needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rig {
    /// Projection of the rectified camera, 3x4 by rows (`P_rect_0c` or `Pc`).
    pub projection: [f64; 12],
    /// Rotation into the rectified frame, 3x3 by rows: **`R_rect_00` for every camera** (or `R0_rect`).
    pub rectification: [f64; 9],
    /// Velodyne to camera 0, 3x4 by rows.
    pub velo_to_cam: [f64; 12],
}

impl Rig {
    /// From the two files of a raw recording.
    ///
    /// # Errors
    /// A key is absent or has another count of numbers.
    pub fn of_raw(cam_to_cam: &Calib, velo_to_cam: &Calib, camera: Camera) -> Result<Self, Malformed> {
        let r: [f64; 9] = velo_to_cam.numbers("R")?;
        let t: [f64; 3] = velo_to_cam.numbers("T")?;
        Ok(Self {
            projection: cam_to_cam.numbers(raw_projection(camera))?,
            rectification: cam_to_cam.numbers("R_rect_00")?,
            velo_to_cam: [r[0], r[1], r[2], t[0], r[3], r[4], r[5], t[1], r[6], r[7], r[8], t[2]],
        })
    }

    /// From the one file that the object benchmark has for each frame.
    ///
    /// # Errors
    /// A key is absent or has another count of numbers.
    pub fn of_object(calib: &Calib, camera: Camera) -> Result<Self, Malformed> {
        Ok(Self {
            projection: calib.numbers(object_projection(camera))?,
            rectification: calib.numbers("R0_rect")?,
            velo_to_cam: calib.numbers("Tr_velo_to_cam")?,
        })
    }
}

const fn raw_projection(camera: Camera) -> &'static str {
    match camera {
        Camera::Left => "P_rect_02",
        Camera::Right => "P_rect_03",
    }
}

const fn object_projection(camera: Camera) -> &'static str {
    match camera {
        Camera::Left => "P2",
        Camera::Right => "P3",
    }
}

/// The pinhole camera of the rectified pictures, from whichever of the two kinds of file this is.
///
/// # Errors
/// No projection, or one without positive focal lengths.
pub fn intrinsics(calib: &Calib, camera: Camera) -> Result<Intrinsics, Malformed> {
    let raw = raw_projection(camera);
    let key = if calib.0.contains_key(raw) { raw } else { object_projection(camera) };
    let p: [f64; 12] = calib.numbers(key)?;
    let [fx, cx, fy, cy] = [p[0], p[2], p[5], p[6]];
    if fx > 0.0 && fy > 0.0 {
        Ok(Intrinsics { fx, fy, cx, cy })
    } else {
        Err(Malformed::new(key, format!("expected positive focal lengths, found {fx} and {fy}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn only_the_first_colon_splits() {
        let calib = parse(b"calib_time: 09-Jan-2012 13:57:47\r\nS_rect_02: 1.242000e+03 3.750000e+02\n\n").unwrap();
        assert_eq!(calib.rectified_size().unwrap(), Size::new(375, 1242));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(reason(b"R: 1\nR 2"), "line 2: expected `key: numbers`, found \"R 2\"");
        assert_eq!(reason(b"R: 1\n\nR: 2"), "line 3: key \"R\" comes twice");
        assert_eq!(reason(b"R: 1 x"), "line 1: expected finite numbers, found \"x\"");
        assert_eq!(reason(b"R: nan"), "line 1: expected finite numbers, found \"nan\"");
        assert_eq!(reason(b"R: 1e999"), "line 1: expected finite numbers, found \"1e999\"");
        assert_eq!(reason(b": 1"), "line 1: expected a key before the colon, found none");
        assert_eq!(reason(b"R: 1\n\xff\xfe"), "line 2: expected text, found other bytes");
        let calib = parse(b"T: 1 2\nS_rect_02: 0 375\nP2: 0 0 0 0 0 0 0 0 0 0 0 0").unwrap();
        assert_eq!(calib.numbers::<3>("T").unwrap_err().to_string(), "T: expected 3 numbers, found 2");
        assert!(calib.numbers::<9>("R").unwrap_err().to_string().contains("missing"));
        assert!(calib.rectified_size().unwrap_err().reason.contains("found 0"));
        assert!(intrinsics(&calib, Camera::Left).unwrap_err().reason.contains("positive"));
    }

    #[test]
    fn the_translation_becomes_the_fourth_column() {
        let cam = parse(b"P_rect_02: 1 2 3 4 5 6 7 8 9 10 11 12\nR_rect_00: 1 0 0 0 1 0 0 0 1").unwrap();
        let velo = parse(b"R: 1 2 3 4 5 6 7 8 9\nT: -1 -2 -3").unwrap();
        let rig = Rig::of_raw(&cam, &velo, Camera::Left).unwrap();
        assert_eq!(rig.velo_to_cam, [1., 2., 3., -1., 4., 5., 6., -2., 7., 8., 9., -3.]);
        let k = intrinsics(&cam, Camera::Left).unwrap();
        assert_eq!(k.to_array(), [1.0, 6.0, 3.0, 7.0]);
    }
}
