//! Sums, and joining of maps by channel.

use dfdx::shapes::{Axis, HasShape, Shape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo, TryConcatAlong};
use rayon::prelude::*;

use super::buffer::unwritten;
use super::pointwise::CHUNK;
use super::record::{flat, read, record, same, with};
use super::{Map, Scalar};
use crate::wide::wide;

/// `a + b`.
///
/// # Panics
///
/// When the shapes differ.
pub fn add<S: Shape, E: Scalar, D: JoinKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    a: &Tensor<S, E, D>,
    b: &Tensor<S, E, D>,
) -> Tensor<S, E, D> {
    assert_eq!(a.shape(), b.shape(), "only tensors of one shape can be added");
    D::add(tape, a, b)
}

/// `x` times a constant.
pub fn times<S: Shape, E: Scalar, D: JoinKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
    factor: f64,
) -> Tensor<S, E, D> {
    with(tape, x, |x| x * E::of(factor))
}

/// The channels of `a`, then those of `b`.
///
/// # Panics
///
/// When anything but the number of channels differs.
pub fn concat_channels<E: Scalar, D: JoinKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    a: &Map<E, D>,
    b: &Map<E, D>,
) -> Map<E, D> {
    let ((na, _, ha, wa), (nb, _, hb, wb)) = (*a.shape(), *b.shape());
    assert_eq!((na, ha, wa), (nb, hb, wb), "only maps of one size can be joined");
    D::concat_channels(tape, a, b)
}

/// The forms of the operations of this file.
pub trait JoinKernel<E: Scalar>: Device<E> {
    /// [`add`].
    fn add<S: Shape, T: Tape<E, Self>>(
        tape: &mut T,
        a: &Tensor<S, E, Self>,
        b: &Tensor<S, E, Self>,
    ) -> Tensor<S, E, Self> {
        any_device::add(tape, a, b)
    }

    /// [`concat_channels`].
    fn concat_channels<T: Tape<E, Self>>(tape: &mut T, a: &Map<E, Self>, b: &Map<E, Self>) -> Map<E, Self> {
        any_device::concat_channels(tape, a, b)
    }
}

mod any_device {
    use super::*;

    pub(super) fn add<S: Shape, E: Scalar, D: Device<E>, T: Tape<E, D>>(
        tape: &mut T,
        a: &Tensor<S, E, D>,
        b: &Tensor<S, E, D>,
    ) -> Tensor<S, E, D> {
        if same(a, b) {
            return with(tape, a, |a| a * E::of(2.0));
        }
        let shape = *a.shape();
        let (a, b) = (flat(tape, a), flat(tape, b));
        with(tape, &a, |a| (a + b).reshape_like(&shape))
    }

    pub(super) fn concat_channels<E: Scalar, D: Device<E>, T: Tape<E, D>>(
        tape: &mut T,
        a: &Map<E, D>,
        b: &Map<E, D>,
    ) -> Map<E, D> {
        let copy = same(a, b).then(|| with(tape, b, |b| b * E::ONE));
        let b = copy.unwrap_or_else(|| b.clone());
        with(tape, a, |a| (a, b).concat_along(Axis::<1>))
    }
}

/// Adds `b` to `a`, on all threads.
pub(super) fn add_to<E: Scalar>(a: &mut [E], b: &[E]) {
    a.par_chunks_mut(CHUNK).zip(b.par_chunks(CHUNK)).for_each(|(a, b)| {
        wide(
            #[inline(always)]
            || a.iter_mut().zip(b).for_each(|(a, b)| *a += *b),
        );
    });
}

impl<E: Scalar> JoinKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn add<S: Shape, T: Tape<E, Self>>(
        tape: &mut T,
        a: &Tensor<S, E, Self>,
        b: &Tensor<S, E, Self>,
    ) -> Tensor<S, E, Self> {
        let shape = *a.shape();
        let (a, b) = (flat(tape, a), flat(tape, b));
        let mut y = read(&a).into_vec();
        add_to(&mut y, &read(&b));
        record(tape, [&a, &b], shape, y, |dy, [da, db]| {
            add_to(da, dy);
            add_to(db, dy);
        })
    }

    fn concat_channels<T: Tape<E, Self>>(tape: &mut T, a: &Map<E, Self>, b: &Map<E, Self>) -> Map<E, Self> {
        let ((n, ca, h, w), (_, cb, _, _)) = (*a.shape(), *b.shape());
        let (size_a, size_b) = ((ca * h * w).max(1), (cb * h * w).max(1));
        let (a, b) = (flat(tape, a), flat(tape, b));
        let mut y = unwritten(a.shape().0 + b.shape().0);
        let parts = y.chunks_exact_mut(size_a + size_b);
        for (y, (a, b)) in parts.zip(read(&a).chunks_exact(size_a).zip(read(&b).chunks_exact(size_b))) {
            y[..size_a].copy_from_slice(a);
            y[size_a..].copy_from_slice(b);
        }
        record(tape, [&a, &b], (n, ca + cb, h, w), y, move |dy, [da, db]| {
            let parts = da.chunks_exact_mut(size_a).zip(db.chunks_exact_mut(size_b));
            for (dy, (da, db)) in dy.chunks_exact(size_a + size_b).zip(parts) {
                add_to(da, &dy[..size_a]);
                add_to(db, &dy[size_a..]);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Add,
        AddToItself,
        Concat,
    }

    operation!(Join { kind: Kind, ours: bool }, |this, tape, inputs| {
        match (this.kind, this.ours) {
            (Kind::Add, true) => add(tape, &inputs[0], &inputs[1]),
            (Kind::Add, false) => any_device::add(tape, &inputs[0], &inputs[1]),
            (Kind::AddToItself, true) => add(tape, &inputs[0], &inputs[0]),
            (Kind::AddToItself, false) => any_device::add(tape, &inputs[0], &inputs[0]),
            (Kind::Concat, ours) => {
                let (a, b) = (shaped(&inputs[0], (2, 3, 2, 5)), shaped(&inputs[1], (2, 1, 2, 5)));
                let y = if ours { concat_channels(tape, &a, &b) } else { any_device::concat_channels(tape, &a, &b) };
                flat(tape, &y)
            }
        }
    });

    fn cases() -> Vec<(Join, Vec<Vec<f64>>)> {
        let x = || values(1, 60);
        vec![
            (Join { kind: Kind::Add, ours: true }, vec![x(), values(2, 60)]),
            (Join { kind: Kind::AddToItself, ours: true }, vec![x()]),
            (Join { kind: Kind::Concat, ours: true }, vec![x(), values(2, 20)]),
        ]
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (case, inputs) in cases() {
            finite_differences(&case, &inputs);
        }
    }

    #[test]
    fn results_agree_with_a_plain_loop() {
        for (case, inputs) in cases() {
            let x = &inputs[0];
            let expected: Vec<f64> = match case.kind {
                Kind::Add => x.iter().zip(&inputs[1]).map(|(a, b)| a + b).collect(),
                Kind::AddToItself => x.iter().map(|a| 2.0 * a).collect(),
                Kind::Concat => [&x[..30], &inputs[1][..10], &x[30..], &inputs[1][10..]].concat(),
            };
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Join { ours: false, ..case }, &inputs, 1e-12);
        }
    }
}
