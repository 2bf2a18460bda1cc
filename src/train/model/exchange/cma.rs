//! Cross-task multi-embedding attention (exchange_modules.md section 7, fsre.md 1.3): FSRE-Depth, ICCV 2021.

use dfdx::tensor::{Storage, Tape};

use super::super::{AgreementScale, Config};
use super::{FeatureExchange, Pair};
use crate::train::nn::{BatchNorm, Builder, Conv, Pass};
use crate::train::op::{self, Backend, Function, Map, Padding, Scalar};

/// Both directions.
#[derive(Debug)]
pub(super) struct Cma<E, D: Storage<E>> {
    depth: Direction<E, D>,
    semantics: Direction<E, D>,
}

impl<E: Scalar, D: Backend<E>> Cma<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        Self {
            depth: Direction::new(place.at("depth"), config),
            semantics: Direction::new(place.at("semantics"), config),
        }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for Cma<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        (self.depth.forward(pass, depth, semantics), self.semantics.forward(pass, semantics, depth))
    }
}

/// Embeddings of a pixel.
const EMBEDDINGS: usize = 4;

/// The target's embeddings, weighted by how well the reference agrees with each, joined to the target. No residual.
#[derive(Debug)]
struct Direction<E, D: Storage<E>> {
    query: Conv<E, D>,
    key: Conv<E, D>,
    value: Conv<E, D>,
    project: Conv<E, D>,
    norm: BatchNorm<E, D>,
    fuse: (Conv<E, D>, Conv<E, D>),
    divisor: f64,
}

impl<E: Scalar, D: Backend<E>> Direction<E, D> {
    fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let c = config.channels;
        let (width, all) = (2 * c, EMBEDDINGS * 2 * c);
        let mut embed = |name| Conv::new(place.at(name), c, all, 1, true);
        let (query, key, value) = (embed("query"), embed("key"), embed("value"));
        Self {
            query,
            key,
            value,
            project: Conv::new(place.at("project"), width, c, 1, false),
            norm: BatchNorm::new(place.at("norm"), c, config.norm_eps, Function::Identity),
            fuse: (
                Conv::new(place.at("fuse.0"), 2 * c, c, 3, true).strided(1, Padding::Symmetric(0)),
                Conv::new(place.at("fuse.1"), c, c, 1, true),
            ),
            divisor: match config.cma_scale {
                AgreementScale::Paper => width as f64,
                AgreementScale::Code => all as f64,
            }
            .sqrt(),
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, target: &Map<E, D>, reference: &Map<E, D>) -> Map<E, D> {
        let (k, v) = (self.key.forward(pass, target), self.value.forward(pass, target));
        let q = self.query.forward(pass, reference);
        let mixed = op::embedding_attention(&mut pass.tape, [&q, &k, &v], EMBEDDINGS, self.divisor);
        let mixed = self.project.forward(pass, &mixed);
        let mixed = self.norm.forward(pass, &mixed);
        let both = op::concat_channels(&mut pass.tape, target, &mixed);
        let both = op::mirror_pad(&mut pass.tape, &both, 1);
        let fused = self.fuse.0.forward(pass, &both);
        let fused = op::map(&mut pass.tape, &fused, Function::Elu);
        self.fuse.1.forward(pass, &fused)
    }
}
