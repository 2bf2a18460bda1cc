use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::run::Progress;
use crate::shard::{Comparison, Set, compare};

/// Compares two sets by the keys of their samples: which samples one of them lacks, and how much each field differs.
/// Ends with 1 when they hold different data.
///
/// The order of the samples, shard sizes and options do not make sets different; differences in them are told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set
    first: PathBuf,
    /// The set to compare it with
    second: PathBuf,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let (a, b) = (Set::open(&self.first)?, Set::open(&self.second)?);
        let bar = output.bar("comparing");
        bar.begin(a.rows().count(), 0);
        let comparison = compare(&a, &b, || bar.advance());
        bar.finish();
        let comparison = comparison?;
        output.result(told(&comparison), &json!({"same": comparison.is_same(), "differences": comparison}))?;
        Ok(if comparison.is_same() { Exit::Done } else { Exit::Findings })
    }
}

fn told(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for (name, keys) in [("first", &comparison.only_in_first), ("second", &comparison.only_in_second)] {
        if !keys.is_empty() {
            let shown = keys.iter().take(3).map(|k| format!("{k:?}")).collect::<Vec<_>>().join(", ");
            let more = if keys.len() > 3 { ", ..." } else { "" };
            lines.push(format!("{} samples only in the {name} set: {shown}{more}", keys.len()));
        }
    }
    lines.extend(comparison.unmatched_fields.iter().map(|f| format!("{f}: only one of the sets has it")));
    if let Some([a, b]) = comparison.label_spaces {
        let name = |s: Option<crate::label::LabelSpace>| s.map_or("none", crate::label::LabelSpace::name);
        lines.push(format!("label space: {} and {}", name(a), name(b)));
    }
    if let Some([a, b]) = comparison.sizes {
        lines.push(format!("size: {a} and {b}; values were not compared"));
    }
    lines.extend(comparison.fields.iter().map(ToString::to_string));
    lines.extend(comparison.settings.iter().map(|s| format!("setting: {s}")));
    let verdict = if comparison.is_same() { "same data" } else { "DIFFERENT" };
    lines.push(format!("{verdict}: {} samples compared", comparison.n_compared));
    lines.join("\n")
}
