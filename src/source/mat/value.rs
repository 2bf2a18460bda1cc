use std::collections::BTreeMap;
use std::fmt;

use super::Error;

/// The variables of a file by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables(pub BTreeMap<String, Value>);

impl Variables {
    /// The variable `name`.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Unexpected`] when it is of a class that is not read.
    pub fn get(&self, name: &str) -> Result<&Value, Error> {
        match self.0.get(name) {
            None => Err(Error::Missing(name.to_owned())),
            Some(Value::Refused(refusal)) => Err(refusal.as_error(name)),
            Some(value) => Ok(value),
        }
    }
}

/// A MATLAB value. Dimensions are MATLAB's (rows first), elements stand column after column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A real numeric array.
    Numeric(Numbers),
    /// Text: UTF-16 code units.
    Char(Array<u16>),
    /// Truth values.
    Logical(Array<bool>),
    /// Values of any class.
    Cell(Array<Value>),
    /// Values with named fields.
    Struct(StructArray),
    /// A value of a class that is not read; the rest of the file is.
    Refused(Refusal),
}

/// Elements with their dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// MATLAB dimensions, rows first. Their product is the number of elements.
    pub dims: Vec<usize>,
    /// Elements, first dimension fastest.
    pub data: Vec<T>,
}

/// A struct array.
#[derive(Clone, Debug, PartialEq)]
pub struct StructArray {
    /// MATLAB dimensions; 1x1 for a plain struct.
    pub dims: Vec<usize>,
    /// For each field, its value in every element.
    pub fields: BTreeMap<String, Vec<Value>>,
}

/// A numeric array of one of MATLAB's classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// `double`
    F64(Array<f64>),
    /// `single`
    F32(Array<f32>),
    /// `int8`
    I8(Array<i8>),
    /// `uint8`
    U8(Array<u8>),
    /// `int16`
    I16(Array<i16>),
    /// `uint16`
    U16(Array<u16>),
    /// `int32`
    I32(Array<i32>),
    /// `uint32`
    U32(Array<u32>),
    /// `int64`
    I64(Array<i64>),
    /// `uint64`
    U64(Array<u64>),
}

/// The class of a value that is not read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// MATLAB class, e.g. `containers.Map`.
    pub class: String,
    /// `complex`, `sparse`, `object`, `function handle`, ...
    pub kind: &'static str,
}

impl Refusal {
    pub(super) fn as_error(&self, variable: &str) -> Error {
        Error::Unexpected {
            variable: variable.to_owned(),
            expected: "a numeric, logical, char, cell or struct array".to_owned(),
            found: self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} value of class `{}`, which is not read", self.kind, self.class)
    }
}

/// Runs `$body` with `$array` bound to the elements of any numeric class.
macro_rules! each_class {
    ($numbers:expr, $array:ident => $body:expr) => {
        match $numbers {
            Numbers::F64($array) => $body,
            Numbers::F32($array) => $body,
            Numbers::I8($array) => $body,
            Numbers::U8($array) => $body,
            Numbers::I16($array) => $body,
            Numbers::U16($array) => $body,
            Numbers::I32($array) => $body,
            Numbers::U32($array) => $body,
            Numbers::I64($array) => $body,
            Numbers::U64($array) => $body,
        }
    };
}

impl Numbers {
    /// MATLAB's name of the class.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::F64(_) => "double",
            Self::F32(_) => "single",
            Self::I8(_) => "int8",
            Self::U8(_) => "uint8",
            Self::I16(_) => "int16",
            Self::U16(_) => "uint16",
            Self::I32(_) => "int32",
            Self::U32(_) => "uint32",
            Self::I64(_) => "int64",
            Self::U64(_) => "uint64",
        }
    }

    /// MATLAB dimensions.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        each_class!(self, array => &array.dims)
    }

    /// Bytes of one element.
    pub(super) fn element_bytes(&self) -> usize {
        const fn of<T>(_: &Array<T>) -> usize {
            size_of::<T>()
        }
        each_class!(self, array => of(array))
    }

    /// The elements as double numbers; 64-bit integers lose what does not fit 53 bits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_lossless, reason = "documented")]
    #[allow(clippy::unnecessary_cast, reason = "one arm is f64 already")]
    pub fn to_f64(&self) -> Vec<f64> {
        each_class!(self, array => array.data.iter().map(|&x| x as f64).collect())
    }

    /// The elements as whole numbers that are not negative; `None` when one of them is anything else.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    pub fn to_indices(&self) -> Option<Vec<u64>> {
        if let Self::U64(array) = self {
            return Some(array.data.clone());
        }
        const END: f64 = 9_007_199_254_740_992.0; // 2^53, where doubles stop counting
        let whole = |x: f64| ((0.0..END).contains(&x) && x.fract() == 0.0).then_some(x as u64);
        self.to_f64().into_iter().map(whole).collect()
    }
}

impl Value {
    /// MATLAB's name of the class.
    #[must_use]
    pub fn class(&self) -> &str {
        match self {
            Self::Numeric(numbers) => numbers.class(),
            Self::Char(_) => "char",
            Self::Logical(_) => "logical",
            Self::Cell(_) => "cell",
            Self::Struct(_) => "struct",
            Self::Refused(refusal) => &refusal.class,
        }
    }

