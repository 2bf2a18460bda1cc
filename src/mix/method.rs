use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The mixing augmentations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The near part of A over B.
    NearFarMix,
    /// A rectangle of the depth over the image.
    CutDepth,
    /// A stripe of the depth over the image.
    VCutDepth,
    /// A rectangle of B in A.
    CutMix,
    /// Half of A's classes over B.
    ClassMix,
    /// Whichever of A and B is nearer.
    DepthMix,
    /// Objects of one picture at other depths.
    AffineMix,
}

impl Method {
    /// Every method there is.
    pub const ALL: [Self; 7] = [
        Self::NearFarMix,
        Self::CutDepth,
        Self::VCutDepth,
        Self::CutMix,
        Self::ClassMix,
        Self::DepthMix,
        Self::AffineMix,
    ];

    /// As typed and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NearFarMix => "nearfarmix",
            Self::CutDepth => "cutdepth",
            Self::VCutDepth => "vcutdepth",
            Self::CutMix => "cutmix",
            Self::ClassMix => "classmix",
            Self::DepthMix => "depthmix",
            Self::AffineMix => "affinemix",
        }
    }

    /// Whether a second sample takes part.
    #[must_use]
    pub const fn needs_partner(self) -> bool {
        !matches!(self, Self::CutDepth | Self::VCutDepth | Self::AffineMix)
    }

    /// Whether its mask is made from depth, measured or predicted.
    #[must_use]
    pub const fn compares_depth(self) -> bool {
        matches!(self, Self::NearFarMix | Self::DepthMix)
    }

    /// Whether it cannot do without class ids.
    #[must_use]
    pub const fn needs_labels(self) -> bool {
        matches!(self, Self::ClassMix | Self::AffineMix)
    }

    /// The probability with which a sample is mixed, unless another is asked for: the depth-pasting methods keep
    /// three of four samples as they are (GLPDepth).
    #[must_use]
    pub const fn usual_probability(self) -> f64 {
        if matches!(self, Self::CutDepth | Self::VCutDepth) { 0.25 } else { 1.0 }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no method has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no method {0:?}; the known ones are nearfarmix, cutdepth, vcutdepth, cutmix, classmix, depthmix and affinemix"
)]
pub struct UnknownMethod(pub String);

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        Self::ALL.into_iter().find(|m| m.name() == name).ok_or_else(|| UnknownMethod(name.to_owned()))
    }
}
