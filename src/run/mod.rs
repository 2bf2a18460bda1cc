//! Executes a plan: decode and compress on all cores, write in row order, resume after a crash, quarantine what is
//! bad. The bytes written do not depend on threads, partition or interruptions.

mod derive;
mod estimate;
mod job;
mod ordered;
mod part;
mod progress;
mod shared;
mod workspace;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::sample::{Entry, Fault, Invalid};
use crate::shard::{Array, DepthEncoding, Encoder, FORMAT_VERSION, Record, Set, SetError, SharedFiles, Spec};
use crate::source::{Header, Source};

pub use derive::{Derivation, DeriveError, NewLabels, derive, estimate_derived, keep_apart};
pub use estimate::{Estimate, estimate};
use job::{Row, Rows, execute};
pub use ordered::{in_order, in_order_with};
pub use part::{Part, PartError};
pub use progress::{Progress, Silent};
use shared::Shared;

/// How to run, as opposed to what to make: nothing here but `depth` and `samples_per_shard` decides a byte.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOptions {
    /// Threads that decode and compress; `None` = those of the current pool: all cores, unless it was made otherwise.
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
        source: io::Error,
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
    /// The input disproves the options, in the middle of a run. The text says what to type instead.
    #[error("{0}; --force starts the new set over, which is unfinished; the old one is as it was")]
    Disproved(String),
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
    /// There is no memory to compress with. No sample is at fault, so that none is quarantined.
    #[error("no zstd context: {0}")]
    Codec(String),
}

impl RunError {
    pub(super) fn io((path, source): (PathBuf, io::Error)) -> Self {
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
    /// Shard files that this run took over from the parent of a derived set.
    pub shared_files: SharedFiles,
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
    specify_rows(source.header(), source.entries(), options)
}

fn specify_rows(header: &Header, entries: &[Entry], options: &RunOptions) -> Result<Spec, RunError> {
    let Header { dataset, split, label_space, size, fields, options: effective } = header.clone();
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
    let plan = serde_json::to_vec(entries).map_err(|e| RunError::Plan(e.to_string()))?;
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
        plan: format!("xxh3-128:{:032x}", xxh3_128(&plan)),
    };
    spec.check().map_err(RunError::Plan)?;
    Ok(spec)
}

/// Makes the set `out` from `source`, or what is still missing of it, and gives the set when it is complete.
///
/// # Errors
/// The output cannot be written or holds something else; under `strict`, the first bad sample.
pub fn convert(
    source: &dyn Source,
    out: &Path,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(Outcome, Option<Set>), RunError> {
    let spec = specify(source, options)?;
    let rows = Converting { source, arrays: spec.arrays() };
    execute(&rows, &spec, out, options, progress)
}

/// The rows of a source, every array made from them.
struct Converting<'a> {
    source: &'a dyn Source,
    arrays: Vec<Array>,
}

impl Rows for Converting<'_> {
    type State<'s>
        = io::Result<Encoder<'s>>
    where
        Self: 's;

    fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    fn shared(&self) -> Option<&Shared<'_>> {
        None
    }

    fn state(&self) -> Self::State<'_> {
        Encoder::new(&self.arrays)
    }

    /// Decodes and compresses one sample; whatever is wrong with it ends up in the record.
    fn make<'s>(&'s self, encoder: &mut Self::State<'s>, row: usize) -> Result<Row, RunError> {
        let encoder = encoder.as_mut().map_err(|error| RunError::Codec(error.to_string()))?;
        let mut entry = self.source.entries()[row].clone();
        let quarantine = |entry, fault| {
            let record = Record { row, entry, quarantined: Some(fault), ..Record::default() };
            Ok((record, Vec::new()))
        };
        let loaded = match self.source.load(row) {
            Ok(loaded) => loaded,
            Err(fault) => return quarantine(entry, fault),
        };
        if loaded.provenance.is_some() {
            entry.provenance = loaded.provenance;
        }
        match encoder.encode(&loaded.sample) {
            Ok(encoded) => {
                let invalid_depth = (loaded.invalid.total() > 0).then_some(loaded.invalid);
                let (crop, hashes) = (loaded.crop, encoded.hashes);
                Ok((Record { row, entry, crop, invalid_depth, hashes, ..Record::default() }, encoded.chunks))
            }
            Err(error) => {
                let field = error.field().name();
                let file = entry.source.get(field).or(entry.source.values().next()).cloned().unwrap_or_default();
                quarantine(entry, Fault::new(file, field, error))
            }
        }
    }
}
