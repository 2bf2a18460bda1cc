use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::chunk::LEVEL;
use crate::sample::Size;

/// The fields a set can hold, in the order in which they are listed everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `image`, u8 `[N, 3, H, W]`.
    Image,
    /// `depth`, f32 or u16 `[N, H, W]`.
    Depth,
    /// `semantics`, u8 `[N, H, W]`.
    Semantics,
    /// `confidence`, u8 `[N, H, W]`.
    Confidence,
    /// `raw_depth`, f32 or u16 `[N, H, W]`.
    RawDepth,
    /// `intrinsics`, f64 `[N, 4]`: fx, fy, cx, cy.
    Intrinsics,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 6] =
        [Self::Image, Self::Depth, Self::Semantics, Self::Confidence, Self::RawDepth, Self::Intrinsics];

    /// Name of the array.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Depth => "depth",
            Self::Semantics => "semantics",
            Self::Confidence => "confidence",
            Self::RawDepth => "raw_depth",
            Self::Intrinsics => "intrinsics",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Every byte of a missing value: class id 255, zero everywhere else.
    #[must_use]
    pub const fn fill_byte(self) -> u8 {
        if matches!(self, Self::Semantics) { 255 } else { 0 }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Element types of the arrays, little endian on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// `uint8`
    U8,
    /// `uint16`
    U16,
    /// `float32`
    F32,
    /// `float64`
    F64,
}

impl Dtype {
    /// Zarr's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn n_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// How metres are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "dtype")]
pub enum DepthEncoding {
    /// As they are.
    #[default]
    #[serde(rename = "float32")]
    F32,
    /// As the nearest whole number of steps, 1..65535; 0 stays missing.
    #[serde(rename = "uint16")]
    U16 {
        /// Metres of one step.
        scale_factor: f64,
    },
}

/// One array of a set: what its `zarr.json` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Which field.
    pub field: Field,
    /// Element type.
    pub dtype: Dtype,
    /// Shape of one sample, without the sample axis.
    pub shape: Vec<usize>,
    /// Metres per stored step, for depth stored as u16.
    pub scale_factor: Option<f64>,
}

impl Array {
    /// The array of `field` for samples of `size`.
    #[must_use]
    pub fn new(field: Field, size: Size, depth: DepthEncoding) -> Self {
        let plane = vec![size.height, size.width];
        let (dtype, shape, scale_factor) = match field {
            Field::Image => (Dtype::U8, vec![3, size.height, size.width], None),
            Field::Depth | Field::RawDepth => match depth {
                DepthEncoding::F32 => (Dtype::F32, plane, None),
                DepthEncoding::U16 { scale_factor } => (Dtype::U16, plane, Some(scale_factor)),
            },
            Field::Semantics | Field::Confidence => (Dtype::U8, plane, None),
            Field::Intrinsics => (Dtype::F64, vec![4], None),
        };
        Self { field, dtype, shape, scale_factor }
    }

    /// Bytes of one sample before compression.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.n_bytes()
    }

    /// Path of a shard below the set, with `/` between parts. No shard has folders of its own: making them would cost more than
    /// sharing the file.
    #[must_use]
    pub fn shard_path(&self, shard: usize) -> String {
        format!("{}/c.{shard}{}", self.field, ".0".repeat(self.shape.len()))
    }

    /// The array's `zarr.json` (Zarr v3 core specification; sharding codec 1.0).
    #[must_use]
    pub fn metadata(&self, n_samples: usize, shard_len: usize) -> Value {
        let with_samples = |n: usize| [&[n], self.shape.as_slice()].concat();
        let little = json!({"name": "bytes", "configuration": {"endian": "little"}});
        let bytes = if self.dtype == Dtype::U8 { json!({"name": "bytes"}) } else { little.clone() };
        let fill = match self.dtype {
            Dtype::U8 | Dtype::U16 => json!(self.field.fill_byte()),
            Dtype::F32 | Dtype::F64 => json!(0.0),
        };
        json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": with_samples(n_samples),
            "data_type": self.dtype.name(),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": with_samples(shard_len)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": fill,
            "codecs": [{
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": with_samples(1),
                    "codecs": [
                        bytes,
                        {"name": "zstd", "configuration": {"level": LEVEL, "checksum": false}},
                        {"name": "crc32c"},
                    ],
                    "index_codecs": [little, {"name": "crc32c"}],
                    "index_location": "end",
                },
            }],
            "attributes": self.attributes(),
            "dimension_names": self.dimension_names(),
        })
    }

    fn attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        match self.field {
            Field::Depth | Field::RawDepth => {
                attributes.insert("units".into(), json!("m"));
                attributes.insert("missing".into(), json!(0));
            }
            Field::Intrinsics => {
                attributes.insert("units".into(), json!("px"));
                attributes.insert("parameters".into(), json!(["fx", "fy", "cx", "cy"]));
            }
            _ => {}
        }
        if let Some(scale) = self.scale_factor {
            attributes.insert("scale_factor".into(), json!(scale));
        }
        attributes
    }

    fn dimension_names(&self) -> &'static [&'static str] {
        match self.field {
            Field::Image => &["sample", "channel", "y", "x"],
            Field::Intrinsics => &["sample", "parameter"],
            _ => &["sample", "y", "x"],
        }
    }
}
