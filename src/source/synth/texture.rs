//! Colours of surfaces: patterns from hashed lattices, in metres, without tables or files.

use super::shape::Surface;
use super::vector::{Vec3, vec3};

/// What a surface looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Material {
    pub(super) pattern: Pattern,
    /// The main colour, linear.
    pub(super) main: Vec3,
    /// The second colour of the pattern.
    pub(super) second: Vec3,
    /// Size of the pattern's unit in metres.
    pub(super) scale: f64,
    pub(super) seed: u32,
    /// Strength of highlights and reflections, 0..1.
    pub(super) gloss: f64,
    /// Light the surface gives off, as a multiple of its colour.
    pub(super) glow: f64,
    /// Part of the surface that is not there, 0..1: foliage.
    pub(super) holes: f64,
    /// Sunlight passes.
    pub(super) pane: bool,
}

/// How the two colours are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The main colour with a faint mottle.
    Plain,
    /// Soft clouds of both colours.
    Cloud,
    /// Grain along v.
    Wood,
    /// Boards along v, `scale` wide, each of its own grain.
    Boards,
    /// Bricks `scale` high with joints of the second colour.
    Brick,
    /// Square tiles with joints of the second colour.
    Tile,
    /// Squares in turn.
    Checker,
    /// Stripes across u.
    Stripe,
    /// Short pile with a border and rings.
    Carpet,
    /// Fine weave.
    Weave,
    /// Grit.
    Asphalt,
    /// Blotches and blades.
    Grass,
    /// Patches in space, for foliage.
    Leaf,
    /// Storeys with windows: u along the wall, v up.
    Facade,
    /// An abstract painting.
    Picture,
    /// A view out of a window: sky above, hills below.
    View,
    /// A gradient with a bright band, as screens show.
    Screen,
    /// A red-rimmed sign or one with a bar.
    Sign,
}

impl Material {
    /// A plain material of one colour.
    pub(super) const fn plain(main: Vec3) -> Self {
        Self {
            pattern: Pattern::Plain,
            main,
            second: main,
            scale: 0.2,
            seed: 0,
            gloss: 0.0,
            glow: 0.0,
            holes: 0.0,
            pane: false,
        }
    }

    /// A pattern of two colours with units of `scale` metres.
    pub(super) const fn patterned(pattern: Pattern, main: Vec3, second: Vec3, scale: f64, seed: u32) -> Self {
        Self { pattern, second, scale, seed, ..Self::plain(main) }
    }

    pub(super) const fn glossy(self, gloss: f64) -> Self {
        Self { gloss, ..self }
    }

    pub(super) const fn glowing(self, glow: f64) -> Self {
        Self { glow, ..self }
    }

    /// Whether the surface has a hole here. The pattern fills space, so that no seam shows.
    pub(super) fn is_hole(&self, surface: &Surface) -> bool {
        self.holes > 0.0 && solid(surface.local * (1.0 / self.scale), self.seed) < self.holes
    }

