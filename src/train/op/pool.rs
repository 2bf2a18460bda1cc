//! Average and maximum pooling, and the mean of whole planes.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{Cpu, Tape};
use dfdx::tensor_ops::{BroadcastTo, Device, MaxTo, MeanTo, ReshapeTo, SumTo};
use rayon::prelude::*;

use super::buffer::zeros;
use super::constant::constant;
use super::depthwise::lines;
use super::padding::{Padding, Windows};
use super::record::{flat, planes, read, record, with};
use super::sum::sum;
use super::unfold::unfold;
use super::{Map, Matrix, Scalar, Vector};
use crate::wide::wide;

/// What a pool keeps of a window. Cells in the padding count for nothing: a mean is over the real cells of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The mean.
    Average,
    /// The largest; of equal ones the first gets the gradient.
    Max,
}

/// Pools `kernel x kernel` windows of every plane of `x` `[B, C, H, W]`.
///
/// # Panics
///
/// When the kernel does not fit the padded map.
pub fn pool2d<E: Scalar, D: PoolKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    pool: Pool,
    kernel: usize,
    stride: usize,
    padding: Padding,
) -> Map<E, D> {
    let (_, _, h, w) = *x.shape();
    D::pool2d(tape, x, pool, Windows::new(kernel, stride, padding, (h, w)))
}

/// The mean of every plane: `[B, C, H, W]` to `[B, C]`.
pub fn plane_means<E: Scalar, D: PoolKernel<E>, T: Tape<E, D>>(tape: &mut T, x: &Map<E, D>) -> Matrix<E, D> {
    D::plane_means(tape, x)
}

/// The forms of [`pool2d`] and [`plane_means`].
pub trait PoolKernel<E: Scalar>: Device<E> {
    /// [`pool2d`] over given windows.
    fn pool2d<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, pool: Pool, windows: Windows) -> Map<E, Self> {
        pool_on_any_device(tape, x, pool, windows)
    }

    /// [`plane_means`].
    fn plane_means<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>) -> Matrix<E, Self> {
        means_on_any_device(tape, x)
    }
}

/// Key of the constant by which the sums of windows become means.
#[derive(PartialEq, Eq, Hash)]
struct Shares(Windows);

/// Key of the constant that keeps padding out of the largest values.
#[derive(PartialEq, Eq, Hash)]
struct Outside(Windows);

fn pool_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    pool: Pool,
    windows: Windows,
) -> Map<E, D> {
    let (b, c, _, _) = *x.shape();
    let (taps, cells) = (windows.kernel * windows.kernel, windows.cells());
    let shape = (b, c, windows.output.0, windows.output.1);
    let real = |tap, cell| tap_cell(&windows, tap, cell).is_some();
    let device = x.device().clone();
    let columns = unfold(tape, x, &windows);
    with(tape, &columns, |columns| {
        match pool {
            Pool::Average => {
                let share = |cell| E::of(1.0 / (0..taps).filter(|tap| real(*tap, cell)).count() as f64);
                let share: Vector<E, D> =
                    constant(&device, Shares(windows), (cells,), || (0..cells).map(share).collect());
                let share = share.broadcast_like::<_, Axis<0>>(&(b * c, cells));
                (columns.sum::<_, Axis<1>>() * share).reshape_like(&shape)
            }
            Pool::Max => {
                // Far below any activation, and exact zero where the tap is real.
                let out = |i: usize| E::of(if real(i / cells, i % cells) { 0.0 } else { -1e30 });
                let out: Matrix<E, D> =
                    constant(&device, Outside(windows), (taps, cells), || (0..taps * cells).map(out).collect());
                let out = out.broadcast_like::<_, Axis<0>>(&(b * c, taps, cells));
                (columns + out).max::<_, Axis<1>>().reshape_like(&shape)
            }
        }
    })
}

fn means_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(tape: &mut T, x: &Map<E, D>) -> Matrix<E, D> {
    let x = planes(tape, x);
    with(tape, &x, |x| x.mean::<_, Axis<2>>())
}

