//! What a set holds, as numbers and as rows of a contact sheet.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::sheet::Row;
use super::stats::Stats;
use crate::shard::{Record, Set, SetError};

/// Counts every sample of a set that is not quarantined. `progress` is called once a sample, from any thread.
///
/// # Errors
/// The first sample, in row order, that is lost or damaged.
pub fn stats(set: &Set, progress: impl Fn() + Sync) -> Result<Stats, SetError> {
    let rows: Vec<usize> = set.rows().collect();
    // Some hundred samples at a time bound the memory; the counts are the same in any order.
    let mut all = Stats::default();
    for rows in rows.chunks(256) {
        let counted: Vec<Result<Stats, SetError>> = rows
            .par_iter()
            .with_min_len(4)
            .map_init(
                || set.reader(),
                |reader, &row| {
                    let reader = reader.as_mut().map_err(|e| SetError::Io {
                        path: set.root().to_owned(),
                        source: std::io::Error::new(e.kind(), e.to_string()),
                    })?;
                    let stats = Stats::of(&reader.sample(row)?);
                    progress();
                    Ok(stats)
                },
            )
            .collect();
        for stats in counted {
            all = all.merge(stats?);
        }
    }
    Ok(all)
}

/// Rows spread evenly over the set, the first and the last included, in order.
#[must_use]
pub fn spread(n_rows: usize, count: usize) -> Vec<usize> {
    let count = count.min(n_rows);
    match count {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..count).map(|i| i * (n_rows - 1) / (count - 1)).collect(),
    }
}

/// Rows chosen at random, in order. A pure function of the keys and the seed.
#[must_use]
pub fn random(records: &[Record], count: usize, seed: u64) -> Vec<usize> {
    let mut drawn: Vec<(u64, usize)> =
        records.iter().map(|r| (xxh3_64_with_seed(r.entry.key.as_bytes(), seed), r.row)).collect();
    drawn.sort_unstable();
    let mut rows: Vec<usize> = drawn.into_iter().take(count).map(|(_, row)| row).collect();
    rows.sort_unstable();
    rows
}

/// Rows of a contact sheet; quarantined ones say why.
///
/// # Errors
/// The first sample that is lost or damaged.
pub fn sheet_rows(set: &Set, rows: &[usize]) -> Result<Vec<Row>, SetError> {
    rows.par_iter()
        .filter_map(|&row| set.records().get(row))
        .map(|record| {
            let key = record.entry.key.clone();
            let shown = match record.quarantined.clone() {
                Some(fault) => Row::quarantined(record.row, key, fault),
                None => Row::sample(record.row, key, set.sample(record.row)?),
            };
            Ok(Row { note: note(record), ..shown })
        })
        .collect()
}

/// The kind of scene, or else its name; nothing that the key says already.
fn note(record: &Record) -> String {
    let entry = &record.entry;
    let known = entry.scene_type.as_ref().or(entry.scene.as_ref());
    known.filter(|note| !entry.key.contains(note.as_str())).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Entry;

    #[test]
    fn rows_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(100, 4), [0, 33, 66, 99]);
        assert_eq!(spread(3, 8), [0, 1, 2]);
        assert_eq!((spread(5, 1), spread(0, 3)), (vec![0], vec![]));
    }

    #[test]
    fn a_seed_draws_the_same_rows_again() {
        let record = |row: usize| Record {
            row,
            entry: Entry { key: format!("k{row}"), ..Entry::default() },
            ..Record::default()
        };
        let records: Vec<Record> = (0..200).map(record).collect();
        let rows = random(&records, 6, 7);
        assert_eq!((rows.len(), rows.is_sorted(), &rows), (6, true, &random(&records, 6, 7)));
        assert_ne!(rows, random(&records, 6, 8));
        assert_eq!(random(&records, 1000, 1).len(), 200);
    }
}
