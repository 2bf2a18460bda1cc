//! What a network costs: multiply-adds and memory, told from the names and shapes of its tensors.
//!
//! A weight of a convolution or a linear map does its multiplications once at every position of the map it makes, so the cost of a
//! layer is the number of its weights times the positions; the place of a map in the network is in the name (parameters.md). What
//! attention multiplies besides is told by its bias table, whose sides are twice those of the window.

use dfdx::tensor::Storage;

use super::{Config, Dss, ExchangeKind, PosBias};
use crate::train::nn::{Entry, Role};
use crate::train::op::{Backend, Scalar};

/// One part of a network: a block of the encoder, a level of the decoder, a layer of the exchange, a head.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// The beginning of the names of its tensors.
    pub name: String,
    /// Channels, rows and columns of what it makes.
    pub output: [usize; 3],
    /// Trained values.
    pub parameters: usize,
    /// Multiply-adds for one picture.
    pub multiply_adds: u64,
    /// Values of the maps it makes for one picture, as training keeps them.
    pub activations: u64,
}

/// The cost of a whole network for one picture.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// In the order in which they are run.
    pub parts: Vec<Part>,
    /// Trained values.
    pub parameters: usize,
    /// Values of running statistics.
    pub buffers: usize,
    /// Multiply-adds for one picture.
    pub multiply_adds: u64,
    /// Values of all maps for one picture.
    pub activations: u64,
    /// Values of the largest two neighbouring maps, which evaluation needs at once.
    pub largest: u64,
}

impl Cost {
    /// Counts.
    pub fn of<E: Scalar, D: Backend<E> + Storage<E>>(network: &Dss<E, D>) -> Self {
        let size = network.config().input_size;
        let mut parts: Vec<Part> = Vec::new();
        let (mut buffers, mut largest) = (0, 0);
        for entry in network.store().entries() {
            if entry.role == Role::Buffer {
                buffers += entry.len();
                continue;
            }
            let name = part_of(&entry.name);
            let found = parts.iter().position(|part| part.name == name);
            let at = found.unwrap_or_else(|| {
                parts.push(Part {
                    name: name.to_owned(),
                    output: [0; 3],
                    parameters: 0,
                    multiply_adds: 0,
                    activations: 0,
                });
                parts.len() - 1
            });
            let Some(part) = parts.get_mut(at) else { continue };
            let of_tensor = Tensor::of(entry, network.config());
            // What both directions of the exchange share is run twice.
            let times = if scale_of(&entry.name).1.starts_with("exchange.shared.") { 2 } else { 1 };
            part.parameters += entry.len();
            part.multiply_adds += times * of_tensor.multiply_adds;
            part.activations += times * of_tensor.activations;
            if let Some(output) = of_tensor.output {
                part.output = output;
            }
            largest = largest.max(2 * of_tensor.activations);
        }
        let (h, w) = size;
        let full = ((network.config().classes + 1) * h * w) as u64;
        Self {
            parameters: parts.iter().map(|part| part.parameters).sum(),
            multiply_adds: parts.iter().map(|part| part.multiply_adds).sum(),
            activations: parts.iter().map(|part| part.activations).sum(),
            largest: largest.max(full),
            buffers,
            parts,
        }
    }

    /// Bytes that evaluation of `batch` pictures at once needs: weights and the largest maps.
    #[must_use]
    pub fn evaluation_bytes(&self, batch: usize) -> u64 {
        4 * ((self.parameters + self.buffers) as u64 + batch as u64 * self.largest)
    }

    /// Bytes that training with batches of `batch` pictures needs: weights, gradients and two moments, and all maps.
    #[must_use]
    pub fn training_bytes(&self, batch: usize) -> u64 {
        4 * (4 * self.parameters as u64 + self.buffers as u64 + batch as u64 * self.activations)
    }
}

