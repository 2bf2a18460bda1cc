use super::shape::{Ray, Shape, Span, Surface};
use super::texture::{Material, Pattern};
use super::tree::Tree;
use super::vector::{Turn, Vec3, vec3};

/// One shape of an object.
pub(super) struct Part {
    pub(super) shape: Shape,
    pub(super) material: Material,
    /// ADE20K id, zero based.
    pub(super) class: u8,
    /// Parts of one thing share a number.
    pub(super) object: u16,
}

/// Light of a scene.
#[derive(Clone, Debug)]
pub(super) struct Light {
    /// What comes from above and from below when nothing is in the way.
    pub(super) above: Vec3,
    pub(super) below: Vec3,
    /// How far a surface takes ambient light away from its neighbours, in metres.
    pub(super) reach: f64,
    /// Direction to the sun (unit) and its colour.
    pub(super) sun: Option<(Vec3, Vec3)>,
    pub(super) lamps: Vec<Lamp>,
    /// The share of haze a kilometre away would have, 0 indoors.
    pub(super) haze: f64,
    pub(super) exposure: f64,
    pub(super) sky_seed: u32,
}

/// A flat light with soft shadows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lamp {
    pub(super) centre: Vec3,
    /// Half of its sides.
    pub(super) u: Vec3,
    pub(super) v: Vec3,
    /// Towards the lit side; zero shines everywhere.
    pub(super) facing: Vec3,
    /// Colour times strength, at one metre.
    pub(super) colour: Vec3,
}

/// A ray's first meeting with the scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) t: f64,
    pub(super) part: usize,
}

/// Everything that can be seen, and the light it is seen in.
pub(super) struct Scene {
    pub(super) parts: Vec<Part>,
    pub(super) light: Light,
    tree: Tree,
}

impl Scene {
    pub(super) fn new(parts: Vec<Part>, light: Light) -> Self {
        let bounds: Vec<_> = parts.iter().map(|part| part.shape.bounds()).collect();
        Self { tree: Tree::new(&bounds), parts, light }
    }

    /// The first part the ray meets inside `span`.
    pub(super) fn nearest(&self, ray: &Ray, span: Span) -> Option<Hit> {
        let mut best = None;
        self.tree.walk(ray, span, |part, limit| match self.meet(part, ray, Span { to: limit, ..span }) {
            Some(t) => {
                best = Some(Hit { t, part });
                t
            }
            None => limit,
        });
        best
    }

    /// Whether anything stands in `span`.
    pub(super) fn blocked(&self, ray: &Ray, span: Span) -> bool {
        let mut found = false;
        self.tree.walk(ray, span, |part, limit| {
            found = self.parts[part].material.glow == 0.0 && self.meet(part, ray, Span { to: limit, ..span }).is_some();
            if found { -1.0 } else { limit }
        });
        found
    }

    /// The surface of a hit.
    pub(super) fn surface(&self, ray: &Ray, hit: Hit) -> Surface {
        let mut surface = self.parts[hit.part].shape.surface(ray.at(hit.t));
        if surface.normal.dot(ray.direction) > 0.0 {
            surface.normal = -surface.normal;
        }
        surface
    }

    fn meet(&self, part: usize, ray: &Ray, mut span: Span) -> Option<f64> {
        let Part { shape, material, .. } = &self.parts[part];
        let mut t = shape.hit(ray, span)?;
        if material.holes > 0.0 {
            // Through a hole the far side of the shape shows; a convex shape has no third.
            while material.is_hole(&shape.surface(ray.at(t))) {
                span.from = t + 1e-6;
                t = shape.hit(ray, span)?;
            }
        }
        Some(t)
    }
}

