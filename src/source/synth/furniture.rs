//! Pieces that stand in rooms. Each is built with its back at y = 0, its front towards -y, its middle at x = 0.

use super::class::*;
use super::draw::Draw;
use super::scene::Stage;
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, vec3};

/// The colours of one room.
pub(super) struct Palette {
    pub(super) wood: Material,
    pub(super) dark_wood: Material,
    pub(super) lacquer: Material,
    pub(super) fabric: Material,
    pub(super) accent: Material,
    pub(super) linen: Material,
    pub(super) metal: Material,
}

pub(super) fn wood(draw: &mut Draw) -> Material {
    let (main, second) = draw.pick([
        (rgb(176, 124, 76), rgb(120, 76, 42)),
        (rgb(205, 165, 112), rgb(160, 118, 72)),
        (rgb(130, 82, 50), rgb(84, 50, 30)),
        (rgb(222, 196, 156), rgb(188, 154, 110)),
        (rgb(150, 96, 58), rgb(98, 58, 34)),
    ]);
    Material::patterned(Pattern::Wood, main, second, 0.12, draw.texture_seed()).glossy(0.12)
}

pub(super) fn fabric(draw: &mut Draw) -> Material {
    let main = draw.pick([
        rgb(92, 112, 138),
        rgb(158, 70, 58),
        rgb(96, 118, 86),
        rgb(198, 180, 150),
        rgb(120, 118, 122),
        rgb(62, 76, 104),
        rgb(206, 150, 62),
        rgb(70, 118, 122),
        rgb(142, 92, 112),
    ]);
    let pattern = draw.pick([Pattern::Weave, Pattern::Weave, Pattern::Stripe]);
    let second = if pattern == Pattern::Stripe { main.mix(Vec3::splat(0.8), 0.5) } else { main * 0.7 };
    Material::patterned(pattern, main, second, if pattern == Pattern::Stripe { 0.05 } else { 0.3 }, draw.texture_seed())
}

pub(super) fn cloth(draw: &mut Draw) -> Material {
    let main = vec3(draw.within(0.12, 0.75), draw.within(0.10, 0.65), draw.within(0.08, 0.6));
    let pattern = draw.pick([Pattern::Weave, Pattern::Stripe, Pattern::Checker, Pattern::Cloud]);
    Material::patterned(pattern, main, main.mix(Vec3::splat(0.85), 0.6), draw.within(0.04, 0.1), draw.texture_seed())
}

impl Palette {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let white = draw.pick([rgb(236, 234, 228), rgb(218, 214, 204), rgb(84, 92, 100), rgb(166, 186, 184)]);
        Self {
            wood: wood(draw),
            dark_wood: wood(draw),
            lacquer: Material::plain(white).glossy(0.15),
            fabric: fabric(draw),
            accent: fabric(draw),
            linen: Material::patterned(
                Pattern::Weave,
                rgb(236, 232, 224),
                rgb(210, 206, 200),
                0.3,
                draw.texture_seed(),
            ),
            metal: Material::plain(rgb(168, 170, 174)).glossy(0.5),
        }
    }
}

pub(super) fn sofa(s: &mut Stage, p: &Palette, draw: &mut Draw, width: f64) {
    let m = p.fabric;
    let seats = if width > 1.3 { (width / 0.75) as usize } else { 1 };
    let seat = (width - 0.36) / seats as f64;
    s.soft_block([0.0, -0.45, 0.17], [width, 0.86, 0.22], 0.03, m);
    s.soft_block([0.0, -0.12, 0.45], [width, 0.22, 0.78], 0.08, m);
    for side in [-1.0, 1.0] {
        s.soft_block([side * (width / 2.0 - 0.09), -0.45, 0.33], [0.18, 0.88, 0.54], 0.07, m);
        for y in [-0.08, -0.80] {
            s.post([side * (width / 2.0 - 0.1), y, 0.0], 0.07, [0.02, 0.03], p.dark_wood);
        }
    }
    for i in 0..seats {
        let x = -width / 2.0 + 0.18 + seat * (i as f64 + 0.5);
        s.soft_block([x, -0.53, 0.36], [seat - 0.015, 0.68, 0.17], 0.06, m);
        s.soft_block([x, -0.28, 0.62], [seat - 0.03, 0.16, 0.40], 0.07, m);
    }
    for side in [-1.0, 1.0] {
        if draw.chance(0.75) {
            let x = side * (width / 2.0 - 0.36);
            s.also(PILLOW).ball([x, -0.40, 0.62], [0.22, 0.09, 0.18], cloth(draw));
        }
    }
}

