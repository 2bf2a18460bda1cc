//! The solids scenes are made of, and where a ray meets them.

use super::vector::{Turn, Vec3, vec3};

/// A half line. The direction need not be a unit vector; positions along it count in its lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ray {
    pub(super) origin: Vec3,
    pub(super) direction: Vec3,
}

impl Ray {
    pub(super) fn at(&self, t: f64) -> Vec3 {
        self.origin + self.direction * t
    }
}

/// A piece of a ray, ends excluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Span {
    fn first(self, near: f64, far: f64) -> Option<f64> {
        [near, far].into_iter().find(|&t| t > self.from && t < self.to)
    }
}

/// What a texture and a lamp need to know of a point on a shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surface {
    /// Unit normal, outwards; of a quad, its own.
    pub(super) normal: Vec3,
    /// Metres along the surface; `v` runs up where there is an up.
    pub(super) uv: [f64; 2],
    /// The point relative to the shape, for textures that fill space.
    pub(super) local: Vec3,
}

/// A solid or a flat piece.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A parallelogram from `corner` along `u` and `v`, seen from both sides.
    Quad { corner: Vec3, u: Vec3, v: Vec3 },
    /// An ellipsoid with vertical axis; equal radii make a sphere.
    Ball { centre: Vec3, radii: Vec3 },
    /// A box turned about the vertical. Normals bend over the last `bevel` metres before an edge.
    Block { centre: Vec3, half: Vec3, turn: Turn, bevel: f64 },
    /// A cylinder or cone stump about any axis (unit vector), closed at both ends.
    Drum { base: Vec3, axis: Vec3, length: f64, radii: [f64; 2] },
    /// A box whose top is smaller than its base: `top` is the half size there, `shift` how far its middle moves.
    Wedge { centre: Vec3, half: Vec3, turn: Turn, top: [f64; 2], shift: [f64; 2] },
}

impl Shape {
    /// The first position inside `span` where the ray meets the shape.
    #[inline(never)]
    pub(super) fn hit(&self, ray: &Ray, span: Span) -> Option<f64> {
        match *self {
            Self::Quad { corner, u, v } => {
                let normal = u.cross(v);
                let speed = normal.dot(ray.direction);
                let t = normal.dot(corner - ray.origin) / speed;
                // A ray along the plane gives NaN or infinity, which no span holds.
                if !(t > span.from && t < span.to) {
                    return None;
                }
                let [a, b] = quad_share(ray.at(t) - corner, u, v);
                ((0.0..=1.0).contains(&a) && (0.0..=1.0).contains(&b)).then_some(t)
            }
            Self::Ball { centre, radii } => {
                let inverse = vec3(1.0 / radii.x, 1.0 / radii.y, 1.0 / radii.z);
                let (o, d) = ((ray.origin - centre).times(inverse), ray.direction.times(inverse));
                let (near, far) = roots(d.dot(d), o.dot(d), o.dot(o) - 1.0)?;
                span.first(near, far)
            }
            Self::Block { centre, half, turn, .. } => {
                let o = turn.undo(ray.origin - centre);
                let d = turn.undo(ray.direction);
                let (mut near, mut far) = (f64::NEG_INFINITY, f64::INFINITY);
                for ((o, d), half) in o.to_array().into_iter().zip(d.to_array()).zip(half.to_array()) {
                    clip([(-half - o) / d, (half - o) / d], (d == 0.0).then_some(o.abs() <= half), &mut near, &mut far);
                }
                if near <= far { span.first(near, far) } else { None }
            }
            Self::Drum { base, axis, length, radii: [r0, r1] } => drum_hit(ray, span, base, axis, length, r0, r1),
            Self::Wedge { .. } => self.wedge_hit(ray, span),
        }
    }

