//! Cutting maps into windows of tokens, and putting them together again.

use dfdx::shapes::{Axes6, Axis, HasShape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{Device, PermuteTo, ReshapeTo, TryConcatAlong};
use rayon::prelude::*;

use super::buffer::zeros;
use super::record::{flat, read, record, with};
use super::{Map, Scalar};

/// How a map is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partition {
    /// Neighbouring pixels: token (r, c) of window (a, b) is pixel (P a + r, Q b + c).
    Block,
    /// One pixel of every cell of a P x Q grid: token (r, c) of window (a, b) is pixel (r H/P + a, c W/Q + b).
    Grid,
}

/// Windows of tokens: `[batch * windows, tokens, channels]`.
pub type Tokens<E, D> = Tensor<(usize, usize, usize), E, D>;

/// Stands for the padding in [`Cut::cells`].
pub(super) const NONE: usize = usize::MAX;

/// A map of given size cut into windows of `P x Q` tokens. Where the window does not divide the map, rows and columns are added at
/// the bottom and right.
#[derive(Debug, Clone)]
pub struct Cut {
    partition: Partition,
    window: (usize, usize),
    size: (usize, usize),
    /// Number of windows in a map.
    pub windows: usize,
    /// Number of tokens in a window.
    pub tokens: usize,
    /// For every token of every window its pixel (row-major), or [`NONE`].
    pub(super) cells: Vec<usize>,
}

impl Cut {
    /// Cuts maps of `size` rows and columns into windows of `window` rows and columns.
    ///
    /// # Panics
    ///
    /// When the window is empty.
    pub fn new(partition: Partition, window: (usize, usize), size: (usize, usize)) -> Self {
        let ((p, q), (h, w)) = (window, size);
        assert!(p > 0 && q > 0, "windows need tokens, not {p} x {q}");
        let (down, across) = (h.div_ceil(p), w.div_ceil(q));
        let mut cells = Vec::with_capacity(down * p * across * q);
        for (a, b) in (0..down).flat_map(|a| (0..across).map(move |b| (a, b))) {
            for (r, c) in (0..p).flat_map(|r| (0..q).map(move |c| (r, c))) {
                let (y, x) = match partition {
                    Partition::Block => (p * a + r, q * b + c),
                    Partition::Grid => (r * down + a, c * across + b),
                };
                cells.push(if y < h && x < w { y * w + x } else { NONE });
            }
        }
        Self { partition, window, size, windows: down * across, tokens: p * q, cells }
    }

    /// What all of the cut follows from: how, the window, the size of the map.
    pub(super) fn geometry(&self) -> (Partition, (usize, usize), (usize, usize)) {
        (self.partition, self.window, self.size)
    }

    /// Rows and columns with the padding.
    fn padded(&self) -> (usize, usize) {
        (self.size.0.next_multiple_of(self.window.0), self.size.1.next_multiple_of(self.window.1))
    }

    /// For every pixel its token, counted through all windows.
    pub(super) fn homes(&self) -> Vec<usize> {
        let mut homes = vec![0; self.size.0 * self.size.1];
        for (token, cell) in self.cells.iter().enumerate().filter(|(_, cell)| **cell != NONE) {
            homes[*cell] = token;
        }
        homes
    }
}

/// The tokens of `x`; padded ones are zero.
///
/// # Panics
///
/// When `cut` is for maps of another size.
pub fn partition<E: Scalar, D: PartitionKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    cut: &Cut,
) -> Tokens<E, D> {
    let (_, _, h, w) = *x.shape();
    assert_eq!((h, w), cut.size, "the map is not of the size to be cut");
    D::partition(tape, x, cut)
}

/// The map whose tokens are `tokens`; padded ones are dropped.
///
/// # Panics
///
/// When `tokens` are not those of whole maps.
pub fn unpartition<E: Scalar, D: PartitionKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    tokens: &Tokens<E, D>,
    cut: &Cut,
) -> Map<E, D> {
    let (n, l, _) = *tokens.shape();
    assert_eq!((n % cut.windows, l), (0, cut.tokens), "these are not the windows of whole maps");
    D::unpartition(tape, tokens, cut)
}