/// Puts objects together from parts given in their own coordinates: x right, y towards the back, z up.
pub(super) struct Stage {
    pub(super) parts: Vec<Part>,
    origin: Vec3,
    turn: Turn,
    object: u16,
    class: u8,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), origin: Vec3::ZERO, turn: Turn::NONE, object: 0, class: 0 }
    }

    /// Starts an object of a class at a place.
    pub(super) fn object(&mut self, class: u8, origin: Vec3, turn: Turn) -> &mut Self {
        self.object = self.object.saturating_add(1);
        (self.class, self.origin, self.turn) = (class, origin, turn);
        self
    }

    /// Starts another object at the same place.
    pub(super) fn also(&mut self, class: u8) -> &mut Self {
        let (origin, turn) = (self.origin, self.turn);
        self.object(class, origin, turn)
    }

    fn add(&mut self, shape: Shape, material: Material) -> &mut Self {
        self.parts.push(Part { shape, material, class: self.class, object: self.object });
        self
    }

    /// Where a point of the object lies in the scene.
    pub(super) fn place(&self, p: [f64; 3]) -> Vec3 {
        self.origin + self.turn.apply(vec3(p[0], p[1], p[2]))
    }

    /// A box from its middle and sides.
    pub(super) fn block(&mut self, middle: [f64; 3], sides: [f64; 3], material: Material) -> &mut Self {
        self.soft_block(middle, sides, 0.0, material)
    }

    /// A box whose edges look rounded over `bevel` metres.
    pub(super) fn soft_block(
        &mut self,
        middle: [f64; 3],
        sides: [f64; 3],
        bevel: f64,
        material: Material,
    ) -> &mut Self {
        let half = vec3(sides[0], sides[1], sides[2]) * 0.5;
        let (centre, turn) = (self.place(middle), self.turn);
        self.add(Shape::Block { centre, half, turn, bevel }, material)
    }

    /// A box with a smaller or shifted top (full sides, as the base).
    pub(super) fn wedge(
        &mut self,
        middle: [f64; 3],
        sides: [f64; 3],
        top: [f64; 2],
        shift: [f64; 2],
        material: Material,
    ) -> &mut Self {
        let half = vec3(sides[0], sides[1], sides[2]) * 0.5;
        let (centre, turn) = (self.place(middle), self.turn);
        self.add(Shape::Wedge { centre, half, turn, top: [top[0] * 0.5, top[1] * 0.5], shift }, material)
    }

    /// An ellipsoid from its middle and radii; the horizontal ones are equal unless the object stands square.
    pub(super) fn ball(&mut self, middle: [f64; 3], radii: [f64; 3], material: Material) -> &mut Self {
        let square = self.turn.cos.abs() < 0.5;
        let radii = if square { vec3(radii[1], radii[0], radii[2]) } else { vec3(radii[0], radii[1], radii[2]) };
        let centre = self.place(middle);
        self.add(Shape::Ball { centre, radii }, material)
    }

    /// An upright cylinder or cone stump from the middle of its base.
    pub(super) fn post(&mut self, base: [f64; 3], height: f64, radii: [f64; 2], material: Material) -> &mut Self {
        self.drum(base, [0.0, 0.0, 1.0], height, radii, material)
    }

    /// A cylinder or cone stump along any unit vector.
    pub(super) fn drum(
        &mut self,
        base: [f64; 3],
        axis: [f64; 3],
        length: f64,
        radii: [f64; 2],
        material: Material,
    ) -> &mut Self {
        let axis = self.turn.apply(vec3(axis[0], axis[1], axis[2]));
        let base = self.place(base);
        self.add(Shape::Drum { base, axis, length, radii }, material)
    }

    /// A parallelogram from a corner and two sides.
    pub(super) fn quad(&mut self, corner: [f64; 3], u: [f64; 3], v: [f64; 3], material: Material) -> &mut Self {
        let (u, v) = (self.turn.apply(vec3(u[0], u[1], u[2])), self.turn.apply(vec3(v[0], v[1], v[2])));
        let corner = self.place(corner);
        self.add(Shape::Quad { corner, u, v }, material)
    }
}

/// A material of a pattern whose unit is the whole of a piece `side` metres wide.
pub(super) fn spread(pattern: Pattern, main: Vec3, second: Vec3, side: f64, seed: u32) -> Material {
    Material::patterned(pattern, main, second, side, seed)
}
