//! The DSS network: encoder, decoder, neck, exchange, heads and losses.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Storage, Tape};

use super::scale::Scale;
use super::{Config, ConfigError, Decoder, DepthHead, MaxVit, SemanticsHead};
use crate::train::nn::{Pass, Store};
use crate::train::op::{self, Backend, LabelError, Map, Number, Scalar};

/// Depth and semantics from one picture.
#[derive(Debug)]
pub struct Dss<E, D: Storage<E>> {
    config: Config,
    store: Store<E, D>,
    encoder: MaxVit<E, D>,
    decoder: Decoder<E, D>,
    /// Where the heads are.
    finest: Scale<E, D>,
    /// What is added there, enlarged.
    coarser: Vec<Scale<E, D>>,
    head_depth: DepthHead<E, D>,
    head_semantics: SemanticsHead<E, D>,
}

/// What the network says, at 1 / `decoder.out_stride` of the picture's resolution.
#[derive(Debug, Clone)]
pub struct Outputs<E, D: Storage<E>> {
    /// Depth in metres `[B, 1, H/4, W/4]`.
    pub depth: Map<E, D>,
    /// Logits `[B, classes, H/4, W/4]`.
    pub logits: Map<E, D>,
}

/// What is true of a batch of pictures.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Depth in metres `[B, H, W]`, 0 where missing; none if only semantics is learned.
    pub depth: Option<&'a [f32]>,
    /// Classes `[B, H, W]`, 255 where missing; none if only depth is learned.
    pub labels: Option<&'a [u8]>,
}

/// The losses of dss.md section 8.
#[derive(Debug, Clone)]
pub struct Losses<E, D: Storage<E>> {
    /// Depth.
    pub depth: Option<Number<E, D>>,
    /// Semantics.
    pub semantics: Option<Number<E, D>>,
    /// The weighted sum.
    pub total: Number<E, D>,
}

impl<E: Scalar, D: Backend<E>> Dss<E, D> {
    /// Builds a network with first values drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A configuration no network can be built from.
    pub fn new(device: D, config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let mut store = Store::new(device, seed);
        let mut place = store.builder();
        let encoder = MaxVit::new(place.at("encoder"), &config.encoder());
        let decoder = Decoder::new(place.at("decoder"), &config);
        let finest = Scale::new(store.builder(), config.out_stride, &config);
        let mut place = store.builder();
        let coarser = config.lgcat_scales.iter().skip(1);
        let coarser =
            coarser.map(|stride| Scale::new(place.at(format_args!("scale.{stride}")), *stride, &config)).collect();
        let head_depth = DepthHead::new(place.at("head.depth"), &config);
        let head_semantics = SemanticsHead::new(place.at("head.semantics"), &config);
        Ok(Self { config, store, encoder, decoder, finest, coarser, head_depth, head_semantics })
    }

    /// What it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it runs.
    pub fn device(&self) -> &D {
        self.store.device()
    }

    /// Its tensors.
    pub fn store(&self) -> &Store<E, D> {
        &self.store
    }

