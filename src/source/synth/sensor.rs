use ndarray::Array2;

/// Share of the width that a projector at the side cannot reach.
const BORDER: f32 = 0.015;
/// Farther than this, a structured-light sensor sees nothing, in metres.
const FARTHEST: f32 = 8.0;

/// Depth with the holes of a structured-light sensor: a strip at the border, a shadow to the left of near objects
/// whose width follows from the baseline (7.5 cm), and everything far away.
pub(super) fn with_holes(depth: &Array2<f32>) -> Array2<f32> {
    let (height, width) = depth.dim();
    let mut raw = depth.clone();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    for y in 0..height {
        // Disparity between camera and projector, in pixels; the projector's ray of a pixel lands there.
        let shift = |metres: f32| 0.075 * 0.81 * width as f32 / metres;
        let border = (BORDER * width as f32) as usize + 1;
        let mut covered = f32::INFINITY;
        for x in (0..width).rev() {
            let metres = depth[(y, x)];
            let lands = x as f32 - shift(metres.max(0.1));
            let hidden = lands > covered + 0.5;
            covered = covered.min(lands);
            let outside = x < border || x >= width - border || y < border / 2 || y >= height - border / 2;
            if hidden || outside || metres > FARTHEST {
                raw[(y, x)] = 0.0;
            }
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_objects_cast_a_hole_beside_them() {
        let depth = Array2::from_shape_fn((20, 100), |(_, x)| if (40..60).contains(&x) { 1.0 } else { 4.0 });
        let raw = with_holes(&depth);
        // Shift 6.1 px at 1 m, 1.5 px at 4 m: 4 or 5 pixels beside the object are missing, on one side only.
        let row: Vec<usize> = (10..90).filter(|&x| raw[(10, x)] == 0.0).collect();
        assert_eq!(row, [36, 37, 38, 39]);
        assert_eq!(raw[(0, 50)], 0.0);
        assert_eq!(raw[(10, 0)], 0.0);
    }
}
