//! Convolutions. The windows of a map are laid out as columns for some samples at a time, in the backward pass once more.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape, ZerosTensor};
use dfdx::tensor_ops::Device;

use super::super::conv::ConvKernel;
use super::super::depthwise::DepthwiseKernel;
use super::super::padding::Windows;
use super::super::record::flat;
use super::super::{Map, Vector};
use super::gpu::{At, Factor, Gpu, Grid, Numbers, Real, Room, THREADS, int};
use super::record::record;

/// Values of the columns that are laid out at a time, unless one sample has more.
const COLUMNS: usize = 1 << 27;

/// Sums over so many cells are worth a product for each sample: in a batch of products the library does not split them, which took
/// three times as long for 19 200 cells, and two thirds of the time for 1200 (`benches/pytorch/products.py`, H200).
const LONG: usize = 4096;

/// `Windows` of convolution.cu.
fn numbers(windows: &Windows) -> Numbers<8> {
    let Windows { kernel, stride, input, before, output } = *windows;
    Numbers::of([kernel, stride, input.0, input.1, before.0, before.1, output.0, output.1])
}

#[derive(Clone, Copy)]
struct Size {
    samples: usize,
    c: usize,
    o: usize,
    windows: Windows,
}

impl Size {
    fn rows(self) -> usize {
        self.c * self.windows.kernel * self.windows.kernel
    }

    fn input(self) -> usize {
        self.c * self.windows.input.0 * self.windows.input.1
    }

    fn cells(self) -> usize {
        self.windows.cells()
    }

    fn columns(self) -> usize {
        self.rows() * self.cells()
    }

    /// The samples that are laid out together, from and how many.
    fn groups(self) -> impl Iterator<Item = (usize, usize)> {
        let step = (COLUMNS / self.columns().max(1)).clamp(1, self.samples.max(1));
        (0..self.samples).step_by(step).map(move |from| (from, step.min(self.samples - from)))
    }

    /// Memory for the columns of a group.
    fn room<E: Real>(self, gpu: &Gpu) -> Room<E> {
        let most = self.groups().map(|(_, n)| n).max().unwrap_or(0);
        gpu.room(most * self.columns())
    }

    /// The columns of `n` samples from `from` on, laid out in `room` unless the map has them already.
    fn unfold<E: Real>(self, gpu: &Gpu, x: At<E>, (from, n): (usize, usize), room: Option<&Room<E>>) -> At<E> {
        let x = x.part(from * self.input(), n * self.input());
        let Some(room) = room else { return x };
        let columns = room.at().part(0, n * self.columns());
        let rows = n * self.rows();
        let blocks = Grid::parts(self.cells().div_ceil(THREADS), rows.min(1 << 15));
        gpu.launch::<E, _>("unfold", blocks, (x, columns, int(rows), numbers(&self.windows)));
        columns
    }
}

impl<E: Real> ConvKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn conv2d<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Map<E, Self>,
        bias: Option<&Vector<E, Self>>,
        windows: Windows,
    ) -> Map<E, Self> {
        let ((b, c, _, _), (o, ..)) = (*x.shape(), *weight.shape());
        let size = Size { samples: b, c, o, windows };
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let device = x.device().clone();
        let y = device.zeros_like(&(b, o, windows.output.0, windows.output.1));
        let gpu = Gpu::of(&x);
        forward(&gpu, size, &x, &weight, bias, At::of(&y));
        let (map, weights) = (x.clone(), weight.clone());
        let back = move |gpu: &Gpu, dy, dx, dw| backward(gpu, size, &map, &weights, dy, (dx, dw));
        match bias {
            Some(bias) => record(tape, [&x, &weight, bias], &y, move |gpu, dy, [dx, dw, db]| {
                let parts = (size.samples * size.cells()).div_ceil(1 << 14).clamp(1, 64);
                let parameters = (dy, db, int(size.samples * o), int(size.cells()), int(o));
                gpu.launch::<E, _>("sum_planes", Grid::parts(o, parts), parameters);
                back(gpu, dy, dx, dw);
            }),
            None => record(tape, [&x, &weight], &y, move |gpu, dy, [dx, dw]| back(gpu, dy, dx, dw)),
        }
        y
    }
}

