//! The number types operations are written for.

use std::iter::Sum;
use std::ops::Neg;

use dfdx::dtypes::Dtype;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::LinalgScalar;

use super::Shelf;

/// f32, which networks are trained in, and f64, in which gradients are checked.
pub trait Scalar: Dtype + LinalgScalar + Neg<Output = Self> + Sum {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// Exact value.
    fn f64(self) -> f64;
    /// e to the power of `self`, within 2 units in the last place; 0 or the largest finite power beyond the ends of the range.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// The larger of two numbers.
    fn max(self, other: Self) -> Self;
    /// `c = factor a b`, or that added to `c`, on this thread.
    fn product(c: MatMut<Self>, accumulate: Accum, a: MatRef<Self>, b: MatRef<Self>, factor: Self);
    /// Where vectors of this type wait to be used again.
    fn shelf() -> &'static Shelf<Self>;
    /// 1 / (1 + e^-x).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
}

impl Scalar for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
    /// Written without branches and library calls, so that loops over it become vector code.
    #[inline(always)]
    fn exp(self) -> Self {
        // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds to the integer n and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        let x = self.clamp(-87.3, 88.3);
        let rounded = x * std::f32::consts::LOG2_E + ROUND;
        let n = rounded - ROUND;
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let p = 1.987_569_2e-4;
        let p = p * r + 1.398_2e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 5.0e-1;
        let e = p * (r * r) + r + 1.0;
        let power = Self::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
        let result = e * power;
        if self < -87.3 { 0.0 } else { result }
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    fn product(c: MatMut<Self>, accumulate: Accum, a: MatRef<Self>, b: MatRef<Self>, factor: Self) {
        matmul(c, accumulate, a, b, factor, Par::Seq);
    }
    fn shelf() -> &'static Shelf<Self> {
        static SHELF: Shelf<f32> = Shelf::new();
        &SHELF
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn exp(self) -> Self {
        self.exp()
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    fn product(c: MatMut<Self>, accumulate: Accum, a: MatRef<Self>, b: MatRef<Self>, factor: Self) {
        matmul(c, accumulate, a, b, factor, Par::Seq);
    }
    fn shelf() -> &'static Shelf<Self> {
        static SHELF: Shelf<f64> = Shelf::new();
        &SHELF
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_exact_to_two_units_in_the_last_place() {
        for i in -8700..=8800 {
            let x = i as f32 * 0.01;
            let (ours, exact) = (Scalar::exp(x), f64::from(x).exp());
            let error = (f64::from(ours) - exact).abs() / exact;
            assert!(error < 2.4e-7, "exp({x}) = {ours}, exactly {exact}: {error}");
        }
        assert_eq!(Scalar::exp(0.0f32), 1.0);
        assert_eq!(Scalar::exp(-1e4f32), 0.0);
        assert_eq!(Scalar::exp(f32::NEG_INFINITY), 0.0);
        assert!(Scalar::exp(f32::NAN).is_nan());
    }
}
