use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use super::array::Field;
use super::record::Record;
use super::set::{Set, SetError};
use crate::label::LabelSpace;
use crate::sample::{Depth, Sample};

/// How two sets differ. Samples are matched by key; their order, and how they are sharded, do not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Samples in both, quarantined in neither.
    pub n_compared: usize,
    /// Keys of samples with data in the first set only, in row order.
    pub only_in_first: Vec<String>,
    /// Keys of samples with data in the second set only.
    pub only_in_second: Vec<String>,
    /// Names of fields that one of the sets lacks.
    pub unmatched_fields: Vec<String>,
    /// The label spaces, when they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_spaces: Option<[Option<LabelSpace>; 2]>,
    /// The sizes, when they differ: then no values are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<[crate::sample::Size; 2]>,
    /// The fields of both sets.
    pub fields: Vec<FieldDifference>,
    /// Entries of the description (options, shard size, version) in which the sets differ; no difference of data.
    pub settings: Vec<String>,
}

/// How one field differs over all samples that were compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FieldDifference {
    /// Name of the field.
    pub field: String,
    /// Samples in which it differs.
    pub n_samples: usize,
    /// Values that differ.
    pub n_values: u64,
    /// Of these, depth values that are missing in one of the sets only.
    pub n_missing_in_one: u64,
    /// The largest difference, where both have a value: metres for depth, steps of 0..255 for the image and the
    /// confidence, pixels for the intrinsics. For class ids, which have no distance, 0.
    pub max_abs: f64,
    /// Key of the first sample that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_key: Option<String>,
}

impl Comparison {
    /// Whether both sets hold the same data under the same keys.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.only_in_first.is_empty()
            && self.only_in_second.is_empty()
            && self.unmatched_fields.is_empty()
            && self.label_spaces.is_none()
            && self.sizes.is_none()
            && self.fields.iter().all(|f| f.n_samples == 0)
    }
}

/// Compares two sets. Fields whose content hashes agree are not read. `progress` is called once a sample.
///
/// # Errors
/// The first sample that is lost or damaged.
pub fn compare(a: &Set, b: &Set, progress: impl Fn() + Sync) -> Result<Comparison, SetError> {
    let (in_a, in_b) = (with_data(a), with_data(b));
    let only = |here: &BTreeMap<&str, &Record>, there: &BTreeMap<&str, &Record>| {
        let mut rows: Vec<&&Record> = here.iter().filter(|(k, _)| !there.contains_key(*k)).map(|(_, r)| r).collect();
        rows.sort_by_key(|r| r.row);
        rows.into_iter().map(|r| r.entry.key.clone()).collect::<Vec<_>>()
    };
    let mut pairs: Vec<(&Record, &Record)> = in_a.iter().filter_map(|(k, r)| Some((*r, *in_b.get(k)?))).collect();
    pairs.sort_by_key(|(r, _)| r.row);
    let (fields_a, fields_b) = (names(a), names(b));
    let mut comparison = Comparison {
        n_compared: pairs.len(),
        only_in_first: only(&in_a, &in_b),
        only_in_second: only(&in_b, &in_a),
        unmatched_fields: fields_a.symmetric_difference(&fields_b).map(|n| (*n).to_owned()).collect(),
        settings: a.spec().differences(b.spec(), ["in the first", "in the second"]),
        ..Comparison::default()
    };
    let (space_a, space_b) = (a.spec().label_space, b.spec().label_space);
    comparison.label_spaces = (space_a != space_b).then_some([space_a, space_b]);
    let (size_a, size_b) = (a.spec().size, b.spec().size);
    if size_a != size_b {
        comparison.sizes = Some([size_a, size_b]);
        return Ok(comparison);
    }
    let fields: Vec<Field> =
        Field::ALL.into_iter().filter(|f| fields_a.contains(f.name()) && fields_b.contains(f.name())).collect();
    // Hashes are those of stored bytes: they can be compared where both sets store alike.
    let alike: Vec<Field> = fields.iter().copied().filter(|f| array(a, *f) == array(b, *f)).collect();
    let found: Vec<Result<Vec<FieldDifference>, SetError>> = pairs
        .par_iter()
        .map(|(ra, rb)| {
            let same = |f: &Field| alike.contains(f) && ra.hashes.get(f.name()) == rb.hashes.get(f.name());
            let differing: Vec<Field> = fields.iter().copied().filter(|f| !same(f)).collect();
            let found = if differing.is_empty() {
                Vec::new()
            } else {
                let (x, y) = (a.sample(ra.row)?, b.sample(rb.row)?);
                differing.into_iter().map(|f| difference(f, &x, &y)).collect()
            };
            progress();
            Ok(found)
        })
        .collect();
    let mut total: BTreeMap<Field, FieldDifference> =
        fields.iter().map(|&f| (f, FieldDifference { field: f.name().to_owned(), ..Default::default() })).collect();
    for ((record, _), found) in pairs.iter().zip(found) {
        for difference in found?.into_iter().filter(|d| d.n_values > 0) {
            if let Some(sum) = Field::from_name(&difference.field).and_then(|f| total.get_mut(&f)) {
                sum.n_samples += 1;
                sum.n_values += difference.n_values;
                sum.n_missing_in_one += difference.n_missing_in_one;
                sum.max_abs = sum.max_abs.max(difference.max_abs);
                sum.first_key.get_or_insert_with(|| record.entry.key.clone());
            }
        }
    }
    comparison.fields = total.into_values().collect();
    Ok(comparison)
}

