//! The inside of a matrix element: flags, dimensions, name, then what the class needs.

use std::collections::BTreeMap;

use super::super::value::Numbers;
use super::super::{Array, Error, Refusal, StructArray, Value};
use super::element::{Bytes, Element, Kind};
use super::{Order, too_large};

/// Cells and structs may be nested this deep.
const MAX_DEPTH: usize = 32;
/// What a value takes beside its elements, for the account of memory.
const VALUE_BYTES: u64 = 128;

/// Class of a matrix, as its flags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Cell,
    Struct,
    Char,
    Numeric(&'static str),
    /// Read no further than its name.
    Refused {
        class: &'static str,
        kind: &'static str,
    },
}

impl Class {
    const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Cell,
            2 => Self::Struct,
            3 => Self::Refused { class: "object", kind: "object" },
            4 => Self::Char,
            5 => Self::Refused { class: "double", kind: "sparse" },
            6 => Self::Numeric("double"),
            7 => Self::Numeric("single"),
            8 => Self::Numeric("int8"),
            9 => Self::Numeric("uint8"),
            10 => Self::Numeric("int16"),
            11 => Self::Numeric("uint16"),
            12 => Self::Numeric("int32"),
            13 => Self::Numeric("uint32"),
            14 => Self::Numeric("int64"),
            15 => Self::Numeric("uint64"),
            16 => Self::Refused { class: "function_handle", kind: "function handle" },
            17 => Self::Refused { class: "opaque", kind: "object" },
            _ => return None,
        })
    }
}

/// Name and value of a variable.
pub(super) fn parse_variable(bytes: Bytes<'_, '_>, budget: &mut u64) -> Result<(String, Value), Error> {
    parse(bytes, 0, budget)
}

fn parse(mut bytes: Bytes<'_, '_>, depth: usize, budget: &mut u64) -> Result<(String, Value), Error> {
    take(budget, VALUE_BYTES, bytes)?;
    if depth > MAX_DEPTH {
        return Err(bytes.damaged(format_args!("nested deeper than {MAX_DEPTH}")));
    }
    if bytes.is_empty() {
        // How an empty element of a cell is written.
        return Ok((String::new(), Value::Numeric(Numbers::F64(Array { dims: vec![0, 0], data: Vec::new() }))));
    }
    let element = bytes.next()?;
    let &[flags, _] = element.u32s(bytes).as_slice() else { return Err(bytes.damaged("its flags are not two words")) };
    let (number, complex, logical) = (flags & 0xFF, flags & 0x800 != 0, flags & 0x200 != 0);
    let class = Class::from_number(number).ok_or_else(|| bytes.damaged(format_args!("no class {number}")))?;
    if number == 17 {
        return opaque(bytes);
    }
    let dims = dims(&bytes.next()?, bytes)?;
    let name = text(&bytes.next()?, bytes)?;
    let place = if name.is_empty() { bytes.place().to_owned() } else { format!("variable `{name}`") };
    let bytes = bytes.named(&place);
    let refused = |class: &str, kind| Value::Refused(Refusal { class: class.to_owned(), kind });
    let value = match class {
        Class::Refused { class, kind } => refused(class, kind),
        Class::Numeric(class) if complex => refused(class, "complex"),
        Class::Numeric(_) if logical => {
            let numbers = numbers(bytes, "uint8", dims, budget)?;
            let Numbers::U8(Array { dims, data }) = numbers else { return Err(bytes.damaged("expected truth values")) };
            Value::Logical(Array { dims, data: data.into_iter().map(|byte| byte != 0).collect() })
        }
        Class::Numeric(class) => Value::Numeric(numbers(bytes, class, dims, budget)?),
        Class::Char => Value::Char(chars(bytes, dims, budget)?),
        Class::Cell => Value::Cell(cells(bytes, dims, depth, budget)?),
        Class::Struct => Value::Struct(structs(bytes, dims, depth, budget)?),
    };
    Ok((name, value))
}

