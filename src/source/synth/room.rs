//! Rooms: a shell, a theme, pieces along three walls, a group in the middle, and a camera at the fourth.

use super::class::*;
use super::draw::Draw;
use super::fitting::{painting, window};
use super::furniture::{Palette, wood};
use super::render::Camera;
use super::scene::{Lamp, Light, Scene, Stage};
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, sin_cos, vec3};
use super::wall_piece::Piece;
use crate::sample::{Intrinsics, Size};

/// The RGB camera of the NYU recordings, 480 x 640.
const CAMERA: Intrinsics = Intrinsics {
    fx: 518.857_901_174_501_9,
    fy: 519.469_611_112_754_9,
    cx: 325.582_449_411_190_3,
    cy: 253.736_166_334_004_65,
};
pub(super) const SIZE: Size = Size::new(480, 640);

/// What a room is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    Living,
    Bedroom,
    Study,
    Dining,
    Kitchen,
}

impl Theme {
    const fn name(self) -> &'static str {
        match self {
            Self::Living => "living_room",
            Self::Bedroom => "bedroom",
            Self::Study => "study",
            Self::Dining => "dining_room",
            Self::Kitchen => "kitchen",
        }
    }

    fn of(index: u64) -> Self {
        [Self::Living, Self::Bedroom, Self::Study, Self::Dining, Self::Kitchen][(index % 5) as usize]
    }
}

/// The kind of the room with this number.
pub(super) fn scene_type(index: u64) -> &'static str {
    Theme::of(index).name()
}

/// Floor that is taken: `[x from, y from, x to, y to]`.
pub(super) struct Taken(Vec<[f64; 4]>);

impl Taken {
    pub(super) fn claim(&mut self, area: [f64; 4]) -> bool {
        let free = self.0.iter().all(|o| area[2] <= o[0] || o[2] <= area[0] || area[3] <= o[1] || o[3] <= area[1]);
        if free {
            self.0.push(area);
        }
        free
    }
}

/// The walls a camera sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wall {
    Left,
    Back,
    Right,
}

pub(super) struct Room {
    pub(super) stage: Stage,
    pub(super) draw: Draw,
    pub(super) palette: Palette,
    pub(super) taken: Taken,
    pub(super) lamps: Vec<Lamp>,
    pub(super) width: f64,
    pub(super) depth: f64,
    pub(super) height: f64,
}

/// Builds room `index` of a seed and the camera in it.
pub(super) fn build(seed: u64, index: u64, size: Size) -> (Scene, Camera) {
    let mut draw = Draw::new(seed, 0, index);
    let theme = Theme::of(index);
    let palette = Palette::new(&mut draw);
    let (width, depth) = (draw.within(3.4, 5.4), draw.within(3.6, 5.8));
    let height = draw.within(2.45, 2.95);
    let mut room =
        Room { stage: Stage::new(), draw, palette, taken: Taken(Vec::new()), lamps: Vec::new(), width, depth, height };
    room.shell();
    let camera = room.camera(size);
    room.middle(theme);
    room.walls(theme);
    room.litter();
    let light = room.light();
    (Scene::new(room.stage.parts, light), camera)
}

