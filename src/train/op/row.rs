//! The rows of numbers an optimiser keeps beside parameters, gradients and moments, and the step of AdamW over them.
//!
//! On the processor a row is a plain vector, which threads change in place. Elsewhere it is a tensor and stays where it is: a step
//! then brings nothing to the host but the lengths of the gradients, and waits for the device only for those.

use std::fmt::Debug;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Gradients};
use dfdx::tensor_ops::{Device, SumTo, TryStack};
use rayon::prelude::*;

use super::record::{gradient, read};
use super::{Number, Scalar, Vector};

/// One number for each value of a parameter.
pub trait Row: Clone + Debug {
    /// Number type of the parameter.
    type Number: Scalar;
    /// Where the parameter is.
    type Device: Device<Self::Number>;

    /// The row of these values.
    fn of(device: &Self::Device, values: Vec<f32>) -> Self;

    /// Its values.
    fn values(&self) -> Vec<f32>;

    /// A row of as many zeros.
    fn zeros_like(&self) -> Self;

    /// The gradient found for `x`; zeros when nothing depended on it.
    fn gradient(found: &mut Gradients<Self::Number, Self::Device>, x: &Vector<Self::Number, Self::Device>) -> Self;

    /// Adds `part`, of as many values, times `share`.
    fn add(&mut self, part: &Self, share: f64);

    /// For each row the sum of its squares; all of them leave the device together.
    fn squares<'a>(rows: impl Iterator<Item = &'a Self>) -> Vec<f64>
    where
        Self: 'a;

    /// Moves a parameter and its two moments by a gradient, all of as many values.
    fn step(
        parameter: &mut Vector<Self::Number, Self::Device>,
        gradient: &Self,
        moments: (&mut Self, &mut Self),
        by: &AdamStep,
    );
}

/// The numbers of one step of AdamW for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Share of the gradient that clipping leaves.
    pub share: f64,
    /// Decay of the two moments.
    pub betas: (f64, f64),
    /// What the first moment and the root of the second are divided by, to make up for their beginning at zero.
    pub corrections: (f64, f64),
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Learning rate.
    pub lr: f64,
    /// Share of the parameter that decay leaves.
    pub keep: f64,
}

impl<E: Scalar> Row for Vec<E>
where
    Cpu: Device<E>,
{
    type Number = E;
    type Device = Cpu;

    fn of(_: &Cpu, values: Vec<f32>) -> Self {
        values.into_iter().map(|v| E::of(f64::from(v))).collect()
    }

    fn values(&self) -> Vec<f32> {
        self.iter().map(|v| v.f64() as f32).collect()
    }

    fn zeros_like(&self) -> Self {
        vec![E::default(); self.len()]
    }

    fn gradient(found: &mut Gradients<E, Cpu>, x: &Vector<E, Cpu>) -> Self {
        gradient(found, x)
    }

    fn add(&mut self, part: &Self, share: f64) {
        self.iter_mut().zip(part).for_each(|(s, v)| *s += E::of(share) * *v);
    }

    fn squares<'a>(rows: impl Iterator<Item = &'a Self>) -> Vec<f64> {
        rows.map(|row| row.iter().map(|v| v.f64() * v.f64()).sum()).collect()
    }

    fn step(parameter: &mut Vector<E, Cpu>, gradient: &Self, (m, v): (&mut Self, &mut Self), by: &AdamStep) {
        const CHUNK: usize = 1 << 14;
        let ((b1, b2), (correct_m, correct_v)) = (by.betas, by.corrections);
        let (rest1, rest2, b1, b2) = (E::of(1.0 - b1), E::of(1.0 - b2), E::of(b1), E::of(b2));
        let (correct_m, correct_v, eps) = (E::of(correct_m), E::of(correct_v), E::of(by.eps));
        let (share, lr, keep) = (E::of(by.share), E::of(by.lr), E::of(by.keep));
        let mut values = read(parameter);
        let moments = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
        let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
        chunks.for_each(|((values, gradient), (m, v))| {
            for (((p, g), m), v) in values.iter_mut().zip(gradient).zip(m).zip(v) {
                let g = share * *g;
                *m = b1 * *m + rest1 * g;
                *v = b2 * *v + rest2 * g * g;
                let step = lr * (*m / correct_m) / (Scalar::sqrt(*v) / correct_v + eps);
                *p = keep * *p - step;
            }
        });
        parameter.copy_from(&values);
    }
}

impl<E: Scalar, D: Device<E>> Row for Vector<E, D> {
    type Number = E;
    type Device = D;

    fn of(device: &D, values: Vec<f32>) -> Self {
        let len = (values.len(),);
        device.tensor_from_vec(values.into_iter().map(|v| E::of(f64::from(v))).collect(), len)
    }

    fn values(&self) -> Vec<f32> {
        self.as_vec().into_iter().map(|v| v.f64() as f32).collect()
    }

    fn zeros_like(&self) -> Self {
        self.device().zeros_like(self.shape())
    }

    fn gradient(found: &mut Gradients<E, D>, x: &Self) -> Self {
        if found.try_alloc_for(x).is_ok() { found.get(x) } else { x.zeros_like() }
    }

    fn add(&mut self, part: &Self, share: f64) {
        self.axpy(1.0, part, share);
    }

    fn squares<'a>(rows: impl Iterator<Item = &'a Self>) -> Vec<f64> {
        let sums: Vec<Number<E, D>> = rows.map(|row| row.clone().square().sum()).collect();
        if sums.is_empty() {
            return Vec::new();
        }
        sums.stack().as_vec().into_iter().map(Scalar::f64).collect()
    }

    fn step(parameter: &mut Self, gradient: &Self, (m, v): (&mut Self, &mut Self), by: &AdamStep) {
        let ((b1, b2), (correct_m, correct_v)) = (by.betas, by.corrections);
        m.axpy(b1, gradient, (1.0 - b1) * by.share);
        v.axpy(b2, &gradient.clone().square(), (1.0 - b2) * by.share * by.share);
        // Both sides of the fraction times the second correction: one pass less.
        let direction = m.clone() / (v.clone().sqrt() + E::of(by.eps * correct_v));
        parameter.axpy(by.keep, &direction, -by.lr * correct_v / correct_m);
    }
}
