//! Choosing between two fields pixel by pixel.

/// Masks are whole areas for the most part: most blocks of so many pixels are copied or left as they are.
const BLOCK: usize = 64;

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
        for ((into, from), mask) in into.chunks_mut(BLOCK).zip(from.chunks(BLOCK)).zip(mask.chunks(BLOCK)) {
            let n = mask.iter().map(|&take| u8::from(take)).sum::<u8>();
            if usize::from(n) == mask.len() {
                into.copy_from_slice(from);
            } else if n > 0 {
                for ((into, &from), &take) in into.iter_mut().zip(from).zip(mask) {
                    *into = if take { from } else { *into };
                }
            }
        }
    }
}
