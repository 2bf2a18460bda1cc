//! Tagged elements: eight bytes of type and length, then the data, padded to eight bytes; up to four bytes of data fit
//! into the tag itself.

use super::super::Error;
use super::Order;

/// Type of the data of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
    Matrix,
    Compressed,
    Utf8,
    Utf16,
    Utf32,
}

impl Kind {
    const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::I8,
            2 => Self::U8,
            3 => Self::I16,
            4 => Self::U16,
            5 => Self::I32,
            6 => Self::U32,
            7 => Self::F32,
            9 => Self::F64,
            12 => Self::I64,
            13 => Self::U64,
            14 => Self::Matrix,
            15 => Self::Compressed,
            16 => Self::Utf8,
            17 => Self::Utf16,
            18 => Self::Utf32,
            _ => return None,
        })
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) kind: Kind,
    pub(super) data: &'a [u8],
    /// Bytes it takes with tag and padding.
    n_bytes: usize,
}

/// Bytes that hold elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a, 'p> {
    rest: &'a [u8],
    order: Order,
    /// For messages.
    place: &'p str,
}

impl<'a, 'p> Bytes<'a, 'p> {
    pub(super) fn new(bytes: &'a [u8], order: Order, place: &'p str) -> Self {
        Self { rest: bytes, order, place }
    }

    pub(super) fn named<'q>(self, place: &'q str) -> Bytes<'a, 'q> {
        Bytes { rest: self.rest, order: self.order, place }
    }

    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn n_bytes(self) -> usize {
        self.rest.len()
    }

    pub(super) fn order(self) -> Order {
        self.order
    }

    pub(super) fn place(self) -> &'p str {
        self.place
    }

    pub(super) fn damaged(self, reason: impl std::fmt::Display) -> Error {
        Error::damaged(self.place, reason)
    }

    /// The first element.
    pub(super) fn element(self) -> Result<Element<'a>, Error> {
        let ends = || self.damaged("ends inside an element");
        let (tag, rest) = self.rest.split_first_chunk::<8>().ok_or_else(ends)?;
        let [word, second] = [tag.first_chunk::<4>(), tag.last_chunk::<4>()].map(|word| self.u32(word));
        let kind =
            |number| Kind::from_number(number).ok_or_else(|| self.damaged(format_args!("no data type {number}")));
        let small = word >> 16;
        if small != 0 {
            let data = usize::try_from(small).ok().filter(|&n| n <= 4).and_then(|n| tag.get(4..4 + n));
            let data =
                data.ok_or_else(|| self.damaged(format_args!("expected at most 4 bytes in a tag, found {small}")))?;
            return Ok(Element { kind: kind(word & 0xFFFF)?, data, n_bytes: 8 });
        }
        let kind = kind(word)?;
        let length = usize::try_from(second).map_err(|_| ends())?;
        let data = rest.get(..length).ok_or_else(|| {
            self.damaged(format_args!("an element of {length} bytes, but only {} are left", rest.len()))
        })?;
        // A deflated element is not padded; padding may be missing at the very end.
        let padded = if kind == Kind::Compressed { length } else { length.next_multiple_of(8) };
        Ok(Element { kind, data, n_bytes: (8 + padded).min(self.rest.len()) })
    }

    /// What follows an element that began here.
    pub(super) fn after(self, element: &Element<'_>) -> Self {
        Self { rest: self.rest.get(element.n_bytes..).unwrap_or_default(), ..self }
    }

    /// The first element, and moves on.
    pub(super) fn next(&mut self) -> Result<Element<'a>, Error> {
        let element = self.element()?;
        *self = self.after(&element);
        Ok(element)
    }

    fn u32(self, word: Option<&[u8; 4]>) -> u32 {
        let word = word.copied().unwrap_or_default();
        if self.order == Order::Big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }
}

impl<'a> Element<'a> {
    /// An element of the same type with a part of the data.
    pub(super) fn part(&self, data: &'a [u8]) -> Self {
        Self { data, ..*self }
    }

    /// The data as whole 32-bit numbers.
    pub(super) fn u32s(&self, bytes: Bytes<'_, '_>) -> Vec<u32> {
        self.data.as_chunks::<4>().0.iter().map(|word| bytes.u32(Some(word))).collect()
    }
}
