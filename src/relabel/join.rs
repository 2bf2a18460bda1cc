use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::shard::Record;
use crate::source::SourceError;
use crate::source::folder::{Pattern, last_number};

/// Which files belong to which samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// The files, and which part of their names counts; `None`: every map, by its path without the extension.
    pub pattern: Option<Pattern>,
    /// How names are compared.
    pub by: JoinBy,
}

/// When a file belongs to a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinBy {
    /// Its name is the sample's key, the path of the sample's image without the extension, or the last part of it.
    #[default]
    Name,
    /// The last number in its name is that of the key: `pred_0011` and `11` belong together.
    Number,
}

/// As in `--pair`.
impl fmt::Display for JoinBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Number => "number",
        })
    }
}

impl FromStr for JoinBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "name" => Ok(Self::Name),
            "number" => Ok(Self::Number),
            _ => Err(format!("expected name or number, found {text:?}")),
        }
    }
}

/// Extensions of files that can hold a map; a JPEG cannot, and says so when it is read.
const MAPS: [&str; 9] = ["png", "npy", "npz", "pgm", "raw", "bin", "u8", "jpg", "jpeg"];

impl Join {
    /// The file of each sample, and how many files belong to none.
    ///
    /// # Errors
    /// Two files for one sample, a name that several samples have, or files of which none belongs to a sample.
    pub(super) fn files(
        &self,
        what: &str,
        files: &[String],
        records: &[Record],
    ) -> Result<(Vec<Option<String>>, usize), SourceError> {
        let names = self.names(records);
        let mut found: Vec<Option<String>> = vec![None; records.len()];
        let mut n_left = 0;
        let mut example = None;
        for file in files {
            let Some(name) = self.name_of(file) else { continue };
            example.get_or_insert(file);
            let Some(row) = names.get(&name).copied().flatten() else {
                n_left += 1;
                continue;
            };
            if let Some(other) = found[row].replace(file.clone()) {
                let key = &records[row].entry.key;
                return Err(SourceError::Usage(format!(
                    "{what}: {other:?} and {file:?} both belong to the sample {key:?}; take one away, or say which files count with a pattern"
                )));
            }
        }
        if found.iter().all(Option::is_none) {
            return Err(nothing(what, example.or(files.first()), records.first()));
        }
        Ok((found, n_left))
    }

    fn name_of(&self, file: &str) -> Option<String> {
        let name = match &self.pattern {
            Some(pattern) => pattern.key(file)?.to_string(),
            None => {
                let (stem, extension) = file.rsplit_once('.')?;
                MAPS.contains(&extension.to_ascii_lowercase().as_str()).then(|| stem.to_owned())?
            }
        };
        match self.by {
            JoinBy::Name => Some(name),
            JoinBy::Number => last_number(&name),
        }
    }

    /// Name -> row; `None` for a name that several samples have.
    fn names(&self, records: &[Record]) -> HashMap<String, Option<usize>> {
        let mut names: HashMap<String, Option<usize>> = HashMap::new();
        let mut add = |name: String, row| {
            let other = names.entry(name).or_insert(Some(row));
            if *other != Some(row) {
                *other = None;
            }
        };
        for record in records {
            let key = &record.entry.key;
            match self.by {
                JoinBy::Number => {
                    if let Some(number) = last_number(key) {
                        add(number, record.row);
                    }
                }
                JoinBy::Name => {
                    let image = record.entry.source.get("image");
                    if let Some((stem, _)) = image.and_then(|i| i.rsplit_once('.')) {
                        add(stem.to_owned(), record.row);
                        if let Some((_, last)) = stem.rsplit_once('/') {
                            add(last.to_owned(), record.row);
                        }
                    }
                }
            }
        }
        // A name that is a key means that sample, whatever other pictures are called.
        if self.by == JoinBy::Name {
            names.extend(records.iter().map(|record| (record.entry.key.clone(), Some(record.row))));
        }
        names
    }
}

fn nothing(what: &str, file: Option<&String>, record: Option<&Record>) -> SourceError {
    let Some(file) = file else { return SourceError::Usage(format!("{what}: the folder holds no files")) };
    let sample = record.map_or_else(String::new, |r| {
        let image = r.entry.source.get("image").map_or_else(String::new, |i| format!(" (image {i:?})"));
        format!("; a sample is called {:?}{image}", r.entry.key)
    });
    SourceError::Usage(format!(
        "{what}: none of the files belongs to a sample: one is called {file:?}{sample}. Say which part of the names is the key, e.g. --pattern '*_pred.png', or try --pair number"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Entry;

    fn records(keys: &[(&str, &str)]) -> Vec<Record> {
        let record = |(row, &(key, image)): (usize, &(&str, &str))| Record {
            row,
            entry: Entry { key: key.into(), source: [("image".into(), image.into())].into(), ..Entry::default() },
            ..Record::default()
        };
        keys.iter().enumerate().map(record).collect()
    }

    fn join(join: &Join, files: &[&str], records: &[Record]) -> Result<Vec<Option<String>>, String> {
        let files: Vec<String> = files.iter().map(|&f| f.to_owned()).collect();
        join.files("--pseudo", &files, records).map(|(found, _)| found).map_err(|e| e.to_string())
    }

    #[test]
    fn files_are_called_like_the_key_or_like_the_image() {
        let records = records(&[("11", "images/11.jpg"), ("a/12", "images/a/012.jpg")]);
        let by_name = Join::default();
        let found = |files: &[&str]| join(&by_name, files, &records).unwrap();
        assert_eq!(found(&["11.png", "a/12.npy"]), [Some("11.png".into()), Some("a/12.npy".into())]);
        assert_eq!(
            found(&["images/11.png", "012.png", "readme.txt"]),
            [Some("images/11.png".into()), Some("012.png".into())]
        );
        let error = join(&by_name, &["11.npy", "11.png"], &records).unwrap_err();
        assert!(error.contains("\"11.npy\" and \"11.png\" both belong to the sample \"11\""), "{error}");
        let error = join(&by_name, &["11_pred.png"], &records).unwrap_err();
        assert!(error.contains("one is called \"11_pred.png\"; a sample is called \"11\""), "{error}");
    }

    #[test]
    fn patterns_and_numbers_find_other_names() {
        let records = records(&[("0011", "x.jpg"), ("0012", "y.jpg")]);
        let pattern = Join { pattern: Some("pred/*_sem.png".parse().unwrap()), by: JoinBy::Name };
        assert_eq!(
            join(&pattern, &["pred/0011_sem.png", "pred/0012_conf.png"], &records).unwrap()[0].as_deref(),
            Some("pred/0011_sem.png")
        );
        let number = Join { pattern: None, by: JoinBy::Number };
        assert_eq!(join(&number, &["out_12.png"], &records).unwrap(), [None, Some("out_12.png".into())]);
    }

    #[test]
    fn a_name_of_two_samples_belongs_to_neither() {
        let nested = records(&[("1", "1.jpg"), ("sub/1", "sub/1.jpg")]);
        let records = records(&[("a/1", "a/1.jpg"), ("b/1", "b/1.jpg")]);
        assert_eq!(join(&Join::default(), &["1.png", "b/1.png"], &records).unwrap(), [None, Some("b/1.png".into())]);
        let found = join(&Join::default(), &["1.png", "sub/1.png"], &nested).unwrap();
        assert_eq!(found, [Some("1.png".into()), Some("sub/1.png".into())], "a key goes before a last part");
    }
}
