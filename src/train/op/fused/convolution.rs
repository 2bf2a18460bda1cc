//! Convolutions. The windows of a map are laid out as columns for some samples at a time, in the backward pass once more.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape};
use dfdx::tensor_ops::Device;

use super::super::conv::{ConvKernel, Size};
use super::super::depthwise::DepthwiseKernel;
use super::super::padding::Windows;
use super::super::record::flat;
use super::super::{Map, Vector};
use super::gpu::{At, Factor, Gpu, Numbers, Real, Room, zeros};
use super::grid::{Grid, THREADS, int};
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

/// A convolution of so many samples.
#[derive(Clone, Copy)]
struct Batch {
    samples: usize,
    size: Size,
}

impl Batch {
    /// Values of a sample's result.
    fn result(self) -> usize {
        self.size.o * self.size.windows.cells()
    }

    /// Values of a sample's columns.
    fn columns(self) -> usize {
        self.size.rows() * self.size.windows.cells()
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
        let (windows, input) = (&self.size.windows, self.size.input());
        let x = x.part(from * input, n * input);
        let Some(room) = room else { return x };
        let columns = room.at().part(0, n * self.columns());
        let rows = n * self.size.rows();
        let blocks = Grid::parts(windows.cells().div_ceil(THREADS), rows.min(1 << 15));
        gpu.launch::<E, _>("unfold", blocks, (x, columns, int(rows), numbers(windows)));
        columns
    }

    /// Writes the result to `y`, which holds zeros.
    fn forward<E: Real>(self, gpu: &Gpu, x: At<E>, weight: At<E>, bias: Option<At<E>>, y: At<E>) {
        let (o, cells, result) = (self.size.o, self.size.windows.cells(), self.result());
        if let Some(bias) = bias {
            gpu.launch::<E, _>("fill_planes", Grid::over(y.len()), (y, bias, int(y.len()), int(cells), int(o)));
        }
        let keep = if bias.is_some() { E::ONE } else { E::default() };
        let room = (!self.size.windows.pointwise()).then(|| self.room(gpu));
        for group @ (from, n) in self.groups() {
            let columns = self.unfold(gpu, x, group, room.as_ref());
            let factors = (Factor::plain(weight, 0), Factor::plain(columns, self.columns()));
            gpu.products(n, [o, cells, self.size.rows()], factors, (E::ONE, keep), y.part(from * result, n * result));
        }
    }

    /// Adds the gradients of map and weight.
    fn backward<E: Real>(self, gpu: &Gpu, x: At<E>, weight: At<E>, dy: At<E>, (dx, dw): (At<E>, At<E>)) {
        let Size { o, windows, .. } = self.size;
        let (rows, input, result, cells) = (self.size.rows(), self.size.input(), self.result(), windows.cells());
        let weight = Factor::turned(weight, 0);
        let room = (!windows.pointwise()).then(|| self.room(gpu));
        for group @ (from, n) in self.groups() {
            let columns = self.unfold(gpu, x, group, room.as_ref());
            let (dx, dy) = (dx.part(from * input, n * input), dy.part(from * result, n * result));
            self.of_weight(gpu, columns, dy, dw, n);
            let (sizes, factors) = ([rows, cells, o], (weight, Factor::plain(dy, result)));
            if room.is_none() {
                gpu.products(n, sizes, factors, (E::ONE, E::ONE), dx);
            } else {
                gpu.products(n, sizes, factors, (E::ONE, E::default()), columns);
                gpu.launch::<E, _>("fold", Grid::over(dx.len()), (columns, dx, int(dx.len()), numbers(&windows)));
            }
        }
    }

    /// Adds the gradient of the weight from the columns of `n` samples.
    fn of_weight<E: Real>(self, gpu: &Gpu, columns: At<E>, dy: At<E>, dw: At<E>, n: usize) {
        let sizes @ [.., cells] = [self.size.o, self.size.rows(), self.size.windows.cells()];
        let factors = |i: usize| {
            let (of_result, of_columns) = (i * self.result(), i * self.columns());
            let dy = Factor::plain(dy.part(of_result, dy.len() - of_result), self.result());
            (dy, Factor::turned(columns.part(of_columns, columns.len() - of_columns), self.columns()))
        };
        if cells < LONG {
            let parts = gpu.room(n * dw.len());
            gpu.products(n, sizes, factors(0), (E::ONE, E::default()), parts.at());
            gpu.launch::<E, _>("add_samples", Grid::over(dw.len()), (parts.at(), dw, int(dw.len()), int(n)));
        } else {
            (0..n).for_each(|i| gpu.products(1, sizes, factors(i), (E::ONE, E::ONE), dw));
        }
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
        let of = Batch { samples: b, size: Size { c, o, windows } };
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let y = zeros(x.device(), &(b, o, windows.output.0, windows.output.1));
        of.forward(&Gpu::of(&x), At::of(&x), At::of(&weight), bias.map(At::of), At::of(&y));
        let (map, weights) = (x.clone(), weight.clone());
        let back = move |gpu: &Gpu, dy, dx, dw| of.backward(gpu, At::of(&map), At::of(&weights), dy, (dx, dw));
        match bias {
            Some(bias) => record(tape, [&x, &weight, bias], &y, move |gpu, dy, [dx, dw, db]| {
                let parts = (b * windows.cells()).div_ceil(1 << 14).clamp(1, 64);
                let parameters = (dy, db, int(b * o), int(windows.cells()), int(o));
                gpu.launch::<E, _>("sum_planes", Grid::parts(o, parts), parameters);
                back(gpu, dy, dx, dw);
            }),
            None => record(tape, [&x, &weight], &y, move |gpu, dy, [dx, dw]| back(gpu, dy, dx, dw)),
        }
        y
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
        let y = zeros(x.device(), &(b, c, windows.output.0, windows.output.1));
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
