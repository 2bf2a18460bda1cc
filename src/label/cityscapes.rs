//! The classes of Cityscapes, which the semantic benchmark of KITTI uses as well: ids 0..33, and train ids 0..18.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table::{TableError, check_ids, check_len, check_name, line_error, rows, shipped};
use super::{LabelSpace, ade20k};
use crate::sample::IGNORE;

/// Ids of the label PNGs: 0..33.
pub const N_IDS: usize = 34;
/// Evaluated classes, train ids 0..18.
pub const N_TRAIN_IDS: usize = 19;

/// One class of Cityscapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The value in `labelIds` PNGs, 0..33. `license plate` has -1, which a byte shows as 255.
    pub id: u8,
    /// The value in `labelTrainIds` PNGs, 0..18; 255 = not evaluated.
    pub train_id: u8,
    /// E.g. `traffic sign`.
    pub name: String,
    /// Red, green, blue of the Cityscapes palette.
    pub color: [u8; 3],
    /// ADE20K id of an evaluated class; 255 = none.
    pub ade20k: u8,
    /// ADE20K id, some classes that are not evaluated included (bridge, parking); 255 = none.
    pub ade20k_extended: u8,
}

/// The classes by id 0..33, then `license plate`.
#[must_use]
pub fn classes() -> &'static [Class] {
    &CLASSES
}

/// Names of the evaluated classes; the index is the train id.
#[must_use]
pub fn train_names() -> &'static [String] {
    &TRAIN_NAMES
}

/// The train id of each ADE20K id, many to one, for scoring; 255 = none.
#[must_use]
pub fn train_ids_of_ade20k() -> &'static [u8] {
    &TRAIN_IDS
}

static CLASSES: LazyLock<Vec<Class>> = LazyLock::new(|| shipped(load(include_str!("tables/cityscapes_to_ade20k.csv"))));
static TRAIN_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let name = |id| classes().iter().find(|c| usize::from(c.train_id) == id).map(|c| c.name.clone());
    (0..N_TRAIN_IDS).filter_map(name).collect()
});
static TRAIN_IDS: LazyLock<Vec<u8>> =
    LazyLock::new(|| shipped(load_train_ids(include_str!("tables/ade20k_to_cityscapes.csv"))));

#[derive(Deserialize)]
struct Row {
    cityscapes_id: i16,
    train_id: i16,
    name: String,
    r: u8,
    g: u8,
    b: u8,
    ade_index: u8,
    ade_name: String,
    ade_index_ext: u8,
}

/// -1 is what the scripts give `license plate`; as a byte it is 255.
fn byte(id: i16) -> u8 {
    u8::try_from(id).unwrap_or(IGNORE)
}

fn load(text: &str) -> Result<Vec<Class>, TableError> {
    let table = "cityscapes_to_ade20k.csv";
    let rows: Vec<Row> = rows(table, text)?;
    check_len(table, N_IDS + 1, rows.len())?;
    let ids = rows.iter().map(|r| i64::from(r.cityscapes_id));
    check_ids(table, 0, ids.map(|id| if id == -1 { N_IDS as i64 } else { id }))?;
    for (row, line) in rows.iter().zip(2..) {
        let space = LabelSpace::Ade20k150;
        check_name(table, line, space.class_name(row.ade_index), &row.ade_name)?;
        let known = |id| id == IGNORE || space.contains(id);
        let trained = byte(row.train_id) == IGNORE || usize::from(byte(row.train_id)) < N_TRAIN_IDS;
        if !known(row.ade_index) || !known(row.ade_index_ext) || !trained {
            return Err(line_error(table, line, "an id is outside its label space"));
        }
    }
    Ok(rows.into_iter().map(Class::from).collect())
}

impl From<Row> for Class {
    fn from(row: Row) -> Self {
        Self {
            id: byte(row.cityscapes_id),
            train_id: byte(row.train_id),
            name: row.name,
            color: [row.r, row.g, row.b],
            ade20k: row.ade_index,
            ade20k_extended: row.ade_index_ext,
        }
    }
}

#[derive(Deserialize)]
struct ScoringRow {
    ade_index: u8,
    ade_name: String,
    train_id: u8,
    cityscapes_name: String,
}

fn load_train_ids(text: &str) -> Result<Vec<u8>, TableError> {
    let table = "ade20k_to_cityscapes.csv";
    let rows: Vec<ScoringRow> = rows(table, text)?;
    check_len(table, ade20k::N_CLASSES, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.ade_index.into()))?;
    for (row, line) in rows.iter().zip(2..) {
        check_name(table, line, LabelSpace::Ade20k150.class_name(row.ade_index), &row.ade_name)?;
        let class = classes().iter().find(|c| c.train_id == row.train_id && row.train_id != IGNORE);
        check_name(table, line, class.map(|c| c.name.as_str()), &row.cityscapes_name)?;
    }
    Ok(rows.into_iter().map(|r| r.train_id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `labels.py` of the Cityscapes scripts, and of the choices in the format notes.
    #[test]
    fn known_rows() {
        let class = |name: &str| classes().iter().find(|c| c.name == name).unwrap();
        assert_eq!((class("road").id, class("road").train_id, class("road").color), (7, 0, [128, 64, 128]));
        assert_eq!((class("rider").id, class("rider").ade20k), (25, 12));
        assert_eq!((class("train").train_id, class("train").ade20k), (16, IGNORE));
        assert_eq!((class("bridge").ade20k, class("bridge").ade20k_extended), (IGNORE, 61));
        assert_eq!(class("license plate").id, 255);
        assert_eq!((train_names().len(), train_names()[18].as_str()), (N_TRAIN_IDS, "bicycle"));
        assert_eq!(classes().iter().filter(|c| c.train_id != IGNORE).count(), N_TRAIN_IDS);
    }

    #[test]
    fn scoring_is_many_to_one() {
        assert_eq!(train_ids_of_ade20k()[6], 0, "road");
        assert_eq!(train_ids_of_ade20k()[25], 2, "house is scored as building");
        assert_eq!(train_ids_of_ade20k()[7], IGNORE, "bed");
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let text = include_str!("tables/cityscapes_to_ade20k.csv");
        assert!(load(&text.replacen(",6,road,6,", ",7,road,6,", 1)).is_err(), "name and id disagree");
        assert!(load(&text.replacen("\n8,", "\n7,", 1)).is_err(), "an id twice");
        assert!(load(&text.replacen("\n31,16,", "\n31,19,", 1)).is_err(), "no train id");
    }
}
