use super::shape::{Ray, Span};
use super::vector::{Vec3, vec3};

/// Boxes around boxes around parts: finds the parts near a ray without asking all of them.
pub(super) struct Tree {
    nodes: Vec<Node>,
    order: Vec<u32>,
}

struct Node {
    low: Vec3,
    high: Vec3,
    kind: Kind,
}

enum Kind {
    Leaf {
        start: usize,
        end: usize,
    },
    /// The first child follows its parent.
    Fork {
        second: usize,
    },
}

const LEAF: usize = 3;
/// Halving a million parts takes twenty steps.
const DEEPEST: usize = 48;

impl Tree {
    /// A tree over the parts with these bounds.
    pub(super) fn new(bounds: &[(Vec3, Vec3)]) -> Self {
        let mut order: Vec<u32> = (0..u32::try_from(bounds.len()).unwrap_or(u32::MAX)).collect();
        let mut nodes = Vec::with_capacity(bounds.len());
        let n = order.len();
        split(bounds, &mut order, 0, n, &mut nodes);
        Self { nodes, order }
    }

    /// Calls `ask` for parts whose box the ray crosses before the position `ask` returned last. `ask` gets a part and
    /// the position that is still of interest, and returns the new one; a negative one ends the search.
    pub(super) fn walk(&self, ray: &Ray, span: Span, mut ask: impl FnMut(usize, f64) -> f64) {
        let inverse = vec3(1.0 / ray.direction.x, 1.0 / ray.direction.y, 1.0 / ray.direction.z);
        let mut limit = span.to;
        let mut waiting = [(0_usize, 0.0_f64); DEEPEST];
        let mut n = 0;
        let Some(root) = self.nodes.first() else { return };
        if let Some(t) = root.enter(ray.origin, inverse, span.from, limit) {
            waiting[0] = (0, t);
            n = 1;
        }
        while n > 0 {
            n -= 1;
            let (at, entered) = waiting[n];
            if entered > limit {
                continue;
            }
            match self.nodes[at].kind {
                Kind::Leaf { start, end } => {
                    for &part in &self.order[start..end] {
                        limit = ask(part as usize, limit);
                        if limit < 0.0 {
                            return;
                        }
                    }
                }
                Kind::Fork { second } => {
                    let a = self.nodes[at + 1].enter(ray.origin, inverse, span.from, limit).map(|t| (at + 1, t));
                    let b = self.nodes[second].enter(ray.origin, inverse, span.from, limit).map(|t| (second, t));
                    // The nearer child is taken first, so it is put last.
                    let (far, near) = match (a, b) {
                        (Some(a), Some(b)) if a.1 > b.1 => (Some(a), Some(b)),
                        (a, b) => (b, a),
                    };
                    for child in [far, near].into_iter().flatten() {
                        waiting[n] = child;
                        n += 1;
                    }
                }
            }
        }
    }
}

impl Node {
    fn enter(&self, origin: Vec3, inverse: Vec3, from: f64, to: f64) -> Option<f64> {
        let a = (self.low - origin).times(inverse);
        let b = (self.high - origin).times(inverse);
        // min and max ignore the NaN of 0 * infinity (a ray along a face), which keeps the box.
        let near = a.x.min(b.x).max(a.y.min(b.y)).max(a.z.min(b.z)).max(from);
        let far = a.x.max(b.x).min(a.y.max(b.y)).min(a.z.max(b.z)).min(to);
        (near <= far).then_some(near)
    }
}

fn split(bounds: &[(Vec3, Vec3)], order: &mut [u32], start: usize, end: usize, nodes: &mut Vec<Node>) {
    let slice = &mut order[start..end];
    let around = |ids: &[u32]| {
        ids.iter()
            .map(|&i| bounds[i as usize])
            .fold((Vec3::splat(f64::INFINITY), Vec3::splat(f64::NEG_INFINITY)), |(low, high), (l, h)| {
                (low.min(l), high.max(h))
            })
    };
    // A hair of margin keeps flat parts hittable after rounding.
    let (low, high) = around(slice);
    let (low, high) = (low - Vec3::splat(1e-6), high + Vec3::splat(1e-6));
    let at = nodes.len();
    if slice.len() <= LEAF {
        nodes.push(Node { low, high, kind: Kind::Leaf { start, end } });
        return;
    }
    let middle = |i: u32| bounds[i as usize].0 + bounds[i as usize].1;
    let (least, most) = slice
        .iter()
        .map(|&i| middle(i))
        .fold((Vec3::splat(f64::INFINITY), Vec3::splat(f64::NEG_INFINITY)), |(low, high), m| (low.min(m), high.max(m)));
    let size = most - least;
    let along = |v: Vec3| {
        if size.x >= size.y && size.x >= size.z {
            v.x
        } else if size.y >= size.z {
            v.y
        } else {
            v.z
        }
    };
    slice.sort_by(|&a, &b| along(middle(a)).total_cmp(&along(middle(b))));
    nodes.push(Node { low, high, kind: Kind::Fork { second: 0 } });
    let half = start + slice.len() / 2;
    split(bounds, order, start, half, nodes);
    nodes[at].kind = Kind::Fork { second: nodes.len() };
    split(bounds, order, half, end, nodes);
}
