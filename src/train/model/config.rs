//! What a DSS network is built from, as stored in checkpoints.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MaxVitConfig;
use crate::train::op::{Resize, SiLog};

/// The named configurations of dss.md section 14.
pub const NAMES: [&str; 5] = ["dss-nano", "dss-tiny", "dss-small", "dss-base", "dss-large"];

/// How features of the two tasks are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeKind {
    /// Not at all: the baseline.
    None,
    /// Local and global cross-attention in both directions (dss.md 6.2 to 6.5).
    LgCat,
}

/// Widths of the decoder's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderWidths {
    /// `decoder.channels` on every level.
    Uniform,
    /// Those of the encoder.
    Mirror,
}

/// What the first sum of a cross-attention layer adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// The stream that is refined.
    Y,
    /// The guide.
    X,
}

/// The block that ends an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fused {
    /// 3x3 that widens, BatchNorm, GELU, 1x1, BatchNorm.
    Mbconv,
    /// Depthwise 3x3, GELU, squeeze-excite, 1x1.
    Gcvit,
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
    /// Width of decoder, neck and exchange.
    #[serde(rename = "decoder.channels")]
    pub channels: usize,
    #[serde(rename = "decoder.widths")]
    pub decoder_widths: DecoderWidths,
    /// Stride of the decoder's last map, on which neck, exchange and heads work: 4, or 2 with one level more.
    #[serde(rename = "decoder.out_stride")]
    pub out_stride: usize,
    /// Convolutions of either neck.
    #[serde(rename = "neck.layers")]
    pub neck_layers: usize,
    /// `half-pixel` or `corners`.
    #[serde(rename = "resize.align")]
    pub resize_align: Align,
    pub exchange: ExchangeKind,
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

