//! Which sets a run learns from, and which it is evaluated on.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::exit::Usage;
use crate::cli::output::Output;
use crate::cli::sets::complete_sets;
use crate::label::LabelSpace;
use crate::shard::Set;

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
    for (sets, verb) in [(&training, "learning from"), (&held_out, "evaluating on")] {
        for set in sets {
            output.say(format_args!("{verb} {}: {} samples", set.root().display(), set.rows().count()));
        }
    }
    let learned = Pictures::of(&training);
    if let Some(twice) = &learned.twice {
        output.say(format_args!(
            "{} of {} pictures are learned from more than once in a round, {twice}; name the sets that are meant to leave some out",
            learned.n_again,
            learned.n_again + learned.first.len()
        ));
    }
    let of_both = Pictures::of(&held_out).first.into_iter().filter(|(hash, _)| learned.first.contains_key(hash));
    let of_both: Vec<_> = of_both.collect();
    if let Some((_, (set, key))) = of_both.first() {
        output.say(format_args!(
            "{} pictures of the evaluation are learned from as well, {key:?} of {} for one: it says little of new pictures",
            of_both.len(),
            set.display()
        ));
    }
    Ok((training, Some(held_out).filter(|sets| !sets.is_empty())))
}

/// Which pictures sets hold, by the hash of their content.
#[derive(Default)]
struct Pictures<'s> {
    /// Where each stands first: set and key.
    first: BTreeMap<&'s str, (&'s Path, &'s str)>,
    /// How many stand somewhere before.
    n_again: usize,
    /// One of them, in words.
    twice: Option<String>,
}

impl<'s> Pictures<'s> {
    fn of(sets: &'s [Set]) -> Self {
        let mut all = Self::default();
        let hashed = |set: &'s Set| {
            set.records()
                .iter()
                .filter_map(move |record| Some((set.root(), &*record.entry.key, record.hashes.get("image")?)))
        };
        for (set, key, hash) in sets.iter().flat_map(hashed) {
            match all.first.entry(hash) {
                Entry::Vacant(entry) => {
                    entry.insert((set, key));
                }
                Entry::Occupied(before) => {
                    let (set_before, key_before) = before.get();
                    let (a, b) = (set_before.display(), set.display());
                    all.n_again += 1;
                    all.twice.get_or_insert_with(|| format!("such as {key_before:?} of {a}, which is {key:?} of {b}"));
                }
            }
        }
        all
    }
}

/// The sets at paths, each once. In folders, those are passed over of which a version with other labels is there as well, and those
/// whose labels no network learns.
fn open(paths: &[PathBuf], output: &Output) -> Result<Vec<Set>> {
    let mut sets: Vec<Set> = Vec::new();
    for path in paths {
        for found in complete_sets(path, output)? {
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
