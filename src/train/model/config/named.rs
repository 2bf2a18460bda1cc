//! The named configurations, and what follows from the size of the pictures.

use super::{
    Affinity, AgreementScale, Align, Config, ConfigError, DecoderWidths, DepthLoss, ExchangeKind, Fused, Gate, PosBias,
    Residual,
};

/// The named configurations of dss.md section 14.
pub const NAMES: [&str; 5] = ["dss-nano", "dss-tiny", "dss-small", "dss-base", "dss-large"];

impl Config {
    /// The configuration called `name`, for pictures of its default size.
    ///
    /// # Errors
    ///
    /// A name that is not in [`NAMES`].
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        let large_input = (480, 640);
        let (stem, widths, blocks, drop_path) = match name {
            "dss-nano" => (16, [16, 32, 64, 128], [1, 1, 2, 1], 0.0),
            "dss-tiny" => (64, [64, 128, 256, 512], [2, 2, 5, 2], 0.2),
            "dss-small" => (64, [96, 192, 384, 768], [2, 2, 5, 2], 0.2),
            "dss-base" => (64, [96, 192, 384, 768], [2, 6, 14, 2], 0.3),
            "dss-large" => (128, [128, 256, 512, 1024], [2, 6, 14, 2], 0.3),
            _ => return Err(ConfigError::Name { name: name.to_owned() }),
        };
        let nano = name == "dss-nano";
        let config = Self {
            model: name.to_owned(),
            input_size: (0, 0),
            input_mean: [0.5; 3],
            input_std: [0.5; 3],
            encoder_stem: stem,
            encoder_widths: widths,
            encoder_blocks: blocks,
            encoder_head_size: if nano { 16 } else { 32 },
            encoder_window: (0, 0),
            encoder_drop_path: drop_path,
            encoder_norm_eps: 1e-3,
            encoder_layer_norm_eps: 1e-5,
            channels: if nano { 32 } else { 128 },
            decoder_widths: DecoderWidths::Uniform,
            out_stride: 4,
            norm_eps: 1e-5,
            neck_layers: 2,
            resize_align: Align::HalfPixel,
            exchange: ExchangeKind::LgCat,
            lgcat_scales: vec![4],
            lgcat_shared_weights: false,
            lgcat_pos_bias: PosBias::Relative,
            lgcat_norm_eps: 1e-5,
            lgcat_n_s: if nano { 1 } else { 2 },
            lgcat_heads: 4,
            lgcat_window: 7,
            lgcat_residual: Residual::Y,
            lgcat_ffn: true,
            lgcat_ffn_ratio: 4,
            lgcat_drop_path: if nano { 0.0 } else { 0.1 },
            lgcat_fused: Fused::Mbconv,
            lgcat_expansion: 4,
            sig_one_way: false,
            ag_mmd_gate: Gate::Source,
            ccam_affinity: Affinity::Mlp,
            cma_scale: AgreementScale::Paper,
            classes: 150,
            dropout: if nano { 0.0 } else { 0.1 },
            d_max: 10.0,
            depth_start: Some(2.7),
            d_lo: 0.1,
            depth_loss: DepthLoss::Silog,
            loss_eps: 1e-6,
            loss_focus: 0.85,
            loss_weight: 10.0,
            lambda_sem: 1.0,
            sem_loss_stride: 2,
        };
        Ok(config.for_size(if nano { (96, 128) } else { large_input }))
    }

    /// Fewer trained values than a network of this configuration has for certain.
    pub(in crate::train) fn least_parameters(&self) -> usize {
        let blocks = self.encoder_widths.iter().zip(self.encoder_blocks);
        let encoder: usize = blocks.map(|(width, blocks)| blocks * width * width).sum();
        let exchanges = if self.exchange == ExchangeKind::LgCat { self.lgcat_n_s } else { 0 };
        encoder + self.channels * self.channels * (1 + exchanges)
    }

    /// For pictures of `size` rows and columns, with the attention window that belongs to it.
    #[must_use]
    pub fn for_size(self, size: (usize, usize)) -> Self {
        Self { input_size: size, encoder_window: (size.0 / 32, size.1 / 32), ..self }
    }

    /// For pictures of another size than in training, padded to the next multiples of 32: the attention window stays where it divides
    /// the last map (dss.md 3.2, `fixed`), and is else that of the size, to which the bias tables are resized.
    #[must_use]
    pub fn running_at(self, (h, w): (usize, usize)) -> Self {
        let up = |n: usize| n.checked_next_multiple_of(32).unwrap_or(n);
        let (h, w) = (up(h), up(w));
        let (p, q) = self.encoder_window;
        let fits = p > 0 && q > 0 && h % (32 * p) == 0 && w % (32 * q) == 0;
        if fits { Self { input_size: (h, w), ..self } } else { self.for_size((h, w)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_configuration_stands_and_survives_json() {
        for name in NAMES {
            let config = Config::named(name).unwrap();
            config.check().unwrap();
            assert_eq!(Config::from_json(&config.to_json()), Ok(config));
        }
        assert!(Config::named("dss-giant").unwrap_err().to_string().contains("dss-nano"));
    }

    /// dss.md section 14.
    #[test]
    fn larger_networks_drop_more_and_the_smallest_nothing() {
        for (name, encoder, behind) in [
            ("dss-nano", 0.0, 0.0),
            ("dss-tiny", 0.2, 0.1),
            ("dss-small", 0.2, 0.1),
            ("dss-base", 0.3, 0.1),
            ("dss-large", 0.3, 0.1),
        ] {
            let config = Config::named(name).unwrap();
            let found = (config.encoder_drop_path, config.lgcat_drop_path, config.dropout);
            assert_eq!(found, (encoder, behind, behind), "{name}");
        }
    }

    #[test]
    fn a_window_that_divides_the_new_size_stays() {
        // KITTI: trained on crops of 352x608, run on 352x1216 (dss.md 3.2).
        let config = Config::named("dss-tiny").unwrap().for_size((352, 608));
        assert_eq!(config.clone().running_at((352, 1216)).encoder_window, (11, 19));
        assert_eq!(config.clone().running_at((352, 704)).encoder_window, (11, 22));
        assert_eq!(config.running_at((340, 1200)).input_size, (352, 1216), "padded");
    }
}
