//! A semantic segmentation network in ONNX form as the source of pseudo labels (feature `teacher`). It runs on the
//! processor, one sample a thread.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, ArrayView3, Axis};
use serde_json::{Value, json};
use tract_onnx::model::ParseResult;
use tract_onnx::prelude::{
    Arc, Datum, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, Tensor, TractResult,
    TypedRunnableModel, tvec,
};
use tract_onnx::tract_hir::infer::Factoid;
use xxhash_rust::xxh3::Xxh3;

use super::{Pseudo, PseudoLabels};
use crate::file::read_bounded;
use crate::label::ade20k;
use crate::panic::message;
use crate::run::DeriveError;
use crate::sample::{Confidence, Fault, IGNORE, Image, Semantics, Size};
use crate::shard::{Reader, Set};
use crate::source::SourceError;

/// Networks for segmentation have a few hundred megabytes.
const MAX_MODEL_BYTES: u64 = 2 << 30;
/// A side of the picture that a network sees.
const MAX_SIDE: usize = 1 << 13;

/// How a network wants its pictures and what its numbers are.
#[derive(Clone, Debug, PartialEq)]
pub struct TeacherOptions {
    /// The size that the network sees; `None`: that of the samples.
    pub input: Option<Size>,
    /// What is taken from red, green and blue in 0..1.
    pub mean: [f32; 3],
    /// What the differences are divided by.
    pub std: [f32; 3],
    /// Blue comes first.
    pub bgr: bool,
    /// What the network puts out.
    pub output: TeacherOutput,
    /// The output begins with a class *other*, as networks have it that were trained on the official annotations.
    pub other_first: bool,
    /// Name of the teacher, to be recorded.
    pub name: String,
}

/// What a number of the output of a network means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TeacherOutput {
    /// The exponent of the softmax over the classes makes a probability of it.
    #[default]
    Logits,
    /// Its share of the sum over the classes is a probability.
    Scores,
}

impl TeacherOptions {
    /// Normalisation of ImageNet, logits of 150 classes.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            input: None,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            bgr: false,
            output: TeacherOutput::Logits,
            other_first: false,
            name: name.into(),
        }
    }
}

/// A network, ready to run.
pub struct Teacher {
    model: Arc<TypedRunnableModel>,
    options: TeacherOptions,
    input: Size,
    grid: Size,
    hash: String,
}

impl Teacher {
    /// Reads and optimises the network for the samples of `set`, and runs it once on black. Weights may be in files beside
    /// it, as the exporter of PyTorch leaves them.
    ///
    /// # Errors
    /// A file that is no ONNX network, lacks its weights or has operations that are not supported, or an output that is not
    /// `[1, classes, height, width]`.
    pub fn open(path: &Path, set: &Set, options: TeacherOptions) -> Result<Self, SourceError> {
        let grid = set.spec().size;
        let input = options.input.unwrap_or(grid);
        let refuse = |field: &str, reason: String| SourceError::format(path, field, reason);
        if !(1..=MAX_SIDE).contains(&input.height) || !(1..=MAX_SIDE).contains(&input.width) {
            return Err(refuse("input", format!("expected sides of 1 to {MAX_SIDE} pixels, found {input}")));
        }
        if let Some(bad) = options.std.iter().chain(&options.mean).find(|v| !v.is_finite()) {
            return Err(SourceError::Usage(format!("--mean and --std are finite numbers, found {bad}")));
        }
        if options.std.contains(&0.0) {
            return Err(SourceError::Usage("--std: pictures cannot be divided by 0".into()));
        }
        let bytes = read_bounded(path, MAX_MODEL_BYTES).map_err(|e| SourceError::io(path, e))?;
        let shape = [1, 3, input.height, input.width];
        let (network, weights) = calmly(|| parse(path, &bytes)).map_err(|reason| refuse("network", reason))?;
        calmly(|| Ok(takes(network.input_fact(0)?, input))).flatten().map_err(|reason| refuse("input", reason))?;
        let model = calmly(|| {
            let model = network.with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?;
            model.into_optimized()?.into_runnable()
        });
        let model = model.map_err(|reason| refuse("network", reason))?;
        let mut hash = Xxh3::new();
        hash.update(&bytes);
        for file in weights {
            hash.update(&read_bounded(&file, MAX_MODEL_BYTES).map_err(|e| SourceError::io(&file, e))?);
        }
        let hash = format!("xxh3-128:{:032x}", hash.digest128());
        let teacher = Self { model, options, input, grid, hash };
        teacher.segment(&Image::filled(grid, 0)).map_err(|reason| refuse("output", reason))?;
        Ok(teacher)
    }

