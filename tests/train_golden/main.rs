//! The network against the golden values: two independent implementations in f64 agree on them to 1e-13 (their README).
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use dfdx::tensor::{NoneTape, OwnedTape, PutTape, Tape, TensorFromVec};
use dfdx::tensor_ops::{Backward, Device};
use safetensors::SafeTensors;
use semdepth::train::data::Batch;
use semdepth::train::model::{self, Config, Dss, FeatureExchange, LgCat, Losses, MaxVit, Outputs, Target};
use semdepth::train::nn::{Mode, Pass, Role, Store, Stream};
use semdepth::train::op::{self, Backend, Map, Scalar};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::Trainer;
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
        model::load(network.store(), &bytes, &[]).unwrap();
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

#[test]
fn names_shapes_and_kinds_are_those_of_the_specification() {
    let Some(root) = common::golden() else { return };
    for (name, window) in [("dss-nano", (3, 4)), ("dss-tiny", (15, 20))] {
        let text = std::fs::read_to_string(root.join(format!("names_{name}.txt"))).unwrap();
        let config = Config::named(name).unwrap();
        assert_eq!(config.encoder_window, window);
        let network: Dss<f32, Place> = Dss::new(place(), config, 0).unwrap();
        let ours: BTreeMap<String, String> = network
            .store()
            .entries()
            .iter()
            .map(|entry| {
                let shape: Vec<String> = entry.shape.iter().map(usize::to_string).collect();
                let kind = match entry.role {
                    Role::Parameter { decay: true } => "parameter\tdecay",
                    Role::Parameter { decay: false } => "parameter\t-",
                    Role::Buffer => "buffer\t-",
                };
                (entry.name.clone(), format!("{}\t{}\t{kind}", entry.name, shape.join("x")))
            })
            .collect();
        let expected: BTreeMap<String, String> =
            text.lines().map(|line| (line.split('\t').next().unwrap().to_owned(), line.to_owned())).collect();
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn evaluation_gives_the_golden_activations_losses_and_gradients() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("nano_eval.safetensors"));
    let expected = json(&root.join("nano.json"));
    let nano: Nano<f32> = Nano::new(&root);
    let mut report = Report::default();

    let mut pass: Pass<f32, Place, NoneTape> = Pass::evaluation().watching();
    let (outputs, _) = nano.run(&mut pass);
    let watched: BTreeMap<String, Map<f32, Place>> = pass.watched().iter().cloned().collect();
    for name in [
        "e1",
        "e2",
        "e3",
        "e4",
        "d4",
        "d3",
        "d2",
        "d1",
        "f_d",
        "f_s",
        "f_d_out",
        "f_s_out",
        "depth_quarter",
        "logits_quarter",
    ] {
        report.compare(name, &numbers(&watched[name]), golden.values(name), FORWARD);
    }
    let depth = nano.network.full_depth(&mut pass, &outputs);
    report.compare("depth", &numbers(&depth), golden.values("depth"), FORWARD);
    let logits = numbers(&nano.network.full_logits(&mut pass, &outputs));
    let plane = 96 * 128;
    let first_two: Vec<f64> = [0, 150].iter().flat_map(|i| &logits[i * plane..(i + 2) * plane]).copied().collect();
    report.compare("logits_0_1", &first_two, golden.values("logits_0_1"), FORWARD);
    let (classes, margins) = (golden.values("classes"), golden.values("class_margin"));
    for pixel in (0..2 * plane).filter(|pixel| margins[*pixel] >= 1e-4) {
        let at = |class: usize| logits[(pixel / plane * 150 + class) * plane + pixel % plane];
        let best = (0..150).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
        assert_eq!(best as f64, classes[pixel], "class of pixel {pixel}");
    }

    let mut pass = Pass::new(Mode::Evaluation, 0, 0);
    let (losses, gradients) = nano.learn(&mut pass);
    compare_losses(&mut report, "loss", losses, &expected["losses_eval"], FORWARD);
    for (name, value) in expected["grad_norm_eval"].as_object().unwrap() {
        if !vanishes(name, false) {
            report.compare(&format!("norm of {name}"), &[norm(&gradients[name])], &[value.as_f64().unwrap()], 1e-3);
        }
    }
    let stored = golden.0.keys().filter_map(|name| name.strip_prefix("grad."));
    for name in stored {
        report.compare(&format!("gradient of {name}"), &gradients[name], golden.values(&format!("grad.{name}")), 1e-3);
    }
    report.close(16 + 3 + 340 + 19);
}

