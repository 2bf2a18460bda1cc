//! The heads (dss.md 6.6).

use dfdx::tensor::{Storage, Tape};

use super::Config;
use crate::train::nn::{Builder, Conv, ConvNorm, Pass};
use crate::train::op::{self, Backend, Function, Map, Scalar};

/// The least depth a network says, in metres.
pub(super) const LEAST_DEPTH: f64 = 1e-3;

/// Depth at stride 4, in metres.
#[derive(Debug)]
pub struct DepthHead<E, D: Storage<E>> {
    block: ConvNorm<E, D>,
    out: Conv<E, D>,
    d_max: f64,
}

impl<E: Scalar, D: Backend<E>> DepthHead<E, D> {
    /// Builds it; the last bias is chosen such that an untrained network says `depth_start`.
    pub fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let c = config.channels;
        let share = config.depth_start.unwrap_or(0.5 * config.d_max) / config.d_max;
        Self {
            block: ConvNorm::new(place.at("block"), c, c / 2, 3, config.norm_eps),
            out: Conv::last(place.at("out"), c / 2, 1, 3, (share / (1.0 - share)).ln()),
            d_max: config.d_max,
        }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let x = self.block.forward(pass, x);
        let x = self.out.forward(pass, &x);
        op::map(&mut pass.tape, &x, Function::Range { bottom: LEAST_DEPTH, top: self.d_max })
    }
}

/// Logits of the classes at stride 4.
#[derive(Debug)]
pub struct SemanticsHead<E, D: Storage<E>> {
    block: ConvNorm<E, D>,
    out: Conv<E, D>,
    dropout: f64,
}

impl<E: Scalar, D: Backend<E>> SemanticsHead<E, D> {
    /// Builds it.
    pub fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let c = config.channels;
        Self {
            block: ConvNorm::new(place.at("block"), c, c, 3, config.norm_eps),
            out: Conv::last(place.at("out"), c, config.classes, 1, 0.0),
            dropout: config.dropout,
        }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let x = self.block.forward(pass, x);
        let x = pass.drop_channels(x, self.dropout);
        self.out.forward(pass, &x)
    }
}
