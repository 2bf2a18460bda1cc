//! The tensors of a network, by name.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Storage, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo};

use super::Stream;
use crate::train::op::{Scalar, Vector};

/// A tensor that layers share with the store: all values in one row.
type Shared<E, D> = Arc<RwLock<Vector<E, D>>>;

/// A layer's handle to one tensor of the store.
#[derive(Debug, Clone)]
pub struct Parameter<S, E, D: Storage<E>> {
    shape: S,
    shared: Shared<E, D>,
}

impl<S: Shape, E: Scalar, D: Device<E>> Parameter<S, E, D> {
    /// The tensor as it is now. It shares its values and its gradient with the store's.
    pub fn value(&self) -> Tensor<S, E, D> {
        current(&self.shared).reshape_like(&self.shape)
    }

    /// The tensor in another shape of as many values.
    ///
    /// # Panics
    ///
    /// When the numbers of values differ.
    pub fn value_as<R: Shape>(&self, shape: R) -> Tensor<R, E, D> {
        current(&self.shared).reshape_like(&shape)
    }

    /// Lets `f` change the row of values where it is. `f` keeps its length.
    pub fn change(&self, f: impl FnOnce(&mut Vector<E, D>)) {
        change(&self.shared, f);
    }
}

fn current<E: Scalar, D: Device<E>>(shared: &Shared<E, D>) -> Vector<E, D> {
    shared.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn change<E: Scalar, D: Device<E>>(shared: &Shared<E, D>, f: impl FnOnce(&mut Vector<E, D>)) {
    f(&mut shared.write().unwrap_or_else(PoisonError::into_inner));
}

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Trained.
    Parameter {
        /// Whether weight decay applies.
        decay: bool,
    },
    /// Kept by the network itself: running statistics.
    Buffer,
}

/// One tensor of a network.
#[derive(Debug, Clone)]
pub struct Entry<E, D: Storage<E>> {
    /// Full name, as in a checkpoint.
    pub name: String,
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
    shared: Shared<E, D>,
}

impl<E: Scalar, D: Device<E>> Entry<E, D> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tensor as it is now.
    pub fn tensor(&self) -> Vector<E, D> {
        current(&self.shared)
    }

    /// Its values, row-major.
    pub fn values(&self) -> Vec<E> {
        let mut values = vec![E::default(); self.len()];
        current(&self.shared).copy_into(&mut values);
        values
    }

    /// Replaces the values by `f` of them, which brings them to the host and back.
    pub fn update(&self, f: impl FnOnce(&mut [E])) {
        self.change(|tensor| {
            let mut values = vec![E::default(); tensor.shape().0];
            tensor.copy_into(&mut values);
            f(&mut values);
            tensor.copy_from(&values);
        });
    }

    /// Lets `f` change the row of values where it is. `f` keeps its length.
    pub fn change(&self, f: impl FnOnce(&mut Vector<E, D>)) {
        change(&self.shared, f);
    }
}

/// All tensors of a network, in the order in which it was built.
#[derive(Debug, Clone)]
pub struct Store<E, D: Storage<E>> {
    entries: Vec<Entry<E, D>>,
    device: D,
    seed: u64,
}

impl<E: Scalar, D: Device<E>> Store<E, D> {
    /// An empty store; tensors made in it get initial values that depend on `seed` and their names.
    pub fn new(device: D, seed: u64) -> Self {
        Self { entries: Vec::new(), device, seed }
    }

    /// Where layers make their tensors.
    pub fn builder(&mut self) -> Builder<'_, E, D> {
        Builder { prefix: String::new(), store: self }
    }

    /// Where its tensors are.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// All tensors.
    pub fn entries(&self) -> &[Entry<E, D>] {
        &self.entries
    }

    /// All tensors, by name.
    pub fn by_name(&self) -> BTreeMap<&str, &Entry<E, D>> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect()
    }

    /// The tensors that are trained.
    pub fn parameters(&self) -> impl Iterator<Item = &Entry<E, D>> {
        self.entries.iter().filter(|entry| entry.role != Role::Buffer)
    }

    /// Number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.parameters().map(Entry::len).sum()
    }
}

/// First values of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All the same.
    Constant(f64),
    /// Normal with mean 0 and this deviation.
    Normal(f64),
    /// Uniform within this distance of 0.
    Uniform(f64),
}

/// A place in a store, named like a folder.
#[derive(Debug)]
pub struct Builder<'a, E, D: Storage<E>> {
    prefix: String,
    store: &'a mut Store<E, D>,
}

impl<E: Scalar, D: Device<E>> Builder<'_, E, D> {
    /// The place `name` below this one.
    pub fn at(&mut self, name: impl Display) -> Builder<'_, E, D> {
        Builder { prefix: format!("{}{name}.", self.prefix), store: self.store }
    }

    /// Makes a trained tensor. Weight decay applies to tensors of two or more dimensions other than bias tables (dss.md section 9).
    pub fn parameter<S: Shape>(&mut self, name: &str, shape: S, init: Init) -> Parameter<S, E, D> {
        let decay = S::NUM_DIMS >= 2 && name != "relative_position_bias_table";
        self.make(name, shape, Role::Parameter { decay }, init)
    }

    /// Makes a tensor that is not trained.
    pub fn buffer<S: Shape>(&mut self, name: &str, shape: S, init: Init) -> Parameter<S, E, D> {
        self.make(name, shape, Role::Buffer, init)
    }

    fn make<S: Shape>(&mut self, name: &str, shape: S, role: Role, init: Init) -> Parameter<S, E, D> {
        let name = format!("{}{name}", self.prefix);
        let mut stream = Stream::new(&name, self.store.seed);
        let len = shape.num_elements();
        let values = (0..len).map(|_| {
            E::of(match init {
                Init::Constant(value) => value,
                Init::Normal(deviation) => deviation * stream.normal(),
                Init::Uniform(limit) => limit * (2.0 * stream.uniform() - 1.0),
            })
        });
        let tensor = self.store.device.tensor_from_vec(values.collect(), (len,));
        let shared = Arc::new(RwLock::new(tensor));
        let sizes = shape.concrete().into_iter().collect();
        self.store.entries.push(Entry { name, shape: sizes, role, shared: Arc::clone(&shared) });
        Parameter { shape, shared }
    }
}
