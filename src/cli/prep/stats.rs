use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::picture::{CHART, MapName, check_ending, named, save, title};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::sets::complete_sets;
use crate::label::LabelSpace;
use crate::run::Progress;
use crate::shard::Set;
use crate::view::{DepthSummary, Summary, chart, of_set};

/// Counts a set: how its depths spread, how much of it is measured, which share each class has.
///
/// The numbers do not depend on the number of threads; quantiles are exact to the millimetre.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set, or a folder that holds sets
    #[arg(default_value = "shards")]
    set: PathBuf,
    /// Draw a chart too; the ending decides: .svg or .png (for several sets the name of each is added)
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Colours of the depth bars
    #[arg(long, value_enum, default_value = "turbo", value_name = "MAP")]
    colors: MapName,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        if let Some(path) = &self.chart {
            check_ending("--chart", path, CHART)?;
        }
        let paths = complete_sets(&self.set, output)?;
        let (mut text, mut values) = (String::new(), Vec::new());
        for path in &paths {
            let set = Set::open(path)?;
            let summary = summary(&set, output)?;
            text += &format!("{}: {}\n{}", path.display(), title(&set), told(&summary));
            let mut value = json!({"set": path, "stats": summary});
            if let Some(file) = &self.chart {
                let file = named(file, path, &self.set, paths.len());
                draw(&file, &summary, &title(&set), self.colors)?;
                output.say(format!("wrote {}", file.display()));
                value["chart"] = json!(file);
            }
            values.push(value);
        }
        output.result(text, &values)?;
        Ok(Exit::Done)
    }
}

/// Counts a set behind a progress bar.
pub(super) fn summary(set: &Set, output: &Output) -> Result<Summary> {
    let bar = output.bar("counting");
    bar.begin(set.rows().count(), 0);
    let stats = of_set::stats(set, || bar.advance());
    bar.finish();
    Ok(Summary::new(&stats?, set.spec().label_space.unwrap_or(LabelSpace::Ade20k150)))
}

fn draw(path: &Path, summary: &Summary, title: &str, colors: MapName) -> Result<()> {
    save(path, &chart(summary, title, colors.into()))
}

/// The numbers as people read them.
fn told(summary: &Summary) -> String {
    let mut text = format!("  samples      {}\n", summary.n_samples);
    text += &told_depth("depth", &summary.depth);
    if let Some(raw) = &summary.raw_depth {
        text += &told_depth("raw depth", raw);
    }
    if let Some(classes) = &summary.semantics {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  classes      {} of {} occur; {} of the pixels labelled",
            classes.classes.len(),
            classes.label_space.n_classes(),
            percent(classes.coverage)
        );
        let width = classes.classes.iter().map(|c| c.name.len()).max().unwrap_or_default();
        for c in &classes.classes {
            let share = percent(Some(c.share));
            let _ = writeln!(text, "    {:>3} {:<width$}  {share:>8}  in {} samples", c.id, c.name, c.n_samples);
        }
    }
    text
}

fn told_depth(name: &str, depth: &DepthSummary) -> String {
    let mut text = format!("  {name:<12} {} of the pixels measured", percent(depth.valid_share));
    if depth.n_samples_without > 0 {
        text += &format!(", {} samples without any", depth.n_samples_without);
    }
    if let (Some(min), Some(max), Some(mean), Some(std), Some(q)) =
        (depth.min_m, depth.max_m, depth.mean_m, depth.std_m, depth.quantiles_m)
    {
        text += &format!("\n               {min:.3} to {max:.3} m, mean {mean:.3} m, standard deviation {std:.3} m");
        text += &format!(
            "\n               1 % {:.3}   5 % {:.3}   25 % {:.3}   50 % {:.3}   75 % {:.3}   95 % {:.3}   99 % {:.3} m",
            q.p01, q.p05, q.p25, q.p50, q.p75, q.p95, q.p99
        );
    }
    text + "\n"
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |s| format!("{:.2} %", 100.0 * s))
}
