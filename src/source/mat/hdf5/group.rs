//! Groups as symbol tables: a local heap with the names and a v1 B-tree of symbol nodes (sections III.A to III.D).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::btree::{self, Kind};
use super::fields::Fields;
use super::object::{Object, kind};
use super::storage::Storage;
use super::{Attribute, Dataset, Error, Result};

/// MATLAB allows 63 characters; other programs have used long paths.
const MAX_NAME_BYTES: usize = 1024;
/// Bytes of one symbol table entry.
const ENTRY_BYTES: u64 = 40;
/// Cache type of an entry that is a soft link: it has no object of its own.
const SOFT_LINK: u32 = 2;

/// The members of a group.
#[derive(Debug)]
pub struct Group {
    object: Object,
    members: BTreeMap<String, u64>,
}

impl Group {
    pub(super) fn read(object: Object) -> Result<Self> {
        if !object.has(kind::SYMBOL_TABLE) && object.is_group() {
            return Err(Error::newer(format_args!("the group at byte {} (links in its header)", object.at())));
        }
        let mut table = object.needed(kind::SYMBOL_TABLE, "symbol table")?;
        let (tree, heap) = (table.u64()?, table.u64()?);
        let names = Names::read(object.storage(), heap)?;
        let mut members = BTreeMap::new();
        let mut visit = |name: String, address: u64| {
            let twice = members.insert(name.clone(), address).is_some();
            if twice { Err(Error::damaged("group", object.at(), format_args!("two members `{name}`"))) } else { Ok(()) }
        };
        walk(object.storage(), tree, &names, &mut visit)?;
        Ok(Self { object, members })
    }

    /// Name and header address of every member, sorted by name.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<String, u64> {
        &self.members
    }

    /// The attributes of the group itself.
    ///
    /// # Errors
    /// As [`Object::attributes`].
    pub fn attributes(&self) -> Result<BTreeMap<String, Attribute>> {
        self.object.attributes()
    }

    /// The member `name`.
    ///
    /// # Errors
    /// [`Error::Missing`], or as [`File::object`](super::File::object).
    pub fn object(&self, name: &str) -> Result<Object> {
        let address = self.members.get(name).ok_or_else(|| Error::Missing(name.to_owned()))?;
        Object::read(self.object.storage(), *address)
    }

    /// The dataset `name`.
    ///
    /// # Errors
    /// [`Error::Missing`], or as [`Object::read_dataset`].
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        self.object(name)?.read_dataset()
    }
}

/// Visits the symbols of every node of the tree.
fn walk(
    storage: &Arc<Storage>,
    root: u64,
    names: &Names,
    visit: &mut dyn FnMut(String, u64) -> Result<()>,
) -> Result<()> {
    // A key is the place in the heap of the last name below.
    let kind = Kind { part: "group B-tree node", node_type: (0, "group"), key_bytes: 8 };
    let mut seen = HashSet::new();
    btree::walk(
        storage,
        root,
        kind,
        |fields| fields.skip(8),
        |fields, (), node| {
            if !seen.insert(node) {
                return Err(fields.damaged("a symbol node is reached twice"));
            }
            read_node(storage, node, names, visit)
        },
    )
}

fn read_node(
    storage: &Arc<Storage>,
    address: u64,
    names: &Names,
    visit: &mut dyn FnMut(String, u64) -> Result<()>,
) -> Result<()> {
    const PART: &str = "symbol node";
    let at = storage.place(address);
    let head = storage.read(PART, address, 8)?;
    let mut fields = Fields::new(PART, at, &head);
    fields.signature(b"SNOD")?;
    let version = fields.u8()?;
    if version != 1 {
        return Err(fields.damaged(format!("expected version 1, found {version}")));
    }
    fields.skip(1)?;
    let n_symbols = fields.u16()?;
    let body = storage.read(PART, address.saturating_add(8), u64::from(n_symbols) * ENTRY_BYTES)?;
    let mut fields = Fields::new(PART, at, &body);
    for _ in 0..n_symbols {
        let (name, header, cache) = (fields.u64()?, fields.u64()?, fields.u32()?);
        fields.skip(4 + 16)?; // reserved; scratch pad, which only repeats what the header says
        if cache != SOFT_LINK {
            visit(names.get(name)?, header)?;
        }
    }
    Ok(())
}

/// The local heap: names, each ended by a zero.
struct Names {
    at: u64,
    data: Vec<u8>,
}

impl Names {
    const PART: &'static str = "local heap";

    fn read(storage: &Arc<Storage>, address: u64) -> Result<Self> {
        let at = storage.place(address);
        let head = storage.read(Self::PART, address, 32)?;
        let mut fields = Fields::new(Self::PART, at, &head);
        fields.signature(b"HEAP")?;
        let version = fields.u8()?;
        if version != 0 {
            return Err(fields.damaged(format!("expected version 0, found {version}")));
        }
        fields.skip(3)?;
        let n_bytes = fields.u64()?;
        fields.skip(8)?; // free list
        let data = storage.read(Self::PART, fields.u64()?, n_bytes)?;
        Ok(Self { at, data })
    }

    fn get(&self, offset: u64) -> Result<String> {
        let tail = usize::try_from(offset).ok().and_then(|offset| self.data.get(offset..));
        let name = tail.and_then(|tail| {
            let end = tail.iter().take(MAX_NAME_BYTES + 1).position(|&byte| byte == 0)?;
            std::str::from_utf8(&tail[..end]).ok()
        });
        name.filter(|name| !name.is_empty()).map(str::to_owned).ok_or_else(|| {
            let reason = format!("no name of at most {MAX_NAME_BYTES} UTF-8 bytes at its byte {offset}");
            Error::damaged(Self::PART, self.at, reason)
        })
    }
}
