//! The rows of numbers an optimiser keeps beside parameters, gradients and moments, and the step of AdamW over them.
//!
//! On the processor a row is a plain vector, which threads change in place. Elsewhere it stays where it is, and dfdx's own kernel of
//! Adam takes a step, or one of ours: a step then brings nothing to the host but the lengths of the gradients, and waits for the
//! device only for those.

use std::fmt::Debug;

use dfdx::shapes::{HasShape, Unit};
use dfdx::tensor::{Cpu, Gradients, Storage};
use dfdx::tensor_ops::{AdamConfig, Device, Momentum, SgdConfig, SumTo, TryStack, WeightDecay};
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

    /// Moves a parameter and its two moments by a gradient, all of as many values. The gradient may be used up.
    fn step(
        parameter: &mut Vector<Self::Number, Self::Device>,
        gradient: &mut Self,
        moments: (&mut Self, &mut Self),
        by: &AdamStep,
    );
}

/// What [`Held`] asks of a device.
pub trait RowKernel<E: Scalar>: Device<E> {
    /// The sum of the squares of the gradient found for `x`, which must be there.
    fn sum_of_squares(found: &mut Gradients<E, Self>, x: &Vector<E, Self>) -> Number<E, Self> {
        found.get(x).square().sum()
    }

    /// [`Row::step`] over memory of the device.
    fn step(
        parameter: &mut Vector<E, Self>,
        gradient: &mut <Self as Storage<E>>::Vec,
        (m, v): (&mut <Self as Storage<E>>::Vec, &mut <Self as Storage<E>>::Vec),
        by: &AdamStep,
    ) {
        if by.share < 1.0 {
            // The gradient as the velocity of a descent that leaves the parameter where it is: share velocity + no gradient.
            let momentum = Some(Momentum::Classic(by.share));
            let nothing = done(Storage::<E>::try_alloc_len(parameter.device(), parameter.shape().0));
            let clip = SgdConfig { lr: 0.0, momentum, weight_decay: None };
            done(clip.try_update(parameter, gradient, &nothing));
        }
        let adam = AdamConfig {
            lr: by.lr,
            betas: [by.betas.0, by.betas.1],
            eps: by.eps,
            weight_decay: Some(WeightDecay::Decoupled(by.decay)),
        };
        done(adam.try_update(by.power(), parameter, m, v, gradient));
    }
}

impl<E: Scalar> RowKernel<E> for Cpu where Self: Device<E> {}

/// The numbers of one step of AdamW for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Share of the gradient that clipping leaves.
    pub share: f64,
    /// Decay of the two moments.
    pub betas: (f64, f64),
    /// Number of this step, from 1.
    pub step: u64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Learning rate.
    pub lr: f64,
    /// Share of the parameter, times the learning rate, that goes by itself.
    pub decay: f64,
}

impl AdamStep {
    pub(super) fn power(&self) -> i32 {
        i32::try_from(self.step).unwrap_or(i32::MAX)
    }

    /// What the first moment and the root of the second are divided by, to make up for their beginning at zero.
    pub(super) fn corrections(&self) -> (f64, f64) {
        (1.0 - self.betas.0.powi(self.power()), (1.0 - self.betas.1.powi(self.power())).sqrt())
    }
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

