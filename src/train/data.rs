//! Samples of sets, their order, and how they become batches.

use std::path::PathBuf;

use super::augment::{self, Crop, Tones};
use super::nn::Stream;
use crate::label::LabelSpace;
use crate::mix::Domain;
use crate::sample::{Entry, IGNORE, Sample, Size};
use crate::shard::{Set, SetError};
use crate::view::of_set::spread;

/// The samples of one or more sets as one list.
#[derive(Debug)]
pub struct Data {
    sets: Vec<Set>,
    /// Set and row of every sample.
    rows: Vec<(usize, usize)>,
}

/// Sets that cannot be learned from.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A set cannot be opened or read.
    #[error(transparent)]
    Set(#[from] SetError),
    /// Labels of another class set.
    #[error("{path}: its labels are of `{found}`, the network learns `ade20k150`; convert them with `sdprep labels remap`", path = path.display())]
    Labels {
        /// The set.
        path: PathBuf,
        /// Its class set.
        found: String,
    },
    /// Nothing to learn depth from.
    #[error(
        "no depth at all in the {looked_at} samples looked at: depth cannot be learned from these sets; convert them with depth"
    )]
    NoDepth {
        /// How many.
        looked_at: usize,
    },
    /// Pictures smaller than the window that is to be cut from them.
    #[error("{path}: its samples are {size}, too small for a crop of {rows}x{columns}", path = path.display())]
    Crop {
        /// The set.
        path: PathBuf,
        /// Of its samples.
        size: Size,
        /// Of the window.
        rows: usize,
        /// Of the window.
        columns: usize,
    },
    /// No sample at all.
    #[error("the sets hold no sample to learn from")]
    Empty,
    /// Too many samples in a row could not be read.
    #[error("no sample of step {step} could be read; the last: {reason}")]
    Unreadable {
        /// The step.
        step: u64,
        /// The last failure.
        reason: String,
    },
}

impl Data {
    /// Opens sets. Quarantined samples are left out.
    ///
    /// # Errors
    ///
    /// A set that cannot be opened, labels of another class set, no sample.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let sets = paths.iter().map(Set::open).collect::<Result<Vec<_>, _>>()?;
        Self::new(sets)
    }

    /// The samples of opened sets.
    ///
    /// # Errors
    ///
    /// As [`Data::open`].
    pub fn new(sets: Vec<Set>) -> Result<Self, DataError> {
        for set in &sets {
            if let Some(space) = set.spec().label_space.filter(|space| *space != LabelSpace::Ade20k150) {
                return Err(DataError::Labels { path: set.root().to_owned(), found: space.name().to_owned() });
            }
        }
        let rows: Vec<_> = sets.iter().enumerate().flat_map(|(i, set)| set.rows().map(move |row| (i, row))).collect();
        if rows.is_empty() { Err(DataError::Empty) } else { Ok(Self { sets, rows }) }
    }

    /// The sets.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none; never so after [`Data::open`].
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether any set has labels.
    pub fn labelled(&self) -> bool {
        self.sets.iter().any(|set| set.spec().label_space.is_some())
    }

    /// The least height and the least width of a set's pictures.
    pub fn least_size(&self) -> Size {
        let sizes = || self.sets.iter().map(|set| set.spec().size);
        let least = |side: fn(Size) -> usize| sizes().map(side).min().unwrap_or_default();
        Size::new(least(|size| size.height), least(|size| size.width))
    }

    /// What the sets show: roads when all of them do, rooms otherwise.
    pub fn domain(&self) -> Domain {
        let road = self.sets.iter().all(|set| Domain::of(&set.spec().dataset) == Domain::Road);
        if road { Domain::Road } else { Domain::Indoor }
    }

    /// Finds out whether every sample is large enough to be cropped.
    ///
    /// # Errors
    ///
    /// A set whose samples are smaller than the crop.
    pub fn check_crop(&self, crop: Crop) -> Result<(), DataError> {
        let Crop::Pixels(rows, columns) = crop else { return Ok(()) };
        let small = |set: &&Set| set.spec().size.height < rows || set.spec().size.width < columns;
        match self.sets.iter().find(small) {
            Some(set) => Err(DataError::Crop { path: set.root().to_owned(), size: set.spec().size, rows, columns }),
            None => Ok(()),
        }
    }

    /// The depths, in metres, of a few samples spread over the sets; samples that cannot be read say nothing.
    ///
    /// # Errors
    ///
    /// No sample that was looked at has a single measurement.
    pub fn look_at_depth(&self) -> Result<Vec<f32>, DataError> {
        let looked_at = spread(self.len(), 8);
        let read: Vec<Sample> =
            looked_at.iter().filter_map(|i| self.sample(*i).ok()).map(|(sample, _)| sample).collect();
        let metres = |sample: &Sample| sample.depth.metres().iter().copied().filter(|m| *m > 0.0).collect::<Vec<_>>();
        let depths: Vec<f32> = read.iter().flat_map(metres).collect();
        if depths.is_empty() && !read.is_empty() {
            return Err(DataError::NoDepth { looked_at: read.len() });
        }
        Ok(depths)
    }

    /// The set and the entry of every sample, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&Set, &Entry)> {
        let of = |(set, row): &(usize, usize)| Some((&self.sets[*set], &self.sets[*set].records().get(*row)?.entry));
        self.rows.iter().filter_map(of)
    }

    /// Name of the data set of sample `index`.
    pub fn dataset(&self, index: usize) -> &str {
        let (set, _) = self.rows[index % self.rows.len()];
        &self.sets[set].spec().dataset
    }

    /// Sample `index` and its name.
    ///
    /// # Errors
    ///
    /// Damage, by file.
    pub fn sample(&self, index: usize) -> Result<(Sample, String), SetError> {
        let (set, row) = self.rows[index % self.rows.len()];
        let set = &self.sets[set];
        let key = set.records().get(row).map_or_else(String::new, |record| record.entry.key.clone());
        Ok((set.sample(row)?, key))
    }
}

