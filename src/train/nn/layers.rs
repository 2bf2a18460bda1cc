//! Convolutions, linear layers and normalisations with their parameters.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Storage, Tape};

use super::{Builder, Init, Parameter, Pass};
use crate::train::op::{self, Affine, Backend, Function, Map, Moments, Padding, Scalar};

/// Dense convolution.
#[derive(Debug)]
pub struct Conv<E, D: Storage<E>> {
    weight: Parameter<(usize, usize, usize, usize), E, D>,
    bias: Option<Parameter<(usize,), E, D>>,
    stride: usize,
    padding: Padding,
}

/// Deviation of the first weights of a convolution: sqrt(2 / fan_out).
fn he(kernel: usize, outputs: usize, groups: usize) -> Init {
    Init::Normal((2.0 * groups as f64 / (kernel * kernel * outputs) as f64).sqrt())
}

impl<E: Scalar, D: Backend<E>> Conv<E, D> {
    /// `kernel x kernel` with stride 1 and zero padding that keeps the size.
    pub fn new(place: Builder<E, D>, inputs: usize, outputs: usize, kernel: usize, bias: bool) -> Self {
        Self::begun(place, (outputs, inputs, kernel, kernel), he(kernel, outputs, 1), bias.then_some(0.0))
    }

    /// As [`Conv::new`], with weights of 0.
    pub fn silent(place: Builder<E, D>, inputs: usize, outputs: usize, kernel: usize, bias: bool) -> Self {
        Self::begun(place, (outputs, inputs, kernel, kernel), Init::Constant(0.0), bias.then_some(0.0))
    }

    /// The last layer of a head: weights with deviation 0.01, biases `bias`.
    pub fn last(place: Builder<E, D>, inputs: usize, outputs: usize, kernel: usize, bias: f64) -> Self {
        Self::begun(place, (outputs, inputs, kernel, kernel), Init::Normal(0.01), Some(bias))
    }

    fn begun(mut place: Builder<E, D>, shape: (usize, usize, usize, usize), weights: Init, bias: Option<f64>) -> Self {
        Self {
            weight: place.parameter("weight", shape, weights),
            bias: bias.map(|value| place.parameter("bias", (shape.0,), Init::Constant(value))),
            stride: 1,
            padding: Padding::Symmetric((shape.2 - 1) / 2),
        }
    }

    /// With another stride and padding.
    #[must_use]
    pub fn strided(self, stride: usize, padding: Padding) -> Self {
        Self { stride, padding, ..self }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let bias = self.bias.as_ref().map(Parameter::value);
        op::conv2d(&mut pass.tape, x, &self.weight.value(), bias.as_ref(), self.stride, self.padding)
    }
}

/// Depthwise 3x3 convolution without bias.
#[derive(Debug)]
pub struct Depthwise<E, D: Storage<E>> {
    weight: Parameter<(usize, usize, usize, usize), E, D>,
    stride: usize,
}

impl<E: Scalar, D: Backend<E>> Depthwise<E, D> {
    /// Over `channels` channels, with TensorFlow's SAME padding.
    pub fn new(mut place: Builder<E, D>, channels: usize, stride: usize) -> Self {
        let init = he(3, channels, channels);
        Self { weight: place.parameter("weight", (channels, 1, 3, 3), init), stride }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        op::depthwise_conv2d(&mut pass.tape, x, &self.weight.value(), self.stride, Padding::Same)
    }
}

/// A linear map of the channels of every pixel.
#[derive(Debug)]
pub struct Linear<E, D: Storage<E>> {
    weight: Parameter<(usize, usize), E, D>,
    bias: Parameter<(usize,), E, D>,
}

impl<E: Scalar, D: Backend<E>> Linear<E, D> {
    /// From `inputs` to `outputs` channels.
    pub fn new(place: Builder<E, D>, inputs: usize, outputs: usize) -> Self {
        Self::biased(place, inputs, outputs, 0.0)
    }

    /// As [`Linear::new`], with biases of `bias` at first.
    pub fn biased(mut place: Builder<E, D>, inputs: usize, outputs: usize, bias: f64) -> Self {
        // Xavier: uniform with the variance 2 / (inputs + outputs).
        let init = Init::Uniform((6.0 / (inputs + outputs) as f64).sqrt());
        Self {
            weight: place.parameter("weight", (outputs, inputs), init),
            bias: place.parameter("bias", (outputs,), Init::Constant(bias)),
        }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let (outputs, inputs) = *self.weight.value().shape();
        let weight = self.weight.value_as((outputs, inputs, 1, 1));
        op::conv2d(&mut pass.tape, x, &weight, Some(&self.bias.value()), 1, Padding::Symmetric(0))
    }
}

