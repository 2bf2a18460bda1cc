//! Normalisation of channels over the batch, with the activation that follows it.

use dfdx::shapes::{Axes2, HasShape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, MeanTo, ReshapeTo};
use rayon::prelude::*;

use super::buffer::{Buffer, unwritten};
use super::pointwise::{self, Curve, Function, Gelu, Identity};
use super::record::{flat, planes, read, record, tensor, with};
use super::sum::{sum, sum_of_pairs};
use super::{Map, Scalar, Vector};
use crate::wide::wide;

/// Mean and variance of every channel.
#[derive(Debug, Clone)]
pub struct Moments<E, D: dfdx::tensor::Storage<E>> {
    /// Mean.
    pub mean: Vector<E, D>,
    /// Variance, divided by the number of values.
    pub variance: Vector<E, D>,
}

/// What a batch normalisation needs besides the map: scale and shift of every channel, the number under the root and the
/// activation applied to the result ([`Function::Identity`] or [`Function::Gelu`]).
#[derive(Debug)]
pub struct Affine<'a, E, D: dfdx::tensor::Storage<E>> {
    /// Scale.
    pub weight: &'a Vector<E, D>,
    /// Shift.
    pub bias: &'a Vector<E, D>,
    /// Added to the variance.
    pub eps: f64,
    /// Applied last.
    pub activation: Function,
}

/// Normalises every channel of `x` `[B, C, H, W]` by the mean and biased variance of this batch, through which the gradient flows,
/// and returns them for the running statistics.
///
/// # Panics
///
/// When the channels differ or the activation is another than the two.
pub fn batch_norm<E: Scalar, D: BatchNormKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    affine: &Affine<E, D>,
) -> (Map<E, D>, Moments<E, D>) {
    D::batch_norm(tape, x, affine)
}

/// Normalises every channel by given moments, which are constants.
///
/// # Panics
///
/// As [`batch_norm`].
pub fn batch_norm_by<E: Scalar, D: BatchNormKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    affine: &Affine<E, D>,
    moments: &Moments<E, D>,
) -> Map<E, D> {
    D::batch_norm_by(tape, x, affine, moments)
}

/// The forms of [`batch_norm`] and [`batch_norm_by`].
pub trait BatchNormKernel<E: Scalar>: Device<E> + pointwise::PointwiseKernel<E> {
    /// [`batch_norm`].
    fn batch_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
    ) -> (Map<E, Self>, Moments<E, Self>) {
        any_device(tape, x, affine)
    }

    /// [`batch_norm_by`].
    fn batch_norm_by<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
        moments: &Moments<E, Self>,
    ) -> Map<E, Self> {
        by_on_any_device(tape, x, affine, moments)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    affine: &Affine<E, D>,
) -> (Map<E, D>, Moments<E, D>) {
    let shape = *x.shape();
    let x = planes(tape, x);
    let mean = with(tape, &x, |x| x.mean::<_, Axes2<0, 2>>());
    let wide = mean.clone().broadcast_like::<_, Axes2<0, 2>>(x.shape());
    let centred = with(tape, &x, |x| x - wide);
    let squares = with(tape, &centred, Tensor::square);
    let variance = with(tape, &squares, |x| x.mean::<_, Axes2<0, 2>>());
    let y = scaled(tape, &centred, affine, &variance, shape);
    (y, Moments { mean, variance })
}

fn by_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    affine: &Affine<E, D>,
    moments: &Moments<E, D>,
) -> Map<E, D> {
    let shape = *x.shape();
    let x = planes(tape, x);
    let mean = moments.mean.clone().broadcast_like::<_, Axes2<0, 2>>(x.shape());
    let centred = with(tape, &x, |x| x - mean);
    scaled(tape, &centred, affine, &moments.variance, shape)
}

/// activation(centred / sqrt(variance + eps) weight + bias), in the shape of the map that `centred` has the planes of.
fn scaled<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    centred: &Tensor<(usize, usize, usize), E, D>,
    affine: &Affine<E, D>,
    variance: &Vector<E, D>,
    shape: (usize, usize, usize, usize),
) -> Map<E, D> {
    let planes = *centred.shape();
    let scale = with(tape, variance, |v| (v + E::of(affine.eps)).powf(-0.5));
    let scale = with(tape, affine.weight, |w| w * scale);
    let scaled = with(tape, &scale, |s| s.broadcast_like::<_, Axes2<0, 2>>(&planes) * centred.clone());
    let y = with(tape, affine.bias, |b| (b.broadcast_like::<_, Axes2<0, 2>>(&planes) + scaled).reshape_like(&shape));
    pointwise::any_device(tape, &y, affine.activation)
}

