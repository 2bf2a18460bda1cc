//! What the tests of the operations share: made-up inputs, finite differences, comparison of two forms.
//!
//! In a build for CUDA all of it runs on the GPU (or on what stands in for one, `scripts/cuda-standin.sh`).

use dfdx::tensor::{NoneTape, OwnedTape, Tape, TensorFromVec};
use dfdx::tensor_ops::{Backward, Device, SumTo};

use super::record::{flat, gradient, with};
use super::{Number, Scalar, Vector};
use dfdx::shapes::{Rank0, Shape};
use dfdx::tensor::{PutTape, Tensor};

/// Where the operations under test run.
#[cfg(not(feature = "cuda"))]
pub(super) type Place = dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub(super) type Place = dfdx::tensor::Cuda;

fn place() -> Place {
    thread_local! {
        static PLACE: Place = Place::default();
    }
    PLACE.with(Clone::clone)
}

/// A tensor of `values`.
pub(super) fn tensor<S: Shape, E: Scalar>(shape: S, values: Vec<E>) -> Tensor<S, E, Place>
where
    Place: Device<E>,
{
    place().tensor_from_vec(values, shape)
}

/// `len` values in [-1, 1), the same for the same `seed`.
pub(super) fn values(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// A tensor of made-up values.
pub(super) fn made_up<S: Shape, E: Scalar>(seed: u64, shape: S) -> Tensor<S, E, Place>
where
    Place: Device<E>,
{
    tensor(shape, values(seed, shape.num_elements()).into_iter().map(E::of).collect())
}

/// The values of any tensor as f64.
pub(super) fn numbers<S: Shape, E: Scalar>(x: &Tensor<S, E, Place>) -> Vec<f64>
where
    Place: Device<E>,
{
    flat(&mut NoneTape, x).as_vec().into_iter().map(Scalar::f64).collect()
}

/// Largest difference over the largest size.
pub(super) fn deviation(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    a.iter()
        .zip(b)
        .fold(0.0f64, |m, (a, b)| m.max(if a.is_finite() && b.is_finite() { (a - b).abs() } else { f64::INFINITY }))
        / size
}

/// An operation under test, from flat inputs to a flat result.
pub(super) trait Operation<E: Scalar> {
    /// Applies it.
    fn run<T: Tape<E, Place>>(&self, tape: &mut T, inputs: &[Vector<E, Place>]) -> Vector<E, Place>;
}

/// The result and the gradients of (result . fixed numbers) for every input.
pub(super) fn gradients<E: Scalar>(operation: &impl Operation<E>, inputs: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>)
where
    Place: Device<E>,
{
    let inputs: Vec<Vector<E, Place>> =
        inputs.iter().map(|x| tensor((x.len(),), x.iter().map(|v| E::of(*v)).collect())).collect();
    let mut tape = OwnedTape::default();
    let y = operation.run(&mut tape, &inputs);
    let cotangent: Vector<E, Place> = made_up(77, (numbers(&y).len(),));
    let loss: Number<E, Place> = with(&mut tape, &y, |y| (y * cotangent).sum::<Rank0, _>());
    let mut found = loss.put_tape(tape).backward();
    let of_inputs = inputs.iter().map(|x| gradient(&mut found, x).into_iter().map(Scalar::f64).collect()).collect();
    (numbers(&y), of_inputs)
}

/// Fails when a gradient of the operation is further than 1e-6 of the gradient's size from central differences.
pub(super) fn finite_differences(operation: &impl Operation<f64>, inputs: &[Vec<f64>]) {
    let (_, found) = gradients(operation, inputs);
    let value = |inputs: &[Vec<f64>]| -> f64 {
        let inputs: Vec<Vector<f64, Place>> = inputs.iter().map(|x| tensor((x.len(),), x.clone())).collect();
        let y = numbers(&operation.run(&mut NoneTape, &inputs));
        y.iter().zip(values(77, y.len())).map(|(a, b)| a * b).sum()
    };
    for (i, of_input) in found.iter().enumerate() {
        let expected: Vec<f64> = (0..of_input.len())
            .map(|j| {
                let h = 1e-5;
                let mut moved = inputs.to_vec();
                moved[i][j] += h;
                let above = value(&moved);
                moved[i][j] -= 2.0 * h;
                (above - value(&moved)) / (2.0 * h)
            })
            .collect();
        let error = deviation(of_input, &expected);
        assert!(error < 1e-6, "gradient of input {i}: {error}\n{of_input:?}\n{expected:?}");
    }
}

/// Fails when the f32 result of the operation is further than 1e-5 from `expected`.
pub(super) fn equals_loop(operation: &impl Operation<f32>, inputs: &[Vec<f64>], expected: &[f64]) {
    let (result, _) = gradients::<f32>(operation, inputs);
    let error = deviation(&result, expected);
    assert!(error < 1e-5, "result against the loop: {error}");
}

/// Fails when two forms of one operation differ by more than `limit` in their result or gradients.
pub(super) fn agree<E: Scalar>(a: &impl Operation<E>, b: &impl Operation<E>, inputs: &[Vec<f64>], limit: f64)
where
    Place: Device<E>,
{
    let ((result_a, of_a), (result_b, of_b)) = (gradients(a, inputs), gradients(b, inputs));
    let error = deviation(&result_a, &result_b);
    assert!(error < limit, "the two forms differ by {error}");
    for (i, (a, b)) in of_a.iter().zip(&of_b).enumerate() {
        let error = deviation(a, b);
        assert!(error < limit, "gradients of input {i} of the two forms differ by {error}");
    }
}

/// Implements [`Operation`] for both number types by a block over `tape` and `inputs`.
macro_rules! operation {
    ($name:ident { $($field:ident : $kind:ty),* }, |$this:ident, $tape:ident, $inputs:ident| $body:block) => {
        #[derive(Clone, Copy)]
        struct $name { $($field: $kind),* }
        operation!(@impl f32, $name, $this, $tape, $inputs, $body);
        operation!(@impl f64, $name, $this, $tape, $inputs, $body);
    };
    (@impl $number:ty, $name:ident, $this:ident, $tape:ident, $inputs:ident, $body:block) => {
        impl crate::train::op::check::Operation<$number> for $name {
            fn run<T: dfdx::tensor::Tape<$number, crate::train::op::check::Place>>(
                &self,
                $tape: &mut T,
                $inputs: &[crate::train::op::Vector<$number, crate::train::op::check::Place>],
            ) -> crate::train::op::Vector<$number, crate::train::op::check::Place> {
                let $this = self;
                $body
            }
        }
    };
}
pub(super) use operation;

/// A flat tensor in another shape, same gradient.
pub(super) fn shaped<S: Shape, E: Scalar>(x: &Vector<E, Place>, shape: S) -> Tensor<S, E, Place>
where
    Place: Device<E>,
{
    use dfdx::tensor_ops::ReshapeTo;
    x.clone().reshape_like(&shape)
}
