//! A source of frames that are made up by a function, for tests of what happens to sets.

use std::collections::BTreeMap;

use semdepth::label::LabelSpace;
use semdepth::sample::{Entry, Fault, Fields, Invalid, Sample, Size};
use semdepth::source::{Header, Loaded, Source};

/// Frames from a function.
pub struct Made {
    pub header: Header,
    pub entries: Vec<Entry>,
    frame: Box<dyn Fn(usize) -> Sample + Sync>,
    /// This row cannot be decoded.
    bad: usize,
}

impl Made {
    /// `n` frames with the given keys in ADE20K; row `bad` cannot be decoded.
    pub fn new(
        n: usize,
        size: Size,
        fields: Fields,
        key: impl Fn(usize) -> String,
        frame: impl Fn(usize) -> Sample + Sync + 'static,
        bad: usize,
    ) -> Self {
        let header = Header {
            dataset: "made".into(),
            split: "train".into(),
            label_space: Some(LabelSpace::Ade20k150),
            size,
            fields,
            options: serde_json::Map::new(),
        };
        let entry = |i: usize| Entry {
            key: key(i),
            source: BTreeMap::from([("image".into(), format!("{i:03}.png"))]),
            scene_type: Some("kitchen".into()),
            ..Entry::default()
        };
        Self { header, entries: (0..n).map(entry).collect(), frame: Box::new(frame), bad }
    }
}

impl Source for Made {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        if index == self.bad {
            return Err(Fault::new(format!("{index:03}.png"), "image", "expected 12 rows, found 7"));
        }
        Ok(Loaded { sample: (self.frame)(index), crop: None, invalid: Invalid::default(), provenance: None })
    }
}
