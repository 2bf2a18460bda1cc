//! A set as plain files that every tool opens: NumPy arrays, pictures, or WebDataset archives.
//!
//! The files are written beside the folder that was asked for, which appears when it is whole. Quarantined samples are
//! left out. The same set gives the same bytes.

mod field;
mod name;
mod npy;
mod png;
mod tar;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::field::{image_of, plane_of};
use self::name::{flat_name, nested_name};
use super::array::{DepthEncoding, Field};
use super::record::Record;
use super::set::{Set, SetError};
use crate::file::write_folder;
use crate::sample::{Depth, Sample};

pub use self::field::{depth_npy, depth_png, indexed_png, label_png};

/// What a set is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `FIELD/KEY.npy`, in the shapes and types of the set; depth as float32 metres.
    Npy,
    /// `FIELD/KEY.png`: image 8-bit RGB, depth 16-bit grey in steps that `dataset.json` states, class ids 8-bit grey.
    Png,
    /// `NAME-000000.tar` and so on with `KEY.image.png`, `KEY.depth.npy`, `KEY.semantics.png`, `KEY.json`.
    Webdataset,
}

/// How a set is exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExportOptions {
    /// The kind of files.
    pub format: Format,
    /// Metres of one step of 16-bit depth; when not given, that of the set if it has one, or else a millimetre, or
    /// 1/256 m where millimetres do not reach the largest depth.
    pub depth_step_m: Option<f64>,
    /// Samples in one WebDataset archive.
    pub samples_per_tar: usize,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Samples written.
    pub n_samples: usize,
    /// Files written.
    pub n_files: usize,
    /// Their bytes.
    pub n_bytes: u64,
    /// Metres of one step of 16-bit depth, for PNG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth_step_m: Option<f64>,
}

/// Why a set was not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The set cannot be read.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{}: is there already; name another folder, or delete it first", .0.display())]
    Occupied(PathBuf),
    /// A depth does not fit 16 bits.
    #[error("sample {key:?}: a depth of {depth_m} m does not fit 16 bits in steps of {step_m} m: expected at most {} m; give a larger --depth-step, such as {}", step_m * 65535.0, f64::from(*depth_m).ceil() / 65535.0)]
    Depth {
        /// Key of the sample.
        key: String,
        /// Its largest depth.
        depth_m: f32,
        /// Metres of one step.
        step_m: f64,
    },
    /// A key cannot be written as a file name.
    #[error("sample {key:?}: {reason}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Writes every sample of a set that is not quarantined below `folder`. `progress` is called once a sample.
///
/// # Errors
/// `folder` is there already, a sample is damaged or does not fit, or the system refuses: then nothing is left behind.
pub fn export(
    set: &Set,
    folder: &Path,
    options: &ExportOptions,
    progress: impl Fn() + Sync,
) -> Result<Exported, ExportError> {
    if folder.symlink_metadata().is_ok() {
        return Err(ExportError::Occupied(folder.to_owned()));
    }
    let io = |source| ExportError::Io { path: folder.to_owned(), source };
    let exported = write_folder(folder, io, |partial| write_all(set, partial, options, &progress))?;
    Ok(Exported { folder: folder.to_owned(), ..exported })
}