    /// MATLAB dimensions; none for a refused value.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        match self {
            Self::Numeric(numbers) => numbers.dims(),
            Self::Char(array) => &array.dims,
            Self::Logical(array) => &array.dims,
            Self::Cell(array) => &array.dims,
            Self::Struct(array) => &array.dims,
            Self::Refused(_) => &[],
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn n_elements(&self) -> usize {
        match self {
            Self::Refused(_) => 0,
            _ => self.dims().iter().product(),
        }
    }

    /// The text of a char row; `None` for other classes and for char arrays of several rows.
    /// Halves of surrogate pairs become U+FFFD.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Char(array) if array.data.is_empty() || array.dims.first() == Some(&1) => {
                Some(String::from_utf16_lossy(&array.data))
            }
            _ => None,
        }
    }

    /// The elements of a cell array of char rows, e.g. a list of names.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<String>> {
        let Self::Cell(array) = self else { return None };
        array.data.iter().map(Self::text).collect()
    }

    /// The value of a field of a 1x1 struct.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(array) = self else { return None };
        array.fields.get(name).and_then(|values| if let [value] = values.as_slice() { Some(value) } else { None })
    }

    /// The numbers, when this is a numeric array.
    #[must_use]
    pub fn numbers(&self) -> Option<&Numbers> {
        if let Self::Numeric(numbers) = self { Some(numbers) } else { None }
    }

    /// A value of `class` without elements.
    pub(super) fn empty(class: &str, dims: Vec<usize>) -> Option<Self> {
        Some(match class {
            "char" => Self::Char(Array { dims, data: Vec::new() }),
            "logical" => Self::Logical(Array { dims, data: Vec::new() }),
            "cell" => Self::Cell(Array { dims, data: Vec::new() }),
            "struct" => Self::Struct(StructArray { dims, fields: BTreeMap::new() }),
            class => Self::Numeric(Numbers::empty(class, dims)?),
        })
    }
}

impl Numbers {
    fn empty(class: &str, dims: Vec<usize>) -> Option<Self> {
        Self::decode(class, dims, &[], false)
    }

    /// The same numbers in `class`; `None` when one of them does not fit, or for an unknown class.
    pub(super) fn convert(self, class: &str) -> Option<Self> {
        if self.class() == class {
            return Some(self);
        }
        let dims = self.dims().to_vec();
        macro_rules! convert {
            ($variant:ident) => {{
                let data = self.to_integers()?.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>().ok()?;
                Self::$variant(Array { dims, data })
            }};
        }
        Some(match class {
            "double" => Self::F64(Array { dims, data: self.to_f64() }),
            #[expect(clippy::cast_possible_truncation, reason = "written from singles")]
            "single" => Self::F32(Array { dims, data: self.to_f64().into_iter().map(|x| x as f32).collect() }),
            "int8" => convert!(I8),
            "uint8" => convert!(U8),
            "int16" => convert!(I16),
            "uint16" => convert!(U16),
            "int32" => convert!(I32),
            "uint32" => convert!(U32),
            "int64" => convert!(I64),
            "uint64" => convert!(U64),
            _ => return None,
        })
    }

    /// The elements of an integer class.
    fn to_integers(&self) -> Option<Vec<i128>> {
        macro_rules! integers {
            ($array:expr) => {
                $array.data.iter().map(|&x| i128::from(x)).collect()
            };
        }
        Some(match self {
            Self::F64(_) | Self::F32(_) => return None,
            Self::I8(array) => integers!(array),
            Self::U8(array) => integers!(array),
            Self::I16(array) => integers!(array),
            Self::U16(array) => integers!(array),
            Self::I32(array) => integers!(array),
            Self::U32(array) => integers!(array),
            Self::I64(array) => integers!(array),
            Self::U64(array) => integers!(array),
        })
    }

    /// Decodes elements of `class` as they stand in a file; `None` for an unknown class. Whatever does not fill an
    /// element at the end is left out.
    pub(super) fn decode(class: &str, dims: Vec<usize>, bytes: &[u8], big_endian: bool) -> Option<Self> {
        macro_rules! decode {
            ($variant:ident, $number:ty) => {{
                const SIZE: usize = size_of::<$number>();
                let read = if big_endian { <$number>::from_be_bytes } else { <$number>::from_le_bytes };
                let data = bytes.as_chunks::<SIZE>().0.iter().map(|&element| read(element)).collect();
                Self::$variant(Array { dims, data })
            }};
        }
        Some(match class {
            "double" => decode!(F64, f64),
            "single" => decode!(F32, f32),
            "int8" => decode!(I8, i8),
            "uint8" => decode!(U8, u8),
            "int16" => decode!(I16, i16),
            "uint16" => decode!(U16, u16),
            "int32" => decode!(I32, i32),
            "uint32" => decode!(U32, u32),
            "int64" => decode!(I64, i64),
            "uint64" => decode!(U64, u64),
            _ => return None,
        })
    }
}