/// Normalisation over the batch, and the activation after it.
#[derive(Debug)]
pub struct BatchNorm<E, D: Storage<E>> {
    weight: Parameter<(usize,), E, D>,
    bias: Parameter<(usize,), E, D>,
    mean: Parameter<(usize,), E, D>,
    variance: Parameter<(usize,), E, D>,
    eps: f64,
    activation: Function,
}

impl<E: Scalar, D: Backend<E>> BatchNorm<E, D> {
    /// Over `channels` channels.
    pub fn new(mut place: Builder<E, D>, channels: usize, eps: f64, activation: Function) -> Self {
        Self {
            weight: place.parameter("weight", (channels,), Init::Constant(1.0)),
            bias: place.parameter("bias", (channels,), Init::Constant(0.0)),
            mean: place.buffer("running_mean", (channels,), Init::Constant(0.0)),
            variance: place.buffer("running_var", (channels,), Init::Constant(1.0)),
            eps,
            activation,
        }
    }

    /// Applies it; where it goes by the statistics of the batch, they are left in the pass.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let affine = Affine {
            weight: &self.weight.value(),
            bias: &self.bias.value(),
            eps: self.eps,
            activation: self.activation,
        };
        if pass.by_batch() {
            let (b, _, h, w) = *x.shape();
            let (y, found) = op::batch_norm(&mut pass.tape, x, &affine);
            pass.leave_statistics(&self.mean, &self.variance, found, b * h * w);
            y
        } else {
            let moments = Moments { mean: self.mean.value(), variance: self.variance.value() };
            op::batch_norm_by(&mut pass.tape, x, &affine, &moments)
        }
    }
}

/// Normalisation of every pixel over its channels.
#[derive(Debug)]
pub struct LayerNorm<E, D: Storage<E>> {
    weight: Parameter<(usize,), E, D>,
    bias: Parameter<(usize,), E, D>,
    eps: f64,
}

impl<E: Scalar, D: Backend<E>> LayerNorm<E, D> {
    /// Over `channels` channels.
    pub fn new(mut place: Builder<E, D>, channels: usize, eps: f64) -> Self {
        Self {
            weight: place.parameter("weight", (channels,), Init::Constant(1.0)),
            bias: place.parameter("bias", (channels,), Init::Constant(0.0)),
            eps,
        }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        op::layer_norm(&mut pass.tape, x, &self.weight.value(), &self.bias.value(), self.eps)
    }
}

/// The second half of a transformer layer: y + drop-path(fc2(GELU(fc1(norm(y))))).
#[derive(Debug)]
pub struct FeedForward<E, D: Storage<E>> {
    /// Before the two linear layers.
    pub norm: LayerNorm<E, D>,
    /// Widens.
    pub fc1: Linear<E, D>,
    /// Narrows again.
    pub fc2: Linear<E, D>,
    /// How often the branch is dropped.
    pub rate: f64,
}

impl<E: Scalar, D: Backend<E>> FeedForward<E, D> {
    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, y: &Map<E, D>) -> Map<E, D> {
        let z = self.norm.forward(pass, y);
        let z = self.fc1.forward(pass, &z);
        let z = op::map(&mut pass.tape, &z, Function::Gelu);
        let z = self.fc2.forward(pass, &z);
        let z = pass.drop_path(z, self.rate);
        op::add(&mut pass.tape, y, &z)
    }
}

/// Convolution without bias, BatchNorm, GELU: the `CBG` of dss.md section 5.
#[derive(Debug)]
pub struct ConvNorm<E, D: Storage<E>> {
    conv: Conv<E, D>,
    norm: BatchNorm<E, D>,
}

impl<E: Scalar, D: Backend<E>> ConvNorm<E, D> {
    /// `kernel x kernel`, from `inputs` to `outputs` channels; `eps` is that of the BatchNorm.
    pub fn new(mut place: Builder<E, D>, inputs: usize, outputs: usize, kernel: usize, eps: f64) -> Self {
        Self {
            conv: Conv::new(place.at("conv"), inputs, outputs, kernel, false),
            norm: BatchNorm::new(place.at("norm"), outputs, eps, Function::Gelu),
        }
    }

    /// Applies it.
    pub fn forward<T: Tape<E, D>>(&self, pass: &mut Pass<E, D, T>, x: &Map<E, D>) -> Map<E, D> {
        let y = self.conv.forward(pass, x);
        self.norm.forward(pass, &y)
    }
}