/// The stride that the name of a tensor of a coarser scale begins with, and the rest of the name.
fn scale_of(name: &str) -> (Option<usize>, &str) {
    let found = name.strip_prefix("scale.").and_then(|rest| rest.split_once('.'));
    found.map_or((None, name), |(stride, rest)| (stride.parse().ok(), rest))
}

/// The part a tensor belongs to.
fn part_of(full: &str) -> &str {
    let (_, name) = scale_of(full);
    // Components a part's name has, by how it begins.
    let components = match name.split('.').collect::<Vec<_>>()[..] {
        ["encoder", "stem", ..] => 2,
        ["encoder", ..] => 6,
        ["exchange", _, "layers", ..] => 4,
        ["decoder", ..] | ["exchange", "dgt" | "sgt" | "shared", ..] => 3,
        // Modules of one piece: sw_map and lsu.
        ["exchange", other, ..] if !["depth", "semantics"].contains(&other) => 1,
        _ => 2,
    };
    let end = name.match_indices('.').nth(components - 1).map_or(name.len(), |(at, _)| at);
    &full[..full.len() - name.len() + end]
}

/// What one tensor adds to the cost of its part.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tensor {
    multiply_adds: u64,
    activations: u64,
    output: Option<[usize; 3]>,
}

impl Tensor {
    fn of<E: Scalar, D: Backend<E> + Storage<E>>(entry: &Entry<E, D>, config: &Config) -> Self {
        let (_, name) = scale_of(&entry.name);
        let size @ (h, w) = map_of(&entry.name, config);
        let in_exchange = name.starts_with("exchange.");
        match entry.shape[..] {
            [heads, rows, columns] => {
                let channels = if in_exchange { config.channels } else { heads * config.encoder_head_size };
                Self::attention(size, (rows.div_ceil(2), columns.div_ceil(2)), heads, channels)
            }
            // Without a bias table the queries tell of the attention.
            [outputs, _] if in_exchange && config.lgcat_pos_bias == PosBias::None && name.ends_with(".q.weight") => {
                let side = config.lgcat_window;
                let met = Self::attention(size, (side, side), config.lgcat_heads, outputs);
                let own = Self::product(entry.len(), size, outputs);
                Self {
                    multiply_adds: met.multiply_adds + own.multiply_adds,
                    activations: met.activations + own.activations,
                    ..own
                }
            }
            // What the cosines of two maps' planes are made of, and the planes mixed by what comes of them.
            [c, _, _, _] if config.exchange == ExchangeKind::Ccam && in_exchange && name.ends_with(".gate.weight") => {
                let met = Self::product(entry.len(), size, c);
                Self { multiply_adds: met.multiply_adds + 2 * (c * c * h * w) as u64, ..met }
            }
            // A norm, and the activation after it: a map as large as the one it was made from.
            [channels] if name.contains("norm") && name.ends_with(".weight") => {
                Self { activations: (channels * h * w) as u64, ..Self::default() }
            }
            // Of the cosines of a channel, one by one.
            [outputs, _] if in_exchange && name.contains(".mlp.") => {
                Self { output: None, ..Self::product(entry.len(), (config.channels, 1), outputs) }
            }
            [outputs, _] | [outputs, _, _, _] => Self::product(entry.len(), size, outputs),
            // A number of lsu: as many maps as there are numbers.
            [1] if in_exchange && !name.ends_with(".bias") => {
                let c = config.channels;
                Self { multiply_adds: (c * h * w) as u64, activations: (c * h * w) as u64, output: Some([c, h, w]) }
            }
            _ => Self::default(),
        }
    }

    /// Each of `weights` weights once at every pixel, for `outputs` channels.
    fn product(weights: usize, (h, w): (usize, usize), outputs: usize) -> Self {
        Self {
            multiply_adds: (weights * h * w) as u64,
            activations: (outputs * h * w) as u64,
            output: (h * w > 1).then_some([outputs, h, w]),
        }
    }

