//! Vectors that are used again.
//!
//! An operation copies its input, makes a result and meets a gradient, each as large as a map and each for a moment. Asking the
//! system for fresh memory, clearing it and giving it back took a third of a training step, on one thread; so vectors that have
//! served wait here for the next of their length.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::Scalar;

/// Shorter vectors are not worth the search.
const SHORT: usize = 1 << 10;

/// Vectors that wait, by length.
#[derive(Debug)]
pub struct Shelf<E>(Mutex<BTreeMap<usize, Waiting<E>>>);

/// The vectors of one length.
#[derive(Debug)]
struct Waiting<E> {
    here: Vec<Vec<E>>,
    /// How many were taken and have not come back: no more than these are kept.
    out: usize,
}

impl<E> Shelf<E> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn with<R>(&self, len: usize, f: impl FnOnce(&mut Waiting<E>) -> R) -> R {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(shelf.entry(len).or_insert_with(|| Waiting { here: Vec::new(), out: 0 }))
    }
}

/// A vector of `len` values that are all to be written: what stands in it is left over from another use.
pub(super) fn unwritten<E: Scalar>(len: usize) -> Vec<E> {
    if len < SHORT {
        return vec![E::default(); len];
    }
    let found = E::shelf().with(len, |waiting| {
        waiting.out += 1;
        waiting.here.pop()
    });
    let mut vector = found.unwrap_or_else(|| vec![E::default(); len]);
    // A value that was not written shows in every test.
    if cfg!(debug_assertions) {
        vector.fill(E::of(f64::NAN));
    }
    vector
}

/// As [`unwritten`], but all zero, to be added to.
pub(super) fn zeros<E: Scalar>(len: usize) -> Vec<E> {
    let mut vector = unwritten(len);
    vector.fill(E::default());
    vector
}

/// Puts a vector back that is no longer needed.
pub(super) fn put_back<E: Scalar>(vector: Vec<E>) {
    if vector.len() >= SHORT {
        E::shelf().with(vector.len(), |waiting| {
            if waiting.out > 0 {
                waiting.out -= 1;
                waiting.here.push(vector);
            }
        });
    }
}

/// A vector that goes back by itself.
#[derive(Debug)]
pub(super) struct Buffer<E: Scalar>(Vec<E>);

impl<E: Scalar> Buffer<E> {
    /// As [`unwritten`].
    pub(super) fn unwritten(len: usize) -> Self {
        Self(unwritten(len))
    }

    /// As [`zeros`].
    pub(super) fn zeros(len: usize) -> Self {
        Self(zeros(len))
    }

    /// The vector, for one who keeps it.
    pub(super) fn into_vec(mut self) -> Vec<E> {
        std::mem::take(&mut self.0)
    }
}

impl<E: Scalar> Drop for Buffer<E> {
    fn drop(&mut self) {
        put_back(std::mem::take(&mut self.0));
    }
}

impl<E: Scalar> Deref for Buffer<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.0
    }
}

impl<E: Scalar> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_that_was_put_back_is_taken_again_and_no_more_are_kept_than_were_taken() {
        // A length that no other test uses.
        let len = 54_321;
        let waiting = || <f64 as Scalar>::shelf().with(len, |waiting| (waiting.here.len(), waiting.out));
        let first: Buffer<f64> = Buffer::zeros(len);
        let place = first.as_ptr();
        assert_eq!(waiting(), (0, 1));
        drop(first);
        assert_eq!(waiting(), (1, 0));
        let again: Buffer<f64> = Buffer::unwritten(len);
        assert_eq!((again.as_ptr(), waiting()), (place, (0, 1)));
        put_back(again.into_vec());
        put_back(vec![0.0f64; len]);
        assert_eq!(waiting(), (1, 0), "the second was never taken");
    }
}
