//! Sums and greatest values, to be inlined into loops for [`wide`](crate::wide::wide) vector instructions.

use super::Scalar;

/// Running sums side by side; their number is fixed, so that a sum does not depend on the processor.
const LANES: usize = 16;
/// Values that are summed in the number type before the result goes into an f64.
const RUN: usize = 4096;

/// Sum of `f` over the values.
#[inline(always)]
pub(super) fn sum<E: Scalar>(a: &[E], f: impl Fn(E) -> E) -> f64 {
    let mut total = 0.0;
    for a in a.chunks(RUN) {
        let mut lanes = [E::default(); LANES];
        let chunks = a.chunks_exact(LANES);
        let mut rest = E::default();
        for a in chunks.remainder() {
            rest += f(*a);
        }
        for a in chunks {
            for (lane, a) in lanes.iter_mut().zip(a) {
                *lane += f(*a);
            }
        }
        for lane in lanes {
            rest += lane;
        }
        total += rest.f64();
    }
    total
}

/// The largest value; that of an empty slice is the least there is.
#[inline(always)]
pub(super) fn largest<E: Scalar>(a: &[E]) -> E {
    let mut lanes = [E::of(f64::NEG_INFINITY); LANES];
    let chunks = a.chunks_exact(LANES);
    let mut rest = E::of(f64::NEG_INFINITY);
    for a in chunks.remainder() {
        rest = Scalar::max(rest, *a);
    }
    for a in chunks {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane = Scalar::max(*lane, *a);
        }
    }
    for lane in lanes {
        rest = Scalar::max(rest, lane);
    }
    rest
}

/// Sum of `f` over pairs of values.
#[inline(always)]
pub(super) fn sum_of_pairs<E: Scalar>(a: &[E], b: &[E], f: impl Fn(E, E) -> E) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [E::default(); LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let mut rest = E::default();
        for (a, b) in a.remainder().iter().zip(b.remainder()) {
            rest += f(*a, *b);
        }
        for (a, b) in a.zip(b) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += f(*a, *b);
            }
        }
        for lane in lanes {
            rest += lane;
        }
        total += rest.f64();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::wide;

    #[test]
    fn sums_are_those_of_a_plain_loop() {
        for n in [0, 1, 15, 16, 17, 4095, 4096, 9000] {
            let a: Vec<f64> = (0..n).map(|i| f64::from(i % 13)).collect();
            let b: Vec<f64> = (0..n).map(|i| f64::from(i % 7)).collect();
            let squares = wide(
                #[inline(always)]
                || sum(&a, |a| a * a),
            );
            assert_eq!(squares, a.iter().map(|a| a * a).sum::<f64>());
            let products = wide(
                #[inline(always)]
                || sum_of_pairs(&a, &b, |a, b| a * b),
            );
            assert_eq!(products, a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>());
            assert_eq!(largest(&a), a.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }
    }
}
