use serde_json::json;

use super::{Pseudo, PseudoLabels, header};
use crate::label::{Confusion, LabelSpace, Merge, MergeReport, Side};
use crate::run::{Derivation, DeriveError, NewLabels};
use crate::sample::{Entry, Fault, IGNORE, Semantics};
use crate::shard::{Reader, Set};
use crate::source::{Header, SourceError};

/// A set whose labels are merged with those of a teacher.
pub struct Merging<'a> {
    parent: &'a Set,
    pseudo: &'a dyn Pseudo,
    merge: Merge,
    min_confidence: Option<f64>,
    header: Header,
    entries: Vec<Entry>,
}

impl<'a> Merging<'a> {
    /// Plans the set. Pseudo labels less sure than `min_confidence`, 0..1, count as none.
    ///
    /// # Errors
    /// A parent whose labels are not ADE20K, or a threshold for pseudo labels without confidence.
    pub fn new(
        parent: &'a Set,
        pseudo: &'a dyn Pseudo,
        merge: Merge,
        min_confidence: Option<f64>,
    ) -> Result<Self, SourceError> {
        let usage = |text: String| Err(SourceError::Usage(text));
        match parent.spec().label_space {
            None | Some(LabelSpace::Ade20k150) => {}
            Some(space) => {
                let root = parent.root().display();
                return usage(format!(
                    "{root}: the labels are {space}, and those of a teacher ADE20K; first: sdprep labels remap {root} --to ade20k"
                ));
            }
        }
        if min_confidence.is_some() && !pseudo.has_confidence() {
            return usage("--min-confidence needs the confidences of the teacher: give --confidence FOLDER".into());
        }
        let labels = json!({ "pseudo": pseudo.options(), "merge": merge.to_json(), "min_confidence": min_confidence });
        let mut header = header(parent, labels);
        header.label_space = Some(LabelSpace::Ade20k150);
        header.fields.confidence |= pseudo.has_confidence();
        let entries = parent.records().iter().map(|record| {
            let mut entry = record.entry.clone();
            entry.source.extend(pseudo.files(record.row).into_iter().map(|(what, file)| (what.to_owned(), file)));
            entry
        });
        let entries = entries.collect();
        Ok(Self { parent, pseudo, merge, min_confidence, header, entries })
    }

    fn keep_sure(&self, mut pseudo: PseudoLabels) -> PseudoLabels {
        if let (Some(least), Some(confidence)) = (self.min_confidence, &pseudo.confidence) {
            let mut labels = pseudo.labels.values().to_owned();
            labels.zip_mut_with(&confidence.values(), |label, &c| {
                if f64::from(c) < 255.0 * least {
                    *label = IGNORE;
                }
            });
            pseudo.labels = Semantics::new(labels);
        }
        pseudo
    }
}

impl Derivation for Merging<'_> {
    fn parent(&self) -> &Set {
        self.parent
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn makes_confidence(&self) -> bool {
        self.header.fields.confidence
    }

    fn labels(&self, row: usize, parent: &mut Reader<'_>) -> Result<NewLabels, DeriveError> {
        let key = || self.entries.get(row).map(|e| e.key.clone()).unwrap_or_default();
        let size = self.header.size;
        let nothing = || Semantics::filled(size, IGNORE);
        let truth = parent.semantics(row).map_err(|e| e.into_fault(key()))?.unwrap_or_else(nothing);
        let truth_confidence = parent.confidence(row).map_err(|e| e.into_fault(key()))?;
        let pseudo = self.pseudo.labels(row, parent)?.map(|p| self.keep_sure(p));
        let pseudo = pseudo.unwrap_or_else(|| PseudoLabels { labels: nothing(), confidence: None });
        let found = pseudo.labels.size();
        let misfit = || DeriveError::Sample(Fault::new(key(), "pseudo", format!("expected {size}, found {found}")));
        if truth.size() != found {
            return Err(misfit());
        }
        let confidence = self.header.fields.confidence.then(|| {
            let truth = Side { labels: &truth, confidence: truth_confidence.as_ref() };
            self.merge.confidence(truth, Side { labels: &pseudo.labels, confidence: pseudo.confidence.as_ref() })
        });
        let (semantics, confusion) = self.merge.apply(&truth, pseudo.labels).ok_or_else(misfit)?;
        Ok(NewLabels { semantics, confidence, confusion: Some(confusion) })
    }
}

/// The report of a merged set, from what it says of its samples.
///
/// # Errors
/// The set was not made by merging.
pub fn merge_report(set: &Set) -> Result<(MergeReport, Confusion), SourceError> {
    let merge = Merge::of_options(&set.spec().options).ok_or_else(|| {
        let root = set.root().display();
        SourceError::Usage(format!("{root}: the labels of this set were not merged; see sdprep labels merge --help"))
    })?;
    let counted = || set.records().iter().filter_map(|r| r.confusion.as_ref());
    let confusion = Confusion::sum(counted());
    Ok((MergeReport::new(&confusion, &merge, counted().count()), confusion))
}
