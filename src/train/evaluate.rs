//! A network against the truth of sets.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::metric::{Average, Confusion, Flip, Picture, Place, Prepared, Protocol, Scores, average, mirror_average};
use super::model::Dss;
use super::op::Backend;
use super::predict::{Input, InputSize, Prediction, predict_input};
use crate::label::{LabelSpace, Merge, NoTable, Origin, Remap};
use crate::sample::{IGNORE, Sample, Semantics, Size};
use crate::shard::{Set, SetError};

/// Depths up to which metrics are given besides, in metres.
pub const RANGES: [u8; 3] = [4, 6, 8];

/// What is evaluated, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The pixels that count.
    pub protocol: Protocol,
    /// How predictions for a picture and its mirror image are joined, if at all.
    pub flip: Option<Flip>,
    /// The classes that truth and prediction are both carried to; none for those of the first set that has labels.
    pub score: Option<LabelSpace>,
    /// How large the network sees the pictures.
    pub size: InputSize,
    /// Whether the network's classes count; those of one that has learned depth alone say nothing.
    pub semantics: bool,
    /// Whether a sample that cannot be read ends the evaluation.
    pub strict: bool,
}

/// What came of an evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Depth over all pixels.
    pub full: Average,
    /// Depth up to each of [`RANGES`].
    pub ranges: Vec<(u8, Average)>,
    /// Semantics, and in which classes; none when the sets have no labels, or the network has learned none.
    pub semantics: Option<(LabelSpace, Scores)>,
    /// Where the labels come from that semantics was compared with.
    pub reference: Origin,
    /// Why samples were left out that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// An evaluation that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A sample that cannot be read.
    #[error(transparent)]
    Set(#[from] SetError),
    /// Labels that cannot be carried to the classes asked for.
    #[error(transparent)]
    Labels(#[from] NoTable),
    /// None of the samples can be read.
    #[error("none of the samples can be read, the last for this reason: {0}")]
    Unreadable(String),
    /// The protocol does not say which pixels of a picture count.
    #[error("{key}: {reason}")]
    Protocol {
        /// The sample.
        key: String,
        /// What it does not fit.
        reason: String,
    },
    /// No sample at all.
    #[error("the sets hold no sample to evaluate")]
    Empty,
    /// It was broken off.
    #[error("stopped before the last picture was evaluated")]
    Stopped,
}

/// One sample that was evaluated.
#[derive(Debug)]
pub struct Seen<'a> {
    /// How many were before it.
    pub index: usize,
    /// Its name.
    pub key: &'a str,
    /// The truth.
    pub truth: &'a Sample,
    /// What the network said, at the resolution of its input.
    pub prediction: &'a Prediction,
    /// True classes and the network's, as they were scored; none without labels.
    pub classes: Option<[Semantics; 2]>,
    /// Its metrics.
    pub picture: &'a Picture,
}

/// Metrics of pictures as they come, over all depths and up to each of [`RANGES`].
#[derive(Debug, Default)]
pub struct Tally {
    full: Vec<Picture>,
    near: [Vec<Picture>; RANGES.len()],
}

impl Tally {
    /// Counts a picture.
    pub fn add(&mut self, prepared: &Prepared) -> Picture {
        let near = self.near.iter_mut().zip(RANGES);
        near.for_each(|(list, limit)| list.push(prepared.evaluate_to(f32::from(limit))));
        let picture = prepared.evaluate();
        self.full.push(picture);
        picture
    }

    /// The averages over all depths, and up to each limit.
    pub fn averages(&self) -> (Average, Vec<(u8, Average)>) {
        (average(&self.full), RANGES.into_iter().zip(&self.near).map(|(limit, list)| (limit, average(list))).collect())
    }
}

/// Carries every class id of a label map; ids the table does not list have no class.
#[derive(Debug, Clone)]
pub struct Carrier([u8; 256]);

impl Carrier {
    /// From `from` to `to`.
    ///
    /// # Errors
    ///
    /// When there is no table.
    pub fn new(from: LabelSpace, to: LabelSpace) -> Result<Self, NoTable> {
        let table = Remap::between(from, to)?;
        Ok(Self(std::array::from_fn(|id| table.id(id as u32).unwrap_or(IGNORE))))
    }

    /// Applies it.
    #[must_use]
    pub fn apply(&self, labels: &Semantics) -> Semantics {
        Semantics::new(labels.values().mapv(|id| self.0[usize::from(id)]))
    }
}