fn write_all(
    set: &Set,
    folder: &Path,
    options: &ExportOptions,
    progress: &(impl Fn() + Sync),
) -> Result<Exported, ExportError> {
    let records: Vec<&Record> = set.records().iter().filter(|r| r.quarantined.is_none()).collect();
    let step_m = if options.format == Format::Png { Some(depth_step(set, &records, options)?) } else { None };
    let writer = Writer { set, folder, format: options.format, step_m: step_m.unwrap_or(0.001) };
    fs::create_dir_all(folder).map_err(|source| ExportError::Io { path: folder.to_owned(), source })?;
    let mut exported =
        Exported { folder: folder.to_owned(), n_samples: records.len(), n_files: 0, n_bytes: 0, depth_step_m: step_m };
    let mut lines = Vec::new();
    let group = if options.format == Format::Webdataset { options.samples_per_tar.max(1) } else { 256 };
    for (i, group) in records.chunks(group).enumerate() {
        let written = match options.format {
            Format::Npy | Format::Png => writer.files(group, progress)?,
            Format::Webdataset => writer.archive(group, i, progress)?,
        };
        for (line, n_files, n_bytes) in written {
            lines.push(line);
            exported.n_files += n_files;
            exported.n_bytes += n_bytes;
        }
    }
    let mut text = String::new();
    for line in &lines {
        text += &line.to_string();
        text.push('\n');
    }
    let description = format!("{:#}\n", describe(set, step_m));
    for (name, text) in [("samples.jsonl", text), ("dataset.json", description)] {
        exported.n_files += 1;
        exported.n_bytes += writer.put(name, text.as_bytes())?;
    }
    Ok(exported)
}

/// A field of a sample as a file: its extension and its bytes.
type Encoded = (Field, &'static str, Vec<u8>);

/// A line of `samples.jsonl`, and the number and bytes of the files of the sample.
type Written = (Value, usize, u64);

struct Writer<'s> {
    set: &'s Set,
    folder: &'s Path,
    format: Format,
    step_m: f64,
}

impl Writer<'_> {
    /// One file a field and sample.
    fn files(&self, records: &[&Record], progress: &(impl Fn() + Sync)) -> Result<Vec<Written>, ExportError> {
        let write = |record: &&Record| {
            let sample = self.set.sample(record.row)?;
            let stem = nested_name(&record.entry.key).map_err(|reason| bad_key(record, reason))?;
            let (mut names, mut n_bytes) = (Map::new(), 0);
            for (field, extension, bytes) in self.encoded(record, &sample)? {
                let name = format!("{field}/{stem}.{extension}");
                n_bytes += self.put(&name, &bytes)?;
                names.insert(field.name().to_owned(), json!(name));
            }
            progress();
            let n_files = names.len();
            Ok((line(record, &sample, Some(names)), n_files, n_bytes))
        };
        records.par_iter().map(write).collect()
    }

    /// One archive; its samples are encoded in parallel and written in order.
    fn archive(
        &self,
        records: &[&Record],
        number: usize,
        progress: &(impl Fn() + Sync),
    ) -> Result<Vec<Written>, ExportError> {
        let spec = self.set.spec();
        let prefix = flat_name(&format!("{}-{}", spec.dataset, spec.split)).replace('/', "_");
        let path = self.folder.join(format!("{prefix}-{number:06}.tar"));
        let io = |source| ExportError::Io { path: path.clone(), source };
        let mut archive = tar::Archive::new(io::BufWriter::new(fs::File::create_new(&path).map_err(io)?));
        let mut written = Vec::with_capacity(records.len());
        for records in records.chunks(16) {
            let encode = |record: &&Record| {
                let sample = self.set.sample(record.row)?;
                let fields = self.encoded(record, &sample)?;
                progress();
                Ok((line(record, &sample, None), fields))
            };
            let encoded: Vec<Result<_, ExportError>> = records.par_iter().map(encode).collect();
            for (record, encoded) in records.iter().zip(encoded) {
                let (line, fields) = encoded?;
                let key = flat_name(&record.entry.key);
                let json = format!("{line}\n").into_bytes();
                let files = fields.iter().map(|(f, extension, bytes)| (format!("{key}.{f}.{extension}"), bytes));
                for (name, bytes) in files.chain([(format!("{key}.json"), &json)]) {
                    archive.add(&name, bytes).map_err(|e| match e.kind() {
                        io::ErrorKind::InvalidFilename => bad_key(record, e.to_string()),
                        _ => io(e),
                    })?;
                }
                written.push((line, 0, 0));
            }
        }
        let n_bytes = archive.finish().map_err(io)?;
        if let Some(first) = written.first_mut() {
            (first.1, first.2) = (1, n_bytes);
        }
        Ok(written)
    }

    /// The fields of a sample as files: field, extension, bytes.
    fn encoded(&self, record: &Record, sample: &Sample) -> Result<Vec<Encoded>, ExportError> {
        let format = self.format;
        let as_pictures = format != Format::Npy;
        let depth = |depth: &Depth| {
            if format != Format::Png {
                return Ok(("npy", depth_npy(depth)));
            }
            let png = depth_png(depth, self.step_m).map_err(|depth_m| {
                let key = record.entry.key.clone();
                ExportError::Depth { key, depth_m, step_m: self.step_m }
            })?;
            Ok::<_, ExportError>(("png", png))
        };
        let mut files =
            vec![(Field::Image, image_of(&sample.image, as_pictures)), (Field::Depth, depth(&sample.depth)?)];
        if let Some(semantics) = &sample.semantics {
            files.push((Field::Semantics, plane_of(semantics.values(), as_pictures)));
        }
        if let Some(confidence) = &sample.confidence {
            files.push((Field::Confidence, plane_of(confidence.values(), as_pictures)));
        }
        if let Some(raw) = &sample.raw_depth {
            files.push((Field::RawDepth, depth(raw)?));
        }
        if let (Some(camera), Format::Npy) = (sample.intrinsics, format) {
            files.push((Field::Intrinsics, ("npy", npy::doubles(&camera.to_array()))));
        }
        Ok(files.into_iter().map(|(field, (extension, bytes))| (field, extension, bytes)).collect())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<u64, ExportError> {
        let path = self.folder.join(name);
        let io = |source| ExportError::Io { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io)?;
        }
        // Two keys that give one name must not overwrite each other.
        let mut file = fs::File::create_new(&path).map_err(io)?;
        io::Write::write_all(&mut file, bytes).map_err(io)?;
        Ok(bytes.len() as u64)
    }
}

