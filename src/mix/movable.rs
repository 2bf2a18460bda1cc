//! Which classes are things that can stand elsewhere: a table that can be replaced.

use serde::Deserialize;

const ADE20K: &str = include_str!("movable_ade20k.csv");

/// A line of a table; further columns are for people.
#[derive(Deserialize)]
struct Line {
    id: u8,
}

/// The movable classes of ADE20K-150, ascending.
pub(super) fn ade20k() -> Vec<u8> {
    read(ADE20K).unwrap_or_default() // a test reads it
}

/// The ids of a table of movable classes: comma separated, one header line, a column `id`. Ascending.
///
/// # Errors
/// In words, with the line.
pub fn read(text: &str) -> Result<Vec<u8>, String> {
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let ids: Result<Vec<u8>, csv::Error> = table.deserialize().map(|line| line.map(|line: Line| line.id)).collect();
    let mut ids = ids.map_err(|e| e.to_string())?;
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() { Err("expected a column `id` and at least one line, found none".into()) } else { Ok(ids) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::LabelSpace;

    #[test]
    fn the_table_names_its_classes() {
        let space = LabelSpace::Ade20k150;
        assert_eq!(read(ADE20K).unwrap().len(), 33);
        for line in ADE20K.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(space.class_name(cells[0].parse().unwrap()), Some(cells[1]), "{line}");
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        assert!(read("").unwrap_err().contains("column `id`"));
        assert!(read("id\n300\n").unwrap_err().contains("line: 2"));
        assert!(read("name\nchair\n").unwrap_err().contains("id"));
        assert_eq!(read("id, name\n 20, car\n 12, person\n"), Ok(vec![12, 20]));
    }
}
