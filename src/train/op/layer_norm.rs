//! Normalisation of every pixel over its channels.

use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, MeanTo, ReshapeTo};
use rayon::prelude::*;

use super::buffer::{Buffer, unwritten};
use super::record::{flat, planes, read, record, with};
use super::sum::{sum, sum_of_pairs};
use super::{Map, Scalar, Vector};
use crate::wide::wide;

/// Normalises every pixel of `x` `[B, C, H, W]` over its channels (biased variance, `eps` inside the root), times `weight` plus
/// `bias`, one each a channel.
///
/// # Panics
///
/// When the channels differ.
pub fn layer_norm<E: Scalar, D: LayerNormKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Vector<E, D>,
    bias: &Vector<E, D>,
    eps: f64,
) -> Map<E, D> {
    let c = x.shape().1;
    assert_eq!((c, c), (weight.shape().0, bias.shape().0), "one scale and shift for each of {c} channels");
    D::layer_norm(tape, x, weight, bias, eps)
}

/// The forms of [`layer_norm`].
pub trait LayerNormKernel<E: Scalar>: Device<E> {
    /// [`layer_norm`].
    fn layer_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Vector<E, Self>,
        bias: &Vector<E, Self>,
        eps: f64,
    ) -> Map<E, Self> {
        any_device(tape, x, weight, bias, eps)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Vector<E, D>,
    bias: &Vector<E, D>,
    eps: f64,
) -> Map<E, D> {
    let shape = *x.shape();
    let x = planes(tape, x);
    let flat = *x.shape();
    let mean = with(tape, &x, |x| x.mean::<(usize, usize), Axis<1>>()).broadcast_like::<_, Axis<1>>(&flat);
    let centred = with(tape, &x, |x| x - mean);
    let squares = with(tape, &centred, Tensor::square);
    let scale = with(tape, &squares, |squares| (squares.mean::<(usize, usize), Axis<1>>() + E::of(eps)).powf(-0.5));
    let normal = with(tape, &scale, |scale| scale.broadcast_like::<_, Axis<1>>(&flat) * centred);
    let scaled = with(tape, weight, |w| w.broadcast_like::<_, Axes2<0, 2>>(&flat) * normal);
    with(tape, bias, |b| (b.broadcast_like::<_, Axes2<0, 2>>(&flat) + scaled).reshape_like(&shape))
}

/// Pixels whose statistics a thread gathers at a time, a channel after the other.
const BLOCK: usize = 256;

