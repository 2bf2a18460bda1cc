//! Streets and country roads seen from a car: the road runs along y, its middle at x = 0, traffic keeps right.

use std::f64::consts::{PI, TAU};

use super::class::*;
use super::draw::Draw;
use super::render::Camera;
use super::scene::{Light, Scene, Stage};
use super::street::{building, car, fence, hedge, house, person, sign, streetlight, traffic_light, tree, van};
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, sin_cos, vec3};
use crate::sample::{Intrinsics, Size};

/// The left colour camera of the KITTI recordings of 2011-09-26, 375 x 1242.
const CAMERA: Intrinsics = Intrinsics { fx: 721.5377, fy: 721.5377, cx: 609.5593, cy: 172.854 };
pub(super) const SIZE: Size = Size::new(375, 1242);
/// The road is built from behind the camera to here, in metres.
const END: f64 = 150.0;

/// What lies beside a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    City,
    Suburb,
    Country,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Suburb => "residential",
            Self::Country => "road",
        }
    }

    fn of(index: u64) -> Self {
        [Self::City, Self::Suburb, Self::Country, Self::Suburb][(index % 4) as usize]
    }
}

/// The kind of the road with this number.
pub(super) fn scene_type(index: u64) -> &'static str {
    Place::of(index).name()
}

struct Road {
    stage: Stage,
    draw: Draw,
    /// From the middle to the kerb.
    half: f64,
}

/// Builds road `index` of a seed and the camera on it.
pub(super) fn build(seed: u64, index: u64, size: Size) -> (Scene, Camera) {
    let mut draw = Draw::new(seed, 1, index);
    let place = Place::of(index);
    let half = match place {
        Place::City => draw.pick([5.6, 6.2, 7.2]),
        Place::Suburb => draw.pick([3.7, 4.4, 5.6]),
        Place::Country => draw.within(3.3, 4.0),
    };
    let lane = draw.within(1.6, 1.9);
    let (yaw, pitch) = (draw.within(-0.03, 0.03), draw.within(-0.015, 0.01));
    let camera = Camera::new(vec3(lane, 0.0, 1.65), yaw, pitch, CAMERA.resize(SIZE, size), size);
    let mut road = Road { stage: Stage::new(), draw, half };
    road.ground(place);
    for out in [-1.0, 1.0] {
        match place {
            Place::City => road.city(out),
            Place::Suburb => road.suburb(out),
            Place::Country => road.country(out),
        }
    }
    road.traffic(place);
    let light = road.light();
    (Scene::new(road.stage.parts, light), camera)
}

impl Road {
    fn at(&mut self, class: u8, x: f64, y: f64, z: f64, turn: Turn) -> (&mut Stage, &mut Draw) {
        (self.stage.object(class, vec3(x, y, z), turn), &mut self.draw)
    }

