use serde::Serialize;

use super::stats::{ClassCounts, DepthStats, Stats};
use crate::label::LabelSpace;

/// What [`Stats`] amount to, in the units people read: metres and shares. This is what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Samples counted.
    pub n_samples: u64,
    /// The `depth` field.
    pub depth: DepthSummary,
    /// The `raw_depth` field, when the samples have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_depth: Option<DepthSummary>,
    /// The `semantics` field, when the samples have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantics: Option<ClassSummary>,
}

/// Depth in numbers; those that do not exist without a measurement are `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepthSummary {
    /// Pixels, measured or not.
    pub n_pixels: u64,
    /// Pixels with a measurement.
    pub n_valid: u64,
    /// Their share, 0..1.
    pub valid_share: Option<f64>,
    /// Samples without any measurement.
    pub n_samples_without: u64,
    /// Smallest measurement.
    pub min_m: Option<f32>,
    /// Largest measurement.
    pub max_m: Option<f32>,
    /// Mean of the measurements.
    pub mean_m: Option<f64>,
    /// Their standard deviation.
    pub std_m: Option<f64>,
    /// Quantiles, to the millimetre.
    pub quantiles_m: Option<Quantiles>,
    /// How the measurements spread.
    pub histogram: Histogram,
}

/// Depths that 1, 5, 25, 50, 75, 95 and 99 % of the measurements do not exceed, in metres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Quantiles {
    pub p01: f64,
    pub p05: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
    pub p99: f64,
}

/// Counts in bins of equal width that begin at 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Width of a bin in metres, a whole number of millimetres.
    pub bin_m: f64,
    /// Whether the last bin holds larger depths as well.
    pub last_is_open: bool,
    /// Measurements in each bin, whose depth was rounded to millimetres before.
    pub counts: Vec<u64>,
}

/// Class ids in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassSummary {
    /// The space of the ids.
    pub label_space: LabelSpace,
    /// Pixels, labelled or not.
    pub n_pixels: u64,
    /// Pixels with a class.
    pub n_labelled: u64,
    /// Their share, 0..1.
    pub coverage: Option<f64>,
    /// The classes that occur, the most frequent first.
    pub classes: Vec<ClassShare>,
}

/// How often one class occurs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassShare {
    /// Id in the label space.
    pub id: u8,
    /// Its name; the id itself when the space does not know it.
    pub name: String,
    /// Pixels of the class.
    pub n_pixels: u64,
    /// Their share of all pixels that have a class, 0..1.
    pub share: f64,
    /// Samples in which it occurs.
    pub n_samples: u64,
}

/// Most bins of a histogram.
const MAX_BINS: f64 = 80.0;

impl Summary {
    /// Sums up counts; `space` is that of the class ids.
    #[must_use]
    pub fn new(stats: &Stats, space: LabelSpace) -> Self {
        Self {
            n_samples: stats.n_samples,
            depth: DepthSummary::new(&stats.depth),
            raw_depth: (stats.raw_depth.n_pixels > 0).then(|| DepthSummary::new(&stats.raw_depth)),
            semantics: stats.classes.as_ref().map(|c| ClassSummary::new(c, space)),
        }
    }
}

impl DepthSummary {
    fn new(depth: &DepthStats) -> Self {
        let q = |q| depth.quantile_m(q).unwrap_or_default();
        let quantiles = || Quantiles {
            p01: q(0.01),
            p05: q(0.05),
            p25: q(0.25),
            p50: q(0.5),
            p75: q(0.75),
            p95: q(0.95),
            p99: q(0.99),
        };
        Self {
            n_pixels: depth.n_pixels,
            n_valid: depth.n_valid,
            valid_share: depth.valid_share(),
            n_samples_without: depth.n_empty,
            min_m: depth.min_m(),
            max_m: depth.max_m(),
            mean_m: depth.mean_m(),
            std_m: depth.std_m(),
            quantiles_m: (depth.n_valid > 0).then(quantiles),
            histogram: Histogram::new(depth),
        }
    }
}

