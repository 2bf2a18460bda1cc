/// Bits of a depth that are counted first: sign, exponent and the beginning of the fraction.
const COUNTED: u32 = 14;

/// The `u`-quantile of depths: of the n values in ascending order the one at `floor(u * (n - 1))`. `None` without any.
///
/// Depths are not negative and may be infinite, so their bits sort as they do; counting their beginnings finds the few
/// values among which the one lies, without sorting.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 <= u <= 1")]
pub(super) fn quantile(depths: impl Iterator<Item = f32> + Clone, u: f64) -> Option<f32> {
    let bits = || depths.clone().map(f32::to_bits);
    let beginning = |bits: u32| (bits >> (u32::BITS - COUNTED)) as usize;
    // Neighbours are alike: four counts a beginning, taken in turn, need not wait for each other.
    let mut counts = vec![[0_u32; 4]; 1 << COUNTED];
    bits().enumerate().for_each(|(i, b)| counts[beginning(b)][i % 4] += 1);
    let count = |of: &[u32; 4]| of.iter().map(|&n| n as usize).sum::<usize>();
    let n: usize = counts.iter().map(count).sum();
    let mut rank = (u.clamp(0.0, 1.0) * n.checked_sub(1)? as f64).floor() as usize;
    let found = counts.iter().map(count).position(|count| {
        let here = rank < count;
        rank -= if here { 0 } else { count };
        here
    })?;
    let mut near: Vec<u32> = bits().filter(|&b| beginning(b) == found).collect();
    let rank = rank.min(near.len().checked_sub(1)?);
    let (_, &mut found, _) = near.select_nth_unstable(rank);
    Some(f32::from_bits(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_element_of_the_sorted_values(
            mut depths in prop::collection::vec(prop_oneof![0.0..80f32, Just(f32::INFINITY), Just(2.5f32)], 1..200), u in 0.0..=1f64,
        ) {
            let found = quantile(depths.iter().copied(), u);
            depths.sort_by(f32::total_cmp);
            let at = (u * (depths.len() - 1) as f64).floor() as usize;
            prop_assert_eq!(found, Some(depths[at]));
        }
    }

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(quantile(std::iter::empty(), 0.5), None);
    }
}