pub(super) fn bed(s: &mut Stage, p: &Palette, draw: &mut Draw, width: f64) {
    let blanket = cloth(draw);
    s.soft_block([0.0, -1.02, 0.18], [width, 2.04, 0.22], 0.02, p.wood);
    s.soft_block([0.0, -1.02, 0.40], [width - 0.06, 1.96, 0.24], 0.07, p.linen);
    s.soft_block([0.0, -0.04, 0.55], [width + 0.06, 0.08, 1.0], 0.02, p.wood);
    let places: &[f64] = if width > 1.2 { &[-0.25, 0.25] } else { &[0.0] };
    for place in places {
        s.also(PILLOW).ball([place * width, -0.36, 0.60], [0.31, 0.20, 0.11], p.linen);
    }
    if width > 1.2 && draw.chance(0.6) {
        s.also(PILLOW).ball([0.0, -0.58, 0.60], [0.20, 0.15, 0.10], cloth(draw));
    }
    let covered = draw.within(0.8, 1.35);
    s.also(BLANKET).soft_block([0.0, -2.05 + covered / 2.0, 0.42], [width + 0.05, covered, 0.27], 0.06, blanket);
}

pub(super) fn bookcase(s: &mut Stage, p: &Palette, draw: &mut Draw, width: f64, height: f64) {
    let (m, depth) = (p.wood, 0.30);
    for x in [-width / 2.0 + 0.015, width / 2.0 - 0.015] {
        s.block([x, -depth / 2.0, height / 2.0], [0.03, depth, height], m);
    }
    s.block([0.0, -0.01, height / 2.0], [width, 0.02, height], m);
    let shelves = (height / 0.37) as usize;
    let step = (height - 0.05) / shelves as f64;
    for i in 0..=shelves {
        s.block([0.0, -depth / 2.0, 0.04 + step * i as f64], [width - 0.04, depth, 0.025], m);
    }
    for i in 0..shelves {
        let floor = 0.055 + step * i as f64;
        if draw.chance(0.18) {
            let (side, tall) = (draw.within(-0.25, 0.25) * width, draw.within(0.14, 0.24));
            match draw.below(3) {
                0 => vase(s, draw, [side, -0.16, floor], tall),
                1 => {
                    let material = cloth(draw);
                    s.also(BOX).block([side, -0.16, floor + 0.09], [0.28, 0.22, 0.18], material);
                }
                _ => {
                    let material = cloth(draw);
                    s.also(BASKET).post([side, -0.16, floor], 0.16, [0.09, 0.12], material);
                }
            }
            continue;
        }
        books(s, draw, [-width / 2.0 + 0.05, floor, width / 2.0 - 0.05], step - 0.06);
    }
}

/// A row of books on a board: `[from, height of the board, to]`.
pub(super) fn books(s: &mut Stage, draw: &mut Draw, [mut x, floor, to]: [f64; 3], room: f64) {
    s.also(BOOK);
    let stop = to - draw.within(0.0, 0.3) * (to - x);
    while x < stop {
        let thick = draw.within(0.018, 0.05);
        let (tall, deep) = (room * draw.within(0.62, 0.98), draw.within(0.15, 0.21));
        let cover = vec3(draw.within(0.02, 0.6), draw.within(0.02, 0.45), draw.within(0.02, 0.45));
        let cover = Material::patterned(Pattern::Stripe, cover, cover * 1.6, 0.11, draw.texture_seed());
        s.block([x + thick / 2.0, -0.02 - deep / 2.0, floor + tall / 2.0], [thick - 0.002, deep, tall], cover);
        x += thick;
    }
}

