//! The network against the golden values: two independent implementations in f64 agree on them to 1e-13 (their README).
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod exchange;
mod maxvit;
mod network;
mod steps;
mod weights;

use std::collections::BTreeMap;
use std::path::Path;

use dfdx::tensor::{OwnedTape, PutTape, Tape, TensorFromVec};
use dfdx::tensor_ops::{Backward, Device};
use safetensors::SafeTensors;
use semdepth::train::model::{self, Dss, Losses, Outputs, Target};
use semdepth::train::nn::Pass;
use semdepth::train::op::{self, Backend, Map, Scalar};
use serde_json::Value;

/// Where the network runs: on the first GPU in a build for CUDA, where these tests are compiled on one machine and run on another.
#[cfg(not(feature = "cuda"))]
type Place = dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
type Place = dfdx::tensor::Cuda;

/// How far activations and losses may be off; sums on a GPU are taken in another order each time.
const FORWARD: f64 = if cfg!(feature = "cuda") { 1e-3 } else { 1e-4 };

fn place() -> Place {
    thread_local! {
        static PLACE: Place = Place::default();
    }
    PLACE.with(Clone::clone)
}

/// A golden file: shape and values of every tensor, u8 as numbers.
struct Golden(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Golden {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let values = match view.dtype() {
                safetensors::Dtype::U8 => view.data().iter().map(|v| f64::from(*v)).collect(),
                safetensors::Dtype::F32 => {
                    view.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
                }
                other => panic!("{name} holds {other:?}"),
            };
            (name, (view.shape().to_vec(), values))
        });
        Self(tensors.collect())
    }

    fn values(&self, name: &str) -> &[f64] {
        &self.0.get(name).unwrap_or_else(|| panic!("{name} is not among the golden values")).1
    }

    fn map<E: Scalar>(&self, name: &str) -> Map<E, Place> {
        let (shape, values) = &self.0[name];
        place().tensor_from_vec(values.iter().map(|v| E::of(*v)).collect(), (shape[0], shape[1], shape[2], shape[3]))
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Largest difference over the largest size.
fn deviation(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (a, b)| if a.is_finite() { m.max((a - b).abs()) } else { f64::NAN })
        / size
}

/// Every comparison of a test: all are made before it fails, so that a fault shows its extent.
#[derive(Default)]
struct Report(Vec<String>, usize);

impl Report {
    fn compare(&mut self, what: &str, found: &[f64], expected: &[f64], limit: f64) {
        let error = deviation(found, expected);
        self.1 += 1;
        if error.is_nan() || error > limit {
            self.0.push(format!("{what}: {error:.2e}, allowed {limit:.0e}"));
        }
    }

    fn close(self, at_least: usize) {
        assert!(self.0.is_empty(), "{} of {} differ:\n{}", self.0.len(), self.1, self.0.join("\n"));
        assert!(self.1 >= at_least, "only {} comparisons", self.1);
    }
}

fn numbers<E: Scalar>(map: &Map<E, Place>) -> Vec<f64> {
    map.as_vec().into_iter().map(Scalar::f64).collect()
}

/// dss-nano with the golden weights, and the golden batch.
struct Nano<E: Scalar> {
    network: Dss<E, Place>,
    input: Map<E, Place>,
    depth: Vec<f32>,
    labels: Vec<u8>,
}

impl<E: Scalar> Nano<E>
where
    Place: Backend<E>,
{
    fn new(root: &Path) -> Self {
        let bytes = std::fs::read(root.join("nano_weights.safetensors")).unwrap();
        let config = model::read_metadata(&bytes).unwrap().config.expect("a configuration in the metadata");
        let network = Dss::new(place(), config, 0).unwrap();
        model::load(network.store(), &bytes, &[], false).unwrap();
        let batch = Golden::read(&root.join("nano_input.safetensors"));
        Self {
            network,
            input: batch.map("input"),
            depth: batch.values("depth_gt").iter().map(|v| *v as f32).collect(),
            labels: batch.values("labels").iter().map(|v| *v as u8).collect(),
        }
    }

    fn run<T: Tape<E, Place>>(&self, pass: &mut Pass<E, Place, T>) -> (Outputs<E, Place>, Losses<E, Place>) {
        let outputs = self.network.forward(pass, &self.input);
        let target = Target { depth: Some(&self.depth), labels: Some(&self.labels) };
        let losses = self.network.losses(pass, &outputs, target).unwrap();
        (outputs, losses)
    }

    /// Losses (depth, semantics, total) and the gradient of every parameter.
    fn learn(&self, pass: &mut Pass<E, Place, OwnedTape<E, Place>>) -> ([f64; 3], BTreeMap<String, Vec<f64>>) {
        let (_, losses) = self.run(pass);
        let values = numbers_of(&losses);
        let mut found = losses.total.put_tape(std::mem::take(&mut pass.tape)).backward();
        let gradients = self.network.store().parameters().map(|entry| {
            let values = op::gradient(&mut found, &entry.tensor());
            (entry.name.clone(), values.into_iter().map(Scalar::f64).collect())
        });
        (values, gradients.collect())
    }
}

fn numbers_of<E: Scalar>(losses: &Losses<E, Place>) -> [f64; 3]
where
    Place: Device<E>,
{
    [losses.depth.as_ref().unwrap(), losses.semantics.as_ref().unwrap(), &losses.total].map(|x| x.as_vec()[0].f64())
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn compare_losses(report: &mut Report, what: &str, found: [f64; 3], expected: &Value, limit: f64) {
    for (found, key) in found.into_iter().zip(["depth", "semantics", "total"]) {
        report.compare(&format!("{what} {key}"), &[found], &[expected[key].as_f64().unwrap()], limit);
    }
}

/// Gradients that are zero in exact arithmetic, as the README of the golden values lists them.
fn vanishes(name: &str, training: bool) -> bool {
    (name.starts_with("exchange.") && name.ends_with(".k.bias"))
        || (training && (name == "encoder.stem.conv1.bias" || name.ends_with(".conv.pre_norm.bias")))
}