impl<E: Scalar> BatchNormKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn batch_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
    ) -> (Map<E, Self>, Moments<E, Self>) {
        let (_, c, h, w) = *x.shape();
        let values = read(&flat(tape, x));
        let found: Vec<(E, E)> = (0..c).into_par_iter().map(|channel| moments(&values, channel, c, h * w)).collect();
        let (mean, variance): (Vec<E>, Vec<E>) = found.into_iter().unzip();
        let moments = Moments { mean: tensor((c,), mean.clone()), variance: tensor((c,), variance.clone()) };
        (normalised(tape, x, values, affine, mean, &variance, true), moments)
    }

    fn batch_norm_by<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
        moments: &Moments<E, Self>,
    ) -> Map<E, Self> {
        let values = read(&flat(tape, x));
        normalised(tape, x, values, affine, read(&moments.mean).to_vec(), &read(&moments.variance), false)
    }
}

/// Mean and biased variance of one channel.
fn moments<E: Scalar>(x: &[E], channel: usize, channels: usize, plane: usize) -> (E, E) {
    let planes = || x.chunks_exact(plane).skip(channel).step_by(channels);
    let n = (planes().len() * plane) as f64;
    let mean = planes()
        .map(|p| {
            wide(
                #[inline(always)]
                || sum(p, |v| v),
            )
        })
        .sum::<f64>()
        / n;
    let centre = E::of(mean);
    let square = planes()
        .map(|p| {
            wide(
                #[inline(always)]
                || sum(p, |v| (v - centre) * (v - centre)),
            )
        })
        .sum::<f64>()
        / n;
    // The centre was rounded; the shift it makes in the variance is its square.
    let shift = mean - centre.f64();
    (centre, E::of((square - shift * shift).max(0.0)))
}

fn normalised<E: Scalar, T: Tape<E, Cpu>>(
    tape: &mut T,
    x: &Map<E, Cpu>,
    values: Buffer<E>,
    affine: &Affine<E, Cpu>,
    mean: Vec<E>,
    variance: &[E],
    of_this_batch: bool,
) -> Map<E, Cpu>
where
    Cpu: Device<E>,
{
    let scale: Vec<E> = variance.iter().map(|v| E::of(1.0 / (v.f64() + affine.eps).sqrt())).collect();
    let channels = Channels { mean, scale, of_this_batch };
    match affine.activation {
        Function::Identity => activated(tape, x, values, affine, channels, Identity),
        Function::Gelu => activated(tape, x, values, affine, channels, Gelu),
        other => unreachable!("no batch normalisation is followed by {other:?}"),
    }
}

/// What the backward pass needs of every channel.
struct Channels<E> {
    mean: Vec<E>,
    /// 1 / sqrt(variance + eps).
    scale: Vec<E>,
    /// Whether the moments depend on the map.
    of_this_batch: bool,
}

fn activated<E: Scalar, T: Tape<E, Cpu>>(
    tape: &mut T,
    x: &Map<E, Cpu>,
    values: Buffer<E>,
    affine: &Affine<E, Cpu>,
    channels: Channels<E>,
    curve: impl Curve<E>,
) -> Map<E, Cpu>
where
    Cpu: Device<E>,
{
    let shape @ (b, c, h, w) = *x.shape();
    let plane = h * w;
    assert_eq!(
        (c, c),
        (affine.weight.shape().0, affine.bias.shape().0),
        "one scale and shift for each of {c} channels"
    );
    let x = flat(tape, x);
    let (weight, bias) = (read(affine.weight), read(affine.bias));
    let mut y = unwritten(values.len());
    y.par_chunks_exact_mut(plane).zip(values.par_chunks_exact(plane)).enumerate().for_each(|(i, (y, x))| {
        let (mean, scale, shift) = (channels.mean[i % c], channels.scale[i % c] * weight[i % c], bias[i % c]);
        wide(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, x)| *y = curve.value((*x - mean) * scale + shift)),
        );
    });
    let backward = move |dy: &mut [E], [dx, dw, db]: [&mut [E]; 3]| {
        // The gradient before the activation, in place, and its sums with 1 and with the normalised value.
        let sums: Vec<(f64, f64)> = dy
            .par_chunks_exact_mut(plane)
            .zip(values.par_chunks_exact(plane))
            .enumerate()
            .map(|(i, (dy, x))| {
                let (mean, scale, factor, shift) =
                    (channels.mean[i % c], channels.scale[i % c], weight[i % c], bias[i % c]);
                wide(
                    #[inline(always)]
                    || {
                        dy.iter_mut().zip(x).for_each(|(g, x)| *g *= curve.slope((*x - mean) * scale * factor + shift));
                    },
                );
                let with_value = wide(
                    #[inline(always)]
                    || sum_of_pairs(dy, x, |g, x| g * (x - mean)),
                );
                (
                    wide(
                        #[inline(always)]
                        || sum(dy, |g| g),
                    ),
                    with_value * scale.f64(),
                )
            })
            .collect();
        let mut totals = vec![(0.0, 0.0); c];
        for (i, (plain, with_value)) in sums.into_iter().enumerate() {
            totals[i % c].0 += plain;
            totals[i % c].1 += with_value;
        }
        for ((dw, db), (plain, with_value)) in dw.iter_mut().zip(db).zip(&totals) {
            *dw += E::of(*with_value);
            *db += E::of(*plain);
        }
        let n = if channels.of_this_batch { (b * plane) as f64 } else { f64::INFINITY };
        dx.par_chunks_exact_mut(plane)
            .zip(dy.par_chunks_exact(plane))
            .zip(values.par_chunks_exact(plane))
            .enumerate()
            .for_each(|(i, ((dx, dy), x))| {
                let (mean, scale) = (channels.mean[i % c], channels.scale[i % c]);
                let through_mean = E::of(totals[i % c].0 / n);
                let through_variance = E::of(totals[i % c].1 / n) * scale;
                let factor = scale * weight[i % c];
                wide(
                    #[inline(always)]
                    || {
                        for ((d, g), x) in dx.iter_mut().zip(dy).zip(x) {
                            *d += factor * (*g - through_mean - (*x - mean) * through_variance);
                        }
                    },
                );
            });
    };
    record(tape, [&x, affine.weight, affine.bias], shape, y, backward)
}