fn forward<E: Real>(
    gpu: &Gpu,
    size: Size,
    x: &Vector<E, Cuda>,
    weight: &Vector<E, Cuda>,
    bias: Option<&Vector<E, Cuda>>,
    y: At<E>,
) where
    Cuda: Device<E>,
{
    let (cells, result) = (size.cells(), size.o * size.cells());
    if let Some(bias) = bias {
        let parameters = (y, At::of(bias), int(y.len()), int(cells), int(size.o));
        gpu.launch::<E, _>("fill_planes", Grid::over(y.len()), parameters);
    }
    let keep = if bias.is_some() { E::ONE } else { E::default() };
    let room = (!size.windows.pointwise()).then(|| size.room(gpu));
    for group @ (from, n) in size.groups() {
        let columns = size.unfold(gpu, At::of(x), group, room.as_ref());
        let factors = (Factor::plain(At::of(weight), 0), Factor::plain(columns, size.columns()));
        gpu.products(n, [size.o, cells, size.rows()], factors, (E::ONE, keep), y.part(from * result, n * result));
    }
}

fn backward<E: Real>(
    gpu: &Gpu,
    size: Size,
    x: &Vector<E, Cuda>,
    weight: &Vector<E, Cuda>,
    dy: At<E>,
    (dx, dw): (At<E>, At<E>),
) where
    Cuda: Device<E>,
{
    let (cells, rows, result) = (size.cells(), size.rows(), size.o * size.cells());
    let weight = Factor::turned(At::of(weight), 0);
    let room = (!size.windows.pointwise()).then(|| size.room(gpu));
    for group @ (from, n) in size.groups() {
        let columns = size.unfold(gpu, At::of(x), group, room.as_ref());
        let dy = dy.part(from * result, n * result);
        let of_result = Factor::plain(dy, result);
        let sizes = [size.o, rows, cells];
        if cells < LONG {
            let parts = gpu.room(n * dw.len());
            let factors = (of_result, Factor::turned(columns, size.columns()));
            gpu.products(n, sizes, factors, (E::ONE, E::default()), parts.at());
            gpu.launch::<E, _>("add_samples", Grid::over(dw.len()), (parts.at(), dw, int(dw.len()), int(n)));
        } else {
            for i in 0..n {
                let of_result = Factor::plain(dy.part(i * result, result), 0);
                let columns = Factor::turned(columns.part(i * size.columns(), size.columns()), 0);
                gpu.products(1, sizes, (of_result, columns), (E::ONE, E::ONE), dw);
            }
        }
        let dx = dx.part(from * size.input(), n * size.input());
        if room.is_none() {
            gpu.products(n, [rows, cells, size.o], (weight, of_result), (E::ONE, E::ONE), dx);
        } else {
            gpu.products(n, [rows, cells, size.o], (weight, of_result), (E::ONE, E::default()), columns);
            gpu.launch::<E, _>("fold", Grid::over(dx.len()), (columns, dx, int(dx.len()), numbers(&size.windows)));
        }
    }
}

impl<E: Real> DepthwiseKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn depthwise_conv2d<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Map<E, Self>,
        windows: Windows,
    ) -> Map<E, Self> {
        let (b, c, _, _) = *x.shape();
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let y = x.device().zeros_like(&(b, c, windows.output.0, windows.output.1));
        let (n, by) = (b * c * windows.cells(), numbers(&windows));
        let parameters = (At::of(&x), At::of(&weight), At::of(&y), int(n), int(c), by);
        Gpu::of(&x).launch::<E, _>("depthwise", Grid::over(n), parameters);
        let (map, weights) = (x.clone(), weight.clone());
        record(tape, [&x, &weight], &y, move |gpu, dy, [dx, dw]| {
            let (map, weights) = (At::of(&map), At::of(&weights));
            let parameters = (dy, weights, dx, int(dx.len()), int(c), by);
            gpu.launch::<E, _>("depthwise_of_map", Grid::over(dx.len()), parameters);
            let parameters = (map, dy, dw, int(b), int(c), by);
            gpu.launch::<E, _>("depthwise_of_weight", Grid::blocks(dw.len()), parameters);
        });
        y
    }
}
