//! From a sample to the compressed chunks of its row.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::array::{Array, Field};
use super::chunk;
use crate::file::to_le;
use crate::sample::{Confidence, Depth, Image, Intrinsics, Sample, Semantics};

/// Why a sample cannot be stored as its set is specified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The sample lacks a field of the set.
    #[error("expected a value for this field, found none")]
    Absent(Field),
    /// The sample has another size than the set.
    #[error("expected {expected} bytes, found {found}: the sample has another size than the set")]
    Size {
        /// Which field.
        field: Field,
        /// Bytes of a row.
        expected: usize,
        /// Bytes of the sample.
        found: usize,
    },
    /// A depth does not fit into 16 bits.
    #[error(
        "expected at most {max} m with 16 bits of {scale_factor} m, found {found} m; use a larger step or store float32"
    )]
    Range {
        /// Which field.
        field: Field,
        /// The largest depth that fits.
        max: f64,
        /// Metres of one step.
        scale_factor: f64,
        /// The depth in question.
        found: f32,
    },
    /// The compressor failed.
    #[error("cannot compress: {source}")]
    Compress {
        /// Which field.
        field: Field,
        /// Its reason.
        source: std::io::Error,
    },
}

impl EncodeError {
    /// The field that could not be stored.
    #[must_use]
    pub const fn field(&self) -> Field {
        match self {
            Self::Absent(field)
            | Self::Size { field, .. }
            | Self::Range { field, .. }
            | Self::Compress { field, .. } => *field,
        }
    }
}

/// The compressed chunks of one row, in the order of the arrays, and their content hashes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// `None`: equal to the fill value.
    pub chunks: Vec<Option<Vec<u8>>>,
    /// Field -> content hash.
    pub hashes: BTreeMap<String, String>,
}

/// The fields of a sample that are to be stored, as far as it has them.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "as in Sample")]
pub struct Values<'s> {
    pub image: Option<&'s Image>,
    pub depth: Option<&'s Depth>,
    pub semantics: Option<&'s Semantics>,
    pub confidence: Option<&'s Confidence>,
    pub raw_depth: Option<&'s Depth>,
    pub intrinsics: Option<Intrinsics>,
}

impl<'s> From<&'s Sample> for Values<'s> {
    fn from(sample: &'s Sample) -> Self {
        Self {
            image: Some(&sample.image),
            depth: Some(&sample.depth),
            semantics: sample.semantics.as_ref(),
            confidence: sample.confidence.as_ref(),
            raw_depth: sample.raw_depth.as_ref(),
            intrinsics: sample.intrinsics,
        }
    }
}

/// Compresses samples; keep one a thread, its working memory is reused.
pub struct Encoder<'a> {
    arrays: &'a [Array],
    compressor: chunk::Compressor,
}

impl<'a> Encoder<'a> {
    /// An encoder for the arrays of a set.
    ///
    /// # Errors
    /// When zstd cannot allocate its context.
    pub fn new(arrays: &'a [Array]) -> std::io::Result<Self> {
        Ok(Self { arrays, compressor: chunk::Compressor::new()? })
    }

    /// The chunks of a sample, or of those of its fields that the arrays ask for.
    ///
    /// # Errors
    /// A field is absent, of another size, or out of range.
    pub fn encode<'s>(&mut self, sample: impl Into<Values<'s>>) -> Result<Encoded, EncodeError> {
        let sample = sample.into();
        let mut encoded = Encoded::default();
        for array in self.arrays {
            let field = array.field;
            let bytes = field_bytes(sample, array)?;
            if bytes.len() != array.n_bytes() {
                return Err(EncodeError::Size { field, expected: array.n_bytes(), found: bytes.len() });
            }
            encoded.hashes.insert(field.name().to_owned(), chunk::content_hash(&bytes));
            let chunk = self.compressor.encode(&bytes, field.fill_byte());
            encoded.chunks.push(chunk.map_err(|source| EncodeError::Compress { field, source })?);
        }
        Ok(encoded)
    }
}

/// The bytes of a field as its array holds them: C order, little endian.
fn field_bytes<'s>(sample: Values<'s>, array: &Array) -> Result<Cow<'s, [u8]>, EncodeError> {
    let field = array.field;
    let absent = EncodeError::Absent(field);
    Ok(match field {
        Field::Image => sample.image.ok_or(absent)?.as_slice(),
        Field::Depth => depth_bytes(sample.depth.ok_or(absent)?, array)?,
        Field::RawDepth => depth_bytes(sample.raw_depth.ok_or(absent)?, array)?,
        Field::Semantics => plane_bytes(sample.semantics.ok_or(absent)?.values().to_slice()),
        Field::Confidence => plane_bytes(sample.confidence.ok_or(absent)?.values().to_slice()),
        Field::Intrinsics => {
            Cow::Owned(sample.intrinsics.ok_or(absent)?.to_array().iter().flat_map(|v| v.to_le_bytes()).collect())
        }
    })
}

/// Fields are kept in standard layout by their constructors; anything else would show as a wrong length.
fn plane_bytes(plane: Option<&[u8]>) -> Cow<'_, [u8]> {
    Cow::Borrowed(plane.unwrap_or_default())
}

fn depth_bytes<'s>(depth: &'s Depth, array: &Array) -> Result<Cow<'s, [u8]>, EncodeError> {
    let metres = depth.metres().to_slice().unwrap_or_default();
    let Some(scale_factor) = array.scale_factor else {
        return Ok(to_le(metres));
    };
    let steps = metres.iter().map(|&m| {
        let max = scale_factor * f64::from(u16::MAX);
        let range = || EncodeError::Range { field: array.field, max, scale_factor, found: m };
        steps(m, scale_factor).ok_or_else(range)
    });
    let steps: Vec<u16> = steps.collect::<Result<_, _>>()?;
    Ok(Cow::Owned(steps.iter().flat_map(|s| s.to_le_bytes()).collect()))
}

/// The nearest number of steps; a measurement never becomes missing. `None` when it does not fit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn steps(metres: f32, scale_factor: f64) -> Option<u16> {
    if metres == 0.0 {
        return Some(0);
    }
    let steps = (f64::from(metres) / scale_factor).round_ties_even().max(1.0);
    (steps <= f64::from(u16::MAX)).then_some(steps as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_rounded_and_bounded() {
        assert_eq!(steps(0.0, 0.001), Some(0));
        assert_eq!(steps(1.0006, 0.001), Some(1001));
        assert_eq!(steps(0.0001, 0.001), Some(1), "a measurement never becomes missing");
        assert_eq!(steps(65.535, 0.001), Some(65535));
        assert_eq!(steps(65.6, 0.001), None);
        assert_eq!(steps(80.5, 1.0 / 256.0), Some(20608));
    }
}
