use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::run::Progress;
use crate::shard::{Set, find_all, verify};

/// Reads every chunk of a set: index and chunk checksums, decompression, content hash against samples.jsonl.
/// Names the damaged sample and field, and sets that are unfinished or cannot be opened; ends with 1 when there is any.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set, or a folder that holds sets
    #[arg(default_value = "shards")]
    set: PathBuf,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let mut exit = Exit::Done;
        let (mut text, mut values) = (String::new(), Vec::new());
        for path in find_all(&self.set)? {
            let set = match Set::open(&path) {
                Ok(set) => set,
                // What was named itself has to be there.
                Err(error) if path == self.set => return Err(error.into()),
                Err(error) => {
                    text += &format!("{}: NOT READ: {error}\n", path.display());
                    values.push(json!({"set": path, "error": error.to_string()}));
                    exit = Exit::Findings;
                    continue;
                }
            };
            let bar = output.bar("verifying");
            bar.begin(set.records().len(), 0);
            let found = verify(&set, || bar.advance());
            bar.finish();
            for finding in &found.findings {
                text += &format!("{}: {finding}\n", path.display());
                exit = Exit::Findings;
            }
            let verdict = if found.findings.is_empty() { "whole" } else { "DAMAGED" };
            text += &format!(
                "{}: {verdict}: {} samples, {} quarantined, {} chunks left out as fill, {} findings\n",
                path.display(),
                found.n_samples,
                found.n_quarantined,
                found.n_fill_chunks,
                found.findings.len()
            );
            values.push(json!({"set": path, "fingerprint": set.fingerprint(), "verification": found}));
        }
        output.result(text, &values)?;
        Ok(exit)
    }
}
