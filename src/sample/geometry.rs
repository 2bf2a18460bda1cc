use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use ndarray::{Array, Array2, ArrayView2, Dimension};
use serde::{Deserialize, Serialize};

use crate::wide::wide;

/// Height and width of a grid, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// `height` rows of `width` columns.
    #[must_use]
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Number of pixels.
    #[must_use]
    pub const fn n_pixels(self) -> usize {
        self.height * self.width
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} (height x width)", self.height, self.width)
    }
}

/// As in `480x640`: height first, as everywhere.
impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.trim().parse().ok().filter(|n| (1..=1 << 16).contains(n));
        let size = text.split_once('x').and_then(|(height, width)| Some(Self::new(side(height)?, side(width)?)));
        size.ok_or_else(|| format!("expected HEIGHTxWIDTH such as 480x640, of at most 65536 each; found {text:?}"))
    }
}

/// A rectangle of a source grid, in the source's pixels. It may reach outside: negative offsets pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Source row of the window's first row.
    pub top: i64,
    /// Source column of the window's first column.
    pub left: i64,
    /// Rows of the window.
    pub height: usize,
    /// Columns of the window.
    pub width: usize,
}

impl Window {
    /// The whole of a grid.
    #[must_use]
    pub const fn whole(size: Size) -> Self {
        Self { top: 0, left: 0, height: size.height, width: size.width }
    }

    /// The grid the window makes.
    #[must_use]
    pub const fn size(self) -> Size {
        Size::new(self.height, self.width)
    }

    /// Cuts the window out of a plane; pixels outside it become `fill`.
    pub(crate) fn cut<T: Copy>(self, plane: ArrayView2<'_, T>, fill: T) -> Array2<T> {
        let mut out = Array2::from_elem((self.height, self.width), fill);
        let rows = overlap(self.top, self.height, plane.nrows());
        let columns = overlap(self.left, self.width, plane.ncols());
        for (to, from) in rows.to.zip(rows.from) {
            let source = plane.row(from);
            let mut target = out.row_mut(to);
            for (to, from) in columns.to.clone().zip(columns.from.clone()) {
                target[to] = source[from];
            }
        }
        out
    }
}

/// The part of a picture that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crop {
    /// Where it lies in the picture.
    #[serde(flatten)]
    pub window: Window,
    /// The size of the picture; sets of earlier programs do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Size>,
}

impl Crop {
    /// None when the window is the whole picture.
    #[must_use]
    pub fn new(window: Window, of: Size) -> Option<Self> {
        (window != Window::whole(of)).then_some(Self { window, of: Some(of) })
    }
}

/// The same indices, counted in the window and in the source.
struct Overlap {
    to: Range<usize>,
    from: Range<usize>,
}

/// What a window of `len` from `start` shares with `0..end`.
fn overlap(start: i64, len: usize, end: usize) -> Overlap {
    let before = usize::try_from(start.saturating_neg()).unwrap_or(0).min(len);
    let from = usize::try_from(start).unwrap_or(0).min(end);
    let shared = (len - before).min(end - from);
    Overlap { to: before..before + shared, from: from..from + shared }
}

/// The array in C order, which is how its bytes are stored; a copy only when it is not already.
pub(crate) fn standard<T: Clone, D: Dimension>(array: Array<T, D>) -> Array<T, D> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

/// The planes in C order mirrored left to right, in place.
pub(crate) fn mirror<T, D: Dimension>(mut planes: Array<T, D>) -> Array<T, D> {
    let width = planes.shape().last().map_or(1, |&width| width.max(1));
    // Reversing rows in place is vector code; copying a view that runs backwards is not.
    if let Some(pixels) = planes.as_slice_mut() {
        wide(
            #[inline(always)]
            || pixels.chunks_exact_mut(width).for_each(<[T]>::reverse),
        );
    }
    planes
}

/// The source index nearest to the centre of output pixel `i`, with half-pixel centres.
pub(crate) fn nearest(i: usize, from: usize, to: usize) -> usize {
    ((2 * i + 1) * from / (2 * to)).min(from.saturating_sub(1))
}

/// Nearest neighbour with half-pixel centres.
pub(crate) fn resize_nearest<T: Copy>(plane: ArrayView2<'_, T>, size: Size) -> Array2<T> {
    let (height, width) = plane.dim();
    let columns: Vec<usize> = (0..size.width).map(|x| nearest(x, width, size.width)).collect();
    Array2::from_shape_fn((size.height, size.width), |(y, x)| plane[(nearest(y, height, size.height), columns[x])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_size_is_said_height_first() {
        assert_eq!("480x640".parse(), Ok(Size::new(480, 640)));
        for wrong in ["", "640", "0x3", "3x99999999", "ax3", "3x"] {
            assert!(wrong.parse::<Size>().unwrap_err().contains("HEIGHTxWIDTH"), "{wrong}");
        }
    }

    #[test]
    fn a_window_outside_the_grid_is_filled() {
        let plane = array![[1, 2], [3, 4]];
        let window = Window { top: -1, left: 1, height: 3, width: 2 };
        assert_eq!(window.cut(plane.view(), 0), array![[0, 0], [2, 0], [4, 0]]);
        let far = Window { top: 5, left: i64::MIN, height: 1, width: 2 };
        assert_eq!(far.cut(plane.view(), 9), array![[9, 9]]);
        assert_eq!(Window::whole(Size::new(2, 2)).cut(plane.view(), 0), plane);
    }

    #[test]
    fn mirroring_twice_changes_nothing() {
        let plane = array![[1, 2, 3], [4, 5, 6]];
        assert_eq!(mirror(plane.clone()), array![[3, 2, 1], [6, 5, 4]]);
        assert_eq!(mirror(mirror(plane.clone())), plane);
        let planes = array![[[1, 2], [3, 4]], [[5, 6], [7, 8]]];
        assert_eq!(mirror(planes), array![[[2, 1], [4, 3]], [[6, 5], [8, 7]]]);
    }

    #[test]
    fn nearest_uses_pixel_centres() {
        let plane = array![[10, 20]];
        assert_eq!(resize_nearest(plane.view(), Size::new(1, 4)), array![[10, 10, 20, 20]]);
        let plane = array![[1, 2, 3, 4]];
        assert_eq!(resize_nearest(plane.view(), Size::new(1, 2)), array![[2, 4]]);
    }
}
