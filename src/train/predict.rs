//! What a network says of pictures, and everything it computes on the way.

use std::collections::BTreeMap;
use std::path::Path;

use dfdx::shapes::HasShape;
use dfdx::tensor::NoneTape;
use ndarray::{Array2, Array3, Axis};

use super::metric::resize;
use super::model::{self, Config, Dss, WeightsError};
use super::nn::Pass;
use super::op::{Backend, Map};
use crate::sample::{Depth, Image, Semantics, Size};
use crate::source::picture::npy::Npy;
use crate::source::picture::{self, PictureError};

/// A picture for a network.
#[derive(Debug, Clone)]
pub struct Input {
    /// The picture at its own size.
    pub image: Image,
    /// Normalised values `[3, H, W]`.
    pub values: Vec<f32>,
    /// Rows and columns of the values.
    pub size: (usize, usize),
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
    /// Reads the pictures of a file: one of a picture, resized to the network's size; or all of an npy array `[N, 3, H, W]` of floats
    /// that are normalised already, as they are.
    ///
    /// # Errors
    ///
    /// A file that is neither, or an array the network cannot take.
    pub fn read(path: &Path, config: &Config) -> Result<Vec<Self>, InputError> {
        let bytes = picture::read_bytes(path)?;
        if bytes.starts_with(b"\x93NUMPY") {
            Self::array(&bytes, config)
        } else {
            Ok(vec![Self::picture(&bytes, config)?])
        }
    }

    fn picture(bytes: &[u8], config: &Config) -> Result<Self, PictureError> {
        let image = picture::decode_rgb(bytes)?;
        Ok(Self { values: normalised(&image, config), size: config.input_size, image })
    }

    fn array(bytes: &[u8], config: &Config) -> Result<Vec<Self>, InputError> {
        let file = Npy::parse(bytes)?;
        let volume = file.volume_f32()?;
        let (_, channels, h, w) = volume.dim();
        let multiples = (32 * config.encoder_window.0, 32 * config.encoder_window.1);
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
        };
        Ok(volume.axis_iter(Axis(0)).map(input).collect())
    }

    fn map<D: Backend<f32>>(&self, device: &D) -> Map<f32, D> {
        device.tensor_from_vec(self.values.clone(), (1, 3, self.size.0, self.size.1))
    }
}

/// A picture as the network takes it: resized, in [0, 1], less the mean, over the deviation; `[3, H, W]`.
pub fn normalised(image: &Image, config: &Config) -> Vec<f32> {
    let image = image.resize_smooth(Size::new(config.input_size.0, config.input_size.1));
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

impl Prediction {
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

/// Runs a network on one normalised picture `[1, 3, H, W]`.
pub fn predict<D: Backend<f32>>(network: &Dss<f32, D>, input: &Map<f32, D>) -> Prediction {
    run(network, input, Pass::evaluation()).0
}

/// Runs a network on one input.
pub fn predict_input<D: Backend<f32>>(network: &Dss<f32, D>, input: &Input) -> Prediction {
    predict(network, &input.map(network.device()))
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
    Ok(prediction)
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
    fn predictions_go_back_to_the_size_of_the_picture() {
        let prediction = Prediction { depth: vec![1.0, 3.0], classes: vec![4, 7], size: (1, 2) };
        assert_eq!(prediction.depth_at(Size::new(1, 4)).metres().as_slice(), Some(&[1.0, 1.5, 2.5, 3.0][..]));
        assert_eq!(prediction.classes_at(Size::new(2, 4)).values().row(1).to_vec(), [4, 4, 7, 7]);
    }
}
