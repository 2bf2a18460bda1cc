//! Which configurations a network can be built from.

use super::{Config, ExchangeKind, NAMES};

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
        if self.exchange == ExchangeKind::Ccam && !self.channels.is_multiple_of(8) {
            return refuse("decoder.channels", format!("{} is no multiple of 8, as `ccam` needs", self.channels));
        }
        let rates = [
            ("encoder.drop_path", self.encoder_drop_path),
            ("lgcat.drop_path", self.lgcat_drop_path),
            ("head.sem.dropout", self.dropout),
        ];
        if let Some((key, rate)) = rates.into_iter().find(|(_, rate)| !(0.0..1.0).contains(rate)) {
            return refuse(key, format!("{rate} is not in [0, 1)"));
        }
        let eps = [
            ("encoder.norm_eps", self.encoder_norm_eps),
            ("encoder.layer_norm_eps", self.encoder_layer_norm_eps),
            ("decoder.norm_eps", self.norm_eps),
            ("lgcat.norm_eps", self.lgcat_norm_eps),
            ("loss.eps", self.loss_eps),
        ];
        if let Some((key, eps)) = eps.into_iter().find(|(_, eps)| !(*eps > 0.0 && *eps <= 1.0)) {
            return refuse(key, format!("{eps} is not above 0 and at most 1"));
        }
        if !(self.d_max > 1e-3 && self.d_max <= 1e5) {
            return refuse("d_max", format!("{} m is not above 0.001 m and at most 100 km", self.d_max));
        }
        if self.depth_start.is_some_and(|d| !(d > 0.0 && d < self.d_max)) {
            return refuse("head.depth.start", format!("it is not between 0 and d_max = {} m", self.d_max));
        }
        if !(0.0..self.d_max).contains(&f64::from(self.d_lo)) {
            return refuse("loss.d_lo", format!("{} m is not from 0 to below d_max = {} m", self.d_lo, self.d_max));
        }
        if !(0.0..=1.0).contains(&self.loss_focus) {
            return refuse("loss.focus", format!("{} is not from 0 to 1", self.loss_focus));
        }
        for (key, weight) in [("loss.weight", self.loss_weight), ("loss.lambda_sem", self.lambda_sem)] {
            if !(0.0..=1e6).contains(&weight) {
                return refuse(key, format!("{weight} is not from 0 to 1000000"));
            }
        }
        // Of values from 0 to 1.
        if !self.input_mean.iter().all(|mean| (-10.0..=10.0).contains(mean)) {
            return refuse("input.mean", format!("{:?} are not from -10 to 10", self.input_mean));
        }
        if !self.input_std.iter().all(|std| (1e-3..=1e3).contains(std)) {
            return refuse("input.std", format!("{:?} are not from 0.001 to 1000", self.input_std));
        }
        if ![1, 2, 4].contains(&self.sem_loss_stride) {
            return refuse("loss.sem_stride", format!("{} is not 1, 2 or 4", self.sem_loss_stride));
        }
        if ![2, 4].contains(&self.out_stride) {
            return refuse("decoder.out_stride", format!("{} is not 2 or 4", self.out_stride));
        }
        let scales = &self.lgcat_scales;
        let rising = scales.windows(2).all(|pair| pair[0] < pair[1]);
        if scales.first() != Some(&self.out_stride) || !rising || scales.iter().any(|s| ![2, 4, 8, 16, 32].contains(s))
        {
            let reason = format!(
                "{scales:?} are not decoder.out_stride = {} and rising ones up to 32, such as [4, 8, 16]",
                self.out_stride
            );
            return refuse("lgcat.scales", reason);
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (r#"{"model": "dss-nano", "encoder.norm_eps": 0}"#, "encoder.norm_eps`: 0 is not above 0"),
            (r#"{"model": "dss-nano", "encoder.layer_norm_eps": -1e-5}"#, "encoder.layer_norm_eps"),
            (r#"{"model": "dss-nano", "decoder.norm_eps": 2}"#, "decoder.norm_eps"),
            (r#"{"model": "dss-nano", "lgcat.norm_eps": 0}"#, "lgcat.norm_eps"),
            (r#"{"model": "dss-nano", "loss.eps": 0}"#, "loss.eps"),
            (r#"{"model": "dss-nano", "loss.depth": "berhu"}"#, "adabins"),
            (r#"{"model": "dss-nano", "loss.d_lo": 10}"#, "below d_max = 10 m"),
            (r#"{"model": "dss-nano", "loss.focus": 1.5}"#, "loss.focus"),
            (r#"{"model": "dss-nano", "loss.weight": -1}"#, "loss.weight"),
            (r#"{"model": "dss-nano", "loss.lambda_sem": -0.1}"#, "loss.lambda_sem"),
            (r#"{"model": "dss-nano", "lgcat.pos_bias": "sine"}"#, "relative"),
            (r#"{"model": "dss-nano", "lgcat.shared_weights": 1}"#, "boolean"),
            (r#"{"model": "dss-nano", "lgcat.scales": []}"#, "lgcat.scales"),
            (r#"{"model": "dss-nano", "lgcat.scales": [8]}"#, "decoder.out_stride = 4"),
            (r#"{"model": "dss-nano", "lgcat.scales": [4, 8, 8]}"#, "lgcat.scales"),
            (r#"{"model": "dss-nano", "lgcat.scales": [4, 12]}"#, "lgcat.scales"),
            (r#"{"model": "dss-nano", "lgcat.scales": [4, 64]}"#, "up to 32"),
            (r#"{"model": "dss-nano", "colour": 1}"#, "`colour` is unknown"),
            (r#"{"model": "dss-nano", "exchange": "magic"}"#, "magic"),
            (r#"{"model": "dss-nano", "exchange": "ccam", "decoder.channels": 36}"#, "multiple of 8"),
            (r#"{"model": "dss-nano", "sig.one_way": "yes"}"#, "boolean"),
            (r#"{"model": "dss-nano", "ag_mmd.gate": "both"}"#, "target"),
            (r#"{"model": "dss-nano", "ccam.affinity": "cosine"}"#, "softmax"),
            (r#"{"model": "dss-nano", "cma.scale": "none"}"#, "paper"),
            (r#"{"model": "dss-nano", "d_max": 1e300}"#, "at most 100 km"),
            (r#"{"model": "dss-nano", "input.mean": [1e38, 0, 0]}"#, "input.mean"),
            (r#"{"model": "dss-nano", "input.std": [1e-45, 1, 1]}"#, "input.std"),
            (r#"{"d_max": 1}"#, "names no `model`"),
            ("[", "not readable"),
        ] {
            let message = Config::from_json(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
