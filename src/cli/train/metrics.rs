use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::eval::{RulesArgs, depth_text, depth_value, semantics_text};
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::label::LabelSpace;
use crate::sample::Semantics;
use crate::shard::Set;
use crate::source::picture::read_f32;
use crate::source::walk;
use crate::train::evaluate::{Carrier, Tally};
use crate::train::metric::{Confusion, Scores};

/// Evaluates depth maps that any program made: those of the same name in two folders, two sets, or a folder and a set, whose keys
/// are the names; or two files. A file is npy in metres or a 16-bit PNG. Two sets with labels give mIoU besides.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Predictions: a set, a folder or a file
    #[arg(long, value_name = "PATH")]
    pred: PathBuf,
    /// True depths: a set, a folder or a file
    #[arg(long, value_name = "PATH")]
    gt: PathBuf,
    #[command(flatten)]
    rules: RulesArgs,
    /// Steps of a PNG in one metre: 1000 for millimetres, 256 for KITTI [default: 256 with the KITTI protocols, else 1000]
    #[arg(long, value_name = "N")]
    steps_per_metre: Option<f64>,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let protocol = self.rules.protocol(None)?;
        let is_kitti = ["kb_garg", "kb_eigen", "full_garg"].contains(&protocol.name.as_str());
        let steps = self.steps_per_metre.unwrap_or(if is_kitti { 256.0 } else { 1000.0 });
        if !(steps.is_finite() && steps > 0.0) {
            return Err(Usage(format!("{steps} steps in a metre cannot be")).into());
        }
        let (predictions, truths) = (Maps::open(&self.pred)?, Maps::open(&self.gt)?);
        let mut semantics = Labels::new(&predictions, &truths, self.rules.score()?)?;
        let alone = predictions.single().zip(truths.single());
        let pairs: Vec<(String, String)> = match alone {
            Some(pair) => vec![pair],
            None => truths.names().into_iter().map(|name| (name.clone(), name)).collect(),
        };
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !predictions.has(name)) {
            let folder = self.pred.display();
            return Err(Usage(format!("{folder} has no prediction for `{name}`; maps are paired by name")).into());
        }
        let mut tally = Tally::default();
        for (prediction, truth) in &pairs {
            let ((p, said), (t, labels)) = (predictions.get(prediction, steps)?, truths.get(truth, steps)?);
            tally.add(&protocol.prepare(p.plane(), t.plane()));
            if let (Some(semantics), Some(said), Some(labels)) = (&mut semantics, said, labels) {
                semantics.add(&said, &labels);
            }
        }
        let (full, ranges) = tally.averages();
        let mut value = depth_value(&protocol, &full, &ranges);
        let mut text = depth_text(&protocol, &full, &ranges);
        if let Some((space, scores)) = semantics.map(Labels::scores) {
            text.push(semantics_text(space, &scores));
            value["semantics"] = json!(scores);
            value["score"] = json!(space.name());
        }
        output.result(text.join("\n"), &value)?;
        Ok(Exit::Done)
    }
}

/// Depth maps by name.
enum Maps {
    /// Files by name without ending.
    Files(BTreeMap<String, PathBuf>, bool),
    /// Rows of a set by key.
    Set(Box<Set>, BTreeMap<String, usize>),
}

/// Metres, row by row.
struct Metres {
    values: Vec<f32>,
    height: usize,
    width: usize,
}

impl Metres {
    fn plane(&self) -> (&[f32], usize, usize) {
        (&self.values, self.height, self.width)
    }
}

impl Maps {
    fn open(path: &Path) -> Result<Self> {
        if path.join("zarr.json").is_file() {
            let set = Set::open(path)?;
            let key = |row: usize| set.records().get(row).map(|record| (record.entry.key.clone(), row));
            let rows = set.rows().filter_map(key).collect();
            return Ok(Self::Set(Box::new(set), rows));
        }
        let name = |path: &Path| path.with_extension("").to_string_lossy().into_owned();
        if !path.is_dir() {
            return Ok(Self::Files(BTreeMap::from([(name(path), path.to_owned())]), true));
        }
        let files = walk::files(path)?.into_iter().filter(|file| file.ends_with(".png") || file.ends_with(".npy"));
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in files {
            if let Some(other) = found.insert(name(Path::new(&file)), path.join(&file)) {
                let other = other.display();
                return Err(Usage(format!("{other} and {file} have one name; keep npy and PNG in two folders")).into());
            }
        }
        if found.is_empty() {
            return Err(Usage(format!("{} holds no .npy or .png file, and is no set", path.display())).into());
        }
        Ok(Self::Files(found, false))
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Files(files, _) => files.keys().cloned().collect(),
            Self::Set(_, rows) => rows.keys().cloned().collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Files(files, _) => files.contains_key(name),
            Self::Set(_, rows) => rows.contains_key(name),
        }
    }

    /// The name of the only file, when a file was named and not a folder.
    fn single(&self) -> Option<String> {
        match self {
            Self::Files(files, true) => files.keys().next().cloned(),
            _ => None,
        }
    }

    /// The classes of its labels.
    fn space(&self) -> Option<LabelSpace> {
        match self {
            Self::Files(..) => None,
            Self::Set(set, _) => set.spec().label_space,
        }
    }

    fn get(&self, name: &str, steps_per_metre: f64) -> Result<(Metres, Option<Semantics>)> {
        match self {
            Self::Files(files, _) => {
                let path = files.get(name).with_context(|| name.to_owned())?;
                Ok((read(path, steps_per_metre)?, None))
            }
            Self::Set(set, rows) => {
                let sample = set.sample(*rows.get(name).with_context(|| name.to_owned())?)?;
                let (height, width) = sample.depth.metres().dim();
                let values = sample.depth.metres().iter().copied().collect();
                Ok((Metres { values, height, width }, sample.semantics))
            }
        }
    }
}

fn read(path: &Path, steps_per_metre: f64) -> Result<Metres> {
    let map = read_f32(path).with_context(|| path.display().to_string())?;
    let (height, width) = map.dim();
    let metres = path.extension().is_some_and(|e| e == "npy");
    let value = |v: &f32| if metres { *v } else { (f64::from(*v) / steps_per_metre) as f32 };
    Ok(Metres { values: map.iter().map(value).collect(), height, width })
}

/// Labels of both sides, carried to the same classes and counted.
struct Labels {
    space: LabelSpace,
    said: Carrier,
    truth: Carrier,
    confusion: Confusion,
}

impl Labels {
    /// None unless both sides have labels.
    fn new(predictions: &Maps, truths: &Maps, score: Option<LabelSpace>) -> Result<Option<Self>> {
        let (Some(said), Some(truth)) = (predictions.space(), truths.space()) else { return Ok(None) };
        let space = score.unwrap_or(truth);
        let (said, truth) = (Carrier::new(said, space)?, Carrier::new(truth, space)?);
        Ok(Some(Self { space, said, truth, confusion: Confusion::default() }))
    }

    fn add(&mut self, said: &Semantics, truth: &Semantics) {
        let said = said.resize_nearest(truth.size());
        self.confusion.add_maps(&self.said.apply(&said), &self.truth.apply(truth));
    }

    fn scores(self) -> (LabelSpace, Scores) {
        (self.space, self.confusion.scores())
    }
}
