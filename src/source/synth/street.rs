//! What stands and drives in streets. Coordinates of an object: x right, y ahead, z up, its foot at the origin.

use super::class::*;
use super::draw::Draw;
use super::scene::Stage;
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, vec3};

pub(super) fn car(s: &mut Stage, draw: &mut Draw) {
    let paint = draw.pick([
        rgb(176, 24, 28),
        rgb(28, 52, 110),
        rgb(206, 208, 212),
        rgb(32, 34, 38),
        rgb(120, 126, 132),
        rgb(236, 236, 232),
        rgb(40, 92, 66),
        rgb(190, 140, 40),
        rgb(88, 26, 34),
    ]);
    let paint = Material::plain(paint).glossy(0.55);
    let glass = Material::plain(rgb(26, 32, 38)).glossy(0.9);
    let trim = Material::plain(rgb(30, 30, 32));
    let estate = draw.chance(0.45);
    let (length, width) = (draw.within(3.9, 4.5), draw.within(1.68, 1.80));
    let half = length / 2.0;
    s.block([0.0, 0.0, 0.30], [width - 0.08, length - 0.1, 0.26], trim);
    s.soft_block([0.0, 0.0, 0.55], [width, length, 0.44], 0.14, paint);
    s.wedge([0.0, 0.0, 0.82], [width - 0.04, length - 0.16, 0.12], [width - 0.22, length - 0.5], [0.0, 0.0], paint);
    let (cabin, middle) = if estate { (length * 0.68, -0.32) } else { (length * 0.58, -0.16) };
    let (top, lean) = if estate { (cabin - 0.75, -0.18) } else { (cabin - 1.10, 0.02) };
    s.wedge([0.0, middle, 1.13], [width - 0.16, cabin, 0.52], [width - 0.50, top], [0.0, lean], glass);
    s.soft_block([0.0, middle + lean, 1.41], [width - 0.46, top + 0.12, 0.06], 0.03, paint);
    for side in [-1.0, 1.0] {
        // The pillar between the doors.
        s.wedge(
            [side * (width / 2.0 - 0.165), middle, 1.13],
            [0.17, 0.09, 0.54],
            [0.17, 0.07],
            [-side * 0.165, lean * 0.5],
            paint,
        );
        for y in [-half * 0.60, half * 0.62] {
            let axis = [side, 0.0, 0.0];
            s.drum([side * (width / 2.0 - 0.20), y, 0.31], axis, 0.21, [0.31, 0.31], Material::plain(rgb(24, 24, 26)));
            let rim = Material::plain(rgb(150, 152, 156)).glossy(0.4);
            s.drum([side * (width / 2.0 + 0.005), y, 0.31], axis, 0.015, [0.19, 0.16], rim);
        }
        let lamp = [side * (width / 2.0 - 0.24), half - 0.01, 0.62];
        s.soft_block(lamp, [0.32, 0.06, 0.15], 0.04, Material::plain(rgb(236, 238, 230)).glossy(0.6));
        let lamp = [side * (width / 2.0 - 0.18), -half + 0.01, 0.66];
        s.soft_block(lamp, [0.24, 0.06, 0.17], 0.04, Material::plain(rgb(170, 14, 16)).glossy(0.4).glowing(0.35));
        s.soft_block([side * (width / 2.0 + 0.03), half * 0.34, 0.92], [0.17, 0.12, 0.12], 0.04, paint);
    }
    for (y, out) in [(-half, -0.004), (half, 0.004)] {
        s.block([0.0, y + out, 0.52], [0.50, 0.02, 0.11], Material::plain(rgb(230, 230, 222)));
        s.soft_block([0.0, y + out * 2.0, 0.36], [width - 0.1, 0.10, 0.18], 0.05, trim);
    }
}

