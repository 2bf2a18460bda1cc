//! Exact nearest neighbours on a grid, in time linear in the pixels (Meijster, Roerdink and Hesselink 2000; the
//! feature is kept, not only the distance). Distances are squared integers; of equally near seeds the one with the
//! smallest row, then the smallest column, is taken.

use crate::sample::Size;

/// Where there is no seed at all.
pub(super) const NONE: u32 = u32::MAX;

/// For every pixel from row `top` on the index, row after row, of the nearest seed; [`NONE`] above, and everywhere when
/// there is no seed.
pub(super) fn nearest(size: Size, top: usize, is_seed: impl Fn(usize) -> bool) -> Vec<u32> {
    let width = size.width.max(1);
    let mut found = in_columns(size, is_seed);
    let (mut around, mut arcs) = (Around::default(), Arcs::default());
    for (y, line) in found.chunks_exact_mut(width).enumerate() {
        if y < top {
            line.fill(NONE);
        } else if !around.fill(y, width, line) {
            arcs.begin(y);
            for (x, &row) in line.iter().enumerate() {
                if row != NONE {
                    arcs.push(x, row as usize);
                }
            }
            arcs.fill(width, line);
        }
    }
    found
}

/// Looks at the nearest seeds of the columns left and right of every pixel of a row, step by step. That is faster than
/// [`Arcs`] while all seeds are near.
///
/// A candidate is one number: the squared distance in the upper half, row and column relative to the pixel in the two
/// bytes below, so that the smallest number is the nearest seed with the smallest row and column.
#[derive(Default)]
struct Around {
    columns: Vec<i32>,
    best: Vec<i32>,
}

impl Around {
    /// Seeds this far away or farther are out of sight.
    const REACH: i32 = 16;
    const FAR: i32 = (Self::REACH * Self::REACH) << 16;
    /// The byte that stands for a difference of nought.
    const NOUGHT: i32 = 64;

    /// Turns the rows of the nearest seeds of the columns into the indices of the nearest seeds. `false`, and nothing is
    /// changed, when a seed is out of sight.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "sides are below 2^16"
    )]
    fn fill(&mut self, y: usize, width: usize, line: &mut [u32]) -> bool {
        let margin = Self::REACH as usize;
        self.columns.clear();
        self.columns.resize(width + 2 * margin, Self::FAR);
        for (column, &row) in self.columns[margin..].iter_mut().zip(&*line) {
            let down = row as i32 - y as i32;
            if row != NONE && down.abs() < Self::REACH {
                *column = (down * down) << 16 | (down + Self::NOUGHT) << 8 | Self::NOUGHT;
            }
        }
        self.best.clear();
        self.best.extend_from_slice(&self.columns[margin..margin + width]);
        for step in 1..Self::REACH {
            let worst = self.best.iter().fold(0, |worst, &best| worst.max(best));
            if worst < (step * step) << 16 {
                break;
            }
            let far = (step * step) << 16;
            let left = &self.columns[margin - step as usize..];
            let right = &self.columns[margin + step as usize..];
            for ((best, &left), &right) in self.best.iter_mut().zip(left).zip(right) {
                *best = (*best).min(left + far - step).min(right + far + step);
            }
        }
        if self.best.iter().fold(0, |worst, &best| worst.max(best)) >= Self::FAR {
            return false;
        }
        for (x, (found, &best)) in line.iter_mut().zip(&self.best).enumerate() {
            let (down, aside) = ((best >> 8 & 0xff) - Self::NOUGHT, (best & 0xff) - Self::NOUGHT);
            *found = (y as i32 + down) as u32 * width as u32 + (x as i32 + aside) as u32;
        }
        true
    }
}

/// For every pixel the row of the nearest seed of its column, the upper one of two.
#[expect(clippy::cast_possible_truncation, reason = "rows are below 2^16")]
fn in_columns(size: Size, is_seed: impl Fn(usize) -> bool) -> Vec<u32> {
    let width = size.width.max(1);
    let mut rows = vec![NONE; size.n_pixels()];
    let mut last = vec![NONE; width];
    for (y, line) in rows.chunks_exact_mut(width).enumerate() {
        for (x, (row, last)) in line.iter_mut().zip(&mut last).enumerate() {
            if is_seed(y * width + x) {
                *last = y as u32;
            }
            *row = *last;
        }
    }
    last.fill(NONE);
    for (y, line) in rows.chunks_exact_mut(width).enumerate().rev() {
        let y = y as u32;
        for (row, below) in line.iter_mut().zip(&mut last) {
            if *row == y {
                *below = y;
            } else if *below != NONE && (*row == NONE || *below - y < y - *row) {
                *row = *below;
            }
        }
    }
    rows
}

