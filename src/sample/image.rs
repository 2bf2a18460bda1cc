use std::borrow::Cow;

use fast_image_resize as fir;
use ndarray::{Array2, Array3, ArrayViewMut3, Axis};

use super::geometry::{self, Size, Window, standard};
use super::select::Selection;

/// An sRGB picture, `[3, H, W]`, planar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(Array3<u8>);

impl Image {
    /// Takes planar pixels `[3, H, W]`; `None` when the first axis is not three.
    #[must_use]
    pub fn from_planes(planes: Array3<u8>) -> Option<Self> {
        (planes.dim().0 == 3).then(|| Self(standard(planes)))
    }

    /// Takes interleaved pixels, `H * W * 3` bytes; `None` when the length does not fit.
    #[must_use]
    pub fn from_interleaved(pixels: &[u8], size: Size) -> Option<Self> {
        let n = size.n_pixels();
        if pixels.len() != n.checked_mul(3)? {
            return None;
        }
        let mut planes = vec![0; pixels.len()];
        let (red, rest) = planes.split_at_mut(n);
        let (green, blue) = rest.split_at_mut(n);
        for (((pixel, r), g), b) in pixels.chunks_exact(3).zip(red).zip(green).zip(blue) {
            (*r, *g, *b) = (pixel[0], pixel[1], pixel[2]);
        }
        Array3::from_shape_vec((3, size.height, size.width), planes).ok().map(Self)
    }

    /// A picture of one colour.
    #[must_use]
    pub fn filled(size: Size, value: u8) -> Self {
        Self(Array3::from_elem((3, size.height, size.width), value))
    }

    /// The pixels, interleaved `[H, W, 3]`.
    #[must_use]
    pub fn to_interleaved(&self) -> Vec<u8> {
        let planes = self.as_slice();
        let n = self.size().n_pixels();
        (0..n).flat_map(|i| [planes[i], planes[n + i], planes[2 * n + i]]).collect()
    }

    /// The pixels as they are stored, `[3, H, W]`.
    #[must_use]
    pub fn planes(&self) -> &Array3<u8> {
        &self.0
    }

    /// The pixels, to be written.
    pub fn planes_mut(&mut self) -> ArrayViewMut3<'_, u8> {
        self.0.view_mut()
    }

    /// Takes the chosen pixels of `from`.
    pub(crate) fn take(&mut self, chosen: &Selection, from: &Self) {
        chosen.copy(self.0.as_slice_mut(), from.0.as_slice());
    }

    /// Takes the chosen pixels of `grey` in all three channels.
    pub(crate) fn take_grey(&mut self, chosen: &Selection, grey: &[u8]) {
        for mut plane in self.0.axis_iter_mut(Axis(0)) {
            chosen.copy(plane.as_slice_mut(), Some(grey));
        }
    }

    /// The red, green and blue of one pixel.
    ///
    /// # Panics
    /// When the pixel lies outside the grid.
    #[must_use]
    pub fn rgb(&self, y: usize, x: usize) -> [u8; 3] {
        [self.0[(0, y, x)], self.0[(1, y, x)], self.0[(2, y, x)]]
    }

    /// All samples in stored order.
    #[must_use]
    pub fn as_slice(&self) -> Cow<'_, [u8]> {
        self.0.as_slice().map_or_else(|| Cow::Owned(self.0.iter().copied().collect()), Cow::Borrowed)
    }

    /// Height and width.
    #[must_use]
    pub fn size(&self) -> Size {
        let (_, height, width) = self.0.dim();
        Size::new(height, width)
    }

    /// The part the window covers; black outside.
    #[must_use]
    pub fn window(&self, window: Window) -> Self {
        self.each_plane(window.size(), |plane| window.cut(plane, 0))
    }

    /// Mirrored left to right.
    #[must_use]
    pub fn mirror(self) -> Self {
        Self(geometry::mirror(self.0))
    }

    /// For the networks of `train`. Shrunk by area: every new pixel is the mean of the old ones whose centres it covers, as with Pillow's `BOX`.
    /// Where a side grows, as [`resize_smooth`](Self::resize_smooth).
    #[must_use]
    pub fn resize(&self, size: Size) -> Self {
        let from = self.size();
        let shrinks = size.height <= from.height && size.width <= from.width;
        self.filtered(size, if shrinks { fir::FilterType::Box } else { fir::FilterType::Bilinear })
    }

    /// For looking at, and for teachers. Bilinear with half-pixel centres; when shrinking, the triangle grows with the scale, as with Pillow's `BILINEAR`.
    #[must_use]
    pub fn resize_smooth(&self, size: Size) -> Self {
        self.filtered(size, fir::FilterType::Bilinear)
    }

    fn filtered(&self, size: Size, filter: fir::FilterType) -> Self {
        let from = self.size();
        if from == size || from.n_pixels() == 0 || size.n_pixels() == 0 {
            return if from == size { self.clone() } else { Self::filled(size, 0) };
        }
        self.each_plane(size, |plane| {
            resize_plane(&plane.to_owned(), size, filter).unwrap_or_else(|| geometry::resize_nearest(plane, size))
        })
    }

    fn each_plane(&self, size: Size, f: impl Fn(ndarray::ArrayView2<'_, u8>) -> Array2<u8>) -> Self {
        let mut out = Array3::zeros((3, size.height, size.width));
        for (c, plane) in self.0.axis_iter(Axis(0)).enumerate() {
            out.index_axis_mut(Axis(0), c).assign(&f(plane));
        }
        Self(out)
    }
}

