//! MAT 7.3: HDF5 below MATLAB's own conventions.
//!
//! Shapes are reversed (MATLAB counts rows first and stores columns), cells are datasets of references into `#refs#`,
//! structs are groups, and attributes named `MATLAB_...` say what a dataset stands for. Objects of classdef classes,
//! whose payload lies undocumented in `#subsystem#`, complex and sparse arrays are [`Value::Refused`] by class.
//!
//! Sources: the *Storage format* chapter of the hdf5storage documentation, and files written by MATLAB.

use std::collections::BTreeMap;
use std::path::Path;

use super::hdf5::{self, Attribute, ByteOrder, Dataset, Datatype, Object};
use super::value::Numbers;
use super::{Array, Error, MAX_BYTES, Refusal, StructArray, Value, Variables};

/// Cells and structs may be nested this deep.
const MAX_DEPTH: usize = 32;
/// What a value takes beside its elements, for the account of memory.
const VALUE_BYTES: u64 = 256;

/// An open MAT 7.3 file.
#[derive(Debug)]
pub struct File {
    hdf5: hdf5::File,
    members: BTreeMap<String, u64>,
    limit: u64,
}

impl File {
    /// Opens a file and lists its variables.
    ///
    /// # Errors
    /// [`Error::Hdf5`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::new(hdf5::File::open(path)?)
    }

    /// The same over bytes in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::new(hdf5::File::from_bytes(bytes)?)
    }

    fn new(hdf5: hdf5::File) -> Result<Self, Error> {
        let mut members = hdf5.root()?.members().clone();
        members.retain(|name, _| name != "#refs#" && name != "#subsystem#");
        Ok(Self { hdf5, members, limit: MAX_BYTES })
    }

    /// Sets the most memory that the values of one reading may take, in bytes ([`MAX_BYTES`] unless set).
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Names of the variables, sorted.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Reads the variable `name` with all it holds.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Hdf5`], [`Error::Damaged`], [`Error::TooLarge`]; [`Error::Unexpected`] when the
    /// variable itself is of a class that is not read.
    pub fn read(&self, name: &str) -> Result<Value, Error> {
        match self.read_or_refuse(name, &mut Budget(self.limit))? {
            Value::Refused(refusal) => Err(refusal.as_error(name)),
            value => Ok(value),
        }
    }

    /// Reads every variable; those of classes that are not read are [`Value::Refused`].
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(&self) -> Result<Variables, Error> {
        let mut budget = Budget(self.limit);
        let read = |name: &String| Ok((name.clone(), self.read_or_refuse(name, &mut budget)?));
        self.members.keys().map(read).collect::<Result<_, _>>().map(Variables)
    }

    /// The dataset behind a variable, for reading it piece by piece.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Hdf5`].
    pub fn dataset(&self, name: &str) -> Result<Dataset, Error> {
        let address = self.members.get(name).ok_or_else(|| Error::Missing(name.to_owned()))?;
        Ok(self.hdf5.object(*address)?.read_dataset()?)
    }

    fn read_or_refuse(&self, name: &str, budget: &mut Budget) -> Result<Value, Error> {
        let address = self.members.get(name).ok_or_else(|| Error::Missing(name.to_owned()))?;
        Reader { file: &self.hdf5, budget }.value(*address, &Place { name: name.to_owned(), depth: 0 })
    }
}

/// Bytes that may still be taken. References may lead many times to the same value, so the size of the file is no limit.
struct Budget(u64);

impl Budget {
    fn take(&mut self, n_bytes: u64, place: &Place) -> Result<(), Error> {
        let too_large = || Error::TooLarge { what: format!("variable `{}`", place.name), limit: MAX_BYTES };
        self.0 = self.0.checked_sub(n_bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

/// Where in a variable a value stands.
struct Place {
    name: String,
    depth: usize,
}

impl Place {
    fn inner(&self, name: String) -> Result<Self, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.damaged(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { name, depth: self.depth + 1 })
    }

    fn damaged(&self, reason: impl std::fmt::Display) -> Error {
        Error::damaged(format!("variable `{}`", self.name), reason)
    }
}

struct Reader<'a> {
    file: &'a hdf5::File,
    budget: &'a mut Budget,
}

impl Reader<'_> {
    fn value(&mut self, address: u64, place: &Place) -> Result<Value, Error> {
        self.budget.take(VALUE_BYTES, place)?;
        let object = self.file.object(address)?;
        let attributes = object.attributes()?;
        let class = attributes.get("MATLAB_class").and_then(Attribute::text);
        if let Some(refusal) = refusal(class.as_deref(), &attributes) {
            return Ok(Value::Refused(refusal));
        }
        if object.is_group() {
            self.group(object, class.as_deref(), place)
        } else {
            self.array(&object, class, &attributes, place)
        }
    }

