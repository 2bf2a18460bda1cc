//! Turning a picture about its middle.

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::{Confidence, Depth, IGNORE, Image, Intrinsics, Sample, Semantics, Size};

/// Where every pixel of a turned picture comes from.
struct Turn {
    size: Size,
    /// Sine and cosine of the angle.
    sine: f64,
    cosine: f64,
}

impl Turn {
    fn new(size: Size, degrees: f64) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        Self { size, sine, cosine }
    }

    /// Column and row of the middle.
    #[expect(clippy::cast_precision_loss, reason = "sides of pictures are far below 2^52")]
    fn middle(&self) -> (f64, f64) {
        ((self.size.width as f64 - 1.0) / 2.0, (self.size.height as f64 - 1.0) / 2.0)
    }

    /// Row and column from which the pixel comes.
    #[expect(clippy::cast_precision_loss, reason = "sides of pictures are far below 2^52")]
    fn source(&self, y: usize, x: usize) -> (f64, f64) {
        let (cx, cy) = self.middle();
        let (dx, dy) = (x as f64 - cx, y as f64 - cy);
        (cy + dx * self.sine + dy * self.cosine, cx + dx * self.cosine - dy * self.sine)
    }

    fn nearest<T: Copy>(&self, plane: ArrayView2<'_, T>, fill: T) -> Array2<T> {
        Array2::from_shape_fn(plane.dim(), |(y, x)| {
            let (y, x) = self.source(y, x);
            let at = index(y).zip(index(x)).and_then(|at| plane.get(at));
            at.copied().unwrap_or(fill)
        })
    }

    fn bilinear(&self, plane: ArrayView2<'_, u8>) -> Array2<u8> {
        let (height, width) = plane.dim();
        Array2::from_shape_fn(plane.dim(), |(y, x)| {
            let (y, x) = self.source(y, x);
            if index(y).is_none_or(|y| y >= height) || index(x).is_none_or(|x| x >= width) {
                return 0;
            }
            between(plane, y, x)
        })
    }

    fn camera(&self, k: Intrinsics) -> Intrinsics {
        let (cx, cy) = self.middle();
        let (dx, dy) = (k.cx - cx, k.cy - cy);
        Intrinsics { cx: cx + dx * self.cosine + dy * self.sine, cy: cy - dx * self.sine + dy * self.cosine, ..k }
    }
}

/// The pixel whose cell holds a point, if it is not before the first.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked; larger ones lie outside any plane"
)]
fn index(at: f64) -> Option<usize> {
    let at = (at + 0.5).floor();
    (at >= 0.0).then_some(at as usize)
}

/// The value at a point between pixels, that of the border beyond it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the point lies inside the plane"
)]
fn between(plane: ArrayView2<'_, u8>, y: f64, x: f64) -> u8 {
    let place = |at: f64, n: usize| {
        let at = at.clamp(0.0, n.saturating_sub(1) as f64);
        let low = at.floor() as usize;
        (low, (low + 1).min(n.saturating_sub(1)), at - low as f64)
    };
    let ((top, bottom, down), (left, right, along)) = (place(y, plane.nrows()), place(x, plane.ncols()));
    let row = |y: usize| f64::from(plane[(y, left)]) * (1.0 - along) + f64::from(plane[(y, right)]) * along;
    (row(top) * (1.0 - down) + row(bottom) * down).round_ties_even() as u8
}

impl Sample {
    /// Every field turned about the middle of the picture, anticlockwise: the image bilinear, everything else nearest. What comes
    /// in from outside is missing (black in the image). The camera keeps its focal lengths; turning mixes those of x and y,
    /// which differ little.
    #[must_use]
    pub fn rotate(&self, degrees: f64) -> Self {
        let turn = Turn::new(self.image.size(), degrees);
        let mut planes = Array3::zeros(self.image.planes().dim());
        for (to, from) in planes.axis_iter_mut(Axis(0)).zip(self.image.planes().axis_iter(Axis(0))) {
            let mut to = to;
            to.assign(&turn.bilinear(from));
        }
        let depth = |d: &Depth| Depth::from_metres(turn.nearest(d.metres(), 0.0)).0;
        Self {
            image: Image::from_planes(planes).unwrap_or_else(|| self.image.clone()),
            depth: depth(&self.depth),
            semantics: self.semantics.as_ref().map(|s| Semantics::new(turn.nearest(s.values(), IGNORE))),
            confidence: self.confidence.as_ref().map(|c| Confidence::new(turn.nearest(c.values(), 0))),
            raw_depth: self.raw_depth.as_ref().map(depth),
            intrinsics: self.intrinsics.map(|k| turn.camera(k)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn sample() -> Sample {
        let image = Array3::from_shape_fn((3, 3, 3), |(c, y, x)| (90 * c + 30 * y + 10 * x) as u8);
        let depth = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
        let mut sample = Sample::new(Image::from_planes(image).unwrap(), Depth::from_metres(depth).0);
        sample.semantics = Some(Semantics::new(array![[1, 2, 3], [4, 5, 6], [7, 8, 9]]));
        sample.intrinsics = Some(Intrinsics { fx: 9.0, fy: 9.0, cx: 2.0, cy: 1.0 });
        sample
    }

    #[test]
    fn a_quarter_turn_moves_every_field_alike() {
        let turned = sample().rotate(90.0);
        assert_eq!(turned.depth.metres(), array![[3.0, 6.0, 9.0], [2.0, 5.0, 8.0], [1.0, 4.0, 7.0]]);
        assert_eq!(turned.semantics.unwrap().values(), array![[3, 6, 9], [2, 5, 8], [1, 4, 7]]);
        assert_eq!(turned.image.rgb(0, 1), sample().image.rgb(1, 2));
        // The principal point sat on the right; it goes to the top.
        let k = turned.intrinsics.unwrap();
        assert!((k.cx - 1.0).abs() < 1e-12 && k.cy.abs() < 1e-12, "{k:?}");
    }

    #[test]
    fn no_turn_changes_nothing_and_corners_come_from_nowhere() {
        assert_eq!(sample().rotate(0.0), sample());
        // A corner of 5x5 lies 2.83 pixels from the middle and so beyond the border, at 2.5; one of 3x3, at 1.41, does not.
        let mut large = Sample::new(
            Image::from_planes(Array3::from_elem((3, 5, 5), 200)).unwrap(),
            Depth::from_metres(Array2::from_elem((5, 5), 4.0)).0,
        );
        large.semantics = Some(Semantics::new(Array2::from_elem((5, 5), 7)));
        let turned = large.rotate(45.0);
        for corner in [(0, 0), (0, 4), (4, 0), (4, 4)] {
            assert_eq!(turned.depth.metres()[corner], 0.0);
            assert_eq!(turned.semantics.as_ref().unwrap().values()[corner], IGNORE);
            assert_eq!(turned.image.rgb(corner.0, corner.1), [0; 3]);
        }
        assert_eq!(turned.depth.metres()[(2, 2)], 4.0);
        assert_eq!(sample().rotate(45.0).depth.metres()[(0, 0)], 2.0);
    }
}
