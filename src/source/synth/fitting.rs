//! What hangs on walls, stands in kitchens or lies about. Same coordinates as furniture: the wall is at y = 0.

use super::class::*;
use super::draw::Draw;
use super::furniture::{Palette, cloth};
use super::scene::{Lamp, Stage, spread};
use super::texture::{Material, Pattern, rgb};
use super::vector::{Vec3, vec3};

pub(super) fn painting(s: &mut Stage, p: &Palette, draw: &mut Draw, middle: f64, size: [f64; 2]) {
    let [width, high] = size;
    let frame = if draw.chance(0.5) { p.dark_wood } else { p.lacquer };
    let (main, second) = (
        vec3(draw.within(0.1, 0.8), draw.within(0.1, 0.5), draw.within(0.05, 0.4)),
        vec3(draw.within(0.02, 0.3), draw.within(0.1, 0.5), draw.within(0.1, 0.7)),
    );
    let canvas = spread(Pattern::Picture, main, second, high, draw.texture_seed());
    s.also(PAINTING).block([0.0, -0.015, middle], [width, 0.03, high], frame);
    let inset = [-width / 2.0 + 0.035, -0.031, middle - high / 2.0 + 0.035];
    s.quad(inset, [width - 0.07, 0.0, 0.0], [0.0, 0.0, high - 0.07], canvas);
}

pub(super) fn mirror(s: &mut Stage, p: &Palette, middle: f64, size: [f64; 2]) {
    let [width, high] = size;
    s.also(MIRROR).block([0.0, -0.012, middle], [width, 0.024, high], p.wood);
    let glass = Material::plain(Vec3::splat(0.05)).glossy(9.0);
    let inset = [-width / 2.0 + 0.03, -0.025, middle - high / 2.0 + 0.03];
    s.quad(inset, [width - 0.06, 0.0, 0.0], [0.0, 0.0, high - 0.06], glass);
}

pub(super) fn clock(s: &mut Stage, p: &Palette, middle: f64) {
    s.also(CLOCK).drum([0.0, 0.0, middle], [0.0, -1.0, 0.0], 0.03, [0.16, 0.15], p.dark_wood);
    s.drum([0.0, -0.03, middle], [0.0, -1.0, 0.0], 0.002, [0.135, 0.135], Material::plain(rgb(240, 238, 230)));
    let hand = Material::plain(rgb(20, 20, 20));
    s.block([0.0, -0.034, middle + 0.045], [0.012, 0.004, 0.10], hand);
    s.block([0.035, -0.034, middle], [0.08, 0.004, 0.012], hand);
}

/// A window with its frame, perhaps curtains; returns the light it lets in.
pub(super) fn window(s: &mut Stage, p: &Palette, draw: &mut Draw, sill: f64, size: [f64; 2]) -> Lamp {
    let [width, high] = size;
    let frame = Material::plain(rgb(238, 236, 230));
    let bar = |s: &mut Stage, x: f64, z: f64, w: f64, h: f64| {
        s.block([x, -0.025, z], [w, 0.07, h], frame);
    };
    s.also(WINDOWPANE);
    let glass = spread(Pattern::View, Vec3::splat(1.0), Vec3::splat(1.0), high, draw.texture_seed());
    let glass = Material { pane: true, ..glass.glowing(1.25) };
    s.quad([-width / 2.0, -0.012, sill], [width, 0.0, 0.0], [0.0, 0.0, high], glass);
    for x in [-width / 2.0, 0.0, width / 2.0] {
        bar(s, x, sill + high / 2.0, 0.05, high + 0.05);
    }
    for z in [sill, sill + high] {
        bar(s, 0.0, z, width + 0.05, 0.05);
    }
    if draw.chance(0.5) {
        bar(s, 0.0, sill + high * 0.5, width, 0.03);
    }
    s.block([0.0, -0.07, sill - 0.035], [width + 0.16, 0.16, 0.03], frame);
    if draw.chance(0.65) {
        let cloth = cloth(draw);
        s.also(CURTAIN);
        let top = sill + high + 0.12;
        let foot = if draw.chance(0.6) { 0.04 } else { sill - 0.12 };
        for side in [-1.0, 1.0] {
            let folds = 6;
            for fold in 0..folds {
                let x = side * (width / 2.0 - 0.10 + 0.075 * f64::from(fold));
                let lean = if fold % 2 == 0 { -0.09 } else { -0.12 };
                s.post([x, lean, foot], top - foot, [0.055, 0.048], cloth);
            }
        }
        s.drum([-width / 2.0 - 0.45, -0.11, top], [1.0, 0.0, 0.0], width + 0.9, [0.016, 0.016], p.metal);
    } else if draw.chance(0.6) && sill > 0.75 {
        radiator(s, width * 0.8);
    }
    let strength = 4.4 * width * high;
    Lamp {
        centre: s.place([0.0, -0.1, sill + high / 2.0]),
        u: s.place([width / 2.0, 0.0, 0.0]) - s.place([0.0; 3]),
        v: vec3(0.0, 0.0, high / 2.0),
        facing: s.place([0.0, -1.0, 0.0]) - s.place([0.0; 3]),
        colour: vec3(0.93, 0.97, 1.05) * strength,
    }
}

fn radiator(s: &mut Stage, width: f64) {
    let white = Material::plain(rgb(236, 234, 228));
    s.also(RADIATOR).block([0.0, -0.05, 0.38], [width, 0.03, 0.46], white);
    let ribs = (width / 0.09) as usize;
    for i in 0..ribs {
        let x = -width / 2.0 + width * (i as f64 + 0.5) / ribs as f64;
        s.soft_block([x, -0.07, 0.38], [0.05, 0.06, 0.50], 0.02, white);
    }
}

