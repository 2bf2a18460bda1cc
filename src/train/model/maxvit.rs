//! MaxViT as a dense encoder (maxvit.md), with the names of timm's `_tf_` models.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Storage, Tape};

use crate::train::nn::{BatchNorm, Builder, Conv, Depthwise, FeedForward, Init, LayerNorm, Linear, Parameter, Pass};
use crate::train::op::{self, Backend, Function, Map, Padding, Partition, Pool, Scalar};

/// Sizes of a MaxViT.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxVitConfig {
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the four stages.
    pub widths: [usize; 4],
    /// Blocks of the four stages.
    pub blocks: [usize; 4],
    /// Channels of an attention head.
    pub head_size: usize,
    /// Rows and columns of a window and of a grid.
    pub window: (usize, usize),
    /// Stochastic depth of the last block; it grows linearly from 0.
    pub drop_path: f64,
    /// eps of every BatchNorm.
    pub norm_eps: f64,
    /// eps of every LayerNorm.
    pub layer_norm_eps: f64,
}

/// Widening inside MBConv and the feed-forward networks.
const EXPANSION: usize = 4;

/// The encoder.
#[derive(Debug)]
pub struct MaxVit<E, D: Storage<E>> {
    stem: Stem<E, D>,
    stages: Vec<Vec<Block<E, D>>>,
}

impl<E: Scalar, D: Backend<E>> MaxVit<E, D> {
    /// Builds it.
    pub fn new(mut place: Builder<E, D>, config: &MaxVitConfig) -> Self {
        let stem = Stem::new(place.at("stem"), config);
        let all: usize = config.blocks.iter().sum();
        let (mut number, mut inputs) = (0, config.stem);
        let mut stages = Vec::new();
        for (i, (&width, &blocks)) in config.widths.iter().zip(&config.blocks).enumerate() {
            let mut stage = Vec::new();
            for j in 0..blocks {
                let rate = config.drop_path * number as f64 / (all - 1).max(1) as f64;
                let place = place.at(format_args!("stages.{i}.blocks.{j}"));
                stage.push(Block::new(place, inputs, width, if j == 0 { 2 } else { 1 }, rate, config));
                (number, inputs) = (number + 1, width);
            }
            stages.push(stage);
        }
        Self { stem, stages }
    }

    /// The outputs of the stem and of the four stages, at strides 2, 4, 8, 16 and 32.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Vec<Map<E, D>> {
        let mut x = self.stem.forward(pass, x);
        pass.note("e0", &x);
        let mut outputs = vec![x.clone()];
        for (i, stage) in self.stages.iter().enumerate() {
            for (j, block) in stage.iter().enumerate() {
                x = block.forward(pass, &x, &format!("stages.{i}.blocks.{j}"));
            }
            pass.note(&format!("e{}", i + 1), &x);
            outputs.push(x.clone());
        }
        outputs
    }
}

#[derive(Debug)]
struct Stem<E, D: Storage<E>> {
    conv1: Conv<E, D>,
    norm1: BatchNorm<E, D>,
    conv2: Conv<E, D>,
}

