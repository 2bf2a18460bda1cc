use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong with one input sample: enough to find the file and mend it.
///
/// A fault quarantines its sample (the row keeps the fill value); the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Fault {
    /// The file, relative to the root the user gave; the key of the sample where that is not of a file.
    pub file: String,
    /// The field, variable or part of the file that could not be used.
    pub field: String,
    /// What was expected and what was found.
    pub reason: String,
}

impl Fault {
    /// A fault of `field` in `file`.
    pub fn new(file: impl Into<String>, field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { file: file.into(), field: field.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.field, self.reason)
    }
}
