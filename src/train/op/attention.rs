//! Multi-head attention within windows, with relative position bias.

use dfdx::shapes::{Axes2, Axes4, Axis, HasShape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, GatherTo, PermuteTo, ReshapeTo, TryMatMul};
use ndarray::linalg::general_mat_mul;
use rayon::prelude::*;

use super::matmul::{matrix, matrix_mut};
use super::partition::{Cut, NONE, Partition, partition_on_any_device, unpartition_on_any_device};
use super::record::{flat, read, record, with};
use super::{Map, Scalar};

/// Learned bias of every head for every offset of key from query: `[heads, 2P - 1, 2Q - 1]`.
pub type BiasTable<E, D> = Tensor<(usize, usize, usize), E, D>;

/// Attention of `query` to `key` and `value`, maps of one shape `[B, C, H, W]`, within the windows of a partition; the window is
/// what `table` was made for. Head n has channels n C/heads .. (n + 1) C/heads.
///
/// In a window: softmax over j of (q_i . k_j / sqrt(C / heads) + table[head, offset of j from i]), times v_j. Where the window does
/// not divide the map, padded keys get no weight and padded queries are dropped.
///
/// # Panics
///
/// When the shapes differ, the heads do not divide the channels or the table has even sides.
pub fn window_attention<E: Scalar, D: AttentionKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    [query, key, value]: [&Map<E, D>; 3],
    table: &BiasTable<E, D>,
    partition: Partition,
) -> Map<E, D> {
    let (_, c, h, w) = *query.shape();
    let (heads, rows, columns) = *table.shape();
    assert!(query.shape() == key.shape() && key.shape() == value.shape(), "query, key and value have one shape");
    assert_eq!(c % heads, 0, "{heads} heads do not divide {c} channels");
    assert!(rows % 2 == 1 && columns % 2 == 1, "a bias table has odd sides, not {rows} x {columns}");
    let cut = Cut::new(partition, (rows.div_ceil(2), columns.div_ceil(2)), (h, w));
    D::window_attention(tape, [query, key, value], table, &cut)
}

/// The forms of [`window_attention`].
pub trait AttentionKernel<E: Scalar>: Device<E> {
    /// [`window_attention`] in given windows.
    fn window_attention<T: Tape<E, Self>>(
        tape: &mut T,
        maps: [&Map<E, Self>; 3],
        table: &BiasTable<E, Self>,
        cut: &Cut,
    ) -> Map<E, Self> {
        any_device(tape, maps, table, cut)
    }
}

/// For every query and key of a window the place of their offset in a head's table.
fn offsets(rows: usize, columns: usize) -> Vec<usize> {
    let (p, q) = (rows.div_ceil(2), columns.div_ceil(2));
    let tokens = p * q;
    (0..tokens * tokens)
        .map(|pair| {
            let (query, key) = (pair / tokens, pair % tokens);
            let row = key / q + p - 1 - query / q;
            let column = key % q + q - 1 - query % q;
            row * columns + column
        })
        .collect()
}

fn any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    [query, key, value]: [&Map<E, D>; 3],
    table: &BiasTable<E, D>,
    cut: &Cut,
) -> Map<E, D> {
    let device = query.device().clone();
    let (b, c, _, _) = *query.shape();
    let (heads, rows, columns) = *table.shape();
    let (n, l, width) = (b * cut.windows, cut.tokens, c / heads);
    let split = (n, l, heads, width);
    let all = (n, heads, l, l);
    let [q, k, v] = [query, key, value].map(|x| partition_on_any_device(tape, x, cut));
    // One map given twice has one identity; dfdx's products need two.
    let k = with(tape, &k, |k| k.reshape_like(&split).permute::<_, Axes4<0, 2, 3, 1>>() * E::ONE);
    let v = with(tape, &v, |v| v.reshape_like(&split).permute::<_, Axes4<0, 2, 1, 3>>() * E::ONE);
    let index = device.tensor_from_vec(offsets(rows, columns), (l * l,));
    let index = index.broadcast_like::<_, Axis<0>>(&(heads, l * l));
    let bias = with(tape, table, |t| {
        let picked: Tensor<(usize, usize), E, D, T> = t.reshape_like(&(heads, rows * columns)).gather(index);
        picked.reshape_like(&(heads, l, l)).broadcast_like::<_, Axis<0>>(&all)
    });
    let hidden = (0..n * l).map(|i| E::of(if cut.cells[i % cut.cells.len()] == NONE { -1e4 } else { 0.0 })).collect();
    let hidden = device.tensor_from_vec(hidden, (n, l)).broadcast_like::<_, Axes2<1, 2>>(&all);
    let mixed = with(tape, &q, |q| {
        let q = q.reshape_like(&split).permute::<_, Axes4<0, 2, 1, 3>>() * E::of(1.0 / (width as f64).sqrt());
        let weights = (q.matmul(k) + bias + hidden).softmax::<Axis<3>>();
        weights.matmul(v).permute::<_, Axes4<0, 2, 1, 3>>().reshape_like(&(n, l, c))
    });
    unpartition_on_any_device(tape, &mixed, cut)
}

