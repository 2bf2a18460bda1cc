//! The MAT readers against h5py and SciPy (`tests/golden/make_mat_golden.py`) on files MATLAB wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use semdepth::source::mat::{self, Value, v73};
use serde_json::{Value as Json, json};

/// What the golden file says of one value.
fn describe(value: &Value) -> Json {
    let numeric = |class: &str, dims: &[usize], numbers: Vec<f64>| {
        let first: Vec<Option<f64>> = numbers.iter().take(6).map(|&x| Some(x).filter(|x| !x.is_nan())).collect();
        let n_nan = numbers.iter().filter(|x| x.is_nan()).count();
        let sum: f64 = numbers.iter().filter(|x| !x.is_nan()).sum();
        json!({ "class": class, "dims": dims, "n_nan": n_nan, "sum": sum, "first": first })
    };
    match value {
        Value::Numeric(numbers) => numeric(numbers.class(), numbers.dims(), numbers.to_f64()),
        Value::Logical(array) => {
            numeric("logical", &array.dims, array.data.iter().map(|&x| f64::from(u8::from(x))).collect())
        }
        Value::Char(array) => {
            json!({ "class": "char", "dims": array.dims, "text": String::from_utf16(&array.data).unwrap() })
        }
        Value::Cell(array) => json!({ "class": "cell", "dims": array.dims }),
        Value::Struct(array) => {
            json!({ "class": "struct", "dims": array.dims, "fields": array.fields.keys().collect::<Vec<_>>() })
        }
        Value::Refused(refusal) => json!({ "class": refusal.class, "refused": true }),
        other => panic!("{other:?}"),
    }
}

/// Every value inside `value`, by path.
fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, Json>) {
    out.insert(path.to_owned(), describe(value));
    match value {
        Value::Cell(array) => {
            for (i, inner) in array.data.iter().enumerate() {
                walk(&format!("{path}{{{}}}", i + 1), inner, out);
            }
        }
        Value::Struct(array) => {
            for (field, values) in &array.fields {
                for (i, inner) in values.iter().enumerate() {
                    let path = if values.len() == 1 {
                        format!("{path}.{field}")
                    } else {
                        format!("{path}.{field}{{{}}}", i + 1)
                    };
                    walk(&path, inner, out);
                }
            }
        }
        _ => {}
    }
}

fn assert_same(found: &Json, expected: &Json, place: &str) {
    for (key, expected) in expected.as_object().unwrap() {
        let found = &found[key];
        if key == "sum" {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{place}: sum {found}, expected {expected}");
        } else {
            assert_eq!(found, expected, "{place}: {key}");
        }
    }
}

#[test]
fn every_real_mat_file_reads_as_h5py_and_scipy_read_it() {
    let Some(root) = common::real_data() else { return };
    let golden: BTreeMap<String, BTreeMap<String, Json>> =
        serde_json::from_str(include_str!("../fixtures/golden/mat_values.json")).unwrap();
    assert_eq!(golden.len(), 19);
    for (file, expected) in golden {
        let variables = mat::read(&root.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut found = BTreeMap::new();
        for (name, value) in &variables.0 {
            walk(name, value, &mut found);
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{file}");
        for (path, expected) in &expected {
            assert_same(&found[path], expected, &format!("{file}: {path}"));
        }
    }
}

#[test]
fn what_is_refused_is_refused_by_name() {
    let Some(root) = common::real_data() else { return };
    let read = |file: &str, name: &str| v73::File::open(&root.join(file)).unwrap().read(name).unwrap_err().to_string();
    let error = read("mat_v73/matjl_complex.mat", "imaginary");
    assert!(error.contains("`imaginary`") && error.contains("complex") && error.contains("`double`"), "{error}");
    let error = read("mat_v73/matio_test_le_hdf5.mat", "sp");
    assert!(error.contains("`sp`") && error.contains("sparse"), "{error}");
    let error = read("nyuv2_mini_mat/nyu_depth_v2_labeled_mini.mat", "namesToIds");
    assert!(error.contains("`namesToIds`") && error.contains("containers.Map"), "{error}");
    assert!(read("mat_v73/matjl_array.mat", "depths").contains("no variable `depths`"));
}