/// How samples become batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Batching {
    /// Rows and columns of a picture in a batch.
    pub size: (usize, usize),
    /// Taken off every channel in [0, 1], and divisor.
    pub mean: [f32; 3],
    /// Divides every channel afterwards.
    pub std: [f32; 3],
    /// Samples in a batch.
    pub batch: usize,
    /// How often a sample is mirrored.
    pub flip: f64,
    /// Decides order and chance.
    pub seed: u64,
    /// Whether a sample that cannot be read ends the run.
    pub strict: bool,
}

/// A batch, ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The step it is for.
    pub step: u64,
    /// Normalised pictures `[B, 3, H, W]`.
    pub input: Vec<f32>,
    /// Metres `[B, H, W]`, 0 where missing.
    pub depth: Vec<f32>,
    /// Classes `[B, H, W]`, 255 where missing.
    pub labels: Vec<u8>,
    /// Names of its samples.
    pub keys: Vec<String>,
    /// How many of them are mixed.
    pub mixed: usize,
    /// Samples that could not be read, and why.
    pub skipped: Vec<String>,
}

impl Batch {
    /// Without samples yet.
    pub fn empty(step: u64) -> Self {
        Self {
            step,
            input: Vec::new(),
            depth: Vec::new(),
            labels: Vec::new(),
            keys: Vec::new(),
            mixed: 0,
            skipped: Vec::new(),
        }
    }
}

impl Batching {
    /// The order of the samples in round `round` of the endless sequence a run goes through: every sample once in each round, in an
    /// order that depends on the seed and the round alone.
    pub fn order(&self, round: u64, samples: usize) -> Vec<usize> {
        let mut stream = Stream::new(&format!("order {round}"), self.seed);
        let mut order: Vec<usize> = (0..samples).collect();
        for i in (1..samples).rev() {
            // The bias of the remainder is below 2^-40 for any set that fits a disk.
            order.swap(i, (stream.bits() % (i as u64 + 1)) as usize);
        }
        order
    }

    /// Adds a sample: resized, mirrored, normalised.
    pub fn push(&self, batch: &mut Batch, sample: &Sample, mirrored: bool) {
        let sample = sample.resize(Size::new(self.size.0, self.size.1));
        self.push_with(batch, &if mirrored { sample.mirror() } else { sample }, &augment::plain());
    }

    /// Adds a sample of the right size, its colours changed and normalised.
    pub fn push_with(&self, batch: &mut Batch, sample: &Sample, tones: &Tones) {
        let channels = sample.image.planes().outer_iter().zip(tones).zip(self.mean.iter().zip(&self.std));
        for ((plane, tones), (mean, std)) in channels {
            batch.input.extend(plane.iter().map(|v| (tones[usize::from(*v)] - mean) / std));
        }
        batch.depth.extend(sample.depth.metres().iter());
        match &sample.semantics {
            Some(labels) => batch.labels.extend(labels.values().iter()),
            None => batch.labels.resize(batch.depth.len(), IGNORE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Depth, Image, Semantics};
    use ndarray::{Array2, Array3};

    fn batching() -> Batching {
        Batching { size: (2, 3), mean: [0.5; 3], std: [0.5; 3], batch: 2, flip: 0.5, seed: 3, strict: false }
    }

    #[test]
    fn every_round_has_every_sample_once_in_an_order_of_its_own() {
        let (first, second) = (batching().order(0, 50), batching().order(1, 50));
        for order in [&first, &second] {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        }
        assert_ne!(first, second);
        assert_eq!(first, batching().order(0, 50));
        assert_ne!(first, Batching { seed: 4, ..batching() }.order(0, 50));
    }

    #[test]
    fn a_sample_is_mirrored_and_normalised_whole() {
        let image = Array3::from_shape_fn((3, 2, 3), |(c, y, x)| (100 * c + 10 * y + x) as u8);
        let depth = Array2::from_shape_fn((2, 3), |(y, x)| 1.0 + (3 * y + x) as f32);
        let mut sample = Sample::new(Image::from_planes(image).unwrap(), Depth::from_metres(depth).0);
        sample.semantics = Some(Semantics::new(Array2::from_shape_fn((2, 3), |(y, x)| (3 * y + x) as u8)));
        let mut batch = Batch::empty(0);
        batching().push(&mut batch, &sample, true);
        assert_eq!(batch.depth, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(batch.labels, [2, 1, 0, 5, 4, 3]);
        assert_eq!(batch.input[..3], [2.0, 1.0, 0.0].map(|v: f32| (v / 255.0 - 0.5) / 0.5));
        sample.semantics = None;
        batching().push(&mut batch, &sample, false);
        assert_eq!(batch.labels[6..], [IGNORE; 6]);
        assert_eq!(batch.input.len(), 2 * 18);
    }
}