/// An object of a classdef class: its name, the type system and the class stand in place of the dimensions.
fn opaque(mut bytes: Bytes<'_, '_>) -> Result<(String, Value), Error> {
    let name = text(&bytes.next()?, bytes)?;
    let _type_system = bytes.next()?;
    let class = text(&bytes.next()?, bytes)?;
    Ok((name, Value::Refused(Refusal { class, kind: "object" })))
}

fn dims(element: &Element<'_>, bytes: Bytes<'_, '_>) -> Result<Vec<usize>, Error> {
    let dims: Vec<_> =
        element.u32s(bytes).into_iter().map(|side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
    let fits = element.kind == Kind::I32 && (2..=32).contains(&dims.len()) && n_elements(&dims).is_some();
    if fits { Ok(dims) } else { Err(bytes.damaged(format_args!("expected 2 to 32 dimensions, found {dims:?}"))) }
}

fn n_elements(dims: &[usize]) -> Option<usize> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter().try_fold(1_usize, |n, &side| n.checked_mul(side))
}

/// A name: ASCII in MATLAB's own files, UTF-8 in some others.
fn text(element: &Element<'_>, bytes: Bytes<'_, '_>) -> Result<String, Error> {
    let end = element.data.iter().position(|&byte| byte == 0).unwrap_or(element.data.len());
    let name = element.data.get(..end).unwrap_or_default().to_vec();
    match element.kind {
        Kind::I8 | Kind::U8 | Kind::Utf8 => String::from_utf8(name).map_err(|_| bytes.damaged("a name is not UTF-8")),
        kind => Err(bytes.damaged(format_args!("expected a name, found {kind:?}"))),
    }
}

/// Numbers of `class`, whatever type they are stored in.
fn numbers(mut bytes: Bytes<'_, '_>, class: &str, dims: Vec<usize>, budget: &mut u64) -> Result<Numbers, Error> {
    let n = n_elements(&dims).unwrap_or(usize::MAX);
    if n == 0 && bytes.is_empty() {
        return Numbers::decode(class, dims, &[], false).ok_or_else(|| bytes.damaged("no such class"));
    }
    let element = bytes.next()?;
    take(budget, (n as u64).saturating_mul(8), bytes)?;
    let big_endian = bytes.order() == Order::Big;
    let stored = stored_class(element.kind)
        .ok_or_else(|| bytes.damaged(format_args!("expected numbers, found {:?}", element.kind)))?;
    let found = Numbers::decode(stored, dims, element.data, big_endian);
    let found = found.ok_or_else(|| bytes.damaged("no such class"))?;
    let n_bytes = n.checked_mul(found.element_bytes());
    if n_bytes != Some(element.data.len()) {
        let reason = format!("expected {n} elements of type {stored}, found {} bytes", element.data.len());
        return Err(bytes.damaged(reason));
    }
    found.convert(class).ok_or_else(|| bytes.damaged(format_args!("a {stored} that does not fit class {class}")))
}

const fn stored_class(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::I8 => "int8",
        Kind::U8 => "uint8",
        Kind::I16 => "int16",
        Kind::U16 => "uint16",
        Kind::I32 => "int32",
        Kind::U32 => "uint32",
        Kind::F32 => "single",
        Kind::F64 => "double",
        Kind::I64 => "int64",
        Kind::U64 => "uint64",
        Kind::Matrix | Kind::Compressed | Kind::Utf8 | Kind::Utf16 | Kind::Utf32 => return None,
    })
}

