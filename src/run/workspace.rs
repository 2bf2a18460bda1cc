use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use walkdir::{DirEntry, WalkDir};

use super::{Outcome, Part, Quarantined, RunError};
use crate::file::{claim, read_bounded, share, sync, write_through, write_whole};
use crate::sample::Invalid;
use crate::shard::{
    Array, Record, Set, SetError, ShardWriter, SharedFiles, Spec, fingerprint, is_whole_shard, read_records,
    write_records,
};

/// Holds the journal and unfinished files until the set is complete.
const SCRATCH: &str = ".run";
const RECORDS: &str = "samples.jsonl";
const ROOT_JSON: &str = "zarr.json";
const MAX_JOURNAL: u64 = 1 << 30;

/// What one run has made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) n_rows: usize,
    pub(super) bytes: u64,
    pub(super) shared: SharedFiles,
}

impl Made {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            n_rows: self.n_rows + other.n_rows,
            bytes: self.bytes + other.bytes,
            shared: self.shared.plus(other.shared),
        }
    }
}

/// What is said of the rows of a finished shard.
#[derive(Debug, Default)]
pub(super) struct FinishedShard {
    pub(super) records: Vec<Record>,
    /// The same as lines of `samples.jsonl`.
    pub(super) lines: Vec<u8>,
}

/// By shard.
pub(super) type Finished = BTreeMap<usize, FinishedShard>;

/// The folder of a set while it is made: `zarr.json` with `complete: false`, finished shards, and below `.run` one
/// journal file a finished shard (the lines of `samples.jsonl` for its rows) beside what is being written.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
    /// Shared with other parts while the run lasts, so that nobody deletes the set meanwhile.
    _shared: Option<File>,
}

impl Workspace {
    /// Finds out how far the set is and begins it when there is none.
    pub(super) fn prepare(root: &Path, spec: &Spec, force: bool) -> Result<Self, RunError> {
        if force {
            remove(root)?;
        }
        let shared = || share(root).map_err(|_| in_use(root));
        let mut workspace = Self { root: root.to_owned(), _shared: shared()? };
        match crate::shard::read_attributes(root) {
            Ok(there) => {
                let differences = there.spec.differences(spec, ["there", "asked for"]);
                if !differences.is_empty() {
                    let reason = format!(
                        "the set there was made with other options or from other input:\n  {}\nuse another --out, or --force to start over",
                        differences.join("\n  ")
                    );
                    return Err(RunError::Occupied { path: root.to_owned(), reason });
                }
                if there.complete {
                    return Ok(workspace);
                }
            }
            Err(SetError::Missing { .. }) => {
                begin(root, spec)?;
                workspace._shared = shared()?; // there was no folder to share
            }
            Err(e) => return Err(e.into()),
        }
        // Another part may have begun the set and been stopped before its last array.
        for array in spec.arrays() {
            let metadata = array.metadata(spec.n_samples, spec.samples_per_shard);
            write_json(root, &array_json(&array), &metadata, write_whole)?;
        }
        let journal = root.join(SCRATCH).join("journal");
        fs::create_dir_all(&journal).map_err(|e| RunError::io((journal, e)))?;
        Ok(workspace)
    }