#[cfg(test)]
mod tests {
    use super::super::check::{
        agree, deviation, equals_loop, finite_differences, numbers, operation, shaped, tensor, values,
    };
    use super::*;
    use dfdx::tensor::NoneTape;

    operation!(Norm { x: [usize; 4], given: bool, activation: Function, ours: bool }, |this, tape, inputs| {
        let [b, c, h, w] = this.x;
        let x = shaped(&inputs[0], (b, c, h, w));
        let affine = Affine { weight: &inputs[1], bias: &inputs[2], eps: 1e-3, activation: this.activation };
        let given = Moments {
            mean: tensor((c,), values(5, c).into_iter().map(Scalar::of).collect()),
            variance: tensor((c,), values(6, c).into_iter().map(|v| Scalar::of(1.5 + v)).collect()),
        };
        let y = match (this.given, this.ours) {
            (false, true) => batch_norm(tape, &x, &affine).0,
            (false, false) => any_device(tape, &x, &affine).0,
            (true, true) => batch_norm_by(tape, &x, &affine, &given),
            (true, false) => by_on_any_device(tape, &x, &affine, &given),
        };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Norm, Vec<Vec<f64>>)> {
        let mut cases = Vec::new();
        for x in [[2, 3, 3, 5], [1, 2, 1, 7], [3, 1, 2, 2]] {
            for (given, activation) in [(false, Function::Identity), (false, Function::Gelu), (true, Function::Gelu)] {
                let inputs = vec![values(1, x.iter().product()), values(2, x[1]), values(3, x[1])];
                cases.push((Norm { x, given, activation, ours: true }, inputs));
            }
        }
        cases
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
            let at = |n: usize, ch: usize, p: usize| inputs[0][(n * c + ch) * h * w + p];
            let mut expected = vec![0.0; b * c * h * w];
            for ch in 0..c {
                let all: Vec<f64> = (0..b).flat_map(|n| (0..h * w).map(move |p| at(n, ch, p))).collect();
                let (mean, variance) = if case.given {
                    (values(5, c)[ch], 1.5 + values(6, c)[ch])
                } else {
                    let mean = all.iter().sum::<f64>() / all.len() as f64;
                    (mean, all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64)
                };
                for (n, p) in (0..b).flat_map(|n| (0..h * w).map(move |p| (n, p))) {
                    let y = (at(n, ch, p) - mean) / (variance + 1e-3).sqrt() * inputs[1][ch] + inputs[2][ch];
                    expected[(n * c + ch) * h * w + p] =
                        if case.activation == Function::Gelu { Gelu.value(y) } else { y };
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

    #[test]
    fn the_moments_of_large_values_are_exact() {
        // Mean 1000, deviation 1: the squares of f32 would lose the variance.
        let x: Vec<f64> = values(9, 6000).into_iter().map(|v| 1000.0 + v).collect();
        let map = tensor((2, 1, 60, 50), x.iter().map(|v| *v as f32).collect());
        let one = tensor((1,), vec![1.0f32]);
        let affine = Affine { weight: &one, bias: &one, eps: 1e-5, activation: Function::Identity };
        let (_, found) = batch_norm(&mut NoneTape, &map, &affine);
        let mean = x.iter().sum::<f64>() / 6000.0;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 6000.0;
        assert!(deviation(&numbers(&found.mean), &[mean]) < 1e-6);
        assert!(deviation(&numbers(&found.variance), &[variance]) < 1e-4);
    }
}
