//! The recording car: two colour cameras and a laser scanner, and the calibration files that describe them.

use super::render::Camera;
use super::vector::{Vec3, vec3};
use crate::sample::Size;

type Matrix = [[f64; 3]; 3];

/// From the scanner to the unrectified first camera. Seven digits, as in the file, so that file and scene agree.
const VELO_TO_CAM: Matrix = [
    [-2.999996e-03, -9.999710e-01, 6.999911e-03],
    [-1.099973e-02, -6.966521e-03, -9.999152e-01],
    [9.999350e-01, -3.076738e-03, -1.097851e-02],
];
const VELO_OFFSET: [f64; 3] = [-4.000000e-03, -7.600000e-02, -2.700000e-01];
/// From the unrectified first camera to the rectified ones.
const RECTIFY: Matrix = [
    [9.999515e-01, 3.999827e-03, 8.999879e-03],
    [-4.053916e-03, 9.999738e-01, 5.999721e-03],
    [-8.975645e-03, -6.035915e-03, 9.999415e-01],
];
/// Where the rectified first camera lies as seen from each camera, in metres: 00 and 01 are grey, 02 and 03 colour,
/// with 0.54 m between the colour ones.
const OFFSETS: [[f64; 3]; 4] = [[0.0; 3], [-0.54, 0.0, 0.0], [0.06, 0.0, 0.0027], [-0.48, 0.0, 0.0027]];

/// The cameras and the scanner of one moment.
pub(super) struct Rig {
    left: Camera,
}

impl Rig {
    /// The rig whose left colour camera is this one.
    pub(super) const fn new(left: Camera) -> Self {
        Self { left }
    }

    /// Colour camera 2 (left) or 3 (right).
    pub(super) fn camera(&self, number: usize) -> Camera {
        let [x, y, z] = OFFSETS[2];
        let [a, b, c] = OFFSETS[number];
        self.left.moved(x - a, y - b, z - c)
    }

    /// The scene's point or direction of one in the scanner's axes (x ahead, y left, z up).
    pub(super) fn scanner_to_scene(&self, p: Vec3, is_point: bool) -> Vec3 {
        let first = OFFSETS[2].map(|m| if is_point { m } else { 0.0 });
        let seen = rectified(p, is_point) + vec3(first[0], first[1], first[2]);
        let axes = &self.left;
        let turned = axes.right * seen.x + axes.down * seen.y + axes.ahead * seen.z;
        if is_point { axes.origin + turned } else { turned }
    }

    /// `P_rect` of a camera. The calibration counts pixels from one, as the projection of the Eigen protocol assumes.
    pub(super) fn projection(&self, number: usize) -> [[f64; 4]; 3] {
        let k = self.left.intrinsics;
        let [x, y, z] = OFFSETS[number];
        let (cx, cy) = (digits(k.cx + 1.0), digits(k.cy + 1.0));
        let (fx, fy) = (digits(k.fx), digits(k.fy));
        [[fx, 0.0, cx, digits(fx * x + cx * z)], [0.0, fy, cy, digits(fy * y + cy * z)], [0.0, 0.0, 1.0, digits(z)]]
    }

    /// Column, row (whole pixels, from zero) and depth of a scanner point in a camera, by the Eigen protocol.
    pub(super) fn project(&self, number: usize, p: Vec3) -> Option<(usize, usize, f64)> {
        let seen = rectified(p, true);
        let row = |[a, b, c, d]: [f64; 4]| a * seen.x + b * seen.y + c * seen.z + d;
        let [u, v, depth] = self.projection(number).map(row);
        let Size { height, width } = self.left.size;
        let inside = |v: f64, end: usize| {
            let v = v.round_ties_even() - 1.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie in the grid")]
            (v >= 0.0 && v < super::render::to_f(end)).then_some(v as usize)
        };
        if p.x < 0.0 || depth <= 0.0 {
            return None;
        }
        Some((inside(u / depth, width)?, inside(v / depth, height)?, depth))
    }

