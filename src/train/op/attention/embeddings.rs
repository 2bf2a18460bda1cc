//! Attention of a pixel among several embeddings of itself.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{Cpu, Tape};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo, SumTo};
use rayon::prelude::*;

use super::super::buffer::Buffer;
use super::super::product::add_product;
use super::super::record::{flat, read, record, with};
use super::super::{Map, Scalar};

/// For every pixel the mean of its `count` values, weighted by how well key and query of each agree: softmax over h of
/// (k_h . q_h / `divisor`), times v_h. `key`, `query` and `value` are `[B, count C, H, W]`, embedding h in channels h C .. (h + 1) C;
/// the result is `[B, C, H, W]`.
///
/// # Panics
///
/// When the shapes differ or `count` does not divide the channels.
pub fn embedding_attention<E: Scalar, D: EmbeddingKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    [query, key, value]: [&Map<E, D>; 3],
    count: usize,
    divisor: f64,
) -> Map<E, D> {
    let (_, c, _, _) = *query.shape();
    assert!(query.shape() == key.shape() && key.shape() == value.shape(), "query, key and value have one shape");
    assert!(count > 0 && c.is_multiple_of(count), "{count} embeddings do not divide {c} channels");
    D::embedding_attention(tape, [query, key, value], count, divisor)
}

/// The forms of [`embedding_attention`].
pub trait EmbeddingKernel<E: Scalar>: Device<E> {
    /// [`embedding_attention`].
    fn embedding_attention<T: Tape<E, Self>>(
        tape: &mut T,
        maps: [&Map<E, Self>; 3],
        count: usize,
        divisor: f64,
    ) -> Map<E, Self> {
        any_device(tape, maps, count, divisor)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    [query, key, value]: [&Map<E, D>; 3],
    count: usize,
    divisor: f64,
) -> Map<E, D> {
    let (b, all, h, w) = *query.shape();
    let split @ (_, _, c, _) = (b, count, all / count, h * w);
    let [query, key, value] = [query, key, value].map(|x| with(tape, x, |x| x.reshape_like(&split)));
    let scores = with(tape, &key, |key| (key * query).sum::<_, Axis<2>>() * E::of(1.0 / divisor));
    let weights = with(tape, &scores, |scores| scores.softmax::<Axis<1>>());
    with(tape, &weights, |weights| {
        (weights.broadcast_like::<_, Axis<2>>(&split) * value).sum::<_, Axis<1>>().reshape_like(&(b, c, h, w))
    })
}

/// Planes of `[B, count, C, H, W]`, and of what is there once for each embedding or once for each channel.
#[derive(Clone, Copy)]
struct Planes {
    count: usize,
    channels: usize,
    pixels: usize,
}

impl Planes {
    /// The plane `number` of `values`.
    fn at<E>(self, values: &[E], number: usize) -> &[E] {
        &values[number * self.pixels..][..self.pixels]
    }

    /// The embedding, among those of all samples, that plane `number` belongs to.
    fn embedding(self, number: usize) -> usize {
        number / self.channels
    }

    /// The channel of the result, among those of all samples, that plane `number` has a share in.
    fn channel(self, number: usize) -> usize {
        number / (self.count * self.channels) * self.channels + number % self.channels
    }

    /// For each of all samples' embeddings the sum, over its planes, of the products of the two that `pair` names for a plane.
    fn sums<'a, E: Scalar>(self, embeddings: usize, pair: impl Fn(usize) -> (&'a [E], &'a [E]) + Sync) -> Buffer<E> {
        let mut sums = Buffer::zeros(embeddings * self.pixels);
        sums.par_chunks_exact_mut(self.pixels).enumerate().for_each(|(embedding, sums)| {
            for number in embedding * self.channels..(embedding + 1) * self.channels {
                let (a, b) = pair(number);
                add_product(a, b, sums);
            }
        });
        sums
    }

    /// Softmax over the embeddings of each sample, in place.
    fn softmax<E: Scalar>(self, scores: &mut [E]) {
        scores.par_chunks_exact_mut(self.count * self.pixels).for_each(|scores| {
            for pixel in 0..self.pixels {
                let at = |h: usize| h * self.pixels + pixel;
                let largest = (0..self.count).map(|h| scores[at(h)]).fold(E::of(f64::NEG_INFINITY), Scalar::max);
                let mut sum = E::default();
                for h in 0..self.count {
                    let share = (scores[at(h)] - largest).exp();
                    scores[at(h)] = share;
                    sum += share;
                }
                (0..self.count).for_each(|h| scores[at(h)] = scores[at(h)] / sum);
            }
        });
    }

