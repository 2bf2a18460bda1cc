//! Products value by value: of two maps, and of a map with a factor for each plane, for each pixel or for all of it.

use dfdx::shapes::{Axes2, Axis, HasShape, Shape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo};
use rayon::prelude::*;

use super::buffer::unwritten;
use super::pointwise::CHUNK;
use super::record::{flat, planes, read, record, same, with};
use super::sum::sum_of_pairs;
use super::{Map, Matrix, Scalar, Vector};
use crate::wide::wide;

/// `a` times `b`, value by value.
///
/// # Panics
///
/// When the shapes differ.
pub fn multiply<S: Shape, E: Scalar, D: ProductKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    a: &Tensor<S, E, D>,
    b: &Tensor<S, E, D>,
) -> Tensor<S, E, D> {
    assert_eq!(a.shape(), b.shape(), "only tensors of one shape can be multiplied");
    D::multiply(tape, a, b)
}

/// Multiplies all of `x` by the one value of `factor`.
///
/// # Panics
///
/// When `factor` has more or fewer values.
pub fn scale<E: Scalar, D: ProductKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    factor: &Vector<E, D>,
) -> Map<E, D> {
    assert_eq!(factor.shape().0, 1, "one factor");
    let factors = spread(tape, x, factor);
    D::scale_planes(tape, x, &factors)
}

/// Multiplies plane (b, c) of `x` by `factors[b, c]`.
///
/// # Panics
///
/// When there is not one factor for each plane.
pub fn scale_planes<E: Scalar, D: ProductKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    factors: &Matrix<E, D>,
) -> Map<E, D> {
    let (b, c, _, _) = *x.shape();
    assert_eq!((b, c), *factors.shape(), "one factor for each plane");
    D::scale_planes(tape, x, factors)
}

/// Multiplies every channel of pixel (b, i, j) of `x` by `factors[b, 0, i, j]`.
///
/// # Panics
///
/// When there is not one factor for each pixel.
pub fn scale_pixels<E: Scalar, D: ProductKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    factors: &Map<E, D>,
) -> Map<E, D> {
    let (b, _, h, w) = *x.shape();
    assert_eq!((b, 1, h, w), *factors.shape(), "one factor for each pixel");
    D::scale_pixels(tape, x, factors)
}

/// The one factor for every plane of `x`, in memory of its own: see [`repeated`](super::record::repeated).
fn spread<E: Scalar, D: Device<E>, T: Tape<E, D>>(tape: &mut T, x: &Map<E, D>, factor: &Vector<E, D>) -> Matrix<E, D> {
    let (b, c, _, _) = *x.shape();
    let zeros = x.device().zeros_like(&(b, c));
    with(tape, factor, |f| f.reshape_like(&()).broadcast_like::<_, Axes2<0, 1>>(&(b, c)) + zeros)
}

/// The forms of the operations of this file.
pub trait ProductKernel<E: Scalar>: Device<E> {
    /// [`multiply`].
    fn multiply<S: Shape, T: Tape<E, Self>>(
        tape: &mut T,
        a: &Tensor<S, E, Self>,
        b: &Tensor<S, E, Self>,
    ) -> Tensor<S, E, Self> {
        any_device::multiply(tape, a, b)
    }

    /// [`scale_planes`].
    fn scale_planes<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, factors: &Matrix<E, Self>) -> Map<E, Self> {
        any_device::scale_planes(tape, x, factors)
    }

    /// [`scale_pixels`].
    fn scale_pixels<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, factors: &Map<E, Self>) -> Map<E, Self> {
        any_device::scale_pixels(tape, x, factors)
    }
}

mod any_device {
    use super::*;

    pub(super) fn multiply<S: Shape, E: Scalar, D: Device<E>, T: Tape<E, D>>(
        tape: &mut T,
        a: &Tensor<S, E, D>,
        b: &Tensor<S, E, D>,
    ) -> Tensor<S, E, D> {
        if same(a, b) {
            return with(tape, a, Tensor::square);
        }
        let shape = *a.shape();
        let (a, b) = (flat(tape, a), flat(tape, b));
        with(tape, &a, |a| (a * b).reshape_like(&shape))
    }

