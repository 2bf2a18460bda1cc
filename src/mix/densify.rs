//! A dense copy of sparse depth, for deciding what is near and used for nothing else.

use super::components::Components;
use super::components::Neighbours::Four;
use super::nearest::{Arcs, NONE, nearest};
use crate::sample::{Depth, IGNORE, Semantics, Size};

/// Fewer measurements than this say too little about a picture.
pub(super) const LEAST_MEASUREMENTS: usize = 200;

/// Rows that must hold [`LEAST_IN_WINDOW`] measurements for the first of them to count as the upper end of the depth.
const WINDOW_ROWS: usize = 5;
const LEAST_IN_WINDOW: usize = 3;

/// How far a measurement of the same class is preferred to a nearer one of another, in pixels.
const CLASS_REACH: usize = 25;

/// Metres of every pixel, row after row; infinity where nothing says how far it is (sky).
///
/// From the first row with measurements on, a pixel takes the nearest measurement of its own class within 25 pixels,
/// else the nearest of all; above it, the nearest of its own connected region if that reaches down to the
/// measurements, and infinity else, as always for `sky`. `None` when there are fewer than 200 measurements.
pub(super) fn densify(depth: &Depth, semantics: Option<&Semantics>, sky: Option<u8>) -> Option<Vec<f32>> {
    let size = depth.size();
    let metres = depth.metres();
    let metres = metres.as_slice()?;
    let n_valid = metres.iter().filter(|&&m| m > 0.0).count();
    if n_valid < LEAST_MEASUREMENTS {
        return None;
    }
    if n_valid == metres.len() {
        return Some(metres.to_vec());
    }
    let top = first_row(metres, size);
    let mut nearest = nearest(size, |i| metres[i] > 0.0);
    let split = top * size.width;
    let labels = semantics.map(Semantics::values);
    if let Some(labels) = labels.as_ref().and_then(|l| l.as_slice()) {
        let scene = Scene { size, metres, labels };
        scene.prefer_same_class(top, &mut nearest);
        scene.follow_regions(top, sky, &mut nearest);
    } else {
        nearest[..split].fill(NONE);
    }
    Some(nearest.iter().map(|&i| metres.get(i as usize).copied().unwrap_or(f32::INFINITY)).collect())
}

/// The first row that begins a window of five with three measurements.
fn first_row(metres: &[f32], size: Size) -> usize {
    let counts: Vec<usize> =
        metres.chunks_exact(size.width).map(|line| line.iter().filter(|&&m| m > 0.0).count()).collect();
    let window = |y: usize| counts.iter().skip(y).take(WINDOW_ROWS).sum::<usize>();
    (0..size.height).find(|&y| window(y) >= LEAST_IN_WINDOW).unwrap_or(size.height)
}

struct Scene<'a> {
    size: Size,
    metres: &'a [f32],
    labels: &'a [u8],
}