pub(super) fn drawers(s: &mut Stage, p: &Palette, draw: &mut Draw, size: [f64; 3], rows: usize) {
    let [width, depth, height] = size;
    let m = if draw.chance(0.5) { p.wood } else { p.lacquer };
    s.block([0.0, -depth / 2.0, 0.05 + (height - 0.05) / 2.0], [width, depth, height - 0.05], m);
    s.block([0.0, -depth / 2.0 + 0.02, 0.03], [width - 0.08, depth - 0.08, 0.06], p.dark_wood);
    let step = (height - 0.11) / rows as f64;
    let columns = if width > 0.9 { 2 } else { 1 };
    let wide = (width - 0.04) / columns as f64;
    for row in 0..rows {
        for column in 0..columns {
            let x = -width / 2.0 + 0.02 + wide * (column as f64 + 0.5);
            let z = 0.08 + step * (row as f64 + 0.5);
            s.block([x, -depth - 0.008, z], [wide - 0.02, 0.018, step - 0.02], m);
            s.ball([x, -depth - 0.03, z], [0.016, 0.016, 0.016], p.metal);
        }
    }
}

pub(super) fn wardrobe(s: &mut Stage, p: &Palette, width: f64, height: f64) {
    s.block([0.0, -0.29, height / 2.0], [width, 0.58, height], p.wood);
    let doors = (width / 0.5) as usize;
    let wide = width / doors as f64;
    for i in 0..doors {
        let x = -width / 2.0 + wide * (i as f64 + 0.5);
        s.block([x, -0.59, height / 2.0 + 0.03], [wide - 0.012, 0.02, height - 0.10], p.wood);
        let handle = if i % 2 == 0 { 1.0 } else { -1.0 };
        s.post([x + handle * (wide / 2.0 - 0.05), -0.62, height * 0.45], 0.18, [0.009, 0.009], p.metal);
    }
}

pub(super) fn table(s: &mut Stage, m: Material, size: [f64; 3], round: bool) {
    let [width, depth, height] = size;
    if round {
        s.post([0.0, 0.0, height - 0.035], 0.035, [width / 2.0, width / 2.0], m);
        s.post([0.0, 0.0, 0.03], height - 0.06, [0.05, 0.045], m);
        s.post([0.0, 0.0, 0.0], 0.03, [width * 0.28, width * 0.24], m);
        return;
    }
    s.block([0.0, 0.0, height - 0.018], [width, depth, 0.036], m);
    s.block([0.0, 0.0, height - 0.07], [width - 0.14, depth - 0.14, 0.07], m);
    for x in [-1.0, 1.0] {
        for y in [-1.0, 1.0] {
            let at = [x * (width / 2.0 - 0.06), y * (depth / 2.0 - 0.06), (height - 0.036) / 2.0];
            s.block(at, [0.055, 0.055, height - 0.036], m);
        }
    }
}

/// A chair whose front is towards -y.
pub(super) fn chair(s: &mut Stage, p: &Palette, padded: bool) {
    let m = p.dark_wood;
    s.soft_block([0.0, 0.0, 0.44], [0.43, 0.43, 0.035], 0.01, m);
    if padded {
        s.soft_block([0.0, -0.005, 0.475], [0.40, 0.40, 0.05], 0.04, p.accent);
    }
    for x in [-0.185, 0.185] {
        s.post([x, -0.185, 0.0], 0.43, [0.014, 0.02], m);
        s.block([x, 0.195, 0.46], [0.035, 0.035, 0.92], m);
    }
    for z in [0.62, 0.73, 0.86] {
        s.block([0.0, 0.195, z], [0.35, 0.02, 0.06], m);
    }
}

pub(super) fn floor_lamp(s: &mut Stage, p: &Palette, shade: Vec3) {
    s.post([0.0, 0.0, 0.0], 0.025, [0.15, 0.14], p.metal);
    s.post([0.0, 0.0, 0.02], 1.34, [0.012, 0.012], p.metal);
    s.post([0.0, 0.0, 1.32], 0.30, [0.21, 0.13], Material::plain(shade).glowing(1.1));
}