    pub(super) fn scale_planes<E: Scalar, D: Device<E>, T: Tape<E, D>>(
        tape: &mut T,
        x: &Map<E, D>,
        factors: &Matrix<E, D>,
    ) -> Map<E, D> {
        let shape @ (b, c, h, w) = *x.shape();
        let planes = (b * c, h * w);
        let (x, factors) = (flat(tape, x), flat(tape, factors));
        with(tape, &factors, |f| {
            (f.broadcast_like::<_, Axis<1>>(&planes) * x.reshape_like(&planes)).reshape_like(&shape)
        })
    }

    pub(super) fn scale_pixels<E: Scalar, D: Device<E>, T: Tape<E, D>>(
        tape: &mut T,
        x: &Map<E, D>,
        factors: &Map<E, D>,
    ) -> Map<E, D> {
        let shape @ (b, c, h, w) = *x.shape();
        let x = planes(tape, x);
        with(tape, factors, |f| {
            let f = f.reshape_like(&(b, h * w));
            (f.broadcast_like::<_, Axis<1>>(&(b, c, h * w)) * x).reshape_like(&shape)
        })
    }
}

/// y = `factor` x.
fn times<E: Scalar>(factor: E, x: &[E], y: &mut [E]) {
    wide(
        #[inline(always)]
        || y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * *x),
    );
}

/// Adds `factor` dy to dx.
fn add_times<E: Scalar>(factor: E, dy: &[E], dx: &mut [E]) {
    wide(
        #[inline(always)]
        || dx.iter_mut().zip(dy).for_each(|(d, g)| *d += factor * *g),
    );
}

/// The sum of x dy.
fn dot<E: Scalar>(x: &[E], dy: &[E]) -> f64 {
    wide(
        #[inline(always)]
        || sum_of_pairs(x, dy, |x, g| x * g),
    )
}

/// y = a b, value by value.
fn product<E: Scalar>(a: &[E], b: &[E], y: &mut [E]) {
    wide(
        #[inline(always)]
        || y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = *a * *b),
    );
}

/// Adds a b to y, value by value.
pub(super) fn add_product<E: Scalar>(a: &[E], b: &[E], y: &mut [E]) {
    wide(
        #[inline(always)]
        || y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y += *a * *b),
    );
}