    fn step(parameter: &mut Vector<E, Cpu>, gradient: &mut Self, (m, v): (&mut Self, &mut Self), by: &AdamStep) {
        const CHUNK: usize = 1 << 14;
        let ((b1, b2), (correct_m, correct_v)) = (by.betas, by.corrections());
        let (rest1, rest2, b1, b2) = (E::of(1.0 - b1), E::of(1.0 - b2), E::of(b1), E::of(b2));
        let (correct_m, correct_v, eps) = (E::of(correct_m), E::of(correct_v), E::of(by.eps));
        let (share, lr, keep) = (E::of(by.share), E::of(by.lr), E::of(1.0 - by.lr * by.decay));
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

/// A row in the memory of a device, as dfdx's own optimisers take it: not a tensor, since of a gradient that would be a copy.
#[derive(Debug, Clone)]
pub struct Held<E: Unit, D: Storage<E>> {
    device: D,
    values: D::Vec,
    /// Sum of the squares, where it is known already.
    squares: Option<Number<E, D>>,
}

impl<E: Scalar, D: Device<E>> Held<E, D> {
    /// `len` zeros.
    fn zeros(device: &D, len: usize) -> Self {
        Self { device: device.clone(), values: Self::room(device, len), squares: None }
    }

    /// Memory for `len` values, cleared.
    fn room(device: &D, len: usize) -> <D as Storage<E>>::Vec {
        done(Storage::<E>::try_alloc_len(device, len))
    }

    fn len(&self) -> usize {
        Storage::<E>::len(&self.device, &self.values)
    }

    /// These values times `share`, as a tensor.
    fn tensor(&self, share: f64) -> Vector<E, D> {
        let mut tensor: Vector<E, D> = self.device.zeros_like(&(self.len(),));
        let by = SgdConfig { lr: -share, momentum: None, weight_decay: None };
        done(by.try_update(&mut tensor, &mut Self::room(&self.device, self.len()), &self.values));
        tensor
    }

    /// Keeps a share of itself and adds a tensor of as many values.
    fn keep_and_add(&mut self, keep: f64, mut tensor: Vector<E, D>) {
        // The velocity of descent that goes nowhere: keep velocity + 1 parameter + no gradient.
        let by =
            SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(keep)), weight_decay: Some(WeightDecay::L2(1.0)) };
        let nothing = Self::room(&self.device, self.len());
        self.squares = None;
        done(by.try_update(&mut tensor, &mut self.values, &nothing));
    }
}

/// The result of what fails only on a GPU that is full or gone.
#[expect(clippy::panic, reason = "dfdx's operations panic then as well; train::device::within_limits sees to both")]
pub(super) fn done<T, Error: Debug>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

impl<E: Scalar, D: RowKernel<E>> Row for Held<E, D> {
    type Number = E;
    type Device = D;

    fn of(device: &D, values: Vec<f32>) -> Self {
        let mut row = Self::zeros(device, values.len());
        let len = (values.len(),);
        let values = values.into_iter().map(|v| E::of(f64::from(v))).collect();
        row.keep_and_add(0.0, device.tensor_from_vec(values, len));
        row
    }

    fn values(&self) -> Vec<f32> {
        self.tensor(1.0).as_vec().into_iter().map(|v| v.f64() as f32).collect()
    }

    fn zeros_like(&self) -> Self {
        Self::zeros(&self.device, self.len())
    }

    /// Takes it out of `found`, which holds a single number in its place then.
    fn gradient(found: &mut Gradients<E, D>, x: &Vector<E, D>) -> Self {
        let device = x.device().clone();
        done(found.try_alloc_for(x));
        // Here, because dfdx takes a tensor for it, and this is the place that makes one by a single copy.
        let squares = Some(D::sum_of_squares(found, x));
        let values = std::mem::replace(done(found.get_or_alloc_mut(x)), Self::room(&device, 1));
        Self { device, values, squares }
    }

    fn add(&mut self, part: &Self, share: f64) {
        self.keep_and_add(1.0, part.tensor(share));
    }

    fn squares<'a>(rows: impl Iterator<Item = &'a Self>) -> Vec<f64> {
        let sums: Vec<Number<E, D>> =
            rows.map(|row| row.squares.clone().unwrap_or_else(|| row.tensor(1.0).square().sum())).collect();
        if sums.is_empty() {
            return Vec::new();
        }
        sums.stack().as_vec().into_iter().map(Scalar::f64).collect()
    }

    fn step(parameter: &mut Vector<E, D>, gradient: &mut Self, (m, v): (&mut Self, &mut Self), by: &AdamStep) {
        gradient.squares = None;
        D::step(parameter, &mut gradient.values, (&mut m.values, &mut v.values), by);
    }
}
