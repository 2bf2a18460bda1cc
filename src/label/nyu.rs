//! The label spaces of NYU Depth v2: 894 raw names, 40 classes (Gupta et al.) and 13 classes (Couprie et al.).
//! Id 0 is *unlabelled* in each of them.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table::{TableError, check_ids, check_len, check_name, line_error, rows, shipped};
use super::{LabelSpace, ade20k};
use crate::sample::IGNORE;

/// Raw classes of the labelled `.mat`, ids 1..894.
pub const N_CLASSES_894: usize = 894;
/// Classes of the 40-class reduction, ids 1..40.
pub const N_CLASSES_40: usize = 40;
/// Classes of the 13-class reduction, ids 1..13.
pub const N_CLASSES_13: usize = 13;

/// Names of the raw classes; index 0 belongs to id 1. The data set's spellings, mistakes included
/// (`desser`, `excercise ball`, `stacked bins  boxes`).
#[must_use]
pub fn names_894() -> &'static [String] {
    &NYU894.names
}

/// Names of the 40 classes; index 0 belongs to id 1.
#[must_use]
pub fn names_40() -> &'static [String] {
    &NYU40.names
}

/// Names of the 13 classes; index 0 belongs to id 1.
#[must_use]
pub fn names_13() -> &'static [String] {
    &NYU13.names
}

/// The raw id (1..894) of the class with exactly this name.
#[must_use]
pub fn id_894(name: &str) -> Option<u16> {
    let index = names_894().iter().position(|n| n == name)?;
    u16::try_from(index + 1).ok()
}

/// Where the ids of one NYU space go. Every list starts with id 0 and holds 255 where there is no class.
pub(super) struct Table {
    names: Vec<String>,
    pub(super) ade20k: Vec<u8>,
    /// Empty for the spaces that are no finer.
    pub(super) nyu40: Vec<u8>,
    pub(super) nyu13: Vec<u8>,
}

pub(super) static NYU894: LazyLock<Table> =
    LazyLock::new(|| shipped(load_894(include_str!("tables/nyu894_to_ade20k.csv"))));
pub(super) static NYU40: LazyLock<Table> =
    LazyLock::new(|| shipped(load_40(include_str!("tables/nyu40_to_ade20k.csv"))));
pub(super) static NYU13: LazyLock<Table> =
    LazyLock::new(|| shipped(load_13(include_str!("tables/nyu13_to_ade20k.csv"))));
/// ADE20K id -> NYU40 id, many to one, for scoring; 255 = none.
pub(super) static NYU40_OF_ADE20K: LazyLock<Vec<u8>> =
    LazyLock::new(|| shipped(load_scoring(include_str!("tables/ade20k_to_nyu40.csv"))));

#[derive(Deserialize)]
struct Row894 {
    nyu894_id: u16,
    nyu894_name: String,
    nyu40_id: u8,
    nyu40_name: String,
    nyu13_id: u8,
    ade_index: u8,
    ade_name: String,
}

#[derive(Deserialize)]
struct Row40 {
    nyu40_id: u8,
    nyu40_name: String,
    nyu13_id: u8,
    nyu13_name: String,
    ade_index: u8,
    ade_name: String,
}

#[derive(Deserialize)]
struct Row13 {
    nyu13_id: u8,
    nyu13_name: String,
    ade_index: u8,
    ade_name: String,
}

#[derive(Deserialize)]
struct ScoringRow {
    ade_index: u8,
    ade_name: String,
    nyu40_id: u8,
    nyu40_name: String,
}

fn load_894(text: &str) -> Result<Table, TableError> {
    let table = "nyu894_to_ade20k.csv";
    let rows: Vec<Row894> = rows(table, text)?;
    check_len(table, N_CLASSES_894 + 1, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.nyu894_id.into()))?;
    for (row, line) in rows.iter().zip(2..) {
        check_nyu(table, line, LabelSpace::Nyu40, row.nyu40_id, &row.nyu40_name)?;
        check_ade(table, line, row.ade_index, &row.ade_name)?;
        if NYU40.nyu13.get(usize::from(row.nyu40_id)).copied() != Some(or_ignore(row.nyu13_id)) {
            return Err(line_error(table, line, "the NYU13 id is not the one of the NYU40 id"));
        }
    }
    Ok(Table {
        names: rows.iter().skip(1).map(|r| r.nyu894_name.clone()).collect(),
        ade20k: rows.iter().map(|r| r.ade_index).collect(),
        nyu40: rows.iter().map(|r| or_ignore(r.nyu40_id)).collect(),
        nyu13: rows.iter().map(|r| or_ignore(r.nyu13_id)).collect(),
    })
}

fn load_40(text: &str) -> Result<Table, TableError> {
    let table = "nyu40_to_ade20k.csv";
    let rows: Vec<Row40> = rows(table, text)?;
    check_len(table, N_CLASSES_40 + 1, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.nyu40_id.into()))?;
    for (row, line) in rows.iter().zip(2..) {
        check_nyu(table, line, LabelSpace::Nyu13, row.nyu13_id, &row.nyu13_name)?;
        check_ade(table, line, row.ade_index, &row.ade_name)?;
    }
    Ok(Table {
        names: rows.iter().skip(1).map(|r| r.nyu40_name.clone()).collect(),
        ade20k: rows.iter().map(|r| r.ade_index).collect(),
        nyu40: Vec::new(),
        nyu13: rows.iter().map(|r| or_ignore(r.nyu13_id)).collect(),
    })
}

