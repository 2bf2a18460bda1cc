//! Losses: scale-invariant logarithmic depth error and cross-entropy with missing labels.

use dfdx::shapes::{Axis, HasShape, Rank0};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{Device, GatherTo, LogSumExpTo, ReshapeTo, SumTo};
use rayon::prelude::*;

use super::record::{flat, read, record, with};
use super::{Map, Number, Scalar, Vector};
use crate::sample::IGNORE;
use crate::wide::wide;

/// The numbers of [`silog`]; [`SiLog::default`] has those of dss.md 8.1 for indoor sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiLog {
    /// True depths count above this, in metres (f32).
    pub low: f32,
    /// True depths count up to this.
    pub high: f32,
    /// Share of the squared mean that is taken off.
    pub focus: f64,
    /// Factor of the root.
    pub weight: f64,
    /// Added under the root.
    pub eps: f64,
    /// Whether the variance of g is taken without bias, n - 1 in place of n, as the code of AdaBins does.
    pub unbiased: bool,
}

impl Default for SiLog {
    fn default() -> Self {
        Self { low: 0.1, high: 10.0, focus: 0.85, weight: 10.0, eps: 1e-6, unbiased: false }
    }
}

impl SiLog {
    /// Whether a true depth counts; NaN and missing (0) ones do not.
    pub fn counts(&self, truth: f32) -> bool {
        truth > self.low && truth <= self.high
    }

    /// The factors of mean g^2 and of (mean g)^2 under the root, for `n` pixels: those of r variance + (1 - focus) (mean g)^2, where
    /// r is 1, or n / (n - 1).
    fn factors(&self, n: f64) -> (f64, f64) {
        let r = if self.unbiased && n > 1.0 { n / (n - 1.0) } else { 1.0 };
        (r, r - 1.0 + self.focus)
    }
}

/// weight sqrt(mean g^2 - focus (mean g)^2 + eps), g = ln depth - ln truth, over the pixels of the whole batch whose truth counts;
/// 0 when there are none. The sum is that of the variance and (1 - focus) (mean g)^2; [`SiLog::unbiased`] is about the former. `depth` is positive, `truth` has one value in metres for each of its pixels.
///
/// # Panics
///
/// When the numbers of pixels differ.
pub fn silog<E: Scalar, D: LossKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    depth: &Map<E, D>,
    truth: &[f32],
    settings: SiLog,
) -> Number<E, D> {
    let (b, c, h, w) = *depth.shape();
    assert_eq!(b * c * h * w, truth.len(), "one true depth for each pixel");
    D::silog(tape, depth, truth, settings)
}

/// A label that names no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("label {label} of pixel {pixel} is no class: there are {classes}, and {IGNORE} means none")]
pub struct LabelError {
    label: u8,
    pixel: usize,
    classes: usize,
}

/// Mean over the labelled pixels of the whole batch of -ln of the softmax of `logits` at the label; 0 when there are none. `logits` is
/// `[B, classes, H, W]`, `labels` `[B, H, W]`.
///
/// # Errors
///
/// A label that is neither a class nor [`IGNORE`].
///
/// # Panics
///
/// When the numbers of pixels differ.
pub fn cross_entropy<E: Scalar, D: LossKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    logits: &Map<E, D>,
    labels: &[u8],
) -> Result<Number<E, D>, LabelError> {
    let (b, classes, h, w) = *logits.shape();
    assert_eq!(b * h * w, labels.len(), "one label for each pixel");
    match labels.iter().position(|label| *label != IGNORE && usize::from(*label) >= classes) {
        Some(pixel) => Err(LabelError { label: labels[pixel], pixel, classes }),
        None => Ok(D::cross_entropy(tape, logits, labels)),
    }
}

/// The forms of [`silog`] and [`cross_entropy`].
pub trait LossKernel<E: Scalar>: Device<E> {
    /// [`silog`].
    fn silog<T: Tape<E, Self>>(tape: &mut T, depth: &Map<E, Self>, truth: &[f32], settings: SiLog) -> Number<E, Self> {
        silog_on_any_device(tape, depth, truth, settings)
    }

