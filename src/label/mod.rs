//! Class sets, and the tables that carry ids from one to another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of at most 255 classes whose ids a prepared set can hold; 255 always means *ignore*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LabelSpace {
    /// The 150 classes of SceneParse150, zero based, in their official order.
    #[serde(rename = "ade20k150")]
    Ade20k150,
    /// The 40 classes of Gupta et al., ids 1..40.
    #[serde(rename = "nyu40")]
    Nyu40,
    /// The 13 classes of Couprie et al., ids 1..13.
    #[serde(rename = "nyu13")]
    Nyu13,
}

impl LabelSpace {
    /// The name stored in a set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ade20k150 => "ade20k150",
            Self::Nyu40 => "nyu40",
            Self::Nyu13 => "nyu13",
        }
    }
}

impl fmt::Display for LabelSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