impl<E: Scalar> AttentionKernel<E> for Cpu
where
    Self: Device<E>,
{
    fn window_attention<T: Tape<E, Self>>(
        tape: &mut T,
        [query, key, value]: [&Map<E, Self>; 3],
        table: &BiasTable<E, Self>,
        cut: &Cut,
    ) -> Map<E, Self> {
        let shape @ (_, c, h, w) = *query.shape();
        let (heads, rows, columns) = *table.shape();
        let (q, k, v, table) = (flat(tape, query), flat(tape, key), flat(tape, value), flat(tape, table));
        let windows = InWindows {
            cut: cut.clone(),
            channels: c,
            heads,
            plane: h * w,
            offsets: offsets(rows, columns),
            table: read(&table),
        };
        let y = windows.forward(&read(&q), &read(&k), &read(&v));
        let kept = (q.clone(), k.clone(), v.clone());
        record(tape, [&q, &k, &v, &table], shape, y, move |dy, gradients| {
            windows.backward([&read(&kept.0), &read(&kept.1), &read(&kept.2)], &dy, gradients);
        })
    }
}

/// Attention window by window. Within a window a head's part of a map is a matrix `[width, tokens]`.
struct InWindows<E> {
    cut: Cut,
    channels: usize,
    heads: usize,
    plane: usize,
    offsets: Vec<usize>,
    table: Vec<E>,
}

impl<E: Scalar> InWindows<E> {
    fn width(&self) -> usize {
        self.channels / self.heads
    }

    fn scale(&self) -> E {
        E::of(1.0 / (self.width() as f64).sqrt())
    }

    /// The pixels of window `i`, counted through the batch.
    fn cells(&self, i: usize) -> &[usize] {
        &self.cut.cells[i % self.cut.windows * self.cut.tokens..][..self.cut.tokens]
    }

    /// The part of `x` that head `head` sees in window `i`; zero in the padding.
    fn part(&self, x: &[E], i: usize, head: usize) -> Vec<E> {
        let first = i / self.cut.windows * self.channels + head * self.width();
        let mut part = vec![E::default(); self.width() * self.cut.tokens];
        let planes = x[first * self.plane..].chunks_exact(self.plane);
        for (row, plane) in part.chunks_exact_mut(self.cut.tokens).zip(planes) {
            for (value, cell) in row.iter_mut().zip(self.cells(i)) {
                if *cell != NONE {
                    *value = plane[*cell];
                }
            }
        }
        part
    }

    /// The weights `[query, key]` of head `head` in window `i`; 0 for padded queries and keys.
    fn weights(&self, q: &[E], k: &[E], i: usize, head: usize) -> Vec<E> {
        let (l, width, scale) = (self.cut.tokens, self.width(), self.scale());
        let mut weights = vec![E::default(); l * l];
        let (q, k) = (matrix(q, width, l), matrix(k, width, l));
        general_mat_mul(scale, &q.t(), &k, E::default(), &mut matrix_mut(&mut weights, l, l));
        let size = self.table.len() / self.heads;
        let (table, cells) = (&self.table[head * size..][..size], self.cells(i));
        let padded = cells.contains(&NONE);
        for ((row, offsets), cell) in weights.chunks_exact_mut(l).zip(self.offsets.chunks_exact(l)).zip(cells) {
            if *cell == NONE {
                row.fill(E::default());
                continue;
            }
            row.iter_mut().zip(offsets).for_each(|(w, o)| *w += table[*o]);
            if padded {
                row.iter_mut().zip(cells).filter(|(_, c)| **c == NONE).for_each(|(w, _)| *w = E::of(-1e30));
            }
            softmax(row);
        }
        weights
    }