pub(super) fn van(s: &mut Stage, draw: &mut Draw) {
    let paint = draw.pick([rgb(232, 232, 228), rgb(200, 60, 40), rgb(60, 90, 140), rgb(220, 180, 60)]);
    let paint = Material::plain(paint).glossy(0.35);
    let dark = Material::plain(rgb(28, 30, 34));
    s.soft_block([0.0, -0.4, 1.28], [1.95, 4.4, 1.90], 0.12, paint);
    s.soft_block([0.0, 2.2, 0.75], [1.92, 1.1, 0.84], 0.12, paint);
    let glass = Material::plain(rgb(24, 30, 36)).glossy(0.9);
    s.wedge([0.0, 2.05, 1.62], [1.80, 1.2, 0.95], [1.66, 0.3], [0.0, -0.35], glass);
    s.block([0.0, 0.2, 0.35], [1.86, 5.2, 0.24], dark);
    for x in [-0.45, 0.45] {
        s.block([x, -2.605, 1.68], [0.72, 0.01, 0.52], glass);
    }
    s.block([0.0, -2.61, 0.55], [0.5, 0.02, 0.12], Material::plain(rgb(230, 230, 222)));
    for side in [-1.0, 1.0] {
        for y in [-1.6, 1.7] {
            let axis = [side, 0.0, 0.0];
            s.drum([side * 0.78, y, 0.36], axis, 0.21, [0.36, 0.36], Material::plain(rgb(24, 24, 26)));
            s.drum([side * 0.985, y, 0.36], axis, 0.015, [0.21, 0.18], Material::plain(rgb(140, 142, 146)));
        }
        let red = Material::plain(rgb(170, 14, 16)).glowing(0.35);
        s.block([side * 0.88, -2.605, 1.0], [0.14, 0.02, 0.42], red);
        s.soft_block([side * 0.66, 2.75, 0.80], [0.40, 0.06, 0.20], 0.05, Material::plain(rgb(236, 238, 230)));
    }
}

pub(super) fn person(s: &mut Stage, draw: &mut Draw) {
    let dye = |draw: &mut Draw| vec3(draw.within(0.02, 0.5), draw.within(0.02, 0.4), draw.within(0.03, 0.5));
    let (shirt, trousers) = (Material::plain(dye(draw)), Material::plain(dye(draw) * 0.5));
    let skin = Material::plain(draw.pick([rgb(224, 178, 148), rgb(168, 116, 84), rgb(108, 70, 50)]));
    let hair = Material::plain(draw.pick([rgb(40, 28, 22), rgb(110, 76, 44), rgb(150, 146, 140)]));
    let tall = draw.within(0.94, 1.06);
    let stride = draw.within(0.05, 0.18);
    for side in [-1.0, 1.0] {
        let foot = [side * 0.10, side * stride, 0.05];
        let up = vec3(-side * 0.01, -side * stride, 0.80 * tall);
        let (length, axis) = (up.length(), up.unit().to_array());
        s.drum(foot, axis, length, [0.055, 0.085], trousers);
        s.ball([foot[0], foot[1] + 0.05, 0.05], [0.06, 0.06, 0.05], Material::plain(rgb(30, 28, 28)));
        let arm = vec3(-side * 0.05, side * stride * 0.9, 0.56);
        let hand = [side * 0.30, -side * stride * 0.9, 0.80 * tall];
        s.drum(hand, arm.unit().to_array(), arm.length(), [0.04, 0.055], shirt);
        s.ball(hand, [0.045; 3], skin);
    }
    s.post([0.0, 0.0, 0.80 * tall], 0.34, [0.15, 0.18], shirt);
    s.post([0.0, 0.0, 0.80 * tall + 0.34], 0.26, [0.18, 0.20], shirt);
    s.ball([0.0, 0.0, 0.80 * tall + 0.60], [0.20, 0.20, 0.09], shirt);
    s.post([0.0, 0.0, 0.80 * tall + 0.64], 0.10, [0.055, 0.055], skin);
    let head = 0.80 * tall + 0.83;
    s.ball([0.0, 0.0, head], [0.10, 0.10, 0.125], skin);
    s.ball([0.0, -0.025, head + 0.03], [0.105, 0.105, 0.115], hair);
}

