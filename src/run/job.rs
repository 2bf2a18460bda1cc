use std::path::{Path, PathBuf};

use super::ordered::AHEAD;
use super::shared::Shared;
use super::workspace::{Finished, FinishedShard, Made, Workspace};
use super::{Outcome, Progress, Quarantined, RunError, RunOptions, in_order_with};
use crate::shard::{Array, Record, Set, ShardWriter, Spec, write_records};

/// A finished row: what is said of it, and its chunk of each array (no chunks when it is quarantined).
pub(super) type Row = (Record, Vec<Option<Vec<u8>>>);

/// Where the rows of a set come from.
pub(super) trait Rows: Sync {
    /// What a thread keeps from row to row.
    type State<'s>: Send
    where
        Self: 's;

    /// The arrays whose chunks are made.
    fn arrays(&self) -> &[Array];

    /// The others.
    fn shared(&self) -> Option<&Shared<'_>>;

    fn state(&self) -> Self::State<'_>;

    /// Makes one row. A bad sample is a quarantined row, an error ends the run.
    fn make<'s>(&'s self, state: &mut Self::State<'s>, row: usize) -> Result<Row, RunError>;
}

/// Makes the set `out`, or what is still missing of it. Gives the set when it is complete.
pub(super) fn execute<R: Rows>(
    rows: &R,
    spec: &Spec,
    out: &Path,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(Outcome, Option<Set>), RunError> {
    let workspace = Workspace::prepare(out, spec, options.force)?;
    let pending: Vec<usize> =
        (0..spec.n_shards()).filter(|&s| options.part.has(s) && !workspace.is_made(spec, s)).collect();
    let completed = || workspace.completed(options.part, Made::default());
    let (outcome, set) = if workspace.is_complete()? {
        completed()?
    } else {
        match make_shards(rows, spec, &workspace, &pending, options, progress) {
            Ok((made, finished)) => workspace.finish(spec, options.part, made, finished)?,
            // Another run that makes the same removes the scratch folder when it has completed the set.
            Err(RunError::Io { .. }) if workspace.is_complete().is_ok_and(|complete| complete) => completed()?,
            Err(e) => return Err(e),
        }
    };
    // Of the bad samples, those of shards that were finished before count, too.
    match outcome.quarantined.first() {
        Some(Quarantined { row, key, fault }) if options.strict => {
            Err(RunError::Strict { key: key.clone(), row: *row, fault: Box::new(fault.clone()) })
        }
        _ => Ok((outcome, set)),
    }
}

fn make_shards<R: Rows>(
    source: &R,
    spec: &Spec,
    workspace: &Workspace,
    shards: &[usize],
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(Made, Finished), RunError> {
    let rows: Vec<usize> = shards.iter().flat_map(|&s| spec.rows(s)).collect();
    let responsible = (0..spec.n_shards()).filter(|&s| options.part.has(s)).map(|s| spec.rows(s).len()).sum::<usize>();
    progress.begin(responsible, responsible - rows.len());
    let mut open: Option<(ShardWriter, FinishedShard)> = None;
    let mut made = Made { n_rows: rows.len(), ..Made::default() };
    let mut finished = Finished::new();
    let consume = |row: usize, result: Result<(Row, Vec<u8>), RunError>| {
        let ((record, chunks), line) = result?;
        if options.strict
            && let Some(fault) = record.quarantined
        {
            return Err(RunError::Strict { key: record.entry.key, row, fault: Box::new(fault) });
        }
        let shard = row / spec.samples_per_shard;
        let (mut writer, mut finished_rows) = match open.take() {
            Some(open) => open,
            None => (workspace.begin_shard(spec, source.arrays(), shard)?, FinishedShard::default()),
        };
        writer.push(&chunks).map_err(RunError::io)?;
        finished_rows.records.push(record);
        finished_rows.lines.extend(line);
        progress.advance();
        if row + 1 == spec.rows(shard).end {
            made.bytes += writer.finish().map_err(RunError::io)?;
            if let Some(shared) = source.shared() {
                made = made.plus(shared.bring(workspace, spec, shard, &finished_rows.records)?);
            }
            workspace.journal(shard, &finished_rows.lines)?;
            finished.insert(shard, finished_rows);
        } else {
            open = Some((writer, finished_rows));
        }
        Ok(())
    };
    let ahead = rows_ahead(source.arrays());
    in_order_with(
        options.threads,
        ahead,
        &rows,
        || source.state(),
        |state, row| said(source.make(state, row)?),
        consume,
    )?;
    progress.finish();
    Ok((made, finished))
}

/// A row and its line of `samples.jsonl`, which is written where the row is made.
fn said(row: Row) -> Result<(Row, Vec<u8>), RunError> {
    let line = write_records(std::slice::from_ref(&row.0)).map_err(|e| RunError::Plan(e.to_string()))?;
    Ok((row, line))
}

/// Finished rows a thread may be ahead of the one that is written: while a shard is brought to the disk the others go on, and
/// small rows are made in less time than that takes.
pub(super) fn rows_ahead(arrays: &[Array]) -> usize {
    const BYTES: usize = 16 << 20;
    (BYTES / arrays.iter().map(Array::n_bytes).sum::<usize>().max(1)).clamp(AHEAD, 64)
}

/// The folder without links and dots, as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(path), ..) => path,
        (Err(_), Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            resolved(parent).join(name)
        }
        _ => path.to_owned(),
    }
}
