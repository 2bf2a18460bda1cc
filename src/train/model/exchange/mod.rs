//! Exchange of features between the tasks (dss.md 6.7).

use dfdx::tensor::{Storage, Tape};

use super::{Config, ExchangeKind, LgCat};
use crate::train::nn::{Builder, Pass};
use crate::train::op::{Backend, Map, Scalar};

/// Features of depth and semantics, in this order.
pub(super) type Pair<E, D> = (Map<E, D>, Map<E, D>);

/// A module that lets the features of the two tasks refine each other; shapes stay.
pub trait FeatureExchange<E: Scalar, D: Backend<E>> {
    /// Refines `depth` and `semantics`.
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D>;
}

/// The module a configuration asks for.
#[derive(Debug)]
pub enum Exchange<E, D: Storage<E>> {
    /// Leaves both as they are.
    None,
    /// Cross-attention in both directions.
    LgCat(Box<LgCat<E, D>>),
}

impl<E: Scalar, D: Backend<E>> Exchange<E, D> {
    /// Builds it.
    pub fn new(place: Builder<E, D>, config: &Config) -> Self {
        match config.exchange {
            ExchangeKind::None => Self::None,
            ExchangeKind::LgCat => Self::LgCat(Box::new(LgCat::new(place, config))),
        }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Exchange<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        match self {
            Self::None => (depth.clone(), semantics.clone()),
            Self::LgCat(module) => module.forward(pass, depth, semantics),
        }
    }
}
