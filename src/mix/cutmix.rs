//! CutMix: a rectangle of B in A (arXiv 1905.04899 and 1906.01916).

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::mask::{Mask, Rect};
use crate::sample::Size;

/// A everywhere but in a rectangle, which shows B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutMix {
    /// How the rectangle is drawn.
    pub kind: CutMixKind,
}

/// How the rectangle is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutMixKind {
    /// Half of the picture's area, its width uniform from half of the picture's on, its place uniform (as in ClassMix's
    /// `transformmasks.py`).
    #[default]
    Half,
    /// Sides `sqrt(1 - lambda)` of the picture's with lambda uniform, around a uniform pixel, clipped (as in
    /// CutMix-PyTorch's `train.py`).
    Beta,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The rectangle that shows B, inside the picture.
    #[serde(flatten)]
    pub rect: Rect,
    /// Of `beta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
}

impl CutMix {
    /// Draws a rectangle.
    pub fn draw(&self, size: Size, draws: &mut Draws) -> Drawn {
        match self.kind {
            CutMixKind::Half => Drawn { rect: half(size, draws), lambda: None },
            CutMixKind::Beta => {
                let lambda = draws.unit();
                Drawn { rect: around(size, (1.0 - lambda).sqrt(), draws), lambda: Some(lambda) }
            }
        }
    }

    /// True outside the rectangle.
    #[must_use]
    pub fn mask(drawn: &Drawn, size: Size) -> Mask {
        Mask::inside(size, drawn.rect).inverted()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "positive")]
fn half(size: Size, draws: &mut Draws) -> Rect {
    let width = draws.between(size.width.div_ceil(2), size.width).max(1);
    let height = (size.n_pixels() as f64 / 2.0 / width as f64).round_ties_even() as usize;
    let height = height.min(size.height);
    let left = draws.between(0, size.width.saturating_sub(width));
    let top = draws.between(0, size.height - height);
    Rect { left, top, width, height }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "positive")]
fn around(size: Size, cut: f64, draws: &mut Draws) -> Rect {
    let reach = |n: usize| (n as f64 * cut).floor() as usize / 2;
    let (x, y) = (draws.below(size.width), draws.below(size.height));
    let span = |at: usize, reach: usize, n: usize| (at.saturating_sub(reach), (at + reach).min(n));
    let (left, right) = span(x, reach(size.width), size.width);
    let (top, bottom) = span(y, reach(size.height), size.height);
    Rect { left, top, width: right - left, height: bottom - top }
}
