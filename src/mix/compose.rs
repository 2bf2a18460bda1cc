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
/// The memory of the sample that gives more pixels becomes the result's. A field that only one of them has is dropped;
/// the camera is that of B, the background.
///
/// # Errors
/// The sizes differ.
pub fn compose(mask: &Mask, a: Sample, b: Sample) -> Result<Sample, Misfit> {
    let size = b.image.size();
    for other in [mask.size(), a.image.size()] {
        if other != size {
            return Err(Misfit { a: other, b: size });
        }
    }
    let intrinsics = b.intrinsics;
    let mostly_a = mask.share() > 0.5;
    let (most, rest) = if mostly_a { (a, b) } else { (b, a) };
    Ok(Sample { intrinsics, ..with(most, &Selection::of(mask.cells(), !mostly_a), &rest) })
}

/// A sample whose chosen pixels are those of another.
fn with(mut sample: Sample, chosen: &Selection, other: &Sample) -> Sample {
    sample.image.take(chosen, &other.image);
    sample.depth.take(chosen, &other.depth);
    sample.semantics = both(sample.semantics, other.semantics.as_ref(), |s, o| s.take(chosen, o));
    sample.confidence = both(sample.confidence, other.confidence.as_ref(), |s, o| s.take(chosen, o));
    sample.raw_depth = both(sample.raw_depth, other.raw_depth.as_ref(), |s, o| s.take(chosen, o));
    sample
}

fn both<T>(field: Option<T>, other: Option<&T>, take: impl FnOnce(&mut T, &T)) -> Option<T> {
    let (mut field, other) = (field?, other?);
    take(&mut field, other);
    Some(field)
}
