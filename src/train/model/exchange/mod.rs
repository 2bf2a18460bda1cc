//! Exchange of features between the tasks (dss.md 6.7 and exchange_modules.md).

mod ag_mmd;
mod ccam;
mod cma;
mod gated;
mod lg_cat;
mod lsu;
mod sig;
mod sw_map;
#[cfg(test)]
mod tests;

use dfdx::tensor::{Storage, Tape};

use self::ag_mmd::AgMmd;
use self::ccam::Ccam;
use self::cma::Cma;
use self::lg_cat::LgCat;
use self::lsu::Lsu;
use self::sig::Sig;
use self::sw_map::SwMap;
use super::{Config, ExchangeKind};
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
pub struct Exchange<E, D: Storage<E>>(Module<E, D>);

#[derive(Debug)]
enum Module<E, D: Storage<E>> {
    None,
    LgCat(Box<LgCat<E, D>>),
    SwMap(SwMap<E, D>),
    Sig(Sig<E, D>),
    AgMmd(AgMmd<E, D>),
    Ccam(Ccam<E, D>),
    Cma(Box<Cma<E, D>>),
    Lsu(Lsu<E, D>),
}

impl<E: Scalar, D: Backend<E>> Exchange<E, D> {
    /// Builds it.
    pub fn new(place: Builder<E, D>, config: &Config) -> Self {
        Self(match config.exchange {
            ExchangeKind::None => Module::None,
            ExchangeKind::LgCat => Module::LgCat(Box::new(LgCat::new(place, config))),
            ExchangeKind::SwMap => Module::SwMap(SwMap::new(place, config)),
            ExchangeKind::Sig => Module::Sig(Sig::new(place, config)),
            ExchangeKind::AgMmd => Module::AgMmd(AgMmd::new(place, config)),
            ExchangeKind::Ccam => Module::Ccam(Ccam::new(place, config)),
            ExchangeKind::Cma => Module::Cma(Box::new(Cma::new(place, config))),
            ExchangeKind::Lsu => Module::Lsu(Lsu::new(place)),
        })
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Exchange<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        match &self.0 {
            Module::None => (depth.clone(), semantics.clone()),
            Module::LgCat(module) => module.forward(pass, depth, semantics),
            Module::SwMap(module) => module.forward(pass, depth, semantics),
            Module::Sig(module) => module.forward(pass, depth, semantics),
            Module::AgMmd(module) => module.forward(pass, depth, semantics),
            Module::Ccam(module) => module.forward(pass, depth, semantics),
            Module::Cma(module) => module.forward(pass, depth, semantics),
            Module::Lsu(module) => module.forward(pass, depth, semantics),
        }
    }
}
