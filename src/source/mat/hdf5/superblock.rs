//! The superblock, versions 0 and 1 (section II.A).

use super::fields::Fields;
use super::storage::{ReadAt, Storage};
use super::{Error, Result};

const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";
const PART: &str = "superblock";
/// Bytes of version 1, the longer of the two, with its root entry.
const LONGEST: u64 = 100;

/// Finds and checks the superblock; gives the storage with its base, and the address of the root group's header.
pub(super) fn read(source: Box<dyn ReadAt>) -> Result<(Storage, u64)> {
    let base = find(source.as_ref())?;
    let n_bytes = source.n_bytes();
    let storage = Storage::new(source, base);
    let block = storage.read(PART, 0, LONGEST.min(n_bytes - base))?;
    let mut fields = Fields::new(PART, base, &block);
    fields.skip(SIGNATURE.len())?;
    let version = fields.u8()?;
    if version > 1 {
        return Err(Error::newer(format_args!("superblock version {version}")));
    }
    fields.skip(4)?; // versions of the free-space storage, root entry and shared headers; one reserved
    let (offset_bytes, length_bytes) = (fields.u8()?, fields.u8()?);
    if (offset_bytes, length_bytes) != (8, 8) {
        let reason = format!("expected offsets and lengths of 8 bytes, found {offset_bytes} and {length_bytes}");
        return Err(Error::Unsupported(format!("superblock: {reason}")));
    }
    fields.skip(1 + 2 + 2 + 4)?; // reserved, group leaf and internal k, consistency flags
    if version == 1 {
        fields.skip(2 + 2)?; // chunk tree k, reserved
    }
    let stated_base = fields.u64()?;
    fields.skip(8)?; // free-space information
    let stated_end = fields.u64()?;
    fields.skip(8 + 8)?; // driver information; link name offset of the root entry
    let root = fields.u64()?;

    // A user block added or cut off later moves the superblock but not what it says of itself.
    let end = i128::from(stated_end) - i128::from(stated_base) + i128::from(base);
    if end > i128::from(n_bytes) {
        return Err(fields.damaged(format!("the file should have {end} bytes but ends at {n_bytes}: it was cut short")));
    }
    Ok((storage, root))
}

/// The signature stands at 0, 512, 1024, 2048, ...
fn find(source: &dyn ReadAt) -> Result<u64> {
    let mut at = 0_u64;
    while at.saturating_add(SIGNATURE.len() as u64) <= source.n_bytes() {
        let mut found = [0; SIGNATURE.len()];
        source.read_exact_at(&mut found, at)?;
        if found == SIGNATURE {
            return Ok(at);
        }
        at = if at == 0 { 512 } else { at.saturating_mul(2) };
    }
    Err(Error::NotHdf5)
}
