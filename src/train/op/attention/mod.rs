//! Attention: of many heads within windows, with relative position bias; of a pixel among embeddings of itself.

mod embeddings;
mod windows;

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape};
use dfdx::tensor::{Cpu, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, Device, GatherTo, PermuteTo, ReshapeTo, TryMatMul};

pub use self::embeddings::{EmbeddingKernel, embedding_attention};
use self::windows::{InWindows, Layout};
use super::constant::constant;
use super::partition::{Cut, NONE, Partition, Tokens, partition_on_any_device, unpartition_on_any_device};
use super::record::{flat, read, record, with};
use super::{Map, Matrix, Scalar};

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

/// Key of the constant [`offsets`].
#[derive(PartialEq, Eq, Hash)]
struct Offsets {
    rows: usize,
    columns: usize,
}

/// Key of the constant that hides the padded keys of a cut.
#[derive(PartialEq, Eq, Hash)]
struct Hidden((Partition, (usize, usize), (usize, usize)));

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
    let shape @ (b, c, h, w) = *query.shape();
    let (heads, rows, columns) = *table.shape();
    let (l, width) = (cut.tokens, c / heads);
    // Heads are like samples, each with its own maps. Of products with more than one batch axis dfdx asks a GPU one by one.
    let split = (b * heads, width, h, w);
    let batch = b * heads * cut.windows;
    let [q, k, v] = [query, key, value].map(|x| {
        let maps = with(tape, x, |x| x.reshape_like(&split));
        partition_on_any_device(tape, &maps, cut)
    });
    let k = with(tape, &k, |k| (k * E::of(1.0 / (width as f64).sqrt())).permute::<_, Axes3<0, 2, 1>>());
    let index = constant(&device, Offsets { rows, columns }, (l * l,), || offsets(rows, columns));
    let index = index.broadcast_like::<_, Axis<0>>(&(heads, l * l));
    let bias = with(tape, table, |t| {
        let picked: Tensor<(usize, usize), E, D, T> = t.reshape_like(&(heads, rows * columns)).gather(index);
        picked.broadcast_like::<_, Axes2<0, 2>>(&(b, heads, cut.windows, l * l))
    });
    let scores = with(tape, &q, |q| q.matmul(k));
    let scores = scores.reshape_like(bias.shape());
    let mut scores = with(tape, &bias, |bias| (bias + scores).reshape_like(&(batch, l, l)));
    if let Some(hidden) = hidden(&device, b * heads, cut) {
        // A constant, added beside the tape: recorded, it would cost as much as the bias.
        scores.axpy(1.0, &hidden, 1.0);
    }
    let weights = with(tape, &scores, |scores| scores.softmax::<Axis<2>>());
    let mixed = with(tape, &weights, |weights| weights.matmul(v));
    let maps = unpartition_on_any_device(tape, &mixed, cut);
    with(tape, &maps, |maps| maps.reshape_like(&shape))
}

/// What hides padded keys from every query of `n` maps, where there are any.
fn hidden<E: Scalar, D: Device<E>>(device: &D, n: usize, cut: &Cut) -> Option<Tokens<E, D>> {
    let (windows, l) = (cut.windows, cut.tokens);
    if !cut.cells.contains(&NONE) {
        return None;
    }
    let values = || cut.cells.iter().map(|cell| E::of(if *cell == NONE { -1e4 } else { 0.0 })).collect();
    let keys: Matrix<E, D> = constant(device, Hidden(cut.geometry()), (windows, l), values);
    Some(keys.broadcast_like::<_, Axes2<0, 2>>(&(n, windows, l, l)).reshape_like(&(n * windows, l, l)))
}

fn packed_on_any_device<E: Scalar, D: Device<E>, T: Tape<E, D>>(
    tape: &mut T,
    qkv: &Map<E, D>,
    table: &BiasTable<E, D>,
    cut: &Cut,
) -> Map<E, D> {
    let (b, wide, h, w) = *qkv.shape();
    let c = wide / 3;
    let [q, k, v] = [0, 1, 2].map(|i| with(tape, qkv, |x| x.slice((0..b, i * c..(i + 1) * c, 0..h, 0..w))));
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
                windows.add_to_planes(&parts, 3, gradient, |plane| (kind, plane));
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
            windows.add_to_planes(&parts, 3, dqkv, |plane| (plane % wide / c, plane / wide * c + plane % c));
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, equals_loop, finite_differences, numbers, operation, shaped, tensor, values};
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
