use std::time::{Duration, Instant};

use serde::Serialize;

use super::job::{Rows, rows_ahead};
use super::{Converting, RunError, RunOptions, in_order_with, specify};
use crate::shard::{Array, Spec};
use crate::source::Source;

/// Samples that a dry run decodes and compresses.
const N_PROBES: usize = 8;

/// What a run would make, measured on a few samples spread over the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Rows of the set.
    pub n_samples: usize,
    /// Rows that were tried.
    pub n_tried: usize,
    /// Of these, bad ones.
    pub n_bad: usize,
    /// Size of the arrays before compression; those that are shared with another set are not counted.
    pub raw_bytes: u64,
    /// Size of the same on disk.
    pub stored_bytes: u64,
    /// Time of the whole run with these threads.
    pub seconds: f64,
}

/// Measures what [`convert`](super::convert) would do, and writes nothing.
///
/// # Errors
/// The plan cannot be made into a set.
pub fn estimate(source: &dyn Source, options: &RunOptions) -> Result<Estimate, RunError> {
    let spec = specify(source, options)?;
    measure(&Converting { source, arrays: spec.arrays() }, &spec, options)
}

/// Makes a few rows, and counts.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
pub(super) fn measure<R: Rows>(source: &R, spec: &Spec, options: &RunOptions) -> Result<Estimate, RunError> {
    let n_tried = N_PROBES.min(spec.n_samples);
    let rows: Vec<usize> = (0..n_tried).map(|i| i * spec.n_samples / n_tried).collect();
    let start = Instant::now();
    let (mut bytes, mut n_bad) = (0, 0);
    in_order_with(
        options.threads,
        rows_ahead(source.arrays()),
        &rows,
        || source.state(),
        |state, row| source.make(state, row),
        |_, result| {
            let (record, chunks) = result?;
            n_bad += usize::from(record.quarantined.is_some());
            bytes += chunks.iter().flatten().map(Vec::len).sum::<usize>();
            Ok::<(), RunError>(())
        },
    )?;
    let scale = spec.n_samples as f64 / n_tried as f64;
    let seconds = start.elapsed().max(Duration::from_nanos(1)).as_secs_f64() * scale;
    let sample_bytes: usize = source.arrays().iter().map(Array::n_bytes).sum();
    Ok(Estimate {
        n_samples: spec.n_samples,
        n_tried,
        n_bad,
        raw_bytes: (spec.n_samples * sample_bytes) as u64,
        stored_bytes: (bytes as f64 * scale) as u64,
        seconds,
    })
}
