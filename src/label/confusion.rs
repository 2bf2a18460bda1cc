use serde::{Deserialize, Serialize};

use crate::sample::runs;

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
        let mut counter = Counter::new();
        counter.add(truth, pseudo);
        counter.confusion()
    }

    /// Ground truth, pseudo label, pixels; ascending by pair.
    pub fn pairs(&self) -> impl Iterator<Item = (u8, u8, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// The counts of several samples together.
    #[must_use]
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = vec![0_u64; 1 << 16];
        for (t, p, n) in all.into_iter().flat_map(Self::pairs) {
            let count = &mut sum[index(t, p)];
            *count = count.saturating_add(n);
        }
        let counts = (0..=u16::MAX).zip(sum).filter(|&(_, n)| n > 0).map(|(pair, n)| {
            let [t, p] = pair.to_be_bytes();
            (t, p, n)
        });
        Self { counts: counts.collect() }
    }
}

/// Counts maps piece by piece.
pub(super) struct Counter {
    /// A row for each label of the ground truth that occurs: few do, and all pairs would be much to clear.
    rows: [Option<Box<[u32; 256]>>; 256],
    /// The pairs that occur, so that they need not be looked for.
    pairs: Vec<(u8, u8)>,
}

impl Counter {
    pub(super) const fn new() -> Self {
        Self { rows: [const { None }; 256], pairs: Vec::new() }
    }

    /// Counts two pieces of equal length.
    pub(super) fn add(&mut self, truth: &[u8], pseudo: &[u8]) {
        runs([truth, pseudo]).for_each(|run| {
            let (t, p) = (truth[run.start], pseudo[run.start]);
            let count = &mut self.rows[usize::from(t)].get_or_insert_with(|| Box::new([0; 256]))[usize::from(p)];
            if *count == 0 {
                self.pairs.push((t, p));
            }
            *count += run.len() as u32;
        });
    }

    pub(super) fn confusion(mut self) -> Confusion {
        self.pairs.sort_unstable();
        let count = |t: u8, p: u8| self.rows[usize::from(t)].as_ref().map_or(0, |row| row[usize::from(p)]);
        Confusion { counts: self.pairs.iter().map(|&(t, p)| (t, p, count(t, p).into())).collect() }
    }
}

/// Place of a pair in a table of all pairs.
pub(super) fn index(truth: u8, pseudo: u8) -> usize {
    usize::from(u16::from_be_bytes([truth, pseudo]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pixels_are_counted_one_by_one(runs in prop::collection::vec((0..3u8, 0..3u8, 1..80usize), 0..12)) {
            let pairs: Vec<(u8, u8)> =
                runs.into_iter().flat_map(|(t, p, n)| std::iter::repeat_n((t, p), n)).collect();
            let (truth, pseudo): (Vec<u8>, Vec<u8>) = pairs.iter().copied().unzip();
            let confusion = Confusion::count(&truth, &pseudo);
            for (t, p) in (0..3).flat_map(|t| (0..3).map(move |p| (t, p))) {
                let n = pairs.iter().filter(|&&pair| pair == (t, p)).count() as u64;
                let found = confusion.pairs().find(|&(a, b, _)| (a, b) == (t, p)).map_or(0, |(.., n)| n);
                prop_assert_eq!(found, n);
            }
        }
    }

    #[test]
    fn runs_are_counted_whole() {
        let confusion = Confusion::count(&[0, 0, 1, 0, 255], &[0, 0, 1, 0, 3]);
        assert_eq!(confusion.pairs().collect::<Vec<_>>(), [(0, 0, 3), (1, 1, 1), (255, 3, 1)]);
        let twice = Confusion::sum([&confusion, &confusion]);
        assert_eq!(twice.pairs().map(|(.., n)| n).sum::<u64>(), 10);
        assert_eq!(Confusion::count(&[], &[]), Confusion::default());
    }
}