impl Room {
    fn shell(&mut self) {
        let (w, d, h) = (self.width, self.depth, self.height);
        let draw = &mut self.draw;
        let floor = match draw.below(4) {
            0 => {
                let (a, b) = draw.pick([
                    (rgb(206, 196, 180), rgb(150, 140, 128)),
                    (rgb(150, 132, 112), rgb(196, 186, 170)),
                    (rgb(222, 222, 220), rgb(160, 160, 160)),
                ]);
                Material::patterned(Pattern::Tile, a, b, draw.within(0.3, 0.5), draw.texture_seed()).glossy(0.35)
            }
            1 => {
                let main = draw.pick([rgb(158, 148, 136), rgb(120, 128, 138), rgb(176, 156, 128)]);
                Material::patterned(Pattern::Weave, main, main * 0.8, 0.5, draw.texture_seed())
            }
            _ => Material { pattern: Pattern::Boards, scale: draw.within(0.09, 0.16), ..wood(draw) }.glossy(0.35),
        };
        let paint = draw.pick([
            rgb(232, 226, 212),
            rgb(206, 216, 220),
            rgb(222, 206, 178),
            rgb(196, 208, 186),
            rgb(226, 218, 224),
            rgb(178, 196, 208),
            rgb(232, 214, 190),
            rgb(214, 214, 210),
        ]);
        let plain = Material::plain(paint);
        let feature = match draw.below(6) {
            0 => Material::patterned(Pattern::Brick, rgb(168, 88, 66), rgb(190, 180, 168), 0.075, draw.texture_seed()),
            1 => Material::patterned(Pattern::Stripe, paint, paint * 0.8, 0.12, draw.texture_seed()),
            2 => Material::plain(draw.pick([rgb(72, 98, 112), rgb(140, 84, 70), rgb(94, 112, 88), rgb(64, 68, 80)])),
            _ => plain,
        };
        let white = Material::plain(rgb(240, 239, 234));
        let s = &mut self.stage;
        s.object(FLOOR, Vec3::ZERO, Turn::NONE).quad([0.0; 3], [w, 0.0, 0.0], [0.0, d, 0.0], floor);
        s.also(CEILING).quad([0.0, 0.0, h], [w, 0.0, 0.0], [0.0, d, 0.0], white);
        s.also(WALL).quad([0.0; 3], [0.0, d, 0.0], [0.0, 0.0, h], plain);
        s.also(WALL).quad([0.0, d, 0.0], [w, 0.0, 0.0], [0.0, 0.0, h], feature);
        s.also(WALL).quad([w, 0.0, 0.0], [0.0, d, 0.0], [0.0, 0.0, h], plain);
        s.also(WALL).quad([0.0; 3], [w, 0.0, 0.0], [0.0, 0.0, h], plain);
        // Skirting boards belong to the walls.
        let side = [0.018, d, 0.09];
        s.block([0.009, d / 2.0, 0.045], side, white).block([w - 0.009, d / 2.0, 0.045], side, white);
        s.block([w / 2.0, d - 0.009, 0.045], [w, 0.018, 0.09], white);
    }

    fn camera(&mut self, size: Size) -> Camera {
        let draw = &mut self.draw;
        let across = draw.within(0.28, 0.72);
        let origin = vec3(self.width * across, draw.within(0.25, 0.5), draw.within(1.35, 1.75));
        // From the left it looks right, and the other way round.
        let yaw = (across - 0.5) * 1.3 + draw.within(-0.14, 0.14);
        let pitch = draw.within(-0.23, -0.10);
        self.taken.claim([origin.x - 0.75, 0.0, origin.x + 0.75, 1.35]);
        Camera::new(origin, yaw, pitch, CAMERA.resize(SIZE, size), size)
    }

    pub(super) fn place(&self, wall: Wall, along: f64) -> (Vec3, Turn) {
        match wall {
            Wall::Left => (vec3(0.0, along, 0.0), Turn::quarters(1)),
            Wall::Back => (vec3(along, self.depth, 0.0), Turn::NONE),
            Wall::Right => (vec3(self.width, along, 0.0), Turn::quarters(3)),
        }
    }

    fn area(&self, wall: Wall, along: f64, width: f64, deep: f64) -> [f64; 4] {
        let (from, to) = (along - width / 2.0, along + width / 2.0);
        match wall {
            Wall::Left => [0.0, from, deep, to],
            Wall::Back => [from, self.depth - deep, to, self.depth],
            Wall::Right => [self.width - deep, from, self.width, to],
        }
    }

