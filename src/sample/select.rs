//! Choosing between two fields pixel by pixel.

/// Where the mask is true, `into` becomes `from`, in every plane of the size of the mask.
///
/// Fields are kept in standard layout, so there is a slice; fields of other sizes are left as they are beyond the
/// shorter one.
pub(super) fn planes<T: Copy>(mask: &[bool], into: Option<&mut [T]>, from: Option<&[T]>) {
    let (Some(into), Some(from)) = (into, from) else { return };
    if mask.is_empty() {
        return;
    }
    for (into, from) in into.chunks_exact_mut(mask.len()).zip(from.chunks_exact(mask.len())) {
        for ((into, &from), &take) in into.iter_mut().zip(from).zip(mask) {
            *into = if take { from } else { *into };
        }
    }
}
