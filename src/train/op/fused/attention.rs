//! Attention within windows: products of cuBLAS, and kernels for what lies between them.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, Tape, Tensor};
use dfdx::tensor_ops::Device;

use super::super::attention::{AttentionKernel, BiasTable};
use super::super::constant::constant;
use super::super::partition::{Cut, Partition};
use super::super::record::flat;
use super::super::{Map, Vector};
use super::gpu::{At, Factor, Gpu, Numbers, Real, Room, zeros};
use super::grid::{Grid, int};
use super::record::record;

/// Blocks that share the values of a window.
const ROWS: usize = 4;

/// Key of the constant `Cut::cells`.
#[derive(PartialEq, Eq, Hash)]
struct Cells((Partition, (usize, usize), (usize, usize)));

/// The part of a map with query, key or value: the map, how many kinds it has, and which is meant.
#[derive(Clone, Copy)]
struct Kind<E> {
    map: At<E>,
    kinds: usize,
    kind: usize,
}

impl<E: Copy> Kind<E> {
    /// All of a map.
    fn all(map: At<E>) -> Self {
        Self { map, kinds: 1, kind: 0 }
    }

    /// Query, key and value of one map.
    fn packed(map: At<E>) -> [Self; 3] {
        [0, 1, 2].map(|kind| Self { map, kinds: 3, kind })
    }
}

/// An attention of given size.
struct Attention {
    gpu: Gpu,
    cells: Tensor<(usize,), usize, Cuda>,
    samples: usize,
    heads: usize,
    width: usize,
    windows: usize,
    tokens: usize,
    plane: usize,
    /// Rows and columns of a head's table.
    table: (usize, usize),
}

impl Attention {
    fn new<E: Real>(
        x: &Vector<E, Cuda>,
        (samples, channels, plane): (usize, usize, usize),
        table: &BiasTable<E, Cuda>,
        cut: &Cut,
    ) -> Self {
        let (heads, rows, columns) = *table.shape();
        let cells = constant(x.device(), Cells(cut.geometry()), (cut.cells.len(),), || cut.cells.clone());
        Self {
            gpu: Gpu::of(x),
            cells,
            samples,
            heads,
            width: channels / heads,
            windows: cut.windows,
            tokens: cut.tokens,
            plane,
            table: (rows, columns),
        }
    }

    /// Windows of all heads.
    fn batch(&self) -> usize {
        self.samples * self.heads * self.windows
    }

    /// Values of a window's tokens.
    fn size(&self) -> usize {
        self.width * self.tokens
    }

    fn scale<E: Real>(&self) -> E {
        E::of(1.0 / (self.width as f64).sqrt())
    }

    fn room<E: Real>(&self) -> Room<E> {
        self.gpu.room(self.batch() * self.size())
    }

    fn between<E: Real>(&self, kernel: &str, from: At<E>, to: At<E>, of: Kind<E>) {
        let sizes = Numbers::of([self.heads, self.width, self.windows, self.tokens, self.plane]);
        let parameters = (from, At::of(&self.cells), to, int(of.kinds), int(of.kind), sizes);
        self.gpu.launch::<E, _>(kernel, Grid::parts(self.batch(), ROWS), parameters);
    }

    /// The tokens of a map.
    fn take<E: Real>(&self, of: Kind<E>) -> Room<E> {
        let tokens = self.room();
        self.between("take_tokens", of.map, tokens.at(), of);
        tokens
    }

    /// Adds tokens to a map.
    fn add<E: Real>(&self, tokens: &Room<E>, to: Kind<E>) {
        self.between("add_tokens", tokens.at(), to.map, to);
    }

    /// For every window a product of `[m, k]` and `[k, n]`.
    fn product<E: Real>(&self, sizes: [usize; 3], a: Factor<E>, b: Factor<E>, scale: E, to: At<E>) {
        self.gpu.products(self.batch(), sizes, (a, b), (scale, E::default()), to);
    }

