use std::collections::BTreeMap;

use serde::Serialize;

use super::classmix::classes;
use super::method::Method;
use super::mixed::Settled;
use super::recipe::Unmixed;
use crate::sample::Sample;

/// What one mix did to its sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    method: Method,
    unmixed: Option<Unmixed>,
    n_rejected: u32,
    share: Option<f64>,
    /// Before and after.
    valid: [f64; 2],
    /// Before and after.
    n_classes: [usize; 2],
}

impl Observed {
    /// Compares the background with the result.
    #[must_use]
    pub fn of(settled: &Settled, result: &Sample) -> Self {
        let both = [&settled.b, result];
        #[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
        let valid = |s: &Sample| s.depth.n_valid() as f64 / s.depth.size().n_pixels().max(1) as f64;
        Self {
            method: settled.recipe.method,
            unmixed: settled.recipe.unmixed,
            n_rejected: settled.recipe.drawn.as_ref().map_or(0, super::Drawn::n_rejected),
            share: settled.recipe.share,
            valid: both.map(valid),
            n_classes: both.map(|s| s.semantics.as_ref().map_or(0, |labels| classes(labels).len())),
        }
    }
}

/// What the mixes of one method do, over the samples that were tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Samples tried.
    pub n_tried: usize,
    /// Of these, mixed.
    pub n_mixed: usize,
    /// Why the others were not.
    pub unmixed: BTreeMap<Unmixed, usize>,
    /// Draws that were thrown away and repeated.
    pub n_redrawn: u32,
    /// Mean share of the pixels that are A's, or changed, over the mixed ones.
    pub share: f64,
    /// Mean share of valid depth of the backgrounds and of the results.
    pub valid: [f64; 2],
    /// Mean number of classes of the backgrounds and of the results.
    pub n_classes: [f64; 2],
}

impl Tally {
    /// The tally of each method.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "few samples are tried")]
    pub fn by_method(observed: &[Observed]) -> BTreeMap<Method, Self> {
        let mut tallies: BTreeMap<Method, Self> = BTreeMap::new();
        for seen in observed {
            let tally = tallies.entry(seen.method).or_default();
            tally.n_tried += 1;
            tally.n_redrawn += seen.n_rejected;
            match seen.unmixed {
                Some(reason) => *tally.unmixed.entry(reason).or_default() += 1,
                None => tally.n_mixed += 1,
            }
            tally.share += seen.share.unwrap_or_default();
            for side in 0..2 {
                tally.valid[side] += seen.valid[side];
                tally.n_classes[side] += seen.n_classes[side] as f64;
            }
        }
        for tally in tallies.values_mut() {
            tally.share /= tally.n_mixed.max(1) as f64;
            for side in 0..2 {
                tally.valid[side] /= tally.n_tried as f64;
                tally.n_classes[side] /= tally.n_tried as f64;
            }
        }
        tallies
    }
}
