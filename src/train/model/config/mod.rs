//! What a DSS network is built from, as stored in checkpoints.

mod check;
mod exchange;
mod named;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MaxVitConfig;
use crate::train::op::{Resize, SiLog};
pub use check::ConfigError;
pub use exchange::{Affinity, AgreementScale, ExchangeKind, Fused, Gate, PosBias, Residual};
pub use named::NAMES;

/// Widths of the decoder's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderWidths {
    /// `decoder.channels` on every level.
    Uniform,
    /// Those of the encoder.
    Mirror,
}

/// The loss of depth (dss.md 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthLoss {
    /// weight sqrt(mean g^2 - focus (mean g)^2 + eps), g the difference of the logarithms.
    Silog,
    /// weight sqrt(variance of g, without bias, + (1 - focus) (mean g)^2 + eps), as in the code of AdaBins.
    Adabins,
}

/// Every choice of a DSS network; keys as in dss.md section 13.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Config {
    /// Name of the configuration this one began as.
    pub model: String,
    /// Rows and columns of the pictures.
    #[serde(rename = "input.size")]
    pub input_size: (usize, usize),
    /// Taken off every channel of a picture in [0, 1].
    #[serde(rename = "input.mean")]
    pub input_mean: [f32; 3],
    /// Divides every channel afterwards.
    #[serde(rename = "input.std")]
    pub input_std: [f32; 3],
    #[serde(rename = "encoder.stem")]
    pub encoder_stem: usize,
    #[serde(rename = "encoder.widths")]
    pub encoder_widths: [usize; 4],
    #[serde(rename = "encoder.blocks")]
    pub encoder_blocks: [usize; 4],
    #[serde(rename = "encoder.head_size")]
    pub encoder_head_size: usize,
    /// Rows and columns of the attention windows; they divide the map of every stage.
    #[serde(rename = "encoder.window")]
    pub encoder_window: (usize, usize),
    #[serde(rename = "encoder.drop_path")]
    pub encoder_drop_path: f64,
    /// eps of every BatchNorm of the encoder.
    #[serde(rename = "encoder.norm_eps")]
    pub encoder_norm_eps: f64,
    /// eps of every LayerNorm of the encoder.
    #[serde(rename = "encoder.layer_norm_eps")]
    pub encoder_layer_norm_eps: f64,
    /// Width of decoder, neck and exchange.
    #[serde(rename = "decoder.channels")]
    pub channels: usize,
    #[serde(rename = "decoder.widths")]
    pub decoder_widths: DecoderWidths,
    /// Stride of the decoder's last map, on which neck, exchange and heads work: 4, or 2 with one level more.
    #[serde(rename = "decoder.out_stride")]
    pub out_stride: usize,
    /// eps of every BatchNorm behind the encoder: of decoder, necks, exchange and heads.
    #[serde(rename = "decoder.norm_eps")]
    pub norm_eps: f64,
    /// Convolutions of either neck.
    #[serde(rename = "neck.layers")]
    pub neck_layers: usize,
    /// `half-pixel` or `corners`.
    #[serde(rename = "resize.align")]
    pub resize_align: Align,
    pub exchange: ExchangeKind,
    /// Strides of the decoder's maps that have necks and an exchange: that of the finest, on which the heads work, then rising ones
    /// whose refined maps are enlarged and added.
    #[serde(rename = "lgcat.scales")]
    pub lgcat_scales: Vec<usize>,
    /// Whether both directions have the same weights.
    #[serde(rename = "lgcat.shared_weights")]
    pub lgcat_shared_weights: bool,
    #[serde(rename = "lgcat.pos_bias")]
    pub lgcat_pos_bias: PosBias,
    /// eps of every LayerNorm of the exchange.
    #[serde(rename = "lgcat.norm_eps")]
    pub lgcat_norm_eps: f64,
    #[serde(rename = "lgcat.n_s")]
    pub lgcat_n_s: usize,
    #[serde(rename = "lgcat.heads")]
    pub lgcat_heads: usize,
    #[serde(rename = "lgcat.window")]
    pub lgcat_window: usize,
    #[serde(rename = "lgcat.residual")]
    pub lgcat_residual: Residual,
    #[serde(rename = "lgcat.ffn")]
    pub lgcat_ffn: bool,
    #[serde(rename = "lgcat.ffn_ratio")]
    pub lgcat_ffn_ratio: usize,
    #[serde(rename = "lgcat.drop_path")]
    pub lgcat_drop_path: f64,
    #[serde(rename = "lgcat.fused")]
    pub lgcat_fused: Fused,
    #[serde(rename = "lgcat.expansion")]
    pub lgcat_expansion: usize,
    /// Whether semantics guides depth alone.
    #[serde(rename = "sig.one_way")]
    pub sig_one_way: bool,
    #[serde(rename = "ag_mmd.gate")]
    pub ag_mmd_gate: Gate,
    #[serde(rename = "ccam.affinity")]
    pub ccam_affinity: Affinity,
    #[serde(rename = "cma.scale")]
    pub cma_scale: AgreementScale,
    #[serde(rename = "head.sem.classes")]
    pub classes: usize,
    #[serde(rename = "head.sem.dropout")]
    pub dropout: f64,
    /// Largest depth in metres.
    pub d_max: f64,
    /// Depth in metres that the untrained network says; none for the middle of the range.
    #[serde(rename = "head.depth.start")]
    pub depth_start: Option<f64>,
    /// True depths count above this.
    #[serde(rename = "loss.d_lo")]
    pub d_lo: f32,
    #[serde(rename = "loss.depth")]
    pub depth_loss: DepthLoss,
    /// Added under the root of the depth loss.
    #[serde(rename = "loss.eps")]
    pub loss_eps: f64,
    #[serde(rename = "loss.focus")]
    pub loss_focus: f64,
    #[serde(rename = "loss.weight")]
    pub loss_weight: f64,
    #[serde(rename = "loss.lambda_sem")]
    pub lambda_sem: f64,
    /// The semantic loss compares at 1 / this of the picture's resolution: 1, 2 or 4.
    #[serde(rename = "loss.sem_stride")]
    pub sem_loss_stride: usize,
}

