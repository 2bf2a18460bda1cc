//! How an operation of ours goes onto dfdx's tape.
//!
//! dfdx lets others add a backward function to a tape and reach gradient buffers; tensors are read and made by copying. An
//! operation is therefore two plain functions over slices: a forward one, whose result [`record`] turns into a tensor, and a
//! backward one that adds to the gradients of the inputs.

use std::cell::OnceCell;
use std::rc::Rc;

use dfdx::optim::UnusedTensors;
use dfdx::shapes::{Axis, HasShape, Shape};
use dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo};

use super::buffer::{Buffer, put_back};
use super::{Map, Scalar, Vector};

/// Gradients of so many values are given back as soon as nothing needs them; smaller ones are not worth a call of the driver.
const LARGE: usize = 1 << 14;

/// Runs `f`, made of dfdx's own operations, on `x` carrying the tape, and takes the tape back.
///
/// The backward pass gives the gradient of the result back when it has gone through `f`: dfdx keeps all gradients to its end, those of
/// the tensors between the operations of one `f` too.
pub(super) fn with<S, R, E, D, T>(
    tape: &mut T,
    x: &Tensor<S, E, D>,
    f: impl FnOnce(Tensor<S, E, D, T>) -> Tensor<R, E, D, T>,
) -> Tensor<R, E, D>
where
    S: Shape,
    R: Shape,
    E: Scalar,
    D: Storage<E>,
    T: Tape<E, D>,
{
    let result = Rc::new(OnceCell::new());
    if T::OWNS_TAPE {
        let result = Rc::clone(&result);
        let device = x.device().clone();
        // Recorded before what `f` records, it runs after that.
        tape.add_backward_op(move |gradients| {
            if let Some(y) = result.get() {
                *gradients.get_or_alloc_mut(y)? = device.try_alloc_len(1)?;
            }
            Ok(())
        });
    }
    let (y, returned) = f(x.clone().put_tape(std::mem::take(tape))).split_tape();
    *tape = returned;
    if T::OWNS_TAPE && y.shape().num_elements() >= LARGE && !same(x, &y) {
        let _ = result.set(y.ghost());
    }
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
/// refuses it there. Nor can it be made contiguous: its gradient on a GPU would be that of the first time alone.
pub(super) fn repeated<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    n: usize,
) -> Tensor<(usize, usize, usize), E, D, T> {
    let shape = (n, x.shape().0, x.shape().1);
    let zeros = x.device().zeros_like(&shape);
    x.broadcast_like::<_, Axis<0>>(&shape) + zeros
}

/// The planes of `x` in one piece each. On a GPU an operation on a broadcast tensor divides twice for every axis of every value.
pub(super) fn planes<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
) -> Tensor<(usize, usize, usize), E, D> {
    let (b, c, h, w) = *x.shape();
    with(tape, x, |x| x.reshape_like(&(b, c, h * w)))
}

/// Whether two tensors have one identity, and so one gradient. Both sides of an operation of dfdx need one of their own: else its
/// backward pass panics.
pub(super) fn same<R: Shape, S: Shape, E: Scalar, D: Storage<E>>(a: &Tensor<R, E, D>, b: &Tensor<S, E, D>) -> bool {
    let mut identities = UnusedTensors::default();
    identities.add(a);
    identities.add(b);
    identities.ids[0] == identities.ids[1]
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

#[cfg(test)]
mod tests {
    use super::super::check::{Place, deviation, made_up, numbers};
    use super::*;
    use dfdx::shapes::Rank0;
    use dfdx::tensor::OwnedTape;
    use dfdx::tensor_ops::{Backward, SumTo};

    /// The values of x, its gradient of the sum of y + x y with y = x^2, and how many values are left of that of y. Both x and y have
    /// two uses, and y is reshaped for one.
    fn of_large_and_small(len: usize) -> (Vec<f64>, Vec<f64>, usize) {
        let x: Vector<f64, Place> = made_up(1, (len,));
        let mut tape = OwnedTape::default();
        let y = with(&mut tape, &x, Tensor::square);
        let again = with(&mut tape, &y, |y| y.reshape_like(&(2, len / 2)));
        let again = with(&mut tape, &again, |again| again.reshape_like(&(len,)));
        let product = with(&mut tape, &x, |x| x * again);
        let sum = with(&mut tape, &y, |y| y + product);
        let loss = with(&mut tape, &sum, |sum| sum.sum::<Rank0, _>());
        let mut found = loss.put_tape(tape).backward();
        let left = Storage::<f64>::len(y.device(), found.get_or_alloc_mut(&y).unwrap());
        (numbers(&x), gradient(&mut found, &x), left)
    }

    #[test]
    fn large_gradients_are_given_back_once_they_were_used() {
        for (len, expected) in [(LARGE, 1), (LARGE - 2, LARGE - 2)] {
            let (x, found, left) = of_large_and_small(len);
            let slopes: Vec<f64> = x.iter().map(|x| 2.0 * x + 3.0 * x * x).collect();
            assert!(deviation(&found, &slopes) < 1e-12);
            assert_eq!(left, expected, "of {len}");
        }
    }
}