    /// The text of `calib_cam_to_cam.txt`.
    pub(super) fn cam_to_cam(&self) -> String {
        let Size { height, width } = self.left.size;
        let size = numbers([super::render::to_f(width), super::render::to_f(height)]);
        let k = self.left.intrinsics;
        let camera = numbers([k.fx, 0.0, k.cx + 1.0, 0.0, k.fy, k.cy + 1.0, 0.0, 0.0, 1.0]);
        let unit = numbers([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let mut text = format!("calib_time: 01-Jan-1970 00:00:00\ncorner_dist: {}\n", number(0.0995));
        for (i, offset) in OFFSETS.iter().enumerate() {
            text += &format!("S_{i:02}: {size}\nK_{i:02}: {camera}\nD_{i:02}: {}\n", numbers([0.0; 5]));
            text += &format!("R_{i:02}: {unit}\nT_{i:02}: {}\n", numbers(*offset));
            text += &format!("S_rect_{i:02}: {size}\nR_rect_{i:02}: {}\n", numbers(RECTIFY.into_iter().flatten()));
            text += &format!("P_rect_{i:02}: {}\n", numbers(self.projection(i).into_iter().flatten()));
        }
        text
    }
}

/// A scanner point (or direction) in the axes of the rectified first camera.
fn rectified(p: Vec3, is_point: bool) -> Vec3 {
    let moved = if is_point { VELO_OFFSET } else { [0.0; 3] };
    turn(&RECTIFY, turn(&VELO_TO_CAM, p) + vec3(moved[0], moved[1], moved[2]))
}

/// The text of `calib_velo_to_cam.txt`.
pub(super) fn velo_to_cam() -> String {
    format!(
        "calib_time: 01-Jan-1970 00:00:00\nR: {}\nT: {}\ndelta_f: {}\ndelta_c: {}\n",
        numbers(VELO_TO_CAM.into_iter().flatten()),
        numbers(VELO_OFFSET),
        numbers([0.0; 2]),
        numbers([0.0; 2]),
    )
}

fn turn(m: &Matrix, p: Vec3) -> Vec3 {
    let [x, y, z] = m.map(|[a, b, c]| a * p.x + b * p.y + c * p.z);
    vec3(x, y, z)
}

/// What is left of a number after it was written with seven digits.
fn digits(v: f64) -> f64 {
    format!("{v:.6e}").parse().unwrap_or(v)
}

/// Seven digits and an exponent of two, as the data set writes: `7.215377e+02`.
fn number(v: f64) -> String {
    let text = format!("{v:.6e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn numbers(values: impl IntoIterator<Item = f64>) -> String {
    values.into_iter().map(number).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_those_of_the_data_set() {
        assert_eq!(numbers([721.5377, -0.0075, 0.0]), "7.215377e+02 -7.500000e-03 0.000000e+00");
    }

    #[test]
    fn a_point_ahead_of_the_scanner_lies_near_the_middle_of_the_picture() {
        let (_, camera) = super::super::road::build(0, 0, super::super::road::SIZE);
        let rig = Rig::new(camera);
        let (u, v, depth) = rig.project(2, vec3(20.0, 0.0, 0.0)).unwrap();
        assert!((560..660).contains(&u) && (150..200).contains(&v), "{u} {v}");
        assert!((depth - 19.73).abs() < 0.1, "{depth}");
        // The same point through the scene: its depth along the camera's axis, and its pixel.
        let point = rig.scanner_to_scene(vec3(20.0, 0.0, 0.0), true);
        let seen = point - camera.origin;
        assert!((seen.dot(camera.ahead) - depth).abs() < 1e-6);
        let x = seen.dot(camera.right) / depth * camera.intrinsics.fx + camera.intrinsics.cx;
        assert!((x.round() - super::super::render::to_f(u)).abs() < 1e-9);
    }

    #[test]
    fn the_colour_cameras_are_54_centimetres_apart() {
        let (_, camera) = super::super::road::build(0, 0, super::super::road::SIZE);
        let rig = Rig::new(camera);
        let apart = rig.camera(3).origin - rig.camera(2).origin;
        assert!((apart.dot(camera.right) - 0.54).abs() < 1e-12 && (apart.length() - 0.54).abs() < 1e-12);
        assert_eq!(rig.camera(2).origin, camera.origin);
    }
}