/// `None` only for sizes the resizer cannot express (above 2^32).
fn resize_plane(plane: &Array2<u8>, size: Size, filter: fir::FilterType) -> Option<Array2<u8>> {
    let (height, width) = plane.dim();
    let (w, h) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let source = fir::images::ImageRef::new(w, h, plane.as_slice()?, fir::PixelType::U8).ok()?;
    let mut target =
        fir::images::Image::new(u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?, fir::PixelType::U8);
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(filter));
    fir::Resizer::new().resize(&source, &mut target, &options).ok()?;
    Array2::from_shape_vec((size.height, size.width), target.into_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaving_and_back_is_the_identity() {
        let pixels: Vec<u8> = (0..24).collect();
        let image = Image::from_interleaved(&pixels, Size::new(2, 4)).unwrap();
        assert_eq!(image.rgb(1, 2), [18, 19, 20]);
        assert_eq!(image.to_interleaved(), pixels);
        assert_eq!(Image::from_interleaved(&pixels, Size::new(3, 4)), None);
    }

    #[test]
    fn shrinking_by_two_averages() {
        let image = Image::from_interleaved(&[0, 10, 20, 100, 30, 40], Size::new(1, 2)).unwrap();
        for shrunk in [image.resize(Size::new(1, 1)), image.resize_smooth(Size::new(1, 1))] {
            assert_eq!(shrunk.rgb(0, 0), [50, 20, 30]);
        }
    }

    /// Pillow 13: `Image.fromarray(levels).resize((4, 2), Image.BOX)` and `Image.BILINEAR`.
    #[test]
    fn pictures_shrink_as_with_pillow() {
        let level = |y: usize, x: usize| ((y * 37 + x * 91) % 251) as u8;
        let image = Image(Array3::from_shape_fn((3, 5, 10), |(_, y, x)| level(y, x)));
        let red = |image: Image| image.as_slice()[..8].to_vec();
        assert_eq!(red(image.resize(Size::new(2, 4))), [100, 105, 137, 100, 137, 135, 132, 151]);
        let bilinear =
            red(image.resize_smooth(Size::new(2, 4))).into_iter().zip([101_u8, 119, 134, 113, 137, 116, 131, 136]);
        assert!(bilinear.clone().all(|(found, expected)| found.abs_diff(expected) <= 1), "{bilinear:?}");
        let larger = Size::new(6, 4);
        assert_eq!(image.resize(larger), image.resize_smooth(larger), "one side grows");
    }
}
