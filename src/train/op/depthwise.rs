//! Depthwise convolution: every channel has a kernel of its own.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Tape};
use dfdx::tensor_ops::{Device, ReshapeTo, TryMatMul};
use rayon::prelude::*;

use super::buffer::zeros;
use super::padding::{Padding, Windows};
use super::record::{flat, read, record, repeated, with};
use super::unfold::unfold;
use super::{Map, Scalar};
use crate::wide::wide;

/// Cross-correlation of every channel of `x` `[B, C, H, W]` with its kernel in `weight` `[C, 1, k, k]`: `[B, C, H', W']`.
///
/// # Panics
///
/// When the channels differ, the kernel is not square or does not fit the padded map.
pub fn depthwise_conv2d<E: Scalar, D: DepthwiseKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Map<E, D>,
    stride: usize,
    padding: Padding,
) -> Map<E, D> {
    let ((_, c, h, w), (wc, one, kh, kw)) = (*x.shape(), *weight.shape());
    assert_eq!((c, 1), (wc, one), "the map has {c} channels, the weight is for {wc} groups of {one}");
    assert_eq!(kh, kw, "the kernel is {kh} x {kw}, not square");
    D::depthwise_conv2d(tape, x, weight, Windows::new(kh, stride, padding, (h, w)))
}

/// The forms of [`depthwise_conv2d`].
pub trait DepthwiseKernel<E: Scalar>: Device<E> {
    /// [`depthwise_conv2d`] over given windows.
    fn depthwise_conv2d<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Map<E, Self>,
        windows: Windows,
    ) -> Map<E, Self> {
        any_device(tape, x, weight, windows)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Map<E, D>,
    windows: Windows,
) -> Map<E, D> {
    let (b, c, _, _) = *x.shape();
    let taps = windows.kernel * windows.kernel;
    let columns = unfold(tape, x, &windows);
    let weight = with(tape, weight, |w| repeated(w.reshape_like(&(c, taps)), b).reshape_like(&(b * c, 1usize, taps)));
    // One product of a row and a matrix for each plane: the products of the values would be as large as all columns.
    with(tape, &weight, |w| w.matmul(columns).reshape_like(&(b, c, windows.output.0, windows.output.1)))
}

impl<E: Scalar> DepthwiseKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn depthwise_conv2d<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Map<E, Self>,
        windows: Windows,
    ) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let shape = (b, c, windows.output.0, windows.output.1);
        let (taps, plane, cells) = (windows.kernel * windows.kernel, h * w, windows.cells());
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let mut y = zeros(b * c * cells);
        let (values, kernels) = (read(&x), read(&weight));
        y.par_chunks_exact_mut(cells).zip(values.par_chunks_exact(plane)).enumerate().for_each(|(i, (y, x))| {
            wide(
                #[inline(always)]
                || correlate(x, &kernels[(i % c) * taps..][..taps], &windows, y),
            );
        });
        record(tape, [&x, &weight], shape, y, move |dy, [dx, dw]| {
            let parts: Vec<Vec<E>> = dx
                .par_chunks_exact_mut(plane)
                .zip(values.par_chunks_exact(plane))
                .zip(dy.par_chunks_exact(cells))
                .enumerate()
                .map(|(i, ((dx, x), dy))| {
                    wide(
                        #[inline(always)]
                        || back(x, &kernels[(i % c) * taps..][..taps], &windows, dy, dx),
                    )
                })
                .collect();
            for (i, part) in parts.iter().enumerate() {
                dw[(i % c) * taps..].iter_mut().zip(part).for_each(|(d, p)| *d += *p);
            }
        })
    }
}

/// The rows of input and output that tap `(i, j)` joins, as (input start, output start, length).
#[inline(always)]
pub(super) fn lines(windows: &Windows, i: usize, j: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let windows = *windows;
    let (first, last, start) = windows.real_columns(j);
    (0..windows.output.0).filter_map(move |y| {
        let iy = windows.row(y, i)?;
        Some((iy * windows.input.1 + start, y * windows.output.1 + first, last - first))
    })
}

#[inline(always)]
fn correlate<E: Scalar>(x: &[E], kernel: &[E], windows: &Windows, y: &mut [E]) {
    for (tap, weight) in kernel.iter().enumerate() {
        for (from, to, length) in lines(windows, tap / windows.kernel, tap % windows.kernel) {
            let y = &mut y[to..to + length];
            if windows.stride == 1 {
                y.iter_mut().zip(&x[from..from + length]).for_each(|(y, x)| *y += *weight * *x);
            } else {
                y.iter_mut().zip(x[from..].iter().step_by(windows.stride)).for_each(|(y, x)| *y += *weight * *x);
            }
        }
    }
}

