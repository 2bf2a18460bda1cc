//! Running means.

use dfdx::tensor::Cpu;
use dfdx::tensor_ops::Device;

use super::record::read;
use super::{Scalar, Vector};

/// Replaces `running` by `keep` of itself plus `share` of `new`, both of as many values.
///
/// # Panics
///
/// When the lengths differ.
pub fn blend<E: Scalar, D: BlendKernel<E>>(running: &mut Vector<E, D>, keep: f64, new: &Vector<E, D>, share: f64) {
    D::blend(running, keep, new, share);
}

/// The forms of [`blend`].
pub trait BlendKernel<E: Scalar>: Device<E> {
    /// [`blend`].
    fn blend(running: &mut Vector<E, Self>, keep: f64, new: &Vector<E, Self>, share: f64) {
        any_device(running, keep, new, share);
    }
}

fn any_device<E: Scalar, D: Device<E>>(running: &mut Vector<E, D>, keep: f64, new: &Vector<E, D>, share: f64) {
    running.axpy(keep, new, share);
}

/// In double precision, rounded once.
impl<E: Scalar> BlendKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn blend(running: &mut Vector<E, Self>, keep: f64, new: &Vector<E, Self>, share: f64) {
        let (mut values, new) = (read(running), read(new));
        assert_eq!(values.len(), new.len(), "a new value for each of {}", values.len());
        for (value, new) in values.iter_mut().zip(new.iter()) {
            *value = E::of(keep * value.f64() + share * new.f64());
        }
        running.copy_from(&values);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::record::tensor;
    use super::*;

    #[test]
    fn both_forms_keep_and_add_their_shares() {
        let (old, new, expected) = (vec![1.0, -2.0, 0.5], vec![3.0, 1.0, 0.0], [1.2, -1.7, 0.45]);
        let mut ours: Vector<f64, Cpu> = tensor((3,), old.clone());
        blend(&mut ours, 0.9, &tensor((3,), new.clone()), 0.1);
        let mut plain: Vector<f64, check::Place> = check::tensor((3,), old);
        any_device(&mut plain, 0.9, &check::tensor((3,), new), 0.1);
        for found in [ours.as_vec(), plain.as_vec()] {
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
        }
    }
}
