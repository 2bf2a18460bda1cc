//! Attention-guided distillation (exchange_modules.md section 5): the third variant of PAD-Net, arXiv 1805.04409.

use dfdx::tensor::{Storage, Tape};

use super::super::{Config, Gate};
use super::gated::Gated;
use super::{FeatureExchange, Pair};
use crate::train::nn::{Builder, Pass};
use crate::train::op::{self, Backend, Map, Scalar};

/// Each task takes features of the other through a gate.
#[derive(Debug)]
pub(super) struct AgMmd<E, D: Storage<E>> {
    depth: Gated<E, D>,
    semantics: Gated<E, D>,
    gate: Gate,
}

impl<E: Scalar, D: Backend<E>> AgMmd<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        Self {
            depth: Gated::half_open(&mut place.at("depth"), config.channels),
            semantics: Gated::half_open(&mut place.at("semantics"), config.channels),
            gate: config.ag_mmd_gate,
        }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for AgMmd<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let mut refined = |gated: &Gated<E, D>, target: &Map<E, D>, source: &Map<E, D>| {
            let guide = if self.gate == Gate::Source { source } else { target };
            let taken = gated.forward(pass, guide, source);
            op::add(&mut pass.tape, target, &taken)
        };
        (refined(&self.depth, depth, semantics), refined(&self.semantics, semantics, depth))
    }
}
