//! Multi-head attention within windows, with relative position bias.

use dfdx::shapes::{Axes2, Axes4, Axis, HasShape};
use dfdx::tensor::{Cpu, NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, GatherTo, PermuteTo, ReshapeTo, TryMatMul};
use rayon::prelude::*;

use super::buffer::{Buffer, zeros};
use super::join;
use super::matmul::{Accum, matrix, matrix_mut};
use super::partition::{Cut, NONE, Partition, partition_on_any_device, unpartition_on_any_device};
use super::record::{flat, read, record, with};
use super::sum::{largest, sum, sum_of_pairs};
use super::{Map, Scalar};
use crate::wide::wide;

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
    let heads = table.shape().0;
    assert!(query.shape() == key.shape() && key.shape() == value.shape(), "query, key and value have one shape");
    assert_eq!(c % heads, 0, "{heads} heads do not divide {c} channels");
    let cut = cut_for(table, partition, (h, w));
    D::window_attention(tape, [query, key, value], table, &cut)
}

/// As [`window_attention`] with query, key and value in one map `[B, 3 C, H, W]`, one after the other.
///
/// # Panics
///
/// When three times the heads do not divide the channels or the table has even sides.
pub fn window_self_attention<E: Scalar, D: AttentionKernel<E>, T: Tape<E, D>>(
    tape: &mut T,
    qkv: &Map<E, D>,
    table: &BiasTable<E, D>,
    partition: Partition,
) -> Map<E, D> {
    let (_, c, h, w) = *qkv.shape();
    let heads = table.shape().0;
    assert_eq!(c % (3 * heads), 0, "{heads} heads do not divide a third of {c} channels");
    let cut = cut_for(table, partition, (h, w));
    D::window_self_attention(tape, qkv, table, &cut)
}

/// A map of `size` cut into the windows that `table` was made for.
fn cut_for<E: Scalar, D: Device<E>>(table: &BiasTable<E, D>, partition: Partition, size: (usize, usize)) -> Cut {
    let (_, rows, columns) = *table.shape();
    assert!(rows % 2 == 1 && columns % 2 == 1, "a bias table has odd sides, not {rows} x {columns}");
    Cut::new(partition, (rows.div_ceil(2), columns.div_ceil(2)), size)
}

/// The forms of [`window_attention`] and [`window_self_attention`].
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

    /// [`window_self_attention`] in given windows.
    fn window_self_attention<T: Tape<E, Self>>(
        tape: &mut T,
        qkv: &Map<E, Self>,
        table: &BiasTable<E, Self>,
        cut: &Cut,
    ) -> Map<E, Self> {
        packed_on_any_device(tape, qkv, table, cut)
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

fn packed_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    qkv: &Map<E, D>,
    table: &BiasTable<E, D>,
    cut: &Cut,
) -> Map<E, D> {
    let c = qkv.shape().1 / 3;
    let [q, k, v] = [0, 1, 2].map(|i| join::any_device::take_channels(tape, qkv, i * c, c));
    any_device(tape, [&q, &k, &v], table, cut)
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
        let (q, k, v) = (flat(tape, query), flat(tape, key), flat(tape, value));
        let windows = InWindows::new(cut, Layout::Apart, (c, h * w), table);
        let table = flat(tape, table);
        let maps = [read(&q), read(&k), read(&v)];
        let y = windows.forward(maps.each_ref().map(|map| &**map));
        record(tape, [&q, &k, &v, &table], shape, y, move |dy, [dq, dk, dv, dtable]| {
            let parts = windows.backward(maps.each_ref().map(|map| &**map), dy, dtable);
            for (kind, gradient) in [dq, dk, dv].into_iter().enumerate() {
                windows.add_planes(&parts, 3, gradient, |plane| (kind, plane));
            }
        })
    }

    fn window_self_attention<T: Tape<E, Self>>(
        tape: &mut T,
        qkv: &Map<E, Self>,
        table: &BiasTable<E, Self>,
        cut: &Cut,
    ) -> Map<E, Self> {
        let (b, wide, h, w) = *qkv.shape();
        let c = wide / 3;
        let qkv = flat(tape, qkv);
        let windows = InWindows::new(cut, Layout::Packed, (c, h * w), table);
        let table = flat(tape, table);
        let map = read(&qkv);
        let y = windows.forward([&map; 3]);
        record(tape, [&qkv, &table], (b, c, h, w), y, move |dy, [dqkv, dtable]| {
            let parts = windows.backward([&map; 3], dy, dtable);
            windows.add_planes(&parts, 3, dqkv, |plane| (plane % wide / c, plane / wide * c + plane % c));
        })
    }
}

