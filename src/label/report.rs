use std::fmt;

use serde::Serialize;

use super::LabelSpace;
use super::confusion::Confusion;
use super::merge::Merge;
use crate::sample::IGNORE;

/// How many disagreements a report lists.
const N_LISTED: usize = 20;

/// What merging did to the labels of a set, and where ground truth and teacher disagree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MergeReport {
    /// Samples counted.
    pub n_samples: usize,
    /// Their pixels.
    pub n_pixels: u64,
    /// Share of the pixels that have a label, 0..1.
    pub coverage: Sides,
    /// Share of the pixels whose label differs from the ground truth (labels gained and lost included), 0..1.
    pub changed: f64,
    /// Of the pixels that both label: the share on which they agree; `None` when there is no such pixel.
    pub agreement: Option<f64>,
    /// Classes that occur anywhere, by id.
    pub classes: Vec<ClassReport>,
    /// Names of the classes that occur nowhere after merging.
    pub never: Vec<&'static str>,
    /// Ground truth and teacher name different classes: the most frequent such pairs.
    pub disagreements: Vec<Disagreement>,
}

/// A number for each of the three maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sides {
    /// Before.
    pub ground_truth: f64,
    /// The teacher's.
    pub pseudo: f64,
    /// After.
    pub merged: f64,
}

/// The share of one class among all pixels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// Class id.
    pub id: u8,
    /// Its name.
    pub name: &'static str,
    /// Share of all pixels, 0..1.
    pub share: Sides,
}

/// A pair of classes that were mistaken for each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// What the ground truth says.
    pub ground_truth: &'static str,
    /// What the teacher says.
    pub pseudo: &'static str,
    /// Pixels.
    pub n_pixels: u64,
    /// Of the pixels that both label, 0..1.
    pub share: f64,
}

