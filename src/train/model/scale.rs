//! Neck and exchange at one stride (dss.md 6.1 and 6.4).

use dfdx::tensor::{Storage, Tape};

use super::exchange::{FeatureExchange, Pair};
use super::{Config, Decoder, Exchange};
use crate::train::nn::{Builder, ConvNorm, Pass};
use crate::train::op::{Backend, Map, Scalar};

/// A neck for each task, and the exchange between the tasks.
#[derive(Debug)]
pub(super) struct Scale<E, D: Storage<E>> {
    stride: usize,
    neck_depth: Vec<ConvNorm<E, D>>,
    neck_semantics: Vec<ConvNorm<E, D>>,
    exchange: Exchange<E, D>,
}

impl<E: Scalar, D: Backend<E>> Scale<E, D> {
    /// Builds it, for the decoder's map at `stride`.
    pub(super) fn new(mut place: Builder<E, D>, stride: usize, config: &Config) -> Self {
        let mut neck = |task: &str| {
            let (inputs, c) = (Decoder::<E, D>::width(config, stride), config.channels);
            let mut place = place.at(format_args!("neck.{task}"));
            let layer = |i| ConvNorm::new(place.at(i), if i == 0 { inputs } else { c }, c, 3, config.norm_eps);
            (0..config.neck_layers).map(layer).collect()
        };
        let (neck_depth, neck_semantics) = (neck("depth"), neck("semantics"));
        Self { stride, neck_depth, neck_semantics, exchange: Exchange::new(place.at("exchange"), config) }
    }

    /// Its stride.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Refined features of depth and semantics; `suffix` ends the names of what is noted.
    pub(super) fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, map: &Map<E, D>, suffix: &str) -> Pair<E, D> {
        let [f_d, f_s] = [&self.neck_depth, &self.neck_semantics]
            .map(|layers| layers.iter().fold(map.clone(), |f, layer| layer.forward(pass, &f)));
        pass.note(&format!("f_d{suffix}"), &f_d);
        pass.note(&format!("f_s{suffix}"), &f_s);
        self.exchange.forward(pass, &f_d, &f_s)
    }
}