    /// Whether the set is complete. What an interrupted or a simultaneous run has left of the scratch folder then goes.
    ///
    /// Ask after looking at journals: they vanish only once `zarr.json` says complete.
    pub(super) fn is_complete(&self) -> Result<bool, RunError> {
        let complete = crate::shard::read_attributes(&self.root)?.complete;
        if complete {
            remove_folder(&self.root.join(SCRATCH))?;
        }
        Ok(complete)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where unfinished files lie.
    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    fn journal_path(&self, shard: usize) -> PathBuf {
        self.root.join(SCRATCH).join("journal").join(format!("{shard:08}.jsonl"))
    }

    /// Whether a shard is finished.
    pub(super) fn is_made(&self, spec: &Spec, shard: usize) -> bool {
        self.made(spec, shard).is_some()
    }

    /// What is said of a finished shard: its journal stands, and each of its files is there with a sound index.
    fn made(&self, spec: &Spec, shard: usize) -> Option<FinishedShard> {
        let said = self.read_journal(spec, shard).ok()?;
        let is_whole = |array: &Array| is_whole_shard(&self.root.join(array.shard_path(shard)), spec.samples_per_shard);
        spec.arrays().iter().all(is_whole).then_some(said)
    }

    pub(super) fn begin_shard(&self, spec: &Spec, arrays: &[Array], shard: usize) -> Result<ShardWriter, RunError> {
        ShardWriter::begin(&self.root, &self.scratch(), arrays, shard, spec.samples_per_shard).map_err(RunError::io)
    }

    /// Notes that a shard is finished. Comes after its files are on the disk and have their names. The note itself is
    /// not waited for: one that a power failure has torn counts as none.
    pub(super) fn journal(&self, shard: usize, lines: &[u8]) -> Result<(), RunError> {
        let path = self.journal_path(shard);
        write_whole(&self.root.join(SCRATCH), &path, lines).map_err(|e| RunError::io((path, e)))
    }

    fn read_journal(&self, spec: &Spec, shard: usize) -> Result<FinishedShard, String> {
        let rows = spec.rows(shard);
        let bytes = read_bounded(&self.journal_path(shard), MAX_JOURNAL).map_err(|e| e.to_string())?;
        let records = read_records(&bytes, rows.start)?;
        if records.len() != rows.len() {
            return Err("too few lines".into());
        }
        // Written anew: a torn journal may lack the end of its last line only.
        Ok(FinishedShard { lines: write_records(&records).map_err(|e| e.to_string())?, records })
    }

    /// Completes the set when no shard is missing, and says what is there now, seen from one part. `finished` are the
    /// shards that this run has made; the others are in their journals. The set is given when it is complete.
    pub(super) fn finish(
        &self,
        spec: &Spec,
        part: Part,
        made: Made,
        mut finished: Finished,
    ) -> Result<(Outcome, Option<Set>), RunError> {
        for shard in 0..spec.n_shards() {
            if !finished.contains_key(&shard)
                && let Some(said) = self.made(spec, shard)
            {
                finished.insert(shard, said);
            }
        }
        let n_missing = spec.n_shards() - finished.len();
        let lines = finished.values().map(|shard| shard.lines.as_slice()).collect::<Vec<_>>().concat();
        let records: Vec<Record> = finished.into_values().flat_map(|shard| shard.records).collect();
        if n_missing == 0 {
            let fingerprint = fingerprint(&records);
            self.complete(spec, &lines, &fingerprint)?;
            let set = Set::new(self.root.clone(), spec.clone(), fingerprint, records);
            return Ok((outcome_of(&set, part, made), Some(set)));
        }
        // Journals vanish when another part completes the set.
        if self.is_complete()? {
            return self.completed(part, made);
        }
        Ok((outcome(spec, part, made, &records, Err(n_missing)), None))
    }

    /// Several parts may do so at once: they write equal bytes.
    fn complete(&self, spec: &Spec, lines: &[u8], fingerprint: &str) -> Result<(), RunError> {
        let result = self.write_end(spec, lines, fingerprint);
        // The part that was faster removes the scratch folder under the hands of the slower one.
        match result {
            Err(_) if self.is_complete().is_ok_and(|complete| complete) => Ok(()),
            result => result,
        }
    }

    fn write_end(&self, spec: &Spec, lines: &[u8], fingerprint: &str) -> Result<(), RunError> {
        let path = self.root.join(RECORDS);
        write_whole(&self.root.join(SCRATCH), &path, lines).map_err(|e| RunError::io((path, e)))?;
        self.sync_metadata(spec).map_err(|e| RunError::io((self.root.clone(), e)))?;
        write_json(&self.root, ROOT_JSON, &spec.group_metadata(Some(fingerprint)), write_through)?;
        remove_folder(&self.root.join(SCRATCH))
    }

    /// Brings what stands beside the shards to the disk; before the set is called complete.
    fn sync_metadata(&self, spec: &Spec) -> io::Result<()> {
        let names = spec.arrays().iter().map(array_json).chain([RECORDS.to_owned()]).collect::<Vec<_>>();
        let files = names.iter().map(|name| File::open(self.root.join(name))).collect::<io::Result<Vec<_>>>()?;
        sync(&files)
    }

    /// The set that is complete already, and what there is, seen from one part.
    pub(super) fn completed(&self, part: Part, made: Made) -> Result<(Outcome, Option<Set>), RunError> {
        let set = Set::open(&self.root)?;
        let files = set.arrays().iter().flat_map(|a| (0..set.spec().n_shards()).map(|shard| a.shard_path(shard)));
        if let Some(path) = files.map(|file| self.root.join(file)).find(|path| !path.is_file()) {
            let reason = "the shard file of a complete set is lost; --force makes the set anew".to_owned();
            return Err(SetError::Format { path, reason }.into());
        }
        Ok((outcome_of(&set, part, made), Some(set)))
    }
}

/// What there is, seen from one part; with the fingerprint of the complete set or the number of missing shards.
fn outcome(spec: &Spec, part: Part, made: Made, records: &[Record], complete: Result<String, usize>) -> Outcome {
    let mine = || records.iter().filter(|r| part.has(r.row / spec.samples_per_shard));
    let quarantined = mine()
        .filter_map(|r| {
            let fault = r.quarantined.clone()?;
            Some(Quarantined { row: r.row, key: r.entry.key.clone(), fault })
        })
        .collect();
    Outcome {
        n_samples: spec.n_samples,
        n_made: made.n_rows,
        quarantined,
        invalid_depth: mine().filter_map(|r| r.invalid_depth).fold(Invalid::default(), Invalid::plus),
        bytes_written: made.bytes,
        shared_files: made.shared,
        n_shards_missing: complete.as_ref().err().copied().unwrap_or_default(),
        fingerprint: complete.ok(),
    }
}

fn outcome_of(set: &Set, part: Part, made: Made) -> Outcome {
    outcome(set.spec(), part, made, set.records(), Ok(set.fingerprint().to_owned()))
}

/// Makes the folder and its first `zarr.json`.
fn begin(root: &Path, spec: &Spec) -> Result<(), RunError> {
    let io = |e| RunError::io((root.to_owned(), e));
    // What a part that began at the same moment has made is no obstacle.
    let end = Some(root.join(RECORDS)).filter(|end| end.exists());
    if let Some(path) = foreign(root).map_err(io)?.or(end) {
        let reason = format!("the folder holds no prepared set, but {}; use another --out", path.display());
        return Err(RunError::Occupied { path: root.to_owned(), reason });
    }
    fs::create_dir_all(root.join(SCRATCH)).map_err(io)?;
    write_json(root, ROOT_JSON, &spec.group_metadata(None), write_through)
}

fn array_json(array: &Array) -> String {
    format!("{}/zarr.json", array.field)
}

/// Something below the folder that no set has. Nothing where there is no folder.
fn foreign(root: &Path) -> io::Result<Option<PathBuf>> {
    let is_scratch =
        |entry: &DirEntry| entry.depth() == 1 && entry.file_name() == SCRATCH && entry.file_type().is_dir();
    let entries = WalkDir::new(root).min_depth(1).into_iter().filter_entry(|entry| !is_scratch(entry));
    for entry in entries {
        match entry.map_err(io::Error::from) {
            Ok(entry) if is_of_set(&entry) => {}
            Ok(entry) => return Ok(Some(entry.into_path())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

/// `zarr.json`, `samples.jsonl`, the folder of a field, and in that `zarr.json` and shards such as `c.0.0.0.0`.
fn is_of_set(entry: &DirEntry) -> bool {
    let (name, kind) = (entry.file_name().to_string_lossy(), entry.file_type());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match entry.depth() {
        1 if kind.is_dir() => crate::shard::Field::from_name(&name).is_some(),
        1 => kind.is_file() && (name == "zarr.json" || name == RECORDS),
        _ => {
            kind.is_file()
                && (name == "zarr.json" || name.strip_prefix("c.").is_some_and(|c| c.split('.').all(is_number)))
        }
    }
}

/// Writes `name` below `root` unless it says the same already.
fn write_json(
    root: &Path,
    name: &str,
    json: &Value,
    write: impl FnOnce(&Path, &Path, &[u8]) -> io::Result<()>,
) -> Result<(), RunError> {
    let path = root.join(name);
    let text = format!("{json:#}\n");
    if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let scratch = root.join(SCRATCH);
    let folder = path.parent().unwrap_or(root);
    let folders = fs::create_dir_all(&scratch).and_then(|()| fs::create_dir_all(folder));
    folders.and_then(|()| write(&scratch, &path, text.as_bytes())).map_err(|e| RunError::io((path, e)))
}

/// Deletes a set, complete or not, and nothing else.
fn remove(root: &Path) -> Result<(), RunError> {
    match crate::shard::read_attributes(root) {
        Ok(there) => match foreign(root).map_err(|e| RunError::io((root.to_owned(), e)))? {
            Some(path) => {
                let reason = format!(
                    "--force deletes prepared sets only, and {} belongs to none; move it away or use another --out",
                    path.display()
                );
                Err(RunError::Occupied { path: root.to_owned(), reason })
            }
            None => remove_set(root, &there.spec),
        },
        Err(SetError::Missing { .. }) => Ok(()),
        Err(e) => {
            let reason = format!("--force deletes prepared sets only, and this is none: {e}");
            Err(RunError::Occupied { path: root.to_owned(), reason })
        }
    }
}

/// Why a set cannot be deleted, or not be added to.
fn in_use(root: &Path) -> RunError {
    let reason = "another run is at work on this set; wait for it, or use another --out".to_owned();
    RunError::Occupied { path: root.to_owned(), reason }
}

/// Deletes what belongs to a set, `zarr.json` last: what an interruption leaves is an unfinished set, in which no journal says
/// that anything is made.
fn remove_set(root: &Path, spec: &Spec) -> Result<(), RunError> {
    let _kept = claim(root).map_err(|_| in_use(root))?;
    write_json(root, ROOT_JSON, &spec.group_metadata(None), write_through)?;
    remove_folder(&root.join(SCRATCH))?;
    for entry in fs::read_dir(root).map_err(|e| RunError::io((root.to_owned(), e)))? {
        let path = entry.map_err(|e| RunError::io((root.to_owned(), e)))?.path();
        if path.is_dir() {
            remove_folder(&path)?;
        } else if path.file_name().is_some_and(|name| name != ROOT_JSON) {
            fs::remove_file(&path).map_err(|e| RunError::io((path, e)))?;
        }
    }
    remove_folder(root)
}

fn remove_folder(folder: &Path) -> Result<(), RunError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(RunError::io((folder.to_owned(), e))),
        _ => Ok(()),
    }
}
