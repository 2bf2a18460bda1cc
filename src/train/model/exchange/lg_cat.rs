//! LG-CAT: local (block) and global (grid) cross-attention in both directions (dss.md 6.2 to 6.5).

use dfdx::tensor::{Storage, Tape};

use super::super::maxvit::squeeze_excite;
use super::super::{Config, Fused, PosBias, Residual};
use super::{FeatureExchange, Pair};
use crate::train::nn::{BatchNorm, Builder, Conv, Depthwise, FeedForward, Init, LayerNorm, Linear, Parameter, Pass};
use crate::train::op::{self, Backend, Function, Map, Partition, Scalar};

/// Both directions.
#[derive(Debug)]
pub(super) struct LgCat<E, D: Storage<E>> {
    /// Guided by depth, refines semantics.
    dgt: Direction<E, D>,
    /// Guided by semantics, refines depth; none where both directions have the same weights.
    sgt: Option<Direction<E, D>>,
}

impl<E: Scalar, D: Backend<E>> LgCat<E, D> {
    /// Builds it.
    pub(super) fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        if config.lgcat_shared_weights {
            return Self { dgt: Direction::new(place.at("shared"), config), sgt: None };
        }
        Self { dgt: Direction::new(place.at("dgt"), config), sgt: Some(Direction::new(place.at("sgt"), config)) }
    }
}

impl<E: Scalar, D: Backend<E>> FeatureExchange<E, D> for LgCat<E, D> {
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, depth: &Map<E, D>, semantics: &Map<E, D>) -> Pair<E, D> {
        let refined_semantics = self.dgt.forward(pass, depth, semantics);
        let refined_depth = self.sgt.as_ref().unwrap_or(&self.dgt).forward(pass, semantics, depth);
        (refined_depth, refined_semantics)
    }
}

/// One direction: pairs of a block and a grid layer, then a fused convolution.
#[derive(Debug)]
struct Direction<E, D: Storage<E>> {
    layers: Vec<CrossAttention<E, D>>,
    fused: FusedMbConv<E, D>,
}

impl<E: Scalar, D: Backend<E>> Direction<E, D> {
    fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let layers = (0..2 * config.lgcat_n_s).map(|i| {
            let partition = if i % 2 == 0 { Partition::Block } else { Partition::Grid };
            CrossAttention::new(place.at(format_args!("layers.{i}")), partition, config)
        });
        Self { layers: layers.collect(), fused: FusedMbConv::new(place.at("fused"), config) }
    }

    /// Refines `y`; `guide` stays the same in every layer.
    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, guide: &Map<E, D>, y: &Map<E, D>) -> Map<E, D> {
        let mut y = y.clone();
        for layer in &self.layers {
            y = layer.forward(pass, guide, &y);
        }
        self.fused.forward(pass, &y)
    }
}

/// The guide asks, the refined stream answers.
#[derive(Debug)]
struct CrossAttention<E, D: Storage<E>> {
    norm_q: LayerNorm<E, D>,
    norm_kv: LayerNorm<E, D>,
    q: Linear<E, D>,
    k: Linear<E, D>,
    v: Linear<E, D>,
    /// Position bias; none for attention that knows no places.
    table: Option<Parameter<(usize, usize, usize), E, D>>,
    /// Of the table: heads, and the sides that say what the window is.
    table_shape: (usize, usize, usize),
    proj: Linear<E, D>,
    ffn: Option<FeedForward<E, D>>,
    partition: Partition,
    residual: Residual,
    rate: f64,
}

