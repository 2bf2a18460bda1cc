//! Resizing of maps.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape, Tensor};
use dfdx::tensor_ops::Device;

use super::super::constant::constant;
use super::super::record::flat;
use super::super::resize::{Line, Resize, ResizeKernel};
use super::super::{Map, Vector};
use super::gpu::{At, Gpu, Numbers, Real, zeros};
use super::grid::{Grid, int};
use super::record::record;

/// What all of an axis follows from: how it is resized, from and to how many cells.
type Key = (Resize, usize, usize);
/// Keys of the constants of an axis.
#[derive(PartialEq, Eq, Hash)]
struct First(Key);
#[derive(PartialEq, Eq, Hash)]
struct Weight(Key);
#[derive(PartialEq, Eq, Hash)]
struct Range(Key);

/// An axis on the GPU: for every cell of the result the first cell of the source and the weight of the one after it, and for every
/// cell of the source, from and to, the cells of the result that it may have a share in.
struct Axis<E: Real> {
    first: Tensor<(usize,), usize, Cuda>,
    weight: Vector<E, Cuda>,
    range: Tensor<(usize,), usize, Cuda>,
}

impl<E: Real> Axis<E> {
    fn new(device: &Cuda, line: &Line<E>) -> Self {
        let taps = &line.taps;
        let key = || (line.resize, line.source, taps.len());
        Self {
            first: constant(device, First(key()), (taps.len(),), || taps.iter().map(|(a, _, _)| *a).collect()),
            weight: constant(device, Weight(key()), (taps.len(),), || taps.iter().map(|(_, _, w)| *w).collect()),
            range: constant(device, Range(key()), (2 * line.source,), || ranges(line)),
        }
    }
}

fn ranges<E: Real>(line: &Line<E>) -> Vec<usize> {
    let of = |cell: usize| {
        // Taps are in order.
        let from = line.taps.iter().position(|(a, b, _)| *a == cell || *b == cell).unwrap_or(0);
        let to = line.taps.iter().rposition(|(a, b, _)| *a == cell || *b == cell).map_or(0, |last| last + 1);
        [from, to]
    };
    (0..line.source).flat_map(of).collect()
}

impl<E: Real> ResizeKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn resize2d<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, rows: Line<E>, columns: Line<E>) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let (oh, ow) = (rows.taps.len(), columns.taps.len());
        let x = flat(tape, x);
        let y = zeros(x.device(), &(b, c, oh, ow));
        let [rows, columns] = [rows, columns].map(|line| Axis::new(x.device(), &line));
        let (n, sizes) = (b * c * oh * ow, Numbers::of([h, w, oh, ow]));
        let taps = |axis: &Axis<E>| (At::of(&axis.first), At::of(&axis.weight));
        let ((i, u), (j, v)) = (taps(&rows), taps(&columns));
        Gpu::of(&x).launch::<E, _>("resize", Grid::over(n), (At::of(&x), i, u, j, v, At::of(&y), int(n), sizes));
        record(tape, [&x], &y, move |gpu, dy, [dx]| {
            let ((i, u), (j, v)) = (taps(&rows), taps(&columns));
            let ranges = (At::of(&rows.range), At::of(&columns.range));
            let parameters = (dy, i, u, j, v, ranges.0, ranges.1, dx, int(dx.len()), sizes);
            gpu.launch::<E, _>("resize_back", Grid::over(dx.len()), parameters);
        });
        y
    }
}
