//! What weights are before anything is learned (dss.md 3.3, maxvit.md section 5).

use super::{Config, Network, nano, network};
use crate::train::model::Fused;
use crate::train::nn::Role;

/// Mean and deviation are within what so many draws leave to chance.
fn spread(name: &str, values: &[f64], deviation: f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let found = (values.iter().map(|v| v * v).sum::<f64>() / n).sqrt();
    assert!(mean.abs() < 5.0 * deviation / n.sqrt(), "{name}: mean {mean}");
    assert!((found / deviation - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{name}: {found} instead of {deviation}");
}

/// As well, and some lie farther out than uniform ones of the same deviation ever do.
fn normal(name: &str, values: &[f64], deviation: f64) {
    spread(name, values, deviation);
    assert!(values.len() < 100 || largest(values) > 1.9 * deviation, "{name}: {}", largest(values));
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

fn check(network: &Network) -> [usize; 4] {
    let [mut convolutions, mut depthwise, mut linear, mut tables] = [0; 4];
    for entry in network.store().entries() {
        let (name, values) = (entry.name.as_str(), entry.values());
        match *entry.shape.as_slice() {
            [_] => {
                let expected = if name.ends_with(".weight") || name.ends_with(".running_var") { 1.0 } else { 0.0 };
                // maxvit.md allows biases of feed-forward networks a deviation of 1e-6.
                let same = name == "head.depth.out.bias" || values.iter().all(|v| (v - expected).abs() < 1e-5);
                assert!(same, "{name}: {values:?}");
            }
            [outputs, inputs] => {
                // Uniform: sqrt(3) deviations from end to middle.
                let limit = (6.0 / (outputs + inputs) as f64).sqrt();
                spread(name, &values, limit / 3f64.sqrt());
                assert!((0.98 * limit..=limit).contains(&largest(&values)), "{name}: {}", largest(&values));
                linear += 1;
            }
            [_, _, _] => {
                assert!(name.ends_with("relative_position_bias_table"), "{name}");
                normal(name, &values, 0.02);
                tables += 1;
            }
            [outputs, inputs, rows, columns] => {
                let (is_last, is_depthwise) =
                    (name == "head.depth.out.weight" || name == "head.semantics.out.weight", inputs == 1);
                let fan_out = if is_depthwise { rows * columns } else { rows * columns * outputs };
                normal(name, &values, if is_last { 0.01 } else { (2.0 / fan_out as f64).sqrt() });
                depthwise += usize::from(is_depthwise);
                convolutions += 1;
            }
            _ => panic!("{name}: {:?}", entry.shape),
        }
        assert!(entry.role != Role::Buffer || entry.shape.len() == 1, "{name}");
    }
    [convolutions, depthwise, linear, tables]
}

#[test]
fn every_kind_of_layer_begins_with_its_own_spread() {
    let [convolutions, depthwise, linear, tables] = check(&network(nano()));
    // Five blocks have one depthwise convolution each, and two attentions of four linear layers and a table; the exchange has four
    // of six and a table.
    assert_eq!((depthwise, linear, tables), (5, 5 * 2 * 4 + 4 * 6, 5 * 2 + 4));
    assert!(convolutions > 40, "{convolutions}");
    let [_, depthwise, ..] = check(&network(Config { lgcat_fused: Fused::Gcvit, ..nano() }));
    assert_eq!(depthwise, 5 + 2);
}

#[test]
fn the_first_depths_are_those_the_configuration_names() {
    // dss.md 6.6: ln(q / (1 - q)), about -1.0 for 2.7 m of 10 and -1.5 for 15 m of 80.
    for (d_max, depth_start, expected) in
        [(10.0, Some(2.7), -0.994_622_575), (80.0, Some(15.0), -1.466_337_069), (10.0, None, 0.0)]
    {
        let network = network(Config { d_max, depth_start, ..nano() });
        let found = network.store().by_name()["head.depth.out.bias"].values();
        assert!(found.len() == 1 && (found[0] - expected).abs() < 1e-8, "{found:?}");
    }
}