#[test]
fn training_gives_the_golden_activations_losses_gradients_and_statistics() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("nano_train.safetensors"));
    let expected = json(&root.join("nano.json"));
    let nano: Nano<f32> = Nano::new(&root);
    let mut report = Report::default();

    let mut pass = Pass::new(Mode::Training, 0, 0).watching();
    let (losses, gradients) = nano.learn(&mut pass);
    let watched: BTreeMap<String, Map<f32, Place>> = pass.watched().iter().cloned().collect();
    for name in ["e1", "e4", "d1", "f_d_out", "f_s_out", "depth_quarter"] {
        report.compare(name, &numbers(&watched[name]), golden.values(name), FORWARD);
    }
    compare_losses(&mut report, "loss", losses, &expected["steps"][0], FORWARD);
    for (name, value) in expected["grad_norm_train"].as_object().unwrap() {
        if !vanishes(name, true) {
            report.compare(&format!("norm of {name}"), &[norm(&gradients[name])], &[value.as_f64().unwrap()], 1e-3);
        }
    }
    for name in golden.0.keys().filter_map(|name| name.strip_prefix("grad.")) {
        report.compare(&format!("gradient of {name}"), &gradients[name], golden.values(&format!("grad.{name}")), 1e-3);
    }
    pass.take_statistics().iter().for_each(|running| running.apply());
    for entry in nano.network.store().entries().iter().filter(|entry| entry.role == Role::Buffer) {
        let values: Vec<f64> = entry.values().into_iter().map(f64::from).collect();
        report.compare(&entry.name, &values, golden.values(&format!("after1.{}", entry.name)), FORWARD);
    }
    report.close(6 + 3 + 330 + 15 + 68);
}

#[test]
fn in_f64_the_losses_equal_the_golden_ones_to_nine_digits() {
    let Some(root) = common::golden() else { return };
    let expected = json(&root.join("nano.json"));
    let nano: Nano<f64> = Nano::new(&root);
    let mut report = Report::default();
    let mut pass: Pass<f64, Place, NoneTape> = Pass::evaluation();
    let found = numbers_of(&nano.run(&mut pass).1);
    compare_losses(&mut report, "evaluation", found, &expected["losses_eval"], 1e-9);
    let mut pass: Pass<f64, Place, NoneTape> = Pass::new(Mode::Training, 0, 0);
    let found = numbers_of(&nano.run(&mut pass).1);
    compare_losses(&mut report, "training", found, &expected["steps"][0], 1e-9);
    report.close(6);
}

#[test]
fn lg_cat_alone_gives_the_golden_results_and_gradients() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("modules.safetensors"));
    let mut report = Report::default();
    for mode in [Mode::Evaluation, Mode::Training] {
        let config = Config { channels: 16, lgcat_n_s: 2, lgcat_drop_path: 0.0, ..Config::named("dss-tiny").unwrap() };
        let mut store: Store<f32, Place> = Store::new(place(), 0);
        let module = LgCat::new(store.builder().at("exchange"), &config);
        for entry in store.entries() {
            let values = golden.values(&format!("lg_cat.param.{}", entry.name));
            assert_eq!(values.len(), entry.len(), "{}", entry.name);
            entry.update(|own| own.iter_mut().zip(values).for_each(|(own, v)| *own = *v as f32));
        }
        let (f_d, f_s): (Map<f32, Place>, Map<f32, Place>) = (golden.map("f_d"), golden.map("f_s"));
        let mut pass: Pass<f32, Place, OwnedTape<f32, Place>> = Pass::new(mode, 0, 0);
        let (out_d, out_s) = module.forward(&mut pass, &f_d, &f_s);
        let name = if mode == Mode::Training { "lg_cat.train" } else { "lg_cat.eval" };
        report.compare(&format!("{name}.out_d"), &numbers(&out_d), golden.values(&format!("{name}.out_d")), FORWARD);
        report.compare(&format!("{name}.out_s"), &numbers(&out_s), golden.values(&format!("{name}.out_s")), FORWARD);
        // sum(out_d r_d) + sum(out_s r_s)
        let loss = {
            use dfdx::tensor_ops::SumTo;
            let (r_d, r_s): (Map<f32, Place>, Map<f32, Place>) = (golden.map("r_d"), golden.map("r_s"));
            let (d, tape) = dfdx::tensor::SplitTape::split_tape(
                (out_d.put_tape(std::mem::take(&mut pass.tape)) * r_d).sum::<dfdx::shapes::Rank0, _>(),
            );
            (out_s.put_tape(tape) * r_s).sum::<dfdx::shapes::Rank0, _>() + d
        };
        let mut found = loss.backward();
        for (input, key) in [(&f_d, "grad_d"), (&f_s, "grad_s")] {
            let gradient: Vec<f64> = op::gradient(&mut found, input).into_iter().map(f64::from).collect();
            report.compare(&format!("{name}.{key}"), &gradient, golden.values(&format!("{name}.{key}")), 1e-3);
        }
        for entry in store.parameters() {
            let key = format!("{name}.grad_param.{}", entry.name.trim_start_matches("exchange."));
            if golden.0.contains_key(&key) && !vanishes(&entry.name, mode == Mode::Training) {
                let gradient: Vec<f64> = op::gradient(&mut found, &entry.tensor()).into_iter().map(f64::from).collect();
                report.compare(&key, &gradient, golden.values(&key), 1e-3);
            }
        }
    }
    report.close(8 + 150);
}

