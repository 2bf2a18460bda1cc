use serde::{Deserialize, Serialize};

use crate::train::evaluate::{Evaluation, Rules};
use crate::train::fault::TrainError;
use crate::train::metric::Protocol;
use crate::train::model::Config;
use crate::train::predict::InputSize;
use crate::train::settings::{Criterion, Settings};

/// How a run is evaluated on its validation sets: protocol `full`, up to the largest depth of the network. Pictures are seen at the
/// scale of training.
///
/// # Errors
///
/// When there is no such protocol.
pub fn validation_rules(network: &Config, settings: &Settings) -> Result<Rules, TrainError> {
    let mut protocol: Protocol = "full".parse().map_err(|reason| TrainError::Protocol { reason })?;
    protocol.range.1 = network.d_max as f32;
    let size = InputSize::of_training(network, settings.augmentation.crop);
    Ok(Rules { protocol, flip: None, score: None, size, semantics: settings.semantics, strict: settings.strict })
}

/// What an evaluation by [`validation_rules`] found, in short: a line of `validation.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Finished steps.
    pub step: u64,
    /// Relative error of depth.
    pub abs_rel: Option<f64>,
    /// Root of the mean squared error, metres.
    pub rms: Option<f64>,
    /// Share of depths within a factor of 1.25.
    pub d1: Option<f64>,
    /// Mean intersection over union; none without labels.
    pub miou: Option<f64>,
}

impl Validation {
    /// Of the network after `step` steps.
    pub(super) fn new(step: u64, found: &Evaluation) -> Self {
        let depth = found.full.average;
        Self {
            step,
            abs_rel: depth.map(|d| d.abs_rel),
            rms: depth.map(|d| d.rms),
            d1: depth.map(|d| d.d1),
            miou: found.semantics.as_ref().and_then(|(_, scores)| scores.miou),
        }
    }

    /// Whether it is better than another. What has no value beats nothing, and nothing beats what has none.
    pub(super) fn beats(&self, other: &Self, criterion: Criterion) -> bool {
        let (ours, theirs) = (self.value(criterion), other.value(criterion));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if matches!(criterion, Criterion::AbsRel | Criterion::Rms) => ours < theirs,
            (Some(ours), Some(theirs)) => ours > theirs,
            (ours, None) => ours.is_some(),
            (None, Some(_)) => false,
        }
    }

    fn value(&self, criterion: Criterion) -> Option<f64> {
        match criterion {
            Criterion::AbsRel => self.abs_rel,
            Criterion::Rms => self.rms,
            Criterion::D1 => self.d1,
            Criterion::Miou => self.miou,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_less_error_and_more_agreement() {
        let of = |abs_rel, miou| Validation { step: 1, abs_rel, rms: None, d1: None, miou };
        let (good, bad, none) = (of(Some(0.1), Some(0.6)), of(Some(0.2), Some(0.5)), of(None, None));
        for criterion in [Criterion::AbsRel, Criterion::Miou] {
            assert!(good.beats(&bad, criterion) && !bad.beats(&good, criterion) && !good.beats(&good, criterion));
            assert!(good.beats(&none, criterion) && !none.beats(&good, criterion) && !none.beats(&none, criterion));
        }
    }
}
