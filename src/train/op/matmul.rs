//! Matrix products over slices, split over threads.

use faer::{MatMut, MatRef};

pub(super) use faer::Accum;

use super::Scalar;

/// Products above this many multiply-adds are worth a second thread.
const SPLIT_ABOVE: usize = 1 << 20;

/// `slice` as a row-major matrix.
pub(super) fn matrix<E>(slice: &[E], rows: usize, columns: usize) -> MatRef<'_, E> {
    MatRef::from_row_major_slice(slice, rows, columns)
}

/// As [`matrix`], to be written.
pub(super) fn matrix_mut<E>(slice: &mut [E], rows: usize, columns: usize) -> MatMut<'_, E> {
    MatMut::from_row_major_slice_mut(slice, rows, columns)
}

/// `c = a b`, or that added to `c`, on all threads. Where the product is split depends on its size alone, so the order of no sum
/// depends on the threads.
pub(super) fn matmul<E: Scalar>(c: MatMut<E>, accumulate: Accum, a: MatRef<E>, b: MatRef<E>) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if m * n * k <= SPLIT_ABOVE || m.max(n) < 32 {
        E::product(c, accumulate, a, b, E::ONE);
    } else if n >= m {
        // At whole register tiles.
        let middle = (n / 2).next_multiple_of(16);
        let (left, right) = c.split_at_col_mut(middle);
        let (b_left, b_right) = b.split_at_col(middle);
        rayon::join(|| matmul(left, accumulate, a, b_left), || matmul(right, accumulate, a, b_right));
    } else {
        let middle = (m / 2).next_multiple_of(16);
        let (top, bottom) = c.split_at_row_mut(middle);
        let (a_top, a_bottom) = a.split_at_row(middle);
        rayon::join(|| matmul(top, accumulate, a_top, b), || matmul(bottom, accumulate, a_bottom, b));
    }
}
