use crate::sample::{Depth, Sample, Semantics};

/// Counts of one sample or of many. Everything in it is an integer, so merging in any order, on any number of
/// threads, gives the same numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Samples counted.
    pub n_samples: u64,
    /// The `depth` field.
    pub depth: DepthStats,
    /// The `raw_depth` field; all zero where no sample has one.
    pub raw_depth: DepthStats,
    /// The `semantics` field; `None` where no sample has one.
    pub classes: Option<ClassCounts>,
}

impl Stats {
    /// The counts of one sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self {
            n_samples: 1,
            depth: DepthStats::of(&sample.depth),
            raw_depth: sample.raw_depth.as_ref().map(DepthStats::of).unwrap_or_default(),
            classes: sample.semantics.as_ref().map(ClassCounts::of),
        }
    }

    /// The counts of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            n_samples: self.n_samples + other.n_samples,
            depth: self.depth.merge(other.depth),
            raw_depth: self.raw_depth.merge(other.raw_depth),
            classes: match (self.classes, other.classes) {
                (Some(a), Some(b)) => Some(a.merge(&b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// Counts of depth values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DepthStats {
    /// Pixels, measured or not.
    pub n_pixels: u64,
    /// Pixels with a measurement.
    pub n_valid: u64,
    /// Samples counted that have no measurement at all.
    pub n_empty: u64,
    /// Bits of the smallest and the largest measurement: for positive floats they sort as the values do.
    range: Option<(u32, u32)>,
    /// Sums in units of [`UNIT`] and its square.
    sum: u128,
    sum_of_squares: u128,
    /// Index = depth rounded to millimetres; depths beyond the last bin count there.
    millimetres: Vec<u64>,
}

/// 60 nm: the squares of 2^40 depths of up to [`LARGEST_M`] still sum up within 128 bits.
const UNIT: f64 = 1.0 / (1 << 24) as f64;
const LARGEST_M: f64 = 65_535.0;
/// Bins reach to one kilometre.
const LAST_BIN: usize = 1_000_000;

impl DepthStats {
    /// The counts of one field.
    #[must_use]
    pub fn of(depth: &Depth) -> Self {
        let mut stats = Self { n_pixels: depth.size().n_pixels() as u64, ..Self::default() };
        for &m in depth.metres().iter().filter(|&&m| m > 0.0) {
            stats.add(m);
        }
        stats.n_empty = u64::from(stats.n_valid == 0);
        stats
    }

    fn add(&mut self, metres: f32) {
        self.n_valid += 1;
        let bits = metres.to_bits();
        let (least, most) = self.range.unwrap_or((bits, bits));
        self.range = Some((least.min(bits), most.max(bits)));
        let units = (f64::from(metres).min(LARGEST_M) / UNIT).round() as u64;
        self.sum += u128::from(units);
        self.sum_of_squares += u128::from(units) * u128::from(units);
        let bin = ((f64::from(metres) * 1000.0).round() as usize).min(LAST_BIN);
        if self.millimetres.len() <= bin {
            self.millimetres.resize(bin + 1, 0);
        }
        self.millimetres[bin] += 1;
    }

    /// The counts of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut long, short) = (self.millimetres, other.millimetres);
        let (mut long, short) =
            if long.len() < short.len() { (short, std::mem::take(&mut long)) } else { (long, short) };
        for (a, b) in long.iter_mut().zip(&short) {
            *a += b;
        }
        Self {
            n_pixels: self.n_pixels + other.n_pixels,
            n_valid: self.n_valid + other.n_valid,
            n_empty: self.n_empty + other.n_empty,
            range: match (self.range, other.range) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (a, b) => a.or(b),
            },
            sum: self.sum + other.sum,
            sum_of_squares: self.sum_of_squares + other.sum_of_squares,
            millimetres: long,
        }
    }

    /// Share of the pixels that have a measurement, 0..1; `None` without pixels.
    #[must_use]
    pub fn valid_share(&self) -> Option<f64> {
        (self.n_pixels > 0).then(|| self.n_valid as f64 / self.n_pixels as f64)
    }

    /// The smallest measurement in metres.
    #[must_use]
    pub fn min_m(&self) -> Option<f32> {
        self.range.map(|(least, _)| f32::from_bits(least))
    }

    /// The largest measurement in metres.
    #[must_use]
    pub fn max_m(&self) -> Option<f32> {
        self.range.map(|(_, most)| f32::from_bits(most))
    }

    /// The mean of the measurements in metres.
    #[must_use]
    pub fn mean_m(&self) -> Option<f64> {
        (self.n_valid > 0).then(|| self.sum as f64 / self.n_valid as f64 * UNIT)
    }

    /// The standard deviation of the measurements in metres.
    #[must_use]
    pub fn std_m(&self) -> Option<f64> {
        let mean = self.mean_m()?;
        let mean_of_squares = self.sum_of_squares as f64 / self.n_valid as f64 * UNIT * UNIT;
        Some((mean_of_squares - mean * mean).max(0.0).sqrt())
    }

    /// The depth that a share `q` (0..1) of the measurements does not exceed, to the millimetre, in metres.
    #[must_use]
    pub fn quantile_m(&self, q: f64) -> Option<f64> {
        let (least, most) = (f64::from(self.min_m()?), f64::from(self.max_m()?));
        let wanted = ((q.clamp(0.0, 1.0) * self.n_valid as f64).ceil() as u64).max(1);
        let mut counted = 0;
        let bin = self.millimetres.iter().position(|&n| {
            counted += n;
            counted >= wanted
        })?;
        Some(if bin == LAST_BIN { most } else { (bin as f64 / 1000.0).clamp(least, most) })
    }

    /// The number of measurements in each of the bins `[i * width, (i + 1) * width)` of whole millimetres, the last one
    /// holding everything beyond `n_bins * width` as well.
    #[must_use]
    pub fn histogram(&self, width_mm: usize, n_bins: usize) -> Vec<u64> {
        let mut bins = vec![0; n_bins];
        for (mm, &count) in self.millimetres.iter().enumerate() {
            if let Some(bin) = bins.get_mut((mm / width_mm.max(1)).min(n_bins.saturating_sub(1))) {
                *bin += count;
            }
        }
        bins
    }
}

