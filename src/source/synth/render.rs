//! From a scene and a camera to a picture with exact depth and classes.

use ndarray::{Array2, Array3};

use super::glow::{Ambient, Sighting};
use super::scene::{Hit, Scene};
use super::shape::{Ray, Span, Surface};
use super::texture::{cell, cloud};
use super::vector::{Vec3, vec3};
use crate::sample::{IGNORE, Intrinsics, Size};

/// Rays start this far from the surface they leave, in metres.
pub(super) const SKIN: f64 = 1e-4;
/// Nothing is farther, in metres.
const FAR: f64 = 1e4;
/// Neighbours whose brightness differs by more than this are smoothed.
const ROUGH: f64 = 0.07;
const SKY: u8 = 2;

/// A pinhole camera. Axes are unit vectors; `down` and `right` follow rows and columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    pub(super) origin: Vec3,
    pub(super) right: Vec3,
    pub(super) down: Vec3,
    pub(super) ahead: Vec3,
    pub(super) intrinsics: Intrinsics,
    pub(super) size: Size,
}

impl Camera {
    /// A camera that looks along y, turned left by `yaw` and up by `pitch` radians.
    pub(super) fn new(origin: Vec3, yaw: f64, pitch: f64, intrinsics: Intrinsics, size: Size) -> Self {
        let (sy, cy) = super::vector::sin_cos(yaw);
        let (sp, cp) = super::vector::sin_cos(pitch);
        Self {
            origin,
            right: vec3(cy, sy, 0.0),
            down: vec3(-sy * sp, cy * sp, -cp),
            ahead: vec3(-sy * cp, cy * cp, sp),
            intrinsics,
            size,
        }
    }

    /// The ray of a point of the picture. Positions along it are depths: metres along the optical axis.
    pub(super) fn ray(&self, y: f64, x: f64) -> Ray {
        let k = self.intrinsics;
        let direction = self.right * ((x - k.cx) / k.fx) + self.down * ((y - k.cy) / k.fy) + self.ahead;
        Ray { origin: self.origin, direction }
    }

    /// The same camera moved sideways by `right` metres and ahead by `ahead` metres.
    pub(super) fn moved(&self, right: f64, down: f64, ahead: f64) -> Self {
        Self { origin: self.origin + self.right * right + self.down * down + self.ahead * ahead, ..*self }
    }
}

/// What one camera sees.
pub(super) struct Frame {
    /// sRGB, `[3, H, W]`.
    pub(super) image: Array3<u8>,
    /// Metres along the optical axis of the ray through each pixel's centre; 0 = sky.
    pub(super) depth: Array2<f32>,
    /// ADE20K ids of the same rays.
    pub(super) classes: Array2<u8>,
    /// Numbers of the objects they meet; 0 = sky.
    #[cfg_attr(not(feature = "prep"), expect(dead_code, reason = "only the MAT file tells instances apart"))]
    pub(super) objects: Array2<u16>,
}

/// Renders a frame on the calling thread.
pub(super) fn render(scene: &Scene, camera: &Camera, noise_seed: u32) -> Frame {
    let Size { height, width } = camera.size;
    let hits =
        Array2::from_shape_fn((height, width), |(y, x)| scene.nearest(&camera.ray(to_f(y), to_f(x)), EVERYWHERE));
    let (classes, objects) = labels(scene, &hits);
    let depth = hits.mapv(|hit| hit.map_or(0.0, |hit| narrow(hit.t)));
    let colours = colours(scene, camera, &hits);
    let image = develop(&colours, scene.light.exposure, noise_seed);
    Frame { image, depth, classes, objects }
}

