//! Weights as safetensors files: what a DSS checkpoint and a timm encoder look like on disk (parameters.md section 1).

use std::collections::{BTreeMap, BTreeSet};

use dfdx::tensor::Storage;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;

use super::{Config, ConfigError};
use crate::file::{from_le, to_le};
use crate::train::nn::{Entry, Store};
use crate::train::op::{Backend, Line, Resize, Scalar};

/// A weights file that does not fit, and where.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not a safetensors file.
    #[error("no safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// An encoder where a whole network is needed.
    #[error(
        "it holds an encoder alone, and the other layers would keep their first, random values; begin a run from it with sdtrain --weights"
    )]
    EncoderAlone,
    /// A tensor the network has and the file lacks.
    #[error("tensor `{name}` is missing{}", more(*others))]
    Missing {
        /// Its name.
        name: String,
        /// How many more are missing.
        others: usize,
    },
    /// A tensor the file has and the network lacks.
    #[error("tensor `{name}` belongs to no layer of this network{}", more(*others))]
    Unknown {
        /// Its name.
        name: String,
        /// How many more are unknown.
        others: usize,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` has the shape {found:?}, the network needs {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// In the file.
        found: Vec<usize>,
        /// In the network.
        expected: Vec<usize>,
    },
    /// A tensor of another number type.
    #[error("tensor `{name}` holds {found:?}; F32 is needed")]
    Type {
        /// Its name.
        name: String,
        /// In the file.
        found: Dtype,
    },
    /// A value that is no number.
    #[error("tensor `{name}` holds a value that is not finite")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// A variance below 0.
    #[error("tensor `{name}` holds a variance below 0")]
    Negative {
        /// Its name.
        name: String,
    },
    /// The configuration in the metadata is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Metadata that promises another format.
    #[error("semdepth.format is `{found}`, this version reads 1")]
    Version {
        /// What the file says.
        found: String,
    },
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(", and {others} more") }
}

/// What the metadata of a file say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// The network the file is of; none in a file without our metadata.
    pub config: Option<Config>,
    /// Everything else, by key.
    pub other: BTreeMap<String, String>,
}

/// Reads the metadata of a weights file.
///
/// # Errors
///
/// No safetensors file, another format version, an unusable configuration.
pub fn read_metadata(bytes: &[u8]) -> Result<Metadata, WeightsError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let mut metadata = Metadata::default();
    for (key, value) in header.metadata().iter().flatten() {
        metadata.other.insert(key.clone(), value.clone());
    }
    if let Some(found) = metadata.other.remove("semdepth.format").filter(|found| found != "1") {
        return Err(WeightsError::Version { found });
    }
    metadata.other.remove("semdepth.model");
    metadata.config = metadata.other.remove("semdepth.config").map(|text| Config::from_json(&text)).transpose()?;
    Ok(metadata)
}

/// Fills the tensors of `store` from a weights file. Tensors whose names begin with one of `aside` are left to the caller, timm's
/// counters are ignored, and bias tables of another window are resized. A file of a bare encoder (timm's names, classifier or not)
/// fills the encoder alone, where `encoder_alone` allows that.
///
/// # Errors
///
/// A missing, unknown or mis-shaped tensor, by name. The store is then unchanged.
pub fn load<E: Scalar, D: Backend<E>>(
    store: &Store<E, D>,
    bytes: &[u8],
    aside: &[&str],
    encoder_alone: bool,
) -> Result<(), WeightsError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut given: BTreeMap<String, TensorView> = BTreeMap::new();
    let bare = file.names().iter().any(|name| name.starts_with("stem."));
    if bare && !encoder_alone {
        return Err(WeightsError::EncoderAlone);
    }
    for (name, view) in file.tensors() {
        let skipped = name.ends_with("num_batches_tracked")
            || aside.iter().any(|prefix| name.starts_with(prefix))
            || (bare && name.starts_with("head."));
        if !skipped {
            given.insert(if bare { full_name(&name) } else { name }, view);
        }
    }
    let mut entries = store.by_name();
    if bare {
        entries.retain(|name, _| name.starts_with("encoder."));
    }
    let names: BTreeSet<&str> = given.keys().map(String::as_str).collect();
    let lacking: Vec<&&str> = entries.keys().filter(|name| !names.contains(*name)).collect();
    if let Some(name) = lacking.first() {
        return Err(WeightsError::Missing { name: (**name).to_owned(), others: lacking.len() - 1 });
    }
    let unknown: Vec<&&str> = names.iter().filter(|name| !entries.contains_key(*name)).collect();
    if let Some(name) = unknown.first() {
        return Err(WeightsError::Unknown { name: (**name).to_owned(), others: unknown.len() - 1 });
    }
    let mut read = Vec::new();
    for (name, view) in &given {
        if let Some(entry) = entries.get(name.as_str()) {
            read.push((*entry, values(entry, view)?));
        }
    }
    for (entry, new) in read {
        entry.update(|values| values.iter_mut().zip(new).for_each(|(value, new)| *value = E::of(f64::from(new))));
    }
    Ok(())
}

/// timm's feature extractors rename `stages.0` to `stages_0`.
fn full_name(name: &str) -> String {
    match name.strip_prefix("stages_") {
        Some(rest) => format!("encoder.stages.{rest}"),
        None => format!("encoder.{name}"),
    }
}

/// The values of a tensor: finite, and none below 0 when they are means of squares.
pub(in crate::train) fn floats(name: &str, view: &TensorView, are_squares: bool) -> Result<Vec<f32>, WeightsError> {
    let name = || name.to_owned();
    if view.dtype() != Dtype::F32 {
        return Err(WeightsError::Type { name: name(), found: view.dtype() });
    }
    let values = from_le(view.data());
    if !values.iter().all(|v| v.is_finite()) {
        return Err(WeightsError::NotFinite { name: name() });
    }
    if are_squares && values.iter().any(|v| *v < 0.0) {
        return Err(WeightsError::Negative { name: name() });
    }
    Ok(values)
}

fn values<E: Scalar, D: Backend<E>>(entry: &Entry<E, D>, view: &TensorView) -> Result<Vec<f32>, WeightsError> {
    let values = floats(&entry.name, view, entry.name.ends_with("running_var"))?;
    let (found, expected) = (view.shape(), entry.shape.as_slice());
    if found == expected {
        return Ok(values);
    }
    match (found, expected) {
        ([heads, rows, columns], [heads_here, r, c])
            if heads == heads_here
                && entry.name.ends_with("relative_position_bias_table")
                && rows % 2 == 1
                && columns % 2 == 1 =>
        {
            Ok(resized_table(&values, (*rows, *columns), (*r, *c)))
        }
        _ => Err(WeightsError::Shape { name: entry.name.clone(), found: found.to_vec(), expected: expected.to_vec() }),
    }
}

/// Bias tables of every head, bilinear with half-pixel centres (maxvit.md section 7).
fn resized_table(tables: &[f32], (rows, columns): (usize, usize), (r, c): (usize, usize)) -> Vec<f32> {
    let across = Line::<f32>::new(Resize::HalfPixel, columns, c);
    let down = Line::<f32>::new(Resize::HalfPixel, rows, r);
    let mut result = Vec::new();
    for table in tables.chunks_exact(rows * columns) {
        let mut wide = vec![0.0; rows * c];
        wide.chunks_exact_mut(c).zip(table.chunks_exact(columns)).for_each(|(wide, row)| across.apply(row, wide));
        let mut head = vec![0.0; r * c];
        for column in 0..c {
            let line: Vec<f32> = wide.iter().skip(column).step_by(c).copied().collect();
            let mut new = vec![0.0; r];
            down.apply(&line, &mut new);
            new.into_iter().enumerate().for_each(|(row, value)| head[row * c + column] = value);
        }
        result.extend(head);
    }
    result
}

/// The tensors of `store` as a safetensors file with the configuration in its metadata.
///
/// # Errors
///
/// What the format cannot hold.
pub fn save<E: Scalar, D: Backend<E>>(store: &Store<E, D>, config: &Config) -> Result<Vec<u8>, WeightsError> {
    serialize(tensors(store), config, BTreeMap::new())
}

/// The tensors of `store`: name, shape, values.
pub(in crate::train) fn tensors<E: Scalar, D: Backend<E> + Storage<E>>(
    store: &Store<E, D>,
) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let entries = store.entries().iter();
    entries
        .map(|e| (e.name.clone(), e.shape.clone(), e.values().into_iter().map(|v| v.f64() as f32).collect()))
        .collect()
}

/// Named tensors as a safetensors file with a configuration and `other` in its metadata. Equal content gives equal bytes, which is
/// why the header is written here: the crate keeps metadata in no order.
///
/// # Errors
///
/// What the format cannot hold.
pub fn serialize(
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    config: &Config,
    other: BTreeMap<String, String>,
) -> Result<Vec<u8>, WeightsError> {
    let mut metadata = other;
    metadata.insert("semdepth.format".into(), "1".into());
    metadata.insert("semdepth.model".into(), config.model.clone());
    metadata.insert("semdepth.config".into(), config.to_json());
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let mut end = 0;
    for (name, shape, values) in &tensors {
        let start = end;
        end += 4 * values.len();
        header.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // The data begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    tensors.into_iter().for_each(|(_, _, values)| bytes.extend_from_slice(&to_le(&values)));
    SafeTensors::deserialize(&bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::model::Dss;
    use dfdx::tensor::Cpu;

    type File = Vec<(String, Vec<usize>, Vec<f32>)>;

    fn nano(size: (usize, usize), seed: u64) -> Dss<f32, Cpu> {
        Dss::new(Cpu::default(), Config::named("dss-nano").unwrap().for_size(size), seed).unwrap()
    }

    /// The encoder as timm writes it: no prefix, the classifier and the counters besides (maxvit.md section 4).
    fn timm(network: &Dss<f32, Cpu>) -> File {
        let mut file: File = Vec::new();
        for (name, shape, values) in tensors(network.store()) {
            let Some(name) = name.strip_prefix("encoder.") else { continue };
            if let Some(norm) = name.strip_suffix("running_var") {
                file.push((format!("{norm}num_batches_tracked"), vec![], vec![7.0]));
            }
            file.push((name.to_owned(), shape, values));
        }
        file.push(("head.norm.weight".into(), vec![128], vec![1.0; 128]));
        file.push(("head.pre_logits.fc.weight".into(), vec![2, 128], vec![1.0; 256]));
        file.push(("head.fc.bias".into(), vec![1000], vec![0.0; 1000]));
        file
    }

    fn bytes(file: File) -> Vec<u8> {
        serialize(file, &Config::named("dss-nano").unwrap(), BTreeMap::new()).unwrap()
    }

    fn values(network: &Dss<f32, Cpu>, name: &str) -> Vec<f32> {
        network.store().by_name()[name].values()
    }

    #[test]
    fn an_export_of_timm_fills_the_encoder_alone() {
        let (theirs, ours) = (nano((64, 96), 1), nano((64, 96), 2));
        let head = values(&ours, "head.depth.out.weight");
        load(ours.store(), &bytes(timm(&theirs)), &[], true).unwrap();
        for entry in ours.store().entries().iter().filter(|entry| entry.name.starts_with("encoder.")) {
            assert_eq!(entry.values(), values(&theirs, &entry.name), "{}", entry.name);
        }
        assert_eq!(values(&ours, "head.depth.out.weight"), head, "everything else stays");
        // Where a whole network is read, the other layers would keep what chance has drawn.
        let refused = load(ours.store(), &bytes(timm(&theirs)), &[], false).unwrap_err();
        assert!(refused.to_string().contains("an encoder alone"), "{refused}");
        // A feature extractor writes stages_0 for stages.0.
        let ours = nano((64, 96), 3);
        let renamed = timm(&theirs).into_iter().map(|(name, s, v)| (name.replace("stages.", "stages_"), s, v));
        load(ours.store(), &bytes(renamed.collect()), &[], true).unwrap();
        let name = "encoder.stages.2.blocks.1.attn_grid.mlp.fc2.weight";
        assert_eq!(values(&ours, name), values(&theirs, name));
    }

    #[test]
    fn tables_of_another_window_are_resized() {
        // Windows of 4 x 6 and of 2 x 3: tables of 7 x 11 and 3 x 5 for each head.
        let (theirs, ours) = (nano((128, 192), 1), nano((64, 96), 2));
        let name = "stages.1.blocks.0.attn_block.attn.rel_pos.relative_position_bias_table";
        let mut file = timm(&theirs);
        let table = file.iter_mut().find(|(n, ..)| n == name).unwrap();
        assert_eq!(table.1, [2, 7, 11]);
        table.2 = (0..2 * 77).map(|i| if i < 77 { (i / 11) as f32 } else { 100.0 + (i % 11) as f32 }).collect();
        load(ours.store(), &bytes(file), &[], true).unwrap();
        let found = values(&ours, &format!("encoder.{name}"));
        // Row i of 3 reads (i + 0.5) 7 / 3 - 0.5 = 2/3, 3, 16/3; column j of 5 reads (j + 0.5) 11 / 5 - 0.5 = 0.6, 2.8, 5, 7.2, 9.4.
        let expected = [2.0 / 3.0, 3.0, 16.0 / 3.0].iter().flat_map(|row| [*row; 5]);
        let expected = expected.chain([100.6, 102.8, 105.0, 107.2, 109.4].repeat(3));
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} instead of {expected}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_and_changes_nothing() {
        let (theirs, ours) = (nano((64, 96), 1), nano((64, 96), 2));
        let before = values(&ours, "encoder.stem.conv1.weight");
        let named = |change: &dyn Fn(&mut File)| {
            let mut file = timm(&theirs);
            change(&mut file);
            load(ours.store(), &bytes(file), &[], true).unwrap_err().to_string()
        };
        let proj = "stages.0.blocks.0.attn_block.attn.proj.bias";
        let lacking = named(&|file| file.retain(|(name, ..)| name != proj));
        assert!(lacking.contains(&format!("`encoder.{proj}` is missing")), "{lacking}");
        let unknown = named(&|file| file.push(("stages.4.norm.weight".into(), vec![1], vec![1.0])));
        assert!(unknown.contains("`encoder.stages.4.norm.weight` belongs to no layer"), "{unknown}");
        let shape = named(&|file| file.iter_mut().filter(|(n, ..)| n == proj).for_each(|t| t.1 = vec![4, 4]));
        assert!(shape.contains(&format!("`encoder.{proj}` has the shape [4, 4], the network needs [16]")), "{shape}");
        // Of another number of heads: no window of any size makes that.
        let table = "stages.0.blocks.0.attn_grid.attn.rel_pos.relative_position_bias_table";
        let heads = named(&|file| file.iter_mut().filter(|(n, ..)| n == table).for_each(|t| t.1 = vec![3, 5, 1]));
        assert!(heads.contains(&format!("`encoder.{table}` has the shape [3, 5, 1]")), "{heads}");
        let nan = named(&|file| file.iter_mut().filter(|(n, ..)| n == proj).for_each(|t| t.2[3] = f32::NAN));
        assert!(nan.contains("not finite"), "{nan}");
        assert_eq!(values(&ours, "encoder.stem.conv1.weight"), before);
    }
}
