//! Which class each colour of an RGB label map stands for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::table::{self, TableError};
use super::{ade20k, cityscapes};
use crate::sample::IGNORE;

/// Colours and the ids they stand for. A colour that the table does not list is an error, never a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorTable {
    name: String,
    ids: BTreeMap<[u8; 3], u16>,
}

impl ColorTable {
    /// The palette of ADE20K, ids 0..149; black is 255. `road` and `skyscraper` share a colour, which is `road`.
    #[must_use]
    pub fn ade20k() -> &'static Self {
        static TABLE: LazyLock<ColorTable> = LazyLock::new(|| {
            let classes = ade20k::classes().iter().map(|c| (c.color, c.id.into()));
            ColorTable::of("ADE20K", classes.chain([([0; 3], IGNORE.into())]))
        });
        &TABLE
    }

    /// The same for ids 0..150 as in the official annotations; black is 0, *other*.
    #[must_use]
    pub fn ade20k_official() -> &'static Self {
        static TABLE: LazyLock<ColorTable> = LazyLock::new(|| {
            let classes = ade20k::classes().iter().map(|c| (c.color, u16::from(c.id) + 1));
            ColorTable::of("ADE20K", classes.chain([([0; 3], 0)]))
        });
        &TABLE
    }

    /// The colours of Cityscapes, which KITTI uses as well, ids 0..33. Of classes with one colour the first counts:
    /// black is `unlabeled`, `polegroup` is read as `pole`, `license plate` as `car`.
    #[must_use]
    pub fn cityscapes() -> &'static Self {
        static TABLE: LazyLock<ColorTable> = LazyLock::new(|| {
            ColorTable::of("Cityscapes", cityscapes::classes().iter().map(|c| (c.color, c.id.into())))
        });
        &TABLE
    }

    /// The same for train ids 0..18; the colours of other classes are 255.
    #[must_use]
    pub fn cityscapes_train_ids() -> &'static Self {
        static TABLE: LazyLock<ColorTable> = LazyLock::new(|| {
            ColorTable::of("Cityscapes", cityscapes::classes().iter().map(|c| (c.color, c.train_id.into())))
        });
        &TABLE
    }

    /// A table of the user's own: a CSV file of four columns, red, green, blue (0..255) and the id (0..65534) that the
    /// colour stands for. A first line that begins with no number is taken for a header; lines that begin with `#`
    /// are skipped.
    ///
    /// # Errors
    /// When the file cannot be read, or names the line that is wrong: not four numbers, out of range, a colour twice.
    pub fn from_csv(path: impl AsRef<Path>) -> Result<Self, TableError> {
        table::read(path.as_ref(), Self::parse)
    }

    /// As [`from_csv`](Self::from_csv), from the text of a table called `name`.
    ///
    /// # Errors
    /// As there.
    pub fn parse(name: &str, text: &str) -> Result<Self, TableError> {
        let mut ids = BTreeMap::new();
        for line in table::lines(name, text) {
            let line = line?;
            let wrong = |reason: String| line.wrong(reason);
            let [r, g, b, id] = line.cells("four columns, red, green, blue and id")?;
            if line.is_first && r.parse::<f64>().is_err() {
                continue;
            }
            let channel = |cell: &str| {
                cell.parse::<u8>()
                    .map_err(|_| wrong(format!("expected red, green and blue from 0 to 255, found `{cell}`")))
            };
            let color = [channel(r)?, channel(g)?, channel(b)?];
            let id = id
                .parse::<u16>()
                .ok()
                .filter(|&id| id < u16::MAX)
                .ok_or_else(|| wrong(format!("expected an id from 0 to 65534, found `{id}`")))?;
            if ids.insert(color, id).is_some() {
                return Err(wrong(format!("the colour {r},{g},{b} stands here for the second time")));
            }
        }
        if ids.is_empty() {
            return Err(TableError::Table { table: name.to_owned(), reason: "it lists no colour".to_owned() });
        }
        Ok(Self { name: name.to_owned(), ids })
    }

    /// Of classes with one colour the first counts.
    fn of(name: &str, classes: impl Iterator<Item = ([u8; 3], u16)>) -> Self {
        let mut ids = BTreeMap::new();
        for (color, id) in classes {
            ids.entry(color).or_insert(id);
        }
        Self { name: name.to_owned(), ids }
    }

    /// Name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that a colour stands for; `None` when the table does not list it.
    #[must_use]
    pub fn id(&self, color: [u8; 3]) -> Option<u16> {
        self.ids.get(&color).copied()
    }

    /// What the table is, for the options of a set: its name, and a hash that tells it from another of the same name.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let lines = self.ids.iter().flat_map(|(color, id)| [color.as_slice(), &id.to_le_bytes()].concat());
        let hash = xxhash_rust::xxh3::xxh3_64(&lines.collect::<Vec<u8>>());
        json!({ "table": self.name, "xxh3": format!("{hash:016x}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours of `color150.mat` and of `labels.py` of the Cityscapes scripts.
    #[test]
    fn published_colours() {
        let ade = ColorTable::ade20k();
        let ids = [[120, 120, 120], [6, 230, 230], [92, 0, 255], [0, 0, 0], [140, 140, 140]].map(|c| ade.id(c));
        assert_eq!(ids, [Some(0), Some(2), Some(149), Some(255), Some(6)], "road, not skyscraper");
        assert_eq!(ColorTable::ade20k_official().id([92, 0, 255]), Some(150));
        assert_eq!(ColorTable::ade20k_official().id([0, 0, 0]), Some(0));
        let (ids, trained) = (ColorTable::cityscapes(), ColorTable::cityscapes_train_ids());
        for (color, id, train_id) in [
            ([128, 64, 128], 7, 0),
            ([153, 153, 153], 17, 5),
            ([0, 0, 142], 26, 13),
            ([119, 11, 32], 33, 18),
            ([150, 100, 100], 15, 255),
            ([0, 0, 0], 0, 255),
        ] {
            assert_eq!((ids.id(color), trained.id(color)), (Some(id), Some(train_id)), "{color:?}");
        }
        assert_eq!(ids.id([1, 2, 3]), None);
    }

    #[test]
    fn tables_of_the_user() {
        let table = ColorTable::parse("t", "\u{feff}r,g,b,id\n# mine\n128, 0,0,1\n0,0,0,255\n").unwrap();
        assert_eq!([[128, 0, 0], [0, 0, 0], [0, 0, 1]].map(|c| table.id(c)), [Some(1), Some(255), None]);
        assert_eq!(ColorTable::parse("t", "0,0,0,255\n128,0,0,1\n").unwrap(), table);
        assert_ne!(ColorTable::parse("t", "0,0,0,255\n128,0,0,2\n").unwrap().to_json(), table.to_json());
        let error = |text: &str| ColorTable::parse("t", text).unwrap_err().to_string();
        assert!(error("0,0,0,1\n0,0,0,2\n").contains("line 2: the colour 0,0,0 stands here for the second time"));
        assert!(error("0,0,0\n").contains("expected four columns"));
        assert!(
            error("0,0,0,1\n0,256,0,1\n").contains("line 2: expected red, green and blue from 0 to 255, found `256`")
        );
        assert!(error("0,0,0,65535\n").contains("expected an id from 0 to 65534"));
        assert!(error("0,0,0,wall\n").contains("found `wall`"));
        assert!(error("r,g,b,id\n").contains("lists no colour"));
    }
}