/// Adds the gradient of the plane to `dx` and returns that of the kernel.
#[inline(always)]
fn back<E: Scalar>(x: &[E], kernel: &[E], windows: &Windows, dy: &[E], dx: &mut [E]) -> Vec<E> {
    let stride = windows.stride;
    kernel
        .iter()
        .enumerate()
        .map(|(tap, weight)| {
            let mut sum = E::default();
            for (from, to, length) in lines(windows, tap / windows.kernel, tap % windows.kernel) {
                let dy = &dy[to..to + length];
                if stride == 1 {
                    dx[from..from + length].iter_mut().zip(dy).for_each(|(d, g)| *d += *weight * *g);
                    sum += dot(&x[from..from + length], dy);
                } else {
                    dx[from..].iter_mut().step_by(stride).zip(dy).for_each(|(d, g)| *d += *weight * *g);
                    sum += x[from..].iter().step_by(stride).zip(dy).map(|(x, g)| *x * *g).sum();
                }
            }
            sum
        })
        .collect()
}

/// Scalar product in eight running sums, which lets it become vector code.
#[inline(always)]
fn dot<E: Scalar>(a: &[E], b: &[E]) -> E {
    let mut sums = [E::default(); 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: E = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| *a * *b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        sums.iter_mut().zip(a).zip(b).for_each(|((s, a), b)| *s += *a * *b);
    }
    sums.into_iter().sum::<E>() + tail
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    operation!(
        Depthwise { x: [usize; 4], k: usize, stride: usize, padding: Padding, ours: bool },
        |this, tape, inputs| {
            let [b, c, h, w] = this.x;
            let (x, weight) = (shaped(&inputs[0], (b, c, h, w)), shaped(&inputs[1], (c, 1, this.k, this.k)));
            let y = if this.ours {
                depthwise_conv2d(tape, &x, &weight, this.stride, this.padding)
            } else {
                any_device(tape, &x, &weight, Windows::new(this.k, this.stride, this.padding, (h, w)))
            };
            flat(tape, &y)
        }
    );

    fn cases() -> Vec<(Depthwise, Vec<Vec<f64>>)> {
        [
            ([1, 2, 4, 11], 3, 1, Padding::Same),
            ([2, 3, 5, 7], 3, 2, Padding::Same),
            ([2, 2, 6, 4], 3, 2, Padding::Same),
            ([1, 3, 1, 1], 3, 1, Padding::Symmetric(1)),
            ([2, 1, 9, 8], 5, 1, Padding::Symmetric(2)),
        ]
        .into_iter()
        .map(|(x, k, stride, padding)| {
            let inputs = vec![values(1, x.iter().product()), values(2, x[1] * k * k)];
            (Depthwise { x, k, stride, padding, ours: true }, inputs)
        })
        .collect()
    }

    fn by_loop(case: &Depthwise, inputs: &[Vec<f64>]) -> Vec<f64> {
        let ([b, c, h, w], k) = (case.x, case.k);
        let windows = Windows::new(k, case.stride, case.padding, (h, w));
        let mut y = Vec::new();
        for plane in 0..b * c {
            for (oy, ox) in (0..windows.output.0).flat_map(|y| (0..windows.output.1).map(move |x| (y, x))) {
                let mut sum = 0.0;
                for (i, j) in (0..k).flat_map(|i| (0..k).map(move |j| (i, j))) {
                    let iy = (oy * case.stride + i) as isize - windows.before.0 as isize;
                    let ix = (ox * case.stride + j) as isize - windows.before.1 as isize;
                    if (0..h as isize).contains(&iy) && (0..w as isize).contains(&ix) {
                        sum += inputs[0][(plane * h + iy as usize) * w + ix as usize]
                            * inputs[1][((plane % c) * k + i) * k + j];
                    }
                }
                y.push(sum);
            }
        }
        y
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
            equals_loop(&case, &inputs, &by_loop(&case, &inputs));
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Depthwise { ours: false, ..case }, &inputs, 1e-12);
            agree::<f32>(&case, &Depthwise { ours: false, ..case }, &inputs, 1e-5);
        }
    }
}
