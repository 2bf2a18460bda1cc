use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which optional fields the samples of a set have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `confidence`.
    pub confidence: bool,
    /// `raw_depth`.
    pub raw_depth: bool,
    /// `intrinsics`.
    pub intrinsics: bool,
}

/// What is known of one sample before it is decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique name within the set, e.g. `bathroom/rgb_00045`.
    pub key: String,
    /// Field -> file it comes from, relative to the root the user gave, with `/` between parts.
    pub source: BTreeMap<String, String>,
    /// Split of this sample, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Scene or drive, e.g. `kitchen_0004`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// Kind of scene, e.g. `kitchen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_type: Option<String>,
    /// How a derived sample was made (mixes, merged labels).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Value>,
}
