//! Which sets a run learns from, and which it is evaluated on.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::exit::Usage;
use crate::cli::output::Output;
use crate::label::LabelSpace;
use crate::shard::{Set, find_sets};

/// Sets to learn from, and sets to evaluate on, if there are any. Without `val` those are what is held out of `sets`.
pub(super) fn choose(sets: &[PathBuf], val: &[PathBuf], output: &Output) -> Result<(Vec<Set>, Option<Vec<Set>>)> {
    let found = open(sets, output)?;
    let is_training = |set: &Set| set.spec().is_training();
    let (training, held_out): (Vec<Set>, Vec<Set>) = if val.is_empty() {
        found.into_iter().partition(is_training)
    } else {
        // Of a folder only what is to be learned from; a set that is named is meant.
        let is_meant = |set: &Set| is_training(set) || is_named(sets, set);
        let meant: Vec<Set> = found.into_iter().filter(is_meant).collect();
        for set in meant.iter().filter(|set| !is_training(set)) {
            let (root, split) = (set.root().display(), &set.spec().split);
            output.say(format_args!(
                "learning from {root}, whose split is {split}, since it is named; to evaluate on it, give it as one more --val"
            ));
        }
        (meant, open(val, output)?)
    };
    if training.is_empty() {
        let usage = "no set has the split `train`; name the sets to learn from and give the others as --val";
        return Err(Usage(usage.into()).into());
    }
    Ok((training, Some(held_out).filter(|sets| !sets.is_empty())))
}

/// The sets at paths, each once. In folders, those are passed over of which a version with other labels is there as well, and those
/// whose labels no network learns.
fn open(paths: &[PathBuf], output: &Output) -> Result<Vec<Set>> {
    let mut sets: Vec<Set> = Vec::new();
    for path in paths {
        for found in find_sets(path)? {
            // A set that two names mean would count twice.
            if !sets.iter().any(|set| same_place(set.root(), &found)) {
                sets.push(Set::open(found)?);
            }
        }
    }
    let foreign = |set: &Set| set.spec().label_space.filter(|space| *space != LabelSpace::Ade20k150);
    let reasons: Vec<Option<String>> = sets
        .iter()
        .map(|set| {
            if is_named(paths, set) {
                return None;
            }
            if let Some(space) = foreign(set) {
                return Some(format!("its labels are of {space}"));
            }
            let is_newer =
                |other: &&Set| other.root() != set.root() && other.spec().replaces(set.spec(), set.fingerprint());
            let newer = sets.iter().find(is_newer);
            newer.map(|newer| format!("{} holds the same with other labels", newer.root().display()))
        })
        .collect();
    let keep = |(set, reason): (Set, Option<String>)| match reason {
        None => Some(set),
        Some(reason) => {
            output.say(format_args!("passing over {}: {reason}", set.root().display()));
            None
        }
    };
    Ok(sets.into_iter().zip(reasons).filter_map(keep).collect())
}

fn is_named(paths: &[PathBuf], set: &Set) -> bool {
    paths.iter().any(|path| same_place(path, set.root()))
}

/// Whether two paths lead to the same.
fn same_place(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}