pub(super) fn tree(s: &mut Stage, draw: &mut Draw, tall: f64) {
    let bark = Material::patterned(Pattern::Cloud, rgb(96, 78, 60), rgb(62, 50, 40), 0.12, draw.texture_seed());
    let trunk = tall * draw.within(0.32, 0.45);
    s.post([0.0, 0.0, -0.1], trunk + tall * 0.2, [0.028 * tall, 0.016 * tall], bark);
    let (main, second) = draw.pick([
        (rgb(74, 104, 44), rgb(118, 140, 62)),
        (rgb(58, 88, 42), rgb(92, 120, 58)),
        (rgb(98, 112, 46), rgb(150, 150, 70)),
        (rgb(140, 104, 40), rgb(176, 130, 52)),
    ]);
    let leaf = Material { holes: 0.42, ..Material::patterned(Pattern::Leaf, main, second, 0.13, draw.texture_seed()) };
    let crown = tall * 0.32;
    if draw.chance(0.22) {
        // A conifer: stumps on top of each other.
        for i in 0..5 {
            let low = trunk * 0.5 + f64::from(i) * tall * 0.16;
            let r = crown * (1.0 - 0.17 * f64::from(i)) * 0.9;
            let leaf = Material { main: rgb(42, 72, 44), second: rgb(64, 92, 56), holes: 0.30, ..leaf };
            s.post([0.0, 0.0, low], tall * 0.24, [r, r * 0.35], leaf);
        }
        return;
    }
    s.ball([0.0, 0.0, trunk + crown * 0.9], [crown * 0.75, crown * 0.75, crown * 0.9], leaf);
    for i in 0..7_u32 {
        let out = Turn::radians(f64::from(i) * 2.4 + draw.unit()).apply(vec3(crown * draw.within(0.3, 0.75), 0.0, 0.0));
        let r = crown * draw.within(0.42, 0.62);
        let z = trunk + crown * draw.within(0.35, 1.45);
        s.ball([out.x, out.y, z], [r, r, r * 0.85], Material { seed: leaf.seed ^ i, ..leaf });
    }
}

pub(super) fn hedge(s: &mut Stage, draw: &mut Draw, length: f64) {
    let leaf = Material {
        holes: 0.25,
        ..Material::patterned(Pattern::Leaf, rgb(58, 92, 40), rgb(90, 124, 56), 0.09, draw.texture_seed())
    };
    let high = draw.within(0.8, 1.4);
    s.block([0.0, length / 2.0, high / 2.0], [0.7, length, high], leaf);
    s.block([0.0, length / 2.0, high / 2.0 - 0.05], [0.5, length - 0.2, high - 0.1], Material { holes: 0.0, ..leaf });
}

pub(super) fn fence(s: &mut Stage, draw: &mut Draw, length: f64) {
    let pickets = draw.chance(0.5);
    let paint = if draw.chance(0.4) { rgb(232, 230, 222) } else { rgb(128, 96, 66) };
    let wood = Material::patterned(Pattern::Cloud, paint, paint * 0.75, 0.2, draw.texture_seed());
    let mut y = 0.0;
    while y < length {
        s.block([0.0, y, 0.55], [0.10, 0.10, 1.10], wood);
        y += 2.4;
    }
    for z in [0.35, 0.85] {
        s.block([0.04, length / 2.0, z], [0.04, length, 0.09], wood);
    }
    if pickets {
        let mut y = 0.1;
        while y < length {
            s.block([-0.02, y, 0.52], [0.025, 0.09, 0.94], wood);
            y += 0.20;
        }
    }
}

