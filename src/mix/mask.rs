use std::fmt;

use crate::sample::Size;
use crate::wide::wide;

/// Which pixels of a mixed sample come from A (true) and which from B, the background; `[H, W]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    size: Size,
    cells: Vec<bool>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({}, {} from A)", self.size, self.share())
    }
}

impl Mask {
    /// One value for every pixel, row after row. Cells beyond the size are dropped, missing ones are false.
    #[must_use]
    pub fn new(size: Size, mut cells: Vec<bool>) -> Self {
        cells.resize(size.n_pixels(), false);
        Self { size, cells }
    }

    /// True inside the rectangle.
    #[must_use]
    pub fn inside(size: Size, rect: Rect) -> Self {
        let mut cells = vec![false; size.n_pixels()];
        for row in rect.top..rect.top.saturating_add(rect.height).min(size.height) {
            let start = row * size.width;
            let right = rect.left.saturating_add(rect.width).min(size.width);
            cells[start + rect.left.min(right)..start + right].fill(true);
        }
        Self { size, cells }
    }

    /// The other pixels.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.cells.iter_mut().for_each(|cell| *cell = !*cell);
        self
    }

    /// Height and width.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The values, row after row.
    #[must_use]
    pub fn cells(&self) -> &[bool] {
        &self.cells
    }

    pub(super) fn cells_mut(&mut self) -> &mut [bool] {
        &mut self.cells
    }

    /// Share of the pixels that come from A, 0..1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
    pub fn share(&self) -> f64 {
        // Bytes are added many at a time, as many as cannot overflow.
        let of_block = |block: &[bool]| usize::from(block.iter().map(|&cell| u8::from(cell)).sum::<u8>());
        let ones: usize = wide(
            #[inline(always)]
            || self.cells.chunks(128).map(of_block).sum(),
        );
        ones as f64 / self.cells.len().max(1) as f64
    }
}

/// A rectangle of pixels. It may reach beyond the picture; what lies outside does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rect {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_is_clipped() {
        let size = Size::new(2, 3);
        let mask = Mask::inside(size, Rect { left: 1, top: 1, width: 9, height: 9 });
        assert_eq!(mask.cells(), [false, false, false, false, true, true]);
        assert!((mask.share() - 1.0 / 3.0).abs() < 1e-12);
        let outside = Rect { left: 7, top: 5, width: 1, height: 1 };
        assert_eq!(Mask::inside(size, outside).inverted().share(), 1.0);
    }
}