    fn ground(&mut self, place: Place) {
        let (half, draw) = (self.half, &mut self.draw);
        let grass = Material::patterned(Pattern::Grass, rgb(112, 130, 66), rgb(150, 150, 84), 3.5, draw.texture_seed());
        let grey = draw.within(0.75, 1.1);
        let asphalt = Material::patterned(
            Pattern::Asphalt,
            rgb(112, 112, 114) * grey,
            rgb(90, 91, 94) * grey,
            2.3,
            draw.texture_seed(),
        );
        let paint = Material::patterned(Pattern::Asphalt, rgb(226, 226, 222), rgb(196, 196, 192), 0.6, 5);
        let s = &mut self.stage;
        s.object(GRASS, Vec3::ZERO, Turn::NONE);
        s.quad([-400.0, -60.0, -0.03], [800.0, 0.0, 0.0], [0.0, 900.0, 0.0], grass);
        s.also(ROAD).quad([-half, -30.0, 0.0], [2.0 * half, 0.0, 0.0], [0.0, 700.0, 0.0], asphalt);
        let line = |s: &mut Stage, x: f64, y: f64, wide: f64, long: f64| {
            s.quad([x - wide / 2.0, y, 0.004], [wide, 0.0, 0.0], [0.0, long, 0.0], paint);
        };
        let phase = draw.within(-4.0, 4.0);
        for i in 0..14 {
            line(s, 0.0, phase + 9.0 * f64::from(i), 0.14, if place == Place::Country { 4.5 } else { 3.0 });
        }
        if place == Place::Country || half > 5.0 {
            for side in [-1.0, 1.0] {
                let x = if place == Place::Country { half - 0.22 } else { 3.55 };
                line(s, side * x, -10.0, 0.13, 300.0);
            }
        }
        if place != Place::Country && draw.chance(0.45) {
            let at = draw.within(11.0, 26.0);
            let mut x = -half + 0.3;
            while x < half - 0.5 {
                line(s, x + 0.25, at, 0.5, 3.2);
                x += 1.0;
            }
            if draw.chance(0.6) {
                line(s, half / 2.0, at - 1.6, half - 0.4, 0.45);
            }
        }
        let iron = Material::plain(rgb(64, 62, 60));
        for _ in 0..draw.below(3) {
            let (x, y) = (draw.within(-0.6, 0.6) * half, draw.within(7.0, 30.0));
            s.post([x, y, 0.0], 0.006, [0.33, 0.33], iron);
        }
        for i in 0..6 {
            // Hills and far woods close the view.
            let x = -260.0 + 110.0 * f64::from(i) + draw.within(-40.0, 40.0);
            let (wide, high) = (draw.within(80.0, 150.0), draw.within(14.0, 42.0));
            let hill =
                Material::patterned(Pattern::Cloud, rgb(84, 104, 66), rgb(106, 120, 80), 14.0, draw.texture_seed());
            s.also(HILL).ball([x, 520.0 + 30.0 * f64::from(i % 3), -2.0], [wide, wide, high], hill);
        }
    }

    /// A raised pavement with its kerb, from the road's edge outwards; returns where it ends.
    fn pavement(&mut self, out: f64, wide: f64) -> f64 {
        let (half, draw) = (self.half, &mut self.draw);
        let slabs = Material::patterned(
            Pattern::Tile,
            draw.pick([rgb(176, 172, 164), rgb(164, 150, 140), rgb(150, 152, 154)]),
            rgb(120, 118, 114),
            0.8,
            draw.texture_seed(),
        );
        let kerb = Material::patterned(Pattern::Asphalt, rgb(186, 184, 178), rgb(160, 158, 154), 0.5, 9);
        let s = self.stage.object(SIDEWALK, Vec3::ZERO, Turn::NONE);
        let middle = half + wide / 2.0;
        s.block([out * middle, 150.0, 0.06], [wide, 400.0, 0.12], slabs);
        s.block([out * (half + 0.07), 150.0, 0.064], [0.15, 400.0, 0.13], kerb);
        half + wide
    }

    fn city(&mut self, out: f64) {
        let wide = self.draw.within(2.6, 4.2);
        let edge = self.pavement(out, wide);
        let mut y = -14.0;
        while y < END {
            let (along, across) = (self.draw.within(9.0, 22.0), self.draw.within(9.0, 13.0));
            if self.draw.chance(0.88) {
                let storeys = 2 + self.draw.below(4);
                let (s, draw) = self.at(BUILDING, out * edge, y, 0.0, Turn::NONE);
                building(s, draw, out, [across, along], storeys);
            } else {
                let tall = self.draw.within(7.0, 10.0);
                let (s, draw) = self.at(TREE, out * (edge + 4.0), y + along / 2.0, 0.0, Turn::NONE);
                tree(s, draw, tall);
            }
            y += along + if self.draw.chance(0.25) { self.draw.within(1.5, 4.0) } else { 0.05 };
        }
        if self.draw.chance(0.5) {
            let mut y = self.draw.within(6.0, 12.0);
            while y < 80.0 {
                let tall = self.draw.within(4.6, 6.5);
                let (s, draw) = self.at(TREE, out * (self.half + 0.9), y, 0.1, Turn::NONE);
                tree(s, draw, tall);
                y += self.draw.within(9.0, 14.0);
            }
        }
        let walkers = 2 + self.draw.below(3);
        self.walkers(out, walkers, edge);
        self.poles(out, edge);
        if self.half > 5.0 {
            self.parked(out);
        }
    }