/// The input cell under a tap of the window of an output cell.
fn tap_cell(windows: &Windows, tap: usize, cell: usize) -> Option<usize> {
    let row = windows.row(cell / windows.output.1, tap / windows.kernel)?;
    let column = windows.column(cell % windows.output.1, tap % windows.kernel)?;
    Some(row * windows.input.1 + column)
}

impl<E: Scalar> PoolKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn pool2d<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, pool: Pool, windows: Windows) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let (cells, plane) = (windows.cells(), h * w);
        let shape = (b, c, windows.output.0, windows.output.1);
        let x = flat(tape, x);
        let values = read(&x);
        let mut y = zeros(b * c * cells);
        match pool {
            Pool::Average => {
                let shares = shares(&windows);
                y.par_chunks_exact_mut(cells).zip(values.par_chunks_exact(plane)).for_each(|(y, x)| {
                    wide(
                        #[inline(always)]
                        || average(x, &windows, &shares, y),
                    );
                });
                record(tape, [&x], shape, y, move |dy, [dx]| {
                    dx.par_chunks_exact_mut(plane).zip(dy.par_chunks_exact_mut(cells)).for_each(|(dx, dy)| {
                        wide(
                            #[inline(always)]
                            || spread(dy, &windows, &shares, dx),
                        );
                    });
                })
            }
            Pool::Max => {
                y.par_chunks_exact_mut(cells).zip(values.par_chunks_exact(plane)).for_each(|(y, x)| {
                    y.iter_mut().enumerate().for_each(|(cell, y)| *y = x[largest(x, &windows, cell)]);
                });
                record(tape, [&x], shape, y, move |dy, [dx]| {
                    let planes = values.par_chunks_exact(plane).zip(dy.par_chunks_exact(cells));
                    dx.par_chunks_exact_mut(plane).zip(planes).for_each(|(dx, (x, dy))| {
                        dy.iter().enumerate().for_each(|(cell, dy)| dx[largest(x, &windows, cell)] += *dy);
                    });
                })
            }
        }
    }

    fn plane_means<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>) -> Matrix<E, Self> {
        let (b, c, h, w) = *x.shape();
        let (plane, share) = (h * w, E::of(1.0 / (h * w) as f64));
        let x = flat(tape, x);
        let y = read(&x)
            .par_chunks_exact(plane)
            .map(|x| {
                E::of(wide(
                    #[inline(always)]
                    || sum(x, |x| x),
                )) * share
            })
            .collect();
        record(tape, [&x], (b, c), y, move |dy, [dx]| {
            dx.par_chunks_exact_mut(plane).zip(&*dy).for_each(|(dx, dy)| {
                let each = *dy * share;
                wide(
                    #[inline(always)]
                    || dx.iter_mut().for_each(|d| *d += each),
                );
            });
        })
    }
}

/// For every cell of the result 1 / number of real cells in its window.
fn shares<E: Scalar>(windows: &Windows) -> Vec<E> {
    let real = |cell: usize, n: usize, tap: fn(&Windows, usize, usize) -> Option<usize>| {
        (0..n).filter(|i| tap(windows, cell, *i).is_some()).count()
    };
    let (height, width) = windows.output;
    let rows: Vec<usize> = (0..height).map(|y| real(y, windows.kernel, Windows::row)).collect();
    let columns: Vec<usize> = (0..width).map(|x| real(x, windows.kernel, Windows::column)).collect();
    rows.iter().flat_map(|r| columns.iter().map(move |c| E::of(1.0 / (r * c) as f64))).collect()
}

#[inline(always)]
fn average<E: Scalar>(x: &[E], windows: &Windows, shares: &[E], y: &mut [E]) {
    for tap in 0..windows.kernel * windows.kernel {
        for (from, to, length) in lines(windows, tap / windows.kernel, tap % windows.kernel) {
            let x = x[from..].iter().step_by(windows.stride);
            y[to..to + length].iter_mut().zip(x).for_each(|(y, x)| *y += *x);
        }
    }
    y.iter_mut().zip(shares).for_each(|(y, share)| *y *= *share);
}

