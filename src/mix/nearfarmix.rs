//! NearFarMix: the near part of A over B.

use serde::{Deserialize, Serialize};

use super::clean::{majority, without_specks};
use super::draws::Draws;
use super::mask::Mask;
use super::quantile::nearest_share;
use super::recipe::Unmixed;
use super::side::{MaskSource, Side};
use crate::wide::wide;

/// Parts smaller than this share of the picture vanish from masks made from densified depth.
const SPECK: f64 = 0.0005;

/// `X' = M ? A : B` with `M = [D_A <= threshold]`.
///
/// The paper's form with four masks, `X' = X1 M1 + (X2 M2 + X2 Me - X2 Mo)`, is the same for every input, because
/// `M2 + Me - Mo = 1 - M1`; it stays in the tests as the oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearFarMix {
    /// How the threshold is drawn.
    pub threshold: Threshold,
    /// Which depth of A it is compared with.
    pub mask_source: MaskSource,
    /// Least and greatest share of A in the result; other draws are repeated.
    pub share: (f64, f64),
    /// How often a draw is repeated before the sample is left unmixed.
    pub redraws: u32,
}

/// How a threshold is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Threshold {
    /// The u-quantile of A's depth, u uniform in the range: a share of about u comes from A.
    Quantile(f64, f64),
    /// Metres, uniform in the range.
    Metric(f64, f64),
    /// `nearest + u * (farthest - nearest)` of A's measurements, u uniform in the range.
    MinMax(f64, f64),
    /// Always the same metres.
    Fixed(f64),
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The share or fraction, for thresholds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<f64>,
    /// Metres: A is shown where it is at most this far.
    pub threshold: f32,
    /// How many thresholds were drawn until one was good.
    pub tries: u32,
}

impl NearFarMix {
    /// Draws a threshold for A.
    ///
    /// # Errors
    /// Too few measurements, or no threshold gave a share within bounds.
    pub fn draw(&self, a: Side<'_>, draws: &mut Draws) -> Result<(Drawn, Mask), Unmixed> {
        let depth = NearDepth::of(self.mask_source, a)?;
        for tries in 1..=self.redraws.saturating_add(1) {
            let (u, threshold, near) = self.threshold.draw(&depth, draws).ok_or(Unmixed::TooFewDepths)?;
            if !threshold.is_finite() {
                continue; // everything is at most infinitely far
            }
            let mask = depth.mask(near);
            if (self.share.0..=self.share.1).contains(&mask.share()) {
                return Ok((Drawn { u, threshold, tries }, mask));
            }
        }
        Err(Unmixed::Share)
    }

    /// The mask of a threshold.
    ///
    /// # Errors
    /// Too few measurements.
    pub fn mask(&self, drawn: &Drawn, a: Side<'_>) -> Result<Mask, Unmixed> {
        let depth = NearDepth::of(self.mask_source, a)?;
        Ok(depth.mask(depth.near(drawn.threshold)))
    }
}

/// The depth that thresholds are compared with.
struct NearDepth<'a> {
    source: MaskSource,
    side: Side<'a>,
    metres: std::borrow::Cow<'a, [f32]>,
}

impl<'a> NearDepth<'a> {
    fn of(source: MaskSource, side: Side<'a>) -> Result<Self, Unmixed> {
        let source = source.settled(side);
        Ok(Self { source, side, metres: source.depth(side)? })
    }

    /// What is no farther is not near: missing depth is 0, and nothing is negative.
    fn beyond(&self) -> f32 {
        if self.source == MaskSource::Strict { 0.0 } else { -1.0 }
    }

    /// Which pixels are near.
    fn near(&self, threshold: f32) -> Vec<bool> {
        let beyond = self.beyond();
        wide(
            #[inline(always)]
            || self.metres.iter().map(|&m| (m <= threshold) & (m > beyond)).collect(),
        )
    }

    /// The mask of these pixels.
    fn mask(&self, near: Vec<bool>) -> Mask {
        let size = self.side.sample.depth.size();
        let mask = Mask::new(size, near);
        if self.source == MaskSource::Filled {
            #[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
            let least = SPECK * size.n_pixels() as f64;
            return without_specks(majority(&mask), least);
        }
        mask
    }
}

impl Threshold {
    /// The u, if there is one, the metres, and which pixels are near.
    #[expect(clippy::cast_possible_truncation, reason = "depths are f32")]
    fn draw(self, depth: &NearDepth<'_>, draws: &mut Draws) -> Option<(Option<f64>, f32, Vec<bool>)> {
        let (u, threshold) = match self {
            Self::Quantile(low, high) => {
                let u = draws.within(low, high);
                let (threshold, near) = nearest_share(&depth.metres, depth.beyond(), u)?;
                return Some((Some(u), threshold, near));
            }
            Self::Metric(low, high) => (None, draws.within(low, high) as f32),
            Self::MinMax(low, high) => {
                let u = draws.within(low, high);
                let measured = || depth.side.metres().iter().copied().filter(|&m| m > 0.0);
                let nearest = f64::from(measured().reduce(f32::min)?);
                let farthest = f64::from(measured().reduce(f32::max)?);
                (Some(u), (nearest + u * (farthest - nearest)) as f32)
            }
            Self::Fixed(metres) => (None, metres as f32),
        };
        Some((u, threshold, depth.near(threshold)))
    }

    /// # Errors
    /// In words: what the range has to be.
    pub(super) fn check(self) -> Result<(), String> {
        let (name, low, high, end) = match self {
            Self::Quantile(low, high) => ("quantile", low, high, 1.0),
            Self::MinMax(low, high) => ("minmax", low, high, 1.0),
            Self::Metric(low, high) => ("metric", low, high, f64::MAX),
            Self::Fixed(metres) => ("fixed", metres, metres, f64::MAX),
        };
        if 0.0 <= low && low <= high && high <= end {
            return Ok(());
        }
        let expected = if end == 1.0 { "two shares from 0 to 1" } else { "metres from 0 on" };
        Err(format!("threshold {name}: expected {expected}, the lower first; found {low},{high}"))
    }
}
