use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::run::weights_of;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::shard::find_sets;
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::device::{DeviceName, on_device};
use crate::train::evaluate::evaluate;
use crate::train::metric::{Average, Flip, Protocol};
use crate::train::model::{Config, Dss};
use crate::train::op::Backend;

/// Evaluates a trained network on sets: depth over all pixels and up to 4, 6 and 8 m, semantics in ADE20K.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a run, or a file of weights
    run: PathBuf,
    /// Sets, or folders that hold sets
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    /// What counts: nyu, kb_garg, kb_eigen, full_garg or full
    #[arg(long, value_name = "NAME", default_value = "full")]
    protocol: String,
    /// Largest depth that counts, in metres [default: 10, or 80 with the KITTI protocols]
    #[arg(long, value_name = "METRES")]
    cap: Option<f32>,
    /// Least depth that counts, in metres [default: 0.001]
    #[arg(long, value_name = "METRES")]
    min_depth: Option<f32>,
    /// Scale every prediction by the medians of truth and prediction
    #[arg(long)]
    median_scaling: bool,
    /// Join the predictions for a picture and its mirror image
    #[arg(long, value_enum, value_name = "HOW")]
    flip: Option<FlipName>,
    /// The network of a file that does not say it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Where the network runs: cpu, or cuda:0 and so on
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: DeviceName,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FlipName {
    /// Their mean
    Mean,
    /// Their mean but for 5 % at either side
    Ramp,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        on_device!(self.device, |device| self.run_on(device, output))
    }

    fn run_on<D: Backend<f32>>(&self, device: D, output: &Output) -> Result<Exit> {
        let checkpoint = Checkpoint::read(&weights_of(&self.run))?;
        let named = self.model.as_deref().map(Config::named).transpose().map_err(|e| Usage(e.to_string()))?;
        let network = checkpoint.network(device, named)?;
        let mut paths = Vec::new();
        for path in &self.sets {
            paths.extend(find_sets(path)?);
        }
        let data = Data::open(&paths)?;
        let protocol = protocol(&self.protocol, self.min_depth, self.cap, self.median_scaling)?;
        let flip = self.flip.map(|flip| match flip {
            FlipName::Mean => Flip::Mean,
            FlipName::Ramp => Flip::Ramp,
        });
        let (text, value) = report(&network, &data, &protocol, flip)?;
        output.result(text, &value)?;
        Ok(Exit::Done)
    }
}

/// A protocol by name with other limits.
pub(super) fn protocol(name: &str, min: Option<f32>, cap: Option<f32>, median_scaling: bool) -> Result<Protocol> {
    let mut protocol: Protocol = name.parse().map_err(Usage)?;
    protocol.range = (min.unwrap_or(protocol.range.0), cap.unwrap_or(protocol.range.1));
    if !(protocol.range.0 > 0.0 && protocol.range.0 < protocol.range.1 && protocol.range.1.is_finite()) {
        let (low, high) = protocol.range;
        return Err(Usage(format!(
            "depths from {low} to {high} m are no range; --min-depth must be above 0 and below --cap"
        ))
        .into());
    }
    protocol.median_scaling = median_scaling;
    Ok(protocol)
}

/// Evaluates, as text and as JSON.
pub(super) fn report<D: Backend<f32>>(
    network: &Dss<f32, D>,
    data: &Data,
    protocol: &Protocol,
    flip: Option<Flip>,
) -> Result<(String, Value)> {
    let found = evaluate(network, data, protocol, flip, |_| ())?;
    let mut text = vec![depth_text(protocol, &found.full)];
    for (limit, average) in &found.ranges {
        if let Some(d) = &average.average {
            text.push(format!("  to {limit} m: abs_rel {:.4}  rms {:.4}  d1 {:.4}", d.abs_rel, d.rms, d.d1));
        }
    }
    if let Some(scores) = &found.semantics {
        let percent = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.4}"));
        text.push(format!(
            "semantics (ade20k150): mIoU {} over {} classes, pixel accuracy {}",
            percent(scores.miou),
            scores.classes,
            percent(scores.pixel_accuracy)
        ));
    }
    let ranges: serde_json::Map<String, Value> =
        found.ranges.iter().map(|(limit, average)| (limit.to_string(), json!(average))).collect();
    let value = json!({
        "protocol": protocol.name,
        "min": protocol.range.0,
        "max": protocol.range.1,
        "flip": flip.map(|flip| format!("{flip:?}").to_lowercase()),
        "full": found.full,
        "ranges": ranges,
        "semantics": found.semantics,
    });
    Ok((text.join("\n"), value))
}

/// The averages of a protocol as text.
pub(super) fn depth_text(protocol: &Protocol, average: &Average) -> String {
    let head = format!(
        "protocol {}, {} to {} m: {} pictures, {} without a pixel to evaluate",
        protocol.name, protocol.range.0, protocol.range.1, average.pictures, average.skipped
    );
    match &average.average {
        None => head,
        Some(d) => format!(
            "{head}\n  abs_rel {:.4}  sq_rel {:.4}  rms {:.4}  rms_log {:.4}  log10 {:.4}  silog {:.3}  d1 {:.4}  d2 {:.4}  d3 {:.4}",
            d.abs_rel, d.sq_rel, d.rms, d.rms_log, d.log10, d.silog, d.d1, d.d2, d.d3
        ),
    }
}
