//! What decides a run, next to the network and the data.

use serde::{Deserialize, Serialize};

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
    /// Which mixes samples go into, and how often.
    pub mix: MixShares,
    /// The optimiser.
    pub optimiser: AdamWConfig,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Whether a sample that cannot be read ends the run.
    pub strict: bool,
    /// Whether labels are learned from, when there are any.
    pub semantics: bool,
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
            mix: MixShares::default(),
            optimiser: AdamWConfig::default(),
            checkpoint_every: 200,
            strict: false,
            semantics: true,
        }
    }
}
