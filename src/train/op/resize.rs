//! Resizing of maps: bilinear with half-pixel centres or aligned corners, nearest, and with a mirrored border around them.

use dfdx::shapes::{Axes2, Axes3, HasShape};
use dfdx::tensor::{Cpu, Tape};
use dfdx::tensor_ops::{Device, PermuteTo, ReshapeTo, TryMatMul};
use rayon::prelude::*;

use super::buffer::{Buffer, unwritten};
use super::constant::constant;
use super::record::{flat, read, record, with};
use super::{Map, Matrix, Scalar};
use crate::wide::wide;

/// Where the cells of the result lie in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resize {
    /// Bilinear; cell i reads at max((i + 0.5) n/m - 0.5, 0), the edge repeated (dss.md 3.3).
    HalfPixel,
    /// Bilinear; the centres of the corner cells coincide.
    Corners,
    /// The cell floor((i + 0.5) n/m).
    Nearest,
    /// The cells themselves in the middle, and around them what lies on the other side of the edge, which is not repeated: PyTorch's
    /// `reflect`. An axis of one cell repeats it.
    Mirrored,
}

/// One axis of a resize: for every cell of the result two source cells and the weight of the second.
#[derive(Debug, Clone)]
pub struct Line<E> {
    pub(super) resize: Resize,
    pub(super) source: usize,
    pub(super) taps: Vec<(usize, usize, E)>,
}

/// Key of the constant [`Line::matrix`].
#[derive(PartialEq, Eq, Hash)]
struct Axis {
    resize: Resize,
    source: usize,
    result: usize,
}

impl<E: Scalar> Line<E> {
    /// From `n` cells to `m`.
    ///
    /// # Panics
    ///
    /// When `n` is 0.
    pub fn new(resize: Resize, n: usize, m: usize) -> Self {
        assert!(n > 0, "an axis without cells cannot be resized");
        let taps = (0..m)
            .map(|i| {
                let at = match resize {
                    Resize::HalfPixel => ((i as f64 + 0.5) * n as f64 / m as f64 - 0.5).max(0.0),
                    Resize::Corners if m > 1 => i as f64 * (n - 1) as f64 / (m - 1) as f64,
                    Resize::Corners => 0.0,
                    Resize::Nearest => (((2 * i + 1) * n) / (2 * m)) as f64,
                    Resize::Mirrored => mirrored(i.abs_diff(m.saturating_sub(n) / 2), n) as f64,
                };
                let first = (at.floor() as usize).min(n - 1);
                (first, (first + 1).min(n - 1), E::of(at - first as f64))
            })
            .collect();
        Self { resize, source: n, taps }
    }

    /// Applies the axis to one line.
    pub fn apply(&self, x: &[E], y: &mut [E]) {
        for (y, (a, b, w)) in y.iter_mut().zip(&self.taps) {
            *y = (E::ONE - *w) * x[*a] + *w * x[*b];
        }
    }

    /// As a matrix `[result, source]`.
    fn matrix<D: Device<E>>(&self, device: &D) -> Matrix<E, D> {
        let shape @ (result, source) = (self.taps.len(), self.source);
        constant(device, Axis { resize: self.resize, source, result }, shape, || {
            let mut matrix = vec![E::default(); result * source];
            for (row, (a, b, w)) in matrix.chunks_exact_mut(source).zip(&self.taps) {
                row[*a] += E::ONE - *w;
                row[*b] += *w;
            }
            matrix
        })
    }
}

/// Resizes every plane of `x` to `size` rows and columns.
///
/// # Panics
///
/// When a plane has no cells.
pub fn resize2d<E: Scalar, D: ResizeKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    resize: Resize,
    size: (usize, usize),
) -> Map<E, D> {
    let (_, _, h, w) = *x.shape();
    if (h, w) == size {
        return x.clone();
    }
    D::resize2d(tape, x, Line::new(resize, h, size.0), Line::new(resize, w, size.1))
}

/// Which of `n` cells is seen `i` cells from the first, between mirrors at both ends that do not repeat them.
pub fn mirrored(i: usize, n: usize) -> usize {
    let period = (2 * n).saturating_sub(2).max(1);
    let i = i % period;
    if i < n { i } else { period - i }
}

/// Puts a mirrored border of `border` cells around every plane of `x`.
///
/// # Panics
///
/// When a plane has no cells.
pub fn mirror_pad<E: Scalar, D: ResizeKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    border: usize,
) -> Map<E, D> {
    let (_, _, h, w) = *x.shape();
    resize2d(tape, x, Resize::Mirrored, (h + 2 * border, w + 2 * border))
}

/// The forms of [`resize2d`].
pub trait ResizeKernel<E: Scalar>: Device<E> {
    /// [`resize2d`] with given axes.
    fn resize2d<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, rows: Line<E>, columns: Line<E>) -> Map<E, Self> {
        any_device(tape, x, &rows, &columns)
    }
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    rows: &Line<E>,
    columns: &Line<E>,
) -> Map<E, D> {
    let (b, c, h, w) = *x.shape();
    let (oh, ow) = (rows.taps.len(), columns.taps.len());
    let device = x.device().clone();
    // A product along the columns, the same along the rows, and back: as batches, the rows' matrix would have to be there for
    // every plane.
    let of_columns = columns.matrix(&device).permute::<_, Axes2<1, 0>>();
    let of_rows = rows.matrix(&device).permute::<_, Axes2<1, 0>>();
    let wide = with(tape, x, |x| x.reshape_like(&(b * c * h, w)).matmul(of_columns));
    let turned = with(tape, &wide, |wide| {
        wide.reshape_like(&(b * c, h, ow)).permute::<_, Axes3<0, 2, 1>>().reshape_like(&(b * c * ow, h))
    });
    let high = with(tape, &turned, |turned| turned.matmul(of_rows));
    with(tape, &high, |high| {
        high.reshape_like(&(b * c, ow, oh)).permute::<_, Axes3<0, 2, 1>>().reshape_like(&(b, c, oh, ow))
    })
}

