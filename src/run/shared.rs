use super::RunError;
use super::workspace::{Made, Workspace};
use crate::shard::{Array, Record, Set, Sharer, Spec};

/// The arrays that a derived set has in common with its parent.
pub(super) struct Shared<'a> {
    pub(super) parent: &'a Set,
    pub(super) arrays: Vec<Array>,
    pub(super) sharer: Sharer,
}

impl Shared<'_> {
    /// Brings in the files of one shard. `records` are its rows; where one is quarantined that the parent holds, the
    /// chunks of the others are copied instead, so that a quarantined row is empty in every array.
    pub(super) fn bring(
        &self,
        workspace: &Workspace,
        spec: &Spec,
        shard: usize,
        records: &[Record],
    ) -> Result<Made, RunError> {
        let is_held = |row: usize| self.parent.records().get(row).is_some_and(|r| r.quarantined.is_none());
        if records.iter().any(|r| r.quarantined.is_some() && is_held(r.row)) {
            return self.copy_chunks(workspace, spec, shard, records);
        }
        let mut made = Made::default();
        for array in &self.arrays {
            let path = array.shard_path(shard);
            let (from, to) = (self.parent.root().join(&path), workspace.root().join(&path));
            let shared = self.sharer.share(&from, &to, &workspace.scratch()).map_err(|e| RunError::io((from, e)))?;
            made.shared = made.shared.plus(shared);
        }
        Ok(made)
    }

    fn copy_chunks(
        &self,
        workspace: &Workspace,
        spec: &Spec,
        shard: usize,
        records: &[Record],
    ) -> Result<Made, RunError> {
        let mut writer = workspace.begin_shard(spec, &self.arrays, shard)?;
        let reader = self.parent.reader().map_err(|e| RunError::io((self.parent.root().to_owned(), e)))?;
        for record in records {
            let mut chunks = Vec::new();
            if record.quarantined.is_none() {
                for array in &self.arrays {
                    chunks.push(reader.chunk(array.field, record.row)?);
                }
            }
            writer.push(&chunks).map_err(RunError::io)?;
        }
        let bytes = writer.finish().map_err(RunError::io)?;
        Ok(Made { bytes, ..Made::default() })
    }
}