    /// From the gradient of the shares to that of the scores, in place.
    fn softmax_back<E: Scalar>(self, shares: &[E], gradients: &mut [E]) {
        let samples = gradients.par_chunks_exact_mut(self.count * self.pixels);
        samples.zip(shares.par_chunks_exact(self.count * self.pixels)).for_each(|(gradients, shares)| {
            for pixel in 0..self.pixels {
                let at = |h: usize| h * self.pixels + pixel;
                let mut mean = E::default();
                (0..self.count).for_each(|h| mean += shares[at(h)] * gradients[at(h)]);
                (0..self.count).for_each(|h| gradients[at(h)] = shares[at(h)] * (gradients[at(h)] - mean));
            }
        });
    }
}

impl<E: Scalar> EmbeddingKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn embedding_attention<T: Tape<E, Self>>(
        tape: &mut T,
        maps: [&Map<E, Self>; 3],
        count: usize,
        divisor: f64,
    ) -> Map<E, Self> {
        let (b, all, h, w) = *maps[0].shape();
        let planes = Planes { count, channels: all / count, pixels: h * w };
        let maps = maps.map(|x| flat(tape, x));
        let [q, k, v] = [0, 1, 2].map(|i| read(&maps[i]));
        let factor = E::of(1.0 / divisor);
        let mut shares = planes.sums(b * count, |number| (planes.at(&q, number), planes.at(&k, number)));
        shares.iter_mut().for_each(|score| *score *= factor);
        planes.softmax(&mut shares);
        let mut y = vec![E::default(); b * planes.channels * planes.pixels];
        y.par_chunks_exact_mut(planes.pixels).enumerate().for_each(|(channel, y)| {
            let (sample, channel) = (channel / planes.channels, channel % planes.channels);
            for embedding in sample * count..(sample + 1) * count {
                add_product(planes.at(&shares, embedding), planes.at(&v, embedding * planes.channels + channel), y);
            }
        });
        let [query, key, value] = &maps;
        record(tape, [query, key, value], (b, planes.channels, h, w), y, move |dy, [dq, dk, dv]| {
            let dy = &*dy;
            let mut scores =
                planes.sums(b * count, |number| (planes.at(dy, planes.channel(number)), planes.at(&v, number)));
            planes.softmax_back(&shares, &mut scores);
            scores.iter_mut().for_each(|gradient| *gradient *= factor);
            let add = |to: &mut [E], of: &(dyn Fn(usize) -> (usize, usize) + Sync), a: &[E], b: &[E]| {
                to.par_chunks_exact_mut(planes.pixels).enumerate().for_each(|(number, to)| {
                    let (of_a, of_b) = of(number);
                    add_product(planes.at(a, of_a), planes.at(b, of_b), to);
                });
            };
            add(dv, &|number| (planes.embedding(number), planes.channel(number)), &shares, dy);
            add(dq, &|number| (planes.embedding(number), number), &scores, &k);
            add(dk, &|number| (planes.embedding(number), number), &scores, &q);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    operation!(Among { x: [usize; 4], count: usize, divisor: f64, ours: bool }, |this, tape, inputs| {
        let [b, c, h, w] = this.x;
        let [q, k, v] = [0, 1, 2].map(|i| shaped(&inputs[i], (b, c, h, w)));
        let maps = [&q, &k, &v];
        let y = if this.ours {
            embedding_attention(tape, maps, this.count, this.divisor)
        } else {
            any_device(tape, maps, this.count, this.divisor)
        };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Among, Vec<Vec<f64>>)> {
        [([2, 6, 3, 2], 3, 0.4), ([1, 8, 2, 5], 4, 1.0), ([2, 3, 2, 2], 1, 2.0)]
            .into_iter()
            .map(|(x, count, divisor)| {
                let inputs = [1, 2, 3].map(|seed| values(seed, x.iter().product())).to_vec();
                (Among { x, count, divisor, ours: true }, inputs)
            })
            .collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (case, inputs) in cases() {
            finite_differences(&case, &inputs);
        }
    }

    /// fsre.md 1.3, a pixel at a time.
    #[test]
    fn results_agree_with_a_plain_loop() {
        for (case, inputs) in cases() {
            let [b, all, h, w] = case.x;
            let (c, pixels) = (all / case.count, h * w);
            let mut expected = vec![0.0; b * c * pixels];
            for (n, p) in (0..b).flat_map(|n| (0..pixels).map(move |p| (n, p))) {
                let at = |e: usize, i: usize| (n * all + e * c + i) * pixels + p;
                let agreement = |e: usize| (0..c).map(|i| inputs[0][at(e, i)] * inputs[1][at(e, i)]).sum::<f64>();
                let shares: Vec<f64> = (0..case.count).map(|e| (agreement(e) / case.divisor).exp()).collect();
                for i in 0..c {
                    let sum: f64 = shares.iter().enumerate().map(|(e, share)| share * inputs[2][at(e, i)]).sum();
                    expected[(n * c + i) * pixels + p] = sum / shares.iter().sum::<f64>();
                }
            }
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Among { ours: false, ..case }, &inputs, 1e-12);
        }
    }
}
