//! DepthMix: whichever of A and B is nearer (arXiv 2012.10782).

use serde::{Deserialize, Serialize};

use super::mask::Mask;
use super::quantile::quantile;
use super::recipe::Unmixed;
use super::side::{MaskSource, Side};

/// A z-test between A and B, pixel by pixel. Nothing is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthMix {
    /// What is compared.
    pub test: DepthTest,
    /// Which depths are compared. `auto` densifies both when either is sparse.
    pub mask_source: MaskSource,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DepthTest {
    /// Disparity, each picture scaled to 0..1 by the quantiles 1 % and 99 % of its measurements:
    /// `delta_A >= delta_B - eps` and `delta_A >= tau`.
    Disparity {
        /// How much farther A may be and still be shown: regions of equal depth do not flicker.
        eps: f64,
        /// Least disparity of A that is shown; 0 shows all.
        tau: f64,
    },
    /// Metres: `D_A < D_B + eps`.
    Metric {
        /// Metres that A may be farther and still be shown.
        eps_m: f64,
    },
}

impl DepthMix {
    /// True where A is shown.
    ///
    /// # Errors
    /// Too few measurements.
    pub fn mask(&self, a: Side<'_>, b: Side<'_>) -> Result<Mask, Unmixed> {
        let settled = [self.mask_source.settled(a), self.mask_source.settled(b)];
        let source = settled.into_iter().find(|&s| s != MaskSource::Strict).unwrap_or(MaskSource::Strict);
        let (of_a, of_b) = (source.depth(a)?, source.depth(b)?);
        let nearer = self.nearer((a.metres(), &of_a), (b.metres(), &of_b))?;
        let strict = source == MaskSource::Strict;
        let cells = nearer.into_iter().zip(of_a.iter().zip(of_b.iter()));
        let cells = cells.map(|(nearer, (&a, &b))| nearer & (!strict | ((a > 0.0) & (b > 0.0)))).collect();
        Ok(Mask::new(a.sample.depth.size(), cells))
    }

    /// The test alone; each side is its measurements and the depth that is compared.
    #[expect(clippy::cast_possible_truncation, reason = "depths are f32")]
    fn nearer(&self, a: (&[f32], &[f32]), b: (&[f32], &[f32])) -> Result<Vec<bool>, Unmixed> {
        let pairs = || a.1.iter().zip(b.1);
        Ok(match self.test {
            DepthTest::Metric { eps_m } => pairs().map(|(&a, &b)| a < b + eps_m as f32).collect(),
            DepthTest::Disparity { eps, tau } => {
                let (of_a, of_b) = (Disparity::of(a.0)?, Disparity::of(b.0)?);
                let (eps, tau) = (eps as f32, tau as f32);
                let test = |(&a, &b)| {
                    let delta = of_a.delta(a);
                    (delta >= of_b.delta(b) - eps) & (delta >= tau)
                };
                pairs().map(test).collect()
            }
        })
    }
}

/// The range of disparities of a picture.
struct Disparity {
    low: f32,
    range: f32,
}

impl Disparity {
    fn of(metres: &[f32]) -> Result<Self, Unmixed> {
        let inverse: Vec<f32> = metres.iter().filter(|&&m| m > 0.0).map(|&m| 1.0 / m).collect();
        let low = quantile(&inverse, 0.0, 0.01).ok_or(Unmixed::TooFewDepths)?;
        let high = quantile(&inverse, 0.0, 0.99).ok_or(Unmixed::TooFewDepths)?;
        Ok(Self { low, range: high - low })
    }

    /// 0 far to 1 near; 0 for all of a picture whose depths are one.
    fn delta(&self, metres: f32) -> f32 {
        let delta = (1.0 / metres - self.low) / self.range;
        if self.range > 0.0 { delta.clamp(0.0, 1.0) } else { 0.0 }
    }
}
