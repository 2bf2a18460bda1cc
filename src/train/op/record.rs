//! How an operation of ours goes onto dfdx's tape.
//!
//! dfdx lets others add a backward function to a tape and reach gradient buffers; tensors are read and made by copying. An
//! operation is therefore two plain functions over slices: a forward one, whose result [`record`] turns into a tensor, and a
//! backward one that adds to the gradients of the inputs.

use dfdx::shapes::{Axis, HasShape, Shape};
use dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo};

use super::buffer::{Buffer, put_back};
use super::{Scalar, Vector};

/// Runs `f`, made of dfdx's own operations, on `x` carrying the tape, and takes the tape back.
pub(super) fn with<S, R, E, D, T>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
    f: impl FnOnce(Tensor<S, E, D, T>) -> Tensor<R, E, D, T>,
) -> Tensor<R, E, D>
where
    S: Shape,
    R: Shape,
    E: Clone,
    D: Storage<E>,
    T: Tape<E, D>,
{
    let (y, returned) = f(x.clone().put_tape(std::mem::take(tape))).split_tape();
    *tape = returned;
    y
}

/// `x` in one row-major piece; shares its data and its gradient unless it was permuted or broadcast.
pub(super) fn flat<S: Shape, E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
) -> Vector<E, D> {
    let len = (x.shape().num_elements(),);
    with(tape, x, |x| x.reshape_like(&len))
}

/// `x` `n` times over, each time in memory of its own. What is merely broadcast cannot go into a batch of products on a GPU: dfdx
/// refuses it there.
pub(super) fn repeated<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    n: usize,
) -> Tensor<(usize, usize, usize), E, D, T> {
    let shape = (n, x.shape().0, x.shape().1);
    let zeros = x.device().zeros_like(&shape);
    x.broadcast_like::<_, Axis<0>>(&shape) + zeros
}

/// The values of a contiguous tensor.
pub(super) fn read<E: Scalar>(x: &Vector<E, Cpu>) -> Buffer<E> {
    let mut values = Buffer::unwritten(x.shape().0);
    x.copy_into(&mut values);
    values
}

/// The gradient found for `x`; zeros when nothing depended on it.
pub fn gradient<S: Shape, E: Scalar, D: Device<E>>(found: &mut Gradients<E, D>, x: &Tensor<S, E, D>) -> Vec<E> {
    let mut values = vec![E::default(); x.shape().num_elements()];
    if found.try_alloc_for(x).is_ok() {
        found.get(x).copy_into(&mut values);
    }
    values
}

/// A tensor of `values`.
pub(super) fn tensor<S: Shape, E: Scalar>(shape: S, values: Vec<E>) -> Tensor<S, E, Cpu> {
    Cpu::default().tensor_from_vec(values, shape)
}

/// Makes the tensor of the result `values` and records how its gradient flows to `inputs`: `backward` gets the gradient of the
/// result, which it may use up, and for each input a buffer of its size to add to.
pub(super) fn record<S, E, T, const N: usize>(
    tape: &mut T,
    inputs: [&Vector<E, Cpu>; N],
    shape: S,
    values: Vec<E>,
    backward: impl FnOnce(&mut [E], [&mut [E]; N]) + 'static,
) -> Tensor<S, E, Cpu>
where
    S: Shape,
    E: Scalar,
    T: Tape<E, Cpu>,
{
    let out = tensor(shape, values);
    if !T::OWNS_TAPE {
        return out;
    }
    let (inputs, result) = (inputs.map(Tensor::ghost), out.ghost());
    let lengths = inputs.clone().map(|x| x.shape().0);
    tape.add_backward_op(move |gradients| {
        // Taking the vectors out of the map frees the gradient of the result as soon as it is used, and lets several inputs be
        // written at once. An input given twice finds its buffer taken and gets one of its own, added at the end.
        let mut of_result = std::mem::take(&mut **gradients.get_or_alloc_mut(&result)?);
        let mut buffers: [Vec<E>; N] = std::array::from_fn(|_| Vec::new());
        for ((buffer, input), &len) in buffers.iter_mut().zip(&inputs).zip(&lengths) {
            *buffer = std::mem::take(&mut **gradients.get_or_alloc_mut(input)?);
            buffer.resize(len, E::default());
        }
        backward(&mut of_result, buffers.each_mut().map(Vec::as_mut_slice));
        put_back(of_result);
        for (buffer, input) in buffers.into_iter().zip(&inputs) {
            let home: &mut Vec<E> = gradients.get_or_alloc_mut(input)?;
            if home.is_empty() {
                *home = buffer;
            } else {
                home.iter_mut().zip(&buffer).for_each(|(h, b)| *h += *b);
            }
        }
        Ok(())
    });
    out
}
