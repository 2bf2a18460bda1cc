//! Laser sweeps (`.bin`) and their projection into a camera by the Eigen protocol.
//!
//! A sweep is little-endian f32 quadruples x (forward), y (left), z (up), reflectance, in metres, without a header.

use std::path::Path;

use ndarray::Array2;

use super::calib::Rig;
use super::file::{self, FileError, Malformed};
use crate::sample::{Invalid, Size};

/// No sweep is larger; a full turn of the scanner has 2 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// Bytes of one point.
const POINT: usize = 16;

/// The points of one turn of the scanner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    /// x (forward), y (left), z (up) in metres of the velodyne frame. All finite.
    pub points: Vec<[f32; 3]>,
    /// Points left out because a coordinate was not finite: they have no place in the picture.
    pub invalid: Invalid,
}

/// Parses a `.bin` file. Points with a NaN or infinite coordinate are left out and counted; the reflectance is not read.
///
/// # Errors
/// A length that is not a multiple of 16, or no point at all, which is what a broken download leaves.
pub fn parse(bytes: &[u8]) -> Result<Sweep, Malformed> {
    if bytes.is_empty() {
        return Err(Malformed::new("points", "expected points, found an empty file"));
    }
    if !bytes.len().is_multiple_of(POINT) {
        let reason = format!("expected a multiple of {POINT} bytes, found {}; is the file cut short?", bytes.len());
        return Err(Malformed::new("length", reason));
    }
    let mut sweep = Sweep { points: Vec::with_capacity(bytes.len() / POINT), invalid: Invalid::default() };
    for [x, y, z, _reflectance] in bytes.as_chunks::<4>().0.as_chunks::<4>().0 {
        let point = [x, y, z].map(|&number| f32::from_le_bytes(number));
        if point.iter().all(|c| c.is_finite()) {
            sweep.points.push(point);
        } else if point.iter().any(|c| c.is_nan()) {
            sweep.invalid.nan += 1;
        } else {
            sweep.invalid.infinite += 1;
        }
    }
    Ok(sweep)
}

impl Sweep {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        file::read(path, MAX_BYTES, parse)
    }
}

/// What becomes the depth of a projected point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Along the optical axis of the camera.
    CameraZ,
    /// The forward coordinate of the scanner, about 0.28 m more. The published Eigen test depths are made so.
    VelodyneX,
}

/// Maps a sweep to a sparse depth map.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Velodyne to pixels, 3x4, homogeneous.
    matrix: [[f64; 4]; 3],
    size: Size,
}

impl Projection {
    /// The projection of `rig` onto a picture of `size`. For raw recordings the protocol takes the size from
    /// `S_rect_02`, whichever the camera.
    #[must_use]
    pub fn new(rig: &Rig, size: Size) -> Self {
        let r = &rig.rectification;
        let rectification =
            [[r[0], r[1], r[2], 0.0], [r[3], r[4], r[5], 0.0], [r[6], r[7], r[8], 0.0], [0.0, 0.0, 0.0, 1.0]];
        let [v0, v1, v2] = rows(&rig.velo_to_cam);
        let velo_to_cam = [v0, v1, v2, [0.0, 0.0, 0.0, 1.0]];
        let matrix = times(times(rows(&rig.projection), rectification), velo_to_cam);
        Self { matrix, size }
    }

    /// Sparse depth in metres, `[H, W]`, 0 = no point. Values below zero are kept for the caller to count.
    ///
    /// Source: the protocol of Eigen et al. (2014) as in the `generate_depth_map` that most of the field uses:
    /// points behind the scanner (x < 0) are dropped before projecting, pixels are `round(p) - 1` with halves to
    /// even, and where several points meet the smallest depth wins. One slip of the original is not repeated: it
    /// finds meeting points by `row * (W - 1) + column - 1`, which takes the last pixel of a row and the first of
    /// the next for the same.
    #[must_use]
    pub fn depth(&self, sweep: &Sweep, axis: Axis) -> Array2<f32> {
        let mut depth = Array2::from_elem((self.size.height, self.size.width), f32::INFINITY);
        for point in &sweep.points {
            let [x, y, z] = point.map(f64::from);
            if x < 0.0 {
                continue;
            }
            let [u, v, w] = self.matrix.map(|[a, b, c, d]| a * x + b * y + c * z + d);
            let (Some(column), Some(row)) = (pixel(u / w, self.size.width), pixel(v / w, self.size.height)) else {
                continue;
            };
            #[expect(clippy::cast_possible_truncation, reason = "maps are f32; rounding keeps the order")]
            let metres = match axis {
                Axis::CameraZ => w as f32,
                Axis::VelodyneX => point[0],
            };
            if let Some(nearest) = depth.get_mut((row, column)) {
                *nearest = nearest.min(metres);
            }
        }
        depth.mapv_inplace(|metres| if metres == f32::INFINITY { 0.0 } else { metres });
        depth
    }
}

