use super::mask::Mask;
use crate::sample::{Sample, Selection, Size};

/// Two samples that lie on different grids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot mix {a} with {b}: crop or pad them to one size first (`sdprep convert --fit`)")]
pub struct Misfit {
    /// Size of A, or of the mask.
    pub a: Size,
    /// Size of B.
    pub b: Size,
}

/// The one way in which two samples become one: where the mask is true every field comes from A, elsewhere it stays
/// B's. No value is blended, so missing depth (0) and ignored classes (255) travel as they are.
///
/// B is the background and is taken by value: its memory becomes the result's. A field that only one of them has is
/// dropped; the camera stays B's.
///
/// # Errors
/// The sizes differ.
pub fn compose(mask: &Mask, a: &Sample, mut b: Sample) -> Result<Sample, Misfit> {
    let size = b.image.size();
    for other in [mask.size(), a.image.size()] {
        if other != size {
            return Err(Misfit { a: other, b: size });
        }
    }
    let chosen = Selection::of(mask.cells());
    b.image.take(&chosen, &a.image);
    b.depth.take(&chosen, &a.depth);
    b.semantics = both(b.semantics, a.semantics.as_ref(), |b, a| b.take(&chosen, a));
    b.confidence = both(b.confidence, a.confidence.as_ref(), |b, a| b.take(&chosen, a));
    b.raw_depth = both(b.raw_depth, a.raw_depth.as_ref(), |b, a| b.take(&chosen, a));
    Ok(b)
}

fn both<T>(b: Option<T>, a: Option<&T>, take: impl FnOnce(&mut T, &T)) -> Option<T> {
    let (mut b, a) = (b?, a?);
    take(&mut b, a);
    Some(b)
}