/// Windows of one head that a thread takes at a time.
const GROUP: usize = 8;

/// How query, key and value lie in memory.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// Each in a map of its own.
    Apart,
    /// One after the other in the channels of one map.
    Packed,
}

/// Attention window by window. Within a window a head's part of a map is a matrix `[width, tokens]`.
struct InWindows<E> {
    cut: Cut,
    layout: Layout,
    channels: usize,
    heads: usize,
    plane: usize,
    /// Place in a head's table for every query and key.
    offsets: Vec<usize>,
    /// Bias of every head for every query and key.
    bias: Vec<E>,
}

impl<E: Scalar> InWindows<E> {
    fn new(cut: &Cut, layout: Layout, (channels, plane): (usize, usize), table: &BiasTable<E, Cpu>) -> Self
    where
        Cpu: Device<E>,
    {
        let (heads, rows, columns) = *table.shape();
        let offsets = offsets(rows, columns);
        let table = read(&flat(&mut NoneTape, table));
        let tables = table.chunks_exact(rows * columns);
        let bias = tables.flat_map(|table| offsets.iter().map(|o| table[*o])).collect();
        Self { cut: cut.clone(), layout, channels, heads, plane, offsets, bias }
    }

    fn width(&self) -> usize {
        self.channels / self.heads
    }

    fn scale(&self) -> E {
        E::of(1.0 / (self.width() as f64).sqrt())
    }

    /// Values of a head's part of a window.
    fn size(&self) -> usize {
        self.width() * self.cut.tokens
    }

    /// The pixels of a window.
    fn cells(&self, window: usize) -> &[usize] {
        &self.cut.cells[window * self.cut.tokens..][..self.cut.tokens]
    }