/// The forms of [`partition`] and [`unpartition`].
pub trait PartitionKernel<E: Scalar>: Device<E> {
    /// [`partition`].
    fn partition<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, cut: &Cut) -> Tokens<E, Self> {
        partition_on_any_device(tape, x, cut)
    }

    /// [`unpartition`].
    fn unpartition<T: Tape<E, Self>>(tape: &mut T, tokens: &Tokens<E, Self>, cut: &Cut) -> Map<E, Self> {
        unpartition_on_any_device(tape, tokens, cut)
    }
}

pub(super) fn partition_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    x: &Map<E, D>,
    cut: &Cut,
) -> Tokens<E, D> {
    let device = x.device().clone();
    let ((b, c, h, w), (hp, wp), (p, q)) = (*x.shape(), cut.padded(), cut.window);
    let mut x = x.clone();
    if hp > h {
        x = with(tape, &x, |x| (x, device.zeros_like(&(b, c, hp - h, w))).concat_along(Axis::<2>));
    }
    if wp > w {
        x = with(tape, &x, |x| (x, device.zeros_like(&(b, c, hp, wp - w))).concat_along(Axis::<3>));
    }
    with(tape, &x, |x| {
        let shape = (b * cut.windows, cut.tokens, c);
        match cut.partition {
            Partition::Block => x
                .reshape_like(&(b, c, hp / p, p, wp / q, q))
                .permute::<_, Axes6<0, 2, 4, 3, 5, 1>>()
                .reshape_like(&shape),
            Partition::Grid => x
                .reshape_like(&(b, c, p, hp / p, q, wp / q))
                .permute::<_, Axes6<0, 3, 5, 2, 4, 1>>()
                .reshape_like(&shape),
        }
    })
}

pub(super) fn unpartition_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    tokens: &Tokens<E, D>,
    cut: &Cut,
) -> Map<E, D> {
    let ((n, _, c), (hp, wp), (p, q), (h, w)) = (*tokens.shape(), cut.padded(), cut.window, cut.size);
    let b = n / cut.windows;
    let padded = with(tape, tokens, |x| {
        let x = x.reshape_like(&(b, hp / p, wp / q, p, q, c));
        match cut.partition {
            Partition::Block => x.permute::<_, Axes6<0, 5, 1, 3, 2, 4>>().reshape_like(&(b, c, hp, wp)),
            Partition::Grid => x.permute::<_, Axes6<0, 5, 3, 1, 4, 2>>().reshape_like(&(b, c, hp, wp)),
        }
    });
    if (hp, wp) == (h, w) { padded } else { with(tape, &padded, |x| x.slice((0..b, 0..c, 0..h, 0..w))) }
}

impl<E: Scalar> PartitionKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn partition<T: Tape<E, Self>>(tape: &mut T, x: &Map<E, Self>, cut: &Cut) -> Tokens<E, Self> {
        let (b, c, _, _) = *x.shape();
        let shape = (b * cut.windows, cut.tokens, c);
        let x = flat(tape, x);
        let y = to_tokens(&read(&x), c, cut);
        let cut = cut.clone();
        record(tape, [&x], shape, y, move |dy, [dx]| add_planes(dy, c, &cut, dx))
    }

    fn unpartition<T: Tape<E, Self>>(tape: &mut T, tokens: &Tokens<E, Self>, cut: &Cut) -> Map<E, Self> {
        let (n, _, c) = *tokens.shape();
        let tokens = flat(tape, tokens);
        let (b, (h, w)) = (n / cut.windows, cut.size);
        let mut y = zeros(b * c * h * w);
        add_planes(&read(&tokens), c, cut, &mut y);
        let cut = cut.clone();
        record(tape, [&tokens], (b, c, h, w), y, move |dy, [dx]| {
            super::join::add_to(dx, &to_tokens(dy, c, &cut));
        })
    }
}

