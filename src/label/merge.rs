//! Ground truth and pseudo labels become one map: a rule that looks at one pixel at a time.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use ndarray::Array2;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::LabelSpace;
use super::confusion::{Confusion, Counter, index};
use super::remap::target;
use super::table::{self, TableError};
use crate::sample::{Confidence, IGNORE, Semantics};
use crate::wide::wide;

/// Pixels that are counted and merged before the next are: they stay in the processor's nearest memory between the two.
const PIECE: usize = 4096;

/// Which label a pixel gets. Where only one of the two is there, it is taken, except under [`Agree`](Self::Agree).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The ground truth; the pseudo label fills its holes.
    #[default]
    GroundTruth,
    /// The pseudo label; the ground truth fills its holes.
    Pseudo,
    /// Only what both say; 255 elsewhere.
    Agree,
}

impl Prefer {
    /// As in `--prefer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GroundTruth => "gt",
            Self::Pseudo => "pseudo",
            Self::Agree => "agree",
        }
    }

    #[inline]
    const fn class(self, truth: u8, pseudo: u8) -> u8 {
        match (self, truth, pseudo) {
            (Self::Agree, t, p) => {
                if t == p {
                    t
                } else {
                    IGNORE
                }
            }
            (_, IGNORE, other) | (_, other, IGNORE) => other,
            (Self::GroundTruth, t, _) => t,
            (Self::Pseudo, _, p) => p,
        }
    }
}

impl fmt::Display for Prefer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Prefer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::GroundTruth, Self::Pseudo, Self::Agree].into_iter().find(|p| p.name() == text);
        found.ok_or_else(|| format!("expected gt, pseudo or agree, found {text:?}"))
    }
}

/// Exceptions by class. A line is *ground truth, pseudo label, rule*; `*` stands for any class, 255 for no label.
///
/// The line that names both classes goes before the one that names the ground truth, and that before the one that
/// names the pseudo label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Override {
    truth: Option<u8>,
    pseudo: Option<u8>,
    prefer: Prefer,
}

impl Overrides {
    /// Reads a CSV file of three columns: class id or name, or `*`; the same of the pseudo label; gt, pseudo or agree.
    /// A first line that names no rule is taken for a header; lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// The file cannot be read, or the line that is wrong: not three columns, no such class or rule, a pair twice.
    pub fn from_csv(path: &Path) -> Result<Self, TableError> {
        table::read(path, Self::parse)
    }

    /// As [`from_csv`](Self::from_csv), from the text of a table called `name`.
    ///
    /// # Errors
    /// As there.
    pub fn parse(name: &str, text: &str) -> Result<Self, TableError> {
        let mut lines: Vec<Override> = Vec::new();
        for line in table::lines(name, text) {
            let line = line?;
            let wrong = |reason: String| line.wrong(reason);
            let [truth, pseudo, prefer] = line.cells("three columns, ground truth, pseudo label and rule")?;
            let prefer = match prefer.parse() {
                Ok(prefer) => prefer,
                Err(_) if line.is_first => continue,
                Err(error) => return Err(wrong(error)),
            };
            let class = |cell: &str| match cell {
                "*" => Ok(None),
                _ => target(cell, LabelSpace::Ade20k150).map(Some).ok_or_else(|| {
                    wrong(format!(
                        "`{cell}` is no class of {}: expected an id, a name, 255 or *",
                        LabelSpace::Ade20k150
                    ))
                }),
            };
            let new = Override { truth: class(truth)?, pseudo: class(pseudo)?, prefer };
            if lines.iter().any(|o| (o.truth, o.pseudo) == (new.truth, new.pseudo)) {
                return Err(wrong(format!("{truth},{pseudo} stands here for the second time")));
            }
            lines.push(new);
        }
        Ok(Self(lines))
    }

    fn rule(&self, truth: u8, pseudo: u8) -> Option<Prefer> {
        let of = |t, p| self.0.iter().find(|o| (o.truth, o.pseudo) == (t, p)).map(|o| o.prefer);
        of(Some(truth), Some(pseudo)).or(of(Some(truth), None)).or(of(None, Some(pseudo))).or(of(None, None))
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = |c: Option<u8>| c.map_or_else(|| "*".to_owned(), |c| c.to_string());
        write!(f, "{},{},{}", class(self.truth), class(self.pseudo), self.prefer)
    }
}