impl<E: Scalar> LayerNormKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn layer_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Vector<E, Self>,
        bias: &Vector<E, Self>,
        eps: f64,
    ) -> Map<E, Self> {
        let shape @ (b, c, h, w) = *x.shape();
        let plane = h * w;
        let x = flat(tape, x);
        let values = read(&x);
        let (factors, shifts) = (read(weight), read(bias));
        let share = E::of(1.0 / c as f64);
        let mut means = over_channels(b, c, plane, |sums: &mut [E], i, p| {
            sums.iter_mut().zip(&values[i * plane + p..]).for_each(|(s, v)| *s += *v);
        });
        means.iter_mut().for_each(|s| *s *= share);
        let mut scales = over_channels(b, c, plane, |sums: &mut [E], i, p| {
            let means = &means[i / c * plane + p..];
            sums.iter_mut()
                .zip(&values[i * plane + p..])
                .zip(means)
                .for_each(|((s, v), m)| *s += (*v - *m) * (*v - *m));
        });
        scales.iter_mut().for_each(|s| *s = E::ONE / Scalar::sqrt(*s * share + E::of(eps)));
        let mut y = unwritten(values.len());
        y.par_chunks_exact_mut(plane).zip(values.par_chunks_exact(plane)).enumerate().for_each(|(i, (y, x))| {
            let (means, scales) = (&means[i / c * plane..], &scales[i / c * plane..]);
            let (factor, shift) = (factors[i % c], shifts[i % c]);
            wide(
                #[inline(always)]
                || {
                    let pixels = y.iter_mut().zip(x).zip(means).zip(scales);
                    pixels.for_each(|(((y, x), m), s)| *y = (*x - *m) * *s * factor + shift);
                },
            );
        });
        record(tape, [&x, weight, bias], shape, y, move |dy, [dx, dw, db]| {
            // The normalised values, recomputed.
            let mut x = values;
            x.par_chunks_exact_mut(plane).enumerate().for_each(|(i, x)| {
                let (means, scales) = (&means[i / c * plane..], &scales[i / c * plane..]);
                wide(
                    #[inline(always)]
                    || x.iter_mut().zip(means).zip(scales).for_each(|((x, m), s)| *x = (*x - *m) * *s),
                );
            });
            let plain = over_channels(b, c, plane, |sums, i, p| {
                let factor = factors[i % c] * share;
                sums.iter_mut().zip(&dy[i * plane + p..]).for_each(|(s, g)| *s += *g * factor);
            });
            let with_value = over_channels(b, c, plane, |sums, i, p| {
                let (factor, start) = (factors[i % c] * share, i * plane + p);
                sums.iter_mut().zip(&dy[start..]).zip(&x[start..]).for_each(|((s, g), x)| *s += *g * factor * *x);
            });
            let parts: Vec<(f64, f64)> = dx
                .par_chunks_exact_mut(plane)
                .zip(dy.par_chunks_exact(plane))
                .zip(x.par_chunks_exact(plane))
                .enumerate()
                .map(|(i, ((dx, dy), x))| {
                    let start = i / c * plane;
                    let (plain, with_value, scales) = (&plain[start..], &with_value[start..], &scales[start..]);
                    let factor = factors[i % c];
                    wide(
                        #[inline(always)]
                        || {
                            let pixels = dx.iter_mut().zip(dy).zip(x).zip(plain).zip(with_value).zip(scales);
                            for (((((d, g), x), a), v), s) in pixels {
                                *d += *s * (*g * factor - *a - *x * *v);
                            }
                        },
                    );
                    wide(
                        #[inline(always)]
                        || (sum_of_pairs(dy, x, |g, x| g * x), sum(dy, |g| g)),
                    )
                })
                .collect();
            for (i, (of_weight, of_bias)) in parts.into_iter().enumerate() {
                dw[i % c] += E::of(of_weight);
                db[i % c] += E::of(of_bias);
            }
        })
    }
}

/// For every pixel a sum over the channels: `add(sums, plane, pixel)` adds to the sums of a run of pixels that begins at `pixel`
/// what plane `plane` (batch times channels) gives.
fn over_channels<E: Scalar>(
    b: usize,
    c: usize,
    plane: usize,
    add: impl Fn(&mut [E], usize, usize) + Sync,
) -> Buffer<E> {
    let mut sums = Buffer::zeros(b * plane);
    sums.par_chunks_exact_mut(plane).enumerate().for_each(|(sample, sums)| {
        sums.par_chunks_mut(BLOCK).enumerate().for_each(|(block, sums)| {
            wide(
                #[inline(always)]
                || (sample * c..(sample + 1) * c).for_each(|i| add(sums, i, block * BLOCK)),
            );
        });
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    operation!(Norm { x: [usize; 4], ours: bool }, |this, tape, inputs| {
        let [b, c, h, w] = this.x;
        let x = shaped(&inputs[0], (b, c, h, w));
        let form = if this.ours { layer_norm } else { any_device };
        let y = form(tape, &x, &inputs[1], &inputs[2], 1e-5);
        flat(tape, &y)
    });

    fn cases() -> Vec<(Norm, Vec<Vec<f64>>)> {
        [[2, 5, 3, 3], [1, 4, 1, 1], [1, 3, 17, 19], [3, 2, 1, 5]]
            .into_iter()
            .map(|x| {
                let inputs = vec![values(1, x.iter().product()), values(2, x[1]), values(3, x[1])];
                (Norm { x, ours: true }, inputs)
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
            let [b, c, h, w] = case.x;
            let mut expected = vec![0.0; b * c * h * w];
            for (n, p) in (0..b).flat_map(|n| (0..h * w).map(move |p| (n, p))) {
                let at = |ch: usize| (n * c + ch) * h * w + p;
                let mean = (0..c).map(|ch| inputs[0][at(ch)]).sum::<f64>() / c as f64;
                let variance = (0..c).map(|ch| (inputs[0][at(ch)] - mean).powi(2)).sum::<f64>() / c as f64;
                for ch in 0..c {
                    expected[at(ch)] =
                        (inputs[0][at(ch)] - mean) / (variance + 1e-5).sqrt() * inputs[1][ch] + inputs[2][ch];
                }
            }
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Norm { ours: false, ..case }, &inputs, 1e-10);
        }
    }
}
