use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::pattern::{Key, Pattern};
use crate::source::SourceError;
use crate::source::pairs::Unmatched;

/// When two files belong to the same sample. Folders matched by `**/` must be the same in each case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pairing {
    /// What `*` matched is equal.
    #[default]
    Name,
    /// The last number in what `*` matched is equal: `img-000001` and `00000001` are a pair.
    Number,
    /// What `*` matched are times in seconds no further apart; nearest first, each file once.
    /// Source: `associate.py` of the TUM RGB-D benchmark. Other fields than depth go by name.
    Time {
        /// Largest distance in seconds.
        max_s: f64,
    },
}

/// As in `--pair`: `name`, `number`, `time:0.02`.
impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Number => f.write_str("number"),
            Self::Time { max_s } => write!(f, "time:{max_s}"),
        }
    }
}

impl FromStr for Pairing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = || text.strip_prefix("time:")?.parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0);
        match text {
            "name" => Ok(Self::Name),
            "number" => Ok(Self::Number),
            _ => time()
                .map(|max_s| Self::Time { max_s })
                .ok_or_else(|| format!("expected name, number or time:SECONDS such as time:0.02, found {text:?}")),
        }
    }
}

/// The files of a field by key.
type Keyed = BTreeMap<Key, String>;

/// The files of one sample by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) key: Key,
    pub(super) files: BTreeMap<String, String>,
}

/// Sorts files into samples. `fields` begins with the one that names the samples.
///
/// # Errors
/// Two files of a field with the same key, names without a number or time where one is asked for, or a field without files.
pub(super) fn pair(
    fields: &[(&'static str, &Pattern)],
    files: &[String],
    pairing: Pairing,
) -> Result<(Vec<Matched>, Vec<Unmatched>), SourceError> {
    let keyed: Result<Vec<(&'static str, Keyed)>, SourceError> =
        fields.iter().map(|&(field, pattern)| Ok((field, collect(field, pattern, files, pairing)?))).collect();
    let keyed = keyed?;
    let Some(((lead, leaders), followers)) = keyed.split_first() else { return Ok((Vec::new(), Vec::new())) };
    let by_lead: Vec<(&'static str, BTreeMap<&Key, &Key>)> =
        followers.iter().map(|(field, other)| (*field, partners(leaders, other, pairing, field))).collect();

    let mut matched = Vec::new();
    let mut unmatched = Vec::new();
    for (key, file) in leaders {
        let absent = by_lead.iter().find(|(_, partner)| !partner.contains_key(key));
        if let Some((missing, _)) = absent {
            unmatched.push(Unmatched { field: lead, file: file.clone(), missing });
            continue;
        }
        let others = by_lead.iter().zip(followers).filter_map(|((field, partner), (_, files))| {
            Some(((*field).to_owned(), files.get(*partner.get(key)?)?.clone()))
        });
        let files = others.chain([((*lead).to_owned(), file.clone())]).collect();
        matched.push(Matched { key: key.clone(), files });
    }
    for ((field, partner), (_, files)) in by_lead.iter().zip(followers) {
        let taken: std::collections::BTreeSet<&Key> = partner.values().copied().collect();
        let left = files.iter().filter(|(key, _)| !taken.contains(key));
        unmatched.extend(left.map(|(_, file)| Unmatched { field, file: file.clone(), missing: lead }));
    }
    unmatched.sort();
    Ok((matched, unmatched))
}

fn collect(field: &'static str, pattern: &Pattern, files: &[String], pairing: Pairing) -> Result<Keyed, SourceError> {
    let mut keyed = Keyed::new();
    for file in files {
        let Some(mut key) = pattern.key(file) else { continue };
        if pairing == Pairing::Number {
            let number = last_number(&key.name);
            key.name = number.ok_or_else(|| no_number(field, pattern, file, "number", "--pair name"))?;
        } else if matches!(pairing, Pairing::Time { .. })
            && seconds(&key).is_none()
            && matches!(field, "image" | "depth")
        {
            return Err(no_number(field, pattern, file, "time in seconds", "--pair name"));
        }
        if let Some(other) = keyed.insert(key.clone(), file.clone()) {
            return Err(SourceError::Usage(format!(
                "{field}: {other:?} and {file:?} both match {:?} with the key {:?}; narrow the pattern, or capture more with `*` or `**/`",
                pattern.to_string(),
                key.to_string()
            )));
        }
    }
    if keyed.is_empty() {
        let example = files.first().map_or_else(String::new, |f| format!(", e.g. {f:?}"));
        let n = files.len();
        return Err(SourceError::Usage(format!(
            "{field}: none of the {n} files below the root matches {:?}{example}",
            pattern.to_string()
        )));
    }
    Ok(keyed)
}

fn no_number(field: &str, pattern: &Pattern, file: &str, what: &str, instead: &str) -> SourceError {
    let pattern = pattern.to_string();
    SourceError::Usage(format!("{field}: the `*` of {pattern:?} found no {what} in {file:?}; try {instead}"))
}

/// The last run of digits without leading zeros.
#[must_use]
pub fn last_number(name: &str) -> Option<String> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = name[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |i| i + name[i..].chars().next().map_or(1, char::len_utf8));
    let digits = name[start..end].trim_start_matches('0');
    Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() })
}

fn seconds(key: &Key) -> Option<f64> {
    key.name.parse().ok().filter(|s: &f64| s.is_finite())
}

/// The key of the partner for each key that has one.
fn partners<'a>(leaders: &'a Keyed, others: &'a Keyed, pairing: Pairing, field: &str) -> BTreeMap<&'a Key, &'a Key> {
    match pairing {
        Pairing::Time { max_s } if field == "depth" => nearest(leaders, others, max_s),
        _ => leaders.keys().filter_map(|key| others.get_key_value(key).map(|(other, _)| (key, other))).collect(),
    }
}

