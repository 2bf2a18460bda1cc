use std::borrow::Cow;
use std::path::Path;

use super::lines::read;
use super::{LOG, VALIDATION, Validation};
use crate::train::fault::TrainError;
use crate::train::report::StepReport;
use crate::view::{Line, Panel, Series};

/// What came of the steps of a run.
#[derive(Debug, Clone)]
pub struct History<'a> {
    /// Finished steps.
    pub log: Cow<'a, [StepReport]>,
    /// Evaluations on the validation sets.
    pub validations: Cow<'a, [Validation]>,
    /// Steps shown.
    pub steps: u64,
}

/// A metric of the validation sets.
type Metric = fn(&Validation) -> Option<f64>;
const ABS_REL: Metric = |v| v.abs_rel;
const RMS: Metric = |v| v.rms;
const D1: Metric = |v| v.d1;
const MIOU: Metric = |v| v.miou;

/// A loss of a step.
type Loss = fn(&StepReport) -> Option<f64>;
const LOSSES: [(&str, Loss); 2] = [("depth loss", |r| r.depth), ("semantic loss", |r| r.semantics)];

impl History<'_> {
    /// Reads what a run has left in its folder.
    ///
    /// # Errors
    ///
    /// No log, or files that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let log: Vec<StepReport> = read(&folder.join(LOG))?;
        let validations = match read(&folder.join(VALIDATION)) {
            Err(TrainError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            validations => validations?,
        };
        let steps = log.last().map_or(0, |report| report.step.saturating_add(1));
        Ok(Self { log: log.into(), validations: validations.into(), steps })
    }

    /// The curves of one run: losses, then metrics.
    pub(super) fn panels(&self) -> Vec<Panel> {
        let losses = LOSSES.into_iter().filter(|(_, loss)| self.log.iter().any(|r| loss(r).is_some()));
        let one = |(title, loss): (&str, Loss)| panel(title, vec![self.loss("", loss, Line::Smoothed)]);
        let mut panels: Vec<Panel> = losses.map(one).collect();
        if !self.validations.is_empty() {
            let named = [("abs_rel", ABS_REL), ("d1", D1), ("mIoU", MIOU)];
            panels.push(panel("validation", named.map(|(name, of)| self.metric(name, of)).to_vec()));
            panels.push(panel("validation: rms, metres", vec![self.metric("rms", RMS)]));
        }
        panels
    }

    /// The curves of several runs by name, each loss and each metric in a panel of its own.
    #[must_use]
    pub fn compared(runs: &[(String, Self)]) -> Vec<Panel> {
        let losses = LOSSES.into_iter().map(|(title, loss)| {
            panel(title, runs.iter().map(|(name, run)| run.loss(name, loss, Line::Mean)).collect())
        });
        let metrics = [("abs_rel", ABS_REL), ("rms, metres", RMS), ("d1", D1), ("mIoU", MIOU)].into_iter();
        let metrics = metrics.map(|(name, of)| {
            let series = runs.iter().map(|(run, history)| history.metric(run, of));
            panel(&format!("validation: {name}"), series.collect())
        });
        losses.chain(metrics).filter(|panel| panel.series.iter().any(|series| !series.points.is_empty())).collect()
    }

    fn loss(&self, name: &str, of: Loss, line: Line) -> Series {
        let points = self.log.iter().filter_map(|r| Some(((r.step + 1) as f64, of(r)?)));
        Series { name: name.into(), points: points.collect(), line }
    }

    fn metric(&self, name: &str, of: Metric) -> Series {
        let points = self.validations.iter().filter_map(|v| Some((v.step as f64, of(v)?)));
        Series { name: name.into(), points: points.collect(), line: Line::Points }
    }
}

fn panel(title: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), series }
}