/// Only what is behind every pixel's centre, without light.
pub(super) fn survey(scene: &Scene, camera: &Camera) -> (Array2<f32>, Array2<u8>, Array2<u16>) {
    let Size { height, width } = camera.size;
    let hits =
        Array2::from_shape_fn((height, width), |(y, x)| scene.nearest(&camera.ray(to_f(y), to_f(x)), EVERYWHERE));
    let (classes, objects) = labels(scene, &hits);
    (hits.mapv(|hit| hit.map_or(0.0, |hit| narrow(hit.t))), classes, objects)
}

pub(super) const EVERYWHERE: Span = Span { from: 1e-3, to: FAR };

fn labels(scene: &Scene, hits: &Array2<Option<Hit>>) -> (Array2<u8>, Array2<u16>) {
    let outside = if scene.light.haze > 0.0 { SKY } else { IGNORE };
    let classes = hits.mapv(|hit| hit.map_or(outside, |hit| scene.parts[hit.part].class));
    let objects = hits.mapv(|hit| hit.map_or(0, |hit| scene.parts[hit.part].object));
    (classes, objects)
}

fn colours(scene: &Scene, camera: &Camera, hits: &Array2<Option<Hit>>) -> Array2<Vec3> {
    let (height, width) = hits.dim();
    let sight = |y: f64, x: f64| {
        let ray = camera.ray(y, x);
        (ray, scene.nearest(&ray, EVERYWHERE))
    };
    let mut ambient = Ambient::new(scene, camera, hits);
    let centres = Array2::from_shape_fn((height, width), |(y, x)| {
        let ray = camera.ray(to_f(y), to_f(x));
        colour(scene, &ray, hits[(y, x)], (y, x), &mut ambient)
    });
    let luma = centres.mapv(|c| tone(0.3 * c.x + 0.6 * c.y + 0.1 * c.z));
    Array2::from_shape_fn((height, width), |(y, x)| {
        let rough = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)]
            .into_iter()
            .filter_map(|at| luma.get(at))
            .any(|near| (near - luma[(y, x)]).abs() > ROUGH);
        if !rough {
            return centres[(y, x)];
        }
        let mut sum = Vec3::ZERO;
        for (dy, dx) in [(-0.375, -0.125), (-0.125, 0.375), (0.125, -0.375), (0.375, 0.125)] {
            let (ray, hit) = sight(to_f(y) + dy, to_f(x) + dx);
            // Averaging what will be shown, not the light: a lamp's edge must not glow over its neighbours.
            sum = sum + colour(scene, &ray, hit, (y, x), &mut ambient).min(Vec3::splat(1.5));
        }
        sum * 0.25
    })
}

fn colour(scene: &Scene, ray: &Ray, hit: Option<Hit>, pixel: (usize, usize), ambient: &mut Ambient<'_>) -> Vec3 {
    let Some(hit) = hit else { return sky(scene, ray.direction) };
    let surface = scene.surface(ray, hit);
    let part = &scene.parts[hit.part];
    let point = ray.at(hit.t);
    let albedo = part.material.colour(&surface);
    let sighting = Sighting { point, normal: surface.normal, object: part.object };
    let mut light = ambient.at(pixel, &sighting);
    let view = ray.direction.unit();
    let mut shine = Vec3::ZERO;
    if let Some((towards, sun)) = scene.light.sun {
        let facing = surface.normal.dot(towards);
        if facing > 0.0 && sunlit(scene, point + surface.normal * SKIN, towards) {
            light = light + sun * facing;
            if part.material.gloss > 0.0 {
                shine = sun * (part.material.gloss * 2.0 * highlight(view, surface.normal, towards));
            }
        }
    }
    let mut colour = albedo.times(light) + shine + albedo * part.material.glow;
    if part.material.gloss > 0.0 {
        colour = colour + reflection(scene, point, &surface, view) * part.material.gloss;
    }
    let haze = scene.light.haze * hit.t / 1000.0;
    if haze > 0.0 { colour.mix(sky(scene, vec3(view.x, view.y, 0.02)), haze / (1.0 + haze)) } else { colour }
}