pub(super) fn table_lamp(s: &mut Stage, draw: &mut Draw, at: [f64; 3], shade: Vec3) {
    let foot = cloth(draw).main;
    let [x, y, z] = at;
    s.also(LAMP).ball([x, y, z + 0.10], [0.075, 0.075, 0.11], Material::plain(foot).glossy(0.4));
    s.post([x, y, z + 0.18], 0.10, [0.012, 0.012], Material::plain(foot));
    s.post([x, y, z + 0.25], 0.20, [0.15, 0.09], Material::plain(shade).glowing(1.1));
}

pub(super) fn vase(s: &mut Stage, draw: &mut Draw, at: [f64; 3], tall: f64) {
    let glaze = vec3(draw.within(0.05, 0.8), draw.within(0.1, 0.7), draw.within(0.15, 0.8));
    let m = Material::plain(glaze).glossy(0.5);
    let [x, y, z] = at;
    s.also(VASE).ball([x, y, z + tall * 0.42], [tall * 0.32, tall * 0.32, tall * 0.42], m);
    s.post([x, y, z + tall * 0.74], tall * 0.26, [tall * 0.13, tall * 0.19], m);
}

pub(super) fn plant(s: &mut Stage, draw: &mut Draw, tall: f64) {
    let pot = draw.pick([rgb(178, 98, 66), rgb(226, 222, 214), rgb(70, 78, 84)]);
    let rim = 0.13 + 0.05 * tall;
    s.also(POT).post([0.0, 0.0, 0.0], 0.30, [rim * 0.72, rim], Material::plain(pot));
    let leaf = Material {
        holes: 0.42,
        ..Material::patterned(Pattern::Leaf, rgb(72, 128, 52), rgb(120, 164, 74), 0.055, draw.texture_seed())
    };
    s.also(PLANT).post([0.0, 0.0, 0.28], tall * 0.5, [0.022, 0.015], Material::plain(rgb(98, 74, 48)));
    for i in 0..5 {
        let turn = Turn::radians(f64::from(i) * 2.4 + draw.unit());
        let out = turn.apply(vec3(draw.within(0.05, 0.18), 0.0, 0.0));
        let z = 0.30 + tall * draw.within(0.3, 0.75);
        let r = draw.within(0.16, 0.27);
        s.ball([out.x, out.y, z], [r, r, r * draw.within(0.8, 1.2)], Material { seed: leaf.seed ^ i, ..leaf });
    }
}

pub(super) fn television(s: &mut Stage, draw: &mut Draw, at: [f64; 3], width: f64) {
    let [x, y, z] = at;
    let high = width * 0.57;
    let black = Material::plain(rgb(26, 27, 30)).glossy(0.4);
    s.also(TELEVISION).block([x, y, z + high / 2.0 + 0.07], [width, 0.05, high], black);
    s.block([x, y, z + 0.04], [0.09, 0.05, 0.08], black);
    s.block([x, y, z + 0.01], [width * 0.45, 0.20, 0.02], black);
    picture_on(s, draw, [x - width / 2.0 + 0.02, y - 0.0255, z + 0.09], [width - 0.04, high - 0.04]);
}

pub(super) fn monitor(s: &mut Stage, draw: &mut Draw, at: [f64; 3]) {
    let [x, y, z] = at;
    let black = Material::plain(rgb(34, 35, 38)).glossy(0.2);
    s.also(MONITOR).block([x, y, z + 0.30], [0.54, 0.035, 0.33], black);
    s.post([x, y + 0.02, z], 0.16, [0.025, 0.025], black);
    s.block([x, y, z + 0.008], [0.22, 0.17, 0.016], black);
    picture_on(s, draw, [x - 0.255, y - 0.018, z + 0.15], [0.51, 0.30]);
}

fn picture_on(s: &mut Stage, draw: &mut Draw, [x, y, z]: [f64; 3], [width, high]: [f64; 2]) {
    let on = draw.chance(0.6);
    let low = vec3(draw.within(0.1, 0.7), draw.within(0.2, 0.5), draw.within(0.1, 0.5));
    let screen = if on {
        Material::patterned(Pattern::Screen, low, rgb(80, 130, 210), high, draw.texture_seed()).glowing(0.9)
    } else {
        Material::plain(rgb(14, 15, 18))
    };
    s.quad([x, y, z], [width, 0.0, 0.0], [0.0, 0.0, high], screen.glossy(0.35));
}
