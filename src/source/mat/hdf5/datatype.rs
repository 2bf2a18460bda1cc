//! Datatypes (section IV.A.2.d): the ones MATLAB and NumPy data need; the others are known by name only.

use super::Result;
use super::fields::Fields;

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant first.
    Little,
    /// Most significant first.
    Big,
}

/// Type of an element. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Datatype {
    /// A whole number of 1, 2, 4 or 8 bytes.
    Integer {
        /// Size.
        size: u32,
        /// Two's complement.
        signed: bool,
        /// Byte order.
        order: ByteOrder,
    },
    /// An IEEE 754 number of 4 or 8 bytes.
    Float {
        /// Size.
        size: u32,
        /// Byte order.
        order: ByteOrder,
    },
    /// Text of a fixed number of bytes, padded with zeros or blanks.
    String {
        /// Size.
        size: u32,
    },
    /// The address of an object header, 8 bytes.
    Reference,
    /// Anything else.
    Other {
        /// What HDF5 calls it.
        name: &'static str,
        /// Size.
        size: u32,
    },
}

impl Datatype {
    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> u32 {
        match self {
            Self::Integer { size, .. }
            | Self::Float { size, .. }
            | Self::String { size }
            | Self::Other { size, .. } => size,
            Self::Reference => 8,
        }
    }

    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self> {
        let class_and_version = fields.u8()?;
        let bits = [fields.u8()?, fields.u8()?, fields.u8()?];
        let size = fields.u32()?;
        if size == 0 {
            return Err(fields.damaged("an element of no bytes"));
        }
        let version = class_and_version >> 4;
        if !(1..=3).contains(&version) {
            return Err(fields.damaged(format!("expected version 1 to 3, found {version}")));
        }
        let order = if bits[0] & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big };
        let other = |name| Ok(Self::Other { name, size });
        match class_and_version & 15 {
            0 => {
                let (offset, precision) = (fields.u16()?, fields.u16()?);
                let whole = offset == 0 && u32::from(precision) == size.saturating_mul(8);
                if !whole || !matches!(size, 1 | 2 | 4 | 8) {
                    return other("integer of unusual width");
                }
                Ok(Self::Integer { size, signed: bits[0] & 8 != 0, order })
            }
            1 => {
                let (offset, precision) = (fields.u16()?, fields.u16()?);
                let [e_place, e_size, m_place, m_size] = [fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?];
                let (parts, bias) = ([bits[1], e_place, e_size, m_place, m_size], fields.u32()?);
                let ieee = match size {
                    4 => parts == [31, 23, 8, 0, 23] && bias == 127,
                    8 => parts == [63, 52, 11, 0, 52] && bias == 1023,
                    _ => false,
                };
                let whole = offset == 0 && u32::from(precision) == size.saturating_mul(8);
                let vax = bits[0] & 0x40 != 0;
                if ieee && whole && !vax {
                    Ok(Self::Float { size, order })
                } else {
                    other("float that is not IEEE single or double")
                }
            }
            2 => other("time"),
            3 => Ok(Self::String { size }),
            4 => other("bit field"),
            5 => other("opaque"),
            6 => other("compound"),
            7 if bits[0] & 15 == 0 && size == 8 => Ok(Self::Reference),
            7 => other("region reference"),
            8 => other("enumeration"),
            9 => other("variable length"),
            10 => other("array"),
            class => Err(fields.damaged(format!("unknown class {class}"))),
        }
    }
}