    /// The surface at a point found by [`hit`](Self::hit).
    #[inline(never)]
    pub(super) fn surface(&self, point: Vec3) -> Surface {
        match *self {
            Self::Quad { corner, u, v } => {
                let local = point - corner;
                let [a, b] = quad_share(local, u, v);
                Surface { normal: u.cross(v).unit(), uv: [a * u.length(), b * v.length()], local }
            }
            Self::Ball { centre, radii } => {
                let local = point - centre;
                let normal =
                    vec3(local.x / (radii.x * radii.x), local.y / (radii.y * radii.y), local.z / (radii.z * radii.z))
                        .unit();
                // No angle needed: two of the coordinates tell patterns apart well enough.
                Surface { normal, uv: [local.x + local.y, local.z], local }
            }
            Self::Block { centre, half, turn, bevel } => {
                let local = turn.undo(point - centre);
                let (flat, uv) = block_face(local, half);
                let normal = if bevel > 0.0 { bend(flat, local, half, bevel) } else { flat };
                Surface { normal: turn.apply(normal), uv, local }
            }
            Self::Drum { base, axis, length, radii: [r0, r1] } => {
                let local = point - base;
                let along = local.dot(axis);
                let radial = local - axis * along;
                let radius = r0 + (r1 - r0) * along / length;
                let side_gap = (radial.length() - radius).abs();
                let (u, v) = axis.base();
                if along.min(length - along) < side_gap {
                    let normal = if along + along < length { -axis } else { axis };
                    return Surface { normal, uv: [local.dot(u), local.dot(v)], local };
                }
                let outward = if radial.length() > 0.0 { radial.unit() } else { u };
                let normal = (outward * length + axis * (r0 - r1)).unit();
                Surface {
                    normal,
                    uv: [turn_share(radial.dot(u), radial.dot(v)) * r0.max(r1) * std::f64::consts::TAU, along],
                    local,
                }
            }
            Self::Wedge { centre, half, turn, .. } => {
                let local = turn.undo(point - centre);
                let (normal, _) = self
                    .wedge_planes()
                    .into_iter()
                    .map(|(n, d)| (n, (n.dot(local) - d).abs() / n.length()))
                    .fold((Vec3::UP, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best });
                let uv = if normal.z.abs() > 0.99 * normal.length() {
                    [local.x, local.y]
                } else if normal.x.abs() > normal.y.abs() {
                    [local.y, local.z + half.z]
                } else {
                    [local.x, local.z + half.z]
                };
                Surface { normal: turn.apply(normal.unit()), uv, local }
            }
        }
    }

    /// The smallest upright box around the shape.
    pub(super) fn bounds(&self) -> (Vec3, Vec3) {
        match *self {
            Self::Quad { corner, u, v } => {
                let ends = [corner + u, corner + v, corner + u + v];
                ends.into_iter().fold((corner, corner), |(low, high), p| (low.min(p), high.max(p)))
            }
            Self::Ball { centre, radii } => (centre - radii, centre + radii),
            Self::Block { centre, half, turn, .. } => turned_bounds(centre, half, turn),
            Self::Wedge { centre, half, turn, top, shift } => {
                let half = vec3(half.x.max(top[0] + shift[0].abs()), half.y.max(top[1] + shift[1].abs()), half.z);
                turned_bounds(centre, half, turn)
            }
            Self::Drum { base, axis, length, radii } => {
                let r = Vec3::splat(radii[0].max(radii[1]));
                let end = base + axis * length;
                (base.min(end) - r, base.max(end) + r)
            }
        }
    }

    /// The half spaces `n . p <= d` of a wedge about its centre.
    fn wedge_planes(&self) -> [(Vec3, f64); 6] {
        let Self::Wedge { half, top, shift, .. } = *self else { return [(Vec3::UP, 0.0); 6] };
        let tall = 2.0 * half.z;
        // A side runs from (+-half, -z) to (shift +- top, +z); its normal is the segment turned by a quarter.
        let side = |sign: f64, half_base: f64, top: f64, shift: f64| {
            let (from, to) = (sign * half_base, shift + sign * top);
            let (n, lift) = (sign * tall, sign * (from - to));
            (n, lift, n * from - lift * half.z)
        };
        let x = |sign| {
            let (n, lift, d) = side(sign, half.x, top[0], shift[0]);
            (vec3(n, 0.0, lift), d)
        };
        let y = |sign| {
            let (n, lift, d) = side(sign, half.y, top[1], shift[1]);
            (vec3(0.0, n, lift), d)
        };
        [x(1.0), x(-1.0), y(1.0), y(-1.0), (Vec3::UP, half.z), (-Vec3::UP, half.z)]
    }

