//! Object headers, version 1 (section IV.A.1.a): the messages that describe a group or a dataset.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::fields::Fields;
use super::storage::Storage;
use super::{Attribute, Dataset, Error, Group, Result};

const PART: &str = "object header";
/// A header with all its continuations may be this long; libhdf5 keeps one attribute below 64 KiB.
const MAX_BYTES: u64 = 8 << 20;

/// The message types this reader knows (section IV.A.2).
pub(super) mod kind {
    pub(in super::super) const DATASPACE: u16 = 0x0001;
    pub(in super::super) const LINK_INFO: u16 = 0x0002;
    pub(in super::super) const DATATYPE: u16 = 0x0003;
    pub(in super::super) const OLD_FILL: u16 = 0x0004;
    pub(in super::super) const FILL: u16 = 0x0005;
    pub(in super::super) const LINK: u16 = 0x0006;
    pub(in super::super) const EXTERNAL: u16 = 0x0007;
    pub(in super::super) const LAYOUT: u16 = 0x0008;
    pub(in super::super) const FILTERS: u16 = 0x000B;
    pub(in super::super) const ATTRIBUTE: u16 = 0x000C;
    pub(in super::super) const CONTINUATION: u16 = 0x0010;
    pub(in super::super) const SYMBOL_TABLE: u16 = 0x0011;
    pub(in super::super) const ATTRIBUTE_INFO: u16 = 0x0015;
}

/// One header message.
#[derive(Debug)]
struct Message {
    kind: u16,
    /// Kept elsewhere in the file, as committed datatypes are.
    shared: bool,
    body: Vec<u8>,
}

/// A group or dataset, as far as its header tells.
#[derive(Debug)]
pub struct Object {
    storage: Arc<Storage>,
    address: u64,
    messages: Vec<Message>,
}

impl Object {
    pub(super) fn read(storage: &Arc<Storage>, address: u64) -> Result<Self> {
        let at = storage.place(address);
        let prefix = storage.read(PART, address, 16)?;
        if prefix.starts_with(b"OHDR") {
            return Err(Error::newer(format_args!("the object header at byte {at} (version 2)")));
        }
        let mut fields = Fields::new(PART, at, &prefix);
        let version = fields.u8()?;
        if version != 1 {
            return Err(fields.damaged(format!("expected version 1, found {version}")));
        }
        fields.skip(1)?;
        let n_messages = fields.u16()?;
        fields.skip(4)?; // number of references to this object
        let n_bytes = fields.u32()?;
        let first = address.checked_add(16).ok_or_else(|| fields.damaged("lies outside the file"))?;

        let mut header = Self { storage: Arc::clone(storage), address, messages: Vec::new() };
        header.read_blocks(first, u64::from(n_bytes), usize::from(n_messages))?;
        Ok(header)
    }

    /// Reads the first block and those it continues in, until all messages are there.
    fn read_blocks(&mut self, address: u64, n_bytes: u64, n_messages: usize) -> Result<()> {
        let mut blocks = vec![(address, n_bytes)];
        let (mut seen, mut total_bytes, mut n_read) = (HashSet::new(), 0_u64, 0);
        while let Some((address, n_bytes)) = blocks.pop() {
            let at = self.storage.place(address);
            total_bytes = total_bytes.saturating_add(n_bytes);
            if !seen.insert(address) {
                return Err(Error::damaged(PART, at, "a continuation leads back to a block already read"));
            }
            if total_bytes > MAX_BYTES {
                return Err(Error::damaged(PART, at, format_args!("longer than {MAX_BYTES} bytes")));
            }
            let block = self.storage.read(PART, address, n_bytes)?;
            let mut fields = Fields::new(PART, at, &block);
            // A gap too small for a message may stay at the end of a block.
            while fields.rest().len() >= 8 && n_read < n_messages {
                let (kind, length, flags) = (fields.u16()?, fields.u16()?, fields.u8()?);
                fields.skip(3)?;
                let body = fields.bytes(usize::from(length))?;
                n_read += 1;
                let shared = flags & 2 != 0;
                if kind == kind::CONTINUATION {
                    let mut target = Fields::new("object header continuation", at, body);
                    blocks.push((target.u64()?, target.u64()?));
                } else if kind != 0 {
                    self.messages.push(Message { kind, shared, body: body.to_vec() });
                }
            }
        }
        if n_read < n_messages {
            let reason = format!("expected {n_messages} messages, found {n_read}");
            return Err(Error::damaged(PART, self.at(), reason));
        }
        Ok(())
    }

    pub(super) fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// Place of the header in the file, for messages.
    pub(super) fn at(&self) -> u64 {
        self.storage.place(self.address)
    }

    pub(super) fn has(&self, kind: u16) -> bool {
        self.messages.iter().any(|message| message.kind == kind)
    }

    /// The body of the first message of a kind.
    pub(super) fn message(&self, kind: u16, part: &'static str) -> Result<Option<Fields<'_>>> {
        let Some(message) = self.messages.iter().find(|message| message.kind == kind) else { return Ok(None) };
        if message.shared {
            return Err(Error::Unsupported(format!(
                "the {part} of the object at byte {} is shared (a committed datatype), which this reader does not follow",
                self.at()
            )));
        }
        Ok(Some(Fields::new(part, self.at(), &message.body)))
    }

    /// As [`message`](Self::message), for those a dataset must have.
    pub(super) fn needed(&self, kind: u16, part: &'static str) -> Result<Fields<'_>> {
        self.message(kind, part)?.ok_or_else(|| Error::damaged(PART, self.at(), format_args!("has no {part}")))
    }

    /// Whether this is a group.
    #[must_use]
    pub fn is_group(&self) -> bool {
        [kind::SYMBOL_TABLE, kind::LINK_INFO, kind::LINK].into_iter().any(|kind| self.has(kind))
    }

    /// Whether this is a dataset.
    #[must_use]
    pub fn is_dataset(&self) -> bool {
        self.has(kind::DATASPACE) && self.has(kind::LAYOUT)
    }

    /// The attributes by name.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Unsupported`] when they are kept in a fractal heap.
    pub fn attributes(&self) -> Result<BTreeMap<String, Attribute>> {
        if self.has(kind::ATTRIBUTE_INFO) {
            return Err(Error::newer("attribute storage in a fractal heap"));
        }
        let attributes = self.messages.iter().filter(|message| message.kind == kind::ATTRIBUTE && !message.shared);
        attributes.map(|message| Attribute::parse(Fields::new("attribute", self.at(), &message.body))).collect()
    }

    /// The members of this group.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Unsupported`] for the newer kinds of group.
    pub fn read_group(self) -> Result<Group> {
        Group::read(self)
    }

    /// Shape, type, layout and filters of this dataset.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Unsupported`].
    pub fn read_dataset(&self) -> Result<Dataset> {
        Dataset::read(self)
    }
}