#[test]
fn the_weights_are_those_of_the_fill_rule() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("nano_weights.safetensors"));
    for (name, (shape, values)) in &golden.0 {
        let mut stream = Stream::new(name, 11);
        let inputs: usize = shape.iter().skip(1).product();
        for (t, value) in values.iter().enumerate() {
            let v = 2.0 * stream.uniform() - 1.0;
            let expected = if name.ends_with("relative_position_bias_table") {
                0.5 * v
            } else if name.ends_with("running_mean") {
                0.1 * v
            } else if name.ends_with("running_var") {
                1.0 + 0.3 * v
            } else if name.ends_with("weight") && shape.len() == 1 {
                1.0 + 0.2 * v
            } else if name.ends_with("weight") {
                v * (3.0 / inputs as f64).sqrt()
            } else {
                0.1 * v
            };
            assert_eq!(expected as f32, *value as f32, "{name}[{t}]");
        }
    }
}

/// maxvit.md section 6: MaxViT-T for 64 x 96 pictures, filled by a closed form.
#[test]
fn maxvit_t_has_the_activations_of_timm() {
    let config = Config::named("dss-tiny").unwrap().for_size((64, 96));
    let mut store: Store<f32, Place> = Store::new(place(), 0);
    let encoder = MaxVit::new(store.builder(), &config.encoder());
    for entry in store.entries() {
        let phase = f64::from(entry.name.bytes().map(u32::from).sum::<u32>() % 97);
        let inputs: usize = entry.shape.iter().skip(1).product();
        entry.update(|values| {
            for (t, value) in values.iter_mut().enumerate() {
                let v = (phase + 0.7 * t as f64).sin();
                *value = (match entry.name.rsplit('.').next().unwrap() {
                    "relative_position_bias_table" => 0.5 * v,
                    "running_mean" => 0.05 * v,
                    "running_var" => 1.0 + 0.2 * v,
                    "weight" if entry.shape.len() == 1 => 1.0 + 0.1 * v,
                    "weight" => v / (inputs as f64).sqrt(),
                    _ => 0.05 * v,
                }) as f32;
            }
        });
    }
    let input = (0..3 * 64 * 96).map(|i| (0.01 * i as f64).sin() as f32).collect();
    let input = place().tensor_from_vec(input, (1, 3, 64, 96));
    let mut pass: Pass<f32, Place, NoneTape> = Pass::evaluation().watching();
    encoder.forward(&mut pass, &input);
    let watched: BTreeMap<String, Map<f32, Place>> = pass.watched().iter().cloned().collect();
    // Mean, deviation, first four values, last value.
    let expected: [(&str, [f64; 7]); 8] = [
        ("e0", [0.00055296, 0.57116648, -0.70713212, -1.01712907, -1.02700510, -1.03609251, 0.24314306]),
        (
            "stages.0.blocks.0.conv",
            [0.00184878, 0.27808683, -0.21772166, -0.32485188, -0.33572726, -0.34714468, -0.04900573],
        ),
        (
            "stages.0.blocks.0.attn_block",
            [-0.00163805, 0.76984155, -0.75318600, -0.85761390, -0.85838750, -0.84806971, 0.19632216],
        ),
        (
            "stages.0.blocks.0.attn_grid",
            [-0.00081277, 0.65890595, -0.54863441, -0.64246507, -0.66407870, -0.64348026, 0.07415570],
        ),
        ("e1", [-0.02210771, 0.88514466, -0.90510768, -0.99847382, -1.02767215, -1.01306509, -0.48021142]),
        ("e2", [0.03691121, 1.17585051, -0.29993971, -0.29955798, -0.29501971, -0.30839757, -0.35385284]),
        ("e3", [0.01778065, 4.78119084, 8.27832022, 8.40481647, 8.40614700, 8.40491516, 5.03570027]),
        ("e4", [0.01886215, 3.18776958, 6.97496055, 7.02927891, 6.96736135, 7.38585963, f64::NAN]),
    ];
    for (name, expected) in expected {
        let values = numbers(&watched[name]);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let last = *values.last().unwrap();
        // The last map is three columns wide: its fourth number is the last value.
        let found = match name {
            "e4" => [mean, spread, values[0], values[1], values[2], last, f64::NAN],
            _ => [mean, spread, values[0], values[1], values[2], values[3], last],
        };
        for (found, expected) in found.iter().zip(expected).filter(|(_, e)| !e.is_nan()) {
            assert!((found - expected).abs() < 3e-5 * expected.abs().max(1.0), "{name}: {found}, timm {expected}");
        }
    }
}

