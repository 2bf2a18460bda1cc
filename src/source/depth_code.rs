//! How the numbers of a depth file mean metres.

use ndarray::Array2;
use serde_json::{Value, json};

use super::picture::{self, Endian, PictureError};
use crate::sample::{Depth, Invalid};

/// The rule from stored numbers to metres.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthCode {
    /// What is done before scaling.
    pub encoding: Encoding,
    /// Metres (of a disparity: pixels) for a step of one.
    pub scale: f64,
    /// Metres (of a disparity: pixels) for a stored zero.
    pub offset: f64,
    /// Stored numbers that mean *no measurement*.
    pub invalid: Vec<f64>,
    /// The bits a stored number must have; a file with others is refused, because its unit would be another.
    pub bits: Option<u32>,
}

/// What is done to stored numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Encoding {
    /// `metres = value * scale + offset`
    #[default]
    Plain,
    /// SUN RGB-D: the 16 bits are rotated left by three. Rotated back, they are plain.
    SunRgbd,
    /// `metres = baseline_focal / (value * scale + offset)`; a disparity of zero or less is no measurement.
    Disparity {
        /// Baseline in metres times focal length in pixels.
        baseline_focal: f64,
    },
    /// Raw disparity of the first Kinect: `metres = 351.3 / (1092.5 - value)`, at most 10; negative is no measurement.
    /// 16-bit PGM is read as little endian. Source: the toolbox of NYU Depth v2.
    Kinect,
}

impl Encoding {
    /// As in `--depth-encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SunRgbd => "sunrgbd",
            Self::Disparity { .. } => "disparity",
            Self::Kinect => "kinect",
        }
    }
}

/// Beyond this the toolbox does not trust the first Kinect.
const KINECT_MAX_M: f64 = 10.0;

impl DepthCode {
    /// Plain metres, where zero is missing.
    #[must_use]
    pub fn metres() -> Self {
        Self { encoding: Encoding::Plain, scale: 1.0, offset: 0.0, invalid: vec![0.0], bits: None }
    }

    /// Sixteen bits, `steps` to the metre, zero is missing.
    #[must_use]
    pub fn u16_steps(steps: f64) -> Self {
        Self { scale: 1.0 / steps, bits: Some(16), ..Self::metres() }
    }

    /// Raw disparity of the first Kinect; 2047 is missing.
    #[must_use]
    pub fn kinect() -> Self {
        Self { encoding: Encoding::Kinect, invalid: vec![2047.0], bits: Some(16), ..Self::metres() }
    }

    /// Decodes the bytes of a depth file: PNG, PGM or npy.
    ///
    /// # Errors
    /// A damaged file, one that is no map of numbers, or one of other bits.
    pub fn decode(&self, bytes: &[u8]) -> Result<(Depth, Invalid), PictureError> {
        if let Some(expected) = self.bits {
            let found = picture::decode_bits(bytes)?;
            if found != expected {
                return Err(PictureError::unexpected(format!("{expected} bits a sample"), format!("{found}")));
            }
        }
        let endian = if self.encoding == Encoding::Kinect { Endian::Little } else { Endian::Big };
        let stored = match self.encoding {
            Encoding::SunRgbd => picture::decode_u16(bytes, endian)?.mapv(f32::from),
            _ => picture::decode_f32(bytes, endian)?,
        };
        Ok(Depth::from_metres(self.metres_of(stored)))
    }