/// Text in any of the encodings that occur, as UTF-16 code units.
fn chars(mut bytes: Bytes<'_, '_>, dims: Vec<usize>, budget: &mut u64) -> Result<Array<u16>, Error> {
    let n = n_elements(&dims).unwrap_or(usize::MAX);
    if n == 0 {
        return Ok(Array { dims, data: Vec::new() });
    }
    let element = bytes.next()?;
    take(budget, (element.data.len() as u64).saturating_mul(2), bytes)?;
    let big_endian = bytes.order() == Order::Big;
    let pairs = || {
        let read = if big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        element.data.as_chunks::<2>().0.iter().map(|&pair| read(pair)).collect::<Vec<_>>()
    };
    let data = match element.kind {
        // Bytes without a declared encoding are Latin-1, whose numbers are those of Unicode.
        Kind::I8 | Kind::U8 => element.data.iter().map(|&byte| u16::from(byte)).collect(),
        Kind::U16 | Kind::Utf16 => pairs(),
        Kind::Utf8 => {
            let text = std::str::from_utf8(element.data).map_err(|_| bytes.damaged("its text is not UTF-8"))?;
            text.encode_utf16().collect()
        }
        Kind::Utf32 => {
            let text: Option<String> = element.u32s(bytes).into_iter().map(char::from_u32).collect();
            text.ok_or_else(|| bytes.damaged("its text is not UTF-32"))?.encode_utf16().collect()
        }
        kind => return Err(bytes.damaged(format_args!("expected text, found {kind:?}"))),
    };
    if data.len() != n {
        return Err(bytes.damaged(format_args!("expected {n} characters, found {}", data.len())));
    }
    Ok(Array { dims, data })
}

fn cells(mut bytes: Bytes<'_, '_>, dims: Vec<usize>, depth: usize, budget: &mut u64) -> Result<Array<Value>, Error> {
    let n = n_elements(&dims).unwrap_or(usize::MAX);
    let data = values(&mut bytes, n, depth, budget)?;
    Ok(Array { dims, data })
}

/// Fields in turn for each element: the length of a name, all names, then the values.
fn structs(mut bytes: Bytes<'_, '_>, dims: Vec<usize>, depth: usize, budget: &mut u64) -> Result<StructArray, Error> {
    let length = bytes.next()?.u32s(bytes).first().copied().and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| (1..=256).contains(length));
    let length = length.ok_or_else(|| bytes.damaged("field names are not 1 to 256 bytes long"))?;
    let element = bytes.next()?;
    let name = |data| text(&element.part(data), bytes);
    let names = element.data.chunks_exact(length).map(name).collect::<Result<Vec<_>, _>>()?;
    let n = n_elements(&dims).unwrap_or(usize::MAX);
    let n_values = n.checked_mul(names.len()).ok_or_else(|| bytes.damaged("more values than memory"))?;
    let values = values(&mut bytes, n_values, depth, budget)?;
    let mut fields: BTreeMap<String, Vec<Value>> = names.iter().map(|name| (name.clone(), Vec::new())).collect();
    if fields.len() != names.len() {
        return Err(bytes.damaged("two fields of one name"));
    }
    for (value, name) in values.into_iter().zip(names.iter().cycle()) {
        if let Some(field) = fields.get_mut(name) {
            field.push(value);
        }
    }
    Ok(StructArray { dims, fields })
}

/// `n` matrices one after the other.
fn values(bytes: &mut Bytes<'_, '_>, n: usize, depth: usize, budget: &mut u64) -> Result<Vec<Value>, Error> {
    // Each takes a tag at least, which bounds the work by the bytes that are there.
    if n > bytes.n_bytes() / 8 {
        return Err(bytes.damaged(format_args!("expected {n} values, but only {} bytes are left", bytes.n_bytes())));
    }
    let mut values = Vec::new();
    for _ in 0..n {
        let element = bytes.next()?;
        if element.kind != Kind::Matrix {
            return Err(bytes.damaged(format_args!("expected a matrix, found {:?}", element.kind)));
        }
        let inner = Bytes::new(element.data, bytes.order(), bytes.place());
        values.push(parse(inner, depth + 1, budget)?.1);
    }
    Ok(values)
}

fn take(budget: &mut u64, n_bytes: u64, bytes: Bytes<'_, '_>) -> Result<(), Error> {
    *budget = budget.checked_sub(n_bytes).ok_or_else(|| too_large(bytes.place()))?;
    Ok(())
}
