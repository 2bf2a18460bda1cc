use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::array::{Array, DepthEncoding, Field};
use crate::label::LabelSpace;
use crate::sample::{Fields, IGNORE, Size};

/// Version of the layout that `docs/format.md` describes.
pub const FORMAT_VERSION: u32 = 2;

const MAX_SAMPLES: usize = 1 << 32;
const MAX_SIDE: usize = 1 << 16;
/// Pictures have at most 64 million.
const MAX_PIXELS: usize = 1 << 26;
const MAX_SHARD_LEN: usize = 1 << 16;

/// What a set is, fixed before its first sample is decoded. Two runs may write into one set exactly when their
/// specifications are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Version of the layout.
    pub format_version: u32,
    /// Name of the data set.
    pub dataset: String,
    /// `train`, `test`, `val` or `all`.
    pub split: String,
    /// Space of the class ids; `null` when there is no `semantics`.
    pub label_space: Option<LabelSpace>,
    /// Id of pixels without a class: 255.
    pub ignore_index: u8,
    /// Unit of depth after the scale factor: `metre`.
    pub depth_unit: String,
    /// How depth and raw depth are stored.
    pub depth_encoding: DepthEncoding,
    /// Height and width of every sample.
    pub size: Size,
    /// Rows, quarantined ones included.
    pub n_samples: usize,
    /// Samples in one shard.
    pub samples_per_shard: usize,
    /// Names of the arrays.
    pub fields: Vec<String>,
    /// Version of the program that made the set.
    pub tool_version: String,
    /// Every option that decided a stored byte.
    pub options: Map<String, Value>,
    /// Hash of the plan: keys, source files and splits of all rows.
    pub plan: String,
}

/// What `zarr.json` of the group says beside the specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(flatten)]
    pub(crate) spec: Spec,
    /// Absent until the set is complete.
    pub(crate) fingerprint: Option<String>,
    pub(crate) complete: bool,
}

impl Spec {
    /// Whether the set is to be learned from: not when it is held out for tests or validation.
    #[must_use]
    pub fn is_training(&self) -> bool {
        ["train", "all"].contains(&self.split.as_str())
    }

    /// Whether the set is the one with this specification and fingerprint, with other labels of the same classes, or with its
    /// first.
    #[must_use]
    pub fn replaces(&self, other: &Self, fingerprint: &str) -> bool {
        let parent = self.options.get("parent").and_then(|parent| parent.get("fingerprint")?.as_str());
        parent == Some(fingerprint) && (other.label_space.is_none() || other.label_space == self.label_space)
    }

    /// The names of the arrays of a set.
    #[must_use]
    pub fn field_names(labelled: bool, optional: Fields) -> Vec<String> {
        let present = |field: &Field| match field {
            Field::Image | Field::Depth => true,
            Field::Semantics => labelled,
            Field::Confidence => optional.confidence,
            Field::RawDepth => optional.raw_depth,
            Field::Intrinsics => optional.intrinsics,
        };
        Field::ALL.iter().filter(|f| present(f)).map(|f| f.name().to_owned()).collect()
    }

    /// The arrays of the set, in the order of [`Field::ALL`].
    #[must_use]
    pub fn arrays(&self) -> Vec<Array> {
        let fields = Field::ALL.into_iter().filter(|f| self.fields.iter().any(|n| n == f.name()));
        fields.map(|f| Array::new(f, self.size, self.depth_encoding)).collect()
    }

    /// Number of shards of every array.
    #[must_use]
    pub fn n_shards(&self) -> usize {
        self.n_samples.div_ceil(self.samples_per_shard)
    }

    /// The rows of a shard; the last one may be partly filled.
    #[must_use]
    pub fn rows(&self, shard: usize) -> std::ops::Range<usize> {
        let start = shard * self.samples_per_shard;
        start..(start + self.samples_per_shard).min(self.n_samples)
    }

    /// Bytes of one sample before compression, over all arrays.
    #[must_use]
    pub fn sample_bytes(&self) -> usize {
        self.arrays().iter().map(Array::n_bytes).sum()
    }

