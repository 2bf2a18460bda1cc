//! Vertical CutDepth: a stripe of the full height (GLPDepth, arXiv 2201.07436).

use serde::{Deserialize, Serialize};

use super::cutdepth::{DepthPaint, stretch};
use super::draws::Draws;
use super::mask::Rect;
use crate::sample::Size;

/// As [`CutDepth`](super::CutDepth), with a stripe of the full height, which keeps long vertical structure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VCutDepth {
    /// `p` of the paper: the stripe spans at most this share of what lies right of its left end.
    pub extent: f64,
    /// How depth becomes grey.
    pub paint: DepthPaint,
}

impl VCutDepth {
    /// Draws a stripe.
    pub fn draw(&self, size: Size, draws: &mut Draws) -> Rect {
        let [a, b] = std::array::from_fn(|_| draws.unit());
        let (left, width) = stretch(size.width, a, b * self.extent);
        Rect { left, top: 0, width, height: size.height }
    }
}