impl<E: Scalar, D: Backend<E>> Stem<E, D> {
    fn new(mut place: Builder<E, D>, config: &MaxVitConfig) -> Self {
        let width = config.stem;
        Self {
            conv1: Conv::new(place.at("conv1"), 3, width, 3, true).strided(2, Padding::Same),
            norm1: BatchNorm::new(place.at("norm1"), width, config.norm_eps, Function::Gelu),
            conv2: Conv::new(place.at("conv2"), width, width, 3, true),
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let x = self.conv1.forward(pass, x);
        let x = self.norm1.forward(pass, &x);
        self.conv2.forward(pass, &x)
    }
}

/// MBConv, attention in blocks, attention in a grid.
#[derive(Debug)]
struct Block<E, D: Storage<E>> {
    conv: MbConv<E, D>,
    attn_block: AttentionLayer<E, D>,
    attn_grid: AttentionLayer<E, D>,
}

impl<E: Scalar, D: Backend<E>> Block<E, D> {
    fn new(
        mut place: Builder<E, D>,
        inputs: usize,
        width: usize,
        stride: usize,
        rate: f64,
        config: &MaxVitConfig,
    ) -> Self {
        Self {
            conv: MbConv::new(place.at("conv"), inputs, width, stride, rate, config.norm_eps),
            attn_block: AttentionLayer::new(place.at("attn_block"), width, Partition::Block, rate, config),
            attn_grid: AttentionLayer::new(place.at("attn_grid"), width, Partition::Grid, rate, config),
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>, name: &str) -> Map<E, D> {
        let x = self.conv.forward(pass, x);
        pass.note(&format!("{name}.conv"), &x);
        let x = self.attn_block.forward(pass, &x);
        pass.note(&format!("{name}.attn_block"), &x);
        let x = self.attn_grid.forward(pass, &x);
        pass.note(&format!("{name}.attn_grid"), &x);
        x
    }
}

/// Inverted bottleneck with depthwise convolution and squeeze-excite.
#[derive(Debug)]
struct MbConv<E, D: Storage<E>> {
    expand: Option<Conv<E, D>>,
    pre_norm: BatchNorm<E, D>,
    conv1: Conv<E, D>,
    norm1: BatchNorm<E, D>,
    conv2: Depthwise<E, D>,
    norm2: BatchNorm<E, D>,
    fc1: Conv<E, D>,
    fc2: Conv<E, D>,
    conv3: Conv<E, D>,
    stride: usize,
    rate: f64,
}

impl<E: Scalar, D: Backend<E>> MbConv<E, D> {
    fn new(mut place: Builder<E, D>, inputs: usize, width: usize, stride: usize, rate: f64, eps: f64) -> Self {
        let wide = EXPANSION * width;
        Self {
            expand: (stride != 1 && inputs != width)
                .then(|| Conv::new(place.at("shortcut.expand"), inputs, width, 1, true)),
            pre_norm: BatchNorm::new(place.at("pre_norm"), inputs, eps, Function::Identity),
            conv1: Conv::new(place.at("conv1_1x1"), inputs, wide, 1, false),
            norm1: BatchNorm::new(place.at("norm1"), wide, eps, Function::Gelu),
            conv2: Depthwise::new(place.at("conv2_kxk"), wide, stride),
            norm2: BatchNorm::new(place.at("norm2"), wide, eps, Function::Gelu),
            fc1: Conv::new(place.at("se.fc1"), wide, width / 4, 1, true),
            fc2: Conv::new(place.at("se.fc2"), width / 4, wide, 1, true),
            conv3: Conv::new(place.at("conv3_1x1"), wide, width, 1, true),
            stride,
            rate,
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let shortcut = if self.stride == 1 {
            x.clone()
        } else {
            let small = op::pool2d(&mut pass.tape, x, Pool::Average, 2, 2, Padding::Same);
            match &self.expand {
                Some(expand) => expand.forward(pass, &small),
                None => small,
            }
        };
        let r = self.pre_norm.forward(pass, x);
        let r = self.conv1.forward(pass, &r);
        let r = self.norm1.forward(pass, &r);
        let r = self.conv2.forward(pass, &r);
        let r = self.norm2.forward(pass, &r);
        let r = squeeze_excite(pass, &r, &self.fc1, Function::Silu, &self.fc2);
        let r = self.conv3.forward(pass, &r);
        let r = pass.drop_path(r, self.rate);
        op::add(&mut pass.tape, &shortcut, &r)
    }
}

/// x * sigmoid(fc2(inner(fc1(mean of every plane)))).
pub(super) fn squeeze_excite<E: Scalar, D: Backend<E>, T: Tape<E, D>>(
    pass: &mut Pass<E, D, T>,
    x: &Map<E, D>,
    fc1: &Conv<E, D>,
    inner: Function,
    fc2: &Conv<E, D>,
) -> Map<E, D> {
    let (b, c, _, _) = *x.shape();
    let means = op::plane_means(&mut pass.tape, x);
    let gate = fc1.forward(pass, &reshaped(means, (b, c, 1, 1)));
    let gate = op::map(&mut pass.tape, &gate, inner);
    let gate = fc2.forward(pass, &gate);
    let gate = op::map(&mut pass.tape, &gate, Function::Sigmoid);
    op::scale_planes(&mut pass.tape, x, &reshaped(gate, (b, c)))
}

/// A contiguous tensor in another shape; it keeps its gradient.
fn reshaped<S: dfdx::shapes::Shape, R: dfdx::shapes::Shape, E: Scalar, D: Backend<E>>(
    x: dfdx::tensor::Tensor<S, E, D>,
    shape: R,
) -> dfdx::tensor::Tensor<R, E, D> {
    use dfdx::tensor_ops::ReshapeTo;
    x.reshape_like(&shape)
}

/// LayerNorm, attention in windows, LayerNorm, feed-forward network; both with residuals.
#[derive(Debug)]
struct AttentionLayer<E, D: Storage<E>> {
    norm1: LayerNorm<E, D>,
    qkv: Linear<E, D>,
    table: Parameter<(usize, usize, usize), E, D>,
    proj: Linear<E, D>,
    mlp: FeedForward<E, D>,
    partition: Partition,
    rate: f64,
}

impl<E: Scalar, D: Backend<E>> AttentionLayer<E, D> {
    fn new(mut place: Builder<E, D>, width: usize, partition: Partition, rate: f64, config: &MaxVitConfig) -> Self {
        let (p, q) = config.window;
        let shape = (width / config.head_size, 2 * p - 1, 2 * q - 1);
        Self {
            norm1: LayerNorm::new(place.at("norm1"), width, config.layer_norm_eps),
            qkv: Linear::new(place.at("attn.qkv"), width, 3 * width),
            table: place.at("attn.rel_pos").parameter("relative_position_bias_table", shape, Init::Normal(0.02)),
            proj: Linear::new(place.at("attn.proj"), width, width),
            mlp: FeedForward {
                norm: LayerNorm::new(place.at("norm2"), width, config.layer_norm_eps),
                fc1: Linear::new(place.at("mlp.fc1"), width, EXPANSION * width),
                fc2: Linear::new(place.at("mlp.fc2"), EXPANSION * width, width),
                rate,
            },
            partition,
            rate,
        }
    }

    fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let normal = self.norm1.forward(pass, x);
        let qkv = self.qkv.forward(pass, &normal);
        let mixed = op::window_self_attention(&mut pass.tape, &qkv, &self.table.value(), self.partition);
        let z = self.proj.forward(pass, &mixed);
        let z = pass.drop_path(z, self.rate);
        let y = op::add(&mut pass.tape, x, &z);
        self.mlp.forward(pass, &y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::model::Config;
    use crate::train::nn::{Mode, Store};
    use dfdx::tensor::{Cpu, NoneTape, TensorFromVec};

    fn encoder(blocks: [usize; 4], drop_path: f64) -> MaxVit<f32, Cpu> {
        let nano = Config::named("dss-nano").unwrap().for_size((32, 32));
        let config = Config { encoder_blocks: blocks, encoder_drop_path: drop_path, ..nano }.encoder();
        MaxVit::new(Store::new(Cpu::default(), 1).builder(), &config)
    }

    /// maxvit.md 3.5: r b / (n - 1) in block b of n, the same for all five branches.
    #[test]
    fn stochastic_depth_grows_linearly_over_the_blocks() {
        let encoder = encoder([2, 2, 5, 2], 0.2);
        let blocks: Vec<_> = encoder.stages.iter().flatten().collect();
        assert_eq!(blocks.len(), 11);
        for (b, block) in blocks.into_iter().enumerate() {
            let (first, second) = (&block.attn_block, &block.attn_grid);
            for found in [block.conv.rate, first.rate, first.mlp.rate, second.rate, second.mlp.rate] {
                assert!((found - 0.2 * b as f64 / 10.0).abs() < 1e-12, "block {b}: {found}");
            }
        }
        assert_eq!(self::encoder([1, 1, 1, 1], 0.3).stages[3][0].conv.rate, 0.3);
    }

    #[test]
    fn a_block_whose_branches_are_all_dropped_changes_nothing() {
        // The last of five blocks has the whole rate, which is next to 1.
        let encoder = encoder([1, 1, 1, 2], 1.0 - 1e-9);
        let values = (0..2 * 3 * 32 * 32).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0);
        let input = Cpu::default().tensor_from_vec(values.collect(), (2, 3, 32, 32));
        let before_and_after = |mode: Mode| {
            let mut pass: Pass<f32, Cpu, NoneTape> = Pass::new(mode, 0, 0).watching();
            encoder.forward(&mut pass, &input);
            let noted = |name: &str| pass.watched().iter().find(|(n, _)| n == name).unwrap().1.as_vec();
            (noted("stages.3.blocks.0.attn_grid"), noted("e4"))
        };
        let (before, after) = before_and_after(Mode::Training);
        assert_eq!(before, after);
        let (before, after) = before_and_after(Mode::Evaluation);
        assert_ne!(before, after);
    }
}
