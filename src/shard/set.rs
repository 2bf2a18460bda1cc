use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value as Json;
use walkdir::WalkDir;

use super::array::{Array, Field};
use super::container::Index;
use super::encode::{self, Value};
use super::record::{Record, read_records};
use super::spec::{Attributes, Spec};
use super::{chunk, record};
use crate::file::read_bounded;
use crate::sample::{Confidence, Fault, Image, Sample, Semantics};

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

#[derive(Debug)]
struct Shard {
    file: File,
    index: Index,
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
        let arrays = spec.arrays();
        for array in &arrays {
            check_array(&root, array, &spec)?;
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
        let shards = arrays.iter().map(|_| (0..spec.n_shards()).map(|_| OnceLock::new()).collect()).collect();
        Ok(Self { root, spec, fingerprint, arrays, records, shards })
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
        Ok(Reader { set: self, decompressor: zstd::bulk::Decompressor::new()?, chunk: Vec::new() })
    }

    /// Reads one sample. In a loop, keep a [`reader`](Self::reader) instead.
    ///
    /// # Errors
    /// As [`Reader::sample`].
    pub fn sample(&self, row: usize) -> Result<Sample, SetError> {
        let io = |source| SetError::Io { path: self.root.clone(), source };
        self.reader().map_err(io)?.sample(row)
    }

    fn shard(&self, array: usize, shard: usize) -> Result<&Shard, String> {
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

/// Reads samples of one set.
pub struct Reader<'s> {
    set: &'s Set,
    decompressor: zstd::bulk::Decompressor<'static>,
    chunk: Vec<u8>,
}

impl Reader<'_> {
    /// All fields of a row.
    ///
    /// # Errors
    /// The row is quarantined, or a chunk is lost or damaged (checksums are verified).
    pub fn sample(&mut self, row: usize) -> Result<Sample, SetError> {
        let set = self.set;
        let mut image = None;
        let mut depth = None;
        let (mut semantics, mut confidence, mut raw_depth, mut intrinsics) = (None, None, None, None);
        for array in &set.arrays {
            let value = self.value(array.field, row)?;
            match array.field {
                Field::Image => image = value.image(),
                Field::Depth => depth = value.depth(),
                Field::Semantics => semantics = value.semantics(),
                Field::Confidence => confidence = value.confidence(),
                Field::RawDepth => raw_depth = value.depth(),
                Field::Intrinsics => intrinsics = value.intrinsics(),
            }
        }
        let (Some(image), Some(depth)) = (image, depth) else {
            return Err(self.error(Field::Image, row, "the set has no image or no depth".into()));
        };
        Ok(Sample { image, depth, semantics, confidence, raw_depth, intrinsics })
    }