/// A configuration no network can be built from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not one of [`NAMES`].
    #[error("there is no model `{name}`; there are {}", NAMES.join(", "))]
    Name {
        /// What was asked for.
        name: String,
    },
    /// The stored configuration is not readable.
    #[error("the configuration is not readable: {reason}")]
    Format {
        /// Why.
        reason: String,
    },
    /// A value that cannot be.
    #[error("configuration `{key}`: {reason}")]
    Value {
        /// Key as in dss.md section 13.
        key: &'static str,
        /// What is wrong, and what is possible.
        reason: String,
    },
}

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
            channels: if nano { 32 } else { 128 },
            decoder_widths: DecoderWidths::Uniform,
            out_stride: 4,
            neck_layers: 2,
            resize_align: Align::HalfPixel,
            exchange: ExchangeKind::LgCat,
            lgcat_n_s: if nano { 1 } else { 2 },
            lgcat_heads: 4,
            lgcat_window: 7,
            lgcat_residual: Residual::Y,
            lgcat_ffn: true,
            lgcat_ffn_ratio: 4,
            lgcat_drop_path: if nano { 0.0 } else { 0.1 },
            lgcat_fused: Fused::Mbconv,
            lgcat_expansion: 4,
            classes: 150,
            dropout: if nano { 0.0 } else { 0.1 },
            d_max: 10.0,
            depth_start: Some(2.7),
            d_lo: 0.1,
            loss_focus: 0.85,
            loss_weight: 10.0,
            lambda_sem: 1.0,
            sem_loss_stride: 2,
        };
        Ok(config.for_size(if nano { (96, 128) } else { large_input }))
    }

    /// For pictures of `size` rows and columns, with the attention window that belongs to it.
    #[must_use]
    pub fn for_size(self, size: (usize, usize)) -> Self {
        Self { input_size: size, encoder_window: (size.0 / 32, size.1 / 32), ..self }
    }

    /// For pictures of another size than in training: the attention window stays where it divides the last map (dss.md 3.2, `fixed`),
    /// and is else that of the size, to which the bias tables are resized.
    #[must_use]
    pub fn running_at(self, (h, w): (usize, usize)) -> Self {
        let (p, q) = self.encoder_window;
        let fits = p > 0 && q > 0 && h % (32 * p) == 0 && w % (32 * q) == 0;
        if fits { Self { input_size: (h, w), ..self } } else { self.for_size((h, w)) }
    }

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
        for (key, value) in given {
            if !all.contains_key(&key) {
                return Err(unreadable(format!("key `{key}` is unknown")));
            }
            all.insert(key, value);
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

    /// Whether a network of this configuration can be built.
    ///
    /// # Errors
    ///
    /// The first value that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, reason: String| Err(ConfigError::Value { key, reason });
        let ((h, w), (p, q)) = (self.input_size, self.encoder_window);
        if h == 0 || w == 0 || h % 32 != 0 || w % 32 != 0 || h > 8192 || w > 8192 {
            return refuse("input.size", format!("{h} x {w} are not multiples of 32 up to 8192"));
        }
        if p == 0 || q == 0 || (h / 32) % p != 0 || (w / 32) % q != 0 {
            let reason = format!("{p} x {q} does not divide the last map of {} x {}", h / 32, w / 32);
            return refuse("encoder.window", reason);
        }
        let counts: [(&'static str, usize); 13] = [
            ("encoder.stem", self.encoder_stem),
            ("encoder.widths", self.encoder_widths[0]),
            ("encoder.widths", self.encoder_widths[1]),
            ("encoder.widths", self.encoder_widths[2]),
            ("encoder.widths", self.encoder_widths[3]),
            ("encoder.head_size", self.encoder_head_size),
            ("decoder.channels", self.channels),
            ("lgcat.heads", self.lgcat_heads),
            ("lgcat.window", self.lgcat_window),
            ("lgcat.n_s", self.lgcat_n_s),
            ("lgcat.ffn_ratio", self.lgcat_ffn_ratio),
            ("lgcat.expansion", self.lgcat_expansion),
            ("head.sem.classes", self.classes),
        ];
        for (key, value) in counts {
            if value == 0 || value > 4096 {
                return refuse(key, format!("{value} is not between 1 and 4096"));
            }
        }
        if self.classes > 255 {
            return refuse("head.sem.classes", format!("{} classes do not fit a label map, 255 do", self.classes));
        }
        if self.encoder_widths.iter().any(|c| c % self.encoder_head_size != 0 || c % 4 != 0) {
            let reason = format!("{:?} are not multiples of 4 and of the head size", self.encoder_widths);
            return refuse("encoder.widths", reason);
        }
        if self.encoder_blocks.iter().any(|n| *n == 0 || *n > 100) {
            return refuse("encoder.blocks", format!("{:?} are not between 1 and 100", self.encoder_blocks));
        }
        if !self.channels.is_multiple_of(self.lgcat_heads) || !self.channels.is_multiple_of(4) {
            let reason = format!("{} is no multiple of 4 and of {} heads", self.channels, self.lgcat_heads);
            return refuse("decoder.channels", reason);
        }
        let rates = [
            ("encoder.drop_path", self.encoder_drop_path),
            ("lgcat.drop_path", self.lgcat_drop_path),
            ("head.sem.dropout", self.dropout),
        ];
        if let Some((key, rate)) = rates.into_iter().find(|(_, rate)| !(0.0..1.0).contains(rate)) {
            return refuse(key, format!("{rate} is not in [0, 1)"));
        }
        if !(self.d_max.is_finite() && self.d_max > 1e-3) {
            return refuse("d_max", format!("{} m is no largest depth", self.d_max));
        }
        if self.depth_start.is_some_and(|d| !(d > 0.0 && d < self.d_max)) {
            return refuse("head.depth.start", format!("it is not between 0 and d_max = {} m", self.d_max));
        }
        if !self.input_std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return refuse("input.std", format!("{:?} are not positive", self.input_std));
        }
        if ![1, 2, 4].contains(&self.sem_loss_stride) {
            return refuse("loss.sem_stride", format!("{} is not 1, 2 or 4", self.sem_loss_stride));
        }
        if ![2, 4].contains(&self.out_stride) {
            return refuse("decoder.out_stride", format!("{} is not 2 or 4", self.out_stride));
        }
        if self.sem_loss_stride > self.out_stride {
            let reason = format!("{} is more than decoder.out_stride = {}", self.sem_loss_stride, self.out_stride);
            return refuse("loss.sem_stride", reason);
        }
        if self.neck_layers == 0 || self.neck_layers > 16 {
            return refuse("neck.layers", format!("{} is not between 1 and 16", self.neck_layers));
        }
        Ok(())
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
        }
    }

    /// The depth loss.
    pub fn silog(&self) -> SiLog {
        SiLog { low: self.d_lo, high: self.d_max as f32, focus: self.loss_focus, weight: self.loss_weight, eps: 1e-6 }
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
    fn every_named_configuration_stands_and_survives_json() {
        for name in NAMES {
            let config = Config::named(name).unwrap();
            config.check().unwrap();
            assert_eq!(Config::from_json(&config.to_json()), Ok(config));
        }
        assert!(Config::named("dss-giant").unwrap_err().to_string().contains("dss-nano"));
    }

    #[test]
    fn a_short_object_is_completed_from_the_named_configuration() {
        let text = r#"{"model": "dss-nano", "d_max": 80.0, "exchange": "none"}"#;
        let config = Config::from_json(text).unwrap();
        assert_eq!((config.d_max, config.exchange, config.channels), (80.0, ExchangeKind::None, 32));
    }

    #[test]
    fn a_window_that_divides_the_new_size_stays() {
        // KITTI: trained on crops of 352x608, run on 352x1216 (dss.md 3.2).
        let config = Config::named("dss-tiny").unwrap().for_size((352, 608));
        assert_eq!(config.clone().running_at((352, 1216)).encoder_window, (11, 19));
        assert_eq!(config.running_at((352, 704)).encoder_window, (11, 22));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (text, part) in [
            (r#"{"model": "dss-nano", "input.size": [100, 128]}"#, "input.size"),
            (r#"{"model": "dss-nano", "encoder.window": [2, 4]}"#, "encoder.window"),
            (r#"{"model": "dss-nano", "lgcat.heads": 5}"#, "decoder.channels"),
            (r#"{"model": "dss-nano", "lgcat.heads": 0}"#, "lgcat.heads"),
            (r#"{"model": "dss-nano", "head.sem.classes": 256}"#, "head.sem.classes"),
            (r#"{"model": "dss-nano", "decoder.out_stride": 8}"#, "not 2 or 4"),
            (r#"{"model": "dss-nano", "decoder.out_stride": 2, "loss.sem_stride": 4}"#, "loss.sem_stride"),
            (r#"{"model": "dss-nano", "neck.layers": 0}"#, "neck.layers"),
            (r#"{"model": "dss-nano", "colour": 1}"#, "`colour` is unknown"),
            (r#"{"model": "dss-nano", "exchange": "magic"}"#, "magic"),
            (r#"{"d_max": 1}"#, "names no `model`"),
            ("[", "not readable"),
        ] {
            let message = Config::from_json(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
