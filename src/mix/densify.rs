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
    let mut nearest = nearest(size, top, |i| metres[i] > 0.0);
    let labels = semantics.map(Semantics::values);
    if let Some(labels) = labels.as_ref().and_then(|l| l.as_slice()) {
        let scene = Scene::new(size, metres, labels);
        scene.prefer_same_class(top, &mut nearest);
        scene.follow_regions(top, sky, &mut nearest);
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

/// A pixel.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    row: u32,
    column: u32,
}

impl Place {
    #[expect(clippy::cast_possible_truncation, reason = "sides are below 2^16")]
    const fn new(row: usize, column: usize) -> Self {
        Self { row: row as u32, column: column as u32 }
    }

    const fn index(self, width: usize) -> usize {
        self.row as usize * width + self.column as usize
    }
}

struct Scene<'a> {
    size: Size,
    labels: &'a [u8],
    /// The measured pixels, row after row.
    measured: Vec<Place>,
    /// Where those of each row begin.
    starts: Vec<usize>,
}

impl<'a> Scene<'a> {
    fn new(size: Size, metres: &[f32], labels: &'a [u8]) -> Self {
        let (mut measured, mut starts) = (Vec::new(), Vec::with_capacity(size.height + 1));
        for (row, line) in metres.chunks_exact(size.width).enumerate() {
            starts.push(measured.len());
            measured.extend((0..size.width).filter(|&x| line[x] > 0.0).map(|x| Place::new(row, x)));
        }
        starts.push(measured.len());
        Self { size, labels, measured, starts }
    }

    fn measured_in(&self, row: usize) -> &[Place] {
        &self.measured[self.starts[row]..self.starts[row + 1]]
    }

    /// Replaces the nearest measurement by the nearest one of the same class, where that is in reach.
    fn prefer_same_class(&self, top: usize, nearest: &mut [u32]) {
        // Where the nearest measurement has the same class already, it is the one; where it is out of reach, so are all.
        let width = self.size.width;
        let mut open = Vec::new();
        for row in top..self.size.height {
            for column in 0..width {
                let i = row * width + column;
                let (label, found) = (self.labels[i], nearest[i] as usize);
                if label != IGNORE && self.labels.get(found).is_some_and(|&l| l != label) {
                    let (up, left) = ((found / width).abs_diff(row), (found % width).abs_diff(column));
                    if up.pow(2) + left.pow(2) <= CLASS_REACH.pow(2) {
                        open.push((Place::new(row, column), Candidate::NONE));
                    }
                }
            }
        }
        if open.is_empty() {
            return;
        }
        let mut last = LastSeen::new(self);
        let mut asked = open.iter_mut().peekable();
        for row in top.saturating_sub(CLASS_REACH)..self.size.height {
            last.enter(row);
            while let Some((place, best)) = asked.next_if(|(place, _)| place.row as usize == row) {
                last.improve(*place, best);
            }
        }
        last.forget();
        let mut asked = open.iter_mut().rev().peekable();
        for row in (top..self.size.height).rev() {
            while let Some((place, best)) = asked.next_if(|(place, _)| place.row as usize == row) {
                last.improve(*place, best);
            }
            last.enter(row);
        }
        for (place, best) in open {
            if let Some(found) = best.index(width) {
                nearest[place.index(width)] = found;
            }
        }
    }

    /// Above row `top`: the nearest measurement of the same region, if the region reaches below; none for sky.
    fn follow_regions(&self, top: usize, sky: Option<u8>, nearest: &mut [u32]) {
        if top == 0 {
            return;
        }
        let width = self.size.width;
        let parts = Components::of(self.labels, self.size, Four);
        let of_pixels = parts.of_pixels(self.size);
        let mut regions: Vec<Region> = parts.areas.iter().map(|_| Region::default()).collect();
        for run in parts.runs.iter().take_while(|run| run.row < top) {
            let label = self.labels[run.row * width + run.start];
            if label != IGNORE && Some(label) != sky {
                regions[run.part].runs.push((run.row, run.start, run.end));
            }
        }
        for &place in &self.measured {
            let region = &mut regions[of_pixels[place.index(width)] as usize];
            if !region.runs.is_empty() {
                let stray = (place.row as usize) < top;
                if stray { &mut region.strays } else { &mut region.measured }.push(place);
            }
        }
        let mut work = (vec![NONE; width], Arcs::default());
        for region in regions.iter().filter(|region| !region.measured.is_empty()) {
            region.follow(width, &mut work, nearest);
        }
    }
}

/// A connected region of one class that begins above the measurements.
#[derive(Default)]
struct Region {
    /// Row, first column and end of its runs above them.
    runs: Vec<(usize, usize, usize)>,
    /// Its measured pixels.
    measured: Vec<Place>,
    /// Single ones above the others.
    strays: Vec<Place>,
}

impl Region {
    /// Finds the nearest measurement of the region for its pixels above the measurements. `work` holds a column of
    /// [`NONE`]s.
    fn follow(&self, width: usize, (columns, arcs): &mut (Vec<u32>, Arcs), nearest: &mut [u32]) {
        // The uppermost of each column is the nearest of the column to all rows above.
        self.measured.iter().rev().for_each(|place| columns[place.column as usize] = place.row);
        let has = |x: usize| columns[x] != NONE || self.strays.iter().any(|stray| stray.column as usize == x);
        let used: Vec<usize> = (0..width).filter(|&x| has(x)).collect();
        for of_row in self.runs.chunk_by(|a, b| a.0 == b.0) {
            let y = of_row[0].0;
            arcs.begin(y);
            for &x in &used {
                let strays = self.strays.iter().filter(|stray| stray.column as usize == x).map(|stray| stray.row);
                let uppermost = Some(columns[x]).filter(|&row| row != NONE);
                let row = strays.chain(uppermost).map(|row| row as usize).min_by_key(|&row| (row.abs_diff(y), row));
                if let Some(row) = row {
                    arcs.push(x, row);
                }
            }
            for x in of_row.iter().flat_map(|&(_, start, end)| start..end) {
                nearest[y * width + x] = arcs.at(x, width).unwrap_or(NONE);
            }
        }
        used.iter().for_each(|&x| columns[x] = NONE);
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

    fn enter(&mut self, row: usize) {
        let width = self.scene.size.width;
        for place in self.scene.measured_in(row) {
            let class = self.place[usize::from(self.scene.labels[place.index(width)])];
            self.rows[class * width + place.column as usize] = place.row;
        }
    }

    /// Looks for a nearer measurement of the class of a pixel among those seen, from its column outwards.
    fn improve(&self, place: Place, best: &mut Candidate) {
        let width = self.scene.size.width;
        let start = self.place[usize::from(self.scene.labels[place.index(width)])] * width;
        let rows = &self.rows[start..start + width];
        let (y, x) = (place.row as usize, place.column as usize);
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