    fn wedge_hit(&self, ray: &Ray, span: Span) -> Option<f64> {
        let Self::Wedge { centre, turn, .. } = *self else { return None };
        let o = turn.undo(ray.origin - centre);
        let d = turn.undo(ray.direction);
        let (mut near, mut far) = (f64::NEG_INFINITY, f64::INFINITY);
        for (n, limit) in self.wedge_planes() {
            let (gap, speed) = (limit - n.dot(o), n.dot(d));
            if speed == 0.0 {
                if gap < 0.0 {
                    return None;
                }
            } else if speed > 0.0 {
                far = far.min(gap / speed);
            } else {
                near = near.max(gap / speed);
            }
        }
        if near <= far { span.first(near, far) } else { None }
    }
}

fn quad_share(p: Vec3, u: Vec3, v: Vec3) -> [f64; 2] {
    let normal = u.cross(v);
    let area = normal.dot(normal);
    [p.cross(v).dot(normal) / area, u.cross(p).dot(normal) / area]
}

/// Both solutions of `a t^2 + 2 b t + c = 0`, the smaller first.
fn roots(a: f64, b: f64, c: f64) -> Option<(f64, f64)> {
    let inside = b * b - a * c;
    if inside < 0.0 || a == 0.0 {
        return None;
    }
    let root = inside.sqrt();
    let (s, t) = ((-b - root) / a, (-b + root) / a);
    Some((s.min(t), s.max(t)))
}

/// Narrows `near..far` to one slab; `parallel` says whether a ray along the slab lies in it.
fn clip([a, b]: [f64; 2], parallel: Option<bool>, near: &mut f64, far: &mut f64) {
    match parallel {
        Some(true) => {}
        Some(false) => *far = f64::NEG_INFINITY,
        None => {
            *near = near.max(a.min(b));
            *far = far.min(a.max(b));
        }
    }
}

fn drum_hit(ray: &Ray, span: Span, base: Vec3, axis: Vec3, length: f64, r0: f64, r1: f64) -> Option<f64> {
    let o = ray.origin - base;
    let (oa, da) = (o.dot(axis), ray.direction.dot(axis));
    let (op, dp) = (o - axis * oa, ray.direction - axis * da);
    let slope = (r1 - r0) / length;
    let (ro, rd) = (r0 + slope * oa, slope * da);
    let mut best = f64::INFINITY;
    let mut consider = |t: f64, good: bool| {
        if good && t > span.from && t < span.to && t < best {
            best = t;
        }
    };
    if let Some((near, far)) = roots(dp.dot(dp) - rd * rd, op.dot(dp) - ro * rd, op.dot(op) - ro * ro) {
        for t in [near, far] {
            let along = oa + t * da;
            consider(t, (0.0..=length).contains(&along));
        }
    }
    for (end, radius) in [(0.0, r0), (length, r1)] {
        let t = (end - oa) / da;
        let p = op + dp * t;
        consider(t, p.dot(p) <= radius * radius);
    }
    best.is_finite().then_some(best)
}

/// The face of a box a point lies on: its normal, and metres across and up.
fn block_face(local: Vec3, half: Vec3) -> (Vec3, [f64; 2]) {
    let gaps = [half.x - local.x.abs(), half.y - local.y.abs(), half.z - local.z.abs()];
    if gaps[2] <= gaps[0] && gaps[2] <= gaps[1] {
        (vec3(0.0, 0.0, local.z.signum()), [local.x + half.x, local.y + half.y])
    } else if gaps[0] <= gaps[1] {
        (vec3(local.x.signum(), 0.0, 0.0), [local.y + half.y, local.z + half.z])
    } else {
        (vec3(0.0, local.y.signum(), 0.0), [local.x + half.x, local.z + half.z])
    }
}

/// Leans a face normal towards its neighbours near the edges, as if they were rounded.
fn bend(flat: Vec3, local: Vec3, half: Vec3, bevel: f64) -> Vec3 {
    let lean = |p: f64, half: f64| {
        let edge = (p.abs() - (half - bevel).max(0.0)) / bevel;
        if edge > 0.0 { p.signum() * edge.min(1.0) } else { 0.0 }
    };
    let lean = vec3(lean(local.x, half.x), lean(local.y, half.y), lean(local.z, half.z));
    (flat + lean.times(Vec3::splat(1.0) - flat.abs())).unit()
}

