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

/// Checkpoints that are kept.
pub(super) const CHECKPOINT: Numbered = Numbered { before: "step-", digits: 8, after: ".safetensors" };
/// What could not be learned from.
pub(super) const NOT_FINITE: Numbered = Numbered { before: "not-finite-", digits: 1, after: ".safetensors" };
/// Events.
pub(super) const EVENTS: Numbered = Numbered { before: "events.out.tfevents.", digits: 10, after: ".semdepth" };
/// Sheets, in their folder.
pub(super) const SHEET: Numbered = Numbered { before: "step-", digits: 8, after: ".png" };
/// The folder of the sheets.
pub(super) const SHEETS: &str = "sheets";

/// Names with a step in them.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    before: &'static str,
    /// At least so many.
    digits: usize,
    after: &'static str,
}

impl Numbered {
    /// The name with this step.
    pub(super) fn name(self, step: u64) -> String {
        let Self { before, digits, after } = self;
        format!("{before}{step:0digits$}{after}")
    }

    /// Whether a name is one of these.
    pub(super) fn is(self, name: &str) -> bool {
        let step = name.strip_prefix(self.before).and_then(|rest| rest.strip_suffix(self.after));
        step.is_some_and(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// Removes what a run left in its folder; nothing else.
///
/// # Errors
///
/// The system's.
pub fn clear(folder: &Path) -> io::Result<()> {
    remove(folder, |name| {
        [LAST, BEST, CURVES, LOG, VALIDATION, EVALUATION].into_iter().any(|file| is(name, file))
            || [CHECKPOINT, NOT_FINITE, EVENTS].into_iter().any(|numbered| numbered.is(name))
    })?;
    remove(&folder.join(SHEETS), |name| SHEET.is(name))
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
