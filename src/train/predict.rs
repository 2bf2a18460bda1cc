//! What a network says of pictures, and everything it computes on the way.

use std::collections::BTreeMap;
use std::path::Path;

use dfdx::shapes::HasShape;
use dfdx::tensor::NoneTape;
use ndarray::{Array2, Array3, Axis};
use serde_json::{Value, json};

use super::augment::Crop;
use super::metric::resize;
use super::model::{self, Config, Dss, WeightsError};
use super::nn::Pass;
use super::op::{self, Backend, Map};
use crate::sample::{Depth, Image, Semantics, Size};
use crate::source::picture::npy::Npy;
use crate::source::picture::{self, PictureError};

/// Rows and columns that a picture is resized to before a network sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum InputSize {
    /// Those of the network's input, as in training.
    #[default]
    OfNetwork,
    /// These.
    Fixed(usize, usize),
    /// Those of the picture times these factors.
    Scaled(f64, f64),
}

impl InputSize {
    /// The picture's own.
    pub const OWN: Self = Self::Scaled(1.0, 1.0);

    /// The scale at which a network saw pictures while it learned: whole ones where it saw windows of so many pixels.
    pub fn of_training(config: &Config, crop: Crop) -> Self {
        let (rows, columns) = config.input_size;
        match crop {
            Crop::Share(_) => Self::OfNetwork,
            Crop::Pixels(down, across) => Self::Scaled(rows as f64 / down as f64, columns as f64 / across as f64),
        }
    }

    /// For the account of a run: rows and columns, or the factors.
    pub fn to_json(self, config: &Config) -> Value {
        match self {
            Self::OfNetwork => json!(config.input_size),
            Self::Fixed(rows, columns) => json!([rows, columns]),
            Self::Scaled(down, across) => json!({ "scale": [down, across] }),
        }
    }

    fn of(self, picture: Size, config: &Config) -> (usize, usize) {
        let scaled = |n: usize, factor: f64| ((n as f64 * factor).round() as usize).max(1);
        match self {
            Self::OfNetwork => config.input_size,
            Self::Fixed(rows, columns) => (rows, columns),
            Self::Scaled(down, across) => (scaled(picture.height, down), scaled(picture.width, across)),
        }
    }
}

/// A picture for a network.
#[derive(Debug, Clone)]
pub struct Input {
    /// The picture at its own size.
    pub image: Image,
    /// Normalised values `[3, H, W]`.
    values: Vec<f32>,
    /// Rows and columns of the values.
    size: (usize, usize),
    /// Rows and columns that show the picture; those below and to the right are its reflection (dss.md 3.1).
    shown: (usize, usize),
}

/// An input that a network cannot take.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// An array that is no batch of pictures of a possible size.
    #[error("its shape is {found:?}; expected [N, 3, H, W] with H and W multiples of {} and {}", multiples.0, multiples.1)]
    Shape {
        /// In the file.
        found: Vec<usize>,
        /// What rows and columns have to be multiples of.
        multiples: (usize, usize),
    },
    /// A value that is no number.
    #[error("it holds a value that is not finite")]
    NotFinite,
    /// More than one size where one is needed.
    #[error("it is {found:?} (rows, columns), those before are {expected:?}; features need inputs of one size")]
    Sizes {
        /// Of this input.
        found: (usize, usize),
        /// Of those before.
        expected: (usize, usize),
    },
}

impl Input {
    /// A picture, resized to `size`, and padded to what the network can take.
    pub fn of(image: Image, size: InputSize, config: &Config) -> Self {
        let shown = size.of(image.size(), config);
        let (rows, columns) = multiples(config);
        let size = (shown.0.next_multiple_of(rows), shown.1.next_multiple_of(columns));
        let values = normalised(&image.resize(Size::new(shown.0, shown.1)), config);
        let values = if size == shown { values } else { reflected(&values, shown, size) };
        Self { image, values, size, shown }
    }

    /// Reads the pictures of a file: one of a picture, as in [`of`](Self::of); or all of an npy array `[N, 3, H, W]` of floats that
    /// are normalised already, as they are.
    ///
    /// # Errors
    ///
    /// A file that is neither, or an array the network cannot take.
    pub fn read(path: &Path, size: InputSize, config: &Config) -> Result<Vec<Self>, InputError> {
        let bytes = picture::read_bytes(path)?;
        if bytes.starts_with(b"\x93NUMPY") {
            Self::array(&bytes, config)
        } else {
            Ok(vec![Self::of(picture::decode_rgb(&bytes)?, size, config)])
        }
    }

    fn array(bytes: &[u8], config: &Config) -> Result<Vec<Self>, InputError> {
        let file = Npy::parse(bytes)?;
        let volume = file.volume_f32()?;
        let (_, channels, h, w) = volume.dim();
        let multiples = multiples(config);
        if channels != 3 || h % multiples.0 != 0 || w % multiples.1 != 0 {
            return Err(InputError::Shape { found: file.shape().to_vec(), multiples });
        }
        if !volume.iter().all(|v| v.is_finite()) {
            return Err(InputError::NotFinite);
        }
        let input = |values: ndarray::ArrayView3<f32>| Self {
            image: shown(values.to_owned(), config),
            values: values.iter().copied().collect(),
            size: (h, w),
            shown: (h, w),
        };
        Ok(volume.axis_iter(Axis(0)).map(input).collect())
    }