fn to_tokens<E: Scalar>(x: &[E], c: usize, cut: &Cut) -> Vec<E> {
    let plane = cut.size.0 * cut.size.1;
    let mut y = zeros(x.len() / (c * plane) * cut.cells.len() * c);
    y.par_chunks_exact_mut(cut.tokens * c).enumerate().for_each(|(i, y)| {
        let sample = &x[i / cut.windows * c * plane..];
        for (y, cell) in y.chunks_exact_mut(c).zip(&cut.cells[i % cut.windows * cut.tokens..]) {
            if *cell != NONE {
                y.iter_mut().enumerate().for_each(|(ch, y)| *y = sample[ch * plane + cell]);
            }
        }
    });
    y
}

fn add_planes<E: Scalar>(tokens: &[E], c: usize, cut: &Cut, x: &mut [E]) {
    let (homes, sample) = (cut.homes(), cut.cells.len() * c);
    x.par_chunks_exact_mut(homes.len()).enumerate().for_each(|(i, x)| {
        let tokens = &tokens[i / c * sample..];
        x.iter_mut().zip(&homes).for_each(|(x, home)| *x += tokens[home * c + i % c]);
    });
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, finite_differences, made_up, numbers, operation, shaped, values};
    use super::*;
    use dfdx::tensor::NoneTape;

    operation!(
        Cutting { x: [usize; 4], partition: Partition, window: (usize, usize), back: bool, ours: bool },
        |this, tape, inputs| {
            let [b, c, h, w] = this.x;
            let cut = Cut::new(this.partition, this.window, (h, w));
            if this.back {
                let tokens = shaped(&inputs[0], (b * cut.windows, cut.tokens, c));
                let y = if this.ours {
                    unpartition(tape, &tokens, &cut)
                } else {
                    unpartition_on_any_device(tape, &tokens, &cut)
                };
                flat(tape, &y)
            } else {
                let x = shaped(&inputs[0], (b, c, h, w));
                let y = if this.ours { partition(tape, &x, &cut) } else { partition_on_any_device(tape, &x, &cut) };
                flat(tape, &y)
            }
        }
    );

    fn cases() -> Vec<(Cutting, Vec<Vec<f64>>)> {
        let mut cases = Vec::new();
        for (x, window) in
            [([2, 3, 4, 6], (2, 3)), ([1, 2, 5, 7], (3, 2)), ([2, 1, 3, 4], (4, 4)), ([1, 1, 1, 1], (2, 3))]
        {
            for partition in [Partition::Block, Partition::Grid] {
                let cut = Cut::new(partition, window, (x[2], x[3]));
                let tokens = x[0] * x[1] * cut.cells.len();
                let case = Cutting { x, partition, window, back: false, ours: true };
                cases.push((case, vec![values(1, x.iter().product())]));
                cases.push((Cutting { back: true, ..case }, vec![values(1, tokens)]));
            }
        }
        cases
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (case, inputs) in cases() {
            finite_differences(&case, &inputs);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Cutting { ours: false, ..case }, &inputs, 1e-12);
        }
    }

    #[test]
    fn putting_together_undoes_cutting() {
        for (partition_kind, window, size) in [
            (Partition::Block, (7, 7), (13, 20)),
            (Partition::Grid, (7, 7), (13, 20)),
            (Partition::Grid, (3, 4), (6, 8)),
            (Partition::Block, (2, 5), (1, 1)),
        ] {
            let x: Map<f32, super::super::check::Place> = made_up(1, (2, 3, size.0, size.1));
            let cut = Cut::new(partition_kind, window, size);
            let tokens = partition(&mut NoneTape, &x, &cut);
            assert_eq!(numbers(&unpartition(&mut NoneTape, &tokens, &cut)), numbers(&x));
        }
    }

    #[test]
    fn the_first_grid_window_of_14_by_14_is_every_second_pixel() {
        let cut = Cut::new(Partition::Grid, (7, 7), (14, 14));
        let expected: Vec<usize> = (0..7).flat_map(|r| (0..7).map(move |c| 2 * r * 14 + 2 * c)).collect();
        assert_eq!(cut.cells[..49], expected);
        let block = Cut::new(Partition::Block, (7, 7), (14, 14));
        assert_eq!(block.cells[..9], [0, 1, 2, 3, 4, 5, 6, 14, 15]);
    }
}