/// How many labelled pixels have their label from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// From the data set that was converted, whatever the pseudo label says.
    pub own: u64,
    /// From the maps of a network.
    pub pseudo: u64,
}

/// A rule for every pair of labels.
#[derive(Clone, PartialEq, Eq)]
pub struct Merge {
    prefer: Prefer,
    overrides: Overrides,
    /// Index: ground truth * 256 + pseudo label.
    table: Vec<u8>,
}

impl Merge {
    /// The rule `prefer` with its exceptions.
    #[must_use]
    pub fn new(prefer: Prefer, overrides: Overrides) -> Self {
        let table = (0..=u16::MAX).map(|pair| {
            let [truth, pseudo] = pair.to_be_bytes();
            overrides.rule(truth, pseudo).unwrap_or(prefer).class(truth, pseudo)
        });
        Self { prefer, table: table.collect(), overrides }
    }

    /// The rule that a set with these options was merged by; none when it was not.
    #[must_use]
    pub fn of_options(options: &Map<String, Value>) -> Option<Self> {
        options.get("labels").and_then(|labels| labels.get("merge")).and_then(Self::from_json)
    }

    /// Where the labels come from that this rule makes of the pairs counted.
    #[must_use]
    pub fn origin(&self, pairs: &Confusion) -> Origin {
        let mut origin = Origin::default();
        for (own, pseudo, pixels) in pairs.pairs() {
            match self.class(own, pseudo) {
                IGNORE => (),
                class if class == own => origin.own += pixels,
                _ => origin.pseudo += pixels,
            }
        }
        origin
    }

    /// The label of a pixel; 255 stands for none.
    #[must_use]
    pub fn class(&self, truth: u8, pseudo: u8) -> u8 {
        self.table[index(truth, pseudo)]
    }

    /// Merges two maps of one size, and counts how often each pair of labels occurs. The merged labels take the place of the
    /// pseudo labels.
    ///
    /// `None` when the sizes differ.
    #[must_use]
    pub fn apply(&self, truth: &Semantics, mut pseudo: Semantics) -> Option<(Semantics, Confusion)> {
        if truth.size() != pseudo.size() {
            return None;
        }
        let (truth, mut labels) = (truth.values(), pseudo.values_mut());
        let mut counter = Counter::new();
        for (t, p) in truth.as_slice()?.chunks(PIECE).zip(labels.as_slice_mut()?.chunks_mut(PIECE)) {
            counter.add(t, p);
            self.merge(t, p);
        }
        Some((pseudo, counter.confusion()))
    }

    /// Turns pseudo labels into merged ones; both pieces have one length.
    fn merge(&self, truth: &[u8], pseudo: &mut [u8]) {
        match self.prefer {
            _ if !self.overrides.0.is_empty() => choose(truth, pseudo, |t, p| self.class(t, p)),
            // A rule without exceptions needs no table, so that many pixels are chosen at once.
            Prefer::GroundTruth => choose(truth, pseudo, |t, p| Prefer::GroundTruth.class(t, p)),
            Prefer::Pseudo => choose(truth, pseudo, |t, p| Prefer::Pseudo.class(t, p)),
            Prefer::Agree => choose(truth, pseudo, |t, p| Prefer::Agree.class(t, p)),
        }
    }

    /// How sure the merged labels are: as sure as the side they come from, and where both say the same, as the surer
    /// one; 0 where there is no label. A side without confidences is certain.
    #[must_use]
    pub fn confidence(&self, truth: Side<'_>, pseudo: Side<'_>) -> Confidence {
        let sure = |side: &Side<'_>, at| side.confidence.map_or(255, |c| c.values()[at]);
        let (t, p) = (truth.labels.values(), pseudo.labels.values());
        Confidence::new(Array2::from_shape_fn(t.dim(), |at| {
            let (label, other) = (t[at], p[at]);
            match self.class(label, other) {
                IGNORE => 0,
                _ if label == other => sure(&truth, at).max(sure(&pseudo, at)),
                class if class == label => sure(&truth, at),
                _ => sure(&pseudo, at),
            }
        }))
    }

    /// What decides the merged labels, for the options of a set.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let lines: Vec<String> = self.overrides.0.iter().map(ToString::to_string).collect();
        json!({ "prefer": self.prefer.name(), "overrides": lines })
    }

    /// The inverse of [`to_json`](Self::to_json).
    #[must_use]
    pub fn from_json(json: &Value) -> Option<Self> {
        let lines = json.get("overrides")?.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
        let overrides = Overrides::parse("overrides", &lines.join("\n")).ok()?;
        Some(Self::new(json.get("prefer")?.as_str()?.parse().ok()?, overrides))
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Merge({})", self.to_json())
    }
}

