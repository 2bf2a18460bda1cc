use ndarray::Zip;
use serde_json::json;

use super::header;
use crate::label::Remap;
use crate::run::{Derivation, DeriveError, NewLabels};
use crate::sample::{Confidence, Entry, Fault, IGNORE};
use crate::shard::{Reader, Set};
use crate::source::{Header, SourceError};

/// A set whose class ids are carried into another space.
pub struct Remapping<'a> {
    parent: &'a Set,
    remap: Remap,
    header: Header,
    entries: Vec<Entry>,
}

impl<'a> Remapping<'a> {
    /// Plans the set.
    ///
    /// # Errors
    /// A parent without labels.
    pub fn new(parent: &'a Set, remap: Remap) -> Result<Self, SourceError> {
        if parent.spec().label_space.is_none() {
            let root = parent.root().display();
            return Err(SourceError::Usage(format!(
                "{root}: the set has no labels; sdprep labels merge brings some in"
            )));
        }
        let mut header = header(parent, json!({ "remap": remap.to_json() }));
        header.label_space = Some(remap.space());
        let entries = parent.records().iter().map(|r| r.entry.clone()).collect();
        Ok(Self { parent, remap, header, entries })
    }
}

impl Derivation for Remapping<'_> {
    fn parent(&self) -> &Set {
        self.parent
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A class without a counterpart becomes no label, of which nothing is sure.
    fn makes_confidence(&self) -> bool {
        self.header.fields.confidence
    }

    fn labels(&self, row: usize, parent: &mut Reader<'_>) -> Result<NewLabels, DeriveError> {
        let key = || self.entries.get(row).map(|e| e.key.clone()).unwrap_or_default();
        let fault = |reason: &dyn std::fmt::Display| Fault::new(key(), "semantics", reason);
        let labels = parent.semantics(row).map_err(|e| e.into_fault(key()))?;
        let labels = labels.ok_or_else(|| fault(&"the set has no labels"))?;
        let semantics = self.remap.apply_plane(labels.values()).map_err(|e| fault(&e))?;
        let sure = parent.confidence(row).map_err(|e| e.into_fault(key()))?;
        let confidence = sure.map(|sure| {
            let of_label = |&label: &u8, &sure: &u8| if label == IGNORE { 0 } else { sure };
            Confidence::new(Zip::from(semantics.values()).and(sure.values()).map_collect(of_label))
        });
        Ok(NewLabels { semantics, confidence, confusion: None })
    }
}