    /// Runs it on normalised pictures `[B, 3, H, W]`.
    ///
    /// # Panics
    ///
    /// When the size of the pictures is no multiple of 32 times the attention window.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Outputs<E, D> {
        let encoded = self.encoder.forward(pass, x);
        let decoded = self.decoder.forward(pass, &encoded);
        let (mut f_d, mut f_s) = self.finest.forward(pass, &decoded[0], "");
        for scale in &self.coarser {
            let (stride, out) = (scale.stride(), self.config.out_stride);
            let map = &decoded[(stride / out).ilog2() as usize];
            let (d, s) = scale.forward(pass, map, &format!(".{stride}"));
            pass.note(&format!("f_d_out.{stride}"), &d);
            pass.note(&format!("f_s_out.{stride}"), &s);
            [f_d, f_s] = [(f_d, d), (f_s, s)].map(|(fine, coarse)| {
                let coarse = self.enlarged(pass, &coarse, stride / out);
                op::add(&mut pass.tape, &fine, &coarse)
            });
        }
        pass.note("f_d_out", &f_d);
        pass.note("f_s_out", &f_s);
        let depth = self.head_depth.forward(pass, &f_d);
        let logits = self.head_semantics.forward(pass, &f_s);
        pass.note("depth_quarter", &depth);
        pass.note("logits_quarter", &logits);
        Outputs { depth, logits }
    }

    /// Depth in metres at the resolution of the picture.
    pub fn full_depth<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, outputs: &Outputs<E, D>) -> Map<E, D> {
        self.enlarged(pass, &outputs.depth, self.config.out_stride)
    }

    /// Logits at the resolution of the picture.
    pub fn full_logits<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, outputs: &Outputs<E, D>) -> Map<E, D> {
        self.enlarged(pass, &outputs.logits, self.config.out_stride)
    }

    fn enlarged<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>, factor: usize) -> Map<E, D> {
        let (_, _, h, w) = *x.shape();
        op::resize2d(&mut pass.tape, x, self.config.resize(), (factor * h, factor * w))
    }

    /// The losses of a batch.
    ///
    /// # Errors
    ///
    /// A label that is no class.
    ///
    /// # Panics
    ///
    /// When the target is of another size than the pictures were.
    pub fn losses<T: Tape<E, D>>(
        &self,
        pass: &mut Pass<E, D, T>,
        outputs: &Outputs<E, D>,
        target: Target,
    ) -> Result<Losses<E, D>, LabelError> {
        let depth = target.depth.map(|truth| {
            let full = self.full_depth(pass, outputs);
            op::silog(&mut pass.tape, &full, truth, self.config.silog())
        });
        let semantics = target.labels.map(|labels| self.semantics_loss(pass, outputs, labels)).transpose()?;
        let weighted = semantics.as_ref().map(|loss| op::times(&mut pass.tape, loss, self.config.lambda_sem));
        let total = match (&depth, weighted) {
            (Some(depth), Some(semantics)) => op::add(&mut pass.tape, depth, &semantics),
            (Some(depth), None) => depth.clone(),
            (None, Some(semantics)) => semantics,
            (None, None) => outputs.depth.device().zeros(),
        };
        Ok(Losses { depth, semantics, total })
    }

    /// Cross-entropy at 1/`sem_loss_stride` of the resolution, with labels sampled at the middle of every cell.
    fn semantics_loss<T: Tape<E, D>>(
        &self,
        pass: &mut Pass<E, D, T>,
        outputs: &Outputs<E, D>,
        labels: &[u8],
    ) -> Result<Number<E, D>, LabelError> {
        let (stride, out) = (self.config.sem_loss_stride, self.config.out_stride);
        let (_, _, h, w) = *outputs.logits.shape();
        let logits = self.enlarged(pass, &outputs.logits, out / stride);
        op::cross_entropy(&mut pass.tape, &logits, &sampled(labels, (out * h, out * w), stride))
    }
}

/// Every `stride`-th row and column of label maps, beginning at `stride / 2`.
fn sampled(labels: &[u8], (h, w): (usize, usize), stride: usize) -> Vec<u8> {
    let rows = labels.chunks_exact(w).enumerate().filter(|(row, _)| row % h % stride == stride / 2);
    rows.flat_map(|(_, row)| row.iter().skip(stride / 2).step_by(stride).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::model::DecoderWidths;

    #[test]
    fn labels_are_sampled_in_the_middle_of_every_cell() {
        // dss.md 3.3: rows and columns s i + floor(s / 2).
        let labels: Vec<u8> = (0..64).collect();
        assert_eq!(sampled(&labels, (4, 8), 2), [9, 11, 13, 15, 25, 27, 29, 31, 41, 43, 45, 47, 57, 59, 61, 63]);
        assert_eq!(sampled(&labels, (8, 8), 4), [18, 22, 50, 54]);
        assert_eq!(sampled(&labels, (8, 8), 1), labels);
    }

    /// dss.md section 5: one more level, that takes the stem's output.
    #[test]
    fn at_stride_2_there_is_one_level_more() {
        use dfdx::tensor::{Cpu, TensorFromVec};
        let nano = || Config::named("dss-nano").unwrap().for_size((32, 64));
        let input = Cpu::default().tensor_from_vec(vec![0.3; 3 * 32 * 64], (1, 3, 32, 64));
        let size = |config: Config| {
            let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 1).unwrap();
            let mut pass = Pass::evaluation();
            let outputs = network.forward(&mut pass, &input);
            assert_eq!(*network.full_depth(&mut pass, &outputs).shape(), (1, 1, 32, 64));
            let target = Target { depth: Some(&[2.0; 32 * 64]), labels: Some(&[3; 32 * 64]) };
            let losses = network.losses(&mut pass, &outputs, target).unwrap();
            assert!(losses.total.as_vec()[0].is_finite());
            (*outputs.logits.shape(), network.store().parameter_count())
        };
        let (shape, usual) = size(nano());
        assert_eq!(shape, (1, 150, 8, 16));
        let (shape, more) = size(Config { out_stride: 2, lgcat_scales: vec![2], ..nano() });
        assert_eq!(shape, (1, 150, 16, 32));
        // lateral.0 from 16 to 32 channels; level.0 from 64 and from 32 to 32, each with a norm.
        assert_eq!(more - usual, (16 * 32 + 32) + (9 * 64 * 32 + 64) + (9 * 32 * 32 + 64));
        let (shape, _) =
            size(Config { out_stride: 2, lgcat_scales: vec![2], decoder_widths: DecoderWidths::Mirror, ..nano() });
        assert_eq!(shape, (1, 150, 16, 32));
        // A third convolution of either neck.
        let (_, more) = size(Config { neck_layers: 3, ..nano() });
        assert_eq!(more - usual, 2 * (9 * 32 * 32 + 64));
    }
}
