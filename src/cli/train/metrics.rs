use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::eval::{depth_text, protocol};
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::source::picture::read_f32;
use crate::source::walk;
use crate::train::metric::{Picture, average};

/// Evaluates depth maps that any program made: pictures of the same name in two folders, or two files; npy in metres or 16-bit PNG.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Predictions: a file or a folder
    #[arg(long, value_name = "PATH")]
    pred: PathBuf,
    /// True depths: a file or a folder
    #[arg(long, value_name = "PATH")]
    gt: PathBuf,
    /// What counts: nyu, kb_garg, kb_eigen, full_garg or full
    #[arg(long, value_name = "NAME")]
    protocol: String,
    /// Steps of a PNG in one metre: 1000 for millimetres, 256 for KITTI [default: 256 with the KITTI protocols, else 1000]
    #[arg(long, value_name = "N")]
    steps_per_metre: Option<f64>,
    /// Largest depth that counts, in metres [default: 10, or 80 with the KITTI protocols]
    #[arg(long, value_name = "METRES")]
    cap: Option<f32>,
    /// Least depth that counts, in metres [default: 0.001]
    #[arg(long, value_name = "METRES")]
    min_depth: Option<f32>,
    /// Scale every prediction by the medians of truth and prediction
    #[arg(long)]
    median_scaling: bool,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let protocol = protocol(&self.protocol, self.min_depth, self.cap, self.median_scaling)?;
        let steps = self.steps_per_metre.unwrap_or(if protocol.range.1 > 20.0 { 256.0 } else { 1000.0 });
        if !(steps.is_finite() && steps > 0.0) {
            return Err(Usage(format!("{steps} steps in a metre cannot be")).into());
        }
        let (predictions, truths) = (maps(&self.pred)?, maps(&self.gt)?);
        let pairs: Vec<(&PathBuf, &PathBuf)> = if self.pred.is_file() && self.gt.is_file() {
            predictions.values().zip(truths.values()).collect()
        } else {
            let lacking = truths.keys().find(|name| !predictions.contains_key(*name));
            if let Some(name) = lacking {
                let folder = self.pred.display();
                return Err(Usage(format!("{folder} has no prediction for `{name}`; files are paired by name")).into());
            }
            truths.iter().filter_map(|(name, truth)| Some((predictions.get(name)?, truth))).collect()
        };
        let mut full: Vec<Picture> = Vec::new();
        let mut near: BTreeMap<u8, Vec<Picture>> = BTreeMap::new();
        for (prediction, truth) in pairs {
            let ((p, ph, pw), (t, th, tw)) = (map(prediction, steps)?, map(truth, steps)?);
            let prepared = protocol.prepare((&p, ph, pw), (&t, th, tw));
            full.push(prepared.evaluate());
            for limit in [4, 6, 8] {
                near.entry(limit).or_default().push(prepared.evaluate_to(f32::from(limit)));
            }
        }
        let full = average(&full);
        let ranges: BTreeMap<String, _> = near.iter().map(|(limit, list)| (limit.to_string(), average(list))).collect();
        let value = json!({
            "protocol": protocol.name, "min": protocol.range.0, "max": protocol.range.1, "full": full, "ranges": ranges,
        });
        output.result(depth_text(&protocol, &full), &value)?;
        Ok(Exit::Done)
    }
}

/// The maps at `path` by name without ending.
fn maps(path: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let name = |path: &Path| path.with_extension("").to_string_lossy().into_owned();
    if !path.is_dir() {
        return Ok(BTreeMap::from([(name(path), path.to_owned())]));
    }
    let files = walk::files(path)?.into_iter().filter(|file| file.ends_with(".png") || file.ends_with(".npy"));
    let found: BTreeMap<_, _> = files.map(|file| (name(Path::new(&file)), path.join(file))).collect();
    if found.is_empty() {
        return Err(Usage(format!("{} holds no .npy or .png file", path.display())).into());
    }
    Ok(found)
}

/// A map in metres, its rows and its columns.
fn map(path: &Path, steps_per_metre: f64) -> Result<(Vec<f32>, usize, usize)> {
    let map = read_f32(path).with_context(|| path.display().to_string())?;
    let (h, w) = map.dim();
    let metres = path.extension().is_some_and(|e| e == "npy");
    let value = |v: &f32| if metres { *v } else { (f64::from(*v) / steps_per_metre) as f32 };
    Ok((map.iter().map(value).collect(), h, w))
}