/// The reverse of [`average`]: adds to `dx`. `dy` is used up.
#[inline(always)]
fn spread<E: Scalar>(dy: &mut [E], windows: &Windows, shares: &[E], dx: &mut [E]) {
    dy.iter_mut().zip(shares).for_each(|(dy, share)| *dy *= *share);
    for tap in 0..windows.kernel * windows.kernel {
        for (from, to, length) in lines(windows, tap / windows.kernel, tap % windows.kernel) {
            let dx = dx[from..].iter_mut().step_by(windows.stride);
            dx.zip(&dy[to..to + length]).for_each(|(d, g)| *d += *g);
        }
    }
}

/// The first of the largest cells in the window of an output cell.
fn largest<E: Scalar>(x: &[E], windows: &Windows, cell: usize) -> usize {
    let members = (0..windows.kernel * windows.kernel).filter_map(|tap| tap_cell(windows, tap, cell));
    members.reduce(|best, i| if x[i] > x[best] { i } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    operation!(
        Pooling { x: [usize; 4], pool: Pool, k: usize, stride: usize, padding: Padding, ours: bool },
        |this, tape, inputs| {
            let [b, c, h, w] = this.x;
            let x = shaped(&inputs[0], (b, c, h, w));
            let y = if this.ours {
                pool2d(tape, &x, this.pool, this.k, this.stride, this.padding)
            } else {
                pool_on_any_device(tape, &x, this.pool, Windows::new(this.k, this.stride, this.padding, (h, w)))
            };
            flat(tape, &y)
        }
    );

    operation!(Means { x: [usize; 4], ours: bool }, |this, tape, inputs| {
        let [b, c, h, w] = this.x;
        let x = shaped(&inputs[0], (b, c, h, w));
        let y = if this.ours { plane_means(tape, &x) } else { means_on_any_device(tape, &x) };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Pooling, Vec<Vec<f64>>)> {
        [
            ([1, 2, 4, 6], 2, 2, Padding::Same),
            ([2, 1, 5, 7], 2, 2, Padding::Same),
            ([2, 3, 7, 5], 3, 2, Padding::Symmetric(1)),
            ([1, 1, 1, 1], 3, 1, Padding::Symmetric(1)),
        ]
        .into_iter()
        .flat_map(|(x, k, stride, padding)| {
            [Pool::Average, Pool::Max]
                .map(|pool| (Pooling { x, pool, k, stride, padding, ours: true }, vec![values(1, x.iter().product())]))
        })
        .collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (case, inputs) in cases() {
            finite_differences(&case, &inputs);
        }
        finite_differences(&Means { x: [2, 3, 3, 5], ours: true }, &[values(4, 90)]);
    }

    #[test]
    fn results_agree_with_a_plain_loop() {
        for (case, inputs) in cases() {
            let [b, c, h, w] = case.x;
            let windows = Windows::new(case.k, case.stride, case.padding, (h, w));
            let mut expected = Vec::new();
            for plane in 0..b * c {
                for (oy, ox) in (0..windows.output.0).flat_map(|y| (0..windows.output.1).map(move |x| (y, x))) {
                    let (mut sum, mut n, mut max) = (0.0, 0.0, f64::NEG_INFINITY);
                    for (i, j) in (0..case.k).flat_map(|i| (0..case.k).map(move |j| (i, j))) {
                        let iy = (oy * case.stride + i) as isize - windows.before.0 as isize;
                        let ix = (ox * case.stride + j) as isize - windows.before.1 as isize;
                        if (0..h as isize).contains(&iy) && (0..w as isize).contains(&ix) {
                            let v = inputs[0][(plane * h + iy as usize) * w + ix as usize];
                            (sum, n, max) = (sum + v, n + 1.0, f64::max(max, v));
                        }
                    }
                    expected.push(if case.pool == Pool::Max { max } else { sum / n });
                }
            }
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Pooling { ours: false, ..case }, &inputs, 1e-12);
        }
        let means = Means { x: [2, 3, 3, 5], ours: true };
        agree::<f64>(&means, &Means { ours: false, ..means }, &[values(4, 90)], 1e-12);
    }
}
