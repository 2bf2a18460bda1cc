use std::sync::Arc;

use ndarray::Array2;
use serde_json::Value;

use super::Base;
use crate::label::ColorTable;
use crate::source::picture::PictureError;

/// What the colours of an RGB map mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColorCode {
    /// The usual palette of the 150 classes; black is *ignore*. `road` and `skyscraper` share a colour, which is read
    /// as `road`.
    #[default]
    Ade20k,
    /// The full ADE20K: class = red / 10 * 256 + green; blue counts instances.
    Ade20kFull,
    /// The published colours of other classes.
    Published(&'static ColorTable),
    /// A table of the user's own.
    Own(Arc<ColorTable>),
    /// Nothing: the labels are of a space without published colours.
    Unknown,
}

impl ColorCode {
    /// The number of the first class, where the colours tell it.
    pub(super) fn base(&self) -> Option<Base> {
        (*self == Self::Ade20k).then_some(Base::Zero)
    }

    /// What the table is, for the options of a set; `None` where the name of the ids' own table tells it.
    pub(crate) fn to_json(&self) -> Option<Value> {
        match self {
            Self::Own(table) => Some(table.to_json()),
            _ => None,
        }
    }

    pub(super) fn ids(&self, colors: &Array2<[u8; 3]>) -> Result<Array2<u16>, PictureError> {
        match self {
            Self::Ade20k => by_table(ColorTable::ade20k(), colors),
            Self::Published(table) => by_table(table, colors),
            Self::Own(table) => by_table(table, colors),
            Self::Ade20kFull => Ok(colors.map(|&[red, green, _]| u16::from(red / 10) << 8 | u16::from(green))),
            Self::Unknown => Err(PictureError::unexpected(
                "class ids (this table has no published colours; say what the colours mean with --colors FILE.csv: r,g,b,id)",
                "an RGB picture",
            )),
        }
    }
}

fn by_table(table: &ColorTable, colors: &Array2<[u8; 3]>) -> Result<Array2<u16>, PictureError> {
    let mut ids = Vec::with_capacity(colors.len());
    // Neighbours are mostly of one class.
    let mut last: Option<([u8; 3], u16)> = None;
    for ((y, x), &color) in colors.indexed_iter() {
        let id = match last {
            Some((before, id)) if before == color => id,
            _ => table.id(color).ok_or_else(|| unknown(table, color, y, x))?,
        };
        last = Some((color, id));
        ids.push(id);
    }
    Array2::from_shape_vec(colors.raw_dim(), ids).map_err(|e| PictureError::unexpected("a map", e))
}

fn unknown(table: &ColorTable, [r, g, b]: [u8; 3], y: usize, x: usize) -> PictureError {
    let table = table.name();
    PictureError::unexpected(
        format!("colours of {table} (an overlay or a smoothed picture cannot be turned back into classes)"),
        format!("{r},{g},{b} in row {y}, column {x}"),
    )
}
