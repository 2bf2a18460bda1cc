//! Lateral sharing units (exchange_modules.md section 8): SynNet, ECCV 2018.

use dfdx::tensor::{Storage, Tape};

use super::{FeatureExchange, Pair};
use crate::train::nn::{Builder, Init, Parameter, Pass};
use crate::train::op::{self, Backend, Map, Scalar};

/// Four learned numbers: how much of either task goes into each. The identity at first.
#[derive(Debug)]
pub(super) struct Lsu<E, D: Storage<E>> {
    phi_d: Parameter<(usize,), E, D>,
    phi_s: Parameter<(usize,), E, D>,
    gamma_s: Parameter<(usize,), E, D>,
    gamma_d: Parameter<(usize,), E, D>,
}

impl<E: Scalar, D: Backend<E>> Lsu<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>) -> Self {
        let mut number = |name| place.parameter(name, (1,), Init::Constant(0.0));
        Self { phi_d: number("phi_d"), phi_s: number("phi_s"), gamma_s: number("gamma_s"), gamma_d: number("gamma_d") }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Lsu<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let tape = &mut pass.tape;
        // y + own y + other x.
        let mut refined = |y: &Map<E, D>, own: &Parameter<_, E, D>, x: &Map<E, D>, other: &Parameter<_, E, D>| {
            let (own, other) = (op::scale(tape, y, &own.value()), op::scale(tape, x, &other.value()));
            let sum = op::add(tape, y, &own);
            op::add(tape, &sum, &other)
        };
        let refined_depth = refined(depth, &self.phi_d, semantics, &self.phi_s);
        (refined_depth, refined(semantics, &self.gamma_s, depth, &self.gamma_d))
    }
}