    fn suburb(&mut self, out: f64) {
        let wide = self.draw.within(1.7, 2.4);
        let edge = self.pavement(out, wide);
        let mut y = -10.0;
        while y < END {
            let (along, across) = (self.draw.within(9.0, 14.0), self.draw.within(7.5, 10.0));
            let garden = self.draw.within(3.5, 7.0);
            let plot = along + self.draw.within(4.0, 9.0);
            let (s, draw) = self.at(HOUSE, out * (edge + garden), y, 0.0, Turn::NONE);
            house(s, draw, out, [across, along]);
            match self.draw.below(3) {
                0 => {
                    let (s, draw) = self.at(PLANT, out * (edge + 0.45), y, 0.0, Turn::NONE);
                    hedge(s, draw, plot - 3.0);
                }
                1 => {
                    let (s, draw) = self.at(FENCE, out * (edge + 0.2), y, 0.0, Turn::NONE);
                    fence(s, draw, plot - 3.2);
                }
                _ => {}
            }
            let drive = Material::patterned(Pattern::Brick, rgb(150, 132, 122), rgb(120, 110, 104), 0.1, 4);
            let (s, _) = self.at(EARTH, out * (edge + garden / 2.0), y + plot - 1.5, 0.0, Turn::NONE);
            s.block([0.0, 0.0, 0.0], [garden, 2.8, 0.03], drive);
            if self.draw.chance(0.75) {
                let tall = self.draw.within(4.5, 9.0);
                let x = out * (edge + self.draw.within(1.6, 3.2));
                let (s, draw) = self.at(TREE, x, y + plot * 0.75, 0.0, Turn::NONE);
                tree(s, draw, tall);
            }
            y += plot;
        }
        let walkers = self.draw.below(3);
        self.walkers(out, walkers, edge);
        self.poles(out, edge);
        if self.half > 4.2 {
            self.parked(out);
        }
    }

    fn country(&mut self, out: f64) {
        let half = self.half;
        let soil =
            Material::patterned(Pattern::Asphalt, rgb(150, 128, 96), rgb(126, 108, 76), 0.9, self.draw.texture_seed());
        let (s, _) = self.at(EARTH, out * (half + 0.45), 150.0, 0.0, Turn::NONE);
        s.block([0.0, 0.0, -0.02], [0.9, 400.0, 0.03], soil);
        if self.draw.chance(0.7) {
            let from = self.draw.within(3.0, 12.0);
            let (s, draw) = self.at(FENCE, out * (half + 2.6), from, 0.0, Turn::NONE);
            fence(s, draw, 70.0);
        }
        let wood = self.draw.chance(0.5);
        let mut y = self.draw.within(2.0, 12.0);
        while y < END {
            let tall = self.draw.within(5.5, 12.0);
            let x = out * (half + if wood { self.draw.within(4.0, 16.0) } else { self.draw.within(3.6, 5.0) });
            let (s, draw) = self.at(TREE, x, y, 0.0, Turn::NONE);
            tree(s, draw, tall);
            y += if wood { self.draw.within(1.5, 5.0) } else { self.draw.within(8.0, 15.0) };
        }
        if self.draw.chance(0.5) {
            let y = self.draw.within(30.0, 60.0);
            let (s, draw) = self.at(HOUSE, out * (half + 18.0), y, 0.0, Turn::NONE);
            house(s, draw, out, [9.0, 13.0]);
        }
        let mut y = self.draw.within(8.0, 24.0);
        let wooden = Material::plain(rgb(112, 88, 64));
        while y < END {
            let (s, _) = self.at(POLE, out * (half + 1.7), y, 0.0, Turn::NONE);
            s.post([0.0; 3], 7.5, [0.13, 0.10], wooden).block([0.0, 0.0, 7.0], [1.7, 0.1, 0.12], wooden);
            y += self.draw.within(28.0, 34.0);
        }
        if self.draw.chance(0.8) {
            let y = self.draw.within(10.0, 30.0);
            let (s, draw) = self.at(POLE, out * (half + 1.1), y, 0.0, Turn::NONE);
            sign(s, draw);
        }
    }