    fn metres_of(&self, stored: Array2<f32>) -> Array2<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "metres are stored as f32")]
        stored.mapv_into(|value| {
            // A number such as 99.99 is stored as the nearest one of 32 bits.
            let is_invalid = self.invalid.iter().any(|&invalid| invalid as f32 == value);
            let value = f64::from(value);
            if is_invalid { 0.0 } else { self.metres_of_one(value) as f32 }
        })
    }

    fn metres_of_one(&self, value: f64) -> f64 {
        let linear = |value: f64| value * self.scale + self.offset;
        match self.encoding {
            Encoding::Plain => linear(value),
            Encoding::SunRgbd => linear(rotated_right_by_three(value)),
            Encoding::Disparity { baseline_focal } => match linear(value) {
                disparity if disparity > 0.0 => baseline_focal / disparity,
                disparity if disparity.is_nan() => disparity,
                _ => 0.0,
            },
            Encoding::Kinect => (351.3 / (1092.5 - value)).clamp(0.0, KINECT_MAX_M),
        }
    }

    /// What decides the stored bytes, for the options of a set.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({ "encoding": self.encoding.name() });
        match self.encoding {
            Encoding::Kinect => {}
            _ => {
                json["scale"] = self.scale.into();
                json["offset"] = self.offset.into();
            }
        }
        if let Encoding::Disparity { baseline_focal } = self.encoding {
            json["baseline_focal"] = baseline_focal.into();
        }
        json["invalid"] = self.invalid.clone().into();
        json
    }
}

/// Undoes the rotation of SUN RGB-D; the values are those of sixteen bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the values came from sixteen bits")]
fn rotated_right_by_three(value: f64) -> f64 {
    f64::from((value as u16).rotate_right(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(code: &DepthCode, values: &[u16], big: bool) -> Vec<f32> {
        let bytes = values.iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() });
        let pgm = [format!("P5 {} 1 65535\n", values.len()).into_bytes(), bytes.collect()].concat();
        code.decode(&pgm).unwrap().0.metres().iter().copied().collect()
    }

    #[test]
    fn plain_steps_scale_and_miss() {
        assert_eq!(decode(&DepthCode::u16_steps(1000.0), &[0, 1500, 65535], true), [0.0, 1.5, 65.535]);
        let shifted = DepthCode { scale: 0.5, offset: 0.25, invalid: vec![], ..DepthCode::metres() };
        assert_eq!(decode(&shifted, &[0, 3], true), [0.25, 1.75]);
    }

    /// `(161 >> 3) | (161 << 13) & 0xffff = 8212`, `1057 << 3 = 8456`: by hand from the format notes.
    #[test]
    fn sunrgbd_is_rotated() {
        let code = DepthCode { encoding: Encoding::SunRgbd, scale: 0.001, ..DepthCode::metres() };
        assert_eq!(decode(&code, &[8456, 161, 0], true), [1.057, 8.212, 0.0]);
    }

    #[test]
    fn disparity_is_inverse() {
        let encoding = Encoding::Disparity { baseline_focal: 389.6 };
        let code = DepthCode { encoding, scale: 1.0 / 256.0, ..DepthCode::metres() };
        assert_eq!(decode(&code, &[256, 2560, 0], true), [389.6, 38.96, 0.0]);
    }

    /// 351.3 / (1092.5 - 839) = 1.38580; 1092 would be 702.6 m and is clamped; 1093 is negative.
    #[test]
    fn kinect_is_little_endian_and_clamped() {
        assert_eq!(decode(&DepthCode::kinect(), &[839, 1092, 1093, 2047], false), [1.385_798_8, 10.0, 0.0, 0.0]);
    }

    #[test]
    fn other_bits_are_refused() {
        let error = DepthCode::u16_steps(1000.0).decode(b"P5 1 1 255\n\x07").unwrap_err();
        assert_eq!(error.to_string(), "expected 16 bits a sample, found 8");
    }

    #[test]
    fn what_is_no_depth_is_counted() {
        let mut npy = b"\x93NUMPY\x01\x00\x46\x00".to_vec();
        npy.extend(format!("{:<70}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }").bytes());
        for value in [1.5_f32, f32::NAN, -1.0, f32::INFINITY] {
            npy.extend(value.to_le_bytes());
        }
        let (depth, invalid) = DepthCode::metres().decode(&npy).unwrap();
        assert_eq!(depth.metres(), ndarray::array![[1.5, 0.0, 0.0, 0.0]]);
        assert_eq!(invalid, Invalid { nan: 1, negative: 1, infinite: 1 });
    }
}
