//! Label maps in the containers that teachers and annotation tools write: PNG of 8 or 16 bits, palette PNG by index,
//! RGB PNG by colour, PGM, npy and npz of any integer type in C or Fortran order, and headerless bytes of a stated size.
//!
//! A map comes out as it is stored; what its numbers mean is for a [`Remap`] to say.
//!
//! ```
//! use semdepth::source::label_map::{Container, Ids, decode};
//! let pgm = b"P5 2 1 255\n\x00\x96";
//! assert_eq!(decode(pgm, &Container::default())?.ids.into_u16(), ndarray::array![[0, 150]]);
//! let headerless = Container { raw: Some(semdepth::sample::Size::new(1, 3)), ..Container::default() };
//! assert_eq!(decode(&[1, 2, 255], &headerless)?.ids, Ids::Narrow(ndarray::array![[1, 2, 255]]));
//! # Ok::<(), semdepth::source::picture::PictureError>(())
//! ```

mod color;
mod fit;

use ndarray::Array2;

use super::picture::{self, Map, PictureError};
use crate::label::{Remap, UnknownId, ade20k};
use crate::sample::{Confidence, Semantics, Size};

pub use color::ColorCode;
pub use fit::{Misfit, Placement, place};
pub use picture::Ids;

/// What the bytes of a map do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The maps have no header: one byte a pixel, row by row, of this size.
    pub raw: Option<Size>,
    /// The array of an npz that holds several.
    pub npz_key: Option<String>,
    /// What the colours of RGB maps mean.
    pub color: ColorCode,
}

/// Which number the first class has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Classes are 0..149.
    Zero,
    /// Classes are 1..150, 0 is *other*, as in the official annotations.
    One,
}

/// A decoded map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    /// Numbers as stored. Colours have become the ids they stand for.
    pub ids: Ids,
    /// The base, when the file itself tells it: by its colours, or by a palette that is that of ADE20K.
    pub base: Option<Base>,
    /// Whether the ids were found by their colours.
    pub is_color: bool,
}

impl LabelMap {
    /// Where the numbers go, `[H, W]`.
    ///
    /// # Errors
    /// [`UnknownId`] with the first number, row by row, that the table does not list.
    pub fn classes(self, remap: &Remap) -> Result<Semantics, UnknownId> {
        match self.ids {
            Ids::Narrow(ids) => remap.apply_bytes(ids),
            Ids::Wide(ids) => remap.apply_plane(ids.view()),
        }
    }
}

/// Decodes a map.
///
/// # Errors
/// A damaged file, floats, numbers below 0 or above 65535, colours without a meaning, a JPEG.
pub fn decode(bytes: &[u8], container: &Container) -> Result<LabelMap, PictureError> {
    let plain = |ids| LabelMap { ids, base: None, is_color: false };
    if let Some(size) = container.raw {
        return headerless(bytes, size).map(plain);
    }
    if !bytes.is_empty() && !picture::is_known(bytes) {
        let expected = "PNG, PGM, npy or npz (a map without a header needs its size stated)";
        let head: Vec<String> = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
        return Err(PictureError::unexpected(
            expected,
            format!("a file that begins with the bytes {}", head.join(" ")),
        ));
    }
    Ok(match picture::decode_map(bytes, container.npz_key.as_deref())? {
        Map::Ids(ids) => plain(ids),
        Map::Indexed { ids, palette } => LabelMap { base: base_of(&palette), ..plain(ids) },
        Map::Colors(colors) => {
            LabelMap { ids: Ids::Wide(container.color.ids(&colors)?), base: container.color.base(), is_color: true }
        }
    })
}

/// Decodes how sure a teacher is of each pixel: 8-bit PNG (0..255 for 0..1), or float npy or npz from 0 to 1.
///
/// # Errors
/// A damaged file, or numbers out of range.
pub fn decode_confidence(bytes: &[u8]) -> Result<Confidence, PictureError> {
    let bits = picture::decode_bits(bytes)?;
    let values = picture::decode_f32(bytes, picture::Endian::Big)?;
    let is_array = !matches!(bytes.first(), Some(0x89 | b'P')) || bytes.starts_with(b"PK");
    let (scale, most) = if is_array && bits > 8 { (255.0, 1.0) } else { (1.0, 255.0) };
    if let Some(bad) = values.iter().find(|v| !(0.0..=most).contains(*v)) {
        let kind = if most > 1.0 { "8-bit confidences from 0 to 255" } else { "confidences from 0 to 1" };
        return Err(PictureError::unexpected(kind, bad));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(Confidence::new(values.mapv(|v| (v * scale).round() as u8)))
}

fn headerless(bytes: &[u8], size: Size) -> Result<Ids, PictureError> {
    if bytes.len() != size.n_pixels() {
        let expected = format!("{} bytes of a headerless map of {size}", size.n_pixels());
        return Err(PictureError::unexpected(expected, format!("{} bytes", bytes.len())));
    }
    let ids = Array2::from_shape_vec((size.height, size.width), bytes.to_vec());
    ids.map(Ids::Narrow).map_err(|e| PictureError::unexpected(size, e))
}

/// The base that a palette shows, when it is that of ADE20K from its first colours on.
fn base_of(palette: &[[u8; 3]]) -> Option<Base> {
    let n = palette.len().min(ade20k::N_CLASSES);
    let colors = ade20k::palette();
    match palette {
        // Two colours could agree by chance.
        _ if n < 3 => None,
        _ if palette[..n] == colors[..n] => Some(Base::Zero),
        [_, classes @ ..] if classes[..n - 1] == colors[..n - 1] => Some(Base::One),
        _ => None,
    }
}