fn with_data(set: &Set) -> BTreeMap<&str, &Record> {
    set.records().iter().filter(|r| r.quarantined.is_none()).map(|r| (r.entry.key.as_str(), r)).collect()
}

fn names(set: &Set) -> BTreeSet<&'static str> {
    set.arrays().iter().map(|a| a.field.name()).collect()
}

fn array(set: &Set, field: Field) -> Option<&super::array::Array> {
    set.arrays().iter().find(|a| a.field == field)
}

/// One field of two samples of one size.
fn difference(field: Field, a: &Sample, b: &Sample) -> FieldDifference {
    let mut found = FieldDifference { field: field.name().to_owned(), ..FieldDifference::default() };
    let bytes = |found: &mut FieldDifference, x: &[u8], y: &[u8], distance: bool| {
        for (&x, &y) in x.iter().zip(y).filter(|(x, y)| x != y) {
            found.n_values += 1;
            if distance {
                found.max_abs = found.max_abs.max(x.abs_diff(y).into());
            }
        }
    };
    match field {
        Field::Image => bytes(&mut found, &a.image.as_slice(), &b.image.as_slice(), true),
        Field::Depth => depths(&mut found, &a.depth, &b.depth),
        Field::RawDepth => {
            if let (Some(x), Some(y)) = (&a.raw_depth, &b.raw_depth) {
                depths(&mut found, x, y);
            }
        }
        Field::Semantics => {
            if let (Some(x), Some(y)) = (&a.semantics, &b.semantics) {
                bytes(&mut found, x.values().as_slice().unwrap_or(&[]), y.values().as_slice().unwrap_or(&[]), false);
            }
        }
        Field::Confidence => {
            if let (Some(x), Some(y)) = (&a.confidence, &b.confidence) {
                bytes(&mut found, x.values().as_slice().unwrap_or(&[]), y.values().as_slice().unwrap_or(&[]), true);
            }
        }
        Field::Intrinsics => {
            if let (Some(x), Some(y)) = (a.intrinsics, b.intrinsics) {
                for (x, y) in x.to_array().into_iter().zip(y.to_array()).filter(|(x, y)| x.to_bits() != y.to_bits()) {
                    found.n_values += 1;
                    found.max_abs = found.max_abs.max((x - y).abs());
                }
            }
        }
    }
    found
}

fn depths(found: &mut FieldDifference, a: &Depth, b: &Depth) {
    for (&x, &y) in a.metres().iter().zip(b.metres()).filter(|(x, y)| x != y) {
        found.n_values += 1;
        if x > 0.0 && y > 0.0 {
            found.max_abs = found.max_abs.max((f64::from(x) - f64::from(y)).abs());
        } else {
            found.n_missing_in_one += 1;
        }
    }
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.n_samples == 0 {
            return write!(f, "{}: equal", self.field);
        }
        write!(f, "{}: {} samples differ, {} values", self.field, self.n_samples, self.n_values)?;
        match Field::from_name(&self.field) {
            Some(Field::Semantics) => write!(f, " (changed labels)")?,
            Some(Field::Depth | Field::RawDepth) => {
                write!(f, ", by {:.6} m at most, {} missing in one only", self.max_abs, self.n_missing_in_one)?;
            }
            Some(Field::Intrinsics) => write!(f, ", by {} px at most", self.max_abs)?,
            _ => write!(f, ", by {} of 255 at most", self.max_abs)?,
        }
        write!(f, "; first: {:?}", self.first_key.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Image, Semantics, Size};
    use ndarray::array;

    fn sample(depth: ndarray::Array2<f32>, labels: ndarray::Array2<u8>) -> Sample {
        let mut sample = Sample::new(Image::filled(Size::new(1, 4), 7), Depth::from_metres(depth).0);
        sample.semantics = Some(Semantics::new(labels));
        sample
    }

    #[test]
    fn values_by_hand() {
        let a = sample(array![[1.0, 2.0, 0.0, 4.0]], array![[0, 1, 2, 255]]);
        let b = sample(array![[1.0, 2.5, 3.0, 4.25]], array![[0, 9, 2, 3]]);
        let depth = difference(Field::Depth, &a, &b);
        assert_eq!((depth.n_values, depth.n_missing_in_one, depth.max_abs), (3, 1, 0.5));
        let labels = difference(Field::Semantics, &a, &b);
        assert_eq!((labels.n_values, labels.max_abs), (2, 0.0));
        assert_eq!(difference(Field::Image, &a, &b).n_values, 0);
        assert_eq!(difference(Field::Depth, &a, &a).n_values, 0);
    }
}
