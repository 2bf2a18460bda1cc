//! Labels come in runs: planes are looked at where they change.

use std::ops::Range;

/// Elements that are compared with the ones before them at once.
const BLOCK: usize = 64;

/// Calls `each` with every longest run of elements that are equal in each of the planes, in order. What planes hold
/// beyond the shortest is not looked at.
///
/// # Errors
/// The first of `each`, which ends it.
pub(super) fn try_each_run<T: PartialEq, const N: usize, E>(
    planes: [&[T]; N],
    mut each: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let n = planes.map(<[T]>::len).into_iter().min().unwrap_or(0);
    let mut start = 0;
    for first in (1..n).step_by(BLOCK) {
        let mut differ = [0; BLOCK];
        for plane in planes {
            let (here, before) = (&plane[first..n], &plane[first - 1..n - 1]);
            match (here.first_chunk::<BLOCK>(), before.first_chunk::<BLOCK>()) {
                (Some(here), Some(before)) => mark(&mut differ, here, before),
                _ => mark(&mut differ, here, before),
            }
        }
        let mut changes = bits(&differ);
        while changes != 0 {
            let change = first + changes.trailing_zeros() as usize;
            each(start..change)?;
            start = change;
            changes &= changes - 1;
        }
    }
    if n > 0 { each(start..n) } else { Ok(()) }
}

/// Sets a flag where two elements differ.
#[inline(always)]
fn mark<T: PartialEq>(flags: &mut [u8; BLOCK], here: &[T], before: &[T]) {
    for ((flag, here), before) in flags.iter_mut().zip(here).zip(before) {
        *flag |= u8::from(here != before);
    }
}

/// One bit a flag, the first the lowest.
fn bits(flags: &[u8; BLOCK]) -> u64 {
    // The product moves the lowest bits of eight bytes side by side, into its highest byte.
    let of_eight = |flags: &[u8; 8]| u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    flags.as_chunks().0.iter().rev().fold(0, |bits, eight| bits << 8 | of_eight(eight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs<T: PartialEq, const N: usize>(planes: [&[T]; N]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        try_each_run(planes, |run| {
            found.push(run);
            Ok::<(), ()>(())
        })
        .unwrap();
        found
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
            prop_assert_eq!(runs([bytes(&a).as_slice(), &bytes(&b)]), expected(&pairs));
            prop_assert_eq!(runs([bytes(&a).as_slice()]), expected(&a));
            prop_assert_eq!(runs([wide.as_slice()]), expected(&wide));
        }
    }

    #[test]
    fn an_error_ends_it() {
        let mut seen = 0;
        let result = try_each_run([&[1, 1, 2, 3][..]], |run| {
            seen += 1;
            if run.start == 2 { Err("two") } else { Ok(()) }
        });
        assert_eq!((result, seen), (Err("two"), 2));
    }
}
