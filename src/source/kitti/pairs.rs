//! Plans folders of any other layout, in which the user says which files belong together.

use std::collections::BTreeSet;

use super::benchmark::finish;
use super::frame::Camera;
use super::options::{Options, Pair};
use super::plan::{Item, Plan, Report};
use super::tree::names;
use crate::source::SourceError;

pub(super) fn plan(options: &Options) -> Result<Plan, SourceError> {
    let usage = |text: &str| SourceError::Usage(text.to_owned());
    let depth = options.depth.filter(|kind| !kind.is_projected()).ok_or_else(|| {
        usage("--pair needs to know what the depth pictures hold: --depth annotated (metres * 256), velodyne-raw (the same) or disparity (pixels * 256)")
    })?;
    if options.split_file.is_some() || options.depth_root.is_some() {
        return Err(usage("--pair says which files belong together; leave --split-file and --depth-root out"));
    }
    let root = options.root.as_path();
    let mut report = Report::default();
    let (mut items, mut keys) = (Vec::new(), BTreeSet::new());
    for pair in &options.pairs {
        for (image, depth) in matches(options, pair)? {
            let key = image.rsplit_once('.').map_or(image.as_str(), |(stem, _)| stem).to_owned();
            let paths = ((root, root.join(&image)), (root, root.join(&depth)));
            if !paths.1.1.is_file() {
                report.without_depth.add(key);
            } else if keys.insert(key.clone()) {
                items.push(Item::new(key, paths.0, paths.1, Camera::Left));
            } else {
                return Err(usage(&format!("two images have the name {key}; give them with --pair in two runs")));
            }
        }
    }
    items.sort_by(|a, b| a.entry.key.cmp(&b.entry.key));
    finish(depth, items, report, || {
        let pairs: Vec<String> = options.pairs.iter().map(Pair::to_string).collect();
        SourceError::Usage(format!("{}: no two files are as {} says", root.display(), pairs.join(", ")))
    })
}

/// Images that a pair names, with the name their depth should have.
fn matches(options: &Options, pair: &Pair) -> Result<Vec<(String, String)>, SourceError> {
    let Some((depth_head, depth_tail)) = pair.depth.split_once('*') else {
        let there = options.root.join(&pair.image).is_file();
        return Ok(if there { vec![(pair.image.clone(), pair.depth.clone())] } else { vec![] });
    };
    let (folder, pattern) = pair.image.rsplit_once('/').map_or(("", pair.image.as_str()), |(f, name)| (f, name));
    let (head, tail) = pattern.split_once('*').unwrap_or((pattern, ""));
    let found = names(&options.root.join(folder))?.into_iter().filter_map(|name| {
        let star = name.strip_prefix(head)?.strip_suffix(tail)?;
        let depth = format!("{depth_head}{star}{depth_tail}");
        let image = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        (image != depth).then_some((image, depth))
    });
    Ok(found.collect())
}
