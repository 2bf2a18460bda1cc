use std::io::Write;

use crate::sample::{Depth, Image, Intrinsics};

/// A point cloud as a binary PLY file: a point with its colour for every pixel that has a depth, in metres, x to the right, y down, z
/// forward, seen by the pinhole camera `camera`. Image and depth must be of one size; what lies outside either is left out.
#[must_use]
pub fn point_cloud(image: &Image, depth: &Depth, camera: Intrinsics) -> Vec<u8> {
    let Intrinsics { fx, fy, cx, cy } = camera;
    let size = image.size();
    let measured = || {
        let inside = |y: usize, x: usize| y < size.height && x < size.width;
        depth
            .metres()
            .into_iter()
            .zip(ndarray::indices_of(&depth.metres()))
            .filter_map(move |(&z, (y, x))| (z > 0.0 && inside(y, x)).then_some((y, x, z)))
    };
    let n = measured().count();
    let mut file = Vec::with_capacity(512 + n * BYTES_A_POINT);
    // Writing to a Vec cannot fail.
    let _ = write!(
        file,
        "ply\nformat binary_little_endian 1.0\n\
         comment metres; x right, y down, z forward; fx {fx} fy {fy} cx {cx} cy {cy}\n\
         element vertex {n}\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    );
    for (row, column, z) in measured() {
        let along = |at: usize, center: f64, focal: f64| ((at as f64 - center) / focal * f64::from(z)) as f32;
        for value in [along(column, cx, fx), along(row, cy, fy), z] {
            file.extend(value.to_le_bytes());
        }
        file.extend(image.rgb(row, column));
    }
    file
}

/// Three floats and three bytes.
const BYTES_A_POINT: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Size;
    use ndarray::array;

    #[test]
    fn points_by_hand() {
        let image = Image::from_interleaved(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], Size::new(2, 2)).unwrap();
        let (depth, _) = Depth::from_metres(array![[2.0, 0.0], [0.0, 4.0]]);
        let file = point_cloud(&image, &depth, Intrinsics { fx: 2.0, fy: 4.0, cx: 0.5, cy: 0.5 });
        let end = b"end_header\n";
        let at = file.windows(end.len()).position(|w| w == end).unwrap() + end.len();
        let header = String::from_utf8(file[..at].to_vec()).unwrap();
        assert!(header.starts_with("ply\nformat binary_little_endian 1.0\n") && header.contains("element vertex 2\n"));
        // (0 - 0.5) / 2 * 2, (0 - 0.5) / 4 * 2, 2; and (1 - 0.5) / 2 * 4, (1 - 0.5) / 4 * 4, 4.
        let mut expected = Vec::new();
        for (point, color) in [([-0.5f32, -0.25, 2.0], [1u8, 2, 3]), ([1.0, 0.5, 4.0], [10, 11, 12])] {
            expected.extend(point.into_iter().flat_map(f32::to_le_bytes));
            expected.extend(color);
        }
        assert_eq!(file[at..], expected);
    }
}
