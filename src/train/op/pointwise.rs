//! Functions of single values: GELU, SiLU, ELU, sigmoid.

use dfdx::shapes::HasShape;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo};
use rayon::prelude::*;

use super::Scalar;
use super::buffer::unwritten;
use super::record::{flat, read, record, with};
use crate::wide::wide;

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// x.
    Identity,
    /// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    Gelu,
    /// x / (1 + e^-x).
    Silu,
    /// x above 0, else e^x - 1.
    Elu,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// `top` / (1 + e^-x), not below `bottom`; where it is held there its slope is 0.
    Range {
        /// The least value.
        bottom: f64,
        /// The value that is never quite reached.
        top: f64,
    },
}

/// A [`Function`] as code: value and slope. One type each, so that the loops over them are compiled without branches.
pub(super) trait Curve<E>: Copy + Send + Sync + 'static {
    fn value(self, x: E) -> E;
    fn slope(self, x: E) -> E;
}

#[derive(Clone, Copy)]
pub(super) struct Identity;
#[derive(Clone, Copy)]
pub(super) struct Gelu;
#[derive(Clone, Copy)]
struct Silu;
#[derive(Clone, Copy)]
struct Elu;
#[derive(Clone, Copy)]
struct Sigmoid;
#[derive(Clone, Copy)]
struct Range<E> {
    bottom: E,
    top: E,
}

impl<E: Scalar> Curve<E> for Identity {
    #[inline(always)]
    fn value(self, x: E) -> E {
        x
    }
    #[inline(always)]
    fn slope(self, _: E) -> E {
        E::ONE
    }
}

/// 2 sqrt(2/pi): 0.5 (1 + tanh u) is the sigmoid of 2u.
const TWICE: f64 = 1.595_769_121_605_731;
const CUBIC: f64 = 0.044_715;

impl<E: Scalar> Curve<E> for Gelu {
    #[inline(always)]
    fn value(self, x: E) -> E {
        x * (E::of(TWICE) * (x + E::of(CUBIC) * x * x * x)).sigmoid()
    }
    #[inline(always)]
    fn slope(self, x: E) -> E {
        let square = x * x;
        let s = (E::of(TWICE) * (x + E::of(CUBIC) * square * x)).sigmoid();
        s + x * s * (E::ONE - s) * E::of(TWICE) * (E::ONE + E::of(3.0 * CUBIC) * square)
    }
}

impl<E: Scalar> Curve<E> for Silu {
    #[inline(always)]
    fn value(self, x: E) -> E {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn slope(self, x: E) -> E {
        let s = x.sigmoid();
        s + x * s * (E::ONE - s)
    }
}

impl<E: Scalar> Curve<E> for Elu {
    #[inline(always)]
    fn value(self, x: E) -> E {
        if x > E::default() { x } else { x.exp() - E::ONE }
    }
    #[inline(always)]
    fn slope(self, x: E) -> E {
        if x > E::default() { E::ONE } else { x.exp() }
    }
}

impl<E: Scalar> Curve<E> for Sigmoid {
    #[inline(always)]
    fn value(self, x: E) -> E {
        x.sigmoid()
    }
    #[inline(always)]
    fn slope(self, x: E) -> E {
        let s = x.sigmoid();
        s * (E::ONE - s)
    }
}

impl<E: Scalar> Curve<E> for Range<E> {
    #[inline(always)]
    fn value(self, x: E) -> E {
        (self.top * x.sigmoid()).max(self.bottom)
    }
    #[inline(always)]
    fn slope(self, x: E) -> E {
        let s = x.sigmoid();
        if self.top * s < self.bottom { E::default() } else { self.top * s * (E::ONE - s) }
    }
}

/// Applies `function` to every value of `x`.
pub fn map<S: Shape, E: Scalar, D: PointwiseKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
    function: Function,
) -> Tensor<S, E, D> {
    D::map(tape, x, function)
}

/// The forms of [`map`].
pub trait PointwiseKernel<E: Scalar>: Device<E> {
    /// [`map`].
    fn map<S: Shape, T: Tape<E, Self>>(tape: &mut T, x: &Tensor<S, E, Self>, function: Function) -> Tensor<S, E, Self> {
        any_device(tape, x, function)
    }
}

