//! What stands at the walls of a room, what stands on it, and what hangs above it.

use super::class::*;
use super::fitting::{bottles, carton, clock, door, kitchen, mirror, painting, refrigerator, window};
use super::furniture::{
    bed, bookcase, books, chair, drawers, floor_lamp, monitor, plant, sofa, table, table_lamp, television, vase,
    wardrobe,
};
use super::room::{Room, Wall};
use super::scene::Lamp;
use super::texture::rgb;
use super::vector::{Turn, Vec3, vec3};

/// Something that stands at a wall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Piece {
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

impl Room {
    /// Width and depth of a piece.
    pub(super) fn footprint(&mut self, piece: Piece) -> (f64, f64) {
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
    pub(super) fn put(&mut self, piece: Piece, wall: Wall, along: f64, width: f64, wants_window: bool) -> bool {
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
}
