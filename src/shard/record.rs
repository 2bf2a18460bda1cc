//! `samples.jsonl`: line i describes row i.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::label::Confusion;
use crate::sample::{Crop, Entry, Fault, Invalid};

/// Fewer lines are parsed before another thread would have begun.
const LINES_A_TASK: usize = 64;

/// What a set says about one sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Row in every array.
    pub row: usize,
    /// Key, source files, split, scene, provenance.
    #[serde(flatten)]
    pub entry: Entry,
    /// The part of the source picture that is stored, when it is not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// Depth values of the source that were not depths and became missing; absent when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_depth: Option<Invalid>,
    /// Field -> xxh3-128 of the sample's bytes as the array holds them. Empty for a quarantined sample.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Of a merged set: how many pixels had which ground truth and which pseudo label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// Why the row holds only fill values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Fault>,
}

/// Hash over the sorted content hashes of all samples that are not quarantined: equal data gives an equal
/// fingerprint, whatever the order or the shard size.
#[must_use]
pub fn fingerprint(records: &[Record]) -> String {
    let mut samples: Vec<String> = records
        .iter()
        .filter(|r| r.quarantined.is_none())
        .map(|r| r.hashes.iter().map(|(field, hash)| format!("{field}={hash};")).collect())
        .collect();
    samples.sort_unstable();
    format!("xxh3-128:{:032x}", xxh3_128(samples.join("\n").as_bytes()))
}

/// The lines of `samples.jsonl`.
///
/// # Errors
/// Only when a provenance cannot be written as JSON.
pub fn write_records(records: &[Record]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Parses lines of `samples.jsonl`; line i must describe row `first + i`, keys must be unique.
///
/// # Errors
/// In words, with the line number.
pub fn read_records(bytes: &[u8], first: usize) -> Result<Vec<Record>, String> {
    let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()).collect();
    let parsed: Vec<serde_json::Result<Record>> =
        lines.par_iter().with_min_len(LINES_A_TASK).map(|line| serde_json::from_slice(line)).collect();
    let mut keys = HashSet::new();
    let check = |(i, record): (usize, serde_json::Result<Record>)| {
        let record = record.map_err(|e| format!("line {}: {e}", i + 1))?;
        if record.row != first + i {
            return Err(format!("line {}: expected row {}, found row {}", i + 1, first + i, record.row));
        }
        if !keys.insert(record.entry.key.clone()) {
            return Err(format!("line {}: key {:?} stands twice", i + 1, record.entry.key));
        }
        Ok(record)
    };
    parsed.into_iter().enumerate().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: usize, key: &str, hash: &str) -> Record {
        Record {
            row,
            entry: Entry { key: key.into(), ..Entry::default() },
            hashes: BTreeMap::from([("depth".into(), hash.into())]),
            ..Record::default()
        }
    }

    #[test]
    fn the_fingerprint_ignores_order_and_quarantined_rows() {
        let mut bad = record(2, "c", "ff");
        bad.quarantined = Some(Fault::new("x.png", "depth", "truncated"));
        let (a, b) = (record(0, "a", "01"), record(1, "b", "02"));
        let both = fingerprint(&[a.clone(), b.clone()]);
        assert_eq!(both, fingerprint(&[b, a.clone(), bad]));
        assert_ne!(both, fingerprint(&[a]));
    }

    #[test]
    fn lines_out_of_place_are_refused() {
        let lines = write_records(&[record(0, "a", "01"), record(1, "b", "02")]).unwrap();
        assert_eq!(read_records(&lines, 0).unwrap().len(), 2);
        assert!(read_records(&lines, 5).unwrap_err().contains("expected row 5"));
        let twice = write_records(&[record(0, "a", "01"), record(1, "a", "02")]).unwrap();
        assert!(read_records(&twice, 0).unwrap_err().contains("stands twice"));
        assert!(read_records(b"{\"row\":0", 0).unwrap_err().starts_with("line 1"));
        assert_eq!(read_records(b"", 0).unwrap(), []);
    }
}
