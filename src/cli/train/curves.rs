use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::picture::png;
use crate::file::write_atomically;
use crate::train::session::History;

/// Draws losses and metrics of runs into one chart, a panel each.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folders of the runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The picture: PNG, or SVG by its ending
    #[arg(long, short, value_name = "FILE", default_value = "curves.png")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let named = |run: &PathBuf| Ok((name(run), History::read(run)?));
        let runs = self.runs.iter().map(named).collect::<Result<Vec<_>>>()?;
        let steps = runs.iter().map(|(_, run)| run.steps).max().unwrap_or_default();
        if steps == 0 {
            return Err(Usage("none of these runs has finished a step".to_owned()).into());
        }
        let drawing = crate::view::curves(&History::compared(&runs), steps as f64, "steps");
        let is_svg = self.out.extension().is_some_and(|ending| ending == "svg");
        let bytes = if is_svg { drawing.to_svg().into_bytes() } else { png(&drawing.to_rgb())? };
        write_atomically(&self.out, &bytes).with_context(|| self.out.display().to_string())?;
        let list: Vec<_> = runs
            .iter()
            .map(|(name, run)| json!({ "run": name, "steps": run.steps, "validation": run.validations.last() }))
            .collect();
        output.result(self.out.display(), &json!({ "out": self.out, "runs": list }))?;
        Ok(Exit::Done)
    }
}

/// The last part of the path of a run.
fn name(run: &Path) -> String {
    let whole = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    whole.file_name().map_or_else(|| run.display().to_string(), |name| name.to_string_lossy().into_owned())
}
