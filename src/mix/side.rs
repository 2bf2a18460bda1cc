use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::densify::densify;
use super::quantile::quantile;
use super::recipe::Unmixed;
use crate::sample::{Depth, Sample};

/// From this share of valid pixels on, depth counts as dense.
const DENSE: f64 = 0.95;

/// One of the samples that are mixed.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// The sample.
    pub sample: &'s Sample,
    /// Dense depth of the same picture from any model, in any unit: it is scaled to the sample's by the medians.
    pub predicted: Option<&'s Depth>,
    /// The class that is infinitely far.
    pub sky: Option<u8>,
}

impl<'s> Side<'s> {
    /// A sample without predicted depth.
    #[must_use]
    pub const fn new(sample: &'s Sample, sky: Option<u8>) -> Self {
        Self { sample, predicted: None, sky }
    }

    /// Whether at least 95 % of the pixels have a measurement.
    #[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
    pub(super) fn is_dense(self) -> bool {
        let depth = &self.sample.depth;
        depth.n_valid() as f64 >= DENSE * depth.size().n_pixels() as f64
    }

    /// The measurements as they are, row after row; 0 = missing.
    pub(super) fn metres(self) -> &'s [f32] {
        self.sample.depth.metres().to_slice().unwrap_or_default()
    }

    /// The densified copy: metres of every pixel, infinity where nothing says how far it is.
    pub(super) fn filled(self) -> Result<Vec<f32>, Unmixed> {
        densify(&self.sample.depth, self.sample.semantics.as_ref(), self.sky).ok_or(Unmixed::TooFewDepths)
    }

    /// The predicted depth, scaled so that the medians over the measured pixels agree; infinity where it has none.
    pub(super) fn scaled_prediction(self) -> Result<Vec<f32>, Unmixed> {
        let predicted = self.predicted.filter(|p| p.size() == self.sample.depth.size());
        let predicted = predicted.and_then(|p| p.metres().to_slice()).ok_or(Unmixed::NoPrediction)?;
        let pairs = self.metres().iter().zip(predicted).filter(|&(&m, &p)| m > 0.0 && p > 0.0);
        let (measured, of_these): (Vec<f32>, Vec<f32>) = pairs.unzip();
        let median = |depths: &[f32]| quantile(depths, 0.0, 0.5).ok_or(Unmixed::TooFewDepths);
        let scale = median(&measured)? / median(&of_these)?;
        Ok(predicted.iter().map(|&p| if p > 0.0 { p * scale } else { f32::INFINITY }).collect())
    }
}

/// Which depth a mask is made from. The stored depth is always composed from the measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskSource {
    /// The measurements where at least 95 % of the pixels have one, else the prediction if there is one, else the
    /// densified copy.
    #[default]
    Auto,
    /// A densified copy.
    Filled,
    /// The measurements; missing pixels are never near.
    Strict,
    /// A prediction of any model.
    Predicted,
    /// The formula as printed: missing depth is 0 and therefore near.
    Literal,
}

impl MaskSource {
    /// What `Auto` stands for.
    pub(super) fn settled(self, side: Side<'_>) -> Self {
        match self {
            Self::Auto if side.is_dense() => Self::Strict,
            Self::Auto if side.predicted.is_some() => Self::Predicted,
            Self::Auto => Self::Filled,
            other => other,
        }
    }

    /// The depth of every pixel; 0 = missing only for the measurements themselves.
    pub(super) fn depth(self, side: Side<'_>) -> Result<Cow<'_, [f32]>, Unmixed> {
        Ok(match self.settled(side) {
            Self::Filled => side.filled()?.into(),
            Self::Predicted => side.scaled_prediction()?.into(),
            _ => side.metres().into(),
        })
    }
}
