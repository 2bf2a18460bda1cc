//! AffineMix: objects of one picture, moved along their lines of sight (after arXiv 2206.10562).

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::components::{Components, Neighbours};
use super::draws::Draws;
use super::edit::Edit;
use super::mask::Mask;
use super::nearest::nearest;
use super::recipe::Unmixed;
use super::side::Side;
use crate::sample::{Confidence, Depth, IGNORE, Image, Sample, Semantics, Size};

/// Copies of some objects at other depths. A point (X, Y, Z) moved to (X, Y, sZ) is seen at `c + (p - c) / s`, so the
/// copy is the object scaled by `1 / s` about the principal point: exact, since all of it is scaled alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AffineMix {
    /// Class ids of things that can stand elsewhere.
    pub movable: Vec<u8>,
    /// The principal point where the sample has no intrinsics: column and row; the middle of the picture if absent.
    pub centre: Option<(f64, f64)>,
    /// Least and greatest area of an object, as shares of the picture.
    pub area: (f64, f64),
    /// At most this many objects are copied.
    pub max_objects: usize,
    /// Range of s.
    pub scale: (f64, f64),
    /// What s is not drawn from: copies too much like the object itself.
    pub dull: (f64, f64),
    /// Metres that a copy may be farther than what is there and still be shown.
    pub eps_m: f64,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Column and row of the principal point.
    pub centre: (f64, f64),
    /// In the order in which they are pasted.
    pub objects: Vec<Moved>,
}

/// One moved object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Row of its first pixel.
    pub row: usize,
    /// Column of its first pixel.
    pub column: usize,
    /// Its class.
    pub class: u8,
    /// What its depth is multiplied by.
    pub scale: f64,
}

/// Measurements an object of a sparse picture must have.
const LEAST_MEASUREMENTS: usize = 20;
/// Share of its pixels that must be measured in a dense picture.
const LEAST_SHARE: f64 = 0.3;

impl AffineMix {
    /// Draws objects and their new depths.
    ///
    /// # Errors
    /// No labels, no object that can be moved, too few measurements.
    pub fn draw(&self, side: Side<'_>, draws: &mut Draws) -> Result<(Drawn, Edit), Unmixed> {
        let objects = self.objects(side)?;
        let candidates: Vec<usize> = (0..objects.len()).collect();
        if candidates.is_empty() {
            return Err(Unmixed::NoObject);
        }
        let count = draws.between(1, self.max_objects.clamp(1, candidates.len()));
        let chosen = draws.subset(&candidates, count);
        let moved = chosen.iter().map(|&i| Moved { scale: self.draw_scale(draws), ..objects[i].moved.clone() });
        let drawn = Drawn { centre: self.centre_of(side.sample), objects: moved.collect() };
        let edit = self.paste(&drawn, &objects, side)?;
        Ok((drawn, edit))
    }

    /// Pastes what was drawn.
    ///
    /// # Errors
    /// The sample has no such object.
    pub fn edit(&self, drawn: &Drawn, side: Side<'_>) -> Result<Edit, Unmixed> {
        self.paste(drawn, &self.objects(side)?, side)
    }

    fn draw_scale(&self, draws: &mut Draws) -> f64 {
        let ((low, high), (from, to)) = (self.scale, self.dull);
        let below = (from.min(high) - low).max(0.0);
        let above = (high - to.max(low)).max(0.0);
        let at = draws.within(0.0, below + above);
        if at < below { low + at } else { to.max(low) + (at - below) }
    }

    #[expect(clippy::cast_precision_loss, reason = "sides are below 2^16")]
    fn centre_of(&self, sample: &Sample) -> (f64, f64) {
        let size = sample.image.size();
        let middle = ((size.width as f64 - 1.0) / 2.0, (size.height as f64 - 1.0) / 2.0);
        sample.intrinsics.map(|k| (k.cx, k.cy)).or(self.centre).unwrap_or(middle)
    }