impl Scene<'_> {
    /// Replaces the nearest measurement by the nearest one of the same class, where that is in reach.
    fn prefer_same_class(&self, top: usize, nearest: &mut [u32]) {
        let width = self.size.width;
        let reach = CLASS_REACH.pow(2);
        // Where the nearest measurement has the same class already, it is the one; where it is out of reach, so are all.
        let asks = |i: usize| {
            let (label, found) = (self.labels[i], nearest[i] as usize);
            label != IGNORE && self.labels.get(found).is_some_and(|&l| l != label) && self.distance(i, found) <= reach
        };
        let open: Vec<usize> = (top * width..self.size.n_pixels()).filter(|&i| asks(i)).collect();
        if open.is_empty() {
            return;
        }
        let mut best = vec![Candidate::NONE; open.len()];
        let mut last = LastSeen::new(self);
        let mut asked = open.iter().zip(&mut best).peekable();
        for y in top.saturating_sub(CLASS_REACH)..self.size.height {
            last.enter(y);
            while let Some((&i, best)) = asked.next_if(|(i, _)| **i / width == y) {
                last.improve(i, best);
            }
        }
        last.forget();
        let mut asked = open.iter().zip(&mut best).rev().peekable();
        for y in (top..self.size.height).rev() {
            while let Some((&i, best)) = asked.next_if(|(i, _)| **i / width == y) {
                last.improve(i, best);
            }
            last.enter(y);
        }
        for (&i, best) in open.iter().zip(&best) {
            if let Some(found) = best.index(width) {
                nearest[i] = found;
            }
        }
    }

    /// Above row `top`: the nearest measurement of the same region, if the region reaches below; none for sky.
    fn follow_regions(&self, top: usize, sky: Option<u8>, nearest: &mut [u32]) {
        let width = self.size.width;
        let split = top * width;
        if split == 0 {
            return;
        }
        let regions = Components::of(self.labels, self.size, Four);
        let of_pixels = regions.of_pixels(self.size);
        let mut reaches = vec![false; regions.areas.len()];
        (split..of_pixels.len()).filter(|&i| self.metres[i] > 0.0).for_each(|i| reaches[of_pixels[i] as usize] = true);
        // What is nearest of all and in the same region is nearest in the region. Regions with other pixels are searched.
        let mut searched = vec![false; reaches.len()];
        for i in 0..split {
            let region = of_pixels[i] as usize;
            if !reaches[region] || self.labels[i] == IGNORE || Some(self.labels[i]) == sky {
                nearest[i] = NONE;
            } else if of_pixels.get(nearest[i] as usize).is_none_or(|&r| r as usize != region) {
                searched[region] = true;
            }
        }
        let mut of_region: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); reaches.len()];
        for run in regions.runs.iter().filter(|run| searched[run.part]) {
            of_region[run.part].push((run.row, run.start, run.end));
        }
        let mut arcs = Arcs::default();
        for runs in of_region.iter().filter(|runs| !runs.is_empty()) {
            let seeds = self.seeds_by_column(runs);
            for of_row in runs.chunk_by(|a, b| a.0 == b.0).take_while(|of_row| of_row[0].0 < top) {
                let y = of_row[0].0;
                arcs.begin(y);
                for column in seeds.chunk_by(|a, b| a.0 == b.0) {
                    let below = column.partition_point(|seed| seed.1 < y);
                    let above = below.checked_sub(1).map(|above| column[above].1);
                    let row = match (above, column.get(below)) {
                        (Some(above), Some(&(_, below))) if y - above <= below - y => above,
                        (_, Some(&(_, below))) => below,
                        (Some(above), None) => above,
                        (None, None) => continue,
                    };
                    arcs.push(column[0].0, row);
                }
                for x in of_row.iter().flat_map(|&(_, start, end)| start..end) {
                    nearest[y * width + x] = arcs.at(x, width).unwrap_or(NONE);
                }
            }
        }
    }

    /// The measurements among the pixels of some runs as (column, row), in this order.
    fn seeds_by_column(&self, runs: &[(usize, usize, usize)]) -> Vec<(usize, usize)> {
        let pixels = runs.iter().flat_map(|&(row, start, end)| (start..end).map(move |x| (x, row)));
        let mut seeds: Vec<_> = pixels.filter(|&(x, row)| self.metres[row * self.size.width + x] > 0.0).collect();
        seeds.sort_unstable();
        seeds
    }

    fn distance(&self, a: usize, b: usize) -> usize {
        let width = self.size.width;
        (a / width).abs_diff(b / width).pow(2) + (a % width).abs_diff(b % width).pow(2)
    }
}

/// A measurement, ordered by squared distance, row, column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    distance: usize,
    row: usize,
    column: usize,
}

impl Candidate {
    const NONE: Self = Self { distance: CLASS_REACH.pow(2) + 1, row: 0, column: 0 };

    #[expect(clippy::cast_possible_truncation, reason = "pictures have fewer than 2^32 pixels")]
    fn index(self, width: usize) -> Option<u32> {
        (self.distance < Self::NONE.distance).then_some((self.row * width + self.column) as u32)
    }
}

/// The row of the last measurement of every class in every column, while rows are entered one after the other.
struct LastSeen<'s> {
    scene: &'s Scene<'s>,
    /// Class id -> its place among the classes of the picture.
    place: [usize; 256],
    rows: Vec<u32>,
}

impl<'s> LastSeen<'s> {
    fn new(scene: &'s Scene<'s>) -> Self {
        let mut place = [usize::MAX; 256];
        let mut n = 0;
        for run in scene.labels.chunk_by(|a, b| a == b) {
            let place = &mut place[usize::from(run[0])];
            if *place == usize::MAX {
                *place = n;
                n += 1;
            }
        }
        Self { scene, place, rows: vec![NONE; n * scene.size.width] }
    }

    fn forget(&mut self) {
        self.rows.fill(NONE);
    }

    #[expect(clippy::cast_possible_truncation, reason = "rows are below 2^16")]
    fn enter(&mut self, y: usize) {
        let width = self.scene.size.width;
        for x in 0..width {
            let i = y * width + x;
            if self.scene.metres[i] > 0.0 {
                self.rows[self.place[usize::from(self.scene.labels[i])] * width + x] = y as u32;
            }
        }
    }

    /// Looks for a nearer measurement of the class of pixel `i` among those seen, from its column outwards.
    fn improve(&self, i: usize, best: &mut Candidate) {
        let width = self.scene.size.width;
        let (y, x) = (i / width, i % width);
        let start = self.place[usize::from(self.scene.labels[i])] * width;
        let rows = &self.rows[start..start + width];
        for aside in 0..=CLASS_REACH {
            if aside.pow(2) > best.distance {
                return;
            }
            for column in [x.checked_sub(aside), Some(x + aside)].into_iter().flatten() {
                if let Some(&row) = rows.get(column)
                    && row != NONE
                {
                    let row = row as usize;
                    let distance = aside.pow(2) + row.abs_diff(y).pow(2);
                    *best = (*best).min(Candidate { distance, row, column });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