    /// The colour at a point, linear.
    pub(super) fn colour(&self, surface: &Surface) -> Vec3 {
        let [u, v] = surface.uv;
        let (a, b, k) = (u / self.scale, v / self.scale, self.seed);
        let blend = |share: f64| self.main.mix(self.second, share);
        match self.pattern {
            Pattern::Plain => self.main * (0.97 + 0.06 * cloud(u * 9.0, v * 9.0, k)),
            Pattern::Cloud => blend(cloud(a, b, k)),
            Pattern::Wood => blend(grain(a, b, k)),
            Pattern::Boards => {
                let board = a.floor();
                let length = 9.0;
                let start = b / length + cell(board, 0.0, k);
                let tone = cell(board, start.floor(), k ^ 1);
                let joint = gap(a, 0.02).max(gap(start, 0.002));
                let wood = blend(grain(a * 2.0 + 13.0 * tone, b * 0.4, k)) * (0.82 + 0.3 * tone);
                wood * (1.0 - 0.55 * joint)
            }
            Pattern::Brick => {
                let row = b.floor();
                let along = a / 3.0 + 0.5 * row.rem_euclid(2.0);
                let joint = gap(b, 0.10).max(gap(along, 0.035));
                let tone = cell(along.floor(), row, k);
                let brick = self.main * (0.75 + 0.4 * tone) * (0.85 + 0.3 * cloud(u * 30.0, v * 30.0, k));
                brick.mix(self.second, joint)
            }
            Pattern::Tile => {
                let joint = gap(a, 0.025).max(gap(b, 0.025));
                let tone = 0.93 + 0.1 * cell(a.floor(), b.floor(), k) + 0.06 * (cloud(a * 3.0, b * 3.0, k) - 0.5);
                (self.main * tone).mix(self.second, joint)
            }
            Pattern::Checker => {
                let odd = (a.floor() + b.floor()).rem_euclid(2.0) > 0.5;
                (if odd { self.second } else { self.main }) * (0.94 + 0.12 * cloud(a * 2.0, b * 2.0, k))
            }
            Pattern::Stripe => {
                let band = cell(a.floor(), 0.0, k);
                let share = if a.rem_euclid(2.0) < 1.0 { 0.15 * band } else { 0.85 + 0.15 * band };
                blend(share) * (0.96 + 0.08 * cell((u * 300.0).floor(), (v * 300.0).floor(), k))
            }
            Pattern::Carpet => {
                let pile = 0.86 + 0.28 * cell((u * 170.0).floor(), (v * 170.0).floor(), k);
                let figure = if ((a + 0.5).floor() + (b + 0.5).floor()).rem_euclid(2.0) < 0.5 {
                    let (p, q) = ((a + 0.5).rem_euclid(1.0) - 0.5, (b + 0.5).rem_euclid(1.0) - 0.5);
                    let reach = p.abs() + q.abs();
                    f64::from(u8::from(reach < 0.34 && !(0.16..0.22).contains(&reach)))
                } else {
                    0.0
                };
                blend(figure) * pile
            }
            Pattern::Weave => {
                let thread = cell((u * 260.0).floor(), (v * 260.0).floor(), k);
                blend(0.5 * cloud(a, b, k)) * (0.88 + 0.2 * thread)
            }
            Pattern::Asphalt => {
                let grit = cell((u * 90.0).floor(), (v * 90.0).floor(), k);
                blend(cloud(a, b, k)) * (0.88 + 0.22 * grit)
            }
            Pattern::Grass => {
                let blade = cell((u * 40.0).floor(), (v * 18.0).floor(), k);
                blend(cloud(a, b, k)) * (0.65 + 0.6 * blade)
            }
            Pattern::Leaf => {
                let p = surface.local * (1.0 / self.scale);
                blend(solid(p * 0.4, k ^ 5)) * (0.45 + 1.0 * solid(p * 1.7, k ^ 9))
            }
            Pattern::Facade => self.facade(u, v),
            Pattern::Picture => self.picture(a, b),
            Pattern::View => {
                let ridge = 0.42 + 0.16 * (cloud(a * 3.0, 0.5, k) - 0.5);
                if b > ridge {
                    vec3(0.62, 0.80, 1.0).mix(Vec3::splat(1.0), cloud(a * 3.0, b * 5.0, k) * 0.8)
                } else {
                    vec3(0.18, 0.36, 0.12).mix(vec3(0.40, 0.50, 0.25), cloud(a * 9.0, b * 9.0, k))
                }
            }
            Pattern::Screen => {
                let sky = self.main.mix(self.second, b.clamp(0.0, 1.0));
                let hill = 0.3 + 0.3 * cloud(a * 2.5, 0.3, k);
                if b < hill { sky.mix(vec3(0.02, 0.05, 0.02), 0.75) } else { sky }
            }
            Pattern::Sign => {
                let (p, q) = (a - 0.5, b - 0.5);
                let reach = p.abs().max(q.abs());
                let bar = q.abs() < 0.10 && p.abs() < 0.33;
                if reach > 0.42 || bar { self.second } else { self.main }
            }
        }
    }

    #[inline(never)]
    fn facade(&self, u: f64, v: f64) -> Vec3 {
        let k = self.seed;
        let (across, storey) = (u / self.scale, v / 3.1);
        let (p, q) = (across.rem_euclid(1.0), storey.rem_euclid(1.0));
        let wall = self.main * (0.85 + 0.25 * cloud(u * 0.8, v * 0.8, k)) * (1.0 - 0.12 * gap(storey, 0.03));
        if !(0.24..0.76).contains(&p) || !(0.28..0.80).contains(&q) {
            return wall;
        }
        let frame = !(0.28..0.72).contains(&p) || !(0.31..0.77).contains(&q) || (0.485..0.515).contains(&p);
        if frame {
            return self.second;
        }
        let tone = cell(across.floor(), storey.floor(), k);
        let sky = vec3(0.10, 0.14, 0.19).mix(vec3(0.30, 0.40, 0.50), tone * (q - 0.28) * 2.0);
        if tone > 0.8 { sky.mix(vec3(0.7, 0.62, 0.5), 0.5) } else { sky }
    }