impl<E: Scalar> ProductKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn multiply<S: Shape, T: Tape<E, Self>>(
        tape: &mut T,
        a: &Tensor<S, E, Self>,
        b: &Tensor<S, E, Self>,
    ) -> Tensor<S, E, Self> {
        let shape = *a.shape();
        let (a, b) = (flat(tape, a), flat(tape, b));
        let (of_a, of_b) = (read(&a), read(&b));
        let mut y = unwritten(of_a.len());
        y.par_chunks_mut(CHUNK)
            .zip(of_a.par_chunks(CHUNK).zip(of_b.par_chunks(CHUNK)))
            .for_each(|(y, (a, b))| product(a, b, y));
        record(tape, [&a, &b], shape, y, move |dy, [da, db]| {
            for (to, other) in [(da, &of_b), (db, &of_a)] {
                to.par_chunks_mut(CHUNK)
                    .zip(other.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK)))
                    .for_each(|(to, (other, dy))| add_product(other, dy, to));
            }
        })
    }

    fn scale_planes<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, factors: &Matrix<E, Self>) -> Map<E, Self> {
        let shape @ (_, _, h, w) = *x.shape();
        let plane = h * w;
        let (x, factors) = (flat(tape, x), flat(tape, factors));
        let (values, f) = (read(&x), read(&factors));
        let mut y = unwritten(values.len());
        y.par_chunks_exact_mut(plane)
            .zip(values.par_chunks_exact(plane))
            .zip(&*f)
            .for_each(|((y, x), f)| times(*f, x, y));
        record(tape, [&x, &factors], shape, y, move |dy, [dx, df]| {
            let planes = dx.par_chunks_exact_mut(plane).zip(df).zip(&*f);
            planes.zip(values.par_chunks_exact(plane)).zip(dy.par_chunks_exact(plane)).for_each(
                |((((dx, df), f), x), dy)| {
                    add_times(*f, dy, dx);
                    *df += E::of(dot(x, dy));
                },
            );
        })
    }

    fn scale_pixels<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, factors: &Map<E, Self>) -> Map<E, Self> {
        let shape @ (_, c, h, w) = *x.shape();
        let plane = h * w;
        let (x, factors) = (flat(tape, x), flat(tape, factors));
        let (values, f) = (read(&x), read(&factors));
        let of_plane = move |number: usize| number / c * plane..(number / c + 1) * plane;
        let mut y = unwritten(values.len());
        y.par_chunks_exact_mut(plane)
            .zip(values.par_chunks_exact(plane))
            .enumerate()
            .for_each(|(number, (y, x))| product(x, &f[of_plane(number)], y));
        record(tape, [&x, &factors], shape, y, move |dy, [dx, df]| {
            dx.par_chunks_exact_mut(plane)
                .zip(dy.par_chunks_exact(plane))
                .enumerate()
                .for_each(|(number, (dx, dy))| add_product(dy, &f[of_plane(number)], dx));
            let samples = values.par_chunks_exact(c * plane).zip(dy.par_chunks_exact(c * plane));
            df.par_chunks_exact_mut(plane).zip(samples).for_each(|(df, (x, dy))| {
                for (x, dy) in x.chunks_exact(plane).zip(dy.chunks_exact(plane)) {
                    add_product(x, dy, df);
                }
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Multiply,
        Square,
        All,
        Planes,
        Pixels,
    }

    operation!(Product { kind: Kind, ours: bool }, |this, tape, inputs| {
        let x = shaped(&inputs[0], (2, 3, 2, 5));
        let y = match (this.kind, this.ours) {
            (Kind::Multiply, true) => multiply(tape, &x, &shaped(&inputs[1], (2, 3, 2, 5))),
            (Kind::Multiply, false) => any_device::multiply(tape, &x, &shaped(&inputs[1], (2, 3, 2, 5))),
            (Kind::Square, true) => multiply(tape, &x, &x),
            (Kind::Square, false) => any_device::multiply(tape, &x, &x),
            (Kind::All, true) => scale(tape, &x, &inputs[1]),
            (Kind::All, false) => {
                let factors = spread(tape, &x, &inputs[1]);
                any_device::scale_planes(tape, &x, &factors)
            }
            (Kind::Planes, true) => scale_planes(tape, &x, &shaped(&inputs[1], (2, 3))),
            (Kind::Planes, false) => any_device::scale_planes(tape, &x, &shaped(&inputs[1], (2, 3))),
            (Kind::Pixels, true) => scale_pixels(tape, &x, &shaped(&inputs[1], (2, 1, 2, 5))),
            (Kind::Pixels, false) => any_device::scale_pixels(tape, &x, &shaped(&inputs[1], (2, 1, 2, 5))),
        };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Product, Vec<Vec<f64>>)> {
        [(Kind::Multiply, 60), (Kind::Square, 0), (Kind::All, 1), (Kind::Planes, 6), (Kind::Pixels, 20)]
            .into_iter()
            .map(|(kind, factors)| {
                let inputs = [60, factors].into_iter().filter(|len| *len > 0).zip([1, 2]);
                (Product { kind, ours: true }, inputs.map(|(len, seed)| values(seed, len)).collect())
            })
            .collect()
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
            let factor = |i: usize| match case.kind {
                Kind::Multiply => inputs[1][i],
                Kind::Square => inputs[0][i],
                Kind::All => inputs[1][0],
                Kind::Planes => inputs[1][i / 10],
                Kind::Pixels => inputs[1][i / 30 * 10 + i % 10],
            };
            let expected: Vec<f64> = inputs[0].iter().enumerate().map(|(i, x)| x * factor(i)).collect();
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Product { ours: false, ..case }, &inputs, 1e-12);
        }
    }
}
