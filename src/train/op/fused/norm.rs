//! Normalisations, with the activation behind those of channels.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape};
use dfdx::tensor_ops::Device;

use super::super::batch_norm::{Affine, BatchNormKernel, Moments};
use super::super::layer_norm::LayerNormKernel;
use super::super::pointwise::Function;
use super::super::record::flat;
use super::super::{Map, Vector};
use super::gpu::{At, Gpu, Numbers, Real, zeros};
use super::grid::{Grid, int};
use super::pointwise::curve;
use super::record::record;

/// Pixels of a block of `layer_norm`: `PIXELS` of norm.cu.
const PIXELS: usize = 16;

impl<E: Real> LayerNormKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn layer_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Vector<E, Self>,
        bias: &Vector<E, Self>,
        eps: f64,
    ) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let (pixels, plane) = (b * h * w, h * w);
        let y = zeros(x.device(), x.shape());
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let gpu = Gpu::of(&x);
        let [means, scales] = [(); 2].map(|()| gpu.room::<E>(pixels));
        let (n, channels, cells) = (int(pixels), int(c), int(plane));
        let (factors, shifts, to) = (At::of(&weight), At::of(bias), At::of(&y));
        let parameters = (At::of(&x), factors, shifts, to, means.at(), scales.at(), n, channels, cells, E::of(eps));
        let blocks = Grid::blocks(pixels.div_ceil(PIXELS));
        gpu.launch::<E, _>("layer_norm", blocks, parameters);
        let (values, weights) = (x.clone(), weight.clone());
        record(tape, [&x, &weight, bias], &y, move |gpu, dy, [dx, dw, db]| {
            let (x, means, scales) = (At::of(&values), means.at(), scales.at());
            let parameters = (x, At::of(&weights), means, scales, dy, dx, n, channels, cells);
            gpu.launch::<E, _>("layer_norm_of_map", blocks, parameters);
            let parts = pixels.div_ceil(1 << 13).clamp(1, 64);
            let parameters = (x, means, scales, dy, dw, db, n, channels, cells);
            gpu.launch::<E, _>("layer_norm_of_affine", Grid::parts(c, parts), parameters);
        });
        y
    }
}

impl<E: Real> BatchNormKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn batch_norm<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
    ) -> (Map<E, Self>, Moments<E, Self>) {
        let zeros = || zeros(x.device(), &(x.shape().1,));
        let moments = Moments { mean: zeros(), variance: zeros() };
        (normalised(tape, x, affine, &moments, false), moments)
    }

    fn batch_norm_by<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        affine: &Affine<E, Self>,
        moments: &Moments<E, Self>,
    ) -> Map<E, Self> {
        normalised(tape, x, affine, moments, true)
    }
}

/// Normalises by `moments`, which are found and written unless they are given.
fn normalised<E: Real, T: Tape<E, Cuda>>(
    tape: &mut T,
    x: &Map<E, Cuda>,
    affine: &Affine<E, Cuda>,
    moments: &Moments<E, Cuda>,
    given: bool,
) -> Map<E, Cuda>
where
    Cuda: Device<E>,
{
    let (b, c, h, w) = *x.shape();
    let y = zeros(x.device(), x.shape());
    let (x, weight, bias) = (flat(tape, x), affine.weight.clone(), affine.bias.clone());
    assert_eq!((c, c), (weight.shape().0, bias.shape().0), "one scale and shift for each of {c} channels");
    let kind = match affine.activation {
        function @ (Function::Identity | Function::Gelu) => curve::<E>(function).0,
        other => unreachable!("no batch normalisation is followed by {other:?}"),
    };
    let batch = Numbers::of([usize::from(given), b, c, h * w, kind]);
    let (means, variances, eps) = (moments.mean.clone(), moments.variance.clone(), E::of(affine.eps));
    let parameters =
        (At::of(&x), At::of(&weight), At::of(&bias), At::of(&y), At::of(&means), At::of(&variances), batch, eps);
    Gpu::of(&x).launch::<E, _>("batch_norm", Grid::large_blocks(c), parameters);
    let (values, factors, shifts) = (x.clone(), weight.clone(), bias.clone());
    record(tape, [&x, &weight, &bias], &y, move |gpu, dy, [dx, dw, db]| {
        let (x, factors, shifts) = (At::of(&values), At::of(&factors), At::of(&shifts));
        let parameters = (x, factors, shifts, At::of(&means), At::of(&variances), dy, dx, dw, db, batch, eps);
        gpu.launch::<E, _>("batch_norm_back", Grid::large_blocks(c), parameters);
    });
    y
}
