//! How alike the planes of two maps are, and planes mixed by such weights. One form, made of dfdx's operations, for every device: the
//! products are most of the work.

use dfdx::shapes::{Axes3, Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, PermuteTo, ReshapeTo, SumTo, TryMatMul};

use super::record::{planes, with};
use super::{Map, Scalar};

/// Shorter planes are divided by this instead of their length.
const SHORTEST: f64 = 1e-12;

/// The cosine of the angle between every plane of `a` `[B, C, H, W]` and every plane of `b` `[B, C', H, W]`: `[B, C, C', 1]`, in
/// [-1, 1]; 0 for a plane of zeros.
///
/// # Panics
///
/// When the samples or the sizes differ.
pub fn cosines<E: Scalar, D: Device<E>, T: Tape<E, D>>(tape: &mut T, a: &Map<E, D>, b: &Map<E, D>) -> Map<E, D> {
    let ((n, c, h, w), (nb, cb, hb, wb)) = (*a.shape(), *b.shape());
    assert_eq!((n, h, w), (nb, hb, wb), "only maps of one size can be compared");
    let (a, b) = (unit(tape, a), unit(tape, b));
    let b = with(tape, &b, |b| b.permute::<_, Axes3<0, 2, 1>>());
    with(tape, &a, |a| a.matmul(b).reshape_like(&(n, c, cb, 1)))
}

/// Planes of `x` `[B, C, H, W]` added up by `weights` `[B, C, C', 1]`: plane i of the result `[B, C', H, W]` is the sum over j of
/// weights[j, i] times plane j.
///
/// # Panics
///
/// When there is not a row of weights for every plane.
pub fn mix_planes<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weights: &Map<E, D>,
) -> Map<E, D> {
    let ((n, c, h, w), (nw, from, to, one)) = (*x.shape(), *weights.shape());
    assert_eq!((n, c, 1), (nw, from, one), "a row of weights for every plane");
    let x = planes(tape, x);
    with(tape, weights, |weights| {
        let rows = weights.reshape_like(&(n, from, to)).permute::<_, Axes3<0, 2, 1>>();
        rows.matmul(x).reshape_like(&(n, to, h, w))
    })
}

/// Softmax over the channels of every pixel of `x` `[B, C, H, W]`.
pub fn softmax_channels<E: Scalar, D: Device<E>, T: Tape<E, D>>(tape: &mut T, x: &Map<E, D>) -> Map<E, D> {
    with(tape, x, |x| x.softmax::<Axis<1>>())
}

/// The planes of `x`, each of length 1.
fn unit<E: Scalar, D: Device<E>, T: Tape<E, D>>(tape: &mut T, x: &Map<E, D>) -> Tensor<(usize, usize, usize), E, D> {
    let x = planes(tape, x);
    let shape = *x.shape();
    let inverse = with(tape, &x, |x| {
        // Held before the root is taken, whose slope at 0 is infinite.
        x.square().sum::<_, Axis<2>>().clamp(SHORTEST * SHORTEST, f64::from(f32::MAX)).sqrt().recip()
    });
    with(tape, &inverse, |inverse| inverse.broadcast_like::<_, Axis<2>>(&shape) * x)
}

#[cfg(test)]
mod tests {
    use super::super::check::{equals_loop, finite_differences, gradients, operation, shaped, values};
    use super::super::record::flat;
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Cosines,
        WithItself,
        Mix,
        Softmax,
    }

    operation!(Correlation { kind: Kind }, |this, tape, inputs| {
        let a = shaped(&inputs[0], (2, 3, 2, 5));
        let y = match this.kind {
            Kind::Cosines => cosines(tape, &a, &shaped(&inputs[1], (2, 4, 2, 5))),
            Kind::WithItself => cosines(tape, &a, &a),
            Kind::Mix => mix_planes(tape, &a, &shaped(&inputs[1], (2, 3, 4, 1))),
            Kind::Softmax => softmax_channels(tape, &a),
        };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Correlation, Vec<Vec<f64>>)> {
        [(Kind::Cosines, 80), (Kind::WithItself, 0), (Kind::Mix, 24), (Kind::Softmax, 0)]
            .into_iter()
            .map(|(kind, second)| {
                let inputs = [60, second].into_iter().filter(|len| *len > 0).zip([1, 2]);
                (Correlation { kind }, inputs.map(|(len, seed)| values(seed, len)).collect())
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
            let a = |n: usize, i: usize| &inputs[0][(n * 3 + i) * 10..][..10];
            let second = |n: usize, j: usize| &inputs[1][(n * 4 + j) * 10..][..10];
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let cosine = |x: &[f64], y: &[f64]| dot(x, y) / (dot(x, x) * dot(y, y)).sqrt();
            let all = |m: usize| (0..2).flat_map(move |n| (0..m).map(move |i| (n, i)));
            let expected: Vec<f64> = match case.kind {
                Kind::Cosines => all(3)
                    .flat_map(|(n, i)| (0..4).map(move |j| (n, i, j)))
                    .map(|(n, i, j)| cosine(a(n, i), second(n, j)))
                    .collect(),
                Kind::WithItself => all(3)
                    .flat_map(|(n, i)| (0..3).map(move |j| (n, i, j)))
                    .map(|(n, i, j)| cosine(a(n, i), a(n, j)))
                    .collect(),
                Kind::Mix => all(4)
                    .flat_map(|(n, i)| (0..10).map(move |p| (n, i, p)))
                    .map(|(n, i, p)| (0..3).map(|j| inputs[1][(n * 3 + j) * 4 + i] * a(n, j)[p]).sum())
                    .collect(),
                Kind::Softmax => all(3)
                    .flat_map(|(n, i)| (0..10).map(move |p| (n, i, p)))
                    .map(|(n, i, p)| a(n, i)[p].exp() / (0..3).map(|j| a(n, j)[p].exp()).sum::<f64>())
                    .collect(),
            };
            equals_loop(&case, &inputs, &expected);
        }
    }

    /// A dead channel is no reason for a gradient that is no number.
    #[test]
    fn a_plane_of_zeros_has_no_cosine_and_a_finite_gradient() {
        let (y, found) = gradients::<f32>(&Correlation { kind: Kind::Cosines }, &[vec![0.0; 60], values(2, 80)]);
        assert!(y.iter().all(|y| *y == 0.0));
        assert!(found.iter().flatten().all(|g| g.is_finite()));
    }
}
