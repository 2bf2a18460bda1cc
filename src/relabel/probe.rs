//! A look at a few maps before anything is written: which base they have, and whether they fit their pictures.

use crate::label::Confusion;
use crate::sample::{IGNORE, Semantics};
use crate::source::SourceError;
use crate::source::label_map::{Base, ColorCode, LabelMap};

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
    let mut read: Vec<(usize, &str, LabelMap)> = Vec::new();
    for row in probes {
        let Some(file) = maps.file(row) else { continue };
        let Ok(map) = maps.decode(file) else { continue };
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
        && read.iter().any(|(.., map)| map.is_color && map.holds(ROAD))
    {
        warnings.push("road and skyscraper have the same colour; colour maps are read as road".to_owned());
    }
    warnings.extend(agreement(maps, &read, base).or_else(|| no_walls(&read, base)));
    Ok(Found { base, warnings })
}

const ROAD: u16 = 6;

/// Compares the maps with the ground truth as they are, under the other base, and mirrored.
fn agreement(maps: &Maps<'_>, read: &[(usize, &str, LabelMap)], base: Base) -> Option<String> {
    let mut reader = maps.parent().reader().ok()?;
    let other = if base == Base::Zero { Base::One } else { Base::Zero };
    let (mut as_is, mut shifted, mut mirrored) = (Vec::new(), Vec::new(), Vec::new());
    for (row, file, map) in read {
        let truth = reader.semantics(*row).ok()??;
        let Ok(labels) = maps.labels_of(*row, file, map, base) else { continue };
        as_is.push(compare(&truth, &labels));
        mirrored.push(compare(&truth, &labels.mirror()));
        if map.base.is_none() {
            shifted.extend(maps.labels_of(*row, file, map, other).ok().map(|labels| compare(&truth, &labels)));
        }
    }
    let share = share(&as_is)?;
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let better = |found: &[Confusion]| self::share(found).filter(|&s| s > share + CLEARLY);
    if let Some(better) = better(&shifted) {
        let number = if other == Base::Zero { 0 } else { 1 };
        return Some(format!(
            "the maps agree with the ground truth on {} of the pixels, with --base {number} on {}: is the base wrong?",
            percent(share),
            percent(better)
        ));
    }
    let better = better(&mirrored)?;
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
    let count = |id: u16| maps().flat_map(|ids| ids.rows()).map(|row| row.iter().filter(|&&i| i == id).count()).sum();
    let (n, zeros, ones): (usize, usize, usize) = (maps().map(|ids| ids.len()).sum(), count(0), count(1));
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
