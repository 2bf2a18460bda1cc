//! The windows of a plane laid out as columns, the shared part of convolutions and pools.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, GatherTo, ReshapeTo, TryConcatAlong};

use super::constant::constant;
use super::padding::Windows;
use super::record::with;
use super::{Map, Scalar};

/// `[B, C, H, W]` to `[B C, taps, cells]` with dfdx's operations: every plane gets one more cell, which is zero and stands for all
/// padding, and one gather picks the taps of every window.
pub(super) fn unfold<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    windows: &Windows,
) -> Tensor<(usize, usize, usize), E, D> {
    let device = x.device().clone();
    let (b, c, h, w) = *x.shape();
    let (taps, cells) = (windows.kernel * windows.kernel, windows.cells());
    let zero: Tensor<(usize, usize), E, D> = device.zeros_like(&(b * c, 1usize));
    let padded = with(tape, x, |x| (x.reshape_like(&(b * c, h * w)), zero).concat_along(Axis::<1>));
    let index = constant(&device, *windows, (taps * cells,), || index(windows));
    let index = index.broadcast_like::<_, Axis<0>>(&(b * c, taps * cells));
    with(tape, &padded, |padded| {
        let columns: Tensor<(usize, usize), E, D, T> = padded.gather(index);
        columns.reshape_like(&(b * c, taps, cells))
    })
}

/// For each tap of each window, the windows of a tap side by side, the cell of a plane under it, or the cell behind its last.
fn index(windows: &Windows) -> Vec<usize> {
    let ((h, w), cells) = (windows.input, windows.cells());
    let taps = (0..windows.kernel * windows.kernel).flat_map(|tap| (0..cells).map(move |cell| (tap, cell)));
    taps.map(|(tap, cell)| {
        let row = windows.row(cell / windows.output.1, tap / windows.kernel);
        let column = windows.column(cell % windows.output.1, tap % windows.kernel);
        row.zip(column).map_or(h * w, |(row, column)| row * w + column)
    })
    .collect()
}

/// Writes output rows `from..to` of tap `(i, j)` of every window of `plane` into `row`.
pub(super) fn unfold_tap<E: Scalar>(
    plane: &[E],
    windows: &Windows,
    (i, j): (usize, usize),
    (from, to): (usize, usize),
    row: &mut [E],
) {
    let width = windows.output.1;
    let (first, last, start) = windows.real_columns(j);
    for (y, out) in (from..to).zip(row.chunks_exact_mut(width)) {
        let Some(iy) = windows.row(y, i) else {
            out.fill(E::default());
            continue;
        };
        let line = &plane[iy * windows.input.1..][..windows.input.1];
        out[..first].fill(E::default());
        out[last..].fill(E::default());
        let out = &mut out[first..last];
        if windows.stride == 1 {
            out.copy_from_slice(&line[start..start + out.len()]);
        } else {
            out.iter_mut().zip(line[start..].iter().step_by(windows.stride)).for_each(|(o, v)| *o = *v);
        }
    }
}

/// The reverse of [`unfold_tap`]: adds `row` to the cells of `plane` it was taken from.
#[inline(always)]
pub(super) fn fold_tap<E: Scalar>(
    row: &[E],
    windows: &Windows,
    (i, j): (usize, usize),
    (from, to): (usize, usize),
    plane: &mut [E],
) {
    let width = windows.output.1;
    let (first, last, start) = windows.real_columns(j);
    for (y, values) in (from..to).zip(row.chunks_exact(width)) {
        let Some(iy) = windows.row(y, i) else { continue };
        let line = &mut plane[iy * windows.input.1..][..windows.input.1];
        let values = &values[first..last];
        if windows.stride == 1 {
            line[start..start + values.len()].iter_mut().zip(values).for_each(|(p, v)| *p += *v);
        } else {
            line[start..].iter_mut().step_by(windows.stride).zip(values).for_each(|(p, v)| *p += *v);
        }
    }
}