pub(super) fn door(s: &mut Stage, p: &Palette, draw: &mut Draw) {
    let leaf = if draw.chance(0.5) { p.wood } else { p.lacquer };
    let frame = Material::plain(rgb(236, 232, 222));
    s.block([0.0, -0.012, 1.01], [0.86, 0.024, 2.02], leaf);
    for z in [0.55, 1.45] {
        for x in [-0.19, 0.19] {
            s.block([x, -0.022, z], [0.28, 0.02, if z < 1.0 { 0.7 } else { 0.85 }], leaf);
        }
    }
    for x in [-0.47, 0.47] {
        s.block([x, -0.02, 1.05], [0.09, 0.04, 2.10], frame);
    }
    s.block([0.0, -0.02, 2.07], [1.03, 0.04, 0.09], frame);
    s.drum([0.35, -0.03, 1.02], [0.0, -1.0, 0.0], 0.05, [0.012, 0.012], p.metal);
    s.drum([0.37, -0.075, 1.02], [-1.0, 0.0, 0.0], 0.13, [0.011, 0.011], p.metal);
}

pub(super) fn kitchen(s: &mut Stage, p: &Palette, draw: &mut Draw, width: f64) {
    let stone = draw.pick([rgb(80, 80, 84), rgb(196, 190, 180), rgb(122, 98, 78)]);
    let top = Material::patterned(Pattern::Asphalt, stone, stone * 1.3, 0.05, draw.texture_seed()).glossy(0.3);
    s.block([0.0, -0.31, 0.89], [width, 0.63, 0.04], top);
    s.also(CABINET).block([0.0, -0.29, 0.45], [width, 0.56, 0.84], p.lacquer);
    let doors = (width / 0.55) as usize;
    let wide = width / doors as f64;
    let stove = draw.below(doors);
    for i in 0..doors {
        let x = -width / 2.0 + wide * (i as f64 + 0.5);
        if i == stove {
            let steel = Material::plain(rgb(120, 122, 126)).glossy(0.5);
            s.also(STOVE).block([x, -0.585, 0.46], [wide - 0.02, 0.04, 0.80], steel);
            s.block([x, -0.61, 0.42], [wide - 0.14, 0.01, 0.40], Material::plain(rgb(20, 20, 22)).glossy(0.5));
            s.drum([x - wide * 0.35, -0.64, 0.70], [1.0, 0.0, 0.0], wide * 0.7, [0.012, 0.012], steel);
            s.block([x, -0.31, 0.915], [wide - 0.04, 0.50, 0.012], Material::plain(rgb(18, 18, 20)).glossy(0.5));
            s.also(POT).post([x - 0.1, -0.22, 0.922], 0.14, [0.10, 0.10], p.metal);
            s.also(CABINET);
            continue;
        }
        s.block([x, -0.578, 0.46], [wide - 0.012, 0.02, 0.78], p.lacquer);
        s.block([x, -0.60, 0.80], [0.14, 0.02, 0.015], p.metal);
    }
    for i in 0..doors {
        let x = -width / 2.0 + wide * (i as f64 + 0.5);
        s.block([x, -0.17, 1.75], [wide - 0.01, 0.34, 0.62], p.lacquer);
    }
    let side = draw.within(-0.4, 0.4) * width;
    bottles(s, draw, [side, -0.25, 0.91]);
}

pub(super) fn bottles(s: &mut Stage, draw: &mut Draw, [x, y, z]: [f64; 3]) {
    for i in 0..2 + draw.below(2) {
        let glass = draw.pick([rgb(30, 84, 48), rgb(110, 56, 20), rgb(180, 200, 206)]);
        let m = Material::plain(glass).glossy(0.6);
        let (x, tall) = (x + 0.09 * i as f64, draw.within(0.16, 0.22));
        s.also(BOTTLE).post([x, y, z], tall, [0.036, 0.036], m);
        s.post([x, y, z + tall], 0.04, [0.036, 0.013], m);
        s.post([x, y, z + tall + 0.04], 0.07, [0.013, 0.013], m);
    }
}

pub(super) fn refrigerator(s: &mut Stage, p: &Palette, high: f64) {
    let white = Material::plain(rgb(228, 230, 232)).glossy(0.25);
    s.soft_block([0.0, -0.32, high / 2.0], [0.66, 0.62, high], 0.02, white);
    for (z, tall) in [(high * 0.33, high * 0.62), (high * 0.82, high * 0.33)] {
        s.soft_block([0.0, -0.645, z], [0.655, 0.04, tall], 0.02, white);
        s.block([-0.27, -0.68, z], [0.025, 0.03, tall * 0.5], p.metal);
    }
}

pub(super) fn carton(s: &mut Stage, draw: &mut Draw, side: f64) {
    let card = Material::patterned(Pattern::Cloud, rgb(190, 150, 104), rgb(172, 130, 86), 0.3, draw.texture_seed());
    let high = side * draw.within(0.6, 0.95);
    s.block([0.0, 0.0, high / 2.0], [side, side * 0.8, high], card);
    let tape = Material::plain(rgb(214, 190, 140)).glossy(0.2);
    s.block([0.0, 0.0, high], [0.05, side * 0.8 + 0.002, 0.002], tape);
}

pub(super) fn ball(s: &mut Stage, draw: &mut Draw, radius: f64) {
    let main = vec3(draw.within(0.1, 0.9), draw.within(0.05, 0.6), draw.within(0.02, 0.6));
    let m = Material::patterned(Pattern::Stripe, main, Vec3::splat(0.85), radius * 0.6, draw.texture_seed());
    s.ball([0.0, 0.0, radius], [radius; 3], m.glossy(0.25));
}
