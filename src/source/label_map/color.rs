use std::collections::HashMap;
use std::sync::LazyLock;

use ndarray::Array2;

use crate::label::ade20k;
use crate::sample::IGNORE;
use crate::source::picture::PictureError;

/// What the colours of an RGB map mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorCode {
    /// The usual palette of the 150 classes; black is *ignore*. `road` and `skyscraper` share a colour, which is read
    /// as `road`.
    #[default]
    Ade20k,
    /// The full ADE20K: class = red / 10 * 256 + green; blue counts instances.
    Ade20kFull,
    /// Nothing: the labels are of a space without known colours.
    Unknown,
}

/// Colour -> class. Classes of one colour: the first counts.
static CLASSES: LazyLock<HashMap<[u8; 3], u8>> = LazyLock::new(|| {
    let classes = ade20k::classes().iter().rev().map(|c| (c.color, c.id));
    classes.chain([(ade20k::palette()[usize::from(IGNORE)], IGNORE)]).collect()
});

impl ColorCode {
    pub(super) fn ids(self, colors: &Array2<[u8; 3]>) -> Result<Array2<u16>, PictureError> {
        match self {
            Self::Ade20k => by_palette(colors),
            Self::Unknown => {
                Err(PictureError::unexpected("class ids (colours mean classes in ADE20K only)", "an RGB picture"))
            }
            Self::Ade20kFull => Ok(colors.map(|&[red, green, _]| u16::from(red / 10) << 8 | u16::from(green))),
        }
    }
}

fn by_palette(colors: &Array2<[u8; 3]>) -> Result<Array2<u16>, PictureError> {
    let mut ids = Vec::with_capacity(colors.len());
    // Neighbours are mostly of one class.
    let mut last = ([0, 0, 0], u16::from(IGNORE));
    for ((y, x), &color) in colors.indexed_iter() {
        if color != last.0 {
            let class = CLASSES.get(&color).ok_or_else(|| {
                let [r, g, b] = color;
                PictureError::unexpected(
                    "colours of the ADE20K palette (an overlay or a smoothed picture cannot be turned back into classes)",
                    format!("{r},{g},{b} in row {y}, column {x}"),
                )
            })?;
            last = (color, u16::from(*class));
        }
        ids.push(last.1);
    }
    Array2::from_shape_vec(colors.raw_dim(), ids).map_err(|e| PictureError::unexpected("a map", e))
}
