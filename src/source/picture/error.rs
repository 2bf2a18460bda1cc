use std::fmt;

use crate::sample::{Fault, Size};

/// Why a picture could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The bytes break the rules of their format.
    #[error("damaged {format}: {reason}")]
    Damaged {
        /// `PNG`, `JPEG`, `PNM` or `npy`.
        format: &'static str,
        /// What was expected and what was found.
        reason: String,
    },
    /// A sound file, but not of the kind this field needs.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the field needs.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// Larger than any picture we decode; refused before anything is allocated.
    #[error("{size} is more than the limit of {} megapixels; shrink the picture first", super::MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// The size the header states.
        size: Size,
    },
}

impl PictureError {
    /// The fault of `field` in `file`, a path relative to the root the user gave.
    #[must_use]
    pub fn fault(&self, file: impl Into<String>, field: impl Into<String>) -> Fault {
        Fault::new(file, field, self)
    }

    pub(super) fn damaged(format: &'static str, reason: impl fmt::Display) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    pub(in crate::source) fn unexpected(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::Unexpected { expected: expected.to_string(), found: found.to_string() }
    }
}
