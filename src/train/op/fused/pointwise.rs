//! Functions of single values, sums, factors and means of planes.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cuda, Tape, Tensor};
use dfdx::tensor_ops::Device;

use super::super::join::JoinKernel;
use super::super::pointwise::{Function, PointwiseKernel};
use super::super::pool::PoolKernel;
use super::super::product::ProductKernel;
use super::super::record::flat;
use super::super::{Map, Matrix};
use super::gpu::{At, Gpu, Real, zeros};
use super::grid::{Grid, int};
use super::record::record;

/// `Curve` of common.cu: the number of a function and its bounds.
pub(super) fn curve<E: Real>(function: Function) -> (usize, E, E) {
    let number = match function {
        Function::Identity => 0,
        Function::Gelu => 1,
        Function::Silu => 2,
        Function::Sigmoid => 3,
        Function::Elu => 5,
        Function::Range { bottom, top } => return (4, E::of(bottom), E::of(top)),
    };
    (number, E::default(), E::default())
}

impl<E: Real> PointwiseKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn map<S: Shape, T: Tape<E, Self>>(tape: &mut T, x: &Tensor<S, E, Self>, function: Function) -> Tensor<S, E, Self> {
        if function == Function::Identity {
            return x.clone();
        }
        let y = zeros(x.device(), x.shape());
        let x = flat(tape, x);
        let n = x.shape().0;
        let (number, bottom, top) = curve::<E>(function);
        let kind = int(number);
        let parameters = (At::of(&x), At::of(&y), int(n), kind, bottom, top);
        Gpu::of(&x).launch::<E, _>("map_values", Grid::over(n), parameters);
        let values = x.clone();
        record(tape, [&x], &y, move |gpu, dy, [dx]| {
            let parameters = (At::of(&values), dy, dx, int(n), kind, bottom, top);
            gpu.launch::<E, _>("map_back", Grid::over(n), parameters);
        });
        y
    }
}

impl<E: Real> JoinKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn add<S: Shape, T: Tape<E, Self>>(
        tape: &mut T,
        a: &Tensor<S, E, Self>,
        b: &Tensor<S, E, Self>,
    ) -> Tensor<S, E, Self> {
        let y = zeros(a.device(), a.shape());
        let (a, b) = (flat(tape, a), flat(tape, b));
        let n = a.shape().0;
        Gpu::of(&a).launch::<E, _>("add_values", Grid::over(n), (At::of(&a), At::of(&b), At::of(&y), int(n)));
        record(tape, [&a, &b], &y, move |gpu, dy, both| {
            for to in both {
                gpu.launch::<E, _>("add_to", Grid::over(n), (dy, to, int(n)));
            }
        });
        y
    }
}

impl<E: Real> ProductKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn scale_planes<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, factors: &Matrix<E, Self>) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let y = zeros(x.device(), x.shape());
        let (x, factors) = (flat(tape, x), flat(tape, factors));
        let (n, plane) = (x.shape().0, int(h * w));
        let parameters = (At::of(&x), At::of(&factors), At::of(&y), int(n), plane);
        Gpu::of(&x).launch::<E, _>("scale_planes", Grid::over(n), parameters);
        let (values, by) = (x.clone(), factors.clone());
        record(tape, [&x, &factors], &y, move |gpu, dy, [dx, df]| {
            let parameters = (At::of(&values), At::of(&by), dy, dx, df, plane);
            gpu.launch::<E, _>("scale_planes_back", Grid::blocks(b * c), parameters);
        });
        y
    }
}

impl<E: Real> PoolKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn plane_means<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>) -> Matrix<E, Self> {
        let (b, c, h, w) = *x.shape();
        let y = zeros(x.device(), &(b, c));
        let x = flat(tape, x);
        let plane = int(h * w);
        Gpu::of(&x).launch::<E, _>("plane_means", Grid::blocks(b * c), (At::of(&x), At::of(&y), plane));
        record(tape, [&x], &y, move |gpu, dy, [dx]| {
            gpu.launch::<E, _>("plane_means_back", Grid::over(dx.len()), (dy, dx, int(dx.len()), plane));
        });
        y
    }
}