    fn walls(&mut self, theme: Theme) {
        use Piece::*;
        let main: &[Piece] = match theme {
            Theme::Living => &[Sofa, Media, Bookcase, Armchair, Lamp, Plant, Cabinet, Door],
            Theme::Bedroom => &[Bed, Side, Wardrobe, Chest, Lamp, Plant, Desk, Door],
            Theme::Study => &[Desk, Bookcase, Cabinet, Armchair, Carton, Plant, Lamp, Door],
            Theme::Dining => &[Cabinet, Bookcase, Plant, Sofa, Lamp, Door, Chest, Media],
            Theme::Kitchen => &[Kitchen, Refrigerator, Door, Plant, Cabinet, Carton, Media, Bookcase],
        };
        let window_wall = self.draw.pick([Wall::Left, Wall::Back, Wall::Right]);
        let big_wall = self.draw.pick([Wall::Left, Wall::Back, Wall::Back, Wall::Right]);
        let others: Vec<Wall> = [Wall::Back, Wall::Left, Wall::Right].into_iter().filter(|&w| w != big_wall).collect();
        let mut ends = [(Wall::Left, 1.2), (Wall::Back, 0.05), (Wall::Right, 1.2)];
        let mut hung = false;
        for (i, &piece) in main.iter().enumerate() {
            // The first piece takes the chosen wall; the rest go round.
            let order =
                if i == 0 { [big_wall, others[0], others[1]] } else { [others[i % 2], big_wall, others[(i + 1) % 2]] };
            for wall in order {
                let Some(end) = ends.iter_mut().find(|end| end.0 == wall) else { continue };
                let (width, deep) = self.footprint(piece);
                let length = if wall == Wall::Back { self.width } else { self.depth };
                let gap = if i == 0 { self.draw.within(0.1, 0.5) } else { self.draw.within(0.05, 0.3) };
                let along = end.1 + gap + width / 2.0;
                if along + width / 2.0 > length - 0.03 || !self.taken.claim(self.area(wall, along, width, deep)) {
                    continue;
                }
                end.1 = along + width / 2.0;
                let wants_window = wall == window_wall && !hung;
                hung |= self.put(piece, wall, along, width, wants_window);
                break;
            }
        }
        if !hung {
            self.free_window(window_wall);
        }
        for wall in [Wall::Left, Wall::Back, Wall::Right] {
            let (length, end) = (
                if wall == Wall::Back { self.width } else { self.depth },
                ends.iter().find(|end| end.0 == wall).map_or(0.0, |end| end.1),
            );
            if length - end > 1.0 && (hung || wall != window_wall) {
                let (origin, turn) = self.place(wall, (end + length) / 2.0);
                self.stage.object(PAINTING, origin, turn);
                let size = [self.draw.within(0.45, 0.9), self.draw.within(0.4, 0.7)];
                painting(&mut self.stage, &self.palette, &mut self.draw, 1.55, size);
            }
        }
    }

    fn free_window(&mut self, wall: Wall) {
        let (length, near) = if wall == Wall::Back { (self.width, 1.0) } else { (self.depth, 2.0) };
        for _ in 0..12 {
            let (width, along) = (self.draw.within(0.9, 1.5), self.draw.within(near, length - 0.95));
            if !self.taken.claim(self.area(wall, along, width + 0.2, 0.2)) {
                continue;
            }
            let (origin, turn) = self.place(wall, along);
            self.stage.object(WINDOWPANE, origin, turn);
            let sill = self.draw.within(0.8, 0.95);
            let size = [width, (self.height - sill - 0.35).min(1.4)];
            let lamp = window(&mut self.stage, &self.palette, &mut self.draw, sill, size);
            self.lamps.push(lamp);
            return;
        }
    }

    fn light(&mut self) -> Light {
        let (w, d, h) = (self.width, self.depth, self.height);
        let warmth = self.draw.within(0.0, 1.0);
        let tint = vec3(1.0, 0.96 - 0.12 * warmth, 0.90 - 0.26 * warmth);
        let at = vec3(w * 0.5, d * self.draw.within(0.45, 0.6), h);
        let glass = Material::plain(vec3(1.0, 0.95, 0.85)).glowing(2.5);
        let cap = Material::plain(rgb(210, 208, 204));
        let hang = if self.draw.chance(0.4) { self.draw.within(0.35, 0.6) } else { 0.0 };
        let s = self.stage.object(LIGHT, at, Turn::NONE);
        if hang > 0.0 {
            s.post([0.0, 0.0, -hang], hang, [0.008, 0.008], cap);
            s.ball([0.0, 0.0, -hang - 0.12], [0.16, 0.16, 0.14], glass);
        } else {
            s.post([0.0, 0.0, -0.03], 0.03, [0.24, 0.24], cap).post([0.0, 0.0, -0.10], 0.07, [0.14, 0.21], glass);
        }
        let centre = at - vec3(0.0, 0.0, hang + 0.14);
        let lamp = Lamp {
            centre,
            u: vec3(0.25, 0.0, 0.0),
            v: vec3(0.0, 0.25, 0.0),
            facing: Vec3::ZERO,
            colour: tint * self.draw.within(1.6, 2.6),
        };
        self.lamps.insert(0, lamp);
        let (sin, cos) = sin_cos(self.draw.within(0.0, std::f64::consts::TAU));
        let sun = vec3(cos, sin, self.draw.within(0.45, 0.9)).unit();
        Light {
            above: tint * 0.30,
            below: tint * 0.24,
            reach: 1.1,
            sun: Some((sun, vec3(1.0, 0.90, 0.74) * 2.6)),
            lamps: std::mem::take(&mut self.lamps),
            haze: 0.0,
            exposure: 1.15,
            sky_seed: self.draw.texture_seed(),
        }
    }
}