impl<E: Scalar> ResizeKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn resize2d<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, rows: Line<E>, columns: Line<E>) -> Map<E, Self> {
        let (b, c, h, w) = *x.shape();
        let (oh, ow) = (rows.taps.len(), columns.taps.len());
        let x = flat(tape, x);
        let mut y = unwritten(b * c * oh * ow);
        y.par_chunks_exact_mut(oh * ow).zip(read(&x).par_chunks_exact(h * w)).for_each(|(y, x)| {
            // Rows of the source are widened once each; their mixture is one pass over the result.
            let mut lines = Buffer::unwritten(h * ow);
            lines.chunks_exact_mut(ow).zip(x.chunks_exact(w)).for_each(|(line, x)| columns.apply(x, line));
            for (y, (a, b, weight)) in y.chunks_exact_mut(ow).zip(&rows.taps) {
                let (a, b) = (&lines[a * ow..][..ow], &lines[b * ow..][..ow]);
                wide(
                    #[inline(always)]
                    || y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = (E::ONE - *weight) * *a + *weight * *b),
                );
            }
        });
        record(tape, [&x], (b, c, oh, ow), y, move |dy, [dx]| {
            dx.par_chunks_exact_mut(h * w).zip(dy.par_chunks_exact(oh * ow)).for_each(|(dx, dy)| {
                let mut sums = Buffer::zeros(h * ow);
                for (dy, (a, b, weight)) in dy.chunks_exact(ow).zip(&rows.taps) {
                    let (a, b) = (a * ow, b * ow);
                    wide(
                        #[inline(always)]
                        || {
                            sums[a..a + ow].iter_mut().zip(dy).for_each(|(d, g)| *d += (E::ONE - *weight) * *g);
                            sums[b..b + ow].iter_mut().zip(dy).for_each(|(d, g)| *d += *weight * *g);
                        },
                    );
                }
                for (dx, sums) in dx.chunks_exact_mut(w).zip(sums.chunks_exact(ow)) {
                    for (g, (a, b, weight)) in sums.iter().zip(&columns.taps) {
                        dx[*a] += (E::ONE - *weight) * *g;
                        dx[*b] += *weight * *g;
                    }
                }
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, operation, shaped, values};
    use super::*;

    operation!(Resizing { x: [usize; 4], resize: Resize, size: (usize, usize), ours: bool }, |this, tape, inputs| {
        let [b, c, h, w] = this.x;
        let x = shaped(&inputs[0], (b, c, h, w));
        let y = if this.ours {
            resize2d(tape, &x, this.resize, this.size)
        } else {
            any_device(tape, &x, &Line::new(this.resize, h, this.size.0), &Line::new(this.resize, w, this.size.1))
        };
        flat(tape, &y)
    });

    fn cases() -> Vec<(Resizing, Vec<Vec<f64>>)> {
        [([1, 2, 3, 4], (6, 8)), ([2, 1, 3, 5], (7, 4)), ([1, 1, 1, 1], (4, 3)), ([2, 2, 5, 1], (2, 9))]
            .into_iter()
            .flat_map(|(x, size)| [Resize::HalfPixel, Resize::Corners, Resize::Nearest].map(|resize| (x, resize, size)))
            .chain([
                ([2, 1, 3, 5], Resize::Mirrored, (5, 7)),
                ([1, 2, 4, 3], Resize::Mirrored, (8, 7)),
                ([1, 1, 1, 2], Resize::Mirrored, (3, 4)),
            ])
            .map(|(x, resize, size)| (Resizing { x, resize, size, ours: true }, vec![values(1, x.iter().product())]))
            .collect()
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
            let ([b, c, h, w], (oh, ow)) = (case.x, case.size);
            let at = |i: usize, n: usize, m: usize| match case.resize {
                Resize::HalfPixel => (((i as f64 + 0.5) * n as f64 / m as f64) - 0.5).clamp(0.0, (n - 1) as f64),
                Resize::Corners if m == 1 => 0.0,
                Resize::Corners => i as f64 * (n as f64 - 1.0) / (m as f64 - 1.0),
                Resize::Nearest => ((i as f64 + 0.5) * n as f64 / m as f64).floor(),
                Resize::Mirrored if n == 1 => 0.0,
                // A wave of period 2 (n - 1).
                Resize::Mirrored => {
                    let (at, last) = (i as f64 - ((m - n) / 2) as f64, (n - 1) as f64);
                    last - (last - at.rem_euclid(2.0 * last)).abs()
                }
            };
            let mut expected = Vec::new();
            for (plane, y, x) in (0..b * c).flat_map(|p| (0..oh).flat_map(move |y| (0..ow).map(move |x| (p, y, x)))) {
                let (sy, sx) = (at(y, h, oh), at(x, w, ow));
                let tent = |i: usize, s: f64| (1.0 - (i as f64 - s).abs()).max(0.0);
                let mut sum = 0.0;
                for (i, j) in (0..h).flat_map(|i| (0..w).map(move |j| (i, j))) {
                    sum += tent(i, sy) * tent(j, sx) * inputs[0][(plane * h + i) * w + j];
                }
                expected.push(sum);
            }
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases().into_iter().filter(|(case, _)| (case.x[2], case.x[3]) != case.size) {
            agree::<f64>(&case, &Resizing { ours: false, ..case }, &inputs, 1e-12);
        }
    }
}