pub(super) fn streetlight(s: &mut Stage, towards: f64) {
    let steel = Material::plain(rgb(104, 108, 112)).glossy(0.2);
    s.post([0.0; 3], 6.8, [0.09, 0.05], steel);
    s.drum([0.0, 0.0, 6.75], [towards * 0.98, 0.0, 0.199], 1.7, [0.04, 0.035], steel);
    s.soft_block([towards * 1.9, 0.0, 7.06], [0.62, 0.24, 0.12], 0.04, steel);
    s.block([towards * 1.9, 0.0, 6.99], [0.44, 0.18, 0.02], Material::plain(rgb(240, 236, 220)));
}

pub(super) fn traffic_light(s: &mut Stage, draw: &mut Draw) {
    let steel = Material::plain(rgb(92, 96, 98));
    s.post([0.0; 3], 3.4, [0.07, 0.06], steel);
    s.also(TRAFFIC_LIGHT).soft_block([0.0, -0.08, 3.0], [0.34, 0.26, 0.98], 0.04, Material::plain(rgb(22, 24, 24)));
    s.block([0.0, 0.07, 3.0], [0.60, 0.02, 1.20], Material::plain(rgb(16, 16, 18)));
    let on = draw.below(3);
    let lamps = [(3.30, rgb(250, 30, 20)), (3.0, rgb(250, 180, 20)), (2.70, rgb(20, 230, 110))];
    for (i, (z, colour)) in lamps.into_iter().enumerate() {
        let lit = if i == on { Material::plain(colour).glowing(1.6) } else { Material::plain(colour * 0.12) };
        s.drum([0.0, -0.21, z], [0.0, -1.0, 0.0], 0.03, [0.115, 0.10], lit);
    }
}

pub(super) fn sign(s: &mut Stage, draw: &mut Draw) {
    let steel = Material::plain(rgb(130, 134, 138));
    let back = Material::plain(rgb(150, 152, 154));
    s.post([0.0; 3], 2.9, [0.035, 0.035], steel);
    s.also(SIGNBOARD);
    match draw.below(4) {
        0 => {
            s.drum([0.0, -0.04, 2.55], [0.0, -1.0, 0.0], 0.012, [0.34, 0.34], Material::plain(rgb(190, 20, 24)));
            s.drum([0.0, -0.052, 2.55], [0.0, -1.0, 0.0], 0.002, [0.25, 0.25], Material::plain(rgb(238, 238, 234)));
            s.block([0.0, -0.055, 2.55], [0.26, 0.003, 0.09], Material::plain(rgb(24, 24, 26)));
        }
        1 => {
            s.drum([0.0, -0.04, 2.55], [0.0, -1.0, 0.0], 0.012, [0.34, 0.34], Material::plain(rgb(196, 18, 22)));
            s.block([0.0, -0.054, 2.55], [0.46, 0.004, 0.11], Material::plain(rgb(240, 240, 236)));
        }
        2 => {
            let blue = Material::patterned(Pattern::Sign, rgb(24, 70, 160), rgb(236, 238, 240), 0.6, 1);
            s.block([0.0, -0.045, 2.5], [0.62, 0.02, 0.62], back);
            s.quad([-0.30, -0.056, 2.2], [0.60, 0.0, 0.0], [0.0, 0.0, 0.60], blue);
        }
        _ => {
            let yellow = Material::plain(rgb(246, 196, 30));
            s.block([0.0, -0.045, 2.5], [1.3, 0.02, 0.42], Material::plain(rgb(24, 24, 26)));
            s.block([0.0, -0.056, 2.5], [1.24, 0.004, 0.36], yellow);
            for (x, wide) in [(-0.3, 0.42), (0.3, 0.5)] {
                s.block([x, -0.06, 2.5], [wide, 0.003, 0.07], Material::plain(rgb(30, 30, 32)));
            }
        }
    }
}