    /// The planes of a head (those of all samples counted together) in the map of query (kind 0), key (1) or value (2).
    fn planes<'a>(&self, maps: [&'a [E]; 3], kind: usize, head: usize) -> &'a [E] {
        let sample = head / self.heads;
        let before = match self.layout {
            Layout::Apart => sample,
            Layout::Packed => 3 * sample + kind,
        };
        self.planes_of(maps[kind], before * self.heads + head % self.heads)
    }

    /// The planes of a head in a map that has nothing but heads.
    fn planes_of<'a>(&self, x: &'a [E], head: usize) -> &'a [E] {
        let length = self.width() * self.plane;
        &x[head * length..][..length]
    }

    /// Copies into `part` what a window shows of a head's planes; zero in the padding.
    fn take(&self, planes: &[E], window: usize, part: &mut [E]) {
        let cells = self.cells(window);
        for (row, plane) in part.chunks_exact_mut(self.cut.tokens).zip(planes.chunks_exact(self.plane)) {
            for (value, cell) in row.iter_mut().zip(cells) {
                // The padding lies beyond every plane.
                *value = plane.get(*cell).copied().unwrap_or_default();
            }
        }
    }

    /// The weights `[query, key]` of a head in a window; 0 for padded queries and keys.
    fn weigh(&self, q: &[E], k: &[E], head: usize, window: usize, weights: &mut [E]) {
        let (l, width) = (self.cut.tokens, self.width());
        let (q, k) = (matrix(q, width, l), matrix(k, width, l));
        E::product(matrix_mut(weights, l, l), Accum::Replace, q.transpose(), k, self.scale());
        let (bias, cells) = (&self.bias[head % self.heads * l * l..], self.cells(window));
        let padded = cells.contains(&NONE);
        wide(
            #[inline(always)]
            || {
                for ((row, bias), cell) in weights.chunks_exact_mut(l).zip(bias.chunks_exact(l)).zip(cells) {
                    if *cell == NONE {
                        row.fill(E::default());
                        continue;
                    }
                    row.iter_mut().zip(bias).for_each(|(w, b)| *w += *b);
                    if padded {
                        row.iter_mut().zip(cells).filter(|(_, c)| **c == NONE).for_each(|(w, _)| *w = E::of(-1e30));
                    }
                    softmax(row);
                }
            },
        );
    }

    fn forward(&self, maps: [&[E]; 3]) -> Vec<E> {
        let (l, width, size) = (self.cut.tokens, self.width(), self.size());
        let values = match self.layout {
            Layout::Apart => maps[0].len(),
            Layout::Packed => maps[0].len() / 3,
        };
        let mut parts = Buffer::unwritten(values / (width * self.plane) * self.cut.windows * size);
        parts.par_chunks_exact_mut(self.cut.windows * size).enumerate().for_each(|(head, parts)| {
            parts.par_chunks_mut(GROUP * size).enumerate().for_each(|(group, parts)| {
                let mut taken = [(); 3].map(|()| vec![E::default(); size]);
                let mut weights = vec![E::default(); l * l];
                for (window, part) in (group * GROUP..).zip(parts.chunks_exact_mut(size)) {
                    for (kind, taken) in taken.iter_mut().enumerate() {
                        self.take(self.planes(maps, kind, head), window, taken);
                    }
                    self.weigh(&taken[0], &taken[1], head, window, &mut weights);
                    let (v, weights) = (matrix(&taken[2], width, l), matrix(&weights, l, l));
                    E::product(matrix_mut(part, width, l), Accum::Replace, v, weights.transpose(), E::ONE);
                }
            });
        });
        let mut y = zeros(values);
        self.add_planes(&parts, 1, &mut y, |plane| (0, plane));
        y
    }

    /// The gradients of query, key and value, of every head and window side by side; adds that of the table. The weights are
    /// computed again, which costs less than keeping them.
    fn backward(&self, maps: [&[E]; 3], dy: &[E], dtable: &mut [E]) -> Buffer<E> {
        let size = self.size();
        let mut parts = Buffer::unwritten(3 * dy.len() / (self.width() * self.plane) * self.cut.windows * size);
        let of_bias: Vec<Vec<Vec<E>>> = parts
            .par_chunks_exact_mut(3 * self.cut.windows * size)
            .enumerate()
            .map(|(head, parts)| {
                let groups = parts.par_chunks_mut(3 * GROUP * size).enumerate();
                groups.map(|(group, parts)| self.back(maps, dy, head, group * GROUP, parts)).collect()
            })
            .collect();
        let table = dtable.len() / self.heads;
        for (head, of_bias) in of_bias.into_iter().enumerate() {
            let dtable = &mut dtable[head % self.heads * table..][..table];
            for part in of_bias {
                part.iter().zip(&self.offsets).for_each(|(d, o)| dtable[*o] += *d);
            }
        }
        parts
    }

    /// The gradients of query, key and value of a head in the windows from `first` on; returns that of the bias.
    fn back(&self, maps: [&[E]; 3], dy: &[E], head: usize, first: usize, parts: &mut [E]) -> Vec<E> {
        let (l, width, size, scale) = (self.cut.tokens, self.width(), self.size(), self.scale());
        let mut taken = [(); 4].map(|()| vec![E::default(); size]);
        let (mut weights, mut d) = (vec![E::default(); l * l], vec![E::default(); l * l]);
        let mut of_bias = vec![E::default(); l * l];
        let planes = [0, 1, 2].map(|kind| self.planes(maps, kind, head));
        let planes = [planes[0], planes[1], planes[2], self.planes_of(dy, head)];
        for (window, parts) in (first..).zip(parts.chunks_exact_mut(3 * size)) {
            for (taken, planes) in taken.iter_mut().zip(planes) {
                self.take(planes, window, taken);
            }
            self.weigh(&taken[0], &taken[1], head, window, &mut weights);
            let [q, k, v, dy] = taken.each_ref().map(|x| matrix(x, width, l));
            E::product(matrix_mut(&mut d, l, l), Accum::Replace, dy.transpose(), v, E::ONE);
            wide(
                #[inline(always)]
                || {
                    for (d, weights) in d.chunks_exact_mut(l).zip(weights.chunks_exact(l)) {
                        let mean = E::of(sum_of_pairs(d, weights, |d, w| d * w));
                        d.iter_mut().zip(weights).for_each(|(d, w)| *d = *w * (*d - mean));
                    }
                    of_bias.iter_mut().zip(&d).for_each(|(sum, d)| *sum += *d);
                },
            );
            let (weights, d) = (matrix(&weights, l, l), matrix(&d, l, l));
            let (of_query, rest) = parts.split_at_mut(size);
            let (of_key, of_value) = rest.split_at_mut(size);
            E::product(matrix_mut(of_query, width, l), Accum::Replace, k, d.transpose(), scale);
            E::product(matrix_mut(of_key, width, l), Accum::Replace, q, d, scale);
            E::product(matrix_mut(of_value, width, l), Accum::Replace, dy, weights, E::ONE);
        }
        of_bias
    }

    /// Adds to the planes of `x` the parts of all heads and windows, of which there are `count` kinds side by side; `source` says
    /// the kind of a plane and its number among the planes of that kind.
    fn add_planes(&self, parts: &[E], count: usize, x: &mut [E], source: impl Fn(usize) -> (usize, usize) + Sync) {
        let (l, width, size) = (self.cut.tokens, self.width(), self.size());
        let homes: Vec<usize> = self.cut.homes().into_iter().map(|home| home / l * count * size + home % l).collect();
        x.par_chunks_exact_mut(self.plane).enumerate().for_each(|(i, x)| {
            let (kind, plane) = source(i);
            let parts = &parts[plane / width * self.cut.windows * count * size + kind * size + plane % width * l..];
            x.iter_mut().zip(&homes).for_each(|(x, home)| *x += parts[*home]);
        });
    }
}