    /// [`cross_entropy`] with labels that are known to be sound.
    fn cross_entropy<T: Tape<E, Self>>(tape: &mut T, logits: &Map<E, Self>, labels: &[u8]) -> Number<E, Self> {
        entropy_on_any_device(tape, logits, labels)
    }
}

fn silog_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    depth: &Map<E, D>,
    truth: &[f32],
    settings: SiLog,
) -> Number<E, D> {
    let device = depth.device().clone();
    let depth = flat(tape, depth);
    let shape = *depth.shape();
    let count = truth.iter().filter(|t| settings.counts(**t)).count();
    let mask = truth.iter().map(|t| E::of(f64::from(u8::from(settings.counts(*t))))).collect();
    let logs = truth.iter().map(|t| E::of(if settings.counts(*t) { f64::from(*t).ln() } else { 0.0 })).collect();
    let mask: Vector<E, D> = device.tensor_from_vec(mask, shape);
    let logs: Vector<E, D> = device.tensor_from_vec(logs, shape);
    let g = with(tape, &depth, |d| (d.ln() - logs) * mask);
    if count == 0 {
        return with(tape, &g, |g| g.sum::<Rank0, _>() * E::default());
    }
    let (of_squares, of_square) = settings.factors(count as f64);
    let mean = with(tape, &g, |g| g.sum::<Rank0, _>() * E::of(1.0 / count as f64));
    let of_mean = with(tape, &mean, |m| m.square() * E::of(of_square));
    with(tape, &g, |g| {
        let spread = g.square().sum::<Rank0, _>() * E::of(of_squares / count as f64) - of_mean + E::of(settings.eps);
        spread.sqrt() * E::of(settings.weight)
    })
}

fn entropy_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    logits: &Map<E, D>,
    labels: &[u8],
) -> Number<E, D> {
    let device = logits.device().clone();
    let (b, classes, h, w) = *logits.shape();
    let plane = h * w;
    let labelled = || labels.iter().enumerate().filter(|(_, label)| **label != IGNORE);
    let count = labelled().count();
    if count == 0 {
        return with(tape, logits, |x| x.sum::<Rank0, _>() * E::default());
    }
    let share = E::of(1.0 / count as f64);
    // Of each pixel one logit is picked by its place: a map of ones and zeros would be as large as all logits.
    let places =
        labelled().map(|(pixel, label)| (pixel / plane * classes + usize::from(*label)) * plane + pixel % plane);
    let places: Tensor<(usize,), usize, D> = device.tensor_from_vec(places.collect(), (count,));
    let logits = flat(tape, logits);
    let picked: Number<E, D> = with(tape, &logits, |x| {
        let picked: Tensor<(usize,), E, D, T> = x.gather(places);
        picked.sum::<Rank0, _>() * share
    });
    let shares = labels.iter().map(|label| if *label == IGNORE { E::default() } else { share }).collect();
    let shares: Vector<E, D> = device.tensor_from_vec(shares, (labels.len(),));
    with(tape, &logits, |x| {
        let totals = x.reshape_like(&(b, classes, plane)).logsumexp::<(usize, usize), Axis<1>>();
        (totals.reshape_like(&(b * plane,)) * shares).sum::<Rank0, _>() - picked
    })
}

/// Pixels a thread takes at a time.
const BLOCK: usize = 256;

