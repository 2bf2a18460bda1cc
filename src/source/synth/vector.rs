//! Points, directions and linear colours, with arithmetic that gives the same bits on every machine.

use std::ops::{Add, Mul, Neg, Sub};

/// Three numbers: a point or direction in metres (x right, y ahead, z up) or a linear colour (red, green, blue).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vec3 {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
}

pub(super) const fn vec3(x: f64, y: f64, z: f64) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(super) const ZERO: Self = vec3(0.0, 0.0, 0.0);
    pub(super) const UP: Self = vec3(0.0, 0.0, 1.0);

    pub(super) const fn splat(v: f64) -> Self {
        vec3(v, v, v)
    }

    pub(super) fn dot(self, o: Self) -> f64 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(super) fn cross(self, o: Self) -> Self {
        vec3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub(super) fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(super) fn unit(self) -> Self {
        self * (1.0 / self.length())
    }

    /// Componentwise product.
    pub(super) fn times(self, o: Self) -> Self {
        vec3(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    pub(super) fn mix(self, o: Self, share: f64) -> Self {
        self * (1.0 - share) + o * share
    }

    pub(super) fn min(self, o: Self) -> Self {
        vec3(self.x.min(o.x), self.y.min(o.y), self.z.min(o.z))
    }

    pub(super) fn max(self, o: Self) -> Self {
        vec3(self.x.max(o.x), self.y.max(o.y), self.z.max(o.z))
    }

    pub(super) fn abs(self) -> Self {
        vec3(self.x.abs(), self.y.abs(), self.z.abs())
    }

    pub(super) const fn to_array(self) -> [f64; 3] {
        [self.x, self.y, self.z]
    }

    /// Two unit vectors that make a right-handed base with this unit vector.
    pub(super) fn base(self) -> (Self, Self) {
        let side = if self.z.abs() < 0.9 { Self::UP } else { vec3(1.0, 0.0, 0.0) };
        let u = side.cross(self).unit();
        (u, self.cross(u))
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        vec3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        vec3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f64> for Vec3 {
    type Output = Self;
    fn mul(self, k: f64) -> Self {
        vec3(self.x * k, self.y * k, self.z * k)
    }
}

impl Neg for Vec3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A turn about the vertical axis, kept as cosine and sine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) cos: f64,
    pub(super) sin: f64,
}

impl Turn {
    pub(super) const NONE: Self = Self { cos: 1.0, sin: 0.0 };

    /// Counter-clockwise seen from above.
    pub(super) fn radians(angle: f64) -> Self {
        let (sin, cos) = sin_cos(angle);
        Self { cos, sin }
    }

    /// A whole number of quarter turns, exact.
    pub(super) const fn quarters(n: u8) -> Self {
        match n % 4 {
            0 => Self::NONE,
            1 => Self { cos: 0.0, sin: 1.0 },
            2 => Self { cos: -1.0, sin: 0.0 },
            _ => Self { cos: 0.0, sin: -1.0 },
        }
    }

    pub(super) fn apply(self, v: Vec3) -> Vec3 {
        vec3(self.cos * v.x - self.sin * v.y, self.sin * v.x + self.cos * v.y, v.z)
    }

    pub(super) fn undo(self, v: Vec3) -> Vec3 {
        vec3(self.cos * v.x + self.sin * v.y, self.cos * v.y - self.sin * v.x, v.z)
    }

    pub(super) fn then(self, o: Self) -> Self {
        Self { cos: self.cos * o.cos - self.sin * o.sin, sin: self.sin * o.cos + self.cos * o.sin }
    }
}

/// Sine and cosine from additions and products alone: the system's library differs in the last bit from machine to
/// machine, and scenes must not.
pub(super) fn sin_cos(angle: f64) -> (f64, f64) {
    use std::f64::consts::FRAC_PI_2;
    let quarter = (angle / FRAC_PI_2).round();
    let x = angle - quarter * FRAC_PI_2;
    let x2 = x * x;
    // Taylor terms up to x^13 and x^14: below 1e-13 on [-pi/4, pi/4].
    let series = |terms: &[f64]| terms.iter().rev().fold(1.0, |sum, k| 1.0 - x2 * k * sum);
    let sin = x * series(&[1.0 / 6.0, 1.0 / 20.0, 1.0 / 42.0, 1.0 / 72.0, 1.0 / 110.0, 1.0 / 156.0]);
    let cos = series(&[1.0 / 2.0, 1.0 / 12.0, 1.0 / 30.0, 1.0 / 56.0, 1.0 / 90.0, 1.0 / 132.0, 1.0 / 182.0]);
    match quarter.rem_euclid(4.0) {
        q if q < 0.5 => (sin, cos),
        q if q < 1.5 => (cos, -sin),
        q if q < 2.5 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_those_of_the_library() {
        for i in -400..400 {
            let angle = f64::from(i) * 0.05;
            let (sin, cos) = sin_cos(angle);
            assert!((sin - angle.sin()).abs() < 1e-12 && (cos - angle.cos()).abs() < 1e-12, "{angle}");
        }
    }

    #[test]
    fn turns_undo_each_other() {
        let v = vec3(1.0, 2.0, 3.0);
        let turn = Turn::radians(0.7);
        assert!((turn.undo(turn.apply(v)) - v).length() < 1e-12);
        assert_eq!(Turn::quarters(1).apply(vec3(1.0, 0.0, 0.0)), vec3(0.0, 1.0, 0.0));
    }
}
