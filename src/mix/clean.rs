//! What makes a mask from sparse depth whole: a majority filter, and the removal of small parts.

use super::components::{Components, Neighbours};
use super::mask::Mask;

const REACH: usize = 2;

/// Every pixel becomes what most pixels of its 5x5 window are, counting those inside the picture; a tie keeps it.
pub(super) fn majority(mask: &Mask) -> Mask {
    let size = mask.size();
    let (height, width) = (size.height, size.width);
    if width == 0 {
        return mask.clone();
    }
    // Ones among the five of a row, then among the five rows.
    let mut of_row = vec![0_u8; size.n_pixels()];
    for (sums, line) in of_row.chunks_exact_mut(width).zip(mask.cells().chunks_exact(width)) {
        for shift in 0..=REACH.min(width - 1) {
            sums[shift..].iter_mut().zip(line).for_each(|(sum, &cell)| *sum += u8::from(cell));
            if shift > 0 {
                sums.iter_mut().zip(&line[shift..]).for_each(|(sum, &cell)| *sum += u8::from(cell));
            }
        }
    }
    let columns: Vec<u8> = (0..width).map(|x| within(x, width)).collect();
    let mut out = mask.clone();
    let mut ones = vec![0_u8; width];
    for (y, line) in out.cells_mut().chunks_exact_mut(width).enumerate() {
        let rows = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
        let n_rows = within(y, height);
        ones.fill(0);
        for sums in of_row.chunks_exact(width).take(rows.end).skip(rows.start) {
            ones.iter_mut().zip(sums).for_each(|(all, &sum)| *all += sum);
        }
        for ((cell, &ones), &n_columns) in line.iter_mut().zip(&ones).zip(&columns) {
            let (twice, all) = (2 * ones, n_rows * n_columns);
            *cell = twice > all || (twice == all && *cell);
        }
    }
    out
}

/// How many of the five positions around `at` lie inside `0..n`.
fn within(at: usize, n: usize) -> u8 {
    let count = (at + REACH + 1).min(n) - at.saturating_sub(REACH);
    u8::try_from(count).unwrap_or(5)
}

/// Parts of the mask (4-connected) with fewer than `least` pixels vanish; then such holes of it are filled.
pub(super) fn without_specks(mut mask: Mask, least: f64) -> Mask {
    turn_small(&mut mask, true, least);
    turn_small(&mut mask, false, least);
    mask
}

#[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
fn turn_small(mask: &mut Mask, value: bool, least: f64) {
    let width = mask.size().width;
    let parts = Components::of(mask.cells(), mask.size(), Neighbours::Four);
    let cells = mask.cells_mut();
    for run in parts.runs.iter().filter(|run| (parts.areas[run.part] as f64) < least) {
        let run = &mut cells[run.row * width + run.start..run.row * width + run.end];
        if run.first() == Some(&value) {
            run.fill(!value);
        }
    }
}

impl Mask {
    /// Number of 4-connected parts, those of A and those of B: how much like salt and pepper it is.
    #[must_use]
    pub fn n_parts(&self) -> usize {
        Components::of(self.cells(), self.size(), Neighbours::Four).areas.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Size;
    use proptest::prelude::*;

    fn counted(mask: &Mask) -> Vec<bool> {
        let (h, w) = (mask.size().height as isize, mask.size().width as isize);
        let cell = |y: isize, x: isize| mask.cells()[(y * w + x) as usize];
        let decide = |y: isize, x: isize| {
            let window = (y - 2..=y + 2).flat_map(|y| (x - 2..=x + 2).map(move |x| (y, x)));
            let inside = window.filter(|&(y, x)| (0..h).contains(&y) && (0..w).contains(&x));
            let balance: i32 = inside.map(|(y, x)| if cell(y, x) { 1 } else { -1 }).sum();
            if balance == 0 { cell(y, x) } else { balance > 0 }
        };
        (0..h).flat_map(|y| (0..w).map(move |x| (y, x))).map(|(y, x)| decide(y, x)).collect()
    }

    proptest! {
        #[test]
        fn the_majority_is_counted(height in 1..8usize, width in 1..9usize, cells in prop::collection::vec(any::<bool>(), 72)) {
            let mask = Mask::new(Size::new(height, width), cells);
            let filtered = majority(&mask);
            prop_assert_eq!(filtered.cells(), counted(&mask));
        }
    }

    #[test]
    fn specks_go_first_and_then_holes() {
        let cells = "1....\n.111.\n.1.1.\n.111.\n.....".bytes().filter(|b| *b != b'\n').map(|b| b == b'1').collect();
        let mask = Mask::new(Size::new(5, 5), cells);
        assert_eq!(mask.n_parts(), 4, "the speck, the ring, its hole, the ground");
        let clean = without_specks(mask, 2.0);
        assert_eq!(clean.n_parts(), 2);
        assert_eq!(clean.share(), 9.0 / 25.0);
    }
}
