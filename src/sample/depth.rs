use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::geometry::{self, Size, Window, nearest, standard};
use super::select::Selection;
use crate::wide::wide;

/// Depth along the optical axis in metres, `[H, W]`; 0 = no measurement. Every value is finite and not negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Depth(Array2<f32>);

/// How many values of a source could not be depth and became missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// Not a number.
    pub nan: u64,
    /// Below zero.
    pub negative: u64,
    /// Plus or minus infinity.
    pub infinite: u64,
}

impl Invalid {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.nan + self.negative + self.infinite
    }

    /// Counts a value that is no depth.
    const fn count(&mut self, metres: f32) {
        if metres.is_nan() {
            self.nan += 1;
        } else if metres.is_infinite() {
            self.infinite += 1;
        } else {
            self.negative += 1;
        }
    }

    /// The counts of two fields or samples together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            nan: self.nan + other.nan,
            negative: self.negative + other.negative,
            infinite: self.infinite + other.infinite,
        }
    }
}

impl Depth {
    /// Takes metres `[H, W]` from a source. NaN, negative and infinite values become missing and are counted.
    #[must_use]
    pub fn from_metres(metres: Array2<f32>) -> (Self, Invalid) {
        let mut metres = standard(metres);
        let mut invalid = Invalid::default();
        // Whole blocks are asked first: almost all of them hold nothing but depth.
        for block in metres.as_slice_mut().unwrap_or_default().chunks_mut(256) {
            if !block.iter().fold(true, |all, &m| all & is_depth(m)) {
                for m in block.iter_mut().filter(|m| !is_depth(**m)) {
                    invalid.count(*m);
                    *m = 0.0;
                }
            }
            for m in block {
                *m += 0.0; // -0.0 becomes 0.0, so that equal depth has equal bytes
            }
        }
        (Self(metres), invalid)
    }

    /// A map without any measurement.
    #[must_use]
    pub fn missing(size: Size) -> Self {
        Self(Array2::zeros((size.height, size.width)))
    }

    /// Metres, 0 = missing.
    #[must_use]
    pub fn metres(&self) -> ArrayView2<'_, f32> {
        self.0.view()
    }

    /// Takes the chosen pixels of `from`.
    pub(crate) fn take(&mut self, chosen: &Selection, from: &Self) {
        chosen.copy(self.0.as_slice_mut(), from.0.as_slice());
    }

    /// Height and width.
    #[must_use]
    pub fn size(&self) -> Size {
        let (height, width) = self.0.dim();
        Size::new(height, width)
    }

    /// Number of pixels with a measurement.
    #[must_use]
    pub fn n_valid(&self) -> usize {
        let metres = self.0.as_slice().unwrap_or_default();
        // Pictures have fewer than 2^32 pixels; 32 bits are counted several at a time.
        wide(
            #[inline(always)]
            || metres.iter().map(|&m| u32::from(m > 0.0)).sum::<u32>() as usize,
        )
    }

    /// The part the window covers; missing outside.
    #[must_use]
    pub fn window(&self, window: Window) -> Self {
        Self(window.cut(self.0.view(), 0.0))
    }

    /// Mirrored left to right.
    #[must_use]
    pub fn mirror(self) -> Self {
        Self(geometry::mirror(self.0))
    }

    /// Nearest neighbour; when shrinking, a missing pixel gives way to the measured one of its cell that lies
    /// nearest to the cell's centre, so that sparse depth does not thin out. Never interpolated.
    #[must_use]
    pub fn resize_nearest(&self, size: Size) -> Self {
        let (height, width) = self.0.dim();
        let plane = Array2::from_shape_fn((size.height, size.width), |(y, x)| {
            let centre = self.0[(nearest(y, height, size.height), nearest(x, width, size.width))];
            if centre > 0.0 {
                return centre;
            }
            let rows = cell(y, height, size.height);
            let columns = cell(x, width, size.width);
            self.nearest_valid(rows, columns).unwrap_or(0.0)
        });
        Self(plane)
    }

    fn nearest_valid(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> Option<f32> {
        // Distances in half pixels from the middle of the cell; ties go to the first in row order.
        let (cy, cx) = (rows.start + rows.end - 1, columns.start + columns.end - 1);
        rows.flat_map(|y| columns.clone().map(move |x| (y, x)))
            .filter(|&at| self.0[at] > 0.0)
            .min_by_key(|&(y, x)| (2 * y).abs_diff(cy).pow(2) + (2 * x).abs_diff(cx).pow(2))
            .map(|at| self.0[at])
    }
}

/// Finite and not negative.
fn is_depth(metres: f32) -> bool {
    (0.0..=f32::MAX).contains(&metres)
}

/// The source pixels that output pixel `i` covers, at least one.
fn cell(i: usize, from: usize, to: usize) -> std::ops::Range<usize> {
    let start = i * from / to;
    let end = ((i + 1) * from).div_ceil(to).min(from);
    start..end.max(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn what_cannot_be_depth_is_missing_and_counted() {
        let (depth, invalid) = Depth::from_metres(array![[1.5, f32::NAN, -2.0, f32::INFINITY, -0.0]]);
        assert_eq!(depth.metres(), array![[1.5, 0.0, 0.0, 0.0, 0.0]]);
        assert_eq!(depth.metres()[(0, 4)].to_bits(), 0);
        assert_eq!(invalid, Invalid { nan: 1, negative: 1, infinite: 1 });
    }

    #[test]
    fn shrinking_keeps_sparse_measurements() {
        let (depth, _) = Depth::from_metres(array![[0.0, 0.0, 3.0, 0.0], [0.0, 7.0, 0.0, 0.0]]);
        assert_eq!(depth.resize_nearest(Size::new(1, 2)).metres(), array![[7.0, 3.0]]);
    }

    #[test]
    fn enlarging_repeats() {
        let (depth, _) = Depth::from_metres(array![[1.0, 0.0]]);
        assert_eq!(depth.resize_nearest(Size::new(1, 4)).metres(), array![[1.0, 1.0, 0.0, 0.0]]);
    }
}
