//! The files of a run's folder.

use std::path::Path;
use std::{fs, io};

use crate::train::trainer::LAST;

/// The checkpoint that did best on the validation sets.
pub const BEST: &str = "best.safetensors";
/// The chart of losses and metrics.
pub const CURVES: &str = "curves.png";
/// A line a step.
pub const LOG: &str = "log.jsonl";
/// A line an evaluation on the validation sets.
pub const VALIDATION: &str = "validation.jsonl";
/// The evaluation of the finished network.
pub const EVALUATION: &str = "eval.json";

/// Checkpoints that are kept, what could not be learned from, events and pictures, each with the step between the two.
pub(super) const CHECKPOINT: [&str; 2] = ["step-", ".safetensors"];
pub(super) const NOT_FINITE: [&str; 2] = ["not-finite-", ".safetensors"];
pub(super) const EVENTS: [&str; 2] = ["events.out.tfevents.", ".semdepth"];
pub(super) const SHEET: [&str; 2] = ["step-", ".png"];
/// The folder of the sheets.
pub(super) const SHEETS: &str = "sheets";

/// Whether a name is one of those with a step between these two.
pub(super) fn is_numbered(name: &str, [before, after]: [&str; 2]) -> bool {
    let step = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    step.is_some_and(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()))
}

/// Removes what a run left in its folder; nothing else.
///
/// # Errors
///
/// The system's.
pub fn clear(folder: &Path) -> io::Result<()> {
    remove(folder, |name| {
        [LAST, BEST, CURVES, LOG, VALIDATION, EVALUATION].into_iter().any(|file| is(name, file))
            || [CHECKPOINT, NOT_FINITE, EVENTS].into_iter().any(|numbered| is_numbered(name, numbered))
    })?;
    remove(&folder.join(SHEETS), |name| is_numbered(name, SHEET))
}

/// Whether this is the file, or what a kill left of writing it.
fn is(name: &str, file: &str) -> bool {
    name.strip_prefix(file).is_some_and(|rest| rest.is_empty() || rest.ends_with(".partial"))
}

fn remove(folder: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_file() && path.file_name().is_some_and(|name| is_ours(&name.to_string_lossy())) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_run_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let ours = [
            "last.safetensors",
            "last.safetensors.0123.partial",
            "log.jsonl",
            "eval.json",
            "step-00000200.safetensors",
        ];
        let other = ["log.txt", "best.md", "step-by-step.safetensors", "last.safetensors.bak", "sheets/mine.png"];
        fs::create_dir(at(SHEETS)).unwrap();
        let sheets =
            ["sheets/step-00000200.png", "events.out.tfevents.0000000000.semdepth", "not-finite-3.safetensors"];
        ours.iter().chain(&other).chain(&sheets).for_each(|name| fs::write(at(name), "x").unwrap());
        clear(folder.path()).unwrap();
        assert!(ours.iter().chain(&sheets).all(|name| !at(name).exists()));
        assert!(other.iter().all(|name| at(name).exists()));
        clear(&at("nothing")).unwrap();
    }
}