/// What a polished surface mirrors, stronger at grazing view (Schlick).
fn reflection(scene: &Scene, point: Vec3, surface: &Surface, view: Vec3) -> Vec3 {
    let facing = (-view.dot(surface.normal)).clamp(0.0, 1.0);
    let k = 1.0 - facing;
    let share = 0.08 + 0.92 * k * k * k * k * k;
    let direction = view + surface.normal * (2.0 * facing);
    let ray = Ray { origin: point + surface.normal * SKIN, direction };
    let seen = match scene.nearest(&ray, EVERYWHERE) {
        None => sky(scene, direction),
        Some(hit) => {
            let there = scene.surface(&ray, hit);
            let material = &scene.parts[hit.part].material;
            let light = scene.light.below.mix(scene.light.above, 0.5 + 0.5 * there.normal.z);
            material.colour(&there).times(light * 0.8 + Vec3::splat(material.glow))
        }
    };
    seen * share
}

/// Indoors the sun comes through panes only; outdoors panes and all else cast shadows alike.
fn sunlit(scene: &Scene, from: Vec3, towards: Vec3) -> bool {
    let ray = Ray { origin: from, direction: towards };
    if scene.light.haze > 0.0 {
        return !scene.blocked(&ray, EVERYWHERE);
    }
    scene.nearest(&ray, EVERYWHERE).is_none_or(|hit| scene.parts[hit.part].material.pane)
}

fn highlight(view: Vec3, normal: Vec3, towards: Vec3) -> f64 {
    let half = (towards - view).unit().dot(normal).max(0.0);
    let p2 = half * half;
    let p4 = p2 * p2;
    let p8 = p4 * p4;
    let p16 = p8 * p8;
    p16 * p16 * p16
}

/// Blue above, pale at the horizon, with clouds and a glare around the sun.
pub(super) fn sky(scene: &Scene, direction: Vec3) -> Vec3 {
    let d = direction.unit();
    let height = d.z.max(0.0);
    let clear = vec3(0.72, 0.82, 0.92).mix(vec3(0.16, 0.36, 0.78), (height * 2.2).min(1.0).sqrt());
    let (u, v) = (d.x / (height + 0.12), d.y / (height + 0.12));
    let cover = cloud(u * 0.9, v * 0.9, scene.light.sky_seed) * 0.75
        + 0.25 * cloud(u * 5.0, v * 5.0, scene.light.sky_seed ^ 77);
    let cover = ((cover - 0.46) * 4.5).clamp(0.0, 1.0) * (height * 9.0).min(1.0);
    let mut colour = clear.mix(Vec3::splat(1.0), cover * 0.9);
    if let Some((towards, sun)) = scene.light.sun {
        let near = d.dot(towards).max(0.0);
        let glare = near * near * near * near;
        colour = colour + sun * (0.12 * glare * glare);
    }
    colour
}

/// Exposure, a soft shoulder, gamma 2 and a little sensor noise.
fn develop(colours: &Array2<Vec3>, exposure: f64, seed: u32) -> Array3<u8> {
    let (height, width) = colours.dim();
    Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        let value = tone(colours[(y, x)].to_array()[c] * exposure);
        let pair =
            cell(to_f(x), to_f(y), seed.wrapping_add(c as u32)) + cell(to_f(x), to_f(y), seed ^ 0x5bd1 ^ c as u32);
        to_byte(value + (pair - 1.0) * 0.014)
    })
}

/// Linear light to what a byte shows: white is reached at three.
fn tone(v: f64) -> f64 {
    let v = v.max(0.0);
    (v * (1.0 + v / 9.0) / (1.0 + v) * 1.25).sqrt().min(1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn to_byte(v: f64) -> u8 {
    (v * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}

#[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^52")]
pub(super) fn to_f(i: usize) -> f64 {
    i as f64
}

#[expect(clippy::cast_possible_truncation, reason = "stored depth is f32")]
fn narrow(t: f64) -> f32 {
    t as f32
}
