use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::eval::{RulesArgs, depth_text, depth_value, exit_of, semantics_text};
use crate::cli::exit::{Exit, Usage};
use crate::cli::fraction::step;
use crate::cli::output::Output;
use crate::label::LabelSpace;
use crate::sample::Semantics;
use crate::shard::Set;
use crate::source::picture::{Endian, decode_bits, decode_f32, read_bytes};
use crate::source::walk;
use crate::train::evaluate::{Carrier, Tally, place};
use crate::train::metric::{Confusion, Place, Scores};

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
    /// Metres of one step of a PNG: 1/1000 for millimetres, 1/256 for KITTI [default: 1/256 with the KITTI protocols, else 1/1000]
    #[arg(long, value_name = "METRES", value_parser = step)]
    depth_scale: Option<f64>,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let protocol = self.rules.protocol(None)?;
        let is_kitti = ["kb_garg", "kb_eigen", "full_garg"].contains(&protocol.name.as_str());
        let usual = if is_kitti { 1.0 / 256.0 } else { 1e-3 };
        let scale = Scale { metres: self.depth_scale.unwrap_or(usual), asked: self.depth_scale.is_some() };
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
        if pairs.is_empty() {
            return Err(Usage(format!("{} holds no sample to compare with", self.gt.display())).into());
        }
        let mut tally = Tally::default();
        let mut invalid = Invalid::default();
        for (prediction, truth) in &pairs {
            let ((p, said), (t, labels)) = (predictions.get(prediction, scale)?, truths.get(truth, scale)?);
            invalid.count(&p.values);
            let place = truths.place(truth, &t);
            protocol.check((t.height, t.width), place).map_err(|reason| Usage(format!("{truth}: {reason}")))?;
            tally.add(&protocol.prepare(p.plane(), t.plane(), place.unwrap_or(t.whole())));
            if let (Some(semantics), Some(said), Some(labels)) = (&mut semantics, said, labels) {
                semantics.add(&said, &labels);
            }
        }
        let (full, ranges) = tally.averages();
        let mut value = depth_value(&protocol, &full, &ranges);
        let mut text = depth_text(&protocol, &full, &ranges);
        if invalid.pixels > 0 {
            text.push(format!(
                "  {} of {} predicted pixels are no depth (0, negative, infinite or not a number); where there is truth they count as the nearest end of the range",
                invalid.pixels, invalid.of
            ));
        }
        if predictions.reads_png() || truths.reads_png() {
            let said = if scale.asked { "" } else { ", as is usual with this protocol; --depth-scale says otherwise" };
            text.push(format!("  PNG files: metres = value / {}{said}", 1.0 / scale.metres));
            value["depth_scale_m"] = json!(scale.metres);
        }
        value["invalid_predictions"] = json!({ "pixels": invalid.pixels, "of": invalid.of });
        if let Some((space, scores)) = semantics.map(Labels::scores) {
            text.push(semantics_text(space, None, &scores));
            value["semantics"] = json!(scores);
            value["score"] = json!(space.name());
        }
        output.result(text.join("\n"), &value)?;
        Ok(exit_of(&full))
    }
}

/// Metres of one step of a PNG.
#[derive(Clone, Copy)]
struct Scale {
    metres: f64,
    /// Whether it was said, and not taken for what is usual.
    asked: bool,
}

/// Predicted pixels that are no depth, of all that are predicted.
#[derive(Default)]
struct Invalid {
    pixels: usize,
    of: usize,
}

impl Invalid {
    fn count(&mut self, metres: &[f32]) {
        self.pixels += metres.iter().filter(|m| !(m.is_finite() && **m > 0.0)).count();
        self.of += metres.len();
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

    fn whole(&self) -> Place {
        Place::whole(self.height, self.width)
    }
}

impl Maps {
    fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            bail!("{}: there is no such file or folder", path.display());
        }
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

    fn reads_png(&self) -> bool {
        let is_png = |path: &PathBuf| path.extension().is_some_and(|e| e == "png");
        matches!(self, Self::Files(files, _) if files.values().any(is_png))
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

    /// Where a map lies in its picture; that of a file is all of it. None when a set does not say.
    fn place(&self, name: &str, map: &Metres) -> Option<Place> {
        match self {
            Self::Files(..) => Some(map.whole()),
            Self::Set(set, rows) => place(set, *rows.get(name)?),
        }
    }

    fn get(&self, name: &str, scale: Scale) -> Result<(Metres, Option<Semantics>)> {
        match self {
            Self::Files(files, _) => {
                let path = files.get(name).with_context(|| name.to_owned())?;
                Ok((read(path, scale)?, None))
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

fn read(path: &Path, scale: Scale) -> Result<Metres> {
    let in_file = || path.display().to_string();
    let bytes = read_bytes(path).with_context(in_file)?;
    let map = decode_f32(&bytes, Endian::Big).with_context(in_file)?;
    let (height, width) = map.dim();
    let metres = path.extension().is_some_and(|e| e == "npy");
    let bits = decode_bits(&bytes).with_context(in_file)?;
    if !(metres || scale.asked || bits > 8) {
        let usage = format!(
            "{}: expected 16 bits, found {bits}; if this is depth all the same, --depth-scale says in which unit",
            path.display()
        );
        return Err(Usage(usage).into());
    }
    // 1000 and 256 steps a metre are exact, a thousandth is not.
    let per_metre = 1.0 / scale.metres;
    let value = |v: &f32| if metres { *v } else { (f64::from(*v) / per_metre) as f32 };
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
