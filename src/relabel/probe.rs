//! A look at a few maps before anything is written: which base they have, and whether they fit their pictures.

use rayon::prelude::*;

use crate::label::Confusion;
use crate::sample::{IGNORE, Semantics};
use crate::source::SourceError;
use crate::source::label_map::{Base, ColorCode, Ids, LabelMap};

use super::maps::{Maps, disproof};

/// Maps that are looked at, spread over the set.
const N_PROBES: usize = 8;
/// How much better another reading must agree with the ground truth to be named, as a share of the pixels.
const CLEARLY: f64 = 0.1;
/// Fewer pixels that both label say nothing.
const MIN_PIXELS: u64 = 1000;

pub(super) struct Found {
    pub(super) base: Base,
    pub(super) warnings: Vec<String>,
}

/// Decides the base and collects what looks wrong. Maps that cannot be read are left for the run to quarantine.
pub(super) fn look(maps: &Maps<'_>) -> Result<Found, SourceError> {
    let rows: Vec<usize> = maps.parent().rows().filter(|&row| maps.file(row).is_some()).collect();
    let n = N_PROBES.min(rows.len());
    let probes = (0..n).map(|i| rows[i * rows.len() / n]);
    let given = maps.options_given().base;
    let root = maps.options_given().root.display();
    let files: Vec<(usize, &str)> = probes.filter_map(|row| Some((row, maps.file(row)?))).collect();
    let decoded: Vec<_> = files.par_iter().map(|(_, file)| maps.decode(file)).collect();
    let mut read: Vec<(usize, &str, LabelMap)> = Vec::new();
    for ((row, file), map) in files.into_iter().zip(decoded) {
        let Ok(map) = map else { continue };
        if let Some(proof) = disproof(&map, given, file) {
            return Err(SourceError::Usage(format!("{root}: {proof}")));
        }
        if map.base.is_none() && given.is_none() {
            return Err(SourceError::Usage(format!(
                "{root}: is the first class of the maps 0 or 1? {file:?} does not tell. Type --base 0 for what networks predict, --base 1 for the official annotations and what mmseg's format_results saves"
            )));
        }
        read.push((row, file, map));
    }
    let base = given.or_else(|| read.iter().find_map(|(.., map)| map.base)).unwrap_or(Base::Zero);
    let mut warnings = Vec::new();
    if maps.options_given().container.color == ColorCode::Ade20k
        && read.iter().any(|(.., map)| map.is_color && map.ids.holds(ROAD))
    {
        warnings.push("road and skyscraper have the same colour; colour maps are read as road".to_owned());
    }
    warnings.extend(agreement(maps, &read, base).or_else(|| no_walls(&read, base)));
    Ok(Found { base, warnings })
}

const ROAD: u8 = 6;

/// A map that lies on its sample.
struct Placed<'a> {
    truth: Semantics,
    labels: Semantics,
    row: usize,
    file: &'a str,
    map: &'a LabelMap,
}

const fn other(base: Base) -> Base {
    match base {
        Base::Zero => Base::One,
        Base::One => Base::Zero,
    }
}

/// Compares the maps with the ground truth as they are, under the other base, and mirrored.
fn agreement(maps: &Maps<'_>, read: &[(usize, &str, LabelMap)], base: Base) -> Option<String> {
    let placed = read.par_iter().map_init(
        || maps.parent().reader().ok(),
        |reader, &(row, file, ref map)| {
            let truth = reader.as_mut()?.semantics(row).ok()??;
            let labels = maps.labels_of(row, file, map.clone(), base).ok();
            Some(labels.map(|labels| Placed { truth, labels, row, file, map }))
        },
    );
    // One truth that cannot be read, and nothing is said.
    let placed: Vec<Placed<'_>> = placed.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let agreeing = |reading: &(dyn Fn(&Placed<'_>) -> Option<Confusion> + Sync)| {
        share(&placed.par_iter().filter_map(reading).collect::<Vec<_>>())
    };
    let share = agreeing(&|p| Some(compare(&p.truth, &p.labels)))?;
    if share + CLEARLY >= 1.0 {
        return None;
    }
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let clearly = |found: Option<f64>| found.filter(|&s| s > share + CLEARLY);
    let shifted = |p: &Placed<'_>| {
        let labels = p.map.base.is_none().then(|| maps.labels_of(p.row, p.file, p.map.clone(), other(base)).ok());
        labels.flatten().map(|labels| compare(&p.truth, &labels))
    };
    if let Some(better) = clearly(agreeing(&shifted)) {
        let number = if base == Base::Zero { 1 } else { 0 };
        return Some(format!(
            "the maps agree with the ground truth on {} of the pixels, with --base {number} on {}: is the base wrong?",
            percent(share),
            percent(better)
        ));
    }
    let better = clearly(agreeing(&|p| Some(compare(&p.truth, &p.labels.clone().mirror()))))?;
    let (now, then) = if maps.options_given().mirror { ("with", "without") } else { ("without", "with") };
    Some(format!(
        "{now} --mirror the maps agree with the ground truth on {} of the pixels, {then} it on {}",
        percent(share),
        percent(better)
    ))
}

fn compare(truth: &Semantics, labels: &Semantics) -> Confusion {
    let (truth, labels) = (truth.values(), labels.values());
    Confusion::count(truth.as_slice().unwrap_or_default(), labels.as_slice().unwrap_or_default())
}

/// Of the pixels that both label, the share on which they agree; `None` when these are too few.
fn share(found: &[Confusion]) -> Option<f64> {
    let both = |(t, p, _): &(u8, u8, u64)| *t != IGNORE && *p != IGNORE;
    let sum = Confusion::sum(found);
    let n: u64 = sum.pairs().filter(both).map(|(.., n)| n).sum();
    let equal: u64 = sum.pairs().filter(both).filter(|(t, p, _)| t == p).map(|(.., n)| n).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    (n >= MIN_PIXELS).then(|| equal as f64 / n as f64)
}

/// Without ground truth: maps that count from 0 and know no wall, but many buildings, more likely count from 1.
fn no_walls(read: &[(usize, &str, LabelMap)], base: Base) -> Option<String> {
    let maps = || read.iter().filter(|(.., map)| map.base.is_none()).map(|(.., map)| &map.ids);
    let count = |id| maps().map(|ids| ids.count(id)).sum::<usize>();
    let (n, zeros, ones) = (maps().map(Ids::n_pixels).sum::<usize>(), count(0), count(1));
    match base {
        Base::Zero if n > 0 && zeros == 0 && ones * 10 > n => Some(
            "the maps hold no 0 (wall) but many 1 (building); if they show rooms, they count from 1: --base 1"
                .to_owned(),
        ),
        Base::One if n > 0 && zeros * 2 > n => {
            Some("most of the maps is 0, which is no class with --base 1; if 0 is wall, type --base 0".to_owned())
        }
        _ => None,
    }
}