    fn map<D: Backend<f32>>(&self, device: &D) -> Map<f32, D> {
        device.tensor_from_vec(self.values.clone(), (1, 3, self.size.0, self.size.1))
    }
}

/// What rows and columns of an input have to be multiples of.
fn multiples(config: &Config) -> (usize, usize) {
    (32 * config.encoder_window.0, 32 * config.encoder_window.1)
}

/// Planes grown below and to the right by their reflection; the edge is not repeated.
fn reflected(values: &[f32], (h, w): (usize, usize), (rows, columns): (usize, usize)) -> Vec<f32> {
    let across: Vec<usize> = (0..columns).map(|x| op::mirrored(x, w)).collect();
    let plane = |plane: &[f32]| -> Vec<f32> {
        (0..rows).flat_map(|y| across.iter().map(move |x| op::mirrored(y, h) * w + x)).map(|at| plane[at]).collect()
    };
    values.chunks_exact(h * w).flat_map(plane).collect()
}

/// A picture as a network takes it: in [0, 1], less the mean, over the deviation; `[3, H, W]`.
fn normalised(image: &Image, config: &Config) -> Vec<f32> {
    let channels = image.planes().outer_iter().zip(config.input_mean.iter().zip(&config.input_std));
    channels.flat_map(|(plane, (mean, std))| plane.mapv(|v| (f32::from(v) / 255.0 - mean) / std)).collect()
}

/// The picture that normalised values stand for.
fn shown(mut values: Array3<f32>, config: &Config) -> Image {
    for (mut plane, (mean, std)) in values.outer_iter_mut().zip(config.input_mean.iter().zip(&config.input_std)) {
        plane.mapv_inplace(|v| 255.0 * (v * std + mean));
    }
    let (_, h, w) = values.dim();
    // As `as` casts: what lies outside 0..=255 becomes the nearest end.
    Image::from_planes(values.mapv(|v| v.round() as u8)).unwrap_or_else(|| Image::filled(Size::new(h, w), 0))
}

/// What a network says of one picture, at the resolution at which it saw it.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Metres.
    pub depth: Vec<f32>,
    /// Classes.
    pub classes: Vec<u8>,
    /// Rows and columns.
    pub size: (usize, usize),
}

impl Prediction {
    /// The first rows and columns.
    fn within(self, (rows, columns): (usize, usize)) -> Self {
        if (rows, columns) == self.size {
            return self;
        }
        fn cut<T: Copy>(plane: &[T], width: usize, (rows, columns): (usize, usize)) -> Vec<T> {
            plane.chunks_exact(width).take(rows).flat_map(|row| &row[..columns]).copied().collect()
        }
        let (width, size) = (self.size.1, (rows, columns));
        Self { depth: cut(&self.depth, width, size), classes: cut(&self.classes, width, size), size }
    }

    /// Depth at another size, bilinear with half-pixel centres.
    pub fn depth_at(&self, size: Size) -> Depth {
        let target = (size.height, size.width);
        let (h, w) = self.size;
        let values = if target == self.size { self.depth.clone() } else { resize((&self.depth, h, w), target) };
        let plane = Array2::from_shape_vec(target, values);
        plane.map_or_else(|_| Depth::missing(size), |plane| Depth::from_metres(plane).0)
    }

    /// Classes at another size, nearest.
    pub fn classes_at(&self, size: Size) -> Semantics {
        let plane = Array2::from_shape_vec(self.size, self.classes.clone());
        let plane = plane.unwrap_or_else(|_| Array2::from_elem(self.size, crate::sample::IGNORE));
        Semantics::new(plane).resize_nearest(size)
    }
}

/// Runs a network on one input; what it says of the padding is left out.
pub fn predict_input<D: Backend<f32>>(network: &Dss<f32, D>, input: &Input) -> Prediction {
    run(network, &input.map(network.device()), Pass::evaluation()).0.within(input.shown)
}

/// As [`predict_input`], and keeps all intermediate maps.
///
/// # Errors
///
/// An input of another size than those before.
pub fn predict_watched<D: Backend<f32>>(
    network: &Dss<f32, D>,
    input: &Input,
    features: &mut Features,
) -> Result<Prediction, InputError> {
    if let Some(expected) = features.size.filter(|size| *size != input.size) {
        return Err(InputError::Sizes { found: input.size, expected });
    }
    let x = input.map(network.device());
    let (prediction, maps) = run(network, &x, Pass::evaluation().watching());
    features.size = Some(input.size);
    features.count += 1;
    features.add("input", &x);
    maps.iter().for_each(|(name, map)| features.add(name, map));
    Ok(prediction.within(input.shown))
}

