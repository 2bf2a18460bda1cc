//! One array of numbers in NumPy's npy format, versions 1 to 3.
//!
//! Source: NumPy, `numpy.lib.format`. Arrays of Python objects, structures, strings and complex numbers are refused.

use std::io::{BufRead, Read};

use ndarray::{Array2, Array4, ShapeBuilder};

use super::{PictureError, checked_size};
use crate::sample::Size;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Real headers have 128 bytes.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// NumPy itself stops at 64.
const MAX_DIMENSIONS: usize = 64;

/// Type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Element {
    fn n_bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    fn of(code: &str) -> Option<Self> {
        Some(match code {
            "b1" => Self::Bool,
            "u1" => Self::U8,
            "i1" => Self::I8,
            "u2" => Self::U16,
            "i2" => Self::I16,
            "u4" => Self::U32,
            "i4" => Self::I32,
            "u8" => Self::U64,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }
}

/// What the header of an npy file says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    element: Element,
    big_endian: bool,
    /// First axis fastest.
    fortran: bool,
    shape: Vec<usize>,
}

/// An npy file in memory.
#[derive(Clone, Debug)]
pub struct Npy<'a> {
    header: Header,
    data: &'a [u8],
}

impl<'a> Npy<'a> {
    /// Checks the header against the length of the file.
    ///
    /// # Errors
    /// A damaged header, an element that is not a plain number, too little or too much data.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let mut rest = bytes;
        let header = read_header(&mut rest)?;
        let n_bytes = header
            .shape
            .iter()
            .try_fold(header.element.n_bytes(), |n, &axis| n.checked_mul(axis))
            .unwrap_or(usize::MAX);
        if rest.len() != n_bytes {
            let reason = format!("shape {:?} needs {n_bytes} bytes of data, found {}", header.shape, rest.len());
            return Err(damaged(reason));
        }
        Ok(Self { header, data: rest })
    }

    /// Length of every axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Type of the elements.
    #[must_use]
    pub fn element(&self) -> Element {
        self.header.element
    }

    /// The array as `[H, W]` of `f32`, rounded to nearest; leading axes of length one are left out.
    ///
    /// # Errors
    /// Another number of axes, or more pixels than [`MAX_PIXELS`](super::MAX_PIXELS).
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    pub fn plane_f32(&self) -> Result<Array2<f32>, PictureError> {
        let bytes = self.data;
        match self.header.element {
            Element::Bool | Element::U8 => self.plane(bytes.iter().map(|&v| f32::from(v))),
            Element::I8 => self.plane(bytes.iter().map(|&v| f32::from(v.cast_signed()))),
            Element::U16 => self.plane(self.each(u16::from_le_bytes).map(f32::from)),
            Element::I16 => self.plane(self.each(i16::from_le_bytes).map(f32::from)),
            Element::U32 => self.plane(self.each(u32::from_le_bytes).map(|v| v as f32)),
            Element::I32 => self.plane(self.each(i32::from_le_bytes).map(|v| v as f32)),
            Element::U64 => self.plane(self.each(u64::from_le_bytes).map(|v| v as f32)),
            Element::I64 => self.plane(self.each(i64::from_le_bytes).map(|v| v as f32)),
            Element::F16 => self.plane(self.each(u16::from_le_bytes).map(f32_from_half)),
            Element::F32 => self.plane(self.each(f32::from_le_bytes)),
            Element::F64 => self.plane(self.each(f64::from_le_bytes).map(|v| v as f32)),
        }
    }

    /// The array as `[N, C, H, W]` of `f32`.
    ///
    /// # Errors
    /// Another number of axes, an axis of length zero, or elements that are no floats.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    pub fn volume_f32(&self) -> Result<Array4<f32>, PictureError> {
        let shape = <[usize; 4]>::try_from(self.shape()).ok().filter(|shape| shape.iter().all(|&n| n > 0));
        let shape = shape
            .ok_or_else(|| PictureError::unexpected("an array of shape [N, C, H, W]", format!("{:?}", self.shape())))?;
        let values: Vec<f32> = match self.header.element {
            Element::F16 => self.each(u16::from_le_bytes).map(f32_from_half).collect(),
            Element::F32 => self.each(f32::from_le_bytes).collect(),
            Element::F64 => self.each(f64::from_le_bytes).map(|v| v as f32).collect(),
            other => return Err(PictureError::unexpected("floats", format!("an array of {other:?}"))),
        };
        let volume = Array4::from_shape_vec(shape.set_f(self.header.fortran), values);
        let volume = volume.map_err(|_| damaged("the data do not fill the shape"))?;
        Ok(if volume.is_standard_layout() { volume } else { volume.as_standard_layout().into_owned() })
    }

    /// The array as `[H, W]` of integers from 0 to 65535; leading axes of length one are left out.
    ///
    /// # Errors
    /// A float array, a value out of range, another number of axes, or more pixels than
    /// [`MAX_PIXELS`](super::MAX_PIXELS).
    pub fn plane_u16(&self) -> Result<Array2<u16>, PictureError> {
        let bytes = self.data;
        match self.header.element {
            Element::Bool | Element::U8 => self.plane(bytes.iter().map(|&v| u16::from(v))),
            Element::I8 => self.integers(bytes.iter().map(|&v| v.cast_signed())),
            Element::U16 => self.plane(self.each(u16::from_le_bytes)),
            Element::I16 => self.integers(self.each(i16::from_le_bytes)),
            Element::U32 => self.integers(self.each(u32::from_le_bytes)),
            Element::I32 => self.integers(self.each(i32::from_le_bytes)),
            Element::U64 => self.integers(self.each(u64::from_le_bytes)),
            Element::I64 => self.integers(self.each(i64::from_le_bytes)),
            element @ (Element::F16 | Element::F32 | Element::F64) => {
                let found = format!("an array of {element:?} of shape {:?}", self.header.shape);
                Err(PictureError::unexpected("integers (of scores, take the argmax over the classes first)", found))
            }
        }
    }

    fn integers<T>(&self, values: impl Iterator<Item = T> + Clone) -> Result<Array2<u16>, PictureError>
    where
        T: Copy + std::fmt::Display,
        u16: TryFrom<T>,
    {
        if let Some(bad) = values.clone().find(|&v| u16::try_from(v).is_err()) {
            return Err(PictureError::unexpected("integers from 0 to 65535", bad));
        }
        self.plane(values.map(|v| u16::try_from(v).unwrap_or_default()))
    }

    /// The elements in stored order; `decode` takes little-endian bytes.
    fn each<const N: usize, T>(&self, decode: fn([u8; N]) -> T) -> impl Iterator<Item = T> + Clone + use<'a, N, T> {
        let swap = self.header.big_endian;
        self.data.as_chunks().0.iter().map(move |&bytes: &[u8; N]| {
            let mut bytes = bytes;
            if swap {
                bytes.reverse();
            }
            decode(bytes)
        })
    }

    fn plane<T: Clone>(&self, values: impl Iterator<Item = T>) -> Result<Array2<T>, PictureError> {
        let size = plane_size(&self.header.shape)?;
        let shape = (size.height, size.width).set_f(self.header.fortran);
        let plane =
            Array2::from_shape_vec(shape, values.collect()).map_err(|_| damaged("the data do not fill the shape"))?;
        Ok(if plane.is_standard_layout() { plane } else { plane.as_standard_layout().into_owned() })
    }
}

