use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many pixels have each pair of labels: ground truth, pseudo label (255 = none). Ascending by pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    counts: Vec<(u8, u8, u64)>,
}

impl Confusion {
    /// Counts two maps of equal length.
    #[must_use]
    pub fn count(truth: &[u8], pseudo: &[u8]) -> Self {
        let mut counts = vec![0_u32; 1 << 16];
        // Labels come in runs; one addition a run keeps the counter out of the way.
        let (mut last, mut run) = (0, 0);
        for (&t, &p) in truth.iter().zip(pseudo) {
            let pair = u16::from_be_bytes([t, p]);
            if pair != last {
                counts[usize::from(last)] += run;
                (last, run) = (pair, 0);
            }
            run += 1;
        }
        counts[usize::from(last)] += run;
        let found = (0..=u16::MAX).zip(counts).filter(|&(_, n)| n > 0);
        let counts = found.map(|(pair, n)| {
            let [t, p] = pair.to_be_bytes();
            (t, p, n.into())
        });
        Self { counts: counts.collect() }
    }

    /// Ground truth, pseudo label, pixels; ascending by pair.
    pub fn pairs(&self) -> impl Iterator<Item = (u8, u8, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// The counts of several samples together.
    #[must_use]
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum: BTreeMap<(u8, u8), u64> = BTreeMap::new();
        for (t, p, n) in all.into_iter().flat_map(Self::pairs) {
            let count = sum.entry((t, p)).or_default();
            *count = count.saturating_add(n);
        }
        Self { counts: sum.into_iter().map(|((t, p), n)| (t, p, n)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_whole() {
        let confusion = Confusion::count(&[0, 0, 1, 0, 255], &[0, 0, 1, 0, 3]);
        assert_eq!(confusion.pairs().collect::<Vec<_>>(), [(0, 0, 3), (1, 1, 1), (255, 3, 1)]);
        let twice = Confusion::sum([&confusion, &confusion]);
        assert_eq!(twice.pairs().map(|(.., n)| n).sum::<u64>(), 10);
        assert_eq!(Confusion::count(&[], &[]), Confusion::default());
    }
}
