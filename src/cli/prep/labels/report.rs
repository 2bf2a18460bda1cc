use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::prep::picture::{CHART, check_ending, named, save, title};
use crate::cli::prep::run::{Derived, told_outcome};
use crate::cli::sets::complete_sets;
use crate::relabel::merge_report;
use crate::shard::Set;
use crate::view::heat_map;

/// Say again what merging did: coverage, shares of the classes, disagreements
///
/// Everything is read from the set itself; neither the maps nor the old set are needed.
#[derive(Debug, clap::Args)]
pub(in crate::cli::prep) struct Args {
    /// A set made by `labels merge` or `labels teach`, or a folder of such sets
    set: PathBuf,
    /// Draw how ground truth and teacher agree; the ending decides: .png or .svg
    #[arg(long, value_name = "FILE")]
    heat_map: Option<PathBuf>,
}

/// A picture to be drawn, whose name has a known ending.
#[derive(Clone, Copy)]
pub(super) struct Drawn<'a>(&'a Path);

impl<'a> Drawn<'a> {
    pub(super) fn new(path: &'a Path) -> Result<Self> {
        check_ending("--heat-map", path, CHART)?;
        Ok(Self(path))
    }

    fn draw(self, set: &Set, root: &Path, n_sets: usize) -> Result<PathBuf> {
        let (_, confusion) = merge_report(set)?;
        let file = named(self.0, set.root(), root, n_sets);
        save(&file, &heat_map(&confusion, &title(set)))?;
        Ok(file)
    }
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let drawn = self.heat_map.as_deref().map(Drawn::new).transpose()?;
        let paths = complete_sets(&self.set, output)?;
        let (mut text, mut values) = (String::new(), Vec::new());
        for path in &paths {
            let set = Set::open(path)?;
            let (report, _) = merge_report(&set)?;
            text += &format!("{}: {}\n{report}", path.display(), title(&set));
            let mut value = json!({"set": path, "report": report});
            if let Some(drawn) = drawn {
                let file = drawn.draw(&set, &self.set, paths.len())?;
                output.say(format!("wrote {}", file.display()));
                value["heat_map"] = json!(file);
            }
            values.push(value);
        }
        output.result(text, &values)?;
        Ok(Exit::Done)
    }
}

/// Tells the outcome of merging, with the report when the set is complete.
pub(super) fn tell(derived: &Derived, drawn: Option<Drawn<'_>>, output: &Output) -> Result<Exit> {
    let Derived { out, outcome, set } = derived;
    let (mut text, mut value) = told_outcome(outcome, out, output);
    if let Some(set) = set {
        let (report, _) = merge_report(set)?;
        text += &format!("\n{report}");
        value["report"] = json!(report);
        if let Some(drawn) = drawn {
            let file = drawn.draw(set, set.root(), 1)?;
            output.say(format!("wrote {}", file.display()));
            value["heat_map"] = json!(file);
        }
    } else {
        output.say("the report comes with the last part; or later by: sdprep labels report");
    }
    output.result(text, &value)?;
    Ok(if outcome.quarantined.is_empty() { Exit::Done } else { Exit::Findings })
}