    /// The labels of one picture of the size of the set.
    ///
    /// # Errors
    /// In words: the network fails, or its output is not as it should be.
    pub fn segment(&self, image: &Image) -> Result<PseudoLabels, String> {
        let input = self.prepare(image);
        let input = Tensor::from(input);
        let output = calmly(|| self.model.run(tvec!(input.into())))?;
        let output = output.first().ok_or("expected an output, found none")?;
        let scores = output.to_plain_array_view::<f32>().map_err(|e| format!("expected numbers: {e:#}"))?;
        let shape = scores.shape().to_vec();
        let scores = scores.into_dimensionality::<ndarray::Ix4>();
        let first = usize::from(self.options.other_first);
        let classes = first + 2..=first + ade20k::N_CLASSES;
        let expected = || {
            let (least, most) = (classes.start(), classes.end());
            format!("expected [1, classes, height, width] of {least} to {most} classes, found shape {shape:?}")
        };
        let scores = match scores {
            Ok(scores) if scores.dim().0 == 1 && scores.dim().2 > 0 && scores.dim().3 > 0 => scores,
            _ => return Err(format!("{}; see docs/labels.md", expected())),
        };
        let (_, n, rows, columns) = scores.dim();
        // Pictures with their classes last have their own proportions first.
        if classes.contains(&columns) && columns != n && n * self.input.width == rows * self.input.height {
            return Err(format!("{}: it has the classes last; export it with a transposition", expected()));
        }
        if !classes.contains(&n) {
            let other = if n == classes.end() + 1 { "; one more is `other`, the first: --other-first" } else { "" };
            return Err(format!("{}{other}; see docs/labels.md", expected()));
        }
        decide(scores.index_axis(Axis(0), 0), self.grid, &self.options)
    }

    /// `[1, 3, H, W]`, normalised.
    fn prepare(&self, image: &Image) -> Array4<f32> {
        let image = image.resize_smooth(self.input);
        let planes = image.planes();
        let TeacherOptions { mean, std, bgr, .. } = self.options;
        Array4::from_shape_fn((1, 3, self.input.height, self.input.width), |(_, c, y, x)| {
            let c = if bgr { 2 - c } else { c };
            (f32::from(planes[(c, y, x)]) / 255.0 - mean[c]) / std[c]
        })
    }
}

/// What the library makes of a network. On some that are damaged it panics.
fn calmly<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|e| format!("{e:#}")),
        Err(panic) => {
            let text = message(panic.as_ref()).unwrap_or("no reason is given");
            Err(format!("the library for networks cannot deal with it: {text}"))
        }
    }
}

/// Whether a network takes what it will be given: floats, three planes, pictures of this size. What it leaves open, it takes.
fn takes(declared: &InferenceFact, input: Size) -> Result<(), String> {
    if let Some(found) = declared.datum_type.concretize().filter(|found| *found != f32::datum_type()) {
        return Err(format!("expected a network that takes float32, found {found:?}"));
    }
    let sides: Vec<Option<i64>> = declared.shape.dims().map(|side| side.concretize()?.to_i64().ok()).collect();
    let given = [1, 3, input.height, input.width];
    let fits = |(side, given): (&Option<i64>, usize)| side.is_none_or(|side| usize::try_from(side) == Ok(given));
    // A shape without an end may have more sides than it names.
    let has_rank = if declared.shape.is_open() { sides.len() <= given.len() } else { sides.len() == given.len() };
    if has_rank && sides.iter().zip(given).all(fits) {
        return Ok(());
    }
    let side = |side: &Option<i64>| side.map_or("?".to_owned(), |n| n.to_string());
    let found = sides.iter().map(side).collect::<Vec<_>>().join(", ");
    let hint = match sides.as_slice() {
        [_, Some(3), Some(rows), Some(columns)] => format!("; try --input-size {rows}x{columns}"),
        _ => String::new(),
    };
    Err(format!("expected a network that takes [1, 3, {}, {}], found [{found}]{hint}", input.height, input.width))
}

/// The network in a file, and the files beside it that hold weights.
fn parse(path: &Path, bytes: &[u8]) -> TractResult<(InferenceModel, BTreeSet<PathBuf>)> {
    let onnx = tract_onnx::onnx();
    let proto = onnx.proto_model_for_read(&mut Cursor::new(bytes))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let ParseResult { model, unresolved_inputs, .. } = onnx.parse(&proto, folder.to_str())?;
    anyhow::ensure!(unresolved_inputs.is_empty(), "nothing makes the tensors {unresolved_inputs:?}");
    let tensors = proto.graph.iter().flat_map(|graph| &graph.initializer);
    let locations = tensors.flat_map(|tensor| &tensor.external_data).filter(|entry| entry.key == "location");
    Ok((model, locations.map(|entry| folder.join(&entry.value)).collect()))
}