    /// Adds the mixed values to `y` and returns the weights `[query, key]` of every window.
    fn forward<E: Real>(&self, maps: [Kind<E>; 3], table: At<E>, y: At<E>) -> Room<E> {
        let (l, width, size) = (self.tokens, self.width, self.size());
        let [q, k, v] = maps.map(|map| self.take(map));
        let weights = self.gpu.room(self.batch() * l * l);
        let of_weights = weights.at();
        self.product(
            [l, l, width],
            Factor::turned(q.at(), size),
            Factor::plain(k.at(), size),
            self.scale(),
            of_weights,
        );
        let (heads, windows, (rows, columns)) = (int(self.heads), int(self.windows), self.table);
        let cells = At::of(&self.cells);
        let parameters = (of_weights, table, cells, heads, windows, int(l), int(rows), int(columns));
        self.gpu.launch::<E, _>("softmax", Grid::rows(self.batch() * l, l), parameters);
        // The queries' tokens are needed no more.
        let mixed = q;
        self.product([width, l, l], Factor::plain(v.at(), size), Factor::turned(of_weights, l * l), E::ONE, mixed.at());
        self.add(&mixed, Kind::all(y));
        weights
    }

    fn backward<E: Real>(&self, maps: [Kind<E>; 3], weights: At<E>, dy: At<E>, to: [Kind<E>; 3], dtable: At<E>) {
        let (l, width, size, pairs) = (self.tokens, self.width, self.size(), self.tokens * self.tokens);
        let [q, k, v] = maps.map(|map| self.take(map));
        let dy = self.take(Kind::all(dy));
        let part = self.room();
        let plain = |room: &Room<E>| Factor::plain(room.at(), size);
        self.product([width, l, l], plain(&dy), Factor::plain(weights, pairs), E::ONE, part.at());
        self.add(&part, to[2]);
        let scores = self.gpu.room(self.batch() * pairs);
        self.product([l, l, width], Factor::turned(dy.at(), size), plain(&v), E::ONE, scores.at());
        let rows = Grid::rows(self.batch() * l, l);
        self.gpu.launch::<E, _>("softmax_back", rows, (weights, scores.at(), int(l)));
        let n = self.heads * pairs;
        let (samples, heads, windows) = (int(self.samples), int(self.heads), int(self.windows));
        let table = (int(self.table.0), int(self.table.1));
        let parameters = (scores.at(), dtable, int(n), samples, heads, windows, int(l), table.0, table.1);
        self.gpu.launch::<E, _>("table_back", Grid::over(n), parameters);
        self.product([width, l, l], plain(&k), Factor::turned(scores.at(), pairs), self.scale(), part.at());
        self.add(&part, to[0]);
        self.product([width, l, l], plain(&q), Factor::plain(scores.at(), pairs), self.scale(), part.at());
        self.add(&part, to[1]);
    }
}

impl<E: Real> AttentionKernel<E> for Cuda
where
    Self: Device<E>,
{
    fn window_attention<T: Tape<E, Self>>(
        tape: &mut T,
        maps: [&Map<E, Self>; 3],
        table: &BiasTable<E, Self>,
        cut: &Cut,
    ) -> Map<E, Self> {
        let shape @ (b, c, h, w) = *maps[0].shape();
        let [q, k, v] = maps.map(|map| flat(tape, map));
        let attention = Attention::new(&q, (b, c, h * w), table, cut);
        let (table, y) = (flat(tape, table), zeros(q.device(), &shape));
        let maps = [q.clone(), k.clone(), v.clone()];
        let weights = attention.forward(maps.each_ref().map(|x| Kind::all(At::of(x))), At::of(&table), At::of(&y));
        record(tape, [&q, &k, &v, &table], &y, move |_, dy, [dq, dk, dv, dtable]| {
            let from = maps.each_ref().map(|x| Kind::all(At::of(x)));
            attention.backward(from, weights.at(), dy, [dq, dk, dv].map(Kind::all), dtable);
        });
        y
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
        let attention = Attention::new(&qkv, (b, c, h * w), table, cut);
        let (table, y) = (flat(tape, table), zeros(qkv.device(), &(b, c, h, w)));
        let weights = attention.forward(Kind::packed(At::of(&qkv)), At::of(&table), At::of(&y));
        let map = qkv.clone();
        record(tape, [&qkv, &table], &y, move |_, dy, [dqkv, dtable]| {
            let (from, to) = (Kind::packed(At::of(&map)), Kind::packed(dqkv));
            attention.backward(from, weights.at(), dy, to, dtable);
        });
        y
    }
}
