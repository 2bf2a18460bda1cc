//! Names, shapes and values of the weights.

use std::collections::BTreeMap;

use semdepth::train::model::{Config, Dss};
use semdepth::train::nn::{Role, Stream};

use super::{Golden, Place, common, place};

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
