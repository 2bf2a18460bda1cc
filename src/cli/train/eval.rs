use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::network::{NetworkArgs, Trained};
use super::page;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::picture::begin_page;
use crate::cli::sets::complete_sets;
use crate::label::{LabelSpace, Origin};
use crate::shard::Set;
use crate::train::device::on_device;
use crate::train::evaluate::{EvaluateError, Evaluation, Rules, Seen, evaluate};
use crate::train::metric::{Average, Flip, Protocol, Scores};
use crate::train::model::Dss;
use crate::train::op::Backend;
use crate::view::of_set;

/// Evaluates a trained network on sets: depth over all pixels and up to 4, 6 and 8 m, and mIoU where there are labels.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a run, or a file of weights
    run: PathBuf,
    /// Sets, or folders that hold sets
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    /// Join the predictions for a picture and its mirror image
    #[arg(long, value_enum, value_name = "HOW")]
    flip: Option<FlipName>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Write a folder with index.html: the numbers, and pictures with truth and prediction
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Pictures on that page, spread evenly
    #[arg(long, short = 'n', value_name = "K", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=200), requires = "report")]
    count: u16,
}

/// What counts, in every command that measures.
#[derive(Debug, clap::Args)]
pub(super) struct RulesArgs {
    /// What counts: nyu, kb_garg, kb_eigen, full_garg or full
    #[arg(long, value_name = "NAME", default_value = "full")]
    protocol: String,
    /// Largest depth that counts, in metres [default: 10, or 80 with the KITTI protocols; with `full`, that of the network]
    #[arg(long, value_name = "METRES")]
    cap: Option<f32>,
    /// Least depth that counts, in metres [default: 0.001]
    #[arg(long, value_name = "METRES")]
    min_depth: Option<f32>,
    /// Scale every prediction by the medians of truth and prediction
    #[arg(long)]
    median_scaling: bool,
    /// Classes that truth and prediction are both carried to: ade20k, nyu40, nyu13 or cityscapes [default: those of the truth]
    #[arg(long, value_name = "CLASSES")]
    score: Option<String>,
}

impl RulesArgs {
    /// `full` goes to the largest depth of the network, where there is one.
    pub(super) fn protocol(&self, d_max: Option<f64>) -> Result<Protocol> {
        let own = d_max.filter(|_| self.protocol == "full").map(|d_max| d_max as f32);
        protocol(&self.protocol, self.min_depth, self.cap.or(own), self.median_scaling)
    }

    pub(super) fn score(&self) -> Result<Option<LabelSpace>> {
        let score = self.score.as_ref().map(|name| name.parse().map_err(|e| Usage(format!("--score: {e}"))));
        Ok(score.transpose()?)
    }
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
        on_device!(self.network.device, |device| self.run_on(device, output))
    }

    fn run_on<D: Backend<f32>>(&self, device: D, output: &Output) -> Result<Exit> {
        let flip = self.flip.map(|flip| match flip {
            FlipName::Mean => Flip::Mean,
            FlipName::Ramp => Flip::Ramp,
        });
        let Trained { network, size, semantics, hash } = self.network.load(device, &self.run)?;
        let score = self.rules.score()?;
        if score.is_some() && !semantics {
            return Err(Usage(format!("--score: the network of {} has learned depth alone", self.run.display())).into());
        }
        let rules = Rules {
            protocol: self.rules.protocol(Some(network.config().d_max))?,
            flip,
            score,
            size,
            semantics,
            strict: true,
        };
        self.report.iter().try_for_each(|folder| begin_page(folder))?;
        let mut sets = Vec::new();
        for path in &self.sets {
            for found in complete_sets(path, output)? {
                sets.push(Set::open(found)?);
            }
        }
        let all: usize = sets.iter().map(|set| set.rows().count()).sum();
        let chosen = self.report.as_ref().map_or_else(Vec::new, |_| of_set::spread(all, self.count.into()));
        let mut rows = Vec::new();
        let evaluation = evaluate(&network, &sets, &rules, |seen: &Seen| {
            if chosen.contains(&seen.index) {
                rows.extend(page::rows(seen));
            }
            if (seen.index + 1).is_multiple_of(50) {
                output.say(format_args!("{} of {all} pictures", seen.index + 1));
            }
            ControlFlow::Continue(())
        });
        let evaluation = evaluation.map_err(|error| match error {
            EvaluateError::Protocol { .. } => Usage(error.to_string()).into(),
            error => anyhow::Error::from(error),
        })?;
        let mut value = value(&network, &hash, &sets, &rules, &evaluation);
        let mut text = text(&rules.protocol, &evaluation);
        if let Some(folder) = &self.report {
            let space = evaluation.semantics.as_ref().map(|(space, _)| *space);
            let index = page::write(folder, &self.run, &value, &text, rows, space)?;
            text = format!("{text}\n{}", index.display());
            value["page"] = json!(index);
        }
        output.result(text, &value)?;
        Ok(exit_of(&evaluation.full))
    }
}