/// Bilinear enlargement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Half-pixel centres.
    HalfPixel,
    /// Corner cells coincide.
    Corners,
}

/// Key whose value follows `decoder.out_stride` where it is not given.
const SCALES: &str = "lgcat.scales";

impl Config {
    /// Reads the flat JSON object of a checkpoint: the named configuration with the given values in place of its own.
    ///
    /// # Errors
    ///
    /// Text that is no JSON object, a key or value that is unknown, a network that cannot be.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let unreadable = |reason: String| ConfigError::Format { reason };
        let given: Map<String, Value> = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        let name =
            given.get("model").and_then(Value::as_str).ok_or_else(|| unreadable("it names no `model`".into()))?;
        let Value::Object(mut all) = Self::named(name)?.to_value() else {
            return Err(unreadable("it is no object".into()));
        };
        let scales_are_given = given.contains_key(SCALES);
        for (key, value) in given {
            if !all.contains_key(&key) {
                return Err(unreadable(format!("key `{key}` is unknown")));
            }
            all.insert(key, value);
        }
        if !scales_are_given {
            // The finest map alone, whatever its stride.
            let finest = all.get("decoder.out_stride").cloned();
            all.insert(SCALES.to_owned(), finest.into_iter().collect());
        }
        let config: Self = serde_json::from_value(Value::Object(all)).map_err(|e| unreadable(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// As a flat JSON object.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The encoder's part.
    pub fn encoder(&self) -> MaxVitConfig {
        MaxVitConfig {
            stem: self.encoder_stem,
            widths: self.encoder_widths,
            blocks: self.encoder_blocks,
            head_size: self.encoder_head_size,
            window: self.encoder_window,
            drop_path: self.encoder_drop_path,
            norm_eps: self.encoder_norm_eps,
            layer_norm_eps: self.encoder_layer_norm_eps,
        }
    }

    /// The depth loss.
    pub fn silog(&self) -> SiLog {
        SiLog {
            low: self.d_lo,
            high: self.d_max as f32,
            focus: self.loss_focus,
            weight: self.loss_weight,
            eps: self.loss_eps,
            unbiased: self.depth_loss == DepthLoss::Adabins,
        }
    }

    /// The enlargement of maps.
    pub fn resize(&self) -> Resize {
        match self.resize_align {
            Align::HalfPixel => Resize::HalfPixel,
            Align::Corners => Resize::Corners,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_object_is_completed_from_the_named_configuration() {
        let text = r#"{"model": "dss-nano", "d_max": 80.0, "exchange": "none"}"#;
        let config = Config::from_json(text).unwrap();
        assert_eq!((config.d_max, config.exchange, config.channels), (80.0, ExchangeKind::None, 32));
        // dss.md 3.3, 6.2 to 6.4 and 8.1.
        assert_eq!((config.encoder_norm_eps, config.encoder_layer_norm_eps), (1e-3, 1e-5));
        assert_eq!((config.norm_eps, config.lgcat_norm_eps, config.loss_eps), (1e-5, 1e-5, 1e-6));
        assert_eq!((config.lgcat_pos_bias, config.lgcat_shared_weights), (PosBias::Relative, false));
        assert_eq!((config.lgcat_scales, config.depth_loss), (vec![4], DepthLoss::Silog));
    }
    #[test]
    fn features_are_exchanged_on_the_finest_map_unless_said_otherwise() {
        let scales = |text: &str| Config::from_json(text).unwrap().lgcat_scales;
        assert_eq!(scales(r#"{"model": "dss-nano", "decoder.out_stride": 2, "loss.sem_stride": 2}"#), [2]);
        assert_eq!(scales(r#"{"model": "dss-nano", "lgcat.scales": [4, 8, 16]}"#), [4, 8, 16]);
    }
}