    /// A struct, or a struct array when every field is a dataset of references without a class of its own.
    fn group(&mut self, object: Object, class: Option<&str>, place: &Place) -> Result<Value, Error> {
        if class.is_some_and(|class| class != "struct") {
            let class = class.unwrap_or_default().to_owned();
            return Ok(Value::Refused(Refusal { class, kind: "object" }));
        }
        let group = object.read_group()?;
        let mut dims: Option<Vec<usize>> = None;
        let mut fields = BTreeMap::new();
        for (field, &address) in group.members() {
            let inner = place.inner(format!("{}.{field}", place.name))?;
            let found = match self.elements_of_field(address, &inner)? {
                Some(elements) => elements,
                None => Array { dims: vec![1, 1], data: vec![self.value(address, &inner)?] },
            };
            if dims.get_or_insert_with(|| found.dims.clone()) != &found.dims {
                return Err(inner.damaged(format_args!(
                    "expected {dims:?} elements like the other fields, found {:?}",
                    found.dims
                )));
            }
            fields.insert(field.clone(), found.data);
        }
        Ok(Value::Struct(StructArray { dims: dims.unwrap_or_else(|| vec![1, 1]), fields }))
    }

    /// The values of one field over a struct array; `None` when it is the field of a plain struct.
    fn elements_of_field(&mut self, address: u64, place: &Place) -> Result<Option<Array<Value>>, Error> {
        let object = self.file.object(address)?;
        if !object.is_dataset() || object.attributes()?.contains_key("MATLAB_class") {
            return Ok(None);
        }
        let dataset = object.read_dataset()?;
        if dataset.datatype() != Datatype::Reference {
            return Ok(None);
        }
        self.references(&dataset, place).map(Some)
    }

    fn array(
        &mut self,
        object: &Object,
        class: Option<String>,
        attributes: &BTreeMap<String, Attribute>,
        place: &Place,
    ) -> Result<Value, Error> {
        let dataset = object.read_dataset()?;
        let class = class.unwrap_or_else(|| default_class(dataset.datatype()).to_owned());
        if attributes.get("MATLAB_empty").and_then(Attribute::integer) == Some(1) {
            return self.empty(&dataset, &class, place);
        }
        match (class.as_str(), dataset.datatype()) {
            ("cell", Datatype::Reference) => Ok(Value::Cell(self.references(&dataset, place)?)),
            ("char", Datatype::Integer { signed: false, .. }) => {
                let units = self.numbers(&dataset, place)?;
                let wide = units.to_indices().unwrap_or_default();
                let data = wide.into_iter().map(u16::try_from).collect::<Result<_, _>>();
                let data = data.map_err(|_| place.damaged("expected UTF-16 code units, found a number above 65535"))?;
                Ok(Value::Char(Array { dims: units.dims().to_vec(), data }))
            }
            ("logical", Datatype::Integer { size: 1, .. }) => {
                let (dims, bytes) = self.elements(&dataset, place)?;
                Ok(Value::Logical(Array { dims, data: bytes.iter().map(|&byte| byte != 0).collect() }))
            }
            (class, Datatype::Other { name: "compound", .. }) => {
                Ok(Value::Refused(Refusal { class: class.to_owned(), kind: "complex" }))
            }
            (class, datatype) if class == default_class(datatype) && class != "cell" => {
                Ok(Value::Numeric(self.numbers(&dataset, place)?))
            }
            (class, Datatype::Other { name, .. }) => {
                Ok(Value::Refused(Refusal { class: class.to_owned(), kind: name }))
            }
            (class, _) if Value::empty(class, Vec::new()).is_none() => {
                Ok(Value::Refused(Refusal { class: class.to_owned(), kind: "object" }))
            }
            (class, datatype) => Err(place.damaged(format_args!("class `{class}` does not go with {datatype:?}"))),
        }
    }