/// All pairs within reach, nearest first; a file that is taken stays taken.
fn nearest<'a>(leaders: &'a Keyed, others: &'a Keyed, max_s: f64) -> BTreeMap<&'a Key, &'a Key> {
    // Sorted by folder and time, so that those within reach of a leader lie together.
    let mut timed: Vec<(&str, f64, &Key)> =
        others.keys().filter_map(|key| Some((key.folder.as_str(), seconds(key)?, key))).collect();
    timed.sort_by(|a, b| a.0.cmp(b.0).then(a.1.total_cmp(&b.1)));
    let mut candidates: Vec<(f64, &Key, &Key)> = Vec::new();
    for leader in leaders.keys() {
        let Some(time) = seconds(leader) else { continue };
        let folder = leader.folder.as_str();
        let start = timed.partition_point(|&(f, t, _)| f.cmp(folder).then(t.total_cmp(&(time - max_s))).is_lt());
        let near = timed[start..].iter().take_while(|&&(f, t, _)| f == folder && t <= time + max_s);
        candidates.extend(near.map(|&(_, t, other)| ((t - time).abs(), leader, other)));
    }
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)).then(a.2.cmp(b.2)));
    let mut taken = std::collections::BTreeSet::new();
    let mut pairs = BTreeMap::new();
    for (_, leader, other) in candidates {
        if !pairs.contains_key(leader) && taken.insert(other) {
            pairs.insert(leader, other);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        image: &str,
        depth: &str,
        files: &[&str],
        pairing: Pairing,
    ) -> Result<(Vec<String>, Vec<String>), SourceError> {
        let (image, depth) = (image.parse().unwrap(), depth.parse().unwrap());
        let files: Vec<String> = files.iter().map(|&f| f.to_owned()).collect();
        let (matched, unmatched) = pair(&[("image", &image), ("depth", &depth)], &files, pairing)?;
        let pairs = matched.iter().map(|m| format!("{} {} {}", m.key, m.files["image"], m.files["depth"])).collect();
        Ok((pairs, unmatched.into_iter().map(|u| u.file).collect()))
    }

    #[test]
    fn names_pair_and_the_rest_is_told() {
        let files = ["d/1.png", "d/3.png", "rgb/1.jpg", "rgb/2.jpg"];
        let (pairs, rest) = run("rgb/*.jpg", "d/*.png", &files, Pairing::Name).unwrap();
        assert_eq!(pairs, ["1 rgb/1.jpg d/1.png"]);
        assert_eq!(rest, ["d/3.png", "rgb/2.jpg"]);
    }

    #[test]
    fn numbers_pair_whatever_surrounds_them() {
        let files = ["img-000001.jpg", "img-000012.jpg", "00000001.png", "00000012.png"];
        let (pairs, rest) = run("*.jpg", "*.png", &files, Pairing::Number).unwrap();
        assert_eq!(pairs, ["1 img-000001.jpg 00000001.png", "12 img-000012.jpg 00000012.png"]);
        assert!(rest.is_empty());
        assert_eq!(last_number("a007b000c").as_deref(), Some("0"));
        assert_eq!(last_number("é12é"), Some("12".to_owned()));
        assert_eq!(last_number("none"), None);
    }

    #[test]
    fn times_pair_with_the_nearest_once() {
        let files =
            ["rgb/10.00.png", "rgb/10.03.png", "rgb/11.0.png", "depth/10.01.png", "depth/10.035.png", "depth/12.0.png"];
        let (pairs, rest) = run("rgb/*.png", "depth/*.png", &files, Pairing::Time { max_s: 0.02 }).unwrap();
        assert_eq!(pairs, ["10.00 rgb/10.00.png depth/10.01.png", "10.03 rgb/10.03.png depth/10.035.png"]);
        assert_eq!(rest, ["depth/12.0.png", "rgb/11.0.png"]);
    }

    #[test]
    fn two_files_of_one_key_are_ambiguous() {
        let error =
            run("*.{jpg,png}", "d/*.png", &["1.jpg", "1.png", "d/1.png"], Pairing::Name).unwrap_err().to_string();
        assert!(error.contains("\"1.jpg\" and \"1.png\" both match"), "{error}");
        let error = run("*.tif", "d/*.png", &["1.jpg"], Pairing::Name).unwrap_err().to_string();
        assert!(error.contains("none of the 1 files below the root matches"), "{error}");
    }

    #[test]
    fn text_and_back_is_the_identity() {
        for text in ["name", "number", "time:0.02"] {
            assert_eq!(text.parse::<Pairing>().unwrap().to_string(), text);
        }
        assert!("time:-1".parse::<Pairing>().is_err());
    }
}