/// Height and width of a map, from the header alone.
pub(super) fn size(mut reader: impl BufRead) -> Result<Size, PictureError> {
    plane_size(&read_header(&mut reader)?.shape)
}

/// Whether the header is that of a map.
pub(super) fn is_map(mut reader: impl Read) -> Result<bool, PictureError> {
    Ok(plane_size(&read_header(&mut reader)?.shape).is_ok())
}

pub(super) fn bits(mut reader: impl BufRead) -> Result<u32, PictureError> {
    let n_bytes = read_header(&mut reader)?.element.n_bytes();
    Ok(8 * n_bytes as u32)
}

fn plane_size(shape: &[usize]) -> Result<Size, PictureError> {
    match shape {
        [leading @ .., height, width] if leading.iter().all(|&n| n == 1) => checked_size(*height, *width),
        _ => Err(PictureError::unexpected("a map of two axes (height, width)", format!("shape {shape:?}"))),
    }
}

/// Reads up to the first byte of the data.
fn read_header(reader: &mut impl Read) -> Result<Header, PictureError> {
    let mut take = |n: usize| {
        let mut bytes = vec![0; n];
        reader.read_exact(&mut bytes).map_err(|_| damaged("the file ends inside the header"))?;
        Ok::<_, PictureError>(bytes)
    };
    if take(6)? != MAGIC {
        return Err(damaged("the signature is missing"));
    }
    let length = match take(2)?[0] {
        1 => take(2)?.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b)),
        2 | 3 => take(4)?.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b)),
        version => return Err(PictureError::unexpected("npy version 1 to 3", version)),
    };
    if length > MAX_HEADER_BYTES {
        return Err(damaged(format!("a header of {length} bytes")));
    }
    let text = String::from_utf8(take(length)?).map_err(|_| damaged("the header is not text"))?;
    parse_header(&text)
}

/// A Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (480, 640), }`.
fn parse_header(text: &str) -> Result<Header, PictureError> {
    let field = |name: &str| {
        let (_, rest) =
            text.split_once(&format!("'{name}'")).ok_or_else(|| damaged(format!("no {name} in the header")))?;
        let rest = rest.trim_start().strip_prefix(':').ok_or_else(|| damaged(format!("{name} has no value")))?;
        Ok::<_, PictureError>(rest.trim_start())
    };
    let descr = field("descr")?;
    let code = descr.strip_prefix('\'').and_then(|d| d.split_once('\'')).map(|(code, _)| code);
    let code = code.ok_or_else(|| PictureError::unexpected("an array of plain numbers", "a structured array"))?;
    let (order, kind) = code.split_at_checked(1).unwrap_or(("", code));
    let element = Element::of(kind).filter(|_| matches!(order, "<" | ">" | "|" | "="));
    let element =
        element.ok_or_else(|| PictureError::unexpected("an array of plain numbers", format!("type {code:?}")))?;
    let fortran = match field("fortran_order")? {
        value if value.starts_with("False") => false,
        value if value.starts_with("True") => true,
        _ => return Err(damaged("fortran_order is neither True nor False")),
    };
    let shape = field("shape")?.strip_prefix('(').and_then(|s| s.split_once(')')).map(|(inside, _)| inside);
    let shape = shape.ok_or_else(|| damaged("shape is not a tuple"))?;
    let shape: Result<Vec<usize>, _> =
        shape.split(',').map(str::trim).filter(|s| !s.is_empty()).take(MAX_DIMENSIONS + 1).map(str::parse).collect();
    let shape = shape.map_err(|_| damaged("shape holds something that is not a length"))?;
    if shape.len() > MAX_DIMENSIONS {
        return Err(damaged("shape has too many axes"));
    }
    Ok(Header { element, big_endian: order == ">", fortran, shape })
}

/// IEEE 754 binary16.
fn f32_from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged("npy", reason)
}