/// What an evaluation that goes on until `stop` is set is told after each picture.
pub fn until(stop: &AtomicBool) -> ControlFlow<()> {
    if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Evaluates a network on every sample of `sets`; `told` is called after each, and may break the evaluation off.
///
/// # Errors
///
/// A sample that cannot be read where the rules are strict, labels that cannot be carried to the classes of the score,
/// [`EvaluateError::Stopped`].
pub fn evaluate<D: Backend<f32>>(
    network: &Dss<f32, D>,
    sets: &[Set],
    rules: &Rules,
    mut told: impl FnMut(&Seen) -> ControlFlow<()>,
) -> Result<Evaluation, EvaluateError> {
    let protocol = &rules.protocol;
    let space = rules.score.or_else(|| sets.iter().find_map(|set| set.spec().label_space)).filter(|_| rules.semantics);
    let said = space.map(|space| Carrier::new(LabelSpace::Ade20k150, space)).transpose()?;
    // Before the first picture: a table that lacks is not found out after an hour.
    let true_ones = sets.iter().map(|set| {
        let own = set.spec().label_space.zip(space);
        own.map(|(own, space)| Carrier::new(own, space)).transpose()
    });
    let true_ones = true_ones.collect::<Result<Vec<_>, _>>()?;
    for (set, row) in sets.iter().flat_map(|set| set.rows().map(move |row| (set, row))) {
        let Size { height, width } = set.spec().size;
        protocol.check((height, width), place(set, row)).map_err(|reason| {
            let key = set.records().get(row).map_or_else(String::new, |record| record.entry.key.clone());
            EvaluateError::Protocol { key, reason }
        })?;
    }
    let (mut tally, mut confusion, mut labelled, mut index) = (Tally::default(), Confusion::default(), false, 0);
    let mut reference = Origin::default();
    let mut unread = Vec::new();
    for (set, of_truth) in sets.iter().zip(&true_ones) {
        let merge = Merge::of_options(&set.spec().options);
        for row in set.rows() {
            let sample = match set.sample(row) {
                Ok(sample) => sample,
                Err(error) if rules.strict => return Err(error.into()),
                Err(error) => {
                    unread.push(error.to_string());
                    continue;
                }
            };
            let record = set.records().get(row);
            let key = record.map_or("", |record| record.entry.key.as_str());
            let prediction = predicted(network, &sample, rules);
            let size = sample.image.size();
            let truth: Vec<f32> = sample.depth.metres().iter().copied().collect();
            let (h, w) = prediction.size;
            let truth = (truth.as_slice(), size.height, size.width);
            let place = place(set, row).unwrap_or(Place::whole(size.height, size.width));
            let picture = tally.add(&protocol.prepare_whole((&prediction.depth, h, w), truth, place));
            let classes = match (&sample.semantics, of_truth, &said) {
                (Some(truth), Some(of_truth), Some(said)) => {
                    Some([of_truth.apply(truth), said.apply(&prediction.classes_at(size))])
                }
                _ => None,
            };
            if let Some([truth, said]) = &classes {
                labelled = true;
                let pairs = record.and_then(|record| record.confusion.as_ref());
                let of_sample = merge.as_ref().zip(pairs).map(|(merge, pairs)| merge.origin(pairs));
                let own = || truth.values().iter().filter(|class| **class != IGNORE).count() as u64;
                let of_sample = of_sample.unwrap_or_else(|| Origin { own: own(), pseudo: 0 });
                reference.own += of_sample.own;
                reference.pseudo += of_sample.pseudo;
                confusion.add_maps(said, truth);
            }
            let seen = Seen { index, key, truth: &sample, prediction: &prediction, classes, picture: &picture };
            if told(&seen).is_break() {
                return Err(EvaluateError::Stopped);
            }
            index += 1;
        }
    }
    if index == 0 {
        return Err(unread.pop().map_or(EvaluateError::Empty, EvaluateError::Unreadable));
    }
    let (full, ranges) = tally.averages();
    let semantics = space.filter(|_| labelled).map(|space| (space, confusion.scores()));
    Ok(Evaluation { full, ranges, semantics, reference, unread })
}

/// Where a sample lies in the picture that it was cut from; none when the set does not say.
pub fn place(set: &Set, row: usize) -> Option<Place> {
    let Size { height, width } = set.spec().size;
    let Some(crop) = set.records().get(row).and_then(|record| record.crop) else {
        return Some(Place::whole(height, width));
    };
    crop.of.map(|of| Place { picture: (of.height, of.width), first: (crop.window.top, crop.window.left) })
}

/// What the network says of a sample, mirror averaging included.
fn predicted<D: Backend<f32>>(network: &Dss<f32, D>, sample: &Sample, rules: &Rules) -> Prediction {
    let run = |image| predict_input(network, &Input::of(image, rules.size, network.config()));
    let mut prediction = run(sample.image.clone());
    if let Some(flip) = rules.flip {
        let mirrored = run(sample.image.clone().mirror());
        let (range, width) = (rules.protocol.range, prediction.size.1);
        prediction.depth = mirror_average(&prediction.depth, &mirrored.depth, width, range, flip);
    }
    prediction
}