impl MergeReport {
    /// The report of what `merge` makes of samples with these labels.
    #[must_use]
    pub fn new(confusion: &Confusion, merge: &Merge, n_samples: usize) -> Self {
        let space = LabelSpace::Ade20k150;
        let name = |id| space.class_name(id).unwrap_or("?");
        let mut counts = vec![[0_u64; 3]; 256];
        let (mut n_pixels, mut n_changed, mut n_both, mut n_equal) = (0, 0, 0, 0);
        let mut conflicts = Vec::new();
        for (truth, pseudo, n) in confusion.pairs() {
            let merged = merge.class(truth, pseudo);
            for (side, label) in [truth, pseudo, merged].into_iter().enumerate() {
                counts[usize::from(label)][side] += n;
            }
            n_pixels += n;
            n_changed += if merged == truth { 0 } else { n };
            if truth != IGNORE && pseudo != IGNORE {
                n_both += n;
                if truth == pseudo {
                    n_equal += n;
                } else {
                    conflicts.push((n, truth, pseudo));
                }
            }
        }
        let shares = |counts: [u64; 3]| {
            let [ground_truth, pseudo, merged] = counts.map(|n| share(n, n_pixels));
            Sides { ground_truth, pseudo, merged }
        };
        let labelled = counts[usize::from(IGNORE)].map(|n| n_pixels - n);
        let is_class = |id: &u8| space.contains(*id);
        let classes = (0..IGNORE).filter(is_class).filter(|&id| counts[usize::from(id)] != [0; 3]);
        // The most frequent first; equal ones by id.
        conflicts.sort_by_key(|&(n, truth, pseudo)| (std::cmp::Reverse(n), truth, pseudo));
        Self {
            n_samples,
            n_pixels,
            coverage: shares(labelled),
            changed: share(n_changed, n_pixels),
            agreement: (n_both > 0).then(|| share(n_equal, n_both)),
            classes: classes
                .map(|id| ClassReport { id, name: name(id), share: shares(counts[usize::from(id)]) })
                .collect(),
            never: (0..IGNORE).filter(is_class).filter(|&id| counts[usize::from(id)][2] == 0).map(name).collect(),
            disagreements: conflicts
                .into_iter()
                .take(N_LISTED)
                .map(|(n, truth, pseudo)| Disagreement {
                    ground_truth: name(truth),
                    pseudo: name(pseudo),
                    n_pixels: n,
                    share: share(n, n_both),
                })
                .collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares are for reading")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

impl fmt::Display for MergeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sides { ground_truth, pseudo, merged } = self.coverage;
        writeln!(f, "  samples      {} ({} pixels)", self.n_samples, self.n_pixels)?;
        let [a, b, c] = [ground_truth, pseudo, merged].map(percent);
        writeln!(f, "  labelled     {a} by the ground truth, {b} by the teacher, {c} after merging")?;
        let agreement = self.agreement.map_or("no pixel is labelled by both".into(), |share| {
            format!("they agree on {} of the pixels that both label", percent(share))
        });
        writeln!(f, "  changed      {} of the pixels; {agreement}", percent(self.changed))?;
        let width = self.classes.iter().map(|c| c.name.len()).max().unwrap_or_default().max(5);
        writeln!(f, "  {:>3} {:<width$}  ground truth    teacher     merged  (share of all pixels)", "id", "class")?;
        for ClassReport { id, name, share } in &self.classes {
            let [a, b, c] = [share.ground_truth, share.pseudo, share.merged].map(percent);
            writeln!(f, "  {id:>3} {name:<width$}  {a:>12} {b:>10} {c:>10}")?;
        }
        writeln!(f, "  {} of the classes never occur", self.never.len())?;
        if self.disagreements.is_empty() {
            return Ok(());
        }
        writeln!(f, "  the largest disagreements, of the pixels that both label:")?;
        for Disagreement { ground_truth, pseudo, n_pixels, share } in &self.disagreements {
            writeln!(f, "    {:>8}  {ground_truth} is {pseudo} to the teacher ({n_pixels} pixels)", percent(*share))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::merge::{Overrides, Prefer};

    /// Ten pixels, counted by hand: 4 agree on wall, 2 are door to the teacher, 1 is chair, 3 have only one label.
    #[test]
    fn shares_are_those_counted_by_hand() {
        let truth = [0, 0, 0, 0, 0, 0, 0, 255, 255, 5];
        let pseudo = [0, 0, 0, 0, 14, 14, 19, 3, 3, 255];
        let confusion = Confusion::count(&truth, &pseudo);
        let report = MergeReport::new(&confusion, &Merge::new(Prefer::Pseudo, Overrides::default()), 1);
        assert_eq!(report.coverage, Sides { ground_truth: 0.8, pseudo: 0.9, merged: 1.0 });
        assert_eq!(report.changed, 0.5);
        assert_eq!(report.agreement, Some(4.0 / 7.0));
        let found: Vec<_> = report.disagreements.iter().map(|d| (d.ground_truth, d.pseudo, d.n_pixels)).collect();
        assert_eq!(found, [("wall", "door", 2), ("wall", "chair", 1)]);
        let wall = &report.classes[0];
        assert_eq!((wall.name, wall.share), ("wall", Sides { ground_truth: 0.7, pseudo: 0.4, merged: 0.4 }));
        assert_eq!(report.never.len(), 145, "wall, floor, ceiling, door and chair occur");
        let agree = MergeReport::new(&confusion, &Merge::new(Prefer::Agree, Overrides::default()), 1);
        assert_eq!((agree.coverage.merged, agree.changed, agree.never.len()), (0.4, 0.4, 149));
    }

    #[test]
    fn nothing_is_no_division_by_zero() {
        let merge = Merge::new(Prefer::GroundTruth, Overrides::default());
        let report = MergeReport::new(&Confusion::default(), &merge, 0);
        assert_eq!((report.agreement, report.coverage.merged), (None, 0.0));
        assert!(report.to_string().contains("no pixel is labelled by both"));
    }
}