fn load_13(text: &str) -> Result<Table, TableError> {
    let table = "nyu13_to_ade20k.csv";
    let rows: Vec<Row13> = rows(table, text)?;
    check_len(table, N_CLASSES_13 + 1, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.nyu13_id.into()))?;
    for (row, line) in rows.iter().zip(2..) {
        check_ade(table, line, row.ade_index, &row.ade_name)?;
    }
    Ok(Table {
        names: rows.iter().skip(1).map(|r| r.nyu13_name.clone()).collect(),
        ade20k: rows.iter().map(|r| r.ade_index).collect(),
        nyu40: Vec::new(),
        nyu13: Vec::new(),
    })
}

fn load_scoring(text: &str) -> Result<Vec<u8>, TableError> {
    let table = "ade20k_to_nyu40.csv";
    let rows: Vec<ScoringRow> = rows(table, text)?;
    check_len(table, ade20k::N_CLASSES, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.ade_index.into()))?;
    for (row, line) in rows.iter().zip(2..) {
        check_ade(table, line, row.ade_index, &row.ade_name)?;
        check_nyu(table, line, LabelSpace::Nyu40, row.nyu40_id, &row.nyu40_name)?;
    }
    Ok(rows.iter().map(|r| or_ignore(r.nyu40_id)).collect())
}

/// The NYU spaces call their unlabelled pixels 0.
fn or_ignore(id: u8) -> u8 {
    if id == 0 { IGNORE } else { id }
}

fn check_nyu(table: &str, line: u64, space: LabelSpace, id: u8, name: &str) -> Result<(), TableError> {
    if id == 0 {
        return check_name(table, line, Some("unlabeled"), name);
    }
    check_target(table, line, space, id)?;
    check_name(table, line, space.class_name(id), name)
}

fn check_ade(table: &str, line: u64, id: u8, name: &str) -> Result<(), TableError> {
    check_target(table, line, LabelSpace::Ade20k150, id)?;
    check_name(table, line, LabelSpace::Ade20k150.class_name(id), name)
}

fn check_target(table: &str, line: u64, space: LabelSpace, id: u8) -> Result<(), TableError> {
    if id == IGNORE || space.contains(id) {
        return Ok(());
    }
    Err(line_error(table, line, format!("{id} is no class of {space}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the mat files of the data set: its spellings, double blanks and the sizes of the three rests.
    #[test]
    fn raw_names_are_those_of_the_data_set() {
        assert_eq!(id_894("chair"), Some(5));
        assert_eq!(id_894("wall"), Some(21));
        assert!(
            ["refridgerator", "excercise ball", "desser", "kichen towel", "stacked bins  boxes"]
                .iter()
                .all(|n| id_894(n).is_some())
        );
        assert_eq!(id_894("dresser "), None);
        let share = |id| NYU894.nyu40.iter().filter(|&&i| i == id).count();
        assert_eq!([share(38), share(39), share(40)], [68, 82, 707]);
        assert!((1..=37).all(|id| share(id) == 1));
    }

    #[test]
    fn reductions_agree_with_the_format_notes() {
        assert_eq!(NYU894.ade20k.iter().filter(|&&i| i != IGNORE).count(), 279);
        assert_eq!(names_40()[23], "refridgerator");
        assert_eq!((NYU40.ade20k[24], NYU40.nyu13[24]), (50, 6));
        assert_eq!((NYU40.ade20k[28], NYU40.nyu13[8]), (18, 12));
        assert_eq!((NYU40.nyu13[38], NYU40.nyu13[39], NYU40.nyu13[40]), (7, 6, 7));
        assert_eq!((NYU13.ade20k[5], NYU13.ade20k[6], NYU13.ade20k[0]), (3, IGNORE, IGNORE));
        assert_eq!(
            names_13(),
            [
                "bed",
                "books",
                "ceiling",
                "chair",
                "floor",
                "furniture",
                "objects",
                "picture",
                "sofa",
                "table",
                "tv",
                "wall",
                "window"
            ]
        );
    }

    #[test]
    fn ids_37_and_below_agree_between_the_tables() {
        for (raw, &id) in NYU894.nyu40.iter().enumerate().skip(1) {
            if id <= 37 {
                assert_eq!(NYU894.ade20k[raw], NYU40.ade20k[usize::from(id)], "{}", names_894()[raw - 1]);
            }
        }
    }

    #[test]
    fn scoring_folds_what_nyu_joins() {
        let to = |name| NYU40_OF_ADE20K[usize::from(LabelSpace::Ade20k150.id_of(name).unwrap())];
        assert_eq!([to("armchair"), to("coffee table"), to("cushion"), to("sky")], [5, 39, 18, IGNORE]);
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let text = include_str!("tables/nyu40_to_ade20k.csv");
        assert!(load_40(text).is_ok());
        assert!(load_40(&text.replacen("\n5,chair,4,chair,19,", "\n5,chair,4,chair,20,", 1)).is_err());
        assert!(load_40(&text.replacen("\n5,chair,4,chair,19,", "\n5,chair,14,chair,19,", 1)).is_err());
        assert!(load_40(&text.replacen("\n5,chair,", "\n4,chair,", 1)).is_err());
        assert!(load_40(&text.replacen("\n5,chair,4,chair,19,", "\n5,chair,4,chair,200,", 1)).is_err());
    }
}
