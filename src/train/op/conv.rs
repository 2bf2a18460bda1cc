//! Dense convolution.

use dfdx::shapes::{Axes2, HasShape};
use dfdx::tensor::{Cpu, Tape};
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo, TryMatMul};
use faer::reborrow::ReborrowMut;
use faer::{MatMut, MatRef};
use rayon::prelude::*;

use super::buffer::{Buffer, unwritten};
use super::join::add_to;
use super::matmul::{Accum, matmul, matrix, matrix_mut};
use super::padding::{Padding, Windows};
use super::record::{flat, planes, read, record, repeated, with};
use super::sum::sum;
use super::unfold::{fold_tap, unfold, unfold_tap};
use super::{Map, Scalar, Vector};
use crate::wide::wide;

/// Cross-correlation of `x` `[B, C, H, W]` with `weight` `[O, C, k, k]`, plus `bias` `[O]`: `[B, O, H', W']`.
///
/// # Panics
///
/// When the channels of `x` and `weight` differ, the kernel is not square or does not fit the padded map.
pub fn conv2d<E: Scalar, D: ConvKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Map<E, D>,
    bias: Option<&Vector<E, D>>,
    stride: usize,
    padding: Padding,
) -> Map<E, D> {
    let ((_, c, h, w), (o, wc, kh, kw)) = (*x.shape(), *weight.shape());
    assert_eq!(c, wc, "the map has {c} channels, the weight is for {wc}");
    assert_eq!(kh, kw, "the kernel is {kh} x {kw}, not square");
    if let Some(bias) = bias {
        assert_eq!(bias.shape().0, o, "one bias for each of {o} channels");
    }
    D::conv2d(tape, x, weight, bias, Windows::new(kh, stride, padding, (h, w)))
}

/// The forms of [`conv2d`].
pub trait ConvKernel<E: Scalar>: Device<E> {
    /// [`conv2d`] over given windows.
    fn conv2d<T: Tape<E, Self>>(
        tape: &mut T,
        x: &Map<E, Self>,
        weight: &Map<E, Self>,
        bias: Option<&Vector<E, Self>>,
        windows: Windows,
    ) -> Map<E, Self> {
        any_device(tape, x, weight, bias, windows)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    weight: &Map<E, D>,
    bias: Option<&Vector<E, D>>,
    windows: Windows,
) -> Map<E, D> {
    let ((b, c, _, _), (o, ..)) = (*x.shape(), *weight.shape());
    let taps = windows.kernel * windows.kernel;
    let shape = (b, o, windows.output.0, windows.output.1);
    let columns = if windows.pointwise() {
        planes(tape, x)
    } else {
        unfold(tape, x, &windows).reshape_like(&(b, c * taps, windows.cells()))
    };
    let weight = with(tape, weight, |w| repeated(w.reshape_like(&(o, c * taps)), b));
    let y = with(tape, &weight, |w| w.matmul(columns));
    match bias {
        Some(bias) => {
            let planes = *y.shape();
            with(tape, bias, |bias| (bias.broadcast_like::<_, Axes2<0, 2>>(&planes) + y).reshape_like(&shape))
        }
        None => with(tape, &y, |y| y.reshape_like(&shape)),
    }
}

impl<E: Scalar> ConvKernel<E> for Cpu
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
        let size = Size { c, o, windows };
        let shape = (b, o, windows.output.0, windows.output.1);
        let (x, weight) = (flat(tape, x), flat(tape, weight));
        let (values, weights) = (read(&x), read(&weight));
        let y = forward(size, &values, &weights, bias.map(read).as_deref());
        let backward = move |dy: &[E], dx: &mut [E], dw: &mut [E]| backward(size, &values, &weights, dy, dx, dw);
        match bias {
            Some(bias) => record(tape, [&x, &weight, bias], shape, y, move |dy, [dx, dw, db]| {
                backward(dy, dx, dw);
                let planes = dy.par_chunks_exact(size.windows.cells());
                let sums: Vec<f64> = planes
                    .map(|plane| {
                        wide(
                            #[inline(always)]
                            || sum(plane, |g| g),
                        )
                    })
                    .collect();
                sums.iter().enumerate().for_each(|(plane, sum)| db[plane % size.o] += E::of(*sum));
            }),
            None => record(tape, [&x, &weight], shape, y, move |dy, [dx, dw]| backward(dy, dx, dw)),
        }
    }
}

/// Values of one unfolded block: about half of what a core's second-level cache holds.
const BLOCK: usize = 1 << 17;

/// The size of a convolution: channels of the map and of the result, and the windows between them.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) c: usize,
    pub(super) o: usize,
    pub(super) windows: Windows,
}

impl Size {
    /// Rows of the unfolded map: one for each channel and tap.
    pub(super) fn rows(self) -> usize {
        self.c * self.windows.kernel * self.windows.kernel
    }

