//! Version 1 B-trees (section III.A.1), which index the members of a group and the chunks of a dataset.

use std::collections::HashSet;

use super::fields::Fields;
use super::storage::Storage;
use super::{Error, Result};

/// What a tree indexes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// A node of this tree, for messages.
    pub(super) part: &'static str,
    /// Type of its nodes, with a word for it.
    pub(super) node_type: (u8, &'static str),
    /// Bytes of a key.
    pub(super) key_bytes: u64,
}

const HEAD_BYTES: u64 = 24;
const ADDRESS_BYTES: u64 = 8;

/// Reads every key of the tree with `key` and gives those of its leaves to `leaf`, with the address beside each. Each
/// node is entered once, so neither a cycle nor a shared child can blow up the work.
pub(super) fn walk<K>(
    storage: &Storage,
    root: u64,
    kind: Kind,
    key: impl Fn(&mut Fields<'_>) -> Result<K>,
    mut leaf: impl FnMut(&Fields<'_>, K, u64) -> Result<()>,
) -> Result<()> {
    let Kind { part, node_type: (node_type, indexed), key_bytes } = kind;
    let mut seen = HashSet::new();
    let mut nodes = vec![(root, None)];
    while let Some((address, expected_level)) = nodes.pop() {
        let at = storage.place(address);
        if !seen.insert(address) {
            return Err(Error::damaged(part, at, "reached twice"));
        }
        let head = storage.read(part, address, HEAD_BYTES)?;
        let mut fields = Fields::new(part, at, &head);
        fields.signature(b"TREE")?;
        let (found_type, level, n_entries) = (fields.u8()?, fields.u8()?, fields.u16()?);
        if found_type != node_type {
            return Err(fields.damaged(format!("expected node type {node_type} ({indexed}), found {found_type}")));
        }
        if expected_level.is_some_and(|expected| expected != level) {
            return Err(fields.damaged(format!("level {level} does not follow from its parent's")));
        }
        let body_bytes = u64::from(n_entries) * (key_bytes + ADDRESS_BYTES);
        let body = storage.read(part, address.saturating_add(HEAD_BYTES), body_bytes)?;
        let mut fields = Fields::new(part, at, &body);
        for _ in 0..n_entries {
            let (key, child) = (key(&mut fields)?, fields.u64()?);
            match level.checked_sub(1) {
                Some(below) => nodes.push((child, Some(below))),
                None => leaf(&fields, key, child)?,
            }
        }
    }
    Ok(())
}