/// The pixel of a coordinate, counted from 0; `None` outside. The minus one imitates the MATLAB development kit.
fn pixel(at: f64, n: usize) -> Option<usize> {
    let at = at.round_ties_even() - 1.0;
    #[expect(clippy::cast_precision_loss, reason = "sizes of pictures are far below 2^52")]
    let inside = at >= 0.0 && at < n as f64; // false for NaN too
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    inside.then_some(at as usize)
}

fn rows(m: &[f64; 12]) -> [[f64; 4]; 3] {
    [[m[0], m[1], m[2], m[3]], [m[4], m[5], m[6], m[7]], [m[8], m[9], m[10], m[11]]]
}

fn times(a: [[f64; 4]; 3], b: [[f64; 4]; 4]) -> [[f64; 4]; 3] {
    a.map(|row| std::array::from_fn(|j| row.iter().zip(&b).fold(0.0, |sum, (x, b_row)| sum + x * b_row[j])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(points: &[[f32; 4]]) -> Vec<u8> {
        points.iter().flatten().flat_map(|c| c.to_le_bytes()).collect()
    }

    /// A camera that looks along the scanner's x: column = -10 y / x + 3, row = -10 z / x + 2.
    fn projection() -> Projection {
        let rig = Rig {
            projection: [10.0, 0.0, 3.0, 0.0, 0.0, 10.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            rectification: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            velo_to_cam: [0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, -0.5],
        };
        Projection::new(&rig, Size::new(4, 6))
    }

    #[test]
    fn what_is_wrong_with_a_sweep_is_said() {
        assert!(parse(b"").unwrap_err().to_string().contains("empty file"));
        let text = parse(&[0; 33]).unwrap_err().to_string();
        assert_eq!(text, "length: expected a multiple of 16 bytes, found 33; is the file cut short?");
        let sweep = parse(&bin(&[
            [1.0, 2.0, 3.0, f32::NAN],
            [f32::NAN, 0.0, 0.0, 0.0],
            [0.0, f32::INFINITY, 0.0, 0.0],
            [f32::INFINITY, f32::NAN, 0.0, 0.0],
        ]));
        let sweep = sweep.unwrap();
        assert_eq!(sweep.points, [[1.0, 2.0, 3.0]]);
        assert_eq!(sweep.invalid, Invalid { nan: 2, negative: 0, infinite: 1 });
    }

    #[test]
    fn the_smallest_depth_wins_and_the_axis_decides_what_depth_is() {
        let sweep = parse(&bin(&[[4.5, 0.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0], [3.5, 0.0, 0.0, 0.0]])).unwrap();
        let z = projection().depth(&sweep, Axis::CameraZ);
        assert_eq!(z[(1, 2)], 2.0); // (column 3, row 2) - 1
        assert_eq!(z.iter().filter(|&&m| m > 0.0).count(), 1);
        assert_eq!(projection().depth(&sweep, Axis::VelodyneX)[(1, 2)], 2.5);
    }

    #[test]
    fn halves_round_to_even() {
        let column = |x: f32, y: f32| {
            let depth = projection().depth(&Sweep { points: vec![[x, y, 0.0]], ..Sweep::default() }, Axis::CameraZ);
            depth.indexed_iter().find(|(_, m)| **m > 0.0).map(|((_, column), _)| column)
        };
        assert_eq!(column(4.5, -1.0), Some(5)); // 3 + 10 / 4 = 5.5 -> 6
        assert_eq!(column(20.5, -1.0), Some(3)); // 3.5 -> 4
        assert_eq!(column(20.5, 1.0), Some(1)); // 2.5 -> 2
        assert_eq!(column(4.5, 1.0), None); // 0.5 -> 0, and the minus one leads outside
    }

    #[test]
    fn what_the_scanner_has_behind_it_is_dropped_and_what_the_camera_has_behind_it_is_negative() {
        let depth = |x: f32| projection().depth(&parse(&bin(&[[x, 0.0, 0.0, 0.0]])).unwrap(), Axis::CameraZ);
        assert!(depth(-3.0).iter().all(|&m| m == 0.0));
        assert_eq!(depth(0.25)[(1, 2)], -0.25);
    }
}
