//! What an evaluation measures.

use dfdx::tensor::Cpu;
use ndarray::Array3;
use semdepth::sample::Image;
use semdepth::train::data::Data;
use semdepth::train::evaluate::{Rules, evaluate};
use semdepth::train::metric::Flip;
use semdepth::train::model::{Config, Dss};
use semdepth::train::predict::{Input, InputSize, predict_input};
use semdepth::train::session::validation_rules;
use semdepth::train::settings::Settings;
use std::ops::ControlFlow;

use super::{nano, rooms};

/// evaluation.md section 5: 0.5 (f(x) + mirror(f(mirror(x)))).
#[test]
fn a_picture_and_its_mirror_image_are_averaged_pixel_by_pixel() {
    let dir = tempfile::tempdir().unwrap();
    let data = Data::open(&[rooms(dir.path(), 1)]).unwrap();
    let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), Config { encoder_widths: [16; 4], ..nano() }, 1).unwrap();
    // An untrained network says nearly the same everywhere.
    network.store().by_name()["head.depth.out.weight"].update(|w| w.iter_mut().for_each(|w| *w *= 30.0));
    let says = |planes: Array3<u8>| {
        let image = Image::from_planes(planes).unwrap();
        predict_input(&network, &Input::of(image, InputSize::OfNetwork, network.config())).depth
    };
    let sample = data.sample(0).unwrap().0;
    let planes = sample.image.planes();
    let direct = says(planes.clone());
    let mirrored = says(Array3::from_shape_fn(planes.dim(), |(c, y, x)| planes[(c, y, 95 - x)]));
    let back = |at: usize| mirrored[at / 96 * 96 + 95 - at % 96];
    let mean: Vec<f32> = direct.iter().enumerate().map(|(at, d)| 0.5 * (d + back(at))).collect();
    let apart = |other: &[f32]| mean.iter().zip(other).any(|(a, b)| (a - b).abs() > 0.05);
    assert!(apart(&direct) && apart(&mirrored), "the picture is not its own mirror image");
    let metres = sample.depth.metres();
    let truth = metres.iter().zip(&mean).filter(|(g, _)| **g > 1e-3 && **g < 10.0);
    let errors: Vec<f64> = truth.map(|(g, d)| f64::from((d - g).abs()) / f64::from(*g)).collect();
    let error = errors.iter().sum::<f64>() / errors.len() as f64;

    let rules = Rules { flip: Some(Flip::Mean), ..validation_rules(network.config(), &Settings::default()).unwrap() };
    let mut seen = 0;
    let found = evaluate(&network, data.sets(), &rules, |picture| {
        let apart = picture.prediction.depth.iter().zip(&mean).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5);
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(seen, 1);
    let abs_rel = found.unwrap().full.average.unwrap().abs_rel;
    assert!((abs_rel - error).abs() < 1e-6, "{abs_rel} instead of {error}");
}