#[inline(always)]
fn softmax<E: Scalar>(row: &mut [E]) {
    let largest = largest(row);
    for v in row.iter_mut() {
        *v = Scalar::exp(*v - largest);
    }
    let share = E::ONE / E::of(sum(row, |v| v));
    for v in row.iter_mut() {
        *v *= share;
    }
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

    operation!(Packed { apart: Attention, ours: bool }, |this, tape, inputs| {
        let ([b, c, h, w], (p, q)) = (this.apart.x, this.apart.window);
        let qkv = shaped(&inputs[0], (b, 3 * c, h, w));
        let table = shaped(&inputs[1], (this.apart.heads, 2 * p - 1, 2 * q - 1));
        let y = if this.ours {
            window_self_attention(tape, &qkv, &table, this.apart.partition)
        } else {
            packed_on_any_device(tape, &qkv, &table, &Cut::new(this.apart.partition, (p, q), (h, w)))
        };
        flat(tape, &y)
    });

    /// The same inputs with query, key and value of every sample in one map.
    fn packed((case, inputs): (Attention, Vec<Vec<f64>>)) -> (Packed, Vec<Vec<f64>>) {
        let sample = inputs[0].len() / case.x[0];
        let samples = (0..case.x[0]).flat_map(|n| inputs[..3].iter().map(move |x| &x[n * sample..][..sample]));
        let qkv = samples.flatten().copied().collect();
        (Packed { apart: case, ours: true }, vec![qkv, inputs[3].clone()])
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
            let (case, inputs) = packed((case, inputs));
            finite_differences(&case, &inputs);
        }
    }

    #[test]
    fn results_agree_with_a_plain_loop() {
        for (case, inputs) in cases() {
            let expected = by_loop(&case, &inputs);
            equals_loop(&case, &inputs, &expected);
            let (case, inputs) = packed((case, inputs));
            equals_loop(&case, &inputs, &expected);
        }
    }

    #[test]
    fn both_forms_agree() {
        for (case, inputs) in cases() {
            agree::<f64>(&case, &Attention { ours: false, ..case }, &inputs, 1e-11);
            let (case, inputs) = packed((case, inputs));
            agree::<f64>(&case, &Packed { ours: false, ..case }, &inputs, 1e-11);
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
