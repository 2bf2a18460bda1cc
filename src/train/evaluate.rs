//! A network against the truth of sets.

use dfdx::shapes::HasShape;

use super::data::{Batch, Batching, Data, DataError};
use super::metric::{Average, Confusion, Flip, Picture, Protocol, Scores, average, mirror_average};
use super::model::Dss;
use super::nn::Pass;
use super::op::{Backend, Map};
use crate::sample::{Semantics, Size};
use serde::Serialize;

/// What came of an evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Depth over all pixels.
    pub full: Average,
    /// Depth up to 4, 6 and 8 metres.
    pub ranges: Vec<(f32, Average)>,
    /// Semantics; none when the sets have no labels.
    pub semantics: Option<Scores>,
}

/// What a network says of one picture, at the resolution of its input.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Metres.
    pub depth: Vec<f32>,
    /// Classes.
    pub classes: Vec<u8>,
    /// Rows and columns.
    pub size: (usize, usize),
}

/// Runs a network on one normalised picture `[1, 3, H, W]`.
pub fn predict<D: Backend<f32>>(network: &Dss<f32, D>, input: &Map<f32, D>) -> Prediction {
    let mut pass = Pass::evaluation();
    let outputs = network.forward(&mut pass, input);
    let depth = network.full_depth(&mut pass, &outputs).as_vec();
    let logits = network.full_logits(&mut pass, &outputs);
    let (_, classes, h, w) = *logits.shape();
    let mut values = vec![0.0; classes * h * w];
    logits.copy_into(&mut values);
    let mut best = vec![(f32::NEG_INFINITY, 0u8); h * w];
    for (class, plane) in (0..=u8::MAX).zip(values.chunks_exact(h * w)) {
        for (best, value) in best.iter_mut().zip(plane) {
            if *value > best.0 {
                *best = (*value, class);
            }
        }
    }
    Prediction { depth, classes: best.into_iter().map(|(_, class)| class).collect(), size: (h, w) }
}

/// Evaluates a network on every sample of `data`; `told` is called after each.
///
/// # Errors
///
/// A sample that cannot be read.
pub fn evaluate<D: Backend<f32>>(
    network: &Dss<f32, D>,
    data: &Data,
    protocol: &Protocol,
    flip: Option<Flip>,
    mut told: impl FnMut(usize),
) -> Result<Evaluation, DataError> {
    const RANGES: [f32; 3] = [4.0, 6.0, 8.0];
    let config = network.config();
    let (h, w) = config.input_size;
    let batching = Batching {
        size: config.input_size,
        mean: config.input_mean,
        std: config.input_std,
        batch: 1,
        flip: 0.0,
        seed: 0,
        strict: true,
    };
    let mut pictures: Vec<Picture> = Vec::new();
    let mut near: [Vec<Picture>; 3] = Default::default();
    let (mut confusion, mut labelled) = (Confusion::default(), false);
    for index in 0..data.len() {
        let (sample, _) = data.sample(index)?;
        let run = |mirrored: bool| {
            let mut batch = Batch::empty(0);
            batching.push(&mut batch, &sample, mirrored);
            predict(network, &network.device().tensor_from_vec(batch.input, (1, 3, h, w)))
        };
        let mut prediction = run(false);
        if let Some(flip) = flip {
            prediction.depth = mirror_average(&prediction.depth, &run(true).depth, w, protocol.range, flip);
        }
        let truth: Vec<f32> = sample.depth.metres().iter().copied().collect();
        let size = sample.image.size();
        let prepared = protocol.prepare((&prediction.depth, h, w), (&truth, size.height, size.width));
        pictures.push(prepared.evaluate());
        near.iter_mut().zip(RANGES).for_each(|(list, limit)| list.push(prepared.evaluate_to(limit)));
        if let Some(truth) = &sample.semantics {
            labelled = true;
            let classes = enlarged(&prediction, size);
            let truth: Vec<u8> = truth.values().iter().copied().collect();
            confusion.add(&classes, &truth);
        }
        told(index + 1);
    }
    Ok(Evaluation {
        full: average(&pictures),
        ranges: RANGES.into_iter().zip(&near).map(|(limit, list)| (limit, average(list))).collect(),
        semantics: labelled.then(|| confusion.scores()),
    })
}

/// Classes at another size, nearest.
fn enlarged(prediction: &Prediction, size: Size) -> Vec<u8> {
    let (h, w) = prediction.size;
    let map = ndarray::Array2::from_shape_vec((h, w), prediction.classes.clone());
    match map {
        Ok(map) => Semantics::new(map).resize_nearest(size).values().iter().copied().collect(),
        Err(_) => Vec::new(),
    }
}
