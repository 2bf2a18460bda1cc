//! What one task hands over, weighted by a gate.

use dfdx::tensor::{Storage, Tape};

use crate::train::nn::{Builder, Conv, Pass};
use crate::train::op::{self, Backend, Function, Map, Scalar};

/// A 3x3 convolution times the sigmoid of another, both without bias.
#[derive(Debug)]
pub(super) struct Gated<E, D: Storage<E>> {
    gate: Conv<E, D>,
    value: Conv<E, D>,
}

impl<E: Scalar, D: Backend<E>> Gated<E, D> {
    /// Over `channels` channels.
    pub(super) fn new(place: &mut Builder<E, D>, channels: usize) -> Self {
        Self {
            gate: Conv::new(place.at("gate"), channels, channels, 3, false),
            value: Conv::new(place.at("value"), channels, channels, 3, false),
        }
    }

    /// As [`Gated::new`], half open everywhere at first.
    pub(super) fn half_open(place: &mut Builder<E, D>, channels: usize) -> Self {
        Self {
            gate: Conv::silent(place.at("gate"), channels, channels, 3, false),
            value: Conv::new(place.at("value"), channels, channels, 3, false),
        }
    }

    /// `value(x) * sigmoid(gate(guide))`.
    pub(super) fn forward<T: Tape<E, D>>(
        &self,
        pass: &mut Pass<E, D, T>,
        guide: &Map<E, D>,
        x: &Map<E, D>,
    ) -> Map<E, D> {
        let gate = self.gate.forward(pass, guide);
        let gate = op::map(&mut pass.tape, &gate, Function::Sigmoid);
        let value = self.value.forward(pass, x);
        op::multiply(&mut pass.tape, &value, &gate)
    }
}