    /// The picture of a row.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn image(&mut self, row: usize) -> Result<Image, SetError> {
        let image = self.value(Field::Image, row)?.image();
        image.ok_or_else(|| self.error(Field::Image, row, "the set has no image".into()))
    }

    /// The class ids of a row, if the set has any.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn semantics(&mut self, row: usize) -> Result<Option<Semantics>, SetError> {
        if self.lacks(Field::Semantics) { Ok(None) } else { Ok(self.value(Field::Semantics, row)?.semantics()) }
    }

    /// The confidences of a row, if the set has any.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn confidence(&mut self, row: usize) -> Result<Option<Confidence>, SetError> {
        if self.lacks(Field::Confidence) { Ok(None) } else { Ok(self.value(Field::Confidence, row)?.confidence()) }
    }

    fn lacks(&self, field: Field) -> bool {
        self.set.arrays.iter().all(|a| a.field != field)
    }

    fn value(&mut self, field: Field, row: usize) -> Result<Value, SetError> {
        let bytes = self.bytes(field, row)?;
        let array = self.set.arrays.iter().find(|a| a.field == field);
        let value = array.and_then(|a| encode::decode(a, bytes));
        value.ok_or_else(|| self.error(field, row, "the bytes do not fit the array's shape".into()))
    }

    /// The bytes of one field of a row as its array holds them.
    ///
    /// # Errors
    /// The row is quarantined, the set has no such field, or the chunk is lost or damaged.
    pub fn bytes(&mut self, field: Field, row: usize) -> Result<Vec<u8>, SetError> {
        let record = self.set.records.get(row);
        if let Some(fault) = record.and_then(|r| r.quarantined.clone()) {
            let key = self.key(row);
            let fault = Box::new(fault);
            return Err(SetError::Quarantined { path: self.set.root.clone(), key, row, fault });
        }
        let bytes = self.stored(field, row).map_err(|reason| self.error(field, row, reason))?;
        bytes.ok_or_else(|| self.error(field, row, "the chunk is lost: it holds data but is not in its shard".into()))
    }

    /// What the array holds at a row: `None` when the chunk is left out although its content is not all fill.
    /// Quarantined rows read as fill.
    pub(super) fn stored(&mut self, field: Field, row: usize) -> Result<Option<Vec<u8>>, String> {
        let set = self.set;
        let found = set.arrays.iter().position(|a| a.field == field);
        let (i, record) =
            found.zip(set.records.get(row)).ok_or(format!("the set has no field {field} or no row {row}"))?;
        let array = &set.arrays[i];
        let shard = set.shard(i, row / set.spec.samples_per_shard)?;
        let mut bytes = vec![field.fill_byte(); array.n_bytes()];
        match shard.index.get(row % set.spec.samples_per_shard) {
            Some((offset, len)) => {
                let limit = chunk_limit(array);
                let len = usize::try_from(len).ok().filter(|&l| l <= limit).ok_or(format!("a chunk of {len} bytes"))?;
                self.chunk.resize(len, 0);
                shard.file.read_exact_at(&mut self.chunk, offset).map_err(|e| e.to_string())?;
                chunk::decode(&mut self.decompressor, &self.chunk, &mut bytes)?;
                Ok(Some(bytes))
            }
            None if record.quarantined.is_some() => Ok(Some(bytes)),
            None => {
                let is_fill = record.hashes.get(field.name()) == Some(&chunk::content_hash(&bytes));
                Ok(is_fill.then_some(bytes))
            }
        }
    }

    /// The compressed chunk of a field of a row, with its checksum; `None` when it is left out as fill.
    ///
    /// # Errors
    /// The set has no such field, or the shard is lost or damaged.
    pub fn chunk(&self, field: Field, row: usize) -> Result<Option<Vec<u8>>, SetError> {
        let read = || {
            let set = self.set;
            let i = set.arrays.iter().position(|a| a.field == field).ok_or(format!("the set has no field {field}"))?;
            let shard = set.shard(i, row / set.spec.samples_per_shard)?;
            let Some((offset, len)) = shard.index.get(row % set.spec.samples_per_shard) else { return Ok(None) };
            let limit = chunk_limit(&set.arrays[i]);
            let len = usize::try_from(len).ok().filter(|&l| l <= limit).ok_or(format!("a chunk of {len} bytes"))?;
            let mut chunk = vec![0; len];
            shard.file.read_exact_at(&mut chunk, offset).map_err(|e| e.to_string())?;
            Ok(Some(chunk))
        };
        read().map_err(|reason: String| self.error(field, row, reason))
    }

    fn key(&self, row: usize) -> String {
        self.set.records.get(row).map(|r| r.entry.key.clone()).unwrap_or_default()
    }

    pub(super) fn error(&self, field: Field, row: usize, reason: String) -> SetError {
        let set = self.set;
        let array = set.arrays.iter().find(|a| a.field == field);
        let path = array.map(|a| set.root.join(a.shard_path(row / set.spec.samples_per_shard)));
        SetError::Sample { path: path.unwrap_or_else(|| set.root.clone()), key: self.key(row), row, field, reason }
    }
}

/// A chunk larger than its sample could only be damage: zstd adds less than this.
fn chunk_limit(array: &Array) -> usize {
    zstd::zstd_safe::compress_bound(array.n_bytes()) + 64
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

/// The complete sets at or below a folder, sorted by path.
///
/// # Errors
/// The folder cannot be read, or holds no complete set.
pub fn find_sets(path: &Path) -> Result<Vec<PathBuf>, SetError> {
    if path.join("zarr.json").exists() {
        return read_attributes(path).map(|_| vec![path.to_owned()]);
    }
    let mut sets = Vec::new();
    let mut walk = WalkDir::new(path).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|e| SetError::Io { path: path.to_owned(), source: e.into() })?;
        if entry.file_type().is_dir() && entry.path().join("zarr.json").exists() {
            walk.skip_current_dir(); // a set holds arrays, not sets
            if read_attributes(entry.path()).is_ok_and(|a| a.complete) {
                sets.push(entry.into_path());
            }
        }
    }
    if sets.is_empty() { Err(SetError::Missing { path: path.to_owned() }) } else { Ok(sets) }
}
