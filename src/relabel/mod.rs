//! Sets with other labels. Everything but the labels is shared with the parent set; see [`run::derive`](crate::run::derive).
//!
//! * [`Merging`]: pseudo labels from a teacher's [`Maps`] meet the ground truth by a [`Merge`](crate::label::Merge).
//! * [`Remapping`]: ids are carried into another label space.
//! * [`remap_folder`]: the same for a folder of label files.

mod folder;
mod join;
mod maps;
mod merging;
mod probe;
mod remapping;
#[cfg(feature = "teacher")]
mod teacher;

use serde_json::{Map, Value, json};

use crate::run::DeriveError;
use crate::sample::{Confidence, Fields, Semantics};
use crate::shard::{Field, Reader, Set};
use crate::source::Header;

pub use folder::{RemapFolderError, RemappedFolder, remap_folder};
pub use join::{Join, JoinBy};
pub use maps::{MapFiles, MapOptions, Maps, MissingMaps};
pub use merging::{Merging, merge_report};
pub use remapping::Remapping;
#[cfg(feature = "teacher")]
pub use teacher::{Teacher, TeacherOptions, TeacherOutput};

/// What a teacher says of one sample, on the sample's grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudoLabels {
    /// ADE20K ids, 255 = none.
    pub labels: Semantics,
    /// How sure it is.
    pub confidence: Option<Confidence>,
}

/// Pseudo labels for the samples of a set: read from files, or made by a network.
pub trait Pseudo: Sync {
    /// What decides the labels, for the options of the set; no path of the machine.
    fn options(&self) -> Value;

    /// Whether every answer has a confidence.
    fn has_confidence(&self) -> bool;

    /// The files of a row by what they hold, relative to their root, as [`Entry::source`](crate::sample::Entry) names them.
    fn files(&self, row: usize) -> Vec<(&'static str, String)>;

    /// The labels of a row; `None` when the teacher says nothing of it. `parent` reads the set.
    ///
    /// # Errors
    /// A bad file or sample, or the proof that the options are wrong.
    fn labels(&self, row: usize, parent: &mut Reader<'_>) -> Result<Option<PseudoLabels>, DeriveError>;
}

/// What a set is that differs from `parent` in its labels. `labels` says how they were made.
fn header(parent: &Set, labels: Value) -> Header {
    let spec = parent.spec();
    let has = |field: Field| spec.fields.iter().any(|f| f == field.name());
    let mut options = Map::new();
    options.insert("labels".into(), labels);
    options.insert(
        "parent".into(),
        json!({
            "fingerprint": parent.fingerprint(),
            "tool_version": spec.tool_version,
            "options": spec.options,
        }),
    );
    Header {
        dataset: spec.dataset.clone(),
        split: spec.split.clone(),
        label_space: spec.label_space,
        size: spec.size,
        fields: Fields {
            confidence: has(Field::Confidence),
            raw_depth: has(Field::RawDepth),
            intrinsics: has(Field::Intrinsics),
        },
        options,
    }
}
