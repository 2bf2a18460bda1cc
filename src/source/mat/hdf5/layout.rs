//! Data layout, versions 1 to 3 (section IV.A.2.i): where the elements of a dataset are.

use super::fields::Fields;
use super::{Error, Result};

/// Where the elements are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Layout {
    /// In the header itself.
    Compact(Vec<u8>),
    /// In one piece; without an address nothing was ever written.
    Contiguous { address: Option<u64> },
    /// In pieces of equal shape, found by a v1 B-tree.
    Chunked { tree: Option<u64>, chunk: Vec<u64>, element_bytes: u32 },
}

pub(super) fn parse(mut fields: Fields<'_>) -> Result<Layout> {
    match fields.u8()? {
        1 | 2 => parse_old(fields),
        3 => match fields.u8()? {
            0 => {
                let n_bytes = usize::from(fields.u16()?);
                Ok(Layout::Compact(fields.bytes(n_bytes)?.to_vec()))
            }
            1 => Ok(Layout::Contiguous { address: fields.address()? }),
            2 => {
                let n_axes = fields.u8()?;
                let tree = fields.address()?;
                chunked(&mut fields, n_axes, tree)
            }
            class => Err(fields.damaged(format!("expected layout class 0, 1 or 2, found {class}"))),
        },
        4 | 5 => Err(Error::newer("data layout version 4")),
        version => Err(fields.damaged(format!("expected version 1 to 3, found {version}"))),
    }
}

fn parse_old(mut fields: Fields<'_>) -> Result<Layout> {
    let (n_axes, class) = (fields.u8()?, fields.u8()?);
    fields.skip(5)?;
    match class {
        0 => {
            fields.skip(4 * usize::from(n_axes))?;
            let n_bytes = fields.u32()?;
            let n_bytes = usize::try_from(n_bytes).map_err(|_| fields.damaged("longer than memory"))?;
            Ok(Layout::Compact(fields.bytes(n_bytes)?.to_vec()))
        }
        1 => Ok(Layout::Contiguous { address: fields.address()? }),
        2 => {
            let tree = fields.address()?;
            chunked(&mut fields, n_axes, tree)
        }
        class => Err(fields.damaged(format!("expected layout class 0, 1 or 2, found {class}"))),
    }
}

/// The sides of a chunk; the last one listed is the size of an element.
fn chunked(fields: &mut Fields<'_>, n_axes: u8, tree: Option<u64>) -> Result<Layout> {
    let Some(rank) = n_axes.checked_sub(1).filter(|rank| (1..=32).contains(rank)) else {
        return Err(fields.damaged(format!("expected chunks of 1 to 32 axes and the element, found {n_axes}")));
    };
    let chunk = (0..rank).map(|_| fields.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    if chunk.contains(&0) {
        return Err(fields.damaged(format!("a chunk of shape {chunk:?} holds nothing")));
    }
    Ok(Layout::Chunked { tree, chunk, element_bytes: fields.u32()? })
}