/// How often each class id occurs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassCounts {
    /// Pixels of each id; index 255 = ignore.
    pub pixels: [u64; 256],
    /// Samples in which each id occurs.
    pub samples: [u64; 256],
}

impl ClassCounts {
    /// The counts of one field.
    #[must_use]
    pub fn of(labels: &Semantics) -> Self {
        let mut pixels = [0; 256];
        for &id in &labels.values() {
            pixels[usize::from(id)] += 1;
        }
        Self { pixels, samples: pixels.map(|n| u64::from(n > 0)) }
    }

    /// The counts of both.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        for (a, b) in self.pixels.iter_mut().zip(&other.pixels).chain(self.samples.iter_mut().zip(&other.samples)) {
            *a += b;
        }
        self
    }

    /// All pixels, ignored ones included.
    #[must_use]
    pub fn n_pixels(&self) -> u64 {
        self.pixels.iter().sum()
    }

    /// Share of the pixels that have a class, 0..1; `None` without pixels.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        let all = self.n_pixels();
        (all > 0).then(|| (all - self.pixels[255]) as f64 / all as f64)
    }

    /// The ids that occur, the most frequent first (equal ones by id), ignore left out, with their pixels.
    #[must_use]
    pub fn by_frequency(&self) -> Vec<(u8, u64)> {
        let mut found: Vec<(u8, u64)> = (0..255).zip(self.pixels).filter(|&(_, n)| n > 0).collect();
        found.sort_by_key(|&(id, n)| (std::cmp::Reverse(n), id));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn depth(metres: Array2<f32>) -> DepthStats {
        DepthStats::of(&Depth::from_metres(metres).0)
    }

    #[test]
    fn depth_by_hand() {
        let stats = depth(array![[0.0, 1.0, 2.0], [3.0, 6.0, 0.0]]);
        assert_eq!((stats.n_pixels, stats.n_valid, stats.n_empty), (6, 4, 0));
        assert_eq!((stats.min_m(), stats.max_m(), stats.mean_m()), (Some(1.0), Some(6.0), Some(3.0)));
        assert!((stats.std_m().unwrap() - 3.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!([0.0, 0.25, 0.5, 0.51, 1.0].map(|q| stats.quantile_m(q).unwrap()), [1.0, 1.0, 2.0, 3.0, 6.0]);
        assert_eq!(stats.histogram(1000, 5), [0, 1, 1, 1, 1]);
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let stats = depth(array![[0.0, 0.0]]);
        assert_eq!((stats.valid_share(), stats.n_empty), (Some(0.0), 1));
        assert_eq!((stats.min_m(), stats.mean_m(), stats.std_m(), stats.quantile_m(0.5)), (None, None, None, None));
        assert_eq!(DepthStats::default().valid_share(), None);
    }

    #[test]
    fn absurd_depths_stay_within_bounds() {
        let stats = depth(array![[f32::MAX, f32::MIN_POSITIVE]]);
        assert_eq!(stats.max_m(), Some(f32::MAX));
        assert_eq!(stats.quantile_m(1.0), Some(f64::from(f32::MAX)));
        assert_eq!(stats.histogram(100, 10), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn merging_is_counting_together_in_any_order() {
        let a = array![[0.1_f32, 0.7, 9.3], [0.0, 1.1, 2.2]];
        let b = array![[80.1_f32, 3.3, 0.0], [5.0, 0.9, 0.3]];
        let all = ndarray::concatenate![ndarray::Axis(0), a, b];
        let (a, b) = (depth(a), depth(b));
        assert_eq!(a.clone().merge(b.clone()), depth(all));
        assert_eq!(a.clone().merge(b.clone()), b.merge(a));
    }

    #[test]
    fn classes_by_hand() {
        let counts = ClassCounts::of(&Semantics::new(array![[3, 3, 255], [0, 7, 7]]));
        assert_eq!(counts.by_frequency(), [(3, 2), (7, 2), (0, 1)]);
        assert_eq!(counts.coverage(), Some(5.0 / 6.0));
        let twice = counts.clone().merge(&counts);
        assert_eq!((twice.pixels[3], twice.samples[3], twice.samples[1]), (4, 2, 0));
    }
}
