//! One field of one sample as a picture of a given size.

use image::RgbImage;
use ndarray::{Array2, ArrayView2};

use super::color::DepthScale;
use super::drawing::Rgb;
use crate::label::LabelSpace;
use crate::sample::{Depth, Image, Semantics, Size};

/// The image itself.
pub(super) fn of_image(image: &Image, size: Size) -> RgbImage {
    let image = image.resize_smooth(size);
    paint(size, |y, x| image.rgb(y, x))
}

/// Depth in the colours of the scale. Where the measurements are sparse each is shown as a dot larger than its pixel,
/// the nearer one in front.
pub(super) fn of_depth(depth: &Depth, size: Size, scale: &DepthScale) -> RgbImage {
    let shown = depth.resize_nearest(size);
    let share = shown.n_valid() as f64 / size.n_pixels().max(1) as f64;
    let metres = match share {
        0.5.. => shown.metres().to_owned(),
        0.12.. => dilated(shown.metres(), &CROSS),
        _ => dilated(shown.metres(), &SQUARE),
    };
    paint(size, |y, x| scale.color(metres[(y, x)]))
}

/// Whether [`of_depth`] enlarges the measurements.
pub(super) fn is_sparse(depth: &Depth) -> bool {
    2 * depth.n_valid() < depth.size().n_pixels()
}

/// Classes in the colours of their space.
pub(super) fn of_classes(labels: &Semantics, size: Size, space: LabelSpace) -> RgbImage {
    let labels = labels.resize_nearest(size);
    paint(size, |y, x| space.color(labels.values()[(y, x)]))
}

/// Confidence in grey, 0 black.
pub(super) fn of_confidence(confidence: ArrayView2<'_, u8>, size: Size) -> RgbImage {
    let shown = crate::sample::Confidence::new(confidence.to_owned()).resize_nearest(size);
    paint(size, |y, x| [shown.values()[(y, x)]; 3])
}

fn paint(size: Size, color: impl Fn(usize, usize) -> Rgb) -> RgbImage {
    RgbImage::from_fn(size.width as u32, size.height as u32, |x, y| image::Rgb(color(y as usize, x as usize)))
}

const CROSS: [(isize, isize); 5] = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)];
const SQUARE: [(isize, isize); 9] = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)];

/// Every pixel becomes the nearest measurement among its neighbours; 0 without any.
fn dilated(metres: ArrayView2<'_, f32>, neighbours: &[(isize, isize)]) -> Array2<f32> {
    Array2::from_shape_fn(metres.dim(), |(y, x)| {
        if metres[(y, x)] > 0.0 {
            return metres[(y, x)];
        }
        let near = |&(dy, dx): &(isize, isize)| {
            metres.get((y.checked_add_signed(dy)?, x.checked_add_signed(dx)?)).copied().filter(|&m| m > 0.0)
        };
        neighbours.iter().filter_map(near).min_by(f32::total_cmp).unwrap_or(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{ColorMap, MISSING};
    use ndarray::array;

    #[test]
    fn classes_have_the_colours_of_the_palette() {
        let labels = Semantics::new(array![[2, 255], [19, 0]]);
        let panel = of_classes(&labels, Size::new(4, 4), LabelSpace::Ade20k150);
        assert_eq!(panel.get_pixel(0, 0).0, [6, 230, 230], "sky");
        assert_eq!(panel.get_pixel(3, 0).0, [0, 0, 0], "ignore");
        assert_eq!(panel.get_pixel(1, 3).0, [204, 70, 3], "chair");
    }

    #[test]
    fn sparse_points_grow_and_the_nearer_is_in_front() {
        let mut metres = Array2::zeros((20, 40));
        (metres[(5, 5)], metres[(5, 7)]) = (20.0, 10.0);
        let depth = Depth::from_metres(metres).0;
        let scale = DepthScale::new(5.0, 50.0, ColorMap::Turbo).unwrap();
        let panel = of_depth(&depth, Size::new(20, 40), &scale);
        let at = |x, y| panel.get_pixel(x, y).0;
        assert_eq!([at(5, 5), at(4, 4), at(6, 5)], [scale.color(20.0), scale.color(20.0), scale.color(10.0)]);
        assert_eq!([at(9, 5), at(5, 8)], [MISSING; 2]);
        assert!(is_sparse(&depth));
    }

    #[test]
    fn dense_depth_is_shown_as_it_is() {
        let depth = Depth::from_metres(array![[1.0, 2.0], [0.0, 4.0]]).0;
        let scale = DepthScale::new(1.0, 4.0, ColorMap::Magma).unwrap();
        let panel = of_depth(&depth, Size::new(2, 2), &scale);
        assert_eq!(panel.get_pixel(0, 1).0, MISSING);
        assert_eq!(panel.get_pixel(1, 1).0, ColorMap::Magma.color(1.0));
    }
}
