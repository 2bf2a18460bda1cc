//! Attention on the processor, window by window.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, NoneTape};
use dfdx::tensor_ops::Device;
use rayon::prelude::*;

use super::super::Scalar;
use super::super::buffer::{Buffer, unwritten};
use super::super::matmul::{Accum, matrix, matrix_mut};
use super::super::partition::{Cut, NONE};
use super::super::record::{flat, read};
use super::super::sum::{largest, sum, sum_of_pairs};
use super::{BiasTable, offsets};
use crate::wide::wide;

/// Windows of one head that a thread takes at a time.
const GROUP: usize = 8;

/// How query, key and value lie in memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// Each in a map of its own.
    Apart,
    /// One after the other in the channels of one map.
    Packed,
}

/// Attention window by window. Within a window a head's part of a map is a matrix `[width, tokens]`.
pub(super) struct InWindows<E> {
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
    pub(super) fn new(cut: &Cut, layout: Layout, (channels, plane): (usize, usize), table: &BiasTable<E, Cpu>) -> Self
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

    pub(super) fn forward(&self, maps: [&[E]; 3]) -> Vec<E> {
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
        let mut y = unwritten(values);
        self.each_plane(&parts, 1, &mut y, |plane| (0, plane), |y, part| *y = part);
        y
    }

    /// The gradients of query, key and value, of every head and window side by side; adds that of the table. The weights are
    /// computed again, which costs less than keeping them.
    pub(super) fn backward(&self, maps: [&[E]; 3], dy: &[E], dtable: &mut [E]) -> Buffer<E> {
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
    pub(super) fn add_to_planes(
        &self,
        parts: &[E],
        count: usize,
        x: &mut [E],
        source: impl Fn(usize) -> (usize, usize) + Sync,
    ) {
        self.each_plane(parts, count, x, source, |x, part| *x += part);
    }

    /// Hands every pixel of `x` to `take` with its part.
    fn each_plane(
        &self,
        parts: &[E],
        count: usize,
        x: &mut [E],
        source: impl Fn(usize) -> (usize, usize) + Sync,
        take: impl Fn(&mut E, E) + Sync,
    ) {
        let (l, width, size) = (self.cut.tokens, self.width(), self.size());
        let homes: Vec<usize> = self.cut.homes().into_iter().map(|home| home / l * count * size + home % l).collect();
        x.par_chunks_exact_mut(self.plane).enumerate().for_each(|(i, x)| {
            let (kind, plane) = source(i);
            let parts = &parts[plane / width * self.cut.windows * count * size + kind * size + plane % width * l..];
            x.iter_mut().zip(&homes).for_each(|(x, home)| take(x, parts[*home]));
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
