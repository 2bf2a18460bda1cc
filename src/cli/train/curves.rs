use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::picture::{CHART, check_ending, save, set_name};
use crate::train::session::History;

/// Draws losses and metrics of runs into one chart, a panel each.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folders of the runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The picture; the ending decides: .svg or .png
    #[arg(long, short, value_name = "FILE", default_value = "curves.png")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        check_ending("--out", &self.out, CHART)?;
        let named = |run: &PathBuf| Ok((set_name(run), History::read(run)?));
        let runs = self.runs.iter().map(named).collect::<Result<Vec<_>>>()?;
        let steps = runs.iter().map(|(_, run)| run.steps).max().unwrap_or_default();
        if steps == 0 {
            return Err(Usage("none of these runs has finished a step".to_owned()).into());
        }
        let drawing = crate::view::curves(&History::compared(&runs), steps as f64, "steps");
        save(&self.out, &drawing)?;
        let list: Vec<_> = runs
            .iter()
            .map(|(name, run)| json!({ "run": name, "steps": run.steps, "validation": run.validations.last() }))
            .collect();
        output.result(self.out.display(), &json!({ "out": self.out, "runs": list }))?;
        Ok(Exit::Done)
    }
}
