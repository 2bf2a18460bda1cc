//! What no operation's own test comes to.

use dfdx::tensor::{Cuda, Tensor, TensorFromVec};

use super::gpu::{At, Factor, Gpu, zeros};
use crate::train::device::cuda;
use crate::train::op::Vector;

#[test]
fn a_batch_may_hold_more_products_than_the_library_takes() {
    const BATCH: usize = 65_535 + 3;
    let device = cuda(0).unwrap();
    let values = |turn: usize| (0..BATCH).map(move |i| (i % turn) as f32);
    let row = |turn: usize| -> Vector<f32, Cuda> { device.tensor_from_vec(values(turn).collect(), (BATCH,)) };
    let (a, b) = (row(7), row(11));
    let c: Tensor<(usize,), f32, Cuda> = zeros(&device, &(BATCH,));
    let each = |x: &Vector<f32, Cuda>| Factor::plain(At::of(x), 1);
    Gpu::of(&a).products(BATCH, [1, 1, 1], (each(&a), each(&b)), (2.0, 0.0), At::of(&c));
    let expected: Vec<f32> = values(7).zip(values(11)).map(|(a, b)| 2.0 * a * b).collect();
    assert_eq!(c.as_vec(), expected);
}
