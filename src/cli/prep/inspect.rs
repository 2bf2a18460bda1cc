use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};
use walkdir::WalkDir;

use crate::cli::exit::Exit;
use crate::cli::output::{Output, bytes};
use crate::run::Quarantined;
use crate::shard::{Set, Spec, find_all, read_attributes};

/// Says what is in a set: data set, split, samples, size, arrays, label space, bytes on disk, fingerprint, options and
/// quarantined samples. Sets that were never finished are described as far as they go.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set, or a folder that holds sets
    #[arg(default_value = "shards")]
    set: PathBuf,
}

#[derive(Serialize)]
struct Inspection {
    set: PathBuf,
    complete: bool,
    #[serde(flatten)]
    spec: Spec,
    fingerprint: Option<String>,
    arrays: Vec<ArraySize>,
    raw_bytes: u64,
    disk_bytes: u64,
    /// Not known before the set is complete.
    quarantined: Option<Vec<Quarantined>>,
}

#[derive(Serialize)]
struct ArraySize {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    raw_bytes: u64,
    disk_bytes: u64,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let inspections = find_all(&self.set)?.iter().map(|p| inspect(p)).collect::<Result<Vec<_>>>()?;
        let text: Vec<String> = inspections.iter().map(Inspection::text).collect();
        output.result(text.join("\n"), &inspections)?;
        Ok(Exit::Done)
    }
}

fn inspect(path: &Path) -> Result<Inspection> {
    let attributes = read_attributes(path)?;
    let (fingerprint, quarantined) = if attributes.complete {
        let set = Set::open(path)?;
        let quarantined = set.records().iter().filter_map(|r| {
            let fault = r.quarantined.clone()?;
            Some(Quarantined { row: r.row, key: r.entry.key.clone(), fault })
        });
        (Some(set.fingerprint().to_owned()), Some(quarantined.collect()))
    } else {
        (None, None)
    };
    let spec = attributes.spec;
    let arrays: Vec<ArraySize> = spec
        .arrays()
        .iter()
        .map(|array| ArraySize {
            name: array.field.name().to_owned(),
            dtype: array.dtype.name(),
            shape: [&[spec.n_samples], array.shape.as_slice()].concat(),
            raw_bytes: (array.n_bytes() as u64).saturating_mul(spec.n_samples as u64),
            disk_bytes: bytes_below(&path.join(array.field.name())),
        })
        .collect();
    Ok(Inspection {
        set: path.to_owned(),
        complete: attributes.complete,
        fingerprint,
        raw_bytes: arrays.iter().map(|a| a.raw_bytes).sum(),
        disk_bytes: bytes_below(path),
        arrays,
        quarantined,
        spec,
    })
}

/// Files that vanish or cannot be read meanwhile count as nothing.
fn bytes_below(folder: &Path) -> u64 {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
    files.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
}

impl Inspection {
    fn text(&self) -> String {
        let spec = &self.spec;
        let mut text = String::new();
        let state = if self.complete { "complete" } else { "NOT COMPLETE: run the command that makes it again" };
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<12} {value}");
        };
        line("data set", format!("{}, split {}", spec.dataset, spec.split));
        let n_bad = self.quarantined.as_ref().map(|bad| format!(", {} quarantined", bad.len())).unwrap_or_default();
        line("samples", format!("{} of {}{n_bad}", spec.n_samples, spec.size));
        line(
            "labels",
            spec.label_space.map_or_else(|| "none".to_owned(), |s| format!("{s}, {} classes", s.n_classes())),
        );
        let ratio = self.raw_bytes as f64 / self.disk_bytes.max(1) as f64;
        line(
            "on disk",
            format!("{}, {ratio:.2} times smaller than the {} it holds", bytes(self.disk_bytes), bytes(self.raw_bytes)),
        );
        for array in &self.arrays {
            let shape = array.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
            let sizes = format!("{} of {}", bytes(array.disk_bytes), bytes(array.raw_bytes));
            line("", format!("{:<12} {:<8} {shape:<24} {sizes}", array.name, array.dtype));
        }
        line("shards", format!("{} of {} samples", spec.n_shards(), spec.samples_per_shard));
        line("fingerprint", self.fingerprint.clone().unwrap_or_else(|| "-".to_owned()));
        line("made by", format!("sdprep {}, format {}", spec.tool_version, spec.format_version));
        if !spec.options.is_empty() {
            line("options", options(&spec.options));
        }
        let quarantined = self.quarantined.as_deref().unwrap_or_default();
        for q in quarantined.iter().take(10) {
            line("quarantined", format!("row {} {:?}: {}", q.row, q.key, q.fault));
        }
        if quarantined.len() > 10 {
            line("", format!("and {} more (all of them under --json)", quarantined.len() - 10));
        }
        format!("{}: {state}\n{text}", self.set.display())
    }
}

fn options(options: &Map<String, Value>) -> String {
    let shown = options.iter().map(|(name, value)| match value {
        Value::String(value) => format!("{name}={value}"),
        value => format!("{name}={}", json!(value)),
    });
    shown.collect::<Vec<_>>().join(" ")
}
