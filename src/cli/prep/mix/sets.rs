use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::exit::Usage;
use crate::cli::output::Output;
use crate::cli::prep::picture::set_name;
use crate::cli::sets::complete_sets;
use crate::label::LabelSpace;
use crate::mix::{Input, SetName};
use crate::shard::{Set, SetSource, Spec, read_attributes};

/// Whether a set was made by `sdprep mix`.
pub(in crate::cli::prep) fn is_mix(spec: &Spec) -> bool {
    spec.options.contains_key("mix")
}

/// The sets to mix. In folders, those are passed over that are not for training, are mixes themselves, have labels of another space,
/// or have a version with other labels beside them.
pub(super) fn chosen(
    named: &[PathBuf],
    out: Option<&Path>,
    space: LabelSpace,
    output: &Output,
) -> Result<Vec<PathBuf>> {
    let default = [PathBuf::from("shards")];
    let places = if named.is_empty() { &default[..] } else { named };
    let nothing = |place: &Path| {
        let place = place.display();
        Usage(format!(
            "{place}: there is no training set to mix; say `sdprep mix SET --method ...`, or make one with `sdprep convert`"
        ))
    };
    let mut chosen = Vec::new();
    for place in places {
        if place.join("zarr.json").exists() {
            chosen.push(place.clone());
            continue;
        }
        let found = match complete_sets(place, output) {
            Ok(found) => found,
            Err(_) if named.is_empty() => return Err(nothing(place).into()),
            Err(e) => return Err(e.into()),
        };
        let before = chosen.len();
        let found = found
            .into_iter()
            .filter(|path| Some(path.as_path()) != out)
            .map(|path| read_attributes(&path).map(|attributes| (path, attributes)))
            .collect::<Result<Vec<_>, _>>()?;
        for (path, attributes) in &found {
            let spec = &attributes.spec;
            let fingerprint = attributes.fingerprint.as_deref().unwrap_or_default(); // those found are complete
            let newer = found.iter().find(|(at, other)| at != path && other.spec.replaces(spec, fingerprint));
            let path_shown = path.display();
            if !spec.is_training() {
                output.say(format_args!("passing over {path_shown}: split {}", spec.split));
            } else if is_mix(spec) {
                output.say(format_args!("passing over {path_shown}: a mix itself"));
            } else if let Some(found) = spec.label_space.filter(|found| *found != space) {
                output.say(format_args!(
                    "passing over {path_shown}: its labels are of {found}, --label-space is {space}"
                ));
            } else if let Some((newer, _)) = newer {
                let newer = newer.display();
                output.say(format_args!("passing over {path_shown}: {newer} holds the same with other labels"));
            } else {
                output.say(format_args!("taking {path_shown}"));
                chosen.push(path.clone());
            }
        }
        if chosen.len() == before {
            return Err(nothing(place).into());
        }
    }
    Ok(chosen)
}

/// A set as something to mix.
pub(in crate::cli::prep) fn input<'s>(source: &'s SetSource<'s>, path: &Path) -> Input<'s> {
    let set = source.set();
    let name = SetName { name: set_name(path), fingerprint: set.fingerprint().to_owned() };
    Input { name, source, rows: set.rows().collect() }
}

/// The set of this name and data among the given ones, beside `beside`, or below `shards/`.
pub(in crate::cli::prep) fn set_named(name: &SetName, given: &[PathBuf], beside: &Path) -> Result<Set> {
    let siblings = beside.parent().map(|folder| folder.join(&name.name));
    let usual = [Some(Path::new("shards").join(&name.name)), siblings];
    let places = given.iter().cloned().chain(usual.into_iter().flatten());
    for place in places.filter(|place| place.join("zarr.json").exists()) {
        let set = Set::open(&place)?;
        if set.fingerprint() == name.fingerprint {
            return Ok(set);
        }
    }
    let SetName { name, fingerprint } = name;
    Err(Usage(format!("the parent set {name} ({fingerprint}) was not found; say --parent SET")).into())
}
