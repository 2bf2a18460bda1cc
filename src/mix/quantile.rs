use crate::wide::wide;

/// Of so many depths one is looked at first. A prime, so that it falls into other columns from row to row.
const STRIDE: usize = 61;

/// Depths that are looked at together: most such blocks have none near the quantile.
const BLOCK: usize = 64;

/// The `u`-quantile of the depths above `beyond`: of n such values in ascending order the one at `floor(u * (n - 1))`.
/// `None` without any.
pub(super) fn quantile(depths: &[f32], beyond: f32, u: f64) -> Option<f32> {
    nearest_share(depths, beyond, u).map(|(quantile, _)| quantile)
}

/// The [`quantile`], and for each depth whether it is above `beyond` and no farther than that.
///
/// A few of the depths tell between which two the quantile must lie; one pass counts those below and collects those between.
/// Only blocks with depths between are looked at again.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 <= u <= 1")]
pub(super) fn nearest_share(depths: &[f32], beyond: f32, u: f64) -> Option<(f32, Vec<bool>)> {
    let rank_of = |n: usize| Some((u.clamp(0.0, 1.0) * n.checked_sub(1)? as f64).floor() as usize);
    let (low, high) = bracket(depths, beyond, rank_of);
    let mut cells = Vec::with_capacity(depths.len());
    let (mut n, mut n_below, mut near, mut open) = (0, 0, Vec::new(), Vec::new());
    wide(
        #[inline(always)]
        || {
            for block in depths.chunks(BLOCK) {
                let (mut above, mut below, mut between) = (0_u32, 0_u32, 0_u32);
                for &d in block {
                    above += u32::from(d > beyond);
                    below += u32::from((d > beyond) & (d < low));
                    between += u32::from((low <= d) & (d <= high));
                }
                n += above as usize;
                n_below += below as usize;
                if between > 0 {
                    near.extend(block.iter().filter(|&&d| low <= d && d <= high));
                    open.push(cells.len()..cells.len() + block.len());
                }
                cells.extend(block.iter().map(|&d| (d > beyond) & (d < low)));
            }
        },
    );
    let rank = rank_of(n)?;
    let among = rank.checked_sub(n_below).filter(|&at| at < near.len());
    let quantile = match among {
        Some(at) => nth(&mut near, at),
        None => {
            open.push(0..depths.len());
            near.clear();
            near.extend(depths.iter().filter(|&&d| d > beyond));
            nth(&mut near, rank)
        }
    };
    for range in open {
        let pairs = cells[range.clone()].iter_mut().zip(&depths[range]);
        pairs.for_each(|(cell, &d)| *cell = (d > beyond) & (d <= quantile));
    }
    Some((quantile, cells))
}

/// Two depths between which the one of a rank lies, all but certainly: four standard deviations away in the sample.
fn bracket(depths: &[f32], beyond: f32, rank_of: impl Fn(usize) -> Option<usize>) -> (f32, f32) {
    let mut some: Vec<f32> = depths.iter().copied().step_by(STRIDE).filter(|&d| d > beyond).collect();
    let Some(rank) = rank_of(some.len()) else { return (beyond.next_up(), f32::INFINITY) };
    let margin = 2 * some.len().isqrt() + 1;
    let low = rank.checked_sub(margin).map_or(beyond.next_up(), |at| nth(&mut some, at));
    let high = Some(rank + margin).filter(|&at| at < some.len()).map_or(f32::INFINITY, |at| nth(&mut some, at));
    (low, high)
}

fn nth(values: &mut [f32], at: usize) -> f32 {
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_element_of_the_sorted_values(
            depths in prop::collection::vec(prop_oneof![0.0..80f32, Just(f32::INFINITY), Just(2.5f32), Just(0f32)], 1..200),
            times in 1..200usize,
            beyond in prop_oneof![Just(0f32), Just(-1f32)],
            u in 0.0..=1f64,
        ) {
            // Repeated, so that the few that are looked at first do not tell everything; sorted, so that they mislead.
            for depths in [depths.repeat(times), { let mut d = depths.repeat(times); d.sort_by(f32::total_cmp); d }] {
                let found = nearest_share(&depths, beyond, u);
                let near = |q: f32| depths.iter().map(|&d| beyond < d && d <= q).collect::<Vec<_>>();
                prop_assert_eq!(found.as_ref().map(|(_, cells)| cells.clone()), found.as_ref().map(|(q, _)| near(*q)));
                let mut sorted: Vec<f32> = depths.into_iter().filter(|&d| d > beyond).collect();
                sorted.sort_by(f32::total_cmp);
                let at = (u * sorted.len().saturating_sub(1) as f64).floor() as usize;
                prop_assert_eq!(found.map(|(q, _)| q), sorted.get(at).copied());
            }
        }
    }

    #[test]
    fn a_misleading_sample_does_no_harm() {
        let depths: Vec<f32> =
            (0..40_000).map(|i| if i % STRIDE == 0 { 9.0 } else { (i % 500) as f32 / 100.0 }).collect();
        let mut sorted = depths.clone();
        sorted.sort_by(f32::total_cmp);
        for u in [0.0, 0.3, 0.5, 0.9, 1.0] {
            assert_eq!(quantile(&depths, -1.0, u), Some(sorted[(u * 39_999.0) as usize]), "{u}");
        }
    }

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(quantile(&[], 0.0, 0.5), None);
        assert_eq!(quantile(&[0.0; 100], 0.0, 0.5), None);
    }
}
