//! A field as the bytes of a file.

use ndarray::ArrayView2;

use super::{npy, png};
use crate::label::LabelSpace;
use crate::sample::{Depth, Image, Semantics, Size};

/// A map of class ids as an 8-bit grey PNG: the same ids give the same bytes.
#[must_use]
pub fn label_png(labels: &Semantics) -> Vec<u8> {
    png::grey8(labels.values().as_slice().unwrap_or_default(), labels.size())
}

/// A map of class ids as an 8-bit palette PNG: the samples are the ids, a viewer shows the colours of `space`.
#[must_use]
pub fn indexed_png(labels: &Semantics, space: LabelSpace) -> Vec<u8> {
    let palette: [[u8; 3]; 256] = std::array::from_fn(|id| space.color(id as u8));
    png::indexed(labels.values().as_slice().unwrap_or_default(), &palette, labels.size())
}

/// Depth as an npy file of float32 metres `[H, W]`, 0 = missing.
#[must_use]
pub fn depth_npy(depth: &Depth) -> Vec<u8> {
    npy::floats(depth.metres().iter().copied(), &[depth.size().height, depth.size().width])
}

/// Depth as a 16-bit grey PNG in steps of `step_m` metres, 0 = missing.
///
/// # Errors
/// The largest depth, when it does not fit.
pub fn depth_png(depth: &Depth, step_m: f64) -> Result<Vec<u8>, f32> {
    Ok(png::grey16(&steps(depth, step_m)?, depth.size()))
}

/// The extension of a file and its bytes: a plane, as a grey PNG or `[H, W]`.
pub(super) fn plane_of(values: ArrayView2<'_, u8>, as_picture: bool) -> (&'static str, Vec<u8>) {
    let (height, width) = values.dim();
    let values: Vec<u8> = values.iter().copied().collect();
    if as_picture {
        ("png", png::grey8(&values, Size::new(height, width)))
    } else {
        ("npy", npy::bytes(&values, &[height, width]))
    }
}

/// The extension of a file and its bytes: red, green, blue, as a PNG or `[3, H, W]`.
pub(super) fn image_of(image: &Image, as_picture: bool) -> (&'static str, Vec<u8>) {
    let size = image.size();
    if as_picture {
        ("png", png::rgb8(&image.to_interleaved(), size))
    } else {
        ("npy", npy::bytes(&image.as_slice(), &[3, size.height, size.width]))
    }
}

/// Depth in whole steps, 0 = missing; a measurement never becomes missing.
///
/// # Errors
/// The largest depth, when it does not fit.
fn steps(depth: &Depth, step_m: f64) -> Result<Vec<u16>, f32> {
    let largest = depth.metres().iter().copied().fold(0.0, f32::max);
    if (f64::from(largest) / step_m).round_ties_even() > 65535.0 {
        return Err(largest);
    }
    let step = |&m: &f32| if m > 0.0 { (f64::from(m) / step_m).round_ties_even().max(1.0) as u16 } else { 0 };
    Ok(depth.metres().iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn depth_in_steps() {
        let depth = Depth::from_metres(array![[0.0, 0.0001, 1.0004, 65.535]]).0;
        assert_eq!(steps(&depth, 0.001), Ok(vec![0, 1, 1000, 65535]));
        assert_eq!(steps(&depth, 0.0005), Err(65.535));
        assert_eq!(steps(&depth, 1.0 / 256.0), Ok(vec![0, 1, 256, 16777]));
    }
}
