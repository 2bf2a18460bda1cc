//! Whole steps of training.

use dfdx::tensor::NoneTape;
use semdepth::train::data::Batch;
use semdepth::train::model::Target;
use semdepth::train::nn::Pass;
use semdepth::train::settings::Settings;
use semdepth::train::trainer::Trainer;

use super::{FORWARD, Golden, Nano, Place, Report, common, compare_losses, json, numbers_of, vanishes};

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
