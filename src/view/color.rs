use std::fmt;

use serde::{Deserialize, Serialize};

use super::drawing::Rgb;
use super::stats::DepthStats;
use super::summary::round_up_nicely;

/// The colour of pixels without a measurement: a grey that none of the colour maps contains.
pub const MISSING: Rgb = [72, 74, 80];

/// A colour map for depth. The near end is its warm or bright one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    /// Rainbow-like with even lightness steps; shows most detail.
    #[default]
    Turbo,
    /// Black to pale yellow.
    Magma,
    /// Violet to yellow; even for colour-blind eyes and in print.
    Viridis,
}

impl ColorMap {
    /// Every map there is.
    pub const ALL: [Self; 3] = [Self::Turbo, Self::Magma, Self::Viridis];

    /// The colour at `t`, 0 (near) to 1 (far); values outside count as the ends.
    #[must_use]
    pub fn color(self, t: f32) -> Rgb {
        let gradient = match self {
            Self::Turbo => colorous::TURBO,
            Self::Magma => colorous::MAGMA,
            Self::Viridis => colorous::VIRIDIS,
        };
        // The very ends of turbo are too dark to tell from each other.
        let (low, high) = if self == Self::Turbo { (0.05, 0.93) } else { (0.02, 1.0) };
        let t = if t.is_nan() { 0.0 } else { f64::from(t.clamp(0.0, 1.0)) };
        gradient.eval_continuous(high + (low - high) * t).into_array()
    }
}

/// Which depth gets which colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthScale {
    near_m: f64,
    far_m: f64,
    map: ColorMap,
}

/// From this ratio of far to near on, equal ratios of depth get equal steps of colour: the street near the car, or the
/// desk in front of the wall, would otherwise be one colour.
const LOG_FROM: f64 = 4.0;

impl DepthScale {
    /// From `near_m` to `far_m`; nearer and farther depths get the colours of the ends.
    ///
    /// `None` unless 0 <= near < far and both are finite.
    #[must_use]
    pub fn new(near_m: f64, far_m: f64, map: ColorMap) -> Option<Self> {
        (near_m >= 0.0 && near_m < far_m && far_m.is_finite()).then_some(Self { near_m, far_m, map })
    }

    /// From the first to the last percentile of the measurements, widened to round numbers.
    #[must_use]
    pub fn of(depth: &DepthStats, map: ColorMap) -> Self {
        let near = depth.quantile_m(0.01).unwrap_or(0.0);
        let far = depth.quantile_m(0.99).unwrap_or(10.0).max(near + 0.001);
        // To whole steps of about a tenth of the end itself; written as whole millimetres.
        let to_step = |m: f64, round: fn(f64) -> f64| {
            let step = round_up_nicely(m) / 20.0;
            (round(m / step) * step * 1000.0).round() / 1000.0
        };
        let near = to_step(near, f64::floor);
        Self { near_m: near, far_m: to_step(far, f64::ceil).max(near + 0.001), map }
    }

    /// The depth of the near end in metres.
    #[must_use]
    pub const fn near_m(&self) -> f64 {
        self.near_m
    }

    /// The depth of the far end in metres.
    #[must_use]
    pub const fn far_m(&self) -> f64 {
        self.far_m
    }

    /// The colour map.
    #[must_use]
    pub const fn map(&self) -> ColorMap {
        self.map
    }

    /// Whether equal ratios, not differences, of depth get equal steps of colour.
    #[must_use]
    pub fn is_log(&self) -> bool {
        self.near_m > 0.0 && self.far_m / self.near_m >= LOG_FROM
    }

    /// Where a depth lies between the ends, 0..1.
    #[must_use]
    pub fn position(&self, metres: f64) -> f64 {
        let t = if self.is_log() {
            (metres / self.near_m).ln() / (self.far_m / self.near_m).ln()
        } else {
            (metres - self.near_m) / (self.far_m - self.near_m)
        };
        t.clamp(0.0, 1.0)
    }

    /// The colour of a depth in metres; [`MISSING`] for 0.
    #[must_use]
    pub fn color(&self, metres: f32) -> Rgb {
        if metres > 0.0 { self.map.color(self.position(f64::from(metres)) as f32) } else { MISSING }
    }

    /// The ends and round depths between them, in metres, ascending.
    #[must_use]
    pub fn ticks_m(&self) -> Vec<f64> {
        let inner: Vec<f64> = if self.is_log() {
            (-3..5).flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10_f64.powi(e))).collect()
        } else {
            let step = round_up_nicely((self.far_m - self.near_m) / 6.0);
            let first = (self.near_m / step).ceil();
            (0..12).map(|i| (first + f64::from(i)) * step).collect()
        };
        let apart = |&m: &f64| (0.1..=0.87).contains(&self.position(m)) && m > self.near_m && m < self.far_m;
        std::iter::once(self.near_m).chain(inner.into_iter().filter(apart)).chain([self.far_m]).collect()
    }
}

impl fmt::Display for DepthScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\u{2013}{} m", metres(self.near_m), metres(self.far_m))
    }
}

/// A depth with as many decimals as it needs, three at most.
pub(super) fn metres(m: f64) -> String {
    format!("{}", (m * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Depth;
    use ndarray::Array2;

    #[test]
    fn near_is_warm_and_missing_is_neither() {
        let scale = DepthScale::new(1.0, 5.0, ColorMap::Turbo).unwrap();
        let (near, far) = (scale.color(1.0), scale.color(5.0));
        assert!(near[0] > 150 && near[2] < 60, "{near:?} is red");
        assert!(far[2] > 60 && far[0] < 80, "{far:?} is blue");
        assert_eq!(scale.color(0.0), MISSING);
        assert_eq!(scale.color(0.5), near, "beyond the ends");
        assert_eq!(scale.color(99.0), far);
    }

    #[test]
    fn no_map_contains_the_colour_of_missing() {
        for map in ColorMap::ALL {
            let nearest = (0..=1000).map(|i| {
                let color = map.color(i as f32 / 1000.0);
                color.iter().zip(MISSING).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum::<i32>()
            });
            assert!(nearest.min() > Some(30 * 30), "{map:?}");
        }
    }

    #[test]
    fn narrow_ranges_get_even_steps_and_wide_ones_even_ratios() {
        let room = DepthScale::new(2.0, 6.0, ColorMap::Turbo).unwrap();
        assert_eq!((room.is_log(), room.position(4.0)), (false, 0.5));
        assert_eq!(room.ticks_m(), [2.0, 3.0, 4.0, 5.0, 6.0]);
        let street = DepthScale::new(4.0, 64.0, ColorMap::Turbo).unwrap();
        assert!(street.is_log() && (street.position(16.0) - 0.5).abs() < 1e-9);
        assert_eq!(street.ticks_m(), [4.0, 10.0, 20.0, 64.0], "5 and 50 are too near to the ends");
    }

    #[test]
    fn the_scale_is_made_of_round_numbers_that_hold_the_data() {
        let depths = Array2::from_shape_fn((100, 100), |(y, x)| 1.37 + (y * 100 + x) as f32 * 0.0002);
        let scale = DepthScale::of(&DepthStats::of(&Depth::from_metres(depths).0), ColorMap::Viridis);
        assert_eq!((scale.near_m(), scale.far_m()), (1.3, 3.5));
        let empty = DepthScale::of(&DepthStats::default(), ColorMap::Viridis);
        assert!(empty.near_m() < empty.far_m());
        assert!(DepthScale::new(2.0, 2.0, ColorMap::Magma).is_none());
        assert!(DepthScale::new(0.0, f64::NAN, ColorMap::Magma).is_none());
    }
}
