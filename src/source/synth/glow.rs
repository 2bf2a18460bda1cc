//! Light that changes slowly: ambient light with its occlusion, and lamps with soft shadows. It is gathered on every
//! fourth pixel and carried to the others along the same surface.

use ndarray::Array2;

use super::render::{Camera, SKIN, to_f};
use super::scene::{Hit, Lamp, Scene};
use super::shape::{Ray, Span};
use super::vector::{Vec3, sin_cos, vec3};

/// Pixels between gathered ones.
const STEP: usize = 4;
const DIRECTIONS: usize = 16;
/// Sets of directions that neighbours take in turn.
const TURNS: usize = 8;

/// A point of a surface, as a camera sees it.
#[derive(Clone, Copy)]
pub(super) struct Sighting {
    pub(super) point: Vec3,
    pub(super) normal: Vec3,
    pub(super) object: u16,
}

#[derive(Clone, Copy)]
struct Gathered {
    at: Sighting,
    light: Vec3,
}

/// The slow light of one picture.
pub(super) struct Ambient<'a> {
    scene: &'a Scene,
    directions: Vec<Vec3>,
    grid: Array2<Option<Gathered>>,
    /// What was gathered inside the cell asked last, for surfaces its corners do not show.
    extra: Vec<Gathered>,
    cell: (usize, usize),
}

impl<'a> Ambient<'a> {
    pub(super) fn new(scene: &'a Scene, camera: &Camera, hits: &Array2<Option<Hit>>) -> Self {
        let (height, width) = hits.dim();
        let mut ambient = Self {
            scene,
            directions: directions(),
            grid: Array2::from_elem((0, 0), None),
            extra: Vec::new(),
            cell: (0, 0),
        };
        ambient.grid = Array2::from_shape_fn((height.div_ceil(STEP) + 1, width.div_ceil(STEP) + 1), |(j, i)| {
            let (y, x) = ((j * STEP).min(height - 1), (i * STEP).min(width - 1));
            let hit = hits[(y, x)]?;
            let ray = camera.ray(to_f(y), to_f(x));
            let at = Sighting {
                point: ray.at(hit.t),
                normal: scene.surface(&ray, hit).normal,
                object: scene.parts[hit.part].object,
            };
            Some(Gathered { at, light: ambient.gather(&at, j * 3 + i * 5) })
        });
        ambient
    }

    /// The light at a sighting inside `pixel`.
    pub(super) fn at(&mut self, (y, x): (usize, usize), sighting: &Sighting) -> Vec3 {
        let cell = (y / STEP, x / STEP);
        let (down, right) = (to_f(y % STEP) / to_f(STEP), to_f(x % STEP) / to_f(STEP));
        let (mut sum, mut total) = (Vec3::ZERO, 0.0);
        for (dj, di) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let share = (if dj == 0 { 1.0 - down } else { down }) * (if di == 0 { 1.0 - right } else { right });
            if let Some(gathered) = &self.grid[(cell.0 + dj, cell.1 + di)] {
                let weight = (share + 0.02) * likeness(&gathered.at, sighting);
                sum = sum + gathered.light * weight;
                total += weight;
            }
        }
        if total > 0.02 {
            return sum * (1.0 / total);
        }
        if cell != self.cell {
            self.cell = cell;
            self.extra.clear();
        }
        if let Some(known) = self.extra.iter().find(|known| likeness(&known.at, sighting) > 0.3) {
            return known.light;
        }
        let light = self.gather(sighting, y * 3 + x * 5);
        self.extra.push(Gathered { at: *sighting, light });
        light
    }

    fn gather(&self, at: &Sighting, turn: usize) -> Vec3 {
        let from = at.point + at.normal * SKIN;
        let lamps = self.scene.light.lamps.iter().map(|lamp| self.shine(lamp, from, at.normal));
        lamps.fold(self.surroundings(from, at.normal, turn), |sum, light| sum + light)
    }

    /// Ambient light: each free direction brings its share, each blocked one the dim colour of what is in the way.
    fn surroundings(&self, from: Vec3, normal: Vec3, turn: usize) -> Vec3 {
        let light = &self.scene.light;
        let (u, v) = normal.base();
        let start = (turn % TURNS) * DIRECTIONS;
        let mut sum = Vec3::ZERO;
        for d in &self.directions[start..start + DIRECTIONS] {
            let direction = u * d.x + v * d.y + normal * d.z;
            let open = light.below.mix(light.above, 0.5 + 0.5 * direction.z);
            let ray = Ray { origin: from, direction };
            sum = sum
                + match self.scene.nearest(&ray, Span { from: SKIN, to: light.reach }) {
                    None => open,
                    Some(hit) => {
                        let near = 1.0 - hit.t / light.reach;
                        let bounce = open.times(self.scene.parts[hit.part].material.main) * 0.6;
                        open.mix(bounce, near.sqrt())
                    }
                };
        }
        sum * (1.0 / to_f(DIRECTIONS))
    }

    /// A lamp seen from a point, in pieces.
    fn shine(&self, lamp: &Lamp, from: Vec3, normal: Vec3) -> Vec3 {
        const PIECES: [f64; 3] = [-0.66, 0.0, 0.66];
        let mut seen = 0.0;
        for a in PIECES {
            for b in PIECES {
                let way = lamp.centre + lamp.u * a + lamp.v * b - from;
                let far2 = way.dot(way);
                let facing = normal.dot(way);
                let leaving = if lamp.facing == Vec3::ZERO { 1.0 } else { -lamp.facing.dot(way) / far2.sqrt() };
                if facing <= 0.0 || leaving <= 0.0 {
                    continue;
                }
                let ray = Ray { origin: from, direction: way };
                if !self.scene.blocked(&ray, Span { from: SKIN, to: 0.97 }) {
                    seen += facing / far2.sqrt() * leaving / (far2 + 0.05);
                }
            }
        }
        lamp.colour * (seen / 9.0)
    }
}

/// How far two sightings belong to one smooth surface, 0..1.
fn likeness(a: &Sighting, b: &Sighting) -> f64 {
    let aligned = a.normal.dot(b.normal);
    if a.object != b.object || aligned < 0.7 {
        return 0.0;
    }
    let off = (a.point - b.point).dot(a.normal).abs();
    if off > 0.05 { 0.0 } else { aligned * (1.0 - off * 19.0) }
}

/// Directions about z, thick where the cosine is large, on a sunflower spiral.
fn directions() -> Vec<Vec3> {
    const GOLDEN: f64 = 2.399_963_229_728_653;
    (0..TURNS * DIRECTIONS)
        .map(|i| {
            let (turn, k) = (i / DIRECTIONS, i % DIRECTIONS);
            let r2 = (to_f(k) + 0.5) / to_f(DIRECTIONS);
            let (sin, cos) = sin_cos(to_f(k) * GOLDEN + to_f(turn) * 0.785);
            vec3(r2.sqrt() * cos, r2.sqrt() * sin, (1.0 - r2).sqrt())
        })
        .collect()
}
