//! Activations, losses and gradients of dss-nano and of LG-CAT alone.

use std::collections::BTreeMap;

use dfdx::tensor::{NoneTape, OwnedTape, PutTape};
use dfdx::tensor_ops::Backward;
use semdepth::train::model::{Config, FeatureExchange, LgCat};
use semdepth::train::nn::{Mode, Pass, Role, Store};
use semdepth::train::op::{self, Map};

use super::{
    FORWARD, Golden, Nano, Place, Report, common, compare_losses, json, norm, numbers, numbers_of, place, vanishes,
};

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