    /// The objects that can be moved, in the order of their first pixels.
    #[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^52 pixels")]
    fn objects(&self, side: Side<'_>) -> Result<Vec<Object>, Unmixed> {
        let labels = side.sample.semantics.as_ref().ok_or(Unmixed::NoLabels)?;
        let size = labels.size();
        let movable = |label: u8| if self.movable.contains(&label) { label } else { IGNORE };
        let classes: Vec<u8> = labels.values().iter().map(|&label| movable(label)).collect();
        let parts = Components::of(&classes, size, Neighbours::Eight);
        let (least, most) = (self.area.0 * size.n_pixels() as f64, self.area.1 * size.n_pixels() as f64);
        let mut of_part: Vec<Vec<(usize, usize)>> = vec![Vec::new(); parts.areas.len()];
        for run in &parts.runs {
            let area = parts.areas[run.part] as f64;
            if classes[run.row * size.width + run.start] != IGNORE && least <= area && area <= most {
                of_part[run.part].extend((run.start..run.end).map(|x| (run.row, x)));
            }
        }
        let (metres, dense) = (side.metres(), side.is_dense());
        let enough = |pixels: &Vec<(usize, usize)>| {
            let n = pixels.iter().filter(|&&(y, x)| metres[y * size.width + x] > 0.0).count();
            if dense { n > 0 && n as f64 >= LEAST_SHARE * pixels.len() as f64 } else { n >= LEAST_MEASUREMENTS }
        };
        let objects = of_part.iter().filter(|pixels| enough(pixels));
        Ok(objects.map(|pixels| Object::new(pixels, &classes, metres, size)).collect())
    }

    #[expect(clippy::cast_possible_truncation, reason = "depths are f32")]
    fn paste(&self, drawn: &Drawn, objects: &[Object], side: Side<'_>) -> Result<Edit, Unmixed> {
        let size = side.sample.image.size();
        let mut scene = side.filled()?;
        let mut mask = Mask::new(size, Vec::new());
        let mut layer = Layer::new(side.sample);
        for moved in &drawn.objects {
            let place = (moved.row, moved.column);
            let object = objects.iter().find(|o| (o.moved.row, o.moved.column) == place).ok_or(Unmixed::NoObject)?;
            let scale = moved.scale as f32;
            for (row, column) in object.target(moved.scale, drawn.centre, size) {
                let back = |at: usize, centre: f64| centre + (at as f64 - centre) * moved.scale;
                let (x, y) = (back(column, drawn.centre.0), back(row, drawn.centre.1));
                let Some((metres, source)) = object.at(y, x) else { continue };
                let target = row * size.width + column;
                let depth = scale * metres;
                if depth < scene[target] + self.eps_m as f32 {
                    scene[target] = depth;
                    mask.cells_mut()[target] = true;
                    layer.copy(source, (y, x), (row, column), scale, object.moved.class);
                }
            }
        }
        Ok(Edit::layer(mask, layer.finish()))
    }
}

/// A connected region of one movable class.
struct Object {
    moved: Moved,
    top: usize,
    left: usize,
    /// Metres of every pixel of the bounding box that belongs to the object, holes filled by the nearest measurement of
    /// the object; 0 elsewhere.
    filled: Array2<f32>,
}

impl Object {
    fn new(pixels: &[(usize, usize)], classes: &[u8], metres: &[f32], size: Size) -> Self {
        let (row, column) = pixels.first().copied().unwrap_or_default();
        let bottom = pixels.last().map_or(row, |last| last.0);
        let left = pixels.iter().map(|p| p.1).min().unwrap_or(column);
        let right = pixels.iter().map(|p| p.1).max().unwrap_or(column);
        let boxed = Size::new(bottom - row + 1, right - left + 1);
        let mut seeds = vec![0.0; boxed.n_pixels()];
        let within = |&(y, x): &(usize, usize)| (y - row) * boxed.width + (x - left);
        pixels.iter().for_each(|p| seeds[within(p)] = metres[p.0 * size.width + p.1]);
        let found = nearest(boxed, 0, |i| seeds[i] > 0.0);
        let mut filled = Array2::zeros((boxed.height, boxed.width));
        for p in pixels {
            let metres = seeds.get(found[within(p)] as usize).copied().unwrap_or_default();
            filled[(p.0 - row, p.1 - left)] = metres;
        }
        let class = classes.get(row * size.width + column).copied().unwrap_or(IGNORE);
        Self { moved: Moved { row, column, class, scale: 1.0 }, top: row, left, filled }
    }

