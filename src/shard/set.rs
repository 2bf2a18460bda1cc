use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value as Json;
use walkdir::WalkDir;

use super::array::{Array, Field};
use super::container::Index;
use super::read::Reader;
use super::record;
use super::record::{Record, read_records};
use super::spec::{Attributes, Spec};
use crate::file::read_bounded;
use crate::sample::{Fault, Sample};

/// Largest `zarr.json` that is read.
const MAX_METADATA: u64 = 16 << 20;
/// Largest `samples.jsonl` that is read.
const MAX_RECORDS: u64 = 8 << 30;

/// Why a set, or a sample of it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no set at this place.
    #[error("{}: there is no prepared set here (no zarr.json); make one with `sdprep convert` or `sdprep synth`", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The set was never finished.
    #[error("{}: the set is not complete; run the command that makes it again, it goes on where it stopped", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the set is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// One field of one sample cannot be read.
    #[error("{}: sample {key:?} (row {row}): {field}: {reason}", path.display())]
    Sample {
        /// The shard file.
        path: PathBuf,
        /// Key of the sample.
        key: String,
        /// Its row.
        row: usize,
        /// The field.
        field: Field,
        /// What was expected and what was found.
        reason: String,
    },
    /// The row holds no data.
    #[error("{}: sample {key:?} (row {row}) is quarantined: {fault}", path.display())]
    Quarantined {
        /// The set.
        path: PathBuf,
        /// Key of the sample.
        key: String,
        /// Its row.
        row: usize,
        /// Why.
        fault: Box<Fault>,
    },
}

impl SetError {
    /// The fault of the sample called `key`, without the path of the set, which a derived set may not hold.
    #[must_use]
    pub fn into_fault(self, key: impl Into<String>) -> Fault {
        match self {
            Self::Sample { field, reason, .. } => Fault::new(key, field.name(), reason),
            Self::Quarantined { fault, .. } => *fault,
            Self::Io { source, .. } => Fault::new(key, "sample", source),
            other => Fault::new(key, "sample", other),
        }
    }
}

/// A complete prepared set. Reading is by row, from any thread; shard files and their indices are opened once.
#[derive(Debug)]
pub struct Set {
    root: PathBuf,
    spec: Spec,
    fingerprint: String,
    arrays: Vec<Array>,
    records: Vec<Record>,
    /// By array, then by shard.
    shards: Vec<Vec<OnceLock<Result<Shard, String>>>>,
}

/// An open shard file.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) file: File,
    pub(super) index: Index,
}

impl Set {
    /// Opens a complete set and checks its metadata, not its chunks.
    ///
    /// # Errors
    /// Not a set, not complete, or metadata that contradicts itself.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, SetError> {
        let root = root.into();
        let Attributes { spec, fingerprint, .. } = read_attributes(&root)?;
        let Some(fingerprint) = fingerprint else { return Err(SetError::Incomplete { path: root }) };
        for array in spec.arrays() {
            check_array(&root, &array, &spec)?;
        }
        let path = root.join("samples.jsonl");
        let bytes = read_bounded(&path, MAX_RECORDS).map_err(|source| SetError::Io { path: path.clone(), source })?;
        let format = |reason| SetError::Format { path: path.clone(), reason };
        let records = read_records(&bytes, 0).map_err(format)?;
        if records.len() != spec.n_samples {
            return Err(format(format!("expected {} lines, found {}", spec.n_samples, records.len())));
        }
        let found = record::fingerprint(&records);
        if found != fingerprint {
            return Err(format(format!("the hashes give {found}, zarr.json says {fingerprint}")));
        }
        Ok(Self::new(root, spec, fingerprint, records))
    }

    /// A complete set that has just been written.
    pub(crate) fn new(root: PathBuf, spec: Spec, fingerprint: String, records: Vec<Record>) -> Self {
        let arrays = spec.arrays();
        let shards = arrays.iter().map(|_| (0..spec.n_shards()).map(|_| OnceLock::new()).collect()).collect();
        Self { root, spec, fingerprint, arrays, records, shards }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the set is.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Hash of the data.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The arrays, in the order of [`Field::ALL`].
    #[must_use]
    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    /// One line a row.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The rows that hold data, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.records.iter().filter(|r| r.quarantined.is_none()).map(|r| r.row)
    }

    /// A reader with working memory of its own; keep one a thread.
    ///
    /// # Errors
    /// When zstd cannot allocate its context.
    pub fn reader(&self) -> io::Result<Reader<'_>> {
        Reader::new(self)
    }

    /// Reads one sample. In a loop, keep a [`reader`](Self::reader) instead.
    ///
    /// # Errors
    /// As [`Reader::sample`].
    pub fn sample(&self, row: usize) -> Result<Sample, SetError> {
        let io = |source| SetError::Io { path: self.root.clone(), source };
        self.reader().map_err(io)?.sample(row)
    }

    /// The array of a field, with its position.
    pub(super) fn array(&self, field: Field) -> Option<(usize, &Array)> {
        self.arrays.iter().enumerate().find(|(_, array)| array.field == field)
    }

    /// One shard of the array at a position.
    pub(super) fn shard(&self, array: usize, shard: usize) -> Result<&Shard, String> {
        let slot = self.shards.get(array).and_then(|s| s.get(shard)).ok_or("no such shard")?;
        let opened = slot.get_or_init(|| {
            let path = self.root.join(self.arrays[array].shard_path(shard));
            Shard::open(&path, self.spec.samples_per_shard)
        });
        opened.as_ref().map_err(Clone::clone)
    }
}

