//! Rooms: a shell, a theme, pieces along three walls, a group in the middle, and a camera at the fourth.

use super::class::*;
use super::draw::Draw;
use super::fitting::{ball, bottles, carton, clock, door, kitchen, mirror, painting, refrigerator, window};
use super::furniture::{
    Palette, bed, bookcase, books, chair, cloth, drawers, fabric, floor_lamp, monitor, plant, sofa, table, table_lamp,
    television, vase, wardrobe, wood,
};
use super::render::Camera;
use super::scene::{Lamp, Light, Scene, Stage};
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, vec3};
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
enum Theme {
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

/// Something that stands at a wall.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Sofa,
    Armchair,
    Bed,
    Bookcase,
    Wardrobe,
    Chest,
    Cabinet,
    Media,
    Desk,
    Door,
    Kitchen,
    Refrigerator,
    Lamp,
    Plant,
    Carton,
    Side,
}

/// Floor that is taken: `[x from, y from, x to, y to]`.
struct Taken(Vec<[f64; 4]>);

impl Taken {
    fn claim(&mut self, area: [f64; 4]) -> bool {
        let free = self.0.iter().all(|o| area[2] <= o[0] || o[2] <= area[0] || area[3] <= o[1] || o[3] <= area[1]);
        if free {
            self.0.push(area);
        }
        free
    }
}

/// The walls a camera sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wall {
    Left,
    Back,
    Right,
}

struct Room {
    stage: Stage,
    draw: Draw,
    palette: Palette,
    taken: Taken,
    lamps: Vec<Lamp>,
    width: f64,
    depth: f64,
    height: f64,
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

