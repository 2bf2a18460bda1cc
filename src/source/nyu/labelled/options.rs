//! What can be chosen when the labelled file is converted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::label::LabelSpace;
use crate::sample::{Size, Window};

/// The grid of the data set, to which the border policies and the camera belong.
pub const GRID: Size = Size::new(480, 640);

/// Which frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The official training frames (795 of the full file).
    Train,
    /// The official test frames (654 of the full file).
    Test,
    /// Every frame.
    #[default]
    All,
}

/// Which depth becomes the depth of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DepthKind {
    /// `depths`: holes filled in by colourisation.
    #[default]
    Filled,
    /// `rawDepths`: as measured and projected, holes are missing. The BTS test set uses these.
    Raw,
    /// `depths` as depth and `rawDepths` as raw depth.
    Both,
}

/// What happens to the white frame of five to eight pixels around most pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Border {
    /// Nothing.
    #[default]
    Keep,
    /// The picture keeps rows 7..=473 and columns 7..=631 and is black outside; depth and labels stay. As the BTS test
    /// export does (`extract_official_train_test_set_from_mat.py`).
    Black,
    /// Every field is cut to rows 45..472 and columns 43..608, as BTS and AdaBins do in training (`bts_dataloader.py`).
    Crop,
}

/// Options of a conversion; they are stored with the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Which frames.
    pub split: Split,
    /// Which depth.
    pub depth: DepthKind,
    /// Space of the labels; `None` leaves them out.
    pub labels: Option<LabelSpace>,
    /// What happens to the white frame.
    pub border: Border,
}

impl Options {
    /// As they are stored with a set.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut stored = Map::from_iter([("layout".to_owned(), json!("mat"))]);
        if let Ok(Value::Object(options)) = serde_json::to_value(self) {
            stored.extend(options);
        }
        stored
    }
}

impl Split {
    /// The name stored in a set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::All => "all",
        }
    }
}

impl DepthKind {
    /// The variable that becomes the depth of a sample.
    pub(super) const fn depth_variable(self) -> &'static str {
        if matches!(self, Self::Raw) { "rawDepths" } else { "depths" }
    }
}

impl Border {
    /// The part of every field that is kept.
    pub(super) const fn window(self, size: Size) -> Window {
        match self {
            Self::Keep | Self::Black => Window::whole(size),
            Self::Crop => Window { top: 45, left: 43, height: 472 - 45, width: 608 - 43 },
        }
    }
}