    /// The pixels on which the copy may lie, row after row.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "clipped")]
    fn target(&self, scale: f64, centre: (f64, f64), size: Size) -> impl Iterator<Item = (usize, usize)> {
        let span = |start: usize, len: usize, centre: f64, end: usize| {
            let to = |at: f64| centre + (at - centre) / scale;
            let (from, until) = (to(start as f64 - 1.0).floor(), to((start + len) as f64).ceil() + 1.0);
            from.clamp(0.0, end as f64) as usize..until.clamp(0.0, end as f64) as usize
        };
        let (height, width) = self.filled.dim();
        let columns = span(self.left, width, centre.0, size.width);
        span(self.top, height, centre.1, size.height).flat_map(move |y| columns.clone().map(move |x| (y, x)))
    }

    /// Metres and place of the pixel of the object nearest to a point.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 0 is caught before")]
    fn at(&self, y: f64, x: f64) -> Option<(f32, (usize, usize))> {
        let (y, x) = ((y + 0.5).floor(), (x + 0.5).floor());
        if y < 0.0 || x < 0.0 {
            return None;
        }
        let (y, x) = (y as usize, x as usize);
        let metres = *self.filled.get((y.checked_sub(self.top)?, x.checked_sub(self.left)?))?;
        (metres > 0.0).then_some((metres, (y, x)))
    }
}

/// A copy of the sample into which objects are written.
struct Layer<'s> {
    from: &'s Sample,
    image: Image,
    depth: Array2<f32>,
    semantics: Option<Semantics>,
    confidence: Option<Confidence>,
    raw_depth: Option<Array2<f32>>,
}

impl<'s> Layer<'s> {
    fn new(from: &'s Sample) -> Self {
        Self {
            from,
            image: from.image.clone(),
            depth: from.depth.metres().to_owned(),
            semantics: from.semantics.clone(),
            confidence: from.confidence.clone(),
            raw_depth: from.raw_depth.as_ref().map(|d| d.metres().to_owned()),
        }
    }

    /// Writes the pixel `to`: colour from between the pixels around `point` (row, column), all else from `source`.
    fn copy(&mut self, source: (usize, usize), point: (f64, f64), to: (usize, usize), scale: f32, class: u8) {
        let mut image = self.image.planes_mut();
        for (channel, plane) in self.from.image.planes().outer_iter().enumerate() {
            image[(channel, to.0, to.1)] = bilinear(plane, point);
        }
        self.depth[to] = scale * self.from.depth.metres()[source];
        if let Some(labels) = &mut self.semantics {
            labels.values_mut()[to] = class;
        }
        if let (Some(confidence), Some(from)) = (&mut self.confidence, &self.from.confidence) {
            confidence.values_mut()[to] = from.values()[source];
        }
        if let (Some(raw), Some(from)) = (&mut self.raw_depth, &self.from.raw_depth) {
            raw[to] = scale * from.metres()[source];
        }
    }

    fn finish(self) -> Sample {
        Sample {
            image: self.image,
            depth: Depth::from_metres(self.depth).0,
            semantics: self.semantics,
            confidence: self.confidence,
            raw_depth: self.raw_depth.map(|raw| Depth::from_metres(raw).0),
            intrinsics: self.from.intrinsics,
        }
    }
}

/// The colour at a point (row, column) between pixels; beyond the border that of the border. Rounded half to even.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "clipped")]
fn bilinear(plane: ArrayView2<'_, u8>, (y, x): (f64, f64)) -> u8 {
    let place = |at: f64, n: usize| {
        let at = at.clamp(0.0, n.saturating_sub(1) as f64);
        let low = at.floor() as usize;
        (low, (low + 1).min(n.saturating_sub(1)), at - low as f64)
    };
    let (top, bottom, down) = place(y, plane.nrows());
    let (left, right, along) = place(x, plane.ncols());
    let row = |y: usize| f64::from(plane[(y, left)]) * (1.0 - along) + f64::from(plane[(y, right)]) * along;
    (row(top) * (1.0 - down) + row(bottom) * down).round_ties_even() as u8
}
