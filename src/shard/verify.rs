use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use super::array::Field;
use super::chunk;
use super::set::Set;

/// One thing that is wrong with a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Key of the sample.
    pub key: String,
    /// Its row.
    pub row: usize,
    /// The damaged field.
    pub field: String,
    /// The shard file, relative to the set.
    pub file: String,
    /// What was expected and what was found.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (row {}): {}: {}: {}", self.key, self.row, self.field, self.file, self.reason)
    }
}

/// What `verify` saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows whose every chunk was read.
    pub n_samples: usize,
    /// Of these, quarantined rows.
    pub n_quarantined: usize,
    /// Chunks that are left out because they equal the fill value, and whose recorded hash says so.
    pub n_fill_chunks: usize,
    /// In row order.
    pub findings: Vec<Finding>,
}

/// Reads every chunk of a set: index and chunk checksums, decompression, content hash against `samples.jsonl`.
///
/// A chunk that is absent because it equals the fill value has a recorded hash that says so; one that was lost has
/// not. `progress` is called once a row, from any thread.
#[must_use]
pub fn verify(set: &Set, progress: impl Fn() + Sync) -> Verification {
    let rows: Vec<(usize, Vec<Finding>)> = (0..set.records().len())
        .into_par_iter()
        .map_init(
            || set.reader(),
            |reader, row| {
                let result = match reader {
                    Ok(reader) => verify_row(set, reader, row),
                    Err(e) => (0, vec![finding(set, Field::Image, row, e.to_string())]),
                };
                progress();
                result
            },
        )
        .collect();
    Verification {
        n_samples: rows.len(),
        n_quarantined: set.records().iter().filter(|r| r.quarantined.is_some()).count(),
        n_fill_chunks: rows.iter().map(|(n, _)| n).sum(),
        findings: rows.into_iter().flat_map(|(_, findings)| findings).collect(),
    }
}

fn verify_row(set: &Set, reader: &mut super::read::Reader<'_>, row: usize) -> (usize, Vec<Finding>) {
    let record = &set.records()[row];
    let mut n_fill = 0;
    let mut findings = Vec::new();
    let mut bytes = Vec::new();
    for array in set.arrays() {
        let field = array.field;
        let recorded = record.hashes.get(field.name());
        let reason = match (reader.stored(field, row, &mut bytes), recorded) {
            (Err(reason), _) => Some(reason),
            (Ok(false), _) => {
                Some("the chunk is lost: it is left out, but its recorded hash is not that of fill".into())
            }
            (Ok(true), None) => match (record.quarantined.is_some(), chunk::is_fill(&bytes, field.fill_byte())) {
                (true, true) => None,
                (true, false) => Some("the row is quarantined but holds data".into()),
                (false, _) => Some("samples.jsonl has no hash for this field".into()),
            },
            (Ok(true), Some(expected)) => {
                n_fill += usize::from(chunk::is_fill(&bytes, field.fill_byte()));
                let found = chunk::content_hash(&bytes);
                (found != *expected).then(|| format!("content hash: expected {expected}, found {found}"))
            }
        };
        findings.extend(reason.map(|reason| finding(set, field, row, reason)));
    }
    (n_fill, findings)
}

fn finding(set: &Set, field: Field, row: usize, reason: String) -> Finding {
    let array = set.arrays().iter().find(|a| a.field == field);
    let file = array.map(|a| a.shard_path(row / set.spec().samples_per_shard)).unwrap_or_default();
    Finding { key: set.records()[row].entry.key.clone(), row, field: field.to_string(), file, reason }
}