/// Enlarges the scores `[classes, h, w]` bilinearly with half-pixel centres, and takes the best class of each pixel with
/// its probability.
fn decide(scores: ArrayView3<'_, f32>, grid: Size, options: &TeacherOptions) -> Result<PseudoLabels, String> {
    let (n, height, width) = scores.dim();
    let (rows, columns) = (taps(grid.height, height), taps(grid.width, width));
    let mut labels = Array2::from_elem((grid.height, grid.width), IGNORE);
    let mut confidence = Array2::zeros((grid.height, grid.width));
    let mut pixel = vec![0.0_f32; n];
    for (y, &(y0, y1, v)) in rows.iter().enumerate() {
        for (x, &(x0, x1, u)) in columns.iter().enumerate() {
            for (c, score) in pixel.iter_mut().enumerate() {
                let above = scores[(c, y0, x0)] * (1.0 - u) + scores[(c, y0, x1)] * u;
                let below = scores[(c, y1, x0)] * (1.0 - u) + scores[(c, y1, x1)] * u;
                *score = above * (1.0 - v) + below * v;
            }
            let (best, probability) =
                best(&pixel, options.output).ok_or_else(|| format!("a score in row {y}, column {x} is no number"))?;
            let Some(class) = best.checked_sub(usize::from(options.other_first)) else { continue };
            labels[(y, x)] = u8::try_from(class).unwrap_or(IGNORE);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability")]
            let sure = (probability.clamp(0.0, 1.0) * 255.0).round() as u8;
            confidence[(y, x)] = sure;
        }
    }
    Ok(PseudoLabels { labels: Semantics::new(labels), confidence: Some(Confidence::new(confidence)) })
}

/// For every output pixel the two input pixels around it and the share of the second.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
fn taps(to: usize, from: usize) -> Vec<(usize, usize, f32)> {
    let at = |i: usize| ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
    (0..to).map(at).map(|s| (s as usize, (s as usize + 1).min(from - 1), s.fract())).collect()
}

/// The first best class and its probability; `None` when a score is no number.
fn best(scores: &[f32], output: TeacherOutput) -> Option<(usize, f32)> {
    if scores.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let (best, &most) = scores.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1))?;
    let probability = match output {
        TeacherOutput::Logits => 1.0 / scores.iter().map(|s| (s - most).exp()).sum::<f32>(),
        TeacherOutput::Scores => {
            let sum: f32 = scores.iter().map(|s| s.max(0.0)).sum();
            if sum > 0.0 { most.max(0.0) / sum } else { 0.0 }
        }
    };
    Some((best, probability))
}

impl Pseudo for Teacher {
    fn options(&self) -> Value {
        let TeacherOptions { mean, std, bgr, output, other_first, name, .. } = &self.options;
        json!({
            "teacher": name,
            "network": self.hash,
            "input": self.input,
            "mean": mean,
            "std": std,
            "bgr": bgr,
            "output": match output { TeacherOutput::Logits => "logits", TeacherOutput::Scores => "scores" },
            "other_first": other_first,
        })
    }

    fn has_confidence(&self) -> bool {
        true
    }

    fn files(&self, _: usize) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn labels(&self, row: usize, parent: &mut Reader<'_>) -> Result<Option<PseudoLabels>, DeriveError> {
        let image = parent.image(row).map_err(|e| e.into_fault(format!("row {row}")))?;
        let labels = self.segment(&image).map_err(|reason| Fault::new(&self.options.name, "network", reason))?;
        Ok(Some(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn probabilities_of_logits_and_of_scores() {
        let (found, p) = best(&[0.0, 2.0_f32.ln(), 0.0], TeacherOutput::Logits).unwrap();
        assert!(found == 1 && (p - 0.5).abs() < 1e-6);
        assert_eq!(best(&[1.0, 1.0, 2.0], TeacherOutput::Scores), Some((2, 0.5)));
        assert_eq!(best(&[3.0, 3.0], TeacherOutput::Logits), Some((0, 0.5)), "the first of equal ones");
        assert_eq!(best(&[f32::NAN, 1.0], TeacherOutput::Logits), None);
        assert_eq!(best(&[0.0, 0.0], TeacherOutput::Scores), Some((0, 0.0)));
    }

    /// Half-pixel centres: outputs 0..3 of two inputs lie at -0.25 (clamped), 0.25, 0.75 and 1.25 (clamped).
    #[test]
    fn scores_are_enlarged_before_the_decision() {
        assert_eq!(taps(4, 2), [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.0)]);
        let scores = array![[[0.0, 4.0]], [[1.0, 1.0]]];
        let found = decide(scores.view(), Size::new(1, 4), &TeacherOptions::new("t")).unwrap();
        assert_eq!(found.labels.values(), array![[1, 0, 0, 0]], "1 + 0 * 0.25 is not above 1.0 at the second pixel");
        let options = TeacherOptions { other_first: true, ..TeacherOptions::new("t") };
        let found = decide(scores.view(), Size::new(1, 4), &options).unwrap();
        assert_eq!(found.labels.values(), array![[0, 255, 255, 255]]);
        assert_eq!(found.confidence.unwrap().values()[(0, 3)], 0, "other is no label");
    }
}