    /// Elements of a value that has none: the dataset holds its dimensions instead.
    fn empty(&mut self, dataset: &Dataset, class: &str, place: &Place) -> Result<Value, Error> {
        let dims = self.numbers(dataset, place)?.to_indices().unwrap_or_default();
        let dims = dims.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>();
        // A struct without fields is marked as empty too, whatever its dimensions.
        let fits = |dims: &Vec<usize>| (2..=32).contains(&dims.len()) && (dims.contains(&0) || class == "struct");
        let dims = dims
            .ok()
            .filter(fits)
            .ok_or_else(|| place.damaged("marked as empty, but does not hold the dimensions of an empty array"))?;
        let class = if class == "canonical empty" { "double" } else { class };
        let refused = || Value::Refused(Refusal { class: class.to_owned(), kind: "object" });
        Ok(Value::empty(class, dims).unwrap_or_else(refused))
    }

    fn references(&mut self, dataset: &Dataset, place: &Place) -> Result<Array<Value>, Error> {
        let (dims, bytes) = self.elements(dataset, place)?;
        let addresses = bytes.as_chunks::<8>().0.iter().map(|&address| u64::from_le_bytes(address));
        let mut data = Vec::new();
        for (i, address) in addresses.enumerate() {
            let inner = place.inner(format!("{}{{{}}}", place.name, i + 1))?;
            data.push(match address {
                0 => Value::Numeric(Numbers::F64(Array { dims: vec![0, 0], data: Vec::new() })), // the null reference
                address => self.value(address, &inner)?,
            });
        }
        Ok(Array { dims, data })
    }

    fn numbers(&mut self, dataset: &Dataset, place: &Place) -> Result<Numbers, Error> {
        let (dims, bytes) = self.elements(dataset, place)?;
        let big_endian = match dataset.datatype() {
            Datatype::Integer { order, .. } | Datatype::Float { order, .. } => order == ByteOrder::Big,
            _ => false,
        };
        let class = default_class(dataset.datatype());
        Numbers::decode(class, dims, &bytes, big_endian).ok_or_else(|| place.damaged("expected numbers"))
    }

    /// MATLAB dimensions and the elements as stored.
    fn elements(&mut self, dataset: &Dataset, place: &Place) -> Result<(Vec<usize>, Vec<u8>), Error> {
        let dims = dataset.shape().iter().rev().map(|&side| usize::try_from(side));
        let mut dims = dims.collect::<Result<Vec<_>, _>>().map_err(|_| place.damaged("longer than memory"))?;
        let needed = dataset.n_elements().saturating_mul(u64::from(dataset.datatype().size()));
        // Once as stored, once as values: a reference of 8 bytes becomes a value accounted for by itself.
        self.budget.take(needed.saturating_mul(2), place)?;
        let bytes = dataset.read_all(needed)?;
        if dims.len() < 2 {
            dims.resize(2, 1); // MATLAB knows no array of fewer dimensions
        }
        Ok((dims, bytes))
    }
}

/// The class that MATLAB would give data without a name of its class.
const fn default_class(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Float { size: 4, .. } => "single",
        Datatype::Float { .. } => "double",
        Datatype::Integer { size: 1, signed: true, .. } => "int8",
        Datatype::Integer { size: 1, .. } => "uint8",
        Datatype::Integer { size: 2, signed: true, .. } => "int16",
        Datatype::Integer { size: 2, .. } => "uint16",
        Datatype::Integer { size: 4, signed: true, .. } => "int32",
        Datatype::Integer { size: 4, .. } => "uint32",
        Datatype::Integer { signed: true, .. } => "int64",
        Datatype::Integer { .. } => "uint64",
        Datatype::Reference => "cell",
        Datatype::String { .. } => "fixed-length string",
        Datatype::Other { name, .. } => name,
    }
}

fn refusal(class: Option<&str>, attributes: &BTreeMap<String, Attribute>) -> Option<Refusal> {
    let kind = if attributes.contains_key("MATLAB_sparse") {
        "sparse"
    } else if class == Some("function_handle") {
        "function handle"
    } else if attributes.contains_key("MATLAB_object_decode") {
        "object"
    } else {
        return None;
    };
    Some(Refusal { class: class.unwrap_or("unknown").to_owned(), kind })
}
