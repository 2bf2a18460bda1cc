//! Executes a plan: decode and compress on all cores, write in row order, resume after a crash, quarantine what is
//! bad. The bytes written do not depend on threads, partition or interruptions.

mod estimate;
mod ordered;
mod part;
mod progress;
mod workspace;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use crate::sample::{Fault, Invalid};
use crate::shard::{DepthEncoding, Encoder, FORMAT_VERSION, Record, SetError, ShardWriter, Spec};
use crate::source::{Header, Source};

pub use estimate::{Estimate, estimate};
pub use ordered::in_order;
pub use part::{Part, PartError};
pub use progress::{Progress, Silent};
use workspace::Workspace;

/// How to run, as opposed to what to make: nothing here but `depth` and `samples_per_shard` decides a byte.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOptions {
    /// Threads that decode and compress; `None` = all cores.
    pub threads: Option<usize>,
    /// The shards this process makes.
    pub part: Part,
    /// Delete a set that is already there and start over.
    pub force: bool,
    /// Stop at the first bad sample instead of quarantining it.
    pub strict: bool,
    /// How depth is stored.
    pub depth: DepthEncoding,
    /// Samples in one shard.
    pub samples_per_shard: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            threads: None,
            part: Part::WHOLE,
            force: false,
            strict: false,
            depth: DepthEncoding::F32,
            samples_per_shard: 64,
        }
    }
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file could not be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The output folder holds something else.
    #[error("{}: {reason}", path.display())]
    Occupied {
        /// The output.
        path: PathBuf,
        /// What is there, and what to do.
        reason: String,
    },
    /// The plan cannot be made into a set.
    #[error("{0}")]
    Plan(String),
    /// A bad sample, under `strict`.
    #[error("sample {key:?} (row {row}): {fault}")]
    Strict {
        /// Its key.
        key: String,
        /// Its row.
        row: usize,
        /// What is wrong.
        fault: Box<Fault>,
    },
    /// The set there cannot be read.
    #[error(transparent)]
    Set(#[from] SetError),
}

impl RunError {
    pub(super) fn io((path, source): (PathBuf, std::io::Error)) -> Self {
        Self::Io { path, source }
    }
}

/// A sample that was left out, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its row, which keeps the fill value.
    pub row: usize,
    /// Its key.
    pub key: String,
    /// Why.
    #[serde(flatten)]
    pub fault: Fault,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Rows of the whole set.
    pub n_samples: usize,
    /// Rows made by this run; the others were there, or are another part's.
    pub n_made: usize,
    /// Bad samples of the rows this process is responsible for.
    pub quarantined: Vec<Quarantined>,
    /// Depth values that became missing because they were not depths.
    pub invalid_depth: Invalid,
    /// Bytes of the shards written by this run.
    pub bytes_written: u64,
    /// Shards still missing, which are other parts' work. Zero means the set is complete.
    pub n_shards_missing: usize,
    /// Fingerprint of the complete set.
    pub fingerprint: Option<String>,
}

/// The specification of the set that `source` makes.
///
/// # Errors
/// No sample, keys that are not unique or not usable, numbers outside the limits.
pub fn specify(source: &dyn Source, options: &RunOptions) -> Result<Spec, RunError> {
    let Header { dataset, split, label_space, size, fields, options: effective } = source.header().clone();
    let entries = source.entries();
    if entries.is_empty() {
        return Err(RunError::Plan("there is no sample to convert".into()));
    }
    let mut keys = HashSet::new();
    for entry in entries {
        let key = &entry.key;
        if key.is_empty() || key.starts_with('/') || key.split('/').any(|part| part == "..") {
            return Err(RunError::Plan(format!("key {key:?}: expected a relative name without `..`")));
        }
        if !keys.insert(key) {
            return Err(RunError::Plan(format!("key {key:?} stands for two samples")));
        }
    }
    let spec = Spec {
        format_version: FORMAT_VERSION,
        dataset,
        split,
        label_space,
        ignore_index: crate::sample::IGNORE,
        depth_unit: "metre".into(),
        depth_encoding: options.depth,
        size,
        n_samples: entries.len(),
        samples_per_shard: options.samples_per_shard,
        fields: Spec::field_names(label_space.is_some(), fields),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        options: effective,
        plan: format!("xxh3-128:{:032x}", xxh3_128(json!(entries).to_string().as_bytes())),
    };
    spec.check().map_err(RunError::Plan)?;
    Ok(spec)
}