type Named<D> = (String, Map<f32, D>);

fn run<D: Backend<f32>>(
    network: &Dss<f32, D>,
    x: &Map<f32, D>,
    mut pass: Pass<f32, D, NoneTape>,
) -> (Prediction, Vec<Named<D>>) {
    let outputs = network.forward(&mut pass, x);
    let depth = network.full_depth(&mut pass, &outputs);
    let logits = network.full_logits(&mut pass, &outputs);
    pass.note("depth", &depth);
    pass.note("logits", &logits);
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
    let classes = best.into_iter().map(|(_, class)| class).collect();
    // The maps inside a block have no name outside this program.
    let watched = pass.watched().iter().filter(|(name, _)| !name.starts_with("stages.")).cloned().collect();
    (Prediction { depth: depth.as_vec(), classes, size: (h, w) }, watched)
}

/// The intermediate maps of any number of pictures of one size, under the names of parameters.md section 7, and `input`.
#[derive(Debug, Clone, Default)]
pub struct Features {
    size: Option<(usize, usize)>,
    count: usize,
    /// Channels, rows, columns and the values of all pictures.
    maps: BTreeMap<String, ([usize; 3], Vec<f32>)>,
}

impl Features {
    fn add<D: Backend<f32>>(&mut self, name: &str, map: &Map<f32, D>) {
        let (_, c, h, w) = *map.shape();
        let (_, values) = self.maps.entry(name.to_owned()).or_insert_with(|| ([c, h, w], Vec::new()));
        values.extend(map.as_vec());
    }

    /// As a safetensors file: F32 tensors `[N, C, H, W]`.
    ///
    /// # Errors
    ///
    /// What the format cannot hold.
    pub fn into_safetensors(self, config: &Config) -> Result<Vec<u8>, WeightsError> {
        let n = self.count;
        let tensors = self.maps.into_iter().map(|(name, ([c, h, w], values))| (name, vec![n, c, h, w], values));
        model::serialize(tensors.collect(), config, BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalising_and_back_is_the_identity() {
        let config = Config::named("dss-nano").unwrap().for_size((32, 64));
        let planes = Array3::from_shape_fn((3, 32, 64), |(c, y, x)| (c * 80 + y + x) as u8);
        let image = Image::from_planes(planes).unwrap();
        let values = Array3::from_shape_vec((3, 32, 64), normalised(&image, &config)).unwrap();
        assert_eq!(values[(1, 2, 3)], (85.0 / 255.0 - 0.5) / 0.5);
        assert_eq!(shown(values, &config), image);
    }

    #[test]
    fn a_picture_of_any_size_is_padded_by_its_reflection_and_cut_back() {
        let config = Config::named("dss-nano").unwrap().for_size((32, 64));
        let planes = Array3::from_shape_fn((3, 37, 70), |(c, y, x)| (c * 40 + 2 * y + x) as u8);
        let image = Image::from_planes(planes).unwrap();
        let own = Input::of(image.clone(), InputSize::OWN, &config);
        assert_eq!((own.size, own.shown), ((64, 128), (37, 70)));
        let values = ndarray::ArrayView3::from_shape((3, 64, 128), &own.values).unwrap();
        for (y, x, (from_y, from_x)) in [(36, 69, (36, 69)), (37, 0, (35, 0)), (5, 70, (5, 68)), (63, 127, (9, 11))] {
            assert_eq!(values[(1, y, x)], values[(1, from_y, from_x)], "{y},{x}");
        }
        let network: Dss<f32, dfdx::tensor::Cpu> = Dss::new(Default::default(), config, 1).unwrap();
        let prediction = predict_input(&network, &own);
        assert_eq!((prediction.size, prediction.depth.len(), prediction.classes.len()), ((37, 70), 37 * 70, 37 * 70));
        // The padded picture, given as it is, says the same of its first rows and columns.
        let whole = predict_input(&network, &Input { shown: own.size, ..own.clone() });
        for (y, x) in [(0, 0), (36, 69), (20, 3)] {
            assert_eq!(prediction.depth[y * 70 + x], whole.depth[y * 128 + x]);
        }
        let fixed = Input::of(image.clone(), InputSize::Fixed(20, 50), &network.config().clone());
        assert_eq!((fixed.size, fixed.shown), ((32, 64), (20, 50)));
        assert_eq!(Input::of(image, InputSize::OfNetwork, network.config()).shown, (32, 64));
    }

    #[test]
    fn predictions_go_back_to_the_size_of_the_picture() {
        let prediction = Prediction { depth: vec![1.0, 3.0], classes: vec![4, 7], size: (1, 2) };
        assert_eq!(prediction.depth_at(Size::new(1, 4)).metres().as_slice(), Some(&[1.0, 1.5, 2.5, 3.0][..]));
        assert_eq!(prediction.classes_at(Size::new(2, 4)).values().row(1).to_vec(), [4, 4, 7, 7]);
    }
}
