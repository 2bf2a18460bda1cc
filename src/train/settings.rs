//! What decides a run, next to the network and the data.

use serde::{Deserialize, Serialize};

use super::augment::Augmentation;
use super::mixing::MixShares;
use super::optim::AdamWConfig;

/// Everything about a run but the network and the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Optimiser steps.
    pub steps: u64,
    /// Steps in which the learning rates rise.
    pub warmup: u64,
    /// Samples in a batch.
    pub batch: usize,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// Seed of first weights, order and chance.
    pub seed: u64,
    /// How often a sample is mirrored.
    pub flip: f64,
    /// What else happens to a sample.
    pub augmentation: Augmentation,
    /// Which mixes samples go into, and how often.
    pub mix: MixShares,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between evaluations on the validation sets; the end is one in any case.
    pub validate_every: u64,
    /// What the best checkpoint is best in.
    pub best: Criterion,
    /// Checkpoints `step-N.safetensors` that are kept besides the last and the best.
    pub keep: usize,
    /// Samples on the sheets of predictions; 0 draws none.
    pub pictures: usize,
    /// Whether a sample that cannot be read ends the run.
    pub strict: bool,
    /// Whether labels are learned from, when there are any.
    pub semantics: bool,
    /// Whether batch normalisations go by their running statistics, which then stay: those of one or two pictures are poor
    /// (maxvit.md section 9).
    pub freeze_norms: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 1000,
            warmup: 50,
            batch: 4,
            accumulate: 1,
            seed: 0,
            flip: 0.5,
            augmentation: Augmentation::default(),
            mix: MixShares::default(),
            optimiser: AdamWConfig::default(),
            checkpoint_every: 200,
            validate_every: 500,
            best: Criterion::AbsRel,
            keep: 0,
            pictures: 4,
            strict: false,
            semantics: true,
            freeze_norms: false,
        }
    }
}

impl Settings {
    /// The settings that the result does not depend on: a run may go on with others.
    pub const ASIDE: [&'static str; 5] = ["checkpoint_every", "validate_every", "keep", "pictures", "strict"];

    /// # Errors
    ///
    /// In words: which value is out of range, what is possible.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("steps", self.steps, 1_000_000_000_000),
            ("batch", self.batch as u64, 65_536),
            ("accumulate", self.accumulate as u64, 65_536),
            ("checkpoint_every", self.checkpoint_every, u64::MAX),
            ("validate_every", self.validate_every, u64::MAX),
        ];
        for (name, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(format!("{name}: expected a whole number from 1 to {most}, found {value}"));
            }
        }
        let rates = [
            ("optimiser.lr", self.optimiser.lr),
            ("optimiser.lr_encoder", self.optimiser.lr_encoder),
            ("optimiser.weight_decay", self.optimiser.weight_decay),
            ("optimiser.clip", self.optimiser.clip),
        ];
        for (name, value) in rates {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("{name}: expected a number from 0 on, found {value}"));
            }
        }
        if !(0.0..=1.0).contains(&self.flip) {
            return Err(format!("flip: expected a number from 0 to 1, found {}", self.flip));
        }
        // What AdamW divides by: a parameter without a gradient would become 0 / 0.
        if !(self.optimiser.eps > 0.0 && self.optimiser.eps.is_finite()) {
            return Err(format!("optimiser.eps: expected a number above 0, found {}", self.optimiser.eps));
        }
        for value in [self.optimiser.betas.0, self.optimiser.betas.1] {
            if !(0.0..1.0).contains(&value) {
                return Err(format!("optimiser.betas: expected numbers from 0 to below 1, found {value}"));
            }
        }
        self.augmentation.check()
    }
}

/// A metric of the validation sets by which checkpoints are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Relative error of depth; less is better.
    AbsRel,
    /// Root of the mean squared error of depth in metres; less is better.
    Rms,
    /// Share of depths within a factor of 1.25; more is better.
    D1,
    /// Mean intersection over union of the classes; more is better.
    Miou,
}

impl std::str::FromStr for Criterion {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "abs_rel" => Ok(Self::AbsRel),
            "rms" => Ok(Self::Rms),
            "d1" => Ok(Self::D1),
            "miou" => Ok(Self::Miou),
            _ => Err(format!("there is no metric {name:?} to be best in; there are abs_rel, rms, d1 and miou")),
        }
    }
}