    fn forward(&self, q: &[E], k: &[E], v: &[E]) -> Vec<E> {
        let (l, width) = (self.cut.tokens, self.width());
        let mut parts =
            vec![E::default(); q.len() / (self.channels * self.plane) * self.channels * self.cut.cells.len()];
        parts.par_chunks_exact_mut(self.channels * l).enumerate().for_each(|(i, parts)| {
            for (head, part) in parts.chunks_exact_mut(width * l).enumerate() {
                let weights = self.weights(&self.part(q, i, head), &self.part(k, i, head), i, head);
                let v = self.part(v, i, head);
                let (v, weights) = (matrix(&v, width, l), matrix(&weights, l, l));
                general_mat_mul(E::ONE, &v, &weights.t(), E::default(), &mut matrix_mut(part, width, l));
            }
        });
        let mut y = vec![E::default(); q.len()];
        self.add_planes(&parts, 1, 0, &mut y);
        y
    }

    /// Adds the gradients of query, key, value and table. The weights are computed again, which costs less than keeping them.
    fn backward(&self, [q, k, v]: [&[E]; 3], dy: &[E], [dq, dk, dv, dtable]: [&mut [E]; 4]) {
        let (l, width, scale) = (self.cut.tokens, self.width(), self.scale());
        let samples = q.len() / (self.channels * self.plane);
        // A window's gradients of query, key and value.
        let mut parts = vec![E::default(); 3 * samples * self.channels * self.cut.cells.len()];
        let of_table: Vec<Vec<E>> = parts
            .par_chunks_exact_mut(3 * self.channels * l)
            .enumerate()
            .map(|(i, parts)| {
                let mut of_table = vec![E::default(); self.table.len()];
                let (of_query, rest) = parts.split_at_mut(self.channels * l);
                let (of_key, of_value) = rest.split_at_mut(self.channels * l);
                let of_query = of_query.chunks_exact_mut(width * l);
                let heads = of_query.zip(of_key.chunks_exact_mut(width * l)).zip(of_value.chunks_exact_mut(width * l));
                let tables = of_table.chunks_exact_mut(self.table.len() / self.heads);
                for (head, (((dq, dk), dv), table)) in heads.zip(tables).enumerate() {
                    let [q, k, v, dy] = [q, k, v, dy].map(|x| self.part(x, i, head));
                    let weights = self.weights(&q, &k, i, head);
                    let [q, k, v, dy] = [&q, &k, &v, &dy].map(|x| matrix(x, width, l));
                    general_mat_mul(E::ONE, &dy, &matrix(&weights, l, l), E::default(), &mut matrix_mut(dv, width, l));
                    let mut d = vec![E::default(); l * l];
                    general_mat_mul(E::ONE, &dy.t(), &v, E::default(), &mut matrix_mut(&mut d, l, l));
                    for (d, weights) in d.chunks_exact_mut(l).zip(weights.chunks_exact(l)) {
                        let mean: E = d.iter().zip(weights).map(|(d, w)| *d * *w).sum();
                        d.iter_mut().zip(weights).for_each(|(d, w)| *d = *w * (*d - mean));
                    }
                    d.iter().zip(&self.offsets).for_each(|(d, o)| table[*o] += *d);
                    let d = matrix(&d, l, l);
                    general_mat_mul(scale, &k, &d.t(), E::default(), &mut matrix_mut(dq, width, l));
                    general_mat_mul(scale, &q, &d, E::default(), &mut matrix_mut(dk, width, l));
                }
                of_table
            })
            .collect();
        for part in of_table {
            dtable.iter_mut().zip(&part).for_each(|(d, p)| *d += *p);
        }
        for (which, gradient) in [dq, dk, dv].into_iter().enumerate() {
            self.add_planes(&parts, 3, which, gradient);
        }
    }

    /// Adds to the planes of `x` the parts of all windows, of which there are `count` kinds side by side, taking kind `which`.
    fn add_planes(&self, parts: &[E], count: usize, which: usize, x: &mut [E]) {
        let (c, l) = (self.channels, self.cut.tokens);
        let stride = count * c * l;
        let homes: Vec<usize> = self.cut.homes().into_iter().map(|home| home / l * stride + home % l).collect();
        x.par_chunks_exact_mut(self.plane).enumerate().for_each(|(i, x)| {
            let parts = &parts[i / c * self.cut.windows * stride + which * c * l + i % c * l..];
            x.iter_mut().zip(&homes).for_each(|(x, home)| *x += parts[*home]);
        });
    }
}

