//! What stands in the middle of a room, and what lies about.

use super::class::*;
use super::fitting::{ball, carton};
use super::furniture::{chair, cloth, fabric, table, vase};
use super::room::{Room, Theme};
use super::texture::{Material, Pattern, rgb};
use super::vector::{Turn, Vec3, vec3};

impl Room {
    pub(super) fn middle(&mut self, theme: Theme) {
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
    pub(super) fn litter(&mut self) {
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
}
