use serde::{Deserialize, Serialize};

use super::geometry::{Size, Window};

/// A pinhole camera in pixels of the stored grid. The centre of the first pixel is (0, 0).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intrinsics {
    /// Focal length along x.
    pub fx: f64,
    /// Focal length along y.
    pub fy: f64,
    /// Column of the principal point.
    pub cx: f64,
    /// Row of the principal point.
    pub cy: f64,
}

impl Intrinsics {
    /// As stored: fx, fy, cx, cy.
    #[must_use]
    pub const fn to_array(self) -> [f64; 4] {
        [self.fx, self.fy, self.cx, self.cy]
    }

    /// The inverse of [`to_array`](Self::to_array).
    #[must_use]
    pub const fn from_array([fx, fy, cx, cy]: [f64; 4]) -> Self {
        Self { fx, fy, cx, cy }
    }

    /// The same camera seen through a window of its grid.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "offsets of pictures are far below 2^52")]
    pub fn window(self, window: Window) -> Self {
        Self { cx: self.cx - window.left as f64, cy: self.cy - window.top as f64, ..self }
    }

    /// The camera of the mirrored picture, `width` pixels wide.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "widths of pictures are far below 2^52")]
    pub fn mirror(self, width: usize) -> Self {
        Self { cx: width as f64 - 1.0 - self.cx, ..self }
    }

    /// The camera after resizing with half-pixel centres.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sizes of pictures are far below 2^52")]
    pub fn resize(self, from: Size, to: Size) -> Self {
        let (sx, sy) = (to.width as f64 / from.width as f64, to.height as f64 / from.height as f64);
        Self { fx: self.fx * sx, fy: self.fy * sy, cx: (self.cx + 0.5) * sx - 0.5, cy: (self.cy + 0.5) * sy - 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Intrinsics = Intrinsics { fx: 500.0, fy: 510.0, cx: 319.5, cy: 239.5 };

    #[test]
    fn a_crop_moves_the_principal_point() {
        let k = CAMERA.window(Window { top: 10, left: -5, height: 100, width: 100 });
        assert_eq!((k.cx, k.cy), (324.5, 229.5));
    }

    #[test]
    fn the_middle_stays_the_middle() {
        assert_eq!(CAMERA.mirror(640).cx, 319.5);
        let half = CAMERA.resize(Size::new(480, 640), Size::new(240, 320));
        assert_eq!(half.to_array(), [250.0, 255.0, 159.5, 119.5]);
    }
}
