use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mask::Rect;
use super::method::Method;
use super::{affinemix, classmix, cutmix, nearfarmix};

/// Why a sample is stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unmixed {
    /// The coin of `--p` said so.
    #[error("left out by chance (--p)")]
    Chance,
    /// No other sample may be its partner.
    #[error("no other sample may be its partner")]
    NoPartner,
    /// No threshold or choice of classes gave a share within bounds.
    #[error("every draw gave too small or too large a share")]
    Share,
    /// Fewer than 200 measurements where depth has to be densified, or none at all.
    #[error("too few depth measurements")]
    TooFewDepths,
    /// Fewer than two classes to choose from.
    #[error("fewer than two classes")]
    TooFewClasses,
    /// Nothing that could be moved.
    #[error("no object that could be moved")]
    NoObject,
    /// No class ids.
    #[error("no labels")]
    NoLabels,
    /// No predicted depth.
    #[error("no predicted depth")]
    NoPrediction,
}

/// The numbers that decide a mix. With them, and the same samples and parameters, the result is the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Drawn {
    /// A threshold.
    NearFarMix(nearfarmix::Drawn),
    /// A rectangle of depth.
    CutDepth(Rect),
    /// A stripe of depth.
    VCutDepth(Rect),
    /// A rectangle of B.
    CutMix(cutmix::Drawn),
    /// Classes of A.
    ClassMix(classmix::Drawn),
    /// Nothing is drawn.
    DepthMix {},
    /// Objects and their new depths.
    AffineMix(affinemix::Drawn),
}

impl Drawn {
    fn of(method: Method, value: Value) -> serde_json::Result<Self> {
        use serde_json::from_value;
        Ok(match method {
            Method::NearFarMix => Self::NearFarMix(from_value(value)?),
            Method::CutDepth => Self::CutDepth(from_value(value)?),
            Method::VCutDepth => Self::VCutDepth(from_value(value)?),
            Method::CutMix => Self::CutMix(from_value(value)?),
            Method::ClassMix => Self::ClassMix(from_value(value)?),
            Method::DepthMix => Self::DepthMix {},
            Method::AffineMix => Self::AffineMix(from_value(value)?),
        })
    }

    /// Draws that were thrown away before this one.
    #[must_use]
    pub const fn n_rejected(&self) -> u32 {
        match self {
            Self::NearFarMix(drawn) => drawn.tries.saturating_sub(1),
            Self::ClassMix(drawn) => drawn.tries.saturating_sub(1),
            _ => 0,
        }
    }
}

/// A sample of one of the sets that are mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Which set, in the order given.
    pub set: usize,
    /// Its row.
    pub row: usize,
    /// Its key.
    pub key: String,
}

/// How one output sample is made: a line of a plan, and its provenance in the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Line")]
pub struct Recipe {
    /// The method.
    pub method: Method,
    /// Number of the copy, from 0.
    pub copy: u32,
    /// The sample itself: B, the background, unless the roles are exchanged.
    pub sample: Parent,
    /// The drawn partner: A, unless the roles are exchanged. Absent for methods without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<Parent>,
    /// Whether the sample is A and the partner B.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub swapped: bool,
    /// Why the sample is stored as it is; absent when it is mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmixed: Option<Unmixed>,
    /// What was drawn; absent when the sample is stored as it is, or nothing has been decoded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Drawn>,
    /// Share of the pixels that are A's, or changed by a method without partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// A recipe as it is read: what was drawn can be told only once the method is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    method: Method,
    copy: u32,
    sample: Parent,
    partner: Option<Parent>,
    #[serde(default)]
    swapped: bool,
    unmixed: Option<Unmixed>,
    drawn: Option<Value>,
    share: Option<f64>,
}

impl TryFrom<Line> for Recipe {
    type Error = serde_json::Error;

    fn try_from(line: Line) -> serde_json::Result<Self> {
        let Line { method, copy, sample, partner, swapped, unmixed, drawn, share } = line;
        let drawn = drawn.map(|value| Drawn::of(method, value)).transpose()?;
        Ok(Self { method, copy, sample, partner, swapped, unmixed, drawn, share })
    }
}

impl Recipe {
    /// The key of the output sample: `KEY@method.copy`, with `.swapped` when the roles are exchanged.
    #[must_use]
    pub fn key(&self) -> String {
        let swapped = if self.swapped { ".swapped" } else { "" };
        format!("{}@{}.{}{swapped}", self.sample.key, self.method, self.copy)
    }

    /// What is known of it before anything is decoded.
    #[must_use]
    pub fn planned(&self) -> Self {
        let known = matches!(self.unmixed, Some(Unmixed::Chance | Unmixed::NoPartner));
        let unmixed = self.unmixed.filter(|_| known);
        Self { unmixed, drawn: None, share: None, ..self.clone() }
    }

    /// The parents in their roles: A, which is pasted (absent for methods without a partner), and B, the background.
    #[must_use]
    pub const fn roles(&self) -> (Option<&Parent>, &Parent) {
        match &self.partner {
            Some(partner) if self.swapped => (Some(&self.sample), partner),
            partner => (partner.as_ref(), &self.sample),
        }
    }
}
