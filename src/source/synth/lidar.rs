use super::render::to_f;
use super::rig::Rig;
use super::scene::Scene;
use super::shape::{Ray, Span};
use super::vector::{Vec3, sin_cos, vec3};

/// Scan lines.
const LINES: usize = 64;
/// Shots of a line in one turn: every 0.18 degrees.
const SHOTS: usize = 2000;
/// Metres within which the scanner measures.
const RANGE: Span = Span { from: 0.9, to: 120.0 };

/// One turn of the scanner: x ahead, y left, z up in metres, and the reflectance 0..0.99 of each point.
pub(super) fn scan(scene: &Scene, rig: &Rig) -> Vec<[f32; 4]> {
    let origin = rig.scanner_to_scene(Vec3::ZERO, true);
    let turns: Vec<(f64, f64)> = (0..SHOTS).map(|i| sin_cos(std::f64::consts::TAU * to_f(i) / to_f(SHOTS))).collect();
    let mut points = Vec::with_capacity(LINES * SHOTS);
    for line in 0..LINES {
        let (rise, level) = sin_cos(elevation(line));
        for &(sin, cos) in &turns {
            let d = vec3(level * cos, level * sin, rise);
            let ray = Ray { origin, direction: rig.scanner_to_scene(d, false) };
            let Some(hit) = scene.nearest(&ray, RANGE) else { continue };
            let surface = scene.surface(&ray, hit);
            let colour = scene.parts[hit.part].material.colour(&surface);
            let facing = surface.normal.dot(-ray.direction).clamp(0.1, 1.0);
            let back = ((colour.x + colour.y + colour.z) / 3.0).sqrt() * facing.sqrt();
            points.push(point(d * hit.t, back));
        }
    }
    points
}

#[expect(clippy::cast_possible_truncation, reason = "the file holds f32")]
fn point(p: Vec3, reflectance: f64) -> [f32; 4] {
    // Two digits, as the sensor reports.
    let reflectance = (reflectance.clamp(0.0, 0.99) * 100.0).floor() / 100.0;
    [p.x as f32, p.y as f32, p.z as f32, reflectance as f32]
}

/// Radians above the horizon: the upper half of the lines every third of a degree from +2, the lower every half.
fn elevation(line: usize) -> f64 {
    let half = LINES / 2;
    let degrees = if line < half { 2.0 - to_f(line) / 3.0 } else { -8.83 - to_f(line - half) * 0.515 };
    degrees * std::f64::consts::PI / 180.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_span_the_sensor_s_field() {
        assert_eq!(elevation(0).to_degrees().round(), 2.0);
        assert!((elevation(63).to_degrees() + 24.8).abs() < 0.01);
        assert!((1..LINES).all(|line| elevation(line) < elevation(line - 1)));
    }
}