    /// Values of a sample.
    pub(super) fn input(self) -> usize {
        self.c * self.windows.input.0 * self.windows.input.1
    }

    /// The ranges of output rows that are unfolded together; at least two, so that one sample keeps two threads busy.
    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        let (height, width) = self.windows.output;
        let step = (BLOCK / (self.rows() * width).max(1)).clamp(1, height.div_ceil(2).max(1));
        (0..height).step_by(step).map(move |from| (from, (from + step).min(height)))
    }

    /// Output rows `from..to` of every tap of `x`, one sample.
    fn unfold<E: Scalar>(self, x: &[E], block: (usize, usize)) -> Buffer<E> {
        let k = self.windows.kernel;
        let width = (block.1 - block.0) * self.windows.output.1;
        let plane = self.windows.input.0 * self.windows.input.1;
        let mut columns = Buffer::unwritten(self.rows() * width);
        for (rows, plane) in columns.chunks_exact_mut(width * k * k).zip(x.chunks_exact(plane)) {
            for (tap, row) in rows.chunks_exact_mut(width).enumerate() {
                unfold_tap(plane, &self.windows, (tap / k, tap % k), block, row);
            }
        }
        columns
    }
}

fn forward<E: Scalar>(size: Size, x: &[E], weight: &[E], bias: Option<&[E]>) -> Vec<E> {
    let cells = size.windows.cells();
    let samples = x.len() / size.input().max(1);
    let mut y = unwritten(samples * size.o * cells);
    let weight = matrix(weight, size.o, size.rows());
    let accumulate = if bias.is_some() { Accum::Add } else { Accum::Replace };
    y.par_chunks_exact_mut(size.o * cells).zip(x.par_chunks_exact(size.input())).for_each(|(y, x)| {
        if let Some(bias) = bias {
            y.chunks_exact_mut(cells).zip(bias).for_each(|(plane, b)| plane.fill(*b));
        }
        let y = matrix_mut(y, size.o, cells);
        if size.windows.pointwise() {
            return matmul(y, accumulate, weight, matrix(x, size.c, cells));
        }
        let (mut parts, mut rest) = (Vec::new(), y);
        for block in size.blocks() {
            let (part, others) = rest.split_at_col_mut((block.1 - block.0) * size.windows.output.1);
            parts.push((block, part));
            rest = others;
        }
        parts.into_par_iter().for_each(|(block, part)| {
            let columns = size.unfold(x, block);
            let width = part.ncols();
            E::product(part, accumulate, weight, matrix(&columns, size.rows(), width), E::ONE);
        });
    });
    y
}

/// Adds the gradients of input and weight. The gradient of the weight is summed a sample at a time, in order, so that it does not
/// depend on the number of threads.
fn backward<E: Scalar>(size: Size, x: &[E], weight: &[E], dy: &[E], dx: &mut [E], dw: &mut [E]) {
    let cells = size.windows.cells();
    let weight = matrix(weight, size.o, size.rows()).transpose();
    let parts: Vec<Vec<E>> = dx
        .par_chunks_exact_mut(size.input())
        .zip(x.par_chunks_exact(size.input()))
        .zip(dy.par_chunks_exact(size.o * cells))
        .map(|((dx, x), dy)| {
            let mut part = vec![E::default(); size.o * size.rows()];
            let dw = matrix_mut(&mut part, size.o, size.rows());
            let dy = matrix(dy, size.o, cells);
            if size.windows.pointwise() {
                rayon::join(
                    || matmul(dw, Accum::Replace, dy, matrix(x, size.c, cells).transpose()),
                    || matmul(matrix_mut(dx, size.c, cells), Accum::Add, weight, dy),
                );
            } else {
                rayon::join(|| of_weight(size, x, dy, dw), || of_input(size, weight, dy, dx));
            }
            part
        })
        .collect();
    for part in parts {
        add_to(dw, &part);
    }
}

/// The columns of `dy` that belong to a block.
fn columns_of<E>(size: Size, dy: MatRef<E>, block: (usize, usize)) -> MatRef<E> {
    let width = size.windows.output.1;
    dy.subcols(block.0 * width, (block.1 - block.0) * width)
}

fn of_weight<E: Scalar>(size: Size, x: &[E], dy: MatRef<E>, mut dw: MatMut<E>) {
    for block in size.blocks() {
        let dy = columns_of(size, dy, block);
        let columns = size.unfold(x, block);
        let columns = matrix(&columns, size.rows(), dy.ncols());
        E::product(dw.rb_mut(), Accum::Add, dy, columns.transpose(), E::ONE);
    }
}