fn turned_bounds(centre: Vec3, half: Vec3, turn: Turn) -> (Vec3, Vec3) {
    let (cos, sin) = (turn.cos.abs(), turn.sin.abs());
    let reach = vec3(cos * half.x + sin * half.y, sin * half.x + cos * half.y, half.z);
    (centre - reach, centre + reach)
}

/// Runs from 0 to 1 once around the circle: an angle without trigonometry.
fn turn_share(x: f64, y: f64) -> f64 {
    let sum = x.abs() + y.abs();
    if sum == 0.0 {
        return 0.0;
    }
    let quarter = y / sum;
    if x >= 0.0 { 0.25 + 0.25 * quarter } else { 0.75 - 0.25 * quarter }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Span = Span { from: 1e-9, to: 1e9 };

    fn ray(origin: Vec3, direction: Vec3) -> Ray {
        Ray { origin, direction }
    }

    #[test]
    fn a_ball_is_met_where_the_formula_says() {
        // Along y from the origin, offset 0.6 from the centre of a unit sphere at y = 5: 5 - sqrt(1 - 0.36) = 4.2.
        let ball = Shape::Ball { centre: vec3(0.6, 5.0, 0.0), radii: Vec3::splat(1.0) };
        let t = ball.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.0)), WHOLE).unwrap();
        assert!((t - 4.2).abs() < 1e-12);
        assert!((ball.surface(vec3(0.0, 4.2, 0.0)).normal - vec3(-0.6, -0.8, 0.0)).length() < 1e-12);
        assert!(ball.hit(&ray(vec3(-0.41, 0.0, 0.0), vec3(0.0, 1.0, 0.0)), WHOLE).is_none());
    }

    #[test]
    fn a_turned_block_shows_its_edge_first() {
        // A cube of side 2, turned by 45 degrees: its edge is sqrt(2) before its centre.
        let turn = Turn::radians(std::f64::consts::FRAC_PI_4);
        let block = Shape::Block { centre: vec3(0.0, 5.0, 0.0), half: Vec3::splat(1.0), turn, bevel: 0.0 };
        let t = block.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.0)), WHOLE).unwrap();
        assert!((t - (5.0 - 2.0_f64.sqrt())).abs() < 1e-12);
        let (low, high) = block.bounds();
        assert!((high.x - 2.0_f64.sqrt()).abs() < 1e-12 && (low.z + 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_drum_has_sides_and_ends() {
        let drum = Shape::Drum { base: vec3(0.0, 4.0, -1.0), axis: Vec3::UP, length: 2.0, radii: [1.0, 0.5] };
        // Halfway up the radius is 0.75.
        let t = drum.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.0)), WHOLE).unwrap();
        assert!((t - 3.25).abs() < 1e-12);
        let t = drum.hit(&ray(vec3(0.0, 4.0, 3.0), vec3(0.0, 0.0, -1.0)), WHOLE).unwrap();
        assert!((t - 2.0).abs() < 1e-12);
        assert_eq!(drum.surface(vec3(0.0, 4.0, 1.0)).normal, Vec3::UP);
    }

    #[test]
    fn a_wedge_leans_as_told() {
        let wedge = Shape::Wedge {
            centre: vec3(0.0, 5.0, 0.0),
            half: Vec3::splat(1.0),
            turn: Turn::NONE,
            top: [1.0, 0.5],
            shift: [0.0, 0.0],
        };
        // The front side runs from y = 4 at the base to 4.5 at the top: 4.25 in the middle.
        let t = wedge.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.0)), WHOLE).unwrap();
        assert!((t - 4.25).abs() < 1e-12);
        let normal = wedge.surface(vec3(0.0, 4.25, 0.0)).normal;
        assert!((normal - vec3(0.0, -2.0, 0.5).unit()).length() < 1e-12, "{normal:?}");
    }

    #[test]
    fn a_quad_ends_at_its_edges() {
        let quad = Shape::Quad { corner: vec3(-1.0, 3.0, -1.0), u: vec3(2.0, 0.0, 0.0), v: vec3(0.0, 0.0, 2.0) };
        assert_eq!(quad.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.3)), WHOLE), Some(3.0));
        assert_eq!(quad.hit(&ray(Vec3::ZERO, vec3(0.0, 1.0, 0.34)), WHOLE), None);
        assert_eq!(quad.hit(&ray(Vec3::ZERO, vec3(1.0, 0.0, 0.0)), WHOLE), None);
    }
}
