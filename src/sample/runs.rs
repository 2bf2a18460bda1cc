//! Labels and masks come in runs: planes are looked at where they change.

use std::ops::Range;

use ::wide::{u8x16, u16x8};

/// Elements that are compared with the ones before them at once.
const BLOCK: usize = 64;

/// Bytes that are written without a call.
const SHORT: usize = 32;

/// Every longest run of elements that are equal in each of the planes, in order. What planes hold beyond the shortest is not
/// looked at.
pub(crate) fn runs<T: Element, const N: usize>(planes: [&[T]; N]) -> Runs<'_, T, N> {
    let n = planes.map(<[T]>::len).into_iter().min().unwrap_or(0);
    Runs { planes: planes.map(|plane| &plane[..n]), changes: 0, block: 1, next: 1, start: 0, n }
}

/// See [`runs`].
#[derive(Clone, Debug)]
pub(crate) struct Runs<'p, T, const N: usize> {
    planes: [&'p [T]; N],
    /// Where elements of the block differ from the ones before them and no run begins yet, one bit each.
    changes: u64,
    /// Where the block begins, and where the next one does.
    block: usize,
    next: usize,
    start: usize,
    n: usize,
}

impl<T: Element, const N: usize> Iterator for Runs<'_, T, N> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.start;
        if start == self.n {
            return None;
        }
        while self.changes == 0 {
            if self.next >= self.n {
                self.start = self.n;
                return Some(start..self.n);
            }
            self.enter_block();
        }
        Some(start..self.end_run())
    }

    /// As calling [`next`](Self::next) until there is none, but without asking for each run where it stands.
    #[inline]
    fn fold<B, F: FnMut(B, Range<usize>) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        loop {
            while self.changes != 0 {
                let start = self.start;
                folded = f(folded, start..self.end_run());
            }
            if self.next >= self.n {
                break;
            }
            self.enter_block();
        }
        if self.start < self.n { f(folded, self.start..self.n) } else { folded }
    }
}

impl<T: Element, const N: usize> Runs<'_, T, N> {
    #[inline]
    fn enter_block(&mut self) {
        self.block = self.next;
        self.next += BLOCK;
        self.changes = changes(&self.planes, self.block);
    }

    /// Where the run ends that is cut by the first of the changes.
    #[inline]
    fn end_run(&mut self) -> usize {
        self.start = self.block + self.changes.trailing_zeros() as usize;
        self.changes &= self.changes - 1;
        self.start
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
#[inline]
fn changes<T: Element, const N: usize>(planes: &[&[T]; N], first: usize) -> u64 {
    planes.iter().fold(0, |bits, plane| {
        let (here, before) = (&plane[first..], &plane[first - 1..plane.len() - 1]);
        bits | match (here.first_chunk(), before.first_chunk()) {
            (Some(here), Some(before)) => T::differ(here, before),
            _ => here.iter().zip(before).rev().fold(0, |bits, (here, before)| bits << 1 | u64::from(here != before)),
        }
    })
}

/// What planes of labels and masks are made of.
pub trait Element: Copy + PartialEq {
    /// One bit for each pair, the first the lowest: whether its two elements differ.
    fn differ(a: &[Self; BLOCK], b: &[Self; BLOCK]) -> u64;
}

impl Element for u8 {
    #[inline]
    fn differ(a: &[Self; BLOCK], b: &[Self; BLOCK]) -> u64 {
        let of_16 = |(a, b): (&[u8; 16], &[u8; 16])| u8x16::new(*a).simd_eq(u8x16::new(*b)).to_bitmask();
        let pairs = a.as_chunks().0.iter().zip(b.as_chunks().0);
        !pairs.rev().fold(0, |bits, pair| bits << 16 | u64::from(of_16(pair)))
    }
}

impl Element for u16 {
    #[inline]
    fn differ(a: &[Self; BLOCK], b: &[Self; BLOCK]) -> u64 {
        let of_8 = |(a, b): (&[u16; 8], &[u16; 8])| u16x8::new(*a).simd_eq(u16x8::new(*b)).to_bitmask();
        let pairs = a.as_chunks().0.iter().zip(b.as_chunks().0);
        !pairs.rev().fold(0, |bits, pair| bits << 8 | u64::from(of_8(pair)))
    }
}

impl Element for bool {
    #[inline]
    fn differ(a: &[Self; BLOCK], b: &[Self; BLOCK]) -> u64 {
        u8::differ(&a.map(u8::from), &b.map(u8::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all<T: Element, const N: usize>(planes: [&[T]; N]) -> Vec<Range<usize>> {
        let mut one_by_one = Vec::new();
        for run in runs(planes) {
            one_by_one.push(run);
        }
        let mut folded = Vec::new();
        runs(planes).for_each(|run| folded.push(run));
        assert_eq!(one_by_one, folded);
        folded
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
