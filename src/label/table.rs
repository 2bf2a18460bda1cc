//! Reading of class tables: comma separated, UTF-8, one header line, `|` between several values of a cell.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::file::read_bounded;

/// Largest table that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Why a class table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{table}: line {line}: {reason}")]
    Line {
        /// Name of the table, or its path.
        table: String,
        /// Counted from 1.
        line: u64,
        /// What was expected and what was found.
        reason: String,
    },
    /// The table as a whole is not what it should be.
    #[error("{table}: {reason}")]
    Table {
        /// Name of the table, or its path.
        table: String,
        /// What was expected and what was found.
        reason: String,
    },
}

/// Reads a table of the user's own: `parse` gets the name of the file and its text, which is bounded, and UTF-8.
pub(super) fn read<T>(path: &Path, parse: impl FnOnce(&str, &str) -> Result<T, TableError>) -> Result<T, TableError> {
    let io = |source| TableError::Io { path: path.to_owned(), source };
    let bytes = read_bounded(path, MAX_BYTES).map_err(io)?;
    let wrong = |reason: String| TableError::Table { table: path.display().to_string(), reason };
    let text = String::from_utf8(bytes).map_err(|e| wrong(format!("expected UTF-8 text: {e}")))?;
    parse(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), &text)
}

/// A row of a table of the user's own.
pub(super) struct Line<'a> {
    table: &'a str,
    number: u64,
    cells: csv::StringRecord,
    /// The first row may be a header: that of the columns' names.
    pub(super) is_first: bool,
}

impl Line<'_> {
    /// Its cells, `meaning` in words.
    pub(super) fn cells<const N: usize>(&self, meaning: &str) -> Result<[&str; N], TableError> {
        let cells: Vec<&str> = self.cells.iter().collect();
        cells.try_into().map_err(|_| self.wrong(format!("expected {meaning}, found {}", self.cells.len())))
    }

    /// That something is wrong with it.
    pub(super) fn wrong(&self, reason: impl std::fmt::Display) -> TableError {
        line_error(self.table, self.number, reason)
    }
}

/// The rows of a table of the user's own, which need have no header: cells are trimmed, lines that begin with `#` skipped.
pub(super) fn lines<'a>(table: &'a str, text: &'a str) -> impl Iterator<Item = Result<Line<'a>, TableError>> {
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes());
    reader.into_records().zip(1..).map(move |(cells, count)| {
        let cells = cells.map_err(|e| line_error(table, count, e))?;
        let number = cells.position().map_or(count, csv::Position::line);
        Ok(Line { table, number, cells, is_first: count == 1 })
    })
}

/// The rows of a table with a header line, by the names of its columns.
pub(super) fn rows<T: DeserializeOwned>(table: &str, text: &str) -> Result<Vec<T>, TableError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().zip(2..).map(|(row, line)| row.map_err(|e| line_error(table, line, e))).collect()
}

pub(super) fn line_error(table: &str, line: u64, reason: impl std::fmt::Display) -> TableError {
    TableError::Line { table: table.to_owned(), line, reason: reason.to_string() }
}

/// Checks that row `i` has id `first + i`: every id once, none left out.
pub(super) fn check_ids(table: &str, first: i64, ids: impl IntoIterator<Item = i64>) -> Result<(), TableError> {
    for ((expected, found), line) in (first..).zip(ids).zip(2..) {
        if expected != found {
            return Err(line_error(table, line, format!("expected id {expected}, found {found}")));
        }
    }
    Ok(())
}

/// Checks that a table has as many rows as it must.
pub(super) fn check_len(table: &str, expected: usize, found: usize) -> Result<(), TableError> {
    if expected == found {
        return Ok(());
    }
    Err(TableError::Table { table: table.to_owned(), reason: format!("expected {expected} rows, found {found}") })
}

/// Checks that the name beside an id is the one its space gives it; *nothing* stands for ignore.
pub(super) fn check_name(table: &str, line: u64, expected: Option<&str>, found: &str) -> Result<(), TableError> {
    if expected.unwrap_or_default() == found {
        return Ok(());
    }
    let expected = expected.map_or_else(|| "no name".to_owned(), |e| format!("`{e}`"));
    Err(line_error(table, line, format!("expected {expected} for this id, found `{found}`")))
}

/// A table that is part of the program.
#[expect(clippy::expect_used, reason = "the text is a constant of the program, and a test loads every table")]
pub(super) fn shipped<T>(loaded: Result<T, TableError>) -> T {
    loaded.expect("a table of the program is broken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Row {
        id: i64,
    }

    #[test]
    fn a_broken_row_names_its_line() {
        let error = rows::<Row>("t", "id\n1\nx\n").unwrap_err();
        assert!(error.to_string().starts_with("t: line 3: "), "{error}");
    }

    #[test]
    fn tables_of_the_user_are_read_leniently_and_blamed_by_line() {
        let text = "\u{feff}a,b\n 1 ,2\n3\n# remark\n";
        let found: Vec<_> = lines("t", text).map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|line| line.is_first).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(found[1].cells::<2>("two columns").unwrap(), ["1", "2"]);
        let error = found[2].cells::<2>("two columns, a and b").unwrap_err();
        assert_eq!(error.to_string(), "t: line 3: expected two columns, a and b, found 1");
    }

    #[test]
    fn gaps_and_wrong_names_are_found() {
        let ids = |text| rows::<Row>("t", text).unwrap().into_iter().map(|r| r.id).collect::<Vec<_>>();
        assert!(check_ids("t", 0, ids("id\n0\n1\n")).is_ok());
        assert!(check_ids("t", 0, ids("id\n0\n2\n")).is_err());
        assert!(check_ids("t", 0, ids("id\n0\n0\n")).is_err());
        assert!(check_name("t", 2, Some("wall"), "walls").is_err());
        assert!(check_name("t", 2, None, "").is_ok());
        assert!(check_len("t", 2, 3).is_err());
    }
}
