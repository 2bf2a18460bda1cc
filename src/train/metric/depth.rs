//! Depth metrics of pictures and their averages (evaluation.md sections 1 and 4).

use serde::Serialize;

/// The metrics of one picture, or their means over pictures.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Depth {
    /// Mean of |d - g| / g.
    pub abs_rel: f64,
    /// Mean of (d - g)^2 / g, metres.
    pub sq_rel: f64,
    /// Root of the mean of (d - g)^2, metres.
    pub rms: f64,
    /// Root of the mean of (ln d - ln g)^2.
    pub rms_log: f64,
    /// Mean of |log10 d - log10 g|.
    pub log10: f64,
    /// 100 times the deviation of ln d - ln g.
    pub silog: f64,
    /// Share of pixels with max(d/g, g/d) below 1.25.
    pub d1: f64,
    /// The same below 1.25^2.
    pub d2: f64,
    /// The same below 1.25^3.
    pub d3: f64,
}

impl Depth {
    /// The metrics over pairs of prediction and truth in metres, both positive; none without a pair.
    pub fn over(pairs: impl Iterator<Item = (f64, f64)>) -> Option<(Self, usize)> {
        let (mut n, mut sums, mut mean_error) = (0usize, Self::default(), 0.0);
        for (d, g) in pairs {
            n += 1;
            let (difference, error, ratio) = (d - g, d.ln() - g.ln(), (d / g).max(g / d));
            sums.abs_rel += difference.abs() / g;
            sums.sq_rel += difference * difference / g;
            sums.rms += difference * difference;
            sums.rms_log += error * error;
            sums.log10 += (d.log10() - g.log10()).abs();
            mean_error += error;
            let within = |power: i32| f64::from(u8::from(ratio < 1.25f64.powi(power)));
            sums.d1 += within(1);
            sums.d2 += within(2);
            sums.d3 += within(3);
        }
        if n == 0 {
            return None;
        }
        let mut mean = sums.map(|v| v / n as f64);
        let mean_error = mean_error / n as f64;
        mean.silog = 100.0 * (mean.rms_log - mean_error * mean_error).max(0.0).sqrt();
        (mean.rms, mean.rms_log) = (mean.rms.sqrt(), mean.rms_log.sqrt());
        Some((mean, n))
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            abs_rel: f(self.abs_rel),
            sq_rel: f(self.sq_rel),
            rms: f(self.rms),
            rms_log: f(self.rms_log),
            log10: f(self.log10),
            silog: f(self.silog),
            d1: f(self.d1),
            d2: f(self.d2),
            d3: f(self.d3),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            abs_rel: self.abs_rel + other.abs_rel,
            sq_rel: self.sq_rel + other.sq_rel,
            rms: self.rms + other.rms,
            rms_log: self.rms_log + other.rms_log,
            log10: self.log10 + other.log10,
            silog: self.silog + other.silog,
            d1: self.d1 + other.d1,
            d2: self.d2 + other.d2,
            d3: self.d3 + other.d3,
        }
    }
}

/// The evaluation of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Picture {
    /// Its metrics; none without a pixel to evaluate.
    pub metrics: Option<Depth>,
    /// Pixels evaluated.
    pub pixels: usize,
    /// The factor of median scaling, when asked for.
    pub scale: Option<f64>,
}

/// Evaluates one picture from the predictions and truths of its valid pixels, in metres. Predictions are clamped to `range`,
/// after median scaling when `median_scaling` is set.
pub fn picture(pairs: &[(f32, f32)], range: (f32, f32), median_scaling: bool) -> Picture {
    let scale = median_scaling.then(|| {
        let of = |f: fn(&(f32, f32)) -> f32| median(pairs.iter().map(|pair| f64::from(f(pair))).collect());
        of(|(_, g)| *g).zip(of(|(d, _)| *d)).map(|(g, d)| g / d)
    });
    let scale = scale.flatten().filter(|scale| scale.is_finite());
    let (low, high) = (f64::from(range.0), f64::from(range.1));
    let clamped = pairs.iter().map(|(d, g)| {
        let d = f64::from(*d) * scale.unwrap_or(1.0);
        (if d.is_nan() { low } else { d.clamp(low, high) }, f64::from(*g))
    });
    match Depth::over(clamped) {
        Some((metrics, pixels)) => Picture { metrics: Some(metrics), pixels, scale },
        None => Picture { metrics: None, pixels: 0, scale: None },
    }
}

/// The mean of the two middle values for an even count.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { 0.5 * (values[middle - 1] + upper) })
}

/// Metrics averaged over pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Average {
    /// Pictures with a pixel to evaluate.
    pub pictures: usize,
    /// Pictures without.
    pub skipped: usize,
    /// Means over the pictures; none when all were skipped.
    pub average: Option<Depth>,
    /// Of every picture, in order.
    pub per_picture: Vec<Option<Depth>>,
    /// Pixels evaluated in every picture.
    pub pixels: Vec<usize>,
    /// Factors of median scaling.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<f64>,
    /// Their median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_median: Option<f64>,
    /// Deviation of the factors over their median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_std: Option<f64>,
}

/// Averages pictures; those without a pixel to evaluate are not counted.
pub fn average(pictures: &[Picture]) -> Average {
    let counted: Vec<Depth> = pictures.iter().filter_map(|p| p.metrics).collect();
    let sum = counted.iter().fold(Depth::default(), |sum, d| sum.plus(*d));
    let scales: Vec<f64> = pictures.iter().filter_map(|p| p.scale).collect();
    let scale_median = median(scales.clone());
    let scale_std = scale_median.map(|middle| {
        let relative: Vec<f64> = scales.iter().map(|s| s / middle).collect();
        let mean = relative.iter().sum::<f64>() / relative.len() as f64;
        (relative.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / relative.len() as f64).sqrt()
    });
    Average {
        pictures: counted.len(),
        skipped: pictures.len() - counted.len(),
        average: (!counted.is_empty()).then(|| sum.map(|v| v / counted.len() as f64)),
        per_picture: pictures.iter().map(|p| p.metrics).collect(),
        pixels: pictures.iter().map(|p| p.pixels).collect(),
        scales,
        scale_median,
        scale_std,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: [(f32, f32); 4] = [(1.1, 1.0), (1.8, 2.0), (5.2, 4.0), (8.0, 8.0)];

    #[test]
    fn the_check_values_of_the_specification() {
        // evaluation.md section 1.
        let found = picture(&PAIRS, (1e-3, 10.0), false).metrics.unwrap();
        for (found, expected) in [
            (found.abs_rel, 0.125),
            (found.sq_rel, 0.0975),
            (found.rms, 0.610328),
            (found.rms_log, 0.149181),
            (found.log10, 0.0502734),
            (found.silog, 13.518903),
            (found.d1, 0.75),
            (found.d2, 1.0),
            (found.d3, 1.0),
        ] {
            assert!((found - expected).abs() < 2e-6, "{found} instead of {expected}");
        }
    }

    #[test]
    fn the_median_factor_of_the_specification() {
        let found = picture(&PAIRS, (1e-3, 10.0), true);
        assert!((found.scale.unwrap() - 3.0 / 3.5).abs() < 1e-6);
    }

    #[test]
    fn a_picture_without_pixels_is_skipped() {
        let found = average(&[picture(&[], (1e-3, 10.0), true), picture(&PAIRS, (1e-3, 10.0), false)]);
        assert_eq!((found.pictures, found.skipped, found.pixels), (1, 1, vec![0, 4]));
        assert_eq!(average(&[]).average, None);
    }
}