/// Puts the class of each pair in the place of its pseudo label.
fn choose(truth: &[u8], pseudo: &mut [u8], class: impl Fn(u8, u8) -> u8) {
    wide(
        #[inline(always)]
        || pseudo.iter_mut().zip(truth).for_each(|(p, &t)| *p = class(t, *p)),
    );
}

/// One of the two maps that are merged.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its labels.
    pub labels: &'a Semantics,
    /// How sure they are; `None` = certain. Of the same size.
    pub confidence: Option<&'a Confidence>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn merge(prefer: Prefer, overrides: &str) -> Merge {
        Merge::new(prefer, Overrides::parse("t", overrides).unwrap())
    }

    #[test]
    fn the_three_rules() {
        let pairs = [(3, 3), (3, 7), (3, 255), (255, 7), (255, 255)];
        let classes = |prefer| pairs.map(|(t, p)| merge(prefer, "").class(t, p));
        assert_eq!(classes(Prefer::GroundTruth), [3, 3, 3, 7, 255]);
        assert_eq!(classes(Prefer::Pseudo), [3, 7, 3, 7, 255]);
        assert_eq!(classes(Prefer::Agree), [3, 255, 255, 255, 255]);
    }

    #[test]
    fn exceptions_by_class_and_by_pair() {
        let merge = merge(Prefer::GroundTruth, "truth,pseudo,rule\nwall,*,pseudo\n*,person,agree\nwall,person,gt\n");
        assert_eq!(merge.class(0, 5), 5, "wall gives way");
        assert_eq!(merge.class(3, 12), 255, "a person on the floor is doubted");
        assert_eq!(merge.class(0, 12), 0, "the pair goes before both");
        assert_eq!(merge.class(3, 5), 3);
        assert_eq!(Merge::from_json(&merge.to_json()), Some(merge));
    }

    #[test]
    fn mistakes_in_the_table_name_their_line() {
        let error = |text: &str| Overrides::parse("t", text).unwrap_err().to_string();
        assert!(error("wall,*,gt\n0,*,pseudo\n").contains("line 2: 0,* stands here for the second time"));
        assert!(error("wall,*,gt\nunicorn,*,gt\n").contains("`unicorn` is no class of ade20k150"));
        assert!(error("wall,*,gt\nwall,door,both\n").contains("line 2: expected gt, pseudo or agree, found \"both\""));
        assert!(error("wall,gt\n").contains("expected three columns"));
    }

    #[test]
    fn maps_are_merged_and_counted() {
        let (truth, pseudo) = (Semantics::new(array![[3, 3, 255]]), Semantics::new(array![[3, 7, 7]]));
        let rule = merge(Prefer::Pseudo, "");
        let (merged, counts) = rule.apply(&truth, pseudo).unwrap();
        assert_eq!(merged.values(), array![[3, 7, 7]]);
        assert_eq!(counts.pairs().collect::<Vec<_>>(), [(3, 3, 1), (3, 7, 1), (255, 7, 1)]);
        assert_eq!(rule.origin(&counts), Origin { own: 1, pseudo: 2 }, "what both say is the set's own");
        assert_eq!(merge(Prefer::GroundTruth, "").origin(&counts), Origin { own: 2, pseudo: 1 });
        assert_eq!(merge(Prefer::Agree, "").origin(&counts), Origin { own: 1, pseudo: 0 });
        assert_eq!(rule.apply(&truth, Semantics::new(array![[3, 7]])), None);
    }

    #[test]
    fn confidence_follows_the_label() {
        let (truth, pseudo) = (Semantics::new(array![[3, 3, 3, 255]]), Semantics::new(array![[3, 7, 255, 255]]));
        let sure = Confidence::new(array![[100, 110, 120, 130]]);
        let sides = (Side { labels: &truth, confidence: None }, Side { labels: &pseudo, confidence: Some(&sure) });
        let of = |prefer| merge(prefer, "").confidence(sides.0, sides.1);
        assert_eq!(of(Prefer::Pseudo).values(), array![[255, 110, 255, 0]]);
        assert_eq!(of(Prefer::Agree).values(), array![[255, 0, 0, 0]]);
    }
}