impl Histogram {
    fn new(depth: &DepthStats) -> Self {
        let max_m = f64::from(depth.max_m().unwrap_or_default());
        // A few wild values must not squeeze all others into one bin.
        let end_m = max_m.min(1.25 * depth.quantile_m(0.999).unwrap_or_default());
        let width_mm = round_up_nicely(end_m * 1000.0 / MAX_BINS).max(1.0);
        let n_bins = (end_m * 1000.0 / width_mm).floor() as usize + 1;
        Self {
            bin_m: width_mm / 1000.0,
            last_is_open: max_m * 1000.0 >= n_bins as f64 * width_mm,
            counts: if depth.n_valid == 0 { Vec::new() } else { depth.histogram(width_mm as usize, n_bins) },
        }
    }
}

impl ClassSummary {
    fn new(counts: &ClassCounts, space: LabelSpace) -> Self {
        let n_pixels = counts.n_pixels();
        let n_labelled = n_pixels - counts.pixels[255];
        let share = |(id, n_pixels): (u8, u64)| ClassShare {
            id,
            name: space.class_name(id).map_or_else(|| format!("{id} (no class)"), str::to_owned),
            n_pixels,
            share: n_pixels as f64 / n_labelled as f64,
            n_samples: counts.samples[usize::from(id)],
        };
        Self {
            label_space: space,
            n_pixels,
            n_labelled,
            coverage: counts.coverage(),
            classes: counts.by_frequency().into_iter().map(share).collect(),
        }
    }
}

/// The smallest of 1, 2, 5, 10, 20, 50, ... (and 0.1, 0.2, 0.5, ...) that is not less.
pub(super) fn round_up_nicely(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let ten = 10_f64.powf(value.log10().floor());
    // A hair of tolerance: 0.2 / 0.1 must count as 2.
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * ten).find(|&v| v >= value * (1.0 - 1e-9)).unwrap_or(10.0 * ten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Depth, Image, Sample, Semantics, Size};
    use ndarray::array;

    #[test]
    fn nice_numbers() {
        let nice = [0.0, 0.1, 0.11, 1.0, 1.2, 3.0, 5.1, 99.0, 100.0].map(round_up_nicely);
        assert_eq!(nice, [1.0, 0.1, 0.2, 1.0, 2.0, 5.0, 10.0, 100.0, 100.0]);
    }

    #[test]
    fn a_sample_in_numbers() {
        let mut sample =
            Sample::new(Image::filled(Size::new(1, 4), 0), Depth::from_metres(array![[1.0, 2.0, 3.0, 0.0]]).0);
        sample.semantics = Some(Semantics::new(array![[19, 19, 0, 255]]));
        let summary = Summary::new(&Stats::of(&sample), LabelSpace::Ade20k150);
        assert_eq!(summary.depth.valid_share, Some(0.75));
        assert_eq!(summary.depth.quantiles_m.unwrap().p50, 2.0);
        assert_eq!((summary.depth.histogram.bin_m, summary.depth.histogram.counts.iter().sum::<u64>()), (0.05, 3));
        assert!(!summary.depth.histogram.last_is_open);
        let classes = summary.semantics.unwrap();
        assert_eq!((classes.n_labelled, classes.coverage), (3, Some(0.75)));
        assert_eq!((classes.classes[0].name.as_str(), classes.classes[0].share), ("chair", 2.0 / 3.0));
        assert!(summary.raw_depth.is_none());
    }

    #[test]
    fn one_wild_value_does_not_spoil_the_histogram() {
        let mut depths = ndarray::Array2::from_elem((100, 100), 2.0_f32);
        depths[(0, 0)] = 900.0;
        let stats = DepthStats::of(&Depth::from_metres(depths).0);
        let histogram = Histogram::new(&stats);
        assert!(histogram.last_is_open && histogram.bin_m < 0.1);
        assert_eq!(histogram.counts.last(), Some(&1));
    }

    #[test]
    fn an_empty_set_has_no_numbers() {
        let summary = Summary::new(&Stats::default(), LabelSpace::Nyu40);
        assert_eq!((summary.n_samples, summary.depth.valid_share, summary.depth.quantiles_m), (0, None, None));
        assert_eq!(summary.depth.histogram.counts, [0; 0]);
    }
}