    /// Every pixel of the padded map meets those of its window twice: queries with keys, probabilities with values.
    fn attention((h, w): (usize, usize), (p, q): (usize, usize), heads: usize, channels: usize) -> Self {
        let pairs = (h.next_multiple_of(p) * w.next_multiple_of(q) * p * q) as u64;
        Self { activations: heads as u64 * pairs, multiply_adds: 2 * channels as u64 * pairs, output: None }
    }
}

/// Rows and columns of the map that a tensor of this name makes.
fn map_of(full: &str, config: &Config) -> (usize, usize) {
    let (scale, name) = scale_of(full);
    if name.contains(".se.") {
        return (1, 1);
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let stride = match name.split('.').collect::<Vec<_>>()[..] {
        ["encoder", "stem", ..] => 2,
        // The first block of a stage widens before it shrinks.
        ["encoder", "stages", i, "blocks", "0", "conv", "pre_norm" | "conv1_1x1" | "norm1", ..] => 2 << number(i),
        ["encoder", "stages", i, ..] => 4 << number(i),
        ["decoder", _, i, ..] => 2 << number(i),
        _ => scale.unwrap_or(config.out_stride),
    };
    let (h, w) = config.input_size;
    (h / stride, w / stride)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::tensor::Cpu;

    fn cost(name: &str, size: (usize, usize)) -> Cost {
        cost_of(Config::named(name).unwrap().for_size(size))
    }

    fn cost_of(config: Config) -> Cost {
        let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 0).unwrap();
        Cost::of(&network)
    }

    fn sum(cost: &Cost, prefix: &str, of: impl Fn(&Part) -> u64) -> u64 {
        cost.parts.iter().filter(|part| part.name.starts_with(prefix)).map(of).sum()
    }

    /// Published for MaxViT-T at 224 x 224: 5.6 G (arXiv 2204.01697, table 2), which timm counts as 5.6 GMACs with the classifier.
    #[test]
    fn maxvit_t_costs_what_is_published() {
        let cost = cost("dss-tiny", (224, 224));
        let encoder = sum(&cost, "encoder.", |part| part.multiply_adds) as f64 / 1e9;
        assert!((5.35..5.65).contains(&encoder), "{encoder} G");
        // parameters.md section 3.
        assert_eq!(sum(&cost, "encoder.", |part| part.parameters as u64), 30_139_848);
        assert_eq!((cost.parameters, cost.buffers), (35_626_559, 53_632));
    }

    /// By hand for 96 x 128, stride 4 = 24 x 32 cells.
    #[test]
    fn nano_by_hand() {
        let cost = cost("dss-nano", (96, 128));
        let part = |name: &str| cost.parts.iter().find(|part| part.name == name).unwrap();
        // 3x3 from 3 to 16 and from 16 to 16 channels at 48 x 64.
        assert_eq!(part("encoder.stem").multiply_adds, (3 * 16 + 16 * 16) * 9 * 48 * 64);
        assert_eq!(part("encoder.stem").output, [16, 48, 64]);
        // 1x1 from 16 to 64 at 48 x 64; depthwise, 64 to 16 and squeeze-excite (64 to 4 to 64) at 24 x 32.
        let mbconv = 16 * 64 * 48 * 64 + 9 * 64 * 768 + 64 * 16 * 768 + 2 * 64 * 4;
        assert_eq!(part("encoder.stages.0.blocks.0.conv").multiply_adds, mbconv);
        // qkv, projection, feed-forward: 12 c^2 a cell; each of 768 cells meets the 12 of its window twice, 16 channels.
        assert_eq!(part("encoder.stages.0.blocks.0.attn_grid").multiply_adds, 768 * (12 * 256 + 2 * 12 * 16));
        // q, k, v, projection, feed-forward; the map is padded to 28 x 35, windows hold 49.
        assert_eq!(part("exchange.sgt.layers.1").multiply_adds, 768 * 12 * 1024 + 2 * 28 * 35 * 49 * 32);
        assert_eq!(part("exchange.dgt.fused").multiply_adds, 768 * (9 * 32 * 128 + 128 * 32));
        // From 64 and from 32 channels to 32, at 6 x 8.
        assert_eq!(part("decoder.level.3").multiply_adds, 48 * 9 * (64 + 32) * 32);
        assert_eq!(part("head.semantics").multiply_adds, 768 * (9 * 32 * 32 + 32 * 150));
        // Layer by layer in Python from dss.md sections 5, 6 and 14 and maxvit.md section 3, without any name of a tensor.
        for (prefix, expected) in [
            ("encoder.", 47_120_896),
            ("decoder.", 28_827_648),
            ("neck.", 28_311_552),
            ("exchange.", 112_956_416),
            ("head.", 14_413_824),
        ] {
            assert_eq!(sum(&cost, prefix, |part| part.multiply_adds), expected, "{prefix}");
        }
        assert_eq!((cost.parameters, cost.multiply_adds), (1_179_061, 231_630_336));
        assert!(cost.parts.iter().all(|part| part.multiply_adds > 0 && part.output[0] > 0), "{:?}", cost.parts);
    }
    #[test]
    fn choices_of_the_exchange_are_counted() {
        let nano = || Config::named("dss-nano").unwrap();
        let exchange = |cost: &Cost| sum(cost, "exchange.", |part| part.multiply_adds);
        let usual = cost_of(nano());
        let shared = cost_of(Config { lgcat_shared_weights: true, ..nano() });
        assert_eq!((exchange(&shared), shared.activations), (exchange(&usual), usual.activations));
        let unplaced = cost_of(Config { lgcat_pos_bias: PosBias::None, ..nano() });
        assert_eq!((exchange(&unplaced), unplaced.activations), (exchange(&usual), usual.activations));
        assert!(unplaced.parts.iter().all(|part| part.output[0] > 0), "{:?}", unplaced.parts);
        let coarser = cost_of(Config { lgcat_scales: vec![4, 8], ..nano() });
        let part = |name: &str| coarser.parts.iter().find(|part| part.name == name).unwrap();
        // 12 x 16 cells, padded to 14 x 21.
        assert_eq!(part("scale.8.neck.depth").output, [32, 12, 16]);
        assert_eq!(part("scale.8.exchange.sgt.layers.1").multiply_adds, 192 * 12 * 1024 + 2 * 14 * 21 * 49 * 32);
        assert_eq!(exchange(&coarser), exchange(&usual));
    }

    /// By hand for 32 channels on 24 x 32 cells.
    #[test]
    fn the_other_modules_by_hand() {
        for (exchange, parts, expected) in [
            (ExchangeKind::None, 0, 0),
            (ExchangeKind::SwMap, 1, 9 * 32 * 8 + 8),
            (ExchangeKind::Sig, 2, 2 * (9 * 32 * 16 + 2 * 9 * 16 * 32)),
            (ExchangeKind::AgMmd, 2, 4 * 9 * 32 * 32),
            // Two products of planes in either direction; 2 c c/8 for each of c channels.
            (ExchangeKind::Ccam, 2, 4 * 9 * 32 * 32 + 4 * 32 * 32),
            (ExchangeKind::Cma, 2, 2 * (3 * 8 * 32 * 32 + 2 * 32 * 32 + 9 * 64 * 32 + 32 * 32)),
            (ExchangeKind::Lsu, 1, 4 * 32),
        ] {
            let cost = cost_of(Config { exchange, ..Config::named("dss-nano").unwrap() });
            let found: Vec<&Part> = cost.parts.iter().filter(|part| part.name.starts_with("exchange")).collect();
            let mlp = if exchange == ExchangeKind::Ccam { 2 * 32 * (2 * 32 * 4) } else { 0 };
            assert_eq!(found.len(), parts, "{found:?}");
            assert_eq!(sum(&cost, "exchange", |part| part.multiply_adds), 768 * expected + mlp, "{exchange:?}");
            assert!(found.iter().all(|part| part.output[1..] == [24, 32]), "{found:?}");
        }
    }
}
