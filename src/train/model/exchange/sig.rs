//! Semantic information guidance (exchange_modules.md section 4), a stand-in: which module the slides mean is not known.

use dfdx::tensor::{Storage, Tape};

use super::super::Config;
use super::{FeatureExchange, Pair};
use crate::train::nn::{Builder, Conv, ConvNorm, Pass};
use crate::train::op::{self, Backend, Map, Scalar};

/// Features of each task, multiplied and shifted at every pixel by what the other says (the form of SPADE, arXiv 1903.07291).
#[derive(Debug)]
pub(super) struct Sig<E, D: Storage<E>> {
    depth: Guide<E, D>,
    /// None where depth alone is guided.
    semantics: Option<Guide<E, D>>,
}

impl<E: Scalar, D: Backend<E>> Sig<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let depth = Guide::new(place.at("depth"), config);
        Self { depth, semantics: (!config.sig_one_way).then(|| Guide::new(place.at("semantics"), config)) }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Sig<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let refined = self.depth.forward(pass, semantics, depth);
        let other = self.semantics.as_ref().map(|guide| guide.forward(pass, depth, semantics));
        (refined, other.unwrap_or_else(|| semantics.clone()))
    }
}

/// One direction; the identity at first.
#[derive(Debug)]
struct Guide<E, D: Storage<E>> {
    narrow: ConvNorm<E, D>,
    gamma: Conv<E, D>,
    beta: Conv<E, D>,
}

impl<E: Scalar, D: Backend<E>> Guide<E, D> {
    fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let (c, half) = (config.channels, config.channels / 2);
        let gamma = Conv::silent(place.at("gamma"), half, c, 3, true);
        let beta = Conv::silent(place.at("beta"), half, c, 3, true);
        Self { narrow: ConvNorm::new(place, c, half, 3, config.norm_eps), gamma, beta }
    }

    /// `y (1 + gamma) + beta`, both made from `guide`.
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, guide: &Map<E, D>, y: &Map<E, D>) -> Map<E, D> {
        let u = self.narrow.forward(pass, guide);
        let gamma = self.gamma.forward(pass, &u);
        let more = op::multiply(&mut pass.tape, y, &gamma);
        let beta = self.beta.forward(pass, &u);
        let y = op::add(&mut pass.tape, y, &more);
        op::add(&mut pass.tape, &y, &beta)
    }
}
