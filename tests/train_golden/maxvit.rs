//! The encoder against timm.

use std::collections::BTreeMap;

use dfdx::tensor::{NoneTape, TensorFromVec};
use semdepth::train::model::{Config, MaxVit};
use semdepth::train::nn::{Pass, Store};
use semdepth::train::op::Map;

use super::{Place, numbers, place};

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