fn depth_step(set: &Set, records: &[&Record], options: &ExportOptions) -> Result<f64, ExportError> {
    if let Some(step) = options.depth_step_m {
        return Ok(step);
    }
    if let DepthEncoding::U16 { scale_factor } = set.spec().depth_encoding {
        return Ok(scale_factor);
    }
    let largest = |record: &&Record| {
        let sample = set.sample(record.row)?;
        let depths =
            sample.depth.metres().into_iter().chain(sample.raw_depth.iter().flat_map(|d| d.metres().into_iter()));
        Ok(depths.copied().fold(0.0, f32::max))
    };
    let largest: Vec<Result<f32, SetError>> = records.par_iter().map(largest).collect();
    let mut all = 0.0_f32;
    for depth in largest {
        all = all.max(depth?);
    }
    Ok(if all < 65.5 { 0.001 } else { 1.0 / 256.0 })
}

fn bad_key(record: &Record, reason: String) -> ExportError {
    ExportError::Key { key: record.entry.key.clone(), reason }
}

/// What is known of a sample: its record, its camera, its files.
fn line(record: &Record, sample: &Sample, files: Option<Map<String, Value>>) -> Value {
    let mut line = json!(record);
    if let Some(line) = line.as_object_mut() {
        line.remove("hashes");
        if let Some(camera) = sample.intrinsics {
            line.insert("intrinsics".into(), json!(camera));
        }
        if let Some(files) = files {
            line.insert("files".into(), Value::Object(files));
        }
    }
    line
}

/// `dataset.json`: what every sample has in common.
fn describe(set: &Set, step_m: Option<f64>) -> Value {
    let spec = set.spec();
    let names =
        spec.label_space.map(|s| json!({"name": s, "first_id": s.first_id(), "ignore": 255, "classes": s.names()}));
    json!({
        "dataset": spec.dataset,
        "split": spec.split,
        "n_samples": set.rows().count(),
        "height": spec.size.height,
        "width": spec.size.width,
        "fields": spec.fields,
        "depth": {"missing": 0, "metres_per_step": step_m.unwrap_or(1.0)},
        "label_space": names,
        "fingerprint": set.fingerprint(),
        "options": spec.options,
    })
}
