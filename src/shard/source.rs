use std::sync::{Mutex, PoisonError};

use super::read::Reader;
use super::set::Set;
use crate::sample::{Fault, Invalid};
use crate::source::{Entry, Fields, Header, Loaded, Source};

/// A prepared set as the source of a derived one. Its quarantined rows stay in place and fail with their reason.
pub struct SetSource<'s> {
    set: &'s Set,
    header: Header,
    entries: Vec<Entry>,
    /// One for every thread that has loaded so far.
    readers: Mutex<Vec<Reader<'s>>>,
}

impl<'s> SetSource<'s> {
    /// The rows of `set`.
    #[must_use]
    pub fn new(set: &'s Set) -> Self {
        let spec = set.spec();
        let has = |name: &str| spec.fields.iter().any(|f| f == name);
        let header = Header {
            dataset: spec.dataset.clone(),
            split: spec.split.clone(),
            label_space: spec.label_space,
            size: spec.size,
            fields: Fields {
                confidence: has("confidence"),
                raw_depth: has("raw_depth"),
                intrinsics: has("intrinsics"),
            },
            options: spec.options.clone(),
        };
        let entries = set.records().iter().map(|r| r.entry.clone()).collect();
        Self { set, header, entries, readers: Mutex::default() }
    }

    /// The set itself.
    #[must_use]
    pub const fn set(&self) -> &'s Set {
        self.set
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Reader<'s>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for SetSource<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let key = || self.entries.get(index).map(|e| e.key.clone()).unwrap_or_default();
        let waiting = self.readers().pop();
        let mut reader = match waiting {
            Some(reader) => reader,
            None => self.set.reader().map_err(|e| Fault::new(key(), "sample", e))?,
        };
        let sample = reader.sample(index);
        self.readers().push(reader);
        let sample = sample.map_err(|e| e.into_fault(key()))?;
        let crop = self.set.records().get(index).and_then(|r| r.crop);
        Ok(Loaded { sample, crop, invalid: Invalid::default(), provenance: None })
    }
}
