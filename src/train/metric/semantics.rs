//! Semantic metrics from a confusion matrix over a whole set (evaluation.md section 7).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sample::{IGNORE, Semantics};

/// Counts of (true class, predicted class) over any number of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Row-major, 256 x 256.
    counts: Vec<u64>,
}

impl Default for Confusion {
    fn default() -> Self {
        Self { counts: vec![0; 256 * 256] }
    }
}

/// The semantic metrics of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Mean IoU over the classes of the truth; none without a labelled pixel.
    pub miou: Option<f64>,
    /// Mean IoU over the classes of truth or prediction.
    pub miou_all_union: Option<f64>,
    /// Classes of the truth.
    pub classes: usize,
    /// Classes of truth or prediction.
    pub classes_union: usize,
    /// Share of pixels whose class is right.
    pub pixel_accuracy: Option<f64>,
    /// IoU weighted by the pixels of the class.
    pub frequency_weighted_iou: Option<f64>,
    /// Labelled pixels.
    pub pixels: u64,
    /// IoU of every class of truth or prediction.
    pub iou: BTreeMap<u8, f64>,
}

impl Confusion {
    /// Counts a picture; pixels without a true class are left out, and a prediction of 255 (no class) is wrong everywhere.
    ///
    /// # Panics
    ///
    /// When the numbers of pixels differ.
    pub fn add(&mut self, prediction: &[u8], truth: &[u8]) {
        assert_eq!(prediction.len(), truth.len(), "one prediction for each pixel");
        for (p, t) in prediction.iter().zip(truth).filter(|(_, t)| **t != IGNORE) {
            self.counts[usize::from(*t) * 256 + usize::from(*p)] += 1;
        }
    }

    /// As [`Self::add`], of two label maps.
    ///
    /// # Panics
    ///
    /// When their sizes differ.
    pub fn add_maps(&mut self, prediction: &Semantics, truth: &Semantics) {
        let bytes = |map: &Semantics| map.values().iter().copied().collect::<Vec<u8>>();
        self.add(&bytes(prediction), &bytes(truth));
    }

    /// The metrics of everything counted.
    pub fn scores(&self) -> Scores {
        let of_truth = |k: usize| self.counts[k * 256..][..256].iter().sum::<u64>();
        let of_prediction = |k: usize| self.counts.iter().skip(k).step_by(256).sum::<u64>();
        let total: u64 = self.counts.iter().sum();
        let right: u64 = (0..256).map(|k| self.counts[k * 257]).sum();
        let (mut iou, mut present, mut weighted) = (BTreeMap::new(), Vec::new(), 0.0);
        for k in 0..IGNORE {
            let (i, t) = (usize::from(k), of_truth(usize::from(k)));
            let union = t + of_prediction(i) - self.counts[i * 257];
            if union > 0 {
                let value = self.counts[i * 257] as f64 / union as f64;
                iou.insert(k, value);
                weighted += t as f64 * value;
                if t > 0 {
                    present.push(value);
                }
            }
        }
        let mean = |sum: f64, n: usize| (n > 0).then(|| sum / n as f64);
        Scores {
            miou: mean(present.iter().sum(), present.len()),
            miou_all_union: mean(iou.values().sum(), if total > 0 { iou.len() } else { 0 }),
            classes: present.len(),
            classes_union: iou.len(),
            pixel_accuracy: (total > 0).then(|| right as f64 / total as f64),
            frequency_weighted_iou: (total > 0).then(|| weighted / total as f64),
            pixels: total,
            iou,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_matrix_by_hand() {
        let mut confusion = Confusion::default();
        confusion.add(&[0, 0, 1, 2, 7], &[0, 1, 1, 255, 0]);
        let scores = confusion.scores();
        // Class 0: 1 of 3, class 1: 1 of 2, class 7: only predicted; the pixel without a label does not count.
        assert_eq!(scores.iou, BTreeMap::from([(0, 1.0 / 3.0), (1, 0.5), (7, 0.0)]));
        assert_eq!((scores.classes, scores.classes_union, scores.pixels), (2, 3, 4));
        assert!((scores.miou.unwrap() - 5.0 / 12.0).abs() < 1e-15);
        assert_eq!(scores.pixel_accuracy, Some(0.5));
        assert!((scores.frequency_weighted_iou.unwrap() - 5.0 / 12.0).abs() < 1e-15);
        assert_eq!(Confusion::default().scores().miou, None);
    }
}