impl<E: Scalar> LossKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn silog<T: Tape<E, Self>>(tape: &mut T, depth: &Map<E, Self>, truth: &[f32], settings: SiLog) -> Number<E, Self> {
        let depth = flat(tape, depth);
        let values = read(&depth);
        let errors: Vec<(usize, f64, f64)> = values
            .par_iter()
            .zip(truth)
            .enumerate()
            .filter(|(_, (_, t))| settings.counts(**t))
            .map(|(i, (d, t))| (i, d.f64().ln() - f64::from(*t).ln(), d.f64()))
            .collect();
        if errors.is_empty() {
            return record(tape, [&depth], (), vec![E::default()], |_, _| ());
        }
        let n = errors.len() as f64;
        let mean = errors.iter().map(|(_, g, _)| g).sum::<f64>() / n;
        let square = errors.iter().map(|(_, g, _)| g * g).sum::<f64>() / n;
        let (of_squares, of_square) = settings.factors(n);
        let root = (of_squares * square - of_square * mean * mean + settings.eps).sqrt();
        record(tape, [&depth], (), vec![E::of(settings.weight * root)], move |dy, [dx]| {
            let factor = dy[0].f64() * settings.weight / (root * n);
            for (i, g, d) in errors {
                dx[i] += E::of(factor * (of_squares * g - of_square * mean) / d);
            }
        })
    }

    fn cross_entropy<T: Tape<E, Self>>(tape: &mut T, logits: &Map<E, Self>, labels: &[u8]) -> Number<E, Self> {
        let (_, classes, h, w) = *logits.shape();
        let plane = h * w;
        let logits = flat(tape, logits);
        let x = read(&logits);
        let labels = labels.to_vec();
        let count = labels.iter().filter(|l| **l != IGNORE).count();
        if count == 0 {
            return record(tape, [&logits], (), vec![E::default()], |_, _| ());
        }
        // ln of the sum of the exponentials, for every pixel.
        let mut totals = vec![E::default(); labels.len()];
        totals.par_chunks_exact_mut(plane).zip(x.par_chunks_exact(classes * plane)).for_each(|(totals, x)| {
            totals.par_chunks_mut(BLOCK).enumerate().for_each(|(block, totals)| {
                let n = totals.len();
                let row = |k: usize| &x[k * plane + block * BLOCK..][..n];
                let mut largest = row(0).to_vec();
                let mut sums = vec![E::default(); n];
                wide(
                    #[inline(always)]
                    || {
                        (1..classes)
                            .for_each(|k| largest.iter_mut().zip(row(k)).for_each(|(l, v)| *l = Scalar::max(*l, *v)));
                        for k in 0..classes {
                            let terms = row(k).iter().zip(&largest);
                            sums.iter_mut().zip(terms).for_each(|(s, (v, l))| *s += Scalar::exp(*v - *l));
                        }
                    },
                );
                totals.iter_mut().zip(sums).zip(largest).for_each(|((t, s), l)| *t = l + Scalar::ln(s));
            });
        });
        let labelled = labels.iter().enumerate().filter(|(_, label)| **label != IGNORE);
        let sum: f64 = labelled
            .map(|(pixel, label)| {
                let at = (pixel / plane * classes + usize::from(*label)) * plane + pixel % plane;
                totals[pixel].f64() - x[at].f64()
            })
            .sum();
        record(tape, [&logits], (), vec![E::of(sum / count as f64)], move |dy, [dx]| {
            let share = dy[0] / E::of(count as f64);
            dx.par_chunks_exact_mut(plane).zip(x.par_chunks_exact(plane)).enumerate().for_each(|(i, (dx, x))| {
                let (start, class) = (i / classes * plane, i % classes);
                let pixels = totals[start..].iter().zip(&labels[start..]);
                wide(
                    #[inline(always)]
                    || {
                        for ((d, x), (total, label)) in dx.iter_mut().zip(x).zip(pixels) {
                            let hit = if usize::from(*label) == class { E::ONE } else { E::default() };
                            let step = share * (Scalar::exp(*x - *total) - hit);
                            *d += if *label == IGNORE { E::default() } else { step };
                        }
                    },
                );
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, finite_differences, gradients, numbers, operation, shaped, tensor, values};
    use super::*;
    use dfdx::tensor::NoneTape;

    operation!(Depth { truth: [f32; 12], focus: f64, unbiased: bool, ours: bool }, |this, tape, inputs| {
        let depth = shaped(&inputs[0], (2, 1, 2, 3));
        let settings = SiLog { focus: this.focus, unbiased: this.unbiased, ..SiLog::default() };
        let form = if this.ours { silog } else { silog_on_any_device };
        form(tape, &depth, &this.truth, settings).reshape_like(&(1,))
    });

    operation!(Classes { labels: [u8; 12], ours: bool }, |this, tape, inputs| {
        let logits = shaped(&inputs[0], (2, 5, 2, 3));
        let y = if this.ours {
            cross_entropy(tape, &logits, &this.labels).unwrap()
        } else {
            entropy_on_any_device(tape, &logits, &this.labels)
        };
        y.reshape_like(&(1,))
    });

    const TRUTH: [f32; 12] = [1.0, 0.0, 2.5, 10.0, f32::NAN, 0.1, 11.0, 3.0, f32::INFINITY, 0.2, 7.0, -1.0];
    const LABELS: [u8; 12] = [0, 4, 255, 1, 2, 3, 255, 0, 1, 1, 4, 255];

    fn depths() -> Vec<Vec<f64>> {
        vec![values(1, 12).into_iter().map(|v| 2.0 + v).collect()]
    }

    fn logits() -> Vec<Vec<f64>> {
        vec![values(2, 60).into_iter().map(|v| 3.0 * v).collect()]
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (focus, unbiased) in [(0.85, false), (0.5, false), (0.85, true)] {
            finite_differences(&Depth { truth: TRUTH, focus, unbiased, ours: true }, &depths());
        }
        finite_differences(&Classes { labels: LABELS, ours: true }, &logits());
    }

    #[test]
    fn both_forms_agree() {
        for unbiased in [false, true] {
            let depth = Depth { truth: TRUTH, focus: 0.85, unbiased, ours: true };
            agree::<f64>(&depth, &Depth { ours: false, ..depth }, &depths(), 1e-12);
        }
        let classes = Classes { labels: LABELS, ours: true };
        agree::<f64>(&classes, &Classes { ours: false, ..classes }, &logits(), 1e-12);
        agree::<f32>(&classes, &Classes { ours: false, ..classes }, &logits(), 1e-5);
    }

    #[test]
    fn the_depth_loss_has_the_values_of_the_specification() {
        // dss.md 8.1.
        let depth = tensor((1, 1, 2, 2), vec![1.1f64, 1.8, 5.2, 8.0]);
        let truth = [1.0f32, 2.0, 4.0, 8.0];
        for (focus, unbiased, expected) in [(0.85, false, 1.373787), (0.5, false, 1.423570), (0.85, true, 1.580030)] {
            let settings = SiLog { focus, unbiased, eps: 0.0, ..SiLog::default() };
            let found = numbers(&silog(&mut NoneTape, &depth, &truth, settings))[0];
            assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
        }
    }

    #[test]
    fn the_entropy_is_the_mean_over_labelled_pixels() {
        let (found, _) = gradients::<f64>(&Classes { labels: LABELS, ours: true }, &logits());
        let x = &logits()[0];
        let mut terms = Vec::new();
        for (pixel, label) in LABELS.iter().enumerate().filter(|(_, l)| **l != IGNORE) {
            let at = |k: usize| x[(pixel / 6 * 5 + k) * 6 + pixel % 6];
            let total: f64 = (0..5).map(|k| at(k).exp()).sum();
            terms.push(-(at(usize::from(*label)).exp() / total).ln());
        }
        let expected = terms.iter().sum::<f64>() / terms.len() as f64;
        assert!((found[0] - expected).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_learn_from_is_no_loss_and_no_gradient() {
        for ours in [true, false] {
            let depth = gradients::<f32>(&Depth { truth: [0.0; 12], focus: 0.85, unbiased: false, ours }, &depths());
            assert_eq!(depth, (vec![0.0], vec![vec![0.0; 12]]));
            let classes = gradients::<f32>(&Classes { labels: [IGNORE; 12], ours }, &logits());
            assert_eq!(classes, (vec![0.0], vec![vec![0.0; 60]]));
        }
    }

    #[test]
    fn a_label_without_a_class_is_named() {
        let x = tensor((1, 3, 1, 2), values(1, 6));
        let error = cross_entropy(&mut NoneTape, &x, &[2, 3]).unwrap_err();
        assert_eq!(error, LabelError { label: 3, pixel: 1, classes: 3 });
    }
}
