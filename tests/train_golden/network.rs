//! Activations, losses and gradients of dss-nano.

use std::collections::BTreeMap;

use dfdx::tensor::NoneTape;
use semdepth::train::nn::{Mode, Pass, Role};
use semdepth::train::op::Map;

use super::{FORWARD, Golden, Nano, Place, Report, common, compare_losses, json, norm, numbers, numbers_of, vanishes};

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