    fn poles(&mut self, out: f64, edge: f64) {
        let kerb = self.half + 0.45;
        let mut y = self.draw.within(8.0, 20.0);
        while y < END {
            let (s, _) = self.at(STREETLIGHT, out * kerb, y, 0.1, Turn::NONE);
            streetlight(s, -out);
            y += self.draw.within(24.0, 30.0);
        }
        for _ in 0..1 + self.draw.below(2) {
            let (y, turn) = (self.draw.within(9.0, 34.0), if out > 0.0 { Turn::NONE } else { Turn::quarters(2) });
            let (s, draw) = self.at(POLE, out * kerb, y, 0.1, turn);
            sign(s, draw);
        }
        if self.draw.chance(0.6) {
            let (y, turn) = (self.draw.within(14.0, 26.0), Turn::radians(if out > 0.0 { 0.1 } else { -0.1 }));
            let (s, draw) = self.at(POLE, out * (kerb + 0.1), y, 0.1, turn);
            traffic_light(s, draw);
        }
        if self.draw.chance(0.4) {
            let y = self.draw.within(8.0, 20.0);
            let (s, _) = self.at(ASHCAN, out * (edge - 0.5), y, 0.12, Turn::NONE);
            s.post([0.0; 3], 0.9, [0.22, 0.26], Material::plain(rgb(60, 78, 66)));
        }
    }

    fn walkers(&mut self, out: f64, n: usize, edge: f64) {
        for i in 0..n {
            let x = out * self.draw.within(self.half + 0.9, edge - 0.5);
            let y = 8.0 + 7.0 * i as f64 + self.draw.within(0.0, 6.0);
            let turn = Turn::radians(self.draw.pick([0.0, PI]) + self.draw.within(-0.5, 0.5));
            let (s, draw) = self.at(PERSON, x, y, 0.12, turn);
            person(s, draw);
        }
    }

    fn parked(&mut self, out: f64) {
        let mut y = self.draw.within(4.0, 9.0);
        while y < 90.0 {
            if self.draw.chance(0.7) {
                let turn =
                    Turn::radians(self.draw.within(-0.03, 0.03)).then(Turn::quarters(if out > 0.0 { 0 } else { 2 }));
                self.vehicle(out * (self.half - 1.05), y, turn);
            }
            y += self.draw.within(6.0, 8.5);
        }
    }

    fn vehicle(&mut self, x: f64, y: f64, turn: Turn) {
        if self.draw.chance(0.18) {
            let (s, draw) = self.at(VAN, x, y, 0.0, turn);
            van(s, draw);
        } else {
            let (s, draw) = self.at(CAR, x, y, 0.0, turn);
            car(s, draw);
        }
    }

    fn traffic(&mut self, place: Place) {
        let busy = if place == Place::Country { 0.6 } else { 0.85 };
        if self.draw.chance(busy) {
            let y = self.draw.within(17.0, 38.0);
            self.vehicle(1.75, y, Turn::NONE);
        }
        let mut y = self.draw.within(9.0, 30.0);
        for _ in 0..3 {
            if self.draw.chance(busy) {
                self.vehicle(-1.75, y, Turn::quarters(2));
            }
            y += self.draw.within(10.0, 26.0);
        }
    }

    fn light(&mut self) -> Light {
        let draw = &mut self.draw;
        let (sin, cos) = sin_cos(draw.within(0.0, TAU));
        let high = draw.within(0.45, 1.1);
        let clear = draw.chance(0.8);
        let sun = if clear { vec3(1.0, 0.90, 0.74) * 2.3 } else { Vec3::splat(0.25) };
        let sky = if clear { vec3(0.50, 0.60, 0.76) } else { vec3(0.86, 0.88, 0.92) };
        Light {
            above: sky,
            below: vec3(0.26, 0.25, 0.22),
            reach: 3.0,
            sun: Some((vec3(cos, sin, high).unit(), sun)),
            lamps: Vec::new(),
            haze: if clear { 0.9 } else { 3.0 },
            exposure: draw.within(0.95, 1.15),
            sky_seed: draw.texture_seed(),
        }
    }
}
