//! SceneParse150: the 150 most frequent classes of ADE20K, ids 0..149 in their official order.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table::{TableError, check_ids, check_len, check_name, line_error, rows, shipped};

/// Number of classes.
pub const N_CLASSES: usize = 150;

/// One of the 150 classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// 0..149. (The official annotation PNGs hold `id + 1`.)
    pub id: u8,
    /// The short name, e.g. `windowpane`.
    pub name: String,
    /// Other names in use.
    pub aliases: Vec<String>,
    /// A countable thing (a chair) rather than stuff (sky), by the panoptic definition.
    pub is_thing: bool,
    /// Red, green, blue of the usual palette. `road` and `skyscraper` share theirs.
    pub color: [u8; 3],
}

/// The classes; the index is the id.
#[must_use]
pub fn classes() -> &'static [Class] {
    &TABLE.classes
}

/// The short names; the index is the id.
#[must_use]
pub fn names() -> &'static [String] {
    &TABLE.names
}

/// The colour of every byte: 0..149 as in `color150.mat`, grey for ids that are no class, black for 255 = ignore.
#[must_use]
pub fn palette() -> &'static [[u8; 3]; 256] {
    &TABLE.palette
}

/// The id of a name or an alias, in lower case. Names go before aliases.
#[must_use]
pub(super) fn id_of(name: &str) -> Option<u8> {
    let named = classes().iter().find(|c| c.name == name);
    named.or_else(|| classes().iter().find(|c| c.aliases.iter().any(|a| a == name))).map(|c| c.id)
}

/// Classes of the full ADE20K with the class of the 150 that each is: (full index, id). All others are *ignore*.
///
/// Source: the benchmark's `mapFromADE`.
pub(super) fn of_full() -> &'static [(u16, u8)] {
    &OF_FULL
}

/// One more than the largest class number that the colours of the full ADE20K can hold: red / 10 * 256 + green.
pub(super) const N_FULL: u16 = 26 * 256;

static OF_FULL: LazyLock<Vec<(u16, u8)>> =
    LazyLock::new(|| shipped(load_full(include_str!("tables/ade20k_full_to_150.csv"))));

#[derive(Deserialize)]
struct FullRow {
    full_index: u16,
    ade_index: u8,
    ade_name: String,
}

fn load_full(text: &str) -> Result<Vec<(u16, u8)>, TableError> {
    let table = "ade20k_full_to_150.csv";
    let rows: Vec<FullRow> = rows(table, text)?;
    for (row, line) in rows.iter().zip(2..) {
        check_name(table, line, names().get(usize::from(row.ade_index)).map(String::as_str), &row.ade_name)?;
        let before = line.checked_sub(3).and_then(|i| rows.get(i as usize));
        if row.full_index >= N_FULL || before.is_some_and(|b| b.full_index >= row.full_index) {
            return Err(line_error(table, line, "full indices must ascend, each once"));
        }
    }
    let found: std::collections::BTreeSet<u8> = rows.iter().map(|r| r.ade_index).collect();
    check_len(table, N_CLASSES, found.len())?;
    Ok(rows.into_iter().map(|r| (r.full_index, r.ade_index)).collect())
}

struct Table {
    classes: Vec<Class>,
    names: Vec<String>,
    palette: [[u8; 3]; 256],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| shipped(load(include_str!("tables/ade20k150.csv"))));

#[derive(Deserialize)]
struct Row {
    index: u8,
    official_png_value: u8,
    name: String,
    aliases: String,
    is_thing: u8,
    r: u8,
    g: u8,
    b: u8,
}

fn load(text: &str) -> Result<Table, TableError> {
    let table = "ade20k150.csv";
    let rows: Vec<Row> = rows(table, text)?;
    check_len(table, N_CLASSES, rows.len())?;
    check_ids(table, 0, rows.iter().map(|r| r.index.into()))?;
    check_ids(table, 1, rows.iter().map(|r| r.official_png_value.into()))?;
    let mut palette = [[127; 3]; 256];
    palette[255] = [0; 3];
    for (color, row) in palette.iter_mut().zip(&rows) {
        *color = [row.r, row.g, row.b];
    }
    let classes: Vec<Class> = rows.into_iter().map(Class::from).collect();
    let names = classes.iter().map(|c| c.name.clone()).collect();
    Ok(Table { classes, names, palette })
}

impl From<Row> for Class {
    fn from(row: Row) -> Self {
        Self {
            id: row.index,
            name: row.name,
            aliases: row.aliases.split('|').filter(|a| !a.is_empty()).map(str::to_owned).collect(),
            is_thing: row.is_thing == 1,
            color: [row.r, row.g, row.b],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spot values of the palette that MMSegmentation and `color150.mat` of the benchmark share.
    #[test]
    fn the_palette_is_the_usual_one() {
        assert_eq!(palette()[0], [120, 120, 120]);
        assert_eq!(palette()[2], [6, 230, 230]);
        assert_eq!(palette()[12], [150, 5, 61]);
        assert_eq!(palette()[149], [92, 0, 255]);
        assert_eq!(palette()[255], [0, 0, 0]);
    }

    #[test]
    fn things_and_stuff() {
        let things: Vec<_> = classes().iter().filter(|c| c.is_thing).collect();
        assert_eq!(things.len(), 100, "the panoptic definition has 100 things and 50 kinds of stuff");
        assert!(!classes()[2].is_thing, "sky");
        assert!(classes()[19].is_thing, "chair");
    }

    #[test]
    fn names_and_aliases() {
        assert_eq!(id_of("television receiver"), Some(89));
        assert_eq!(id_of("tub"), Some(37), "an alias of bathtub");
        assert_eq!(id_of("windowpane"), id_of("window"));
        assert_eq!(id_of("plate"), Some(142), "a name goes before the aliases of others");
        assert_eq!(id_of("unicorn"), None);
    }

    #[test]
    fn a_damaged_table_of_the_full_set_is_refused() {
        let text = include_str!("tables/ade20k_full_to_150.csv");
        assert_eq!(load_full(text).unwrap().len(), 153, "three of the 150 join two classes of the full set");
        assert!(load_full(&text.replacen("\n29,126,", "\n14,126,", 1)).is_err(), "a full index twice");
        assert!(load_full(&text.replacen(",126,animal", ",125,animal", 1)).is_err(), "name and id disagree");
        assert!(load_full(text.rsplit_once("\n3109,").unwrap().0).is_err(), "a class is missing");
    }

    #[test]
    fn a_damaged_list_is_refused() {
        let text = include_str!("tables/ade20k150.csv");
        assert!(load(text).is_ok());
        assert!(load(text.rsplit_once("\n149").unwrap().0).is_err(), "a row is missing");
        assert!(load(&text.replacen("\n7,8,", "\n7,9,", 1)).is_err(), "a wrong official value");
        assert!(load(&text.replacen("\n7,8,", "\n300,8,", 1)).is_err(), "no byte");
    }
}
