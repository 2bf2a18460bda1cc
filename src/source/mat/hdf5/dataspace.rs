//! Dataspaces, versions 1 and 2 (section IV.A.2.b): the shape of a dataset or attribute.

use super::Result;
use super::fields::Fields;

/// libhdf5's own limit.
const MAX_RANK: u8 = 32;

/// A shape, slowest axis first; empty for a scalar. `None` stands for the null dataspace, which holds nothing.
pub(super) fn parse(mut fields: Fields<'_>) -> Result<Option<Vec<u64>>> {
    let (version, rank, flags) = (fields.u8()?, fields.u8()?, fields.u8()?);
    if rank > MAX_RANK {
        return Err(fields.damaged(format!("expected at most {MAX_RANK} axes, found {rank}")));
    }
    match version {
        1 if flags & 2 != 0 => return Err(fields.damaged("has the permutation index that was never put to use")),
        1 => fields.skip(5)?,
        2 => match fields.u8()? {
            0 | 1 => {}
            2 => return Ok(None),
            other => return Err(fields.damaged(format!("expected scalar, simple or null (0, 1, 2), found {other}"))),
        },
        other => return Err(fields.damaged(format!("expected version 1 or 2, found {other}"))),
    }
    let shape = (0..rank).map(|_| fields.u64()).collect::<Result<Vec<_>>>()?;
    if n_elements(&shape).is_none() {
        return Err(fields.damaged(format!("the shape {shape:?} has more elements than 64 bits can count")));
    }
    Ok(Some(shape))
}

/// Number of elements of a shape, unless it does not fit.
pub(super) fn n_elements(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |n, &side| n.checked_mul(side))
}