/// That no picture has a pixel to evaluate is no result.
pub(super) fn exit_of(full: &Average) -> Exit {
    if full.average.is_some() { Exit::Done } else { Exit::Findings }
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

/// An evaluation in words.
pub(super) fn text(protocol: &Protocol, found: &Evaluation) -> String {
    let mut text = depth_text(protocol, &found.full, &found.ranges);
    if let Some((space, scores)) = &found.semantics {
        text.push(semantics_text(*space, Some(found.reference), scores));
    }
    text.join("\n")
}

/// Everything that evaluation.md section 10 asks for.
pub(super) fn value<D: Backend<f32>>(
    network: &Dss<f32, D>,
    hash: &str,
    sets: &[Set],
    rules: &Rules,
    found: &Evaluation,
) -> Value {
    let set = |set: &Set| {
        let spec = set.spec();
        json!({ "dataset": spec.dataset, "split": spec.split, "samples": set.rows().count(), "fingerprint": set.fingerprint() })
    };
    let mut value = depth_value(&rules.protocol, &found.full, &found.ranges);
    value["flip"] = json!(rules.flip.map(|flip| format!("{flip:?}").to_lowercase()));
    value["semantics"] = json!(found.semantics.as_ref().map(|(_, scores)| scores));
    value["reference"] = json!(found.semantics.as_ref().map(|_| found.reference));
    value["score"] = json!(found.semantics.as_ref().map(|(space, _)| space.name()));
    value["model"] = json!(network.config().model);
    value["model_hash"] = json!(hash);
    value["size"] = rules.size.to_json(network.config());
    value["sets"] = sets.iter().map(set).collect();
    if !found.unread.is_empty() {
        value["unread"] = json!(found.unread);
    }
    value
}

/// Depth metrics as JSON; keys as those of the golden values.
pub(super) fn depth_value(protocol: &Protocol, full: &Average, ranges: &[(u8, Average)]) -> Value {
    let ranges: serde_json::Map<String, Value> =
        ranges.iter().map(|(limit, average)| (limit.to_string(), json!(average))).collect();
    json!({
        "protocol": protocol.name,
        "min": protocol.range.0,
        "max": protocol.range.1,
        "median_scaling": protocol.median_scaling,
        "full": full,
        "ranges": ranges,
    })
}

/// Depth metrics as lines.
pub(super) fn depth_text(protocol: &Protocol, full: &Average, ranges: &[(u8, Average)]) -> Vec<String> {
    let mut lines = vec![format!(
        "protocol {}, {} to {} m: {} pictures, {} without a pixel to evaluate",
        protocol.name, protocol.range.0, protocol.range.1, full.pictures, full.skipped
    )];
    let all = ranges.iter().map(|(limit, average)| (format!("to {limit} m"), average));
    for (name, average) in std::iter::once(("all".to_owned(), full)).chain(all) {
        if let Some(d) = &average.average {
            lines.push(format!(
                "  {name:<7} abs_rel {:.4}  sq_rel {:.4}  rms {:.4}  rms_log {:.4}  log10 {:.4}  silog {:.3}  d1 {:.4}  d2 {:.4}  d3 {:.4}",
                d.abs_rel, d.sq_rel, d.rms, d.rms_log, d.log10, d.silog, d.d1, d.d2, d.d3
            ));
        }
    }
    if let (Some(median), Some(deviation)) = (full.scale_median, full.scale_std) {
        lines.push(format!("  median scaling: factor {median:.4}, deviation {deviation:.4}"));
    }
    lines
}

/// Semantic metrics as a line; against which labels is said where it is known.
pub(super) fn semantics_text(space: LabelSpace, reference: Option<Origin>, scores: &Scores) -> String {
    let number = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.4}"));
    let against = match reference {
        None | Some(Origin { own: 0, pseudo: 0 }) => String::new(),
        Some(Origin { pseudo: 0, .. }) => ", against the set's own labels".to_owned(),
        Some(Origin { own: 0, .. }) => ", against pseudo labels".to_owned(),
        Some(Origin { own, pseudo }) => {
            let share = 100.0 * pseudo as f64 / (own + pseudo) as f64;
            format!(", against the set's own labels and, in {share:.1} % of the pixels, pseudo labels")
        }
    };
    format!(
        "semantics ({space}{against}): mIoU {} over {} classes, pixel accuracy {}, frequency-weighted IoU {}",
        number(scores.miou),
        scores.classes,
        number(scores.pixel_accuracy),
        number(scores.frequency_weighted_iou)
    )
}
