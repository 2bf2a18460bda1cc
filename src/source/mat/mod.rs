//! MATLAB files: [`v73`] (HDF5 inside) and [`v5`] (MATLAB's own format), both read into a [`Value`].
//!
//! Neither needs MATLAB or a C library, and both are safe on damaged or hostile files.

pub mod hdf5;
pub mod v5;
pub mod v73;

mod error;
mod value;

use std::path::Path;

pub use error::Error;
pub use value::{Array, Numbers, Refusal, StructArray, Value, Variables};

/// The most memory that the values of one reading may take, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// Reads all variables of a small MAT file of either version.
///
/// # Errors
/// [`Error`]: the file cannot be read, is damaged, or is larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Variables, Error> {
    let n_bytes = std::fs::metadata(path)?.len();
    if n_bytes > MAX_BYTES {
        return Err(Error::TooLarge { what: "the file".to_owned(), limit: MAX_BYTES });
    }
    parse(std::fs::read(path)?)
}

/// The same over bytes in memory.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: Vec<u8>) -> Result<Variables, Error> {
    match v5::parse(&bytes) {
        Err(Error::Version73) => v73::File::from_bytes(bytes)?.read_all(),
        other => other,
    }
}