fn softmax<E: Scalar>(row: &mut [E]) {
    let largest = row.iter().copied().fold(row[0], Scalar::max);
    row.iter_mut().for_each(|v| *v = Scalar::exp(*v - largest));
    let share = E::ONE / row.iter().copied().sum();
    row.iter_mut().for_each(|v| *v *= share);
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, numbers, operation, shaped, values};
    use super::super::record::tensor;
    use super::*;
    use dfdx::tensor::NoneTape;

    operation!(
        Attention { x: [usize; 4], heads: usize, partition: Partition, window: (usize, usize), ours: bool },
        |this, tape, inputs| {
            let [b, c, h, w] = this.x;
            let [q, k, v] = [0, 1, 2].map(|i| shaped(&inputs[i], (b, c, h, w)));
            let (rows, columns) = (2 * this.window.0 - 1, 2 * this.window.1 - 1);
            let table = shaped(&inputs[3], (this.heads, rows, columns));
            let y = if this.ours {
                window_attention(tape, [&q, &k, &v], &table, this.partition)
            } else {
                any_device(tape, [&q, &k, &v], &table, &Cut::new(this.partition, this.window, (h, w)))
            };
            flat(tape, &y)
        }
    );

    fn cases() -> Vec<(Attention, Vec<Vec<f64>>)> {
        let mut cases = Vec::new();
        for (x, heads, window) in [([2, 4, 4, 6], 2, (2, 3)), ([1, 6, 5, 7], 3, (3, 3)), ([1, 2, 3, 2], 1, (4, 2))] {
            for partition in [Partition::Block, Partition::Grid] {
                let table = heads * (2 * window.0 - 1) * (2 * window.1 - 1);
                let mut inputs: Vec<_> = (1..4).map(|seed| values(seed, x.iter().product())).collect();
                inputs.push(values(4, table));
                cases.push((Attention { x, heads, partition, window, ours: true }, inputs));
            }
        }
        cases
    }

    /// The definition in dss.md 6.2, pixel by pixel.
    fn by_loop(case: &Attention, inputs: &[Vec<f64>]) -> Vec<f64> {
        let ([b, c, h, w], (p, q)) = (case.x, case.window);
        let (down, across, width) = (h.div_ceil(p), w.div_ceil(q), c / case.heads);
        // Window and token of a pixel.
        let place = |y: usize, x: usize| match case.partition {
            Partition::Block => ((y / p, x / q), (y % p, x % q)),
            Partition::Grid => ((y % down, x % across), (y / down, x / across)),
        };
        let pixels: Vec<(usize, usize)> = (0..h).flat_map(|y| (0..w).map(move |x| (y, x))).collect();
        let mut out = vec![0.0; b * c * h * w];
        for (n, head) in (0..b).flat_map(|n| (0..case.heads).map(move |m| (n, m))) {
            let at = |which: usize, d: usize, (y, x): (usize, usize)| {
                inputs[which][((n * c + head * width + d) * h + y) * w + x]
            };
            for &i in &pixels {
                let (window, (r, s)) = place(i.0, i.1);
                let keys: Vec<_> = pixels.iter().filter(|j| place(j.0, j.1).0 == window).collect();
                let logit = |j: (usize, usize)| {
                    let (_, (x, y)) = place(j.0, j.1);
                    let dot: f64 = (0..width).map(|d| at(0, d, i) * at(1, d, j)).sum();
                    let table = (head * (2 * p - 1) + x + p - 1 - r) * (2 * q - 1) + y + q - 1 - s;
                    dot / (width as f64).sqrt() + inputs[3][table]
                };
                let total: f64 = keys.iter().map(|j| logit(**j).exp()).sum();
                for d in 0..width {
                    out[((n * c + head * width + d) * h + i.0) * w + i.1] =
                        keys.iter().map(|j| logit(**j).exp() / total * at(2, d, **j)).sum();
                }
            }
        }
        out
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
            agree::<f64>(&case, &Attention { ours: false, ..case }, &inputs, 1e-11);
        }
    }

    #[test]
    fn a_map_attends_to_itself() {
        let x = tensor((1, 2, 2, 2), values(1, 8));
        let table = tensor((1, 3, 3), values(2, 9));
        let y = window_attention(&mut NoneTape, [&x, &x, &x], &table, Partition::Block);
        let case = Attention { x: [1, 2, 2, 2], heads: 1, partition: Partition::Block, window: (2, 2), ours: true };
        let expected = by_loop(&case, &[values(1, 8), values(1, 8), values(1, 8), values(2, 9)]);
        assert!(numbers(&y).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