/// The columns that own a stretch of one row: the lower envelope of the parabolas `(x - column)^2 + (y - row)^2`.
#[derive(Default)]
pub(super) struct Arcs {
    y: usize,
    arcs: Vec<Arc>,
}

struct Arc {
    column: u32,
    row: u32,
    /// `column^2 + (y - row)^2`
    key: f64,
    /// The first x where this column is nearest.
    start: i64,
}

impl Arcs {
    /// Forgets the row before.
    pub(super) fn begin(&mut self, y: usize) {
        self.y = y;
        self.arcs.clear();
    }

    /// Adds the nearest seed of a column. Columns come in ascending order.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sides are below 2^16")]
    pub(super) fn push(&mut self, column: usize, row: usize) {
        let (far, down) = (column as f64, row.abs_diff(self.y) as f64);
        let mut arc = Arc { column: column as u32, row: row as u32, key: far * far + down * down, start: 0 };
        while let Some(last) = self.arcs.last() {
            arc.start = arc.first_win(last);
            if arc.start > last.start {
                break;
            }
            self.arcs.pop();
            arc.start = 0;
        }
        self.arcs.push(arc);
    }

    /// Writes the index of the nearest seed of every pixel of the row.
    pub(super) fn fill(&self, width: usize, line: &mut [u32]) {
        let Some(last) = self.arcs.len().checked_sub(1) else { return line.fill(NONE) };
        let n = line.len();
        for (i, arc) in self.arcs.iter().enumerate() {
            let start = usize::try_from(arc.start).unwrap_or(0).min(n);
            let end = if i == last { n } else { usize::try_from(self.arcs[i + 1].start).unwrap_or(0).min(n) };
            line[start..end.max(start)].fill(arc.index(width));
        }
    }

    /// The index of the seed nearest to column `x`.
    pub(super) fn at(&self, x: usize, width: usize) -> Option<u32> {
        let after = self.arcs.partition_point(|arc| arc.start <= x as i64);
        Some(self.arcs.get(after.checked_sub(1)?)?.index(width))
    }
}

impl Arc {
    #[expect(clippy::cast_possible_truncation, reason = "pictures have fewer than 2^32 pixels")]
    fn index(&self, width: usize) -> u32 {
        self.row * width as u32 + self.column
    }

    /// The first x where this column is nearer than `left`, which lies left of it, or as near with a smaller row.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "whole numbers below 2^34")]
    fn first_win(&self, left: &Self) -> i64 {
        // Both are as far from x = n / d. The quotient of two whole numbers below 2^34 is never rounded to a whole one.
        let (n, d) = (self.key - left.key, 2.0 * f64::from(self.column - left.column));
        let quotient = n / d;
        let whole = quotient as i64;
        if whole as f64 == quotient {
            return if self.row < left.row { whole } else { whole + 1 };
        }
        if quotient > 0.0 { whole + 1 } else { whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn searched(size: Size, seeds: &[bool]) -> Vec<u32> {
        let place = |i: usize| (i / size.width, i % size.width);
        let all: Vec<usize> = (0..size.n_pixels()).filter(|&i| seeds[i]).collect();
        let nearest = |at: usize| {
            let (y, x) = place(at);
            let found = all.iter().copied().min_by_key(|&i| {
                let (row, column) = place(i);
                (row.abs_diff(y).pow(2) + column.abs_diff(x).pow(2), row, column)
            });
            found.map_or(NONE, |i| i as u32)
        };
        (0..size.n_pixels()).map(nearest).collect()
    }

    proptest! {
        #[test]
        fn it_is_what_a_search_finds(
            height in 1..12usize, width in 1..14usize, dense in 1..12u32, cells in prop::collection::vec(0..12u32, 168),
        ) {
            let size = Size::new(height, width);
            let seeds: Vec<bool> = cells[..size.n_pixels()].iter().map(|&c| c < dense).collect();
            prop_assert_eq!(nearest(size, 0, |i| seeds[i]), searched(size, &seeds));
        }
    }

    #[test]
    fn a_thousand_columns_and_few_seeds() {
        let size = Size::new(40, 1216);
        let seeds: Vec<bool> = (0..size.n_pixels()).map(|i| i * 2_654_435_761 % 4099 == 5).collect();
        assert_eq!(nearest(size, 0, |i| seeds[i]), searched(size, &seeds));
        assert_eq!(nearest(Size::new(2, 2), 0, |_| false), [NONE; 4]);
    }
}
