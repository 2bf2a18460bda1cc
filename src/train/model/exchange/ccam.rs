//! Cross-channel attention (exchange_modules.md section 6), reconstructed from the abstract of arXiv 2206.10562.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Storage, Tape};

use super::super::{Affinity, Config};
use super::gated::Gated;
use super::{FeatureExchange, Pair};
use crate::train::nn::{Builder, Linear, Pass};
use crate::train::op::{self, Backend, Function, Map, Scalar};

/// Every channel of a task takes from those channels of the other that look alike.
#[derive(Debug)]
pub(super) struct Ccam<E, D: Storage<E>> {
    depth: Side<E, D>,
    semantics: Side<E, D>,
}

impl<E: Scalar, D: Backend<E>> Ccam<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        Self { depth: Side::new(place.at("depth"), config), semantics: Side::new(place.at("semantics"), config) }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Ccam<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let a_d = self.depth.own.forward(pass, depth, depth);
        let a_s = self.semantics.own.forward(pass, semantics, semantics);
        (self.depth.forward(pass, depth, &a_d, &a_s), self.semantics.forward(pass, semantics, &a_s, &a_d))
    }
}

/// One task.
#[derive(Debug)]
struct Side<E, D: Storage<E>> {
    /// What the task shows of itself.
    own: Gated<E, D>,
    /// From how alike a channel and those of the other task are to how much it takes of them; none for a softmax.
    mlp: Option<(Linear<E, D>, Linear<E, D>)>,
}

/// The cosines of the softmax are divided by this.
const TEMPERATURE: f64 = 0.1;
/// First bias of the affinity: little is exchanged.
const WEAK: f64 = -2.0;

impl<E: Scalar, D: Backend<E>> Side<E, D> {
    fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let (c, narrow) = (config.channels, config.channels / 8);
        let own = Gated::new(&mut place, c);
        let mlp = || {
            let fc1 = Linear::new(place.at("mlp.fc1"), c, narrow);
            (fc1, Linear::biased(place.at("mlp.fc2"), narrow, c, WEAK))
        };
        Self { own, mlp: (config.ccam_affinity == Affinity::Mlp).then(mlp) }
    }

    /// `f` plus what its channels, which show as `own`, take of the channels of the other task.
    fn forward<T: Tape<E, D>>(
        &self,
        pass: &mut Pass<E, D, T>,
        f: &Map<E, D>,
        own: &Map<E, D>,
        other: &Map<E, D>,
    ) -> Map<E, D> {
        // A pixel for each own channel, a channel for each of the other task.
        let alike = op::cosines(&mut pass.tape, other, own);
        let taken = match &self.mlp {
            Some((fc1, fc2)) => {
                let hidden = fc1.forward(pass, &alike);
                let hidden = op::map(&mut pass.tape, &hidden, Function::Gelu);
                let affinity = fc2.forward(pass, &hidden);
                let affinity = op::map(&mut pass.tape, &affinity, Function::Sigmoid);
                let sum = op::mix_planes(&mut pass.tape, other, &affinity);
                let (_, c, _, _) = *other.shape();
                op::times(&mut pass.tape, &sum, 1.0 / c as f64)
            }
            None => {
                let scores = op::times(&mut pass.tape, &alike, 1.0 / TEMPERATURE);
                let affinity = op::softmax_channels(&mut pass.tape, &scores);
                op::mix_planes(&mut pass.tape, other, &affinity)
            }
        };
        op::add(&mut pass.tape, f, &taken)
    }
}