/// Five steps with AdamW, clipping, warm-up and schedule: the losses of each, the parameters after the first.
#[test]
fn five_steps_give_the_golden_losses_norms_and_parameters() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("nano_train.safetensors"));
    let expected = json(&root.join("nano.json"));
    let nano: Nano<f32> = Nano::new(&root);
    let batch = Batch {
        input: nano.input.as_vec(),
        depth: nano.depth.clone(),
        labels: nano.labels.clone(),
        keys: vec!["0".into(), "1".into()],
        ..Batch::empty(0)
    };
    let settings = Settings { steps: 20, warmup: 2, ..Settings::default() };
    let target = (nano.input.clone(), nano.depth.clone(), nano.labels.clone());
    let mut trainer = Trainer::with(nano.network, settings);
    let (mut report, mut compared) = (Report::default(), 0);
    for step in expected["steps"].as_array().unwrap() {
        let found = trainer.learn(std::slice::from_ref(&batch)).unwrap();
        let what = format!("step {}", found.step);
        let losses = [found.depth.unwrap(), found.semantics.unwrap(), found.total];
        compare_losses(&mut report, &what, losses, step, FORWARD);
        for (found, key) in [(found.lr_factor, "lr_factor"), (found.grad_norm, "grad_norm")] {
            report.compare(&format!("{what} {key}"), &[found], &[step[key].as_f64().unwrap()], 1e-3);
        }
        if found.step > 0 {
            continue;
        }
        for entry in trainer.network().store().parameters().filter(|entry| !vanishes(&entry.name, true)) {
            let Some((_, after)) = golden.0.get(&format!("after1.{}", entry.name)) else { continue };
            let lr = if entry.name.starts_with("encoder.") { 2e-5 } else { 1e-4 };
            // The k third of a qkv bias has no gradient; no such bias is among the stored ones.
            assert!(!entry.name.ends_with("qkv.bias"));
            let furthest = entry.values().iter().zip(after).fold(0.0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
            assert!(furthest <= 0.05 * lr, "{} is {:.3} learning rates off", entry.name, furthest / lr);
            compared += 1;
        }
    }
    assert!(compared >= 14, "only {compared} parameters compared");
    let (input, depth, labels) = target;
    let mut pass: Pass<f32, Place, NoneTape> = Pass::evaluation();
    let outputs = trainer.network().forward(&mut pass, &input);
    let target = Target { depth: Some(&depth), labels: Some(&labels) };
    let losses = trainer.network().losses(&mut pass, &outputs, target).unwrap();
    compare_losses(&mut report, "after five steps", numbers_of(&losses), &expected["eval_after_5_steps"], FORWARD);
    report.close(25 + 3);
}
