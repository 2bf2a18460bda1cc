use std::io;
use std::path::Path;

use super::estimate::measure;
use super::job::{Row, Rows, execute, resolved};
use super::shared::Shared;
use super::{Estimate, Outcome, Progress, RunError, RunOptions, specify_rows};
use crate::label::Confusion;
use crate::sample::{Confidence, Entry, Fault, Semantics};
use crate::shard::{Array, Encoder, Field, Reader, Record, Set, Sharer, Spec, Values};
use crate::source::Header;

/// A set that differs from its parent in its labels. It has the same rows; every other array is shared with the parent.
pub trait Derivation: Sync {
    /// The set it is made from.
    fn parent(&self) -> &Set;

    /// What the new set says of itself. Size and fields besides the labels are those of the parent.
    fn header(&self) -> &Header;

    /// One for each row of the parent, under the same keys.
    fn entries(&self) -> &[Entry];

    /// Whether confidences are made anew along with the class ids.
    fn makes_confidence(&self) -> bool;

    /// The labels of a row that the parent holds.
    ///
    /// # Errors
    /// A bad sample, which is quarantined, or the proof that the options are wrong, which ends the run.
    fn labels(&self, row: usize, parent: &mut Reader<'_>) -> Result<NewLabels, DeriveError>;
}

/// The labels of one sample of a derived set.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLabels {
    /// Class ids.
    pub semantics: Semantics,
    /// How sure they are; present exactly when the derivation makes confidences.
    pub confidence: Option<Confidence>,
    /// The labels that were merged, counted.
    pub confusion: Option<Confusion>,
}

/// Why there are no new labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// This sample is bad.
    #[error(transparent)]
    Sample(#[from] Fault),
    /// All samples would be wrong. The text says what to type instead.
    #[error("{0}")]
    Options(String),
}

/// Makes the set `out`, or what is still missing of it, and gives the set when it is complete. How depth is stored and the
/// shards are those of the parent, whatever `options` say.
///
/// # Errors
/// The output cannot be written, holds something else or is the parent; options that the input disproves; under
/// `strict`, the first bad sample.
pub fn derive(
    derivation: &dyn Derivation,
    out: &Path,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(Outcome, Option<Set>), RunError> {
    keep_apart(out, [derivation.parent().root()])?;
    let (spec, rows) = plan(derivation, options)?;
    execute(&rows, &spec, out, options, progress)
}

/// Makes sure that a set does not come to lie in, on or around one that is read for it.
///
/// # Errors
/// [`RunError::Occupied`] when it would.
pub fn keep_apart<'p>(out: &Path, inputs: impl IntoIterator<Item = &'p Path>) -> Result<(), RunError> {
    let place = resolved(out);
    let meets = |input: &Path| place.starts_with(input) || input.starts_with(&place);
    match inputs.into_iter().find(|input| meets(&resolved(input))) {
        Some(input) => {
            let reason = format!(
                "this is the set itself, or lies in it or around it: {} is read; name another folder with --out",
                input.display()
            );
            Err(RunError::Occupied { path: out.to_owned(), reason })
        }
        None => Ok(()),
    }
}

/// Measures what [`derive()`] would do, and writes nothing.
///
/// # Errors
/// The plan cannot be made into a set.
pub fn estimate_derived(derivation: &dyn Derivation, options: &RunOptions) -> Result<Estimate, RunError> {
    let (spec, rows) = plan(derivation, options)?;
    measure(&rows, &spec, options)
}

fn plan<'a>(derivation: &'a dyn Derivation, options: &RunOptions) -> Result<(Spec, Deriving<'a>), RunError> {
    let parent = derivation.parent();
    let options = RunOptions {
        depth: parent.spec().depth_encoding,
        samples_per_shard: parent.spec().samples_per_shard,
        ..options.clone()
    };
    let spec = specify_rows(derivation.header(), derivation.entries(), &options)?;
    let is_made = |array: &Array| match array.field {
        Field::Semantics => true,
        Field::Confidence => derivation.makes_confidence(),
        _ => false,
    };
    let (arrays, shared) = spec.arrays().into_iter().partition(is_made);
    Ok((spec, Deriving { derivation, arrays, shared: Shared { parent, arrays: shared, sharer: Sharer::default() } }))
}

struct Deriving<'a> {
    derivation: &'a dyn Derivation,
    arrays: Vec<Array>,
    shared: Shared<'a>,
}

impl Rows for Deriving<'_> {
    type State<'s>
        = io::Result<(Reader<'s>, Encoder<'s>)>
    where
        Self: 's;

    fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    fn shared(&self) -> Option<&Shared<'_>> {
        Some(&self.shared)
    }

    fn state(&self) -> Self::State<'_> {
        Ok((self.shared.parent.reader()?, Encoder::new(&self.arrays)?))
    }

    fn make<'s>(&'s self, state: &mut Self::State<'s>, row: usize) -> Result<Row, RunError> {
        let (reader, encoder) = state.as_mut().map_err(|error| RunError::Codec(error.to_string()))?;
        // The parent says what the other fields hold and where they come from.
        let parent = self.shared.parent.records();
        let mut record = Record { entry: self.derivation.entries()[row].clone(), ..parent[row].clone() };
        record.confusion = None;
        if record.quarantined.is_some() {
            return Ok((record, Vec::new()));
        }
        let quarantine = |record: Record, fault| {
            let Record { row, entry, .. } = record;
            Ok((Record { row, entry, quarantined: Some(fault), ..Record::default() }, Vec::new()))
        };
        let key = record.entry.key.clone();
        let labels = match self.derivation.labels(row, reader) {
            Ok(labels) => labels,
            Err(DeriveError::Sample(fault)) => return quarantine(record, fault),
            Err(DeriveError::Options(reason)) => return Err(RunError::Disproved(reason)),
        };
        let values =
            Values { semantics: Some(&labels.semantics), confidence: labels.confidence.as_ref(), ..Values::default() };
        match encoder.encode(values) {
            Ok(encoded) => {
                record.hashes.extend(encoded.hashes);
                record.confusion = labels.confusion;
                Ok((record, encoded.chunks))
            }
            Err(error) => {
                let field = error.field().name();
                quarantine(record, Fault::new(key, field, error))
            }
        }
    }
}
