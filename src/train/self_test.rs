//! Whether a device computes what it should: operations and a whole step of a small network, against f64 on the processor.

use dfdx::shapes::{Rank0, Shape};
use dfdx::tensor::{NoneTape, OwnedTape, PutTape, Tensor};
use dfdx::tensor_ops::{Backward, GatherTo, SumTo, TryMatMul};

use super::device::Cpu;
use super::model::{Config, Dss, Target};
use super::nn::{Mode, Pass, Stream};
use super::op::{self, Backend, Map, Padding, Scalar};

/// What one part of the self-test found.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Check {
    /// What was computed.
    pub what: &'static str,
    /// Largest difference from f64 on the processor, as a share of the largest value.
    pub difference: f64,
    /// The largest difference that rounding explains.
    pub limit: f64,
}

impl Check {
    /// Whether the device computed the right thing.
    pub fn passed(&self) -> bool {
        self.difference <= self.limit
    }
}

/// Runs everything on `device` in f32 and on the processor in f64.
///
/// # Panics
///
/// Where the tensor engine does: when a kernel cannot be compiled or memory runs out.
pub fn self_test<D: Backend<f32>>(device: &D) -> Vec<Check> {
    let expected = measure::<f64, Cpu>(&Cpu::default());
    let found = measure::<f32, D>(device);
    let compare = |((what, limit, expected), (_, _, found)): (Measured, Measured)| Check {
        what,
        difference: deviation(&found, &expected),
        limit,
    };
    expected.into_iter().zip(found).map(compare).collect()
}

/// What was computed, how far rounding may lead it off, and its values.
type Measured = (&'static str, f64, Vec<f64>);

fn measure<E: Scalar, D: Backend<E>>(device: &D) -> Vec<Measured> {
    let mut found = products(device);
    found.extend(convolution(device));
    found.extend(step(device));
    found
}

fn products<E: Scalar, D: Backend<E>>(device: &D) -> Vec<Measured> {
    let a = made_up(device, "a", (70, 130));
    let b = made_up(device, "b", (130, 50));
    let product = a.clone().matmul(b);
    let rows: Vec<usize> = (0..64).map(|i| (i * 37) % 70).collect();
    let rows: Tensor<(usize,), usize, D> = device.tensor_from_vec(rows, (64,));
    let gathered: Tensor<(usize, usize), E, D> = a.gather(rows);
    let (left, right) = (made_up(device, "left", (2, 3, 5, 7)), made_up(device, "right", (2, 4, 5, 7)));
    let joined = op::concat_channels(&mut NoneTape, &left, &right);
    vec![
        ("matrix product", 1e-5, numbers(&product)),
        ("gather", 1e-6, numbers(&gathered)),
        ("concat", 1e-6, numbers(&joined)),
    ]
}

fn convolution<E: Scalar, D: Backend<E>>(device: &D) -> Vec<Measured> {
    let x: Map<E, D> = made_up(device, "x", (2, 6, 17, 23));
    let weight: Map<E, D> = made_up(device, "weight", (9, 6, 3, 3));
    let mut tape = OwnedTape::default();
    let y = op::conv2d(&mut tape, &x, &weight, None, 2, Padding::Same);
    let loss = y.clone().put_tape(tape).square().sum::<Rank0, _>();
    let mut found = loss.backward();
    let gradient = |found: &mut _, tensor: &Map<E, D>| f64s(op::gradient(found, tensor));
    vec![
        ("convolution", 1e-5, numbers(&y)),
        ("its gradient for the map", 1e-5, gradient(&mut found, &x)),
        ("its gradient for the weights", 1e-5, gradient(&mut found, &weight)),
    ]
}

/// The losses of dss-nano on made-up pictures, and the gradients of all its parameters.
fn step<E: Scalar, D: Backend<E>>(device: &D) -> Vec<Measured> {
    const SIZE: (usize, usize) = (64, 64);
    const PICTURES: usize = 2;
    let Ok(config) = Config::named("dss-nano") else { unreachable!("dss-nano is a configuration") };
    let Ok(network) = Dss::<E, D>::new(device.clone(), config.for_size(SIZE), 0) else {
        unreachable!("dss-nano can be built for 64x64")
    };
    let mut chance = Stream::new("self-test truth", 0);
    let pixels = PICTURES * SIZE.0 * SIZE.1;
    let depth: Vec<f32> = (0..pixels).map(|_| 1.0 + 5.0 * chance.uniform() as f32).collect();
    let labels: Vec<u8> = (0..pixels).map(|_| (150.0 * chance.uniform()) as u8).collect();
    let x = made_up(device, "pictures", (PICTURES, 3, SIZE.0, SIZE.1));
    let mut pass: Pass<E, D, OwnedTape<E, D>> = Pass::new(Mode::Training, 0, 0);
    let outputs = network.forward(&mut pass, &x);
    let target = Target { depth: Some(&depth), labels: Some(&labels) };
    let Ok(losses) = network.losses(&mut pass, &outputs, target) else { unreachable!("all labels are classes") };
    let depths = numbers(&outputs.depth);
    let total = numbers(&losses.total);
    let mut found = losses.total.put_tape(std::mem::take(&mut pass.tape)).backward();
    let gradients = network.store().parameters().flat_map(|entry| f64s(op::gradient(&mut found, &entry.tensor())));
    vec![
        ("depths of dss-nano", 1e-3, depths),
        ("its loss", 1e-3, total),
        ("all its gradients", 1e-2, gradients.collect()),
    ]
}

/// A tensor of normal numbers that depend on its name alone.
fn made_up<S: Shape, E: Scalar, D: Backend<E>>(device: &D, name: &str, shape: S) -> Tensor<S, E, D> {
    let mut chance = Stream::new(&format!("self-test {name}"), 0);
    let values = (0..shape.num_elements()).map(|_| E::of(chance.normal())).collect();
    device.tensor_from_vec(values, shape)
}

fn numbers<S: Shape, E: Scalar, D: Backend<E>>(x: &Tensor<S, E, D>) -> Vec<f64> {
    f64s(x.as_vec())
}

fn f64s<E: Scalar>(values: Vec<E>) -> Vec<f64> {
    values.into_iter().map(Scalar::f64).collect()
}

/// Largest difference over the largest value; infinite where something is missing or no number.
fn deviation(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let size = expected.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    let difference = |(a, b): (&f64, &f64)| if (a - b).is_finite() { (a - b).abs() } else { f64::INFINITY };
    found.iter().zip(expected).map(difference).fold(0.0, f64::max) / size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_passes() {
        let checks = self_test(&Cpu::default());
        assert_eq!(checks.len(), 9);
        assert!(checks.iter().all(Check::passed), "{checks:#?}");
        // f32 is not f64: a test that compared a thing with itself would find no difference.
        assert!(checks.iter().any(|check| check.difference > 0.0), "{checks:#?}");
    }

    #[test]
    fn what_is_missing_or_no_number_does_not_pass() {
        for found in [&[1.0][..], &[1.0, f64::NAN], &[1.0, 2.1]] {
            let difference = deviation(found, &[1.0, 2.0]);
            assert!(!Check { what: "", difference, limit: 1e-2 }.passed(), "{found:?}");
        }
        assert_eq!(deviation(&[1.0, 2.5], &[1.0, 2.0]), 0.25);
    }
}
