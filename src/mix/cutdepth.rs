//! CutDepth: a rectangle of the depth, as grey, over the image (arXiv 2107.07684).

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::edit::Edit;
use super::mask::{Mask, Rect};
use super::recipe::Unmixed;
use super::side::Side;
use crate::sample::Size;

/// Pastes depth into the image; depth and classes stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutDepth {
    /// `p` of the paper: the rectangle spans at most this share of what lies right of and below its corner.
    pub extent: f64,
    /// How depth becomes grey.
    pub paint: DepthPaint,
}

/// How depth becomes grey, in CutDepth and in its vertical form.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthPaint {
    /// The scale.
    pub encoding: Encoding,
    /// The depth that is white, in metres.
    pub max_m: f64,
    /// What pixels without a measurement become.
    pub missing: Missing,
}

/// The scale from metres to grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `255 * depth / max`, clipped, rounded half to even.
    #[default]
    Scaled,
    /// Metres in an image of 0..1, as PixelFormer pastes them: white from one metre on.
    Metres,
}

/// What pixels without a measurement become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Black.
    Zero,
    /// They keep their colour.
    KeepRgb,
    /// The depth of the densified copy; white where that is infinite.
    Filled,
}

impl CutDepth {
    /// Draws a rectangle.
    pub fn draw(&self, size: Size, draws: &mut Draws) -> Rect {
        let [a, b, c, d] = std::array::from_fn(|_| draws.unit());
        let (left, width) = stretch(size.width, a, c * self.extent);
        let (top, height) = stretch(size.height, b, d * self.extent);
        Rect { left, top, width, height }
    }
}

/// Start `floor(a n)` and length `max(floor((n - a n) share), 1)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 <= a < 1")]
pub(super) fn stretch(n: usize, a: f64, share: f64) -> (usize, usize) {
    let start = a * n as f64;
    (start.floor() as usize, ((n as f64 - start) * share).floor().max(1.0) as usize)
}

impl DepthPaint {
    /// Paints the depth inside the rectangle.
    ///
    /// # Errors
    /// Too few measurements to fill the missing ones.
    pub(super) fn edit(self, rect: Rect, side: Side<'_>) -> Result<Edit, Unmixed> {
        let size = side.sample.image.size();
        let mut mask = Mask::inside(size, rect);
        let filled = if self.missing == Missing::Filled { side.filled()? } else { Vec::new() };
        let metres = if filled.is_empty() { side.metres() } else { &filled };
        if self.missing == Missing::KeepRgb {
            mask.cells_mut().iter_mut().zip(metres).for_each(|(cell, &m)| *cell &= m > 0.0);
        }
        let grey = mask.cells().iter().zip(metres).map(|(&cell, &m)| if cell { self.grey(m) } else { 0 }).collect();
        Ok(Edit::grey(mask, grey))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clipped to 0..255")]
    fn grey(self, metres: f32) -> u8 {
        let value = match self.encoding {
            Encoding::Scaled => 255.0 * metres / self.max_m as f32,
            Encoding::Metres => 255.0 * metres,
        };
        value.clamp(0.0, 255.0).round_ties_even() as u8
    }
}