fn of_input<E: Scalar>(size: Size, weight: MatRef<E>, dy: MatRef<E>, dx: &mut [E]) {
    let (k, plane) = (size.windows.kernel, size.windows.input.0 * size.windows.input.1);
    for block in size.blocks() {
        let dy = columns_of(size, dy, block);
        let length = dy.ncols();
        let mut columns = Buffer::unwritten(size.rows() * length);
        E::product(matrix_mut(&mut columns, size.rows(), length), Accum::Replace, weight, dy, E::ONE);
        for (rows, plane) in columns.chunks_exact(length * k * k).zip(dx.chunks_exact_mut(plane)) {
            for (tap, row) in rows.chunks_exact(length).enumerate() {
                wide(
                    #[inline(always)]
                    || fold_tap(row, &size.windows, (tap / k, tap % k), block, plane),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;
    use dfdx::tensor::NoneTape;

    operation!(
        Conv { x: [usize; 4], w: [usize; 4], stride: usize, padding: Padding, ours: bool },
        |this, tape, inputs| {
            let ([b, c, h, w], [o, ci, k, _]) = (this.x, this.w);
            let (x, weight) = (shaped(&inputs[0], (b, c, h, w)), shaped(&inputs[1], (o, ci, k, k)));
            let y = if this.ours {
                conv2d(tape, &x, &weight, inputs.get(2), this.stride, this.padding)
            } else {
                any_device(tape, &x, &weight, inputs.get(2), Windows::new(k, this.stride, this.padding, (h, w)))
            };
            flat(tape, &y)
        }
    );

    fn cases() -> Vec<(Conv, Vec<Vec<f64>>)> {
        [
            ([1, 2, 4, 5], [3, 2, 3, 3], 1, Padding::Symmetric(1), true),
            ([2, 3, 5, 7], [2, 3, 3, 3], 2, Padding::Same, true),
            ([2, 2, 6, 4], [3, 2, 3, 3], 2, Padding::Same, false),
            ([2, 3, 3, 5], [4, 3, 1, 1], 1, Padding::Symmetric(0), true),
            ([1, 2, 1, 1], [2, 2, 3, 3], 1, Padding::Symmetric(1), false),
            ([1, 1, 9, 8], [2, 1, 5, 5], 3, Padding::Symmetric(2), true),
        ]
        .into_iter()
        .map(|(x, w, stride, padding, bias)| {
            let mut inputs = vec![values(1, x.iter().product()), values(2, w.iter().product())];
            if bias {
                inputs.push(values(3, w[0]));
            }
            (Conv { x, w, stride, padding, ours: true }, inputs)
        })
        .collect()
    }

    /// The definition, one product at a time.
    fn by_loop(case: &Conv, inputs: &[Vec<f64>]) -> Vec<f64> {
        let ([b, c, h, w], [o, _, k, _]) = (case.x, case.w);
        let windows = Windows::new(k, case.stride, case.padding, (h, w));
        let mut y = Vec::new();
        for (n, f) in (0..b).flat_map(|n| (0..o).map(move |f| (n, f))) {
            for (oy, ox) in (0..windows.output.0).flat_map(|y| (0..windows.output.1).map(move |x| (y, x))) {
                let mut sum = inputs.get(2).map_or(0.0, |bias| bias[f]);
                for (ci, i, j) in (0..c).flat_map(|ci| (0..k).flat_map(move |i| (0..k).map(move |j| (ci, i, j)))) {
                    let iy = (oy * case.stride + i) as isize - windows.before.0 as isize;
                    let ix = (ox * case.stride + j) as isize - windows.before.1 as isize;
                    if (0..h as isize).contains(&iy) && (0..w as isize).contains(&ix) {
                        let x = inputs[0][((n * c + ci) * h + iy as usize) * w + ix as usize];
                        sum += x * inputs[1][((f * c + ci) * k + i) * k + j];
                    }
                }
                y.push(sum);
            }
        }
        y
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (case, inputs) in cases() {
            finite_differences(&case, &inputs);
        }
    }

    #[test]
    fn results_agree_with_a_plain_loop() {
        for (case, inputs) in cases() {
            equals_loop(&case, &inputs, &by_loop(&case, &inputs));
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Conv { ours: false, ..case }, &inputs, 1e-12);
            agree::<f32>(&case, &Conv { ours: false, ..case }, &inputs, 1e-5);
        }
    }

    #[test]
    fn a_map_of_many_blocks_equals_one_of_few() {
        // 64 channels of 40 x 60 unfold to more than one block; a kernel that only copies shows any seam.
        let (c, h, w) = (64, 40, 60);
        let x: Map<f32, super::super::check::Place> = super::super::check::made_up(5, (1, c, h, w));
        let mut weight = vec![0.0f32; c * c * 9];
        (0..c).for_each(|i| weight[(i * c + i) * 9 + 4] = 1.0);
        let weight = super::super::check::tensor((c, c, 3, 3), weight);
        let y = conv2d(&mut NoneTape, &x, &weight, None, 1, Padding::Symmetric(1));
        assert_eq!(super::super::check::numbers(&x), super::super::check::numbers(&y));
    }
}
