//! Lengths of gradients, and the step of AdamW.

use dfdx::tensor::{Cuda, Gradients, Storage};
use dfdx::tensor_ops::Device;

use super::super::row::{AdamStep, RowKernel, done};
use super::super::{Number, Vector};
use super::gpu::{At, Gpu, Real, zeros};
use super::grid::{Grid, int};

impl<E: Real> RowKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn sum_of_squares(found: &mut Gradients<E, Self>, x: &Vector<E, Self>) -> Number<E, Self> {
        let sum = zeros(x.device(), &());
        let gradient = done(found.get_or_alloc_mut(x));
        let gradient = At::<E>::memory(gradient);
        let parts = gradient.len().div_ceil(1 << 12).clamp(1, 256);
        Gpu::of(x).launch::<E, _>("sum_of_squares", Grid::blocks(parts), (gradient, At::of(&sum), int(gradient.len())));
        sum
    }

    /// Writes into the memory of `parameter`, which no other tensor may share then: the tape, which does, is used up by the backward
    /// pass before.
    fn step(
        parameter: &mut Vector<E, Self>,
        gradient: &mut <Self as Storage<E>>::Vec,
        (m, v): (&mut <Self as Storage<E>>::Vec, &mut <Self as Storage<E>>::Vec),
        by: &AdamStep,
    ) {
        let ((b1, b2), (correct_m, correct_v)) = (by.betas, by.corrections());
        let at = At::of(parameter);
        let parameters = (
            at,
            At::<E>::memory(gradient),
            At::<E>::memory(m),
            At::<E>::memory(v),
            int(at.len()),
            E::of(b1),
            E::of(b2),
            E::of((1.0 - b1) * by.share),
            E::of((1.0 - b2) * by.share * by.share),
            E::of(by.lr * correct_v / correct_m),
            E::of(by.eps * correct_v),
            E::of(1.0 - by.lr * by.decay),
        );
        Gpu::of(parameter).launch::<E, _>("adamw", Grid::over(at.len()), parameters);
    }
}