pub(super) fn any_device<S: Shape, E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
    function: Function,
) -> Tensor<S, E, D> {
    match function {
        Function::Identity => x.clone(),
        Function::Gelu => with(tape, x, Tensor::fast_gelu),
        Function::Silu => {
            let values = flat(tape, x);
            let gate = with(tape, &values, Tensor::sigmoid);
            with(tape, &values, |values| (values * gate).reshape_like(x.shape()))
        }
        Function::Elu => {
            // min(x, 0) is x - relu(x).
            let values = flat(tape, x);
            let above = with(tape, &values, Tensor::relu);
            let below = with(tape, &above, |above| (above.negate() + values).exp() - E::ONE);
            with(tape, &above, |above| (above + below).reshape_like(x.shape()))
        }
        Function::Sigmoid => with(tape, x, Tensor::sigmoid),
        Function::Range { bottom, top } => with(tape, x, |x| (x.sigmoid() * E::of(top)).clamp(bottom, top)),
    }
}

impl<E: Scalar> PointwiseKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn map<S: Shape, T: Tape<E, Self>>(tape: &mut T, x: &Tensor<S, E, Self>, function: Function) -> Tensor<S, E, Self> {
        match function {
            Function::Identity => x.clone(),
            Function::Gelu => along(tape, x, Gelu),
            Function::Silu => along(tape, x, Silu),
            Function::Elu => along(tape, x, Elu),
            Function::Sigmoid => along(tape, x, Sigmoid),
            Function::Range { bottom, top } => along(tape, x, Range { bottom: E::of(bottom), top: E::of(top) }),
        }
    }
}

/// Values a thread takes at a time.
pub(super) const CHUNK: usize = 1 << 14;

fn along<S: Shape, E: Scalar, T: Tape<E, Cpu>>(
    tape: &mut T,
    x: &Tensor<S, E, Cpu>,
    curve: impl Curve<E>,
) -> Tensor<S, E, Cpu>
where
    Cpu: Device<E>,
{
    let shape = *x.shape();
    let x = flat(tape, x);
    let values = read(&x);
    let mut y = unwritten(values.len());
    y.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(y, x)| {
        wide(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, x)| *y = curve.value(*x)),
        );
    });
    record(tape, [&x], shape, y, move |dy, [dx]| {
        let chunks = values.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK));
        dx.par_chunks_mut(CHUNK).zip(chunks).for_each(|(dx, (x, dy))| {
            wide(
                #[inline(always)]
                || dx.iter_mut().zip(x).zip(dy).for_each(|((d, x), g)| *d += curve.slope(*x) * *g),
            );
        });
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, values};
    use super::*;

    operation!(Mapping { function: Function, ours: bool }, |this, tape, inputs| {
        if this.ours { map(tape, &inputs[0], this.function) } else { any_device(tape, &inputs[0], this.function) }
    });

    const ALL: [Function; 6] = [
        Function::Identity,
        Function::Gelu,
        Function::Silu,
        Function::Elu,
        Function::Sigmoid,
        Function::Range { bottom: 0.5, top: 10.0 },
    ];

    fn inputs() -> Vec<Vec<f64>> {
        vec![values(3, 37).into_iter().map(|v| 5.0 * v).collect()]
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for function in ALL {
            finite_differences(&Mapping { function, ours: true }, &inputs());
        }
    }

    #[test]
    fn results_agree_with_the_formulas() {
        for function in ALL {
            let expected: Vec<f64> = inputs()[0]
                .iter()
                .map(|&x| match function {
                    Function::Identity => x,
                    Function::Gelu => {
                        0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
                    }
                    Function::Silu => x / (1.0 + (-x).exp()),
                    Function::Elu => x.max(x.min(0.0).exp_m1()),
                    Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
                    Function::Range { bottom, top } => (top / (1.0 + (-x).exp())).clamp(bottom, top),
                })
                .collect();
            equals_loop(&Mapping { function, ours: true }, &inputs(), &expected);
        }
    }

    #[test]
    fn gelu_has_the_values_of_the_specification() {
        // maxvit.md 2.
        assert!((Curve::value(Gelu, 1.0f64) - 0.841_191_99).abs() < 1e-8);
        assert!((Curve::value(Gelu, -1.0f64) + 0.158_808_01).abs() < 1e-8);
    }

    #[test]
    fn both_forms_agree() {
        for function in ALL {
            agree::<f64>(&Mapping { function, ours: true }, &Mapping { function, ours: false }, &inputs(), 1e-12);
            agree::<f32>(&Mapping { function, ours: true }, &Mapping { function, ours: false }, &inputs(), 1e-5);
        }
    }
}
