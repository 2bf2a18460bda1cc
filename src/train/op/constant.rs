//! Tensors that follow from shapes alone, such as the index that unfolds a map. They are made once and stay on the device: to make
//! and to copy them anew in every step takes longer than some of the operations that need them.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem::ManuallyDrop;

use dfdx::shapes::{Shape, Unit};
use dfdx::tensor::{Tensor, TensorFromVec};

/// How many constants of a kind are kept. A network of one input size needs a few tens; beyond this, as when every picture has a size
/// of its own, all of the kind are made anew.
const LIMIT: usize = 256;

type Kept<K, S, E, D> = HashMap<K, Tensor<S, E, D>>;

thread_local! {
    /// For each kind its map. Never dropped, since at the end of a thread the driver of a GPU may be gone already.
    static KEPT: ManuallyDrop<RefCell<HashMap<TypeId, Box<dyn Any>>>> = ManuallyDrop::new(RefCell::default());
}

/// The tensor of `values`, which follow from `key` alone. `K` is a type of its own for each kind of constant; a thread uses one
/// device of a type.
pub(super) fn constant<K, S, E, D>(device: &D, key: K, shape: S, values: impl FnOnce() -> Vec<E>) -> Tensor<S, E, D>
where
    K: Eq + Hash + 'static,
    S: Shape,
    E: Unit,
    D: TensorFromVec<E>,
{
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        let kind = kept.entry(TypeId::of::<Kept<K, S, E, D>>()).or_insert_with(|| Box::new(Kept::<K, S, E, D>::new()));
        let Some(kind) = kind.downcast_mut::<Kept<K, S, E, D>>() else {
            unreachable!("the map is stored by its own type");
        };
        if kind.len() >= LIMIT && !kind.contains_key(&key) {
            kind.clear();
        }
        kind.entry(key).or_insert_with(|| device.tensor_from_vec(values(), shape)).clone()
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::{Place, tensor};
    use super::*;
    use dfdx::shapes::HasShape;

    #[derive(PartialEq, Eq, Hash)]
    struct Ramp(usize);

    fn ramp(len: usize, made: &mut usize) -> Vec<f32> {
        let device = tensor::<_, f32>((1,), vec![0.0]).device().clone();
        let x: Tensor<(usize,), f32, Place> = constant(&device, Ramp(len), (len,), || {
            *made += 1;
            (0..len).map(|i| i as f32).collect()
        });
        assert_eq!(x.shape().0, len);
        x.as_vec()
    }

    #[test]
    fn values_are_made_once_for_a_key_and_their_number_is_bounded() {
        let mut made = 0;
        for _ in 0..3 {
            assert_eq!(ramp(3, &mut made), [0.0, 1.0, 2.0]);
            assert_eq!(ramp(1, &mut made), [0.0]);
        }
        assert_eq!(made, 2);
        (4..=LIMIT + 2).for_each(|len| drop(ramp(len, &mut made)));
        assert_eq!(made, LIMIT + 1, "one more than is kept");
        assert_eq!(ramp(3, &mut made), [0.0, 1.0, 2.0]);
        assert_eq!(made, LIMIT + 2, "made anew after all were dropped");
    }
}
