//! Labels and masks come in runs: planes are looked at where they change.

use std::ops::Range;

use crate::wide::wide;

/// Elements that are compared with the ones before them at once.
const BLOCK: usize = 64;

/// Bytes that are written without a call.
const SHORT: usize = 32;

/// Every longest run of elements that are equal in each of the planes, in order. What planes hold beyond the shortest is not
/// looked at.
pub(crate) fn runs<T: PartialEq, const N: usize>(planes: [&[T]; N]) -> Runs {
    let n = planes.map(<[T]>::len).into_iter().min().unwrap_or(0);
    let changes = wide(
        #[inline(always)]
        || (1..n).step_by(BLOCK).map(|first| changes(&planes, first, n)).collect(),
    );
    Runs { changes, block: 0, start: 0, n }
}

/// See [`runs`].
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    /// Where elements differ from the ones before them, one bit each, from the second element on.
    changes: Vec<u64>,
    block: usize,
    start: usize,
    n: usize,
}

impl Iterator for Runs {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.start;
        if start == self.n {
            return None;
        }
        self.start = self.n;
        while let Some(changes) = self.changes.get_mut(self.block) {
            if *changes != 0 {
                self.start = 1 + self.block * BLOCK + changes.trailing_zeros() as usize;
                *changes &= *changes - 1;
                break;
            }
            self.block += 1;
        }
        Some(start..self.start)
    }
}

/// Appends a run. Most are short: as many bytes as the processor writes at once, cut back, cost less than the call for each run that
/// `resize` makes.
#[inline]
pub(crate) fn push_run(plane: &mut Vec<u8>, len: usize, value: u8) {
    let end = plane.len() + len;
    match len {
        0..=SHORT => {
            plane.extend_from_slice(&[value; SHORT]);
            plane.truncate(end);
        }
        _ => plane.resize(end, value),
    }
}

/// One bit for each of the elements from `first` on, the first the lowest: whether it differs from the one before.
#[inline(always)]
fn changes<T: PartialEq, const N: usize>(planes: &[&[T]; N], first: usize, n: usize) -> u64 {
    let mut differ = [0; BLOCK];
    for plane in planes {
        let (here, before) = (&plane[first..n], &plane[first - 1..n - 1]);
        match (here.first_chunk::<BLOCK>(), before.first_chunk::<BLOCK>()) {
            (Some(here), Some(before)) => mark(&mut differ, here, before),
            _ => mark(&mut differ, here, before),
        }
    }
    bits(&differ)
}

/// Sets a flag where two elements differ.
#[inline(always)]
fn mark<T: PartialEq>(flags: &mut [u8; BLOCK], here: &[T], before: &[T]) {
    for ((flag, here), before) in flags.iter_mut().zip(here).zip(before) {
        *flag |= u8::from(here != before);
    }
}

/// One bit a flag, the first the lowest.
#[inline(always)]
fn bits(flags: &[u8; BLOCK]) -> u64 {
    // The product moves the lowest bits of eight bytes side by side, into its highest byte.
    let of_eight = |flags: &[u8; 8]| u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    flags.as_chunks().0.iter().rev().fold(0, |bits, eight| bits << 8 | of_eight(eight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all<T: PartialEq, const N: usize>(planes: [&[T]; N]) -> Vec<Range<usize>> {
        runs(planes).collect()
    }

    /// The definition: elements join a run when they equal the one before.
    fn expected<T: PartialEq>(elements: &[T]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (i, element) in elements.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if elements[i - 1] == *element => run.end = i + 1,
                _ => runs.push(i..i + 1),
            }
        }
        runs
    }

    fn plane(values: Range<u16>) -> impl Strategy<Value = Vec<u16>> {
        prop::collection::vec((values, prop_oneof![1..4_usize, 1..80_usize]), 0..12)
            .prop_map(|runs| runs.into_iter().flat_map(|(v, n)| std::iter::repeat_n(v, n)).collect())
    }

    proptest! {
        #[test]
        fn runs_are_those_of_the_definition(a in plane(0..3), b in plane(0..3), wide in plane(254..259)) {
            let bytes = |plane: &[u16]| plane.iter().map(|&v| v as u8).collect::<Vec<_>>();
            let pairs: Vec<_> = a.iter().zip(&b).collect();
            prop_assert_eq!(all([bytes(&a).as_slice(), &bytes(&b)]), expected(&pairs));
            prop_assert_eq!(all([bytes(&a).as_slice()]), expected(&a));
            prop_assert_eq!(all([wide.as_slice()]), expected(&wide));
        }
    }

    #[test]
    fn runs_put_side_by_side_are_the_plane() {
        let plane: Vec<u8> = [1, 31, 32, 33, 200].into_iter().zip(3..).flat_map(|(n, v)| vec![v; n]).collect();
        let mut copy = Vec::new();
        runs([plane.as_slice()]).for_each(|run| push_run(&mut copy, run.len(), plane[run.start]));
        assert_eq!(copy, plane);
    }
}