/// Makes the set `out` from `source`, or what is still missing of it.
///
/// # Errors
/// The output cannot be written or holds something else; under `strict`, the first bad sample.
pub fn convert(
    source: &dyn Source,
    out: &Path,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Outcome, RunError> {
    let spec = specify(source, options)?;
    let workspace = Workspace::prepare(out, &spec, options.force)?;
    let pending: Vec<usize> =
        (0..spec.n_shards()).filter(|&s| options.part.has(s) && !workspace.is_made(&spec, s)).collect();
    if workspace.is_complete()? {
        return workspace.outcome(&spec, options.part, 0, 0);
    }
    let (n_made, bytes) = make_shards(source, &spec, &workspace, &pending, options, progress)?;
    workspace.complete(&spec)?;
    workspace.outcome(&spec, options.part, n_made, bytes)
}

fn make_shards(
    source: &dyn Source,
    spec: &Spec,
    workspace: &Workspace,
    shards: &[usize],
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(usize, u64), RunError> {
    let rows: Vec<usize> = shards.iter().flat_map(|&s| spec.rows(s)).collect();
    let responsible = (0..spec.n_shards()).filter(|&s| options.part.has(s)).map(|s| spec.rows(s).len()).sum::<usize>();
    progress.begin(responsible, responsible - rows.len());
    let arrays = spec.arrays();
    let mut open: Option<(ShardWriter, Vec<Record>)> = None;
    let mut bytes = 0;
    let produce = |row: usize| make_row(source, row, &arrays);
    let consume = |row: usize, (record, chunks): Row| {
        if options.strict
            && let Some(fault) = record.quarantined
        {
            return Err(RunError::Strict { key: record.entry.key, row, fault: Box::new(fault) });
        }
        let shard = row / spec.samples_per_shard;
        let (mut writer, mut records) = match open.take() {
            Some(open) => open,
            None => (workspace.begin_shard(spec, &arrays, shard)?, Vec::new()),
        };
        writer.push(&chunks).map_err(RunError::io)?;
        records.push(record);
        progress.advance();
        if row + 1 == spec.rows(shard).end {
            bytes += writer.finish().map_err(RunError::io)?;
            workspace.journal(shard, &records)?;
        } else {
            open = Some((writer, records));
        }
        Ok(())
    };
    in_order(options.threads, &rows, produce, consume)?;
    progress.finish();
    Ok((rows.len(), bytes))
}

type Row = (Record, Vec<Option<Vec<u8>>>);

/// Decodes and compresses one sample; whatever is wrong with it ends up in the record.
fn make_row(source: &dyn Source, row: usize, arrays: &[crate::shard::Array]) -> Row {
    let mut entry = source.entries()[row].clone();
    let quarantine = |entry, fault| {
        let record = Record { row, entry, quarantined: Some(fault), ..Record::default() };
        (record, vec![None; arrays.len()])
    };
    let loaded = match source.load(row) {
        Ok(loaded) => loaded,
        Err(fault) => return quarantine(entry, fault),
    };
    if loaded.provenance.is_some() {
        entry.provenance = loaded.provenance;
    }
    let encoded = Encoder::new(arrays)
        .map_err(|e| ("image", e.to_string()))
        .and_then(|mut e| e.encode(&loaded.sample).map_err(|e| (e.field().name(), e.to_string())));
    match encoded {
        Ok(encoded) => {
            let invalid_depth = (loaded.invalid.total() > 0).then_some(loaded.invalid);
            let hashes = encoded.hashes;
            (Record { row, entry, crop: loaded.crop, invalid_depth, hashes, quarantined: None }, encoded.chunks)
        }
        Err((field, reason)) => {
            let file = entry.source.get(field).or(entry.source.values().next()).cloned().unwrap_or_default();
            quarantine(entry, Fault::new(file, field, reason))
        }
    }
}