/// A building of storeys: its corner nearest the road and the camera at the origin, `sides` across and along.
pub(super) fn building(s: &mut Stage, draw: &mut Draw, out: f64, sides: [f64; 2], storeys: usize) {
    let [across, along] = sides;
    let high = 3.1 * storeys as f64;
    let wall = draw.pick([
        rgb(206, 190, 160),
        rgb(190, 170, 150),
        rgb(222, 214, 196),
        rgb(176, 108, 84),
        rgb(200, 160, 116),
        rgb(168, 172, 172),
        rgb(216, 198, 140),
        rgb(150, 90, 74),
    ]);
    let bays = (along / draw.within(2.4, 3.2)).round().max(1.0);
    let facade = Material::patterned(Pattern::Facade, wall, rgb(232, 230, 224), along / bays, draw.texture_seed());
    let middle = [out * across / 2.0, along / 2.0];
    s.block([middle[0], middle[1], high / 2.0], [across, along, high], facade);
    let plinth = Material::patterned(Pattern::Tile, rgb(140, 132, 124), rgb(110, 104, 98), 0.6, 3);
    s.block([middle[0], middle[1], 0.3], [across + 0.08, along, 0.6], plinth);
    let ledge = Material::plain(wall.mix(Vec3::splat(0.8), 0.4));
    s.block([middle[0], middle[1], high + 0.12], [across + 0.5, along + 0.1, 0.24], ledge);
    if draw.chance(0.6) {
        let tiles = draw.pick([rgb(150, 72, 52), rgb(104, 74, 64), rgb(78, 80, 88)]);
        let tiles = Material::patterned(Pattern::Brick, tiles, tiles * 0.6, 0.28, draw.texture_seed());
        let rise = draw.within(1.8, 3.2);
        s.wedge(
            [middle[0], middle[1], high + 0.24 + rise / 2.0],
            [across + 0.4, along, rise],
            [across * 0.35, along],
            [0.0, 0.0],
            tiles,
        );
    }
    // A door, in the wall that faces the road.
    let at = along * draw.within(0.2, 0.8);
    s.block([-out * 0.02, at, 1.15], [0.06, 1.2, 2.3], Material::plain(rgb(84, 58, 44)).glossy(0.1));
    s.block([-out * 0.06, at, 0.06], [0.5, 1.5, 0.12], ledge);
}

pub(super) fn house(s: &mut Stage, draw: &mut Draw, out: f64, sides: [f64; 2]) {
    let [across, along] = sides;
    let high = draw.pick([3.1, 3.1, 6.2]);
    let wall =
        draw.pick([rgb(232, 226, 210), rgb(214, 196, 160), rgb(196, 120, 96), rgb(222, 222, 220), rgb(190, 204, 210)]);
    let bays = (along / 3.2).round().max(1.0);
    let facade = Material::patterned(Pattern::Facade, wall, rgb(240, 238, 232), along / bays, draw.texture_seed());
    let middle = [out * across / 2.0, along / 2.0];
    s.block([middle[0], middle[1], high / 2.0], [across, along, high], facade);
    let tiles = draw.pick([rgb(164, 76, 54), rgb(120, 60, 48), rgb(84, 84, 92), rgb(132, 92, 66)]);
    let tiles = Material::patterned(Pattern::Brick, tiles, tiles * 0.6, 0.3, draw.texture_seed());
    let rise = across * draw.within(0.28, 0.42);
    let base = [across + 0.9, along + 0.8, rise];
    s.wedge([middle[0], middle[1], high + rise / 2.0], base, [0.02, along + 0.8], [0.0, 0.0], tiles);
    let brick = Material::patterned(Pattern::Brick, rgb(150, 80, 62), rgb(180, 170, 160), 0.08, 7);
    s.block([middle[0] + across * 0.2, along * 0.7, high + rise * 0.8], [0.6, 0.6, rise * 1.1], brick);
    s.block([-out * 0.02, along * 0.36, 1.1], [0.06, 1.0, 2.2], Material::plain(rgb(90, 50, 40)));
}