impl Shard {
    fn open(path: &Path, n: usize) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => "the shard file is lost".to_owned(),
            _ => e.to_string(),
        })?;
        let len = file.metadata().map_err(|e| e.to_string())?.len();
        let index_bytes = Index::n_bytes(n) as u64;
        let start = len
            .checked_sub(index_bytes)
            .ok_or(format!("expected at least {index_bytes} bytes for the index of the shard, found {len}"))?;
        let mut tail = vec![0; Index::n_bytes(n)];
        file.read_exact_at(&mut tail, start).map_err(|e| e.to_string())?;
        let index = Index::parse(&tail, n, len).map_err(|e| format!("damaged shard: {e}"))?;
        Ok(Self { file, index })
    }
}

/// Whether a shard file is there, and ends in an index of `n` chunks that fits it. What the chunks hold is not looked at.
pub(crate) fn is_whole_shard(path: &Path, n: usize) -> bool {
    Shard::open(path, n).is_ok()
}

/// Reads the group's `zarr.json`, whether the set is complete or not.
pub(crate) fn read_attributes(root: &Path) -> Result<Attributes, SetError> {
    let path = root.join("zarr.json");
    let bytes = read_bounded(&path, MAX_METADATA).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SetError::Missing { path: root.to_owned() },
        _ => SetError::Io { path: path.clone(), source },
    })?;
    Spec::parse(&bytes).map_err(|reason| SetError::Format { path, reason })
}

fn check_array(root: &Path, array: &Array, spec: &Spec) -> Result<(), SetError> {
    let path = root.join(array.field.name()).join("zarr.json");
    let bytes = read_bounded(&path, MAX_METADATA).map_err(|source| SetError::Io { path: path.clone(), source })?;
    let format = |reason| SetError::Format { path: path.clone(), reason };
    let found: Json = serde_json::from_slice(&bytes).map_err(|e| format(e.to_string()))?;
    let expected = array.metadata(spec.n_samples, spec.samples_per_shard);
    if found == expected {
        return Ok(());
    }
    let differs =
        expected.as_object().into_iter().flatten().find(|(name, value)| found.get(name.as_str()) != Some(value));
    Err(format(match differs {
        Some((name, value)) => {
            format!("{name}: expected {value}, found {}", found.get(name.as_str()).cloned().unwrap_or_default())
        }
        None => "entries that the format does not know".into(),
    }))
}

/// The sets at or below a folder, each list sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundSets {
    /// Those that can be read; a set that is named itself, whatever its state.
    pub complete: Vec<PathBuf>,
    /// Those that were never finished.
    pub unfinished: Vec<PathBuf>,
}

/// The sets at or below a folder; links are followed.
///
/// # Errors
/// The folder cannot be read, holds no complete set, or one whose description is damaged or lost.
pub fn find_sets(path: &Path) -> Result<FoundSets, SetError> {
    let mut found = FoundSets::default();
    if path.join("zarr.json").exists() {
        read_attributes(path)?;
        found.complete.push(path.to_owned());
        return Ok(found);
    }
    for set in find_all(path)? {
        let complete = read_attributes(&set)?.complete;
        if complete { &mut found.complete } else { &mut found.unfinished }.push(set);
    }
    match found.unfinished.first() {
        Some(path) if found.complete.is_empty() => Err(SetError::Incomplete { path: path.clone() }),
        _ => Ok(found),
    }
}

/// The sets at or below a folder, sorted by path, whatever their state: complete, unfinished, damaged. Links are followed; a set that
/// several lead to is found once.
///
/// # Errors
/// The folder cannot be read, or holds no set.
pub fn find_all(path: &Path) -> Result<Vec<PathBuf>, SetError> {
    // A set that has lost its zarr.json is one all the same; an export has samples.jsonl, too, and says what it is.
    let is_set = |path: &Path| {
        let has = |name: &str| path.join(name).exists();
        has("zarr.json") || has("samples.jsonl") && !has("dataset.json")
    };
    let (mut sets, mut places) = (Vec::new(), HashSet::new());
    let mut walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            // A link back, or to nothing.
            Err(e) if e.loop_ancestor().is_some() || e.depth() > 0 && is_lost(&e) => continue,
            Err(e) if is_lost(&e) => return Err(SetError::Missing { path: path.to_owned() }),
            Err(e) => return Err(SetError::Io { path: path.to_owned(), source: e.into() }),
        };
        if entry.file_type().is_dir() && is_set(entry.path()) {
            walk.skip_current_dir(); // a set holds arrays, not sets
            if places.insert(entry.path().canonicalize().unwrap_or_else(|_| entry.path().to_owned())) {
                sets.push(entry.into_path());
            }
        }
    }
    if sets.is_empty() { Err(SetError::Missing { path: path.to_owned() }) } else { Ok(sets) }
}

fn is_lost(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound)
}
