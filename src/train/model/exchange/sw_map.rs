//! Semantic weight map (exchange_modules.md section 3), a stand-in: which module the slides mean is not known.

use dfdx::tensor::{Storage, Tape};

use super::super::Config;
use super::{FeatureExchange, Pair};
use crate::train::nn::{BatchNorm, Builder, Conv, Pass};
use crate::train::op::{self, Backend, Function, Map, Scalar};

/// Features of depth, weighted at every pixel by what semantics says; those of semantics stay.
#[derive(Debug)]
pub(super) struct SwMap<E, D: Storage<E>> {
    conv1: Conv<E, D>,
    norm1: BatchNorm<E, D>,
    conv2: Conv<E, D>,
}

impl<E: Scalar, D: Backend<E>> SwMap<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let (c, quarter) = (config.channels, config.channels / 4);
        Self {
            conv1: Conv::new(place.at("conv1"), c, quarter, 3, false),
            norm1: BatchNorm::new(place.at("norm1"), quarter, config.norm_eps, Function::Gelu),
            conv2: Conv::silent(place.at("conv2"), quarter, 1, 1, true),
        }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for SwMap<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let w = self.conv1.forward(pass, semantics);
        let w = self.norm1.forward(pass, &w);
        let w = self.conv2.forward(pass, &w);
        let w = op::map(&mut pass.tape, &w, Function::Sigmoid);
        let more = op::scale_pixels(&mut pass.tape, depth, &w);
        (op::add(&mut pass.tape, depth, &more), semantics.clone())
    }
}
