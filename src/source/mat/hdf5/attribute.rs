//! Attributes, versions 1 to 3 (section IV.A.2.m).

use super::datatype::{ByteOrder, Datatype};
use super::fields::Fields;
use super::{Result, dataspace};

/// A small value attached to a group or dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Type of its elements.
    pub datatype: Datatype,
    /// Its elements as stored.
    pub data: Vec<u8>,
}

impl Attribute {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<(String, Self)> {
        let (version, flags) = (fields.u8()?, fields.u8()?);
        if !(1..=3).contains(&version) {
            return Err(fields.damaged(format!("expected version 1 to 3, found {version}")));
        }
        let n_bytes = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
        if version == 3 {
            fields.skip(1)?; // character set of the name
        }
        // Version 1 pads each part to a multiple of 8.
        let mut part = |n_bytes: usize| {
            let bytes = fields.bytes(if version == 1 { n_bytes.next_multiple_of(8) } else { n_bytes })?;
            Ok::<_, super::Error>(bytes.get(..n_bytes).unwrap_or(bytes))
        };
        let (name, datatype, space) = (part(n_bytes[0])?, part(n_bytes[1])?, part(n_bytes[2])?);
        let name = text(name).ok_or_else(|| fields.damaged("its name is not UTF-8"))?;
        if version > 1 && flags & 3 != 0 {
            let datatype = Datatype::Other { name: "committed datatype", size: 0 };
            return Ok((name, Self { datatype, data: Vec::new() }));
        }
        let block = |part, bytes| Fields::new(part, fields.at(), bytes);
        let datatype = Datatype::parse(block("attribute datatype", datatype))?;
        let shape = dataspace::parse(block("attribute dataspace", space))?;
        let n_bytes = shape.map_or(Some(0), |shape| {
            dataspace::n_elements(&shape)?.checked_mul(u64::from(datatype.size())).and_then(|n| usize::try_from(n).ok())
        });
        let data = n_bytes.and_then(|n_bytes| fields.rest().get(..n_bytes));
        let data = data.ok_or_else(|| fields.damaged(format!("the value of `{name}` is longer than its message")))?;
        Ok((name, Self { datatype, data: data.to_vec() }))
    }

    /// The value as text, without the padding.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Datatype::String { .. } = self.datatype else { return None };
        Some(text(&self.data)?.trim_end_matches(' ').to_owned())
    }

    /// The first element as a whole number.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        let Datatype::Integer { size, signed, order } = self.datatype else { return None };
        let size = usize::try_from(size).ok()?;
        let mut digits = self.data.get(..size)?.to_vec();
        if order == ByteOrder::Big {
            digits.reverse();
        }
        let negative = signed && digits.last().is_some_and(|&byte| byte >= 0x80);
        let mut wide = [if negative { 0xFF } else { 0 }; 8];
        wide.get_mut(..size)?.copy_from_slice(&digits);
        let value = i64::from_le_bytes(wide);
        (signed || value >= 0).then_some(value)
    }
}

/// Text up to the first zero.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8(bytes.get(..end)?.to_vec()).ok()
}