    #[inline(never)]
    fn picture(&self, a: f64, b: f64) -> Vec3 {
        let k = self.seed;
        if k.is_multiple_of(3) {
            // A landscape.
            let ridge = |height: f64, rough: f64, salt: u32| height + 0.35 * (cloud(a * rough, 0.5, k ^ salt) - 0.5);
            return if b > ridge(0.62, 3.0, 3) {
                vec3(0.9, 0.65, 0.35).mix(vec3(0.25, 0.45, 0.75), ((b - 0.5) * 2.0).clamp(0.0, 1.0))
            } else if b > ridge(0.42, 2.0, 7) {
                self.main * 0.5
            } else {
                self.second * (0.4 + 0.6 * cloud(a * 8.0, b * 8.0, k))
            };
        }
        let warp = cloud(a * 2.0, b * 2.0, k) * 1.6;
        let band = cell((a * 3.0 + warp).floor(), (b * 3.0 - warp).floor(), k);
        let third = vec3(cell(1.0, 0.0, k), cell(2.0, 0.0, k), cell(3.0, 0.0, k));
        let paint = if band < 0.4 {
            self.main
        } else if band < 0.7 {
            self.second
        } else {
            third.times(third)
        };
        paint * (0.75 + 0.4 * cloud(a * 14.0, b * 14.0, k))
    }
}

/// 1 near whole numbers, 0 elsewhere.
fn gap(x: f64, width: f64) -> f64 {
    let p = x.rem_euclid(1.0);
    f64::from(u8::from(p < width || p > 1.0 - width))
}

/// Long soft fibres with a few rings that wander.
#[inline(never)]
fn grain(a: f64, b: f64, k: u32) -> f64 {
    let rings = a * 1.1 + 2.2 * cloud(a * 0.35, b * 0.06, k);
    let ring = (rings - rings.floor() - 0.5).abs() * 2.0;
    (0.45 * ring * ring + 0.3 * cloud(a * 3.0, b * 0.12, k ^ 4) + 0.3 * cloud(a * 14.0, b * 0.5, k ^ 2)).min(1.0)
}

/// A number in 0..1 for a cell of the plane.
#[inline(never)]
pub(super) fn cell(x: f64, y: f64, seed: u32) -> f64 {
    lattice(x, y, 0.0, seed)
}

/// Smooth noise in 0..1, three octaves.
#[inline(never)]
pub(super) fn cloud(x: f64, y: f64, seed: u32) -> f64 {
    let octave = |f: f64, salt: u32| {
        let (x, y) = (x * f, y * f);
        let (i, j) = (x.floor(), y.floor());
        let (p, q) = (ease(x - i), ease(y - j));
        let at = |di: f64, dj: f64| cell(i + di, j + dj, seed ^ salt);
        let low = at(0.0, 0.0) * (1.0 - p) + at(1.0, 0.0) * p;
        let high = at(0.0, 1.0) * (1.0 - p) + at(1.0, 1.0) * p;
        low * (1.0 - q) + high * q
    };
    0.57 * octave(1.0, 0x11) + 0.29 * octave(2.1, 0x22) + 0.14 * octave(4.3, 0x44)
}

/// Smooth noise in 0..1 that fills space, one octave.
#[inline(never)]
pub(super) fn solid(p: Vec3, seed: u32) -> f64 {
    let (i, j, k) = (p.x.floor(), p.y.floor(), p.z.floor());
    let (a, b, c) = (ease(p.x - i), ease(p.y - j), ease(p.z - k));
    let at = |di: f64, dj: f64, dk: f64| lattice(i + di, j + dj, k + dk, seed);
    let row = |dj: f64, dk: f64| at(0.0, dj, dk) * (1.0 - a) + at(1.0, dj, dk) * a;
    let plane = |dk: f64| row(0.0, dk) * (1.0 - b) + row(1.0, dk) * b;
    plane(0.0) * (1.0 - c) + plane(1.0) * c
}

fn ease(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wrapping is what a hash wants")]
fn lattice(x: f64, y: f64, z: f64, seed: u32) -> f64 {
    let mix = |h: u32, v: f64| {
        let h = (h ^ (v as i64 as u32)).wrapping_mul(0x9e37_79b1);
        (h ^ (h >> 15)).wrapping_mul(0x85eb_ca77)
    };
    let h = mix(mix(mix(seed ^ 0x27d4_eb2f, x), y), z);
    f64::from((h ^ (h >> 13)).wrapping_mul(0xc2b2_ae3d) >> 8) / f64::from(1_u32 << 24)
}

/// A linear colour from the three bytes of an sRGB one (gamma 2).
pub(super) const fn rgb(r: u8, g: u8, b: u8) -> Vec3 {
    const fn linear(v: u8) -> f64 {
        let v = v as f64 / 255.0;
        v * v
    }
    vec3(linear(r), linear(g), linear(b))
}
