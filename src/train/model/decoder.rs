//! The decoder shared by both tasks (dss.md section 5).

use dfdx::shapes::HasShape;
use dfdx::tensor::{Storage, Tape};

use super::{Config, DecoderWidths};
use crate::train::nn::{Builder, Conv, ConvNorm, Pass};
use crate::train::op::{self, Backend, Map, Resize, Scalar};

/// From the outputs of the encoder to a map at stride 4, or 2, and coarser ones on the way.
#[derive(Debug)]
pub struct Decoder<E, D: Storage<E>> {
    /// Number of the finest level: 1 at stride 4, 0 at stride 2.
    finest: usize,
    /// The finest level first; none with mirrored widths.
    laterals: Option<Vec<Conv<E, D>>>,
    /// The finest level first.
    levels: Vec<[ConvNorm<E, D>; 2]>,
    resize: Resize,
}

impl<E: Scalar, D: Backend<E>> Decoder<E, D> {
    /// Builds it.
    pub fn new(mut place: Builder<E, D>, config: &Config) -> Self {
        let (encoder, c) = (encoder_widths(config), config.channels);
        let finest = finest(config);
        let (laterals, widths) = match config.decoder_widths {
            DecoderWidths::Uniform => {
                let lateral = |i: usize| Conv::new(place.at(format_args!("lateral.{i}")), encoder[i], c, 1, true);
                (Some((finest..5).map(lateral).collect()), [c; 5])
            }
            DecoderWidths::Mirror => (None, encoder),
        };
        // Built from the coarsest, as they are run.
        let mut levels: Vec<[ConvNorm<E, D>; 2]> = (finest..5)
            .rev()
            .map(|i| {
                let inputs = widths[i] + widths.get(i + 1).unwrap_or(&0);
                let mut place = place.at(format_args!("level.{i}"));
                let first = ConvNorm::new(place.at(0), inputs, widths[i], 3, config.norm_eps);
                [first, ConvNorm::new(place.at(1), widths[i], widths[i], 3, config.norm_eps)]
            })
            .collect();
        levels.reverse();
        Self { finest, laterals, levels, resize: config.resize() }
    }

    /// Channels of the map at `stride`, 2 to 32.
    pub fn width(config: &Config, stride: usize) -> usize {
        match config.decoder_widths {
            DecoderWidths::Uniform => config.channels,
            DecoderWidths::Mirror => encoder_widths(config)[stride.ilog2() as usize - 1],
        }
    }

    /// A map at every stride, the finest first, from the stem's output and those of the four stages.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, encoded: &[Map<E, D>]) -> Vec<Map<E, D>> {
        let mut maps: Vec<Map<E, D>> = Vec::new();
        let levels = self.levels.iter().zip(encoded.iter().skip(self.finest)).enumerate();
        for (i, ([first, second], e)) in levels.rev() {
            let lateral = match self.laterals.as_ref().and_then(|laterals| laterals.get(i)) {
                Some(conv) => conv.forward(pass, e),
                None => e.clone(),
            };
            let joined = match maps.last() {
                Some(d) => {
                    let (_, _, h, w) = *d.shape();
                    let up = op::resize2d(&mut pass.tape, d, self.resize, (2 * h, 2 * w));
                    op::concat_channels(&mut pass.tape, &up, &lateral)
                }
                None => lateral,
            };
            let d = first.forward(pass, &joined);
            let d = second.forward(pass, &d);
            pass.note(&format!("d{}", i + self.finest), &d);
            maps.push(d);
        }
        maps.reverse();
        maps
    }
}

/// Number of the finest level.
fn finest(config: &Config) -> usize {
    usize::from(config.out_stride == 4)
}

/// Widths of the stem and of the four stages.
fn encoder_widths(config: &Config) -> [usize; 5] {
    let [a, b, c, d] = config.encoder_widths;
    [config.encoder_stem, a, b, c, d]
}