impl<E: Scalar, D: Backend<E>> CrossAttention<E, D> {
    fn new(mut place: Builder<E, D>, partition: Partition, config: &Config) -> Self {
        let (c, side) = (config.channels, 2 * config.lgcat_window - 1);
        let wide = config.lgcat_ffn_ratio * c;
        let (table_shape, eps) = ((config.lgcat_heads, side, side), config.lgcat_norm_eps);
        let table =
            |mut place: Builder<E, D>| place.parameter("relative_position_bias_table", table_shape, Init::Normal(0.02));
        Self {
            norm_q: LayerNorm::new(place.at("norm_q"), c, eps),
            norm_kv: LayerNorm::new(place.at("norm_kv"), c, eps),
            q: Linear::new(place.at("q"), c, c),
            k: Linear::new(place.at("k"), c, c),
            v: Linear::new(place.at("v"), c, c),
            table: (config.lgcat_pos_bias == PosBias::Relative).then(|| table(place.at("rel_pos"))),
            table_shape,
            proj: Linear::new(place.at("proj"), c, c),
            ffn: config.lgcat_ffn.then(|| FeedForward {
                norm: LayerNorm::new(place.at("norm_ffn"), c, eps),
                fc1: Linear::new(place.at("ffn.fc1"), c, wide),
                fc2: Linear::new(place.at("ffn.fc2"), wide, c),
                rate: config.lgcat_drop_path,
            }),
            partition,
            residual: config.lgcat_residual,
            rate: config.lgcat_drop_path,
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, guide: &Map<E, D>, y: &Map<E, D>) -> Map<E, D> {
        let asked = self.norm_q.forward(pass, guide);
        let q = self.q.forward(pass, &asked);
        let answer = self.norm_kv.forward(pass, y);
        let (k, v) = (self.k.forward(pass, &answer), self.v.forward(pass, &answer));
        let table = match &self.table {
            Some(table) => table.value(),
            None => y.device().zeros_like(&self.table_shape),
        };
        let mixed = op::window_attention(&mut pass.tape, [&q, &k, &v], &table, self.partition);
        let z = self.proj.forward(pass, &mixed);
        let z = pass.drop_path(z, self.rate);
        let base = if self.residual == Residual::Y { y } else { guide };
        let y = op::add(&mut pass.tape, base, &z);
        match &self.ffn {
            Some(ffn) => ffn.forward(pass, &y),
            None => y,
        }
    }
}

/// The convolution that ends a direction, with a residual.
#[derive(Debug)]
enum FusedMbConv<E, D: Storage<E>> {
    Mbconv { conv1: Conv<E, D>, norm1: BatchNorm<E, D>, conv2: Conv<E, D>, norm2: BatchNorm<E, D> },
    Gcvit { conv1: Depthwise<E, D>, fc1: Conv<E, D>, fc2: Conv<E, D>, conv2: Conv<E, D> },
}

impl<E: Scalar, D: Backend<E>> FusedMbConv<E, D> {
    fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let c = config.channels;
        match config.lgcat_fused {
            Fused::Mbconv => {
                let (wide, eps) = (config.lgcat_expansion * c, config.norm_eps);
                Self::Mbconv {
                    conv1: Conv::new(place.at("conv1"), c, wide, 3, false),
                    norm1: BatchNorm::new(place.at("norm1"), wide, eps, Function::Gelu),
                    conv2: Conv::new(place.at("conv2"), wide, c, 1, false),
                    norm2: BatchNorm::new(place.at("norm2"), c, eps, Function::Identity),
                }
            }
            Fused::Gcvit => Self::Gcvit {
                conv1: Depthwise::new(place.at("conv1"), c, 1),
                fc1: Conv::new(place.at("se.fc1"), c, c / 4, 1, false),
                fc2: Conv::new(place.at("se.fc2"), c / 4, c, 1, false),
                conv2: Conv::new(place.at("conv2"), c, c, 1, false),
            },
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, y: &Map<E, D>) -> Map<E, D> {
        let r = match self {
            Self::Mbconv { conv1, norm1, conv2, norm2 } => {
                let r = conv1.forward(pass, y);
                let r = norm1.forward(pass, &r);
                let r = conv2.forward(pass, &r);
                norm2.forward(pass, &r)
            }
            Self::Gcvit { conv1, fc1, fc2, conv2 } => {
                let r = conv1.forward(pass, y);
                let r = op::map(&mut pass.tape, &r, Function::Gelu);
                let r = squeeze_excite(pass, &r, fc1, Function::Gelu, fc2);
                conv2.forward(pass, &r)
            }
        };
        op::add(&mut pass.tape, y, &r)
    }
}
