//! How an operation goes onto dfdx's tape.

use dfdx::shapes::Shape;
use dfdx::tensor::{Cuda, Storage, Tape, Tensor};
use dfdx::tensor_ops::Device;

use super::super::Vector;
use super::gpu::{At, Gpu, Real, or_in_the_idle};

/// Records how the gradient of `result` flows to `inputs`: `backward` gets where it is and where those of the inputs are, to be added
/// to. Inputs of one identity have one gradient; so each is added to by a launch of its own.
pub(super) fn record<S, E, T, const N: usize>(
    tape: &mut T,
    inputs: [&Vector<E, Cuda>; N],
    result: &Tensor<S, E, Cuda>,
    backward: impl FnOnce(&Gpu, At<E>, [At<E>; N]) + 'static,
) where
    S: Shape,
    E: Real,
    T: Tape<E, Cuda>,
    Cuda: Device<E>,
{
    if !T::OWNS_TAPE {
        return;
    }
    let (gpu, device) = (Gpu::of(result), result.device().clone());
    let (inputs, result) = (inputs.map(Tensor::ghost), result.ghost());
    tape.add_backward_op(move |gradients| {
        // Taken out of the map, it goes back to the device as soon as it was used.
        let of_result =
            std::mem::replace(gradients.get_or_alloc_mut(&result)?, Storage::<E>::try_alloc_len(&device, 1)?);
        let mut places = Vec::with_capacity(N);
        for input in &inputs {
            or_in_the_idle(&device, || gradients.try_alloc_for(input))?;
            places.push(At::memory(gradients.get_or_alloc_mut(input)?));
        }
        let Ok(places) = <[At<E>; N]>::try_from(places) else { unreachable!("one place for each input") };
        backward(&gpu, At::memory(&of_result), places);
        Ok(())
    });
}