    fn place(&self, wall: Wall, along: f64) -> (Vec3, Turn) {
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
            if length - end > 1.0 && !(wall == window_wall && !hung) {
                let (origin, turn) = self.place(wall, (end + length) / 2.0);
                self.stage.object(PAINTING, origin, turn);
                let size = [self.draw.within(0.45, 0.9), self.draw.within(0.4, 0.7)];
                painting(&mut self.stage, &self.palette, &mut self.draw, 1.55, size);
            }
        }
    }

    /// Width and depth of a piece.
    fn footprint(&mut self, piece: Piece) -> (f64, f64) {
        let draw = &mut self.draw;
        match piece {
            Piece::Sofa => (draw.within(1.75, 2.3), 0.95),
            Piece::Armchair => (draw.within(0.85, 0.95), 0.95),
            Piece::Bed => (draw.pick([1.0, 1.45, 1.65]), 2.1),
            Piece::Bookcase => (draw.within(0.75, 1.3), 0.34),
            Piece::Wardrobe => (draw.within(1.0, 1.7), 0.64),
            Piece::Chest => (draw.within(0.8, 1.2), 0.52),
            Piece::Cabinet => (draw.within(1.1, 1.7), 0.48),
            Piece::Media => (draw.within(1.2, 1.7), 0.48),
            Piece::Desk => (draw.within(1.2, 1.6), 1.3),
            Piece::Door => (1.06, 0.3),
            Piece::Kitchen => (draw.within(2.0, 2.7), 0.68),
            Piece::Refrigerator => (0.7, 0.72),
            Piece::Lamp => (0.46, 0.46),
            Piece::Plant => (0.66, 0.66),
            Piece::Carton => (0.6, 0.5),
            Piece::Side => (0.5, 0.45),
        }
    }

    /// Builds a piece and what stands on it or hangs above it. Returns whether the window went there.
    fn put(&mut self, piece: Piece, wall: Wall, along: f64, width: f64, wants_window: bool) -> bool {
        let (origin, turn) = self.place(wall, along);
        let warm = rgb(255, 226, 176);
        let ceiling = self.height;
        let Self { stage: s, draw, palette: p, .. } = self;
        let mut top = None;
        match piece {
            Piece::Sofa => sofa(s.object(SOFA, origin, turn), p, draw, width),
            Piece::Armchair => sofa(s.object(SOFA, origin, turn), p, draw, width),
            Piece::Bed => bed(s.object(BED, origin, turn), p, draw, width),
            Piece::Bookcase => {
                let height = draw.within(1.5, 2.1);
                bookcase(s.object(BOOKCASE, origin, turn), p, draw, width, height);
                return false;
            }
            Piece::Wardrobe => {
                let height = draw.within(1.9, 2.2);
                wardrobe(s.object(WARDROBE, origin, turn), p, width, height);
                return false;
            }
            Piece::Chest => {
                drawers(s.object(CHEST_OF_DRAWERS, origin, turn), p, draw, [width, 0.46, 0.85], 4);
                vase(s, draw, [width * 0.3, -0.22, 0.85], 0.26);
                top = Some(0.85);
            }
            Piece::Cabinet => {
                drawers(s.object(CABINET, origin, turn), p, draw, [width, 0.42, 0.78], 2);
                table_lamp(s, draw, [width * 0.34, -0.21, 0.78], warm);
                bottles(s, draw, [-width * 0.36, -0.2, 0.78]);
            }
            Piece::Media => {
                drawers(s.object(CABINET, origin, turn), p, draw, [width, 0.42, 0.5], 1);
                television(s, draw, [0.0, -0.22, 0.5], width * 0.72);
                return false;
            }
            Piece::Desk => {
                let middle = s.object(DESK, origin, turn).place([0.0, -0.36, 0.0]);
                table(s.object(DESK, middle, turn), p.wood, [width, 0.66, 0.74], false);
                monitor(s, draw, [-0.1, 0.08, 0.74]);
                table_lamp(s, draw, [width * 0.38, 0.15, 0.74], warm);
                let tall = draw.within(0.2, 0.27);
                books(s, draw, [-width / 2.0 + 0.05, 0.74, -0.42], tall);
                let at = s.place([draw.within(-0.15, 0.15), -0.42, 0.0]);
                let facing = turn.then(Turn::radians(std::f64::consts::PI + draw.within(-0.4, 0.4)));
                chair(s.object(CHAIR, at, facing), p, true);
                let at = s.object(DESK, middle, turn).place([width * 0.32, 0.0, 0.0]);
                s.object(ASHCAN, at, turn).post([0.0; 3], 0.32, [0.11, 0.14], p.metal);
            }
            Piece::Door => {
                door(s.object(DOOR, origin, turn), p, draw);
                return false;
            }
            Piece::Kitchen => {
                kitchen(s.object(COUNTER, origin, turn), p, draw, width);
                return false;
            }
            Piece::Refrigerator => {
                let height = draw.within(1.6, 1.85);
                refrigerator(s.object(REFRIGERATOR, origin, turn), p, height);
                return false;
            }
            Piece::Lamp => {
                let at = s.object(LAMP, origin, turn).place([0.0, -0.24, 0.0]);
                floor_lamp(s.object(LAMP, at, turn), p, warm);
                let (u, v) = (vec3(0.1, 0.0, 0.0), vec3(0.0, 0.1, 0.0));
                let centre = at + vec3(0.0, 0.0, 1.62);
                self.lamps.push(Lamp { centre, u, v, facing: Vec3::ZERO, colour: vec3(1.0, 0.72, 0.42) * 0.75 });
            }
            Piece::Plant => {
                let at = s.object(PLANT, origin, turn).place([0.0, -0.33, 0.0]);
                let tall = draw.within(0.6, 1.2);
                plant(s.object(PLANT, at, turn), draw, tall);
                return false;
            }
            Piece::Carton => {
                let at = s.object(BOX, origin, turn).place([0.0, -0.27, 0.0]);
                carton(s.object(BOX, at, turn.then(Turn::radians(draw.within(-0.2, 0.2)))), draw, 0.42);
            }
            Piece::Side => {
                drawers(s.object(CHEST_OF_DRAWERS, origin, turn), p, draw, [0.46, 0.38, 0.52], 2);
                table_lamp(s, draw, [0.0, -0.19, 0.52], warm);
                return false;
            }
        }
        self.stage.object(PAINTING, origin, turn);
        self.above(width, top, wants_window, ceiling)
    }

    /// What hangs above a low piece; returns whether it is the window.
    fn above(&mut self, width: f64, top: Option<f64>, wants_window: bool, ceiling: f64) -> bool {
        let Self { stage: s, draw, palette: p, lamps, .. } = self;
        if wants_window && width > 1.1 {
            let sill = draw.within(1.02, 1.12);
            let size = [(width - 0.35).min(1.9), (ceiling - sill - 0.35).min(1.3)];
            lamps.push(window(s, p, draw, sill, size));
            return true;
        }
        if width < 0.7 {
            return false;
        }
        match draw.below(5) {
            0 if top.is_some() => mirror(s, p, 1.5, [width * 0.6, 0.8]),
            1 => clock(s, p, 1.75),
            _ => {
                let size = [draw.within(0.4, 0.65) * width.min(1.6), draw.within(0.4, 0.6)];
                let middle = draw.within(1.5, 1.62);
                painting(s, p, draw, middle, size);
            }
        }
        false
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

    fn middle(&mut self, theme: Theme) {
        let draw = &mut self.draw;
        let (x, y) = (self.width * draw.within(0.42, 0.58), self.depth * draw.within(0.52, 0.62));
        let turn = Turn::radians(draw.within(-0.12, 0.12));
        let rug = [draw.within(1.5, 2.2), draw.within(1.3, 1.8)];
        if draw.chance(0.8) || theme == Theme::Living {
            let m = match fabric(draw) {
                m if draw.chance(0.6) => Material {
                    pattern: Pattern::Carpet,
                    second: m.main.mix(Vec3::splat(0.7), 0.7),
                    scale: draw.within(0.2, 0.4),
                    ..m
                },
                m => m,
            };
            let edge = Material::plain(m.main * 0.5);
            let at = vec3(x, y, 0.0);
            let s = self.stage.object(RUG, at, turn);
            s.block([0.0, 0.0, 0.005], [rug[0] + 0.12, rug[1] + 0.12, 0.010], edge);
            s.block([0.0, 0.0, 0.006], [rug[0], rug[1], 0.012], m);
        }
        let at = vec3(x, y, 0.012);
        match theme {
            Theme::Dining | Theme::Kitchen => self.dining(at, turn, theme == Theme::Dining),
            Theme::Living => self.coffee(at, turn),
            Theme::Study => {
                let at = at + vec3(draw.within(-0.4, 0.4), draw.within(-0.2, 0.4), 0.0);
                if self.taken.claim([at.x - 0.3, at.y - 0.3, at.x + 0.3, at.y + 0.3]) {
                    let Self { stage: s, draw, palette: p, .. } = self;
                    let away = Turn::radians(draw.within(-2.5, 2.5));
                    chair(s.object(CHAIR, at, away), p, draw.chance(0.5));
                }
            }
            Theme::Bedroom => {
                let at = at + vec3(draw.within(-0.6, 0.6), draw.within(-0.5, 0.0), 0.0);
                if self.taken.claim([at.x - 0.3, at.y - 0.3, at.x + 0.3, at.y + 0.3]) {
                    let m = cloth(draw);
                    self.stage.object(OTTOMAN, at, turn).soft_block([0.0, 0.0, 0.2], [0.5, 0.5, 0.4], 0.09, m);
                }
            }
        }
    }

    fn coffee(&mut self, at: Vec3, turn: Turn) {
        let Self { stage: s, draw, palette: p, taken, .. } = self;
        let size = [draw.within(0.8, 1.2), draw.within(0.5, 0.65), draw.within(0.36, 0.44)];
        taken.claim([at.x - size[0] / 2.0, at.y - size[1] / 2.0, at.x + size[0] / 2.0, at.y + size[1] / 2.0]);
        let round = draw.chance(0.3);
        table(s.object(COFFEE_TABLE, at, turn), p.wood, size, round);
        vase(s, draw, [-0.18, 0.05, size[2]], 0.2);
        s.also(PLATE).post([0.12, -0.08, size[2]], 0.015, [0.08, 0.12], p.lacquer);
        let cover = cloth(draw);
        s.also(BOOK).block([0.05, 0.16, size[2] + 0.015], [0.24, 0.17, 0.03], cover);
    }

    fn dining(&mut self, at: Vec3, turn: Turn, large: bool) {
        let Self { stage: s, draw, palette: p, taken, .. } = self;
        let size = [if large { draw.within(1.3, 1.7) } else { draw.within(0.8, 1.0) }, 0.8, 0.74];
        let round = draw.chance(0.3);
        let reach = [size[0] / 2.0 + 0.5, if round { size[0] } else { size[1] } / 2.0 + 0.5];
        taken.claim([at.x - reach[0], at.y - reach[1], at.x + reach[0], at.y + reach[1]]);
        table(s.object(TABLE, at, turn), p.wood, size, round);
        vase(s, draw, [0.0, 0.0, size[2]], 0.28);
        let mut seats = vec![];
        if round {
            for i in 0..4 {
                let place = Turn::radians(0.8 + 1.571 * f64::from(i));
                let out = place.apply(vec3(0.0, size[0] / 2.0 + 0.14, 0.0));
                seats.push((out, place));
            }
        } else {
            for x in if large { vec![-size[0] * 0.25, size[0] * 0.25] } else { vec![0.0] } {
                seats.push((vec3(x, size[1] / 2.0 + 0.12, 0.0), Turn::NONE));
                seats.push((vec3(x, -size[1] / 2.0 - 0.12, 0.0), Turn::quarters(2)));
            }
        }
        let padded = draw.chance(0.6);
        for (out, facing) in seats {
            let plate = out * ((out.length() - 0.33) / out.length());
            s.object(PLATE, at, turn).post([plate.x, plate.y, size[2]], 0.014, [0.08, 0.12], p.lacquer);
            let facing = turn.then(facing).then(Turn::radians(draw.within(-0.12, 0.12)));
            if large || draw.chance(0.8) {
                chair(s.object(CHAIR, at + turn.apply(out) + vec3(0.0, 0.0, -0.01), facing), p, padded);
            } else {
                let wood = p.wood;
                let seat = at + turn.apply(out);
                s.object(STOOL, seat, facing).post([0.0, 0.0, 0.43], 0.04, [0.16, 0.16], wood);
                s.post([0.0; 3], 0.43, [0.14, 0.05], wood);
            }
        }
    }

    /// Small things on free floor.
    fn litter(&mut self) {
        for i in 0..4 {
            let r = self.draw.within(0.11, 0.16);
            let (x, y) = (self.draw.within(0.5, self.width - 0.5), self.draw.within(1.7, self.depth - 0.6));
            let side = if i == 1 { 0.28 } else { r };
            if !self.taken.claim([x - side, y - side, x + side, y + side]) {
                continue;
            }
            let Self { stage: s, draw, .. } = self;
            let turn = Turn::radians(draw.within(-0.8, 0.8));
            match i {
                0 => ball(s.object(BALL, vec3(x, y, 0.012), turn), draw, r),
                1 => {
                    let side = draw.within(0.3, 0.42);
                    carton(s.object(BOX, vec3(x, y, 0.012), turn), draw, side);
                }
                2 => {
                    let weave = Material::patterned(
                        Pattern::Checker,
                        rgb(170, 130, 84),
                        rgb(140, 100, 60),
                        0.03,
                        draw.texture_seed(),
                    );
                    s.object(BASKET, vec3(x, y, 0.012), turn).post([0.0; 3], 0.26, [0.14, 0.18], weave);
                }
                _ => {
                    let cover = cloth(draw);
                    let s = s.object(BOOK, vec3(x, y, 0.012), turn);
                    s.block([0.0, 0.0, 0.015], [0.24, 0.17, 0.03], cover);
                }
            }
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
        let (sin, cos) = super::vector::sin_cos(self.draw.within(0.0, 6.28));
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
