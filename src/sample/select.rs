//! Choosing between two fields pixel by pixel.

use std::ops::Range;

use super::runs::runs;

/// Shorter runs are copied pixel by pixel.
const SHORT: usize = 16;

/// Chosen pixels as runs, row after row; found once for all planes of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    n_pixels: usize,
    runs: Vec<Range<usize>>,
}

impl Selection {
    /// The pixels where the mask is `value`.
    pub(crate) fn of(mask: &[bool], value: bool) -> Self {
        Self { n_pixels: mask.len(), runs: runs([mask]).filter(|run| mask[run.start] == value).collect() }
    }

    /// The chosen pixels of `into` become those of `from`, in every plane of the size of the mask.
    ///
    /// Fields are kept in standard layout, so there is a slice; fields of other sizes are left as they are beyond the
    /// shorter one.
    pub(super) fn copy<T: Copy>(&self, into: Option<&mut [T]>, from: Option<&[T]>) {
        let (Some(into), Some(from), 1..) = (into, from, self.n_pixels) else { return };
        for (into, from) in into.chunks_exact_mut(self.n_pixels).zip(from.chunks_exact(self.n_pixels)) {
            for run in &self.runs {
                let (into, from) = (&mut into[run.clone()], &from[run.clone()]);
                if run.len() < SHORT {
                    into.iter_mut().zip(from).for_each(|(into, &from)| *into = from);
                } else {
                    into.copy_from_slice(from);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_plane_is_chosen_pixel_by_pixel(
            mask in prop::collection::vec((any::<bool>(), 1..50usize), 0..12), planes in 1..4usize, value: bool,
        ) {
            let mask: Vec<bool> = mask.into_iter().flat_map(|(take, n)| std::iter::repeat_n(take, n)).collect();
            let n = planes * mask.len();
            let (mut into, from): (Vec<usize>, Vec<usize>) = ((0..n).collect(), (n..2 * n).collect());
            Selection::of(&mask, value).copy(Some(&mut into), Some(&from));
            let expected: Vec<usize> = (0..n).map(|i| if mask[i % mask.len()] == value { n + i } else { i }).collect();
            prop_assert_eq!(into, expected);
        }
    }
}
