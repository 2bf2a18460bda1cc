use std::time::{Duration, Instant};

use serde::Serialize;

use super::{RunError, RunOptions, in_order, make_row, specify};
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
    /// Size of the arrays before compression.
    pub raw_bytes: u64,
    /// Size of the set on disk.
    pub stored_bytes: u64,
    /// Time of the whole run with these threads.
    pub seconds: f64,
}

/// Measures what [`convert`](super::convert) would do, and writes nothing.
///
/// # Errors
/// The plan cannot be made into a set.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
pub fn estimate(source: &dyn Source, options: &RunOptions) -> Result<Estimate, RunError> {
    let spec = specify(source, options)?;
    let arrays = spec.arrays();
    let n_tried = N_PROBES.min(spec.n_samples);
    let rows: Vec<usize> = (0..n_tried).map(|i| i * spec.n_samples / n_tried).collect();
    let start = Instant::now();
    let (mut bytes, mut n_bad) = (0, 0);
    in_order(
        options.threads,
        &rows,
        |row| make_row(source, row, &arrays),
        |_, (record, chunks)| {
            n_bad += usize::from(record.quarantined.is_some());
            bytes += chunks.iter().flatten().map(Vec::len).sum::<usize>();
            Ok::<(), RunError>(())
        },
    )?;
    let scale = spec.n_samples as f64 / n_tried as f64;
    let seconds = start.elapsed().max(Duration::from_nanos(1)).as_secs_f64() * scale;
    Ok(Estimate {
        n_samples: spec.n_samples,
        n_tried,
        n_bad,
        raw_bytes: (spec.n_samples * spec.sample_bytes()) as u64,
        stored_bytes: (bytes as f64 * scale) as u64,
        seconds,
    })
}
