//! Matrix products over slices, split over threads.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::Scalar;

/// Products below this many multiply-adds are not worth a second thread.
const SPLIT_ABOVE: usize = 1 << 19;

/// `slice` as a matrix of `columns` columns.
pub(super) fn matrix<E>(slice: &[E], rows: usize, columns: usize) -> ArrayView2<'_, E> {
    match ArrayView2::from_shape((rows, columns), slice) {
        Ok(view) => view,
        Err(e) => unreachable!("{} values as {rows} x {columns}: {e}", slice.len()),
    }
}

/// As [`matrix`], to be written.
pub(super) fn matrix_mut<E>(slice: &mut [E], rows: usize, columns: usize) -> ArrayViewMut2<'_, E> {
    let len = slice.len();
    match ArrayViewMut2::from_shape((rows, columns), slice) {
        Ok(view) => view,
        Err(e) => unreachable!("{len} values as {rows} x {columns}: {e}"),
    }
}

/// `c = a b + beta c`. The sums of an element are taken in the same order however the work is split.
pub(super) fn matmul<E: Scalar>(a: ArrayView2<E>, b: ArrayView2<E>, beta: E, mut c: ArrayViewMut2<E>) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let threads = rayon::current_num_threads();
    if threads == 1 || m * n * k < SPLIT_ABOVE {
        general_mat_mul(E::ONE, &a, &b, beta, &mut c);
    } else if n >= m {
        // Strips of whole register tiles.
        let strip = n.div_ceil(threads).next_multiple_of(16);
        let strips: Vec<_> = b.axis_chunks_iter(Axis(1), strip).zip(c.axis_chunks_iter_mut(Axis(1), strip)).collect();
        strips.into_par_iter().for_each(|(b, mut c)| general_mat_mul(E::ONE, &a, &b, beta, &mut c));
    } else {
        let strip = m.div_ceil(threads).next_multiple_of(16);
        let strips: Vec<_> = a.axis_chunks_iter(Axis(0), strip).zip(c.axis_chunks_iter_mut(Axis(0), strip)).collect();
        strips.into_par_iter().for_each(|(a, mut c)| general_mat_mul(E::ONE, &a, &b, beta, &mut c));
    }
}
