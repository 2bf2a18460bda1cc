//! MAT version 5 to 7.2: a header of 128 bytes and tagged elements, each of which may be deflated as a whole.
//!
//! Numbers are often stored in a smaller integer type than their class; both byte orders occur. Complex, sparse,
//! object, opaque and function-handle values are [refused](super::Value::Refused) by class, the other variables are read.
//!
//! Source: *MAT-File Format*, The MathWorks, R2019b; class and type numbers that it leaves out (16, 17) as in SciPy.

mod element;
mod matrix;

use std::collections::BTreeMap;

use element::{Bytes, Kind};
use flate2::{Decompress, FlushDecompress, Status};

use super::{Error, MAX_BYTES, Variables};

const HEADER_BYTES: usize = 128;

/// Order of the bytes of all numbers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// Reads every variable of a MAT 5 file.
///
/// # Errors
/// [`Error::Version73`] for a MAT 7.3 file; [`Error::Damaged`] with the variable or byte; [`Error::TooLarge`] when the
/// values would take more than [`MAX_BYTES`].
pub fn parse(bytes: &[u8]) -> Result<Variables, Error> {
    parse_within(bytes, MAX_BYTES)
}

/// As [`parse`] with another limit on the memory of the values, in bytes.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(bytes: &[u8], limit: u64) -> Result<Variables, Error> {
    let order = header(bytes)?;
    let mut budget = limit;
    let mut variables = BTreeMap::new();
    let mut rest = Bytes::new(bytes.get(HEADER_BYTES..).unwrap_or_default(), order, "file");
    while !rest.is_empty() {
        let at = bytes.len() - rest.n_bytes();
        let place = format!("element at byte {at}");
        let element = rest.named(&place).element()?;
        rest = rest.after(&element);
        let inflated;
        let matrix = match element.kind {
            Kind::Compressed => {
                inflated = inflate(element.data, &mut budget, &place)?;
                let inner = Bytes::new(&inflated, order, &place).element()?;
                if inner.kind != Kind::Matrix {
                    return Err(Error::damaged(
                        place,
                        format_args!("expected a matrix inside, found {:?}", inner.kind),
                    ));
                }
                inner.data
            }
            Kind::Matrix => element.data,
            kind => return Err(Error::damaged(place, format_args!("expected a matrix, found {kind:?}"))),
        };
        let (name, value) = matrix::parse_variable(Bytes::new(matrix, order, &place), &mut budget)?;
        // The workspace that function handles and objects share has no name and is no variable.
        if !name.is_empty() && variables.insert(name.clone(), value).is_some() {
            return Err(Error::damaged(place, format_args!("a second variable `{name}`")));
        }
    }
    Ok(Variables(variables))
}

/// Checks the header and gives the byte order.
fn header(bytes: &[u8]) -> Result<Order, Error> {
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Err(Error::Version73);
    }
    let damaged = |reason: &str| Error::damaged("header", reason);
    let head = bytes.get(..HEADER_BYTES).ok_or_else(|| damaged("shorter than the 128 bytes of a MAT 5 header"))?;
    match head.get(124..) {
        Some([_, 1, b'I', b'M']) => Ok(Order::Little),
        Some([1, _, b'M', b'I']) => Ok(Order::Big),
        Some([.., b'I', b'M'] | [.., b'M', b'I']) => Err(damaged("expected version 0x0100")),
        _ => Err(damaged(
            "no `IM` or `MI` at byte 126: not a MAT 5 file; save it again from MATLAB with `-v7` or `-v7.3`",
        )),
    }
}

/// Inflates a whole element. The tag inside says how long it is, so that nothing is taken on trust beyond that.
fn inflate(deflated: &[u8], budget: &mut u64, place: &str) -> Result<Vec<u8>, Error> {
    const MAX_DEFLATE_RATIO: u64 = 1032;
    let limit = (deflated.len() as u64).saturating_mul(MAX_DEFLATE_RATIO).saturating_add(64).min(*budget);
    let mut inflate = Decompress::new(true);
    let mut inflated = Vec::with_capacity(deflated.len().saturating_mul(4).min(1 << 20));
    loop {
        let n_in = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let rest = deflated.get(n_in..).unwrap_or_default();
        let status = inflate.decompress_vec(rest, &mut inflated, FlushDecompress::Finish);
        match status {
            Ok(Status::StreamEnd) => break,
            Err(error) => return Err(Error::damaged(place, format_args!("not a deflate stream: {error}"))),
            Ok(_) if inflated.len() as u64 > limit => return Err(too_large(place)),
            // Room left over means that the input has ended.
            Ok(_) if inflated.len() < inflated.capacity() => {
                return Err(Error::damaged(
                    place,
                    format_args!("the deflate stream ends after {} bytes", inflated.len()),
                ));
            }
            Ok(_) => inflated.reserve(inflated.len().max(1 << 12)),
        }
    }
    *budget = budget.checked_sub(inflated.len() as u64).ok_or_else(|| too_large(place))?;
    Ok(inflated)
}

fn too_large(place: &str) -> Error {
    Error::TooLarge { what: place.to_owned(), limit: MAX_BYTES }
}