    /// The group's `zarr.json`; complete when it has a fingerprint.
    #[must_use]
    pub fn group_metadata(&self, fingerprint: Option<&str>) -> Value {
        let attributes = Attributes {
            spec: self.clone(),
            fingerprint: fingerprint.map(str::to_owned),
            complete: fingerprint.is_some(),
        };
        json!({"zarr_format": 3, "node_type": "group", "attributes": {"semdepth": attributes}})
    }

    /// Reads the group's `zarr.json`.
    ///
    /// # Errors
    /// In words: what is not as it should be.
    pub(super) fn parse(bytes: &[u8]) -> Result<Attributes, String> {
        let group: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let attributes = group
            .pointer("/attributes/semdepth")
            .ok_or("no attribute `semdepth`: this Zarr group is not a set made by sdprep")?;
        let version = attributes.get("format_version").and_then(Value::as_u64);
        if version != Some(u64::from(FORMAT_VERSION)) {
            let found = attributes.get("format_version").cloned().unwrap_or_default();
            return Err(format!("format_version: expected {FORMAT_VERSION}, found {found}; convert the source again"));
        }
        let attributes = Attributes::deserialize(attributes).map_err(|e| format!("attribute `semdepth`: {e}"))?;
        attributes.spec.check()?;
        if attributes.complete != attributes.fingerprint.is_some() {
            return Err("`complete` and `fingerprint` contradict each other".into());
        }
        Ok(attributes)
    }

    /// Whether the numbers are within the limits of the format.
    pub(crate) fn check(&self) -> Result<(), String> {
        let within = |name: &str, found: usize, limit: usize| match found {
            0 => Err(format!("{name}: expected 1 to {limit}, found 0")),
            n if n > limit => Err(format!("{name}: expected 1 to {limit}, found {n}")),
            _ => Ok(()),
        };
        within("n_samples", self.n_samples, MAX_SAMPLES)?;
        within("height", self.size.height, MAX_SIDE)?;
        within("width", self.size.width, MAX_SIDE)?;
        within("height * width", self.size.height * self.size.width, MAX_PIXELS)?;
        within("samples_per_shard", self.samples_per_shard, MAX_SHARD_LEN)?;
        if self.ignore_index != IGNORE {
            return Err(format!("ignore_index: expected {IGNORE}, found {}", self.ignore_index));
        }
        if let DepthEncoding::U16 { scale_factor } = self.depth_encoding
            && !(scale_factor.is_finite() && scale_factor > 0.0)
        {
            return Err(format!("depth scale_factor: expected metres above 0, found {scale_factor}"));
        }
        let expected: Vec<String> = self.arrays().iter().map(|a| a.field.name().to_owned()).collect();
        if expected != self.fields || expected.len() < 2 || expected[1] != "depth" {
            return Err(format!("fields: expected image, depth and known optional ones, found {:?}", self.fields));
        }
        if self.label_space.is_some() != self.fields.iter().any(|f| f == "semantics") {
            return Err("`label_space` and the field `semantics` must both be present or absent".into());
        }
        Ok(())
    }

    /// The entries in which two specifications differ. `places` say where this one and the other are: `name: 4 there, 5 asked for`.
    #[must_use]
    pub fn differences(&self, other: &Self, places: [&str; 2]) -> Vec<String> {
        let flat = |spec: &Self| {
            let mut map = json!(spec).as_object().cloned().unwrap_or_default();
            if let Some(Value::Object(options)) = map.remove("options") {
                map.extend(options.into_iter().map(|(k, v)| (format!("options.{k}"), v)));
            }
            map
        };
        let (a, b) = (flat(self), flat(other));
        let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        let show = |map: &Map<String, Value>, name: &str| map.get(name).map_or("nothing".into(), Value::to_string);
        names
            .into_iter()
            .filter(|n| a.get(*n) != b.get(*n))
            .map(|n| format!("{n}: {} {}, {} {}", show(&a, n), places[0], show(&b, n), places[1]))
            .collect()
    }
}
