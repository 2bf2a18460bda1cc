use std::collections::BTreeSet;

use super::vector::vec3;
use super::*;
use rayon::prelude::*;

fn small(kind: Kind, count: usize) -> Options {
    let size = kind.size();
    Options { size: Size::new(size.height / 16, size.width / 16), ..Options::new(kind, count) }
}

fn classes(sample: &Sample) -> BTreeSet<u8> {
    sample.semantics.iter().flat_map(|s| s.values().iter().copied().collect::<Vec<_>>()).collect()
}

fn hash(loaded: &Loaded) -> u64 {
    let sample = &loaded.sample;
    let mut bytes = sample.image.as_slice().into_owned();
    bytes.extend(sample.depth.metres().iter().flat_map(|m| m.to_le_bytes()));
    bytes.extend(sample.semantics.iter().flat_map(|s| s.values().iter().copied().collect::<Vec<_>>()));
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

#[test]
fn rooms_have_many_classes_and_no_holes() {
    let synth = Synth::new(small(Kind::Indoor, 15)).unwrap();
    let seen: Vec<_> = (0..15).into_par_iter().map(|i| classes(&synth.load(i).unwrap().sample)).collect();
    let all: BTreeSet<u8> = seen.iter().flatten().copied().collect();
    assert!(all.len() >= 25, "{} classes in the set", all.len());
    let rich = seen.iter().filter(|classes| classes.len() >= 10).count();
    assert!(
        rich >= 12,
        "{rich} of 15 rooms show ten classes or more: {:?}",
        seen.iter().map(BTreeSet::len).collect::<Vec<_>>()
    );
    assert!(!all.contains(&255));
    let loaded = synth.load(3).unwrap();
    assert_eq!(loaded.sample.depth.n_valid(), loaded.sample.depth.size().n_pixels());
    assert_eq!(loaded.sample.misfit(), None);
}

#[test]
fn roads_have_many_classes_and_a_sky_without_depth() {
    let synth = Synth::new(small(Kind::Road, 8)).unwrap();
    let samples: Vec<Sample> = (0..8).into_par_iter().map(|i| synth.load(i).unwrap().sample).collect();
    let all: BTreeSet<u8> = samples.iter().flat_map(classes).collect();
    assert!(all.len() >= 14, "{} classes in the set", all.len());
    for (i, sample) in samples.iter().enumerate() {
        let seen = classes(sample);
        assert!(seen.len() >= 8, "road {i} shows {seen:?}");
        let semantics = sample.semantics.as_ref().unwrap();
        for (&class, &metres) in semantics.values().iter().zip(sample.depth.metres()) {
            assert_eq!(class == 2, metres == 0.0, "road {i}: the sky, and nothing else, has no depth");
        }
    }
}

#[test]
fn fifty_scenes_are_fifty_layouts() {
    for kind in [Kind::Indoor, Kind::Road] {
        let layouts: BTreeSet<Vec<u32>> = (0..50)
            .into_par_iter()
            .map(|i| {
                let (scene, camera) = scene(kind, 0, i, Size::new(24, 32));
                render::survey(&scene, &camera).0.iter().map(|m| m.to_bits()).collect()
            })
            .collect();
        assert_eq!(layouts.len(), 50);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let synth = Synth::new(small(Kind::Indoor, 6)).unwrap();
    let of = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (0..6).into_par_iter().map(|i| hash(&synth.load(i).unwrap())).collect::<Vec<_>>())
    };
    let one = of(1);
    assert_eq!(one, of(5));
    assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 6);
    // The same scene whatever the count; another seed is another scene.
    let alone = Synth::new(small(Kind::Indoor, 1)).unwrap();
    assert_eq!(hash(&alone.load(0).unwrap()), one[0]);
    let other = Synth::new(Options { seed: 1, ..small(Kind::Indoor, 1) }).unwrap();
    assert_ne!(hash(&other.load(0).unwrap()), one[0]);
}

/// A scene of one floor (z = 0), one wall (y = 6) and one ball, with a camera pitched down: each pixel's depth is
/// computed by hand from the pinhole model and compared.
#[test]
fn depth_is_the_analytic_intersection() {
    use super::scene::{Light, Stage};
    use super::texture::Material;
    use super::vector::{Turn, Vec3};
    let grey = Material::plain(Vec3::splat(0.5));
    let mut stage = Stage::new();
    stage.object(class::FLOOR, Vec3::ZERO, Turn::NONE).quad(
        [-50.0, -50.0, 0.0],
        [100.0, 0.0, 0.0],
        [0.0, 100.0, 0.0],
        grey,
    );
    stage.object(class::WALL, Vec3::ZERO, Turn::NONE).quad(
        [-50.0, 6.0, 0.0],
        [100.0, 0.0, 0.0],
        [0.0, 0.0, 50.0],
        grey,
    );
    stage.object(class::BALL, Vec3::ZERO, Turn::NONE).ball([0.3, 3.0, 0.7], [0.7; 3], grey);
    let light = Light {
        above: Vec3::splat(1.0),
        below: Vec3::splat(1.0),
        reach: 1.0,
        sun: None,
        lamps: vec![],
        haze: 0.0,
        exposure: 1.0,
        sky_seed: 0,
    };
    let scene = Scene::new(stage.parts, light);
    let size = Size::new(60, 80);
    let intrinsics = crate::sample::Intrinsics { fx: 70.0, fy: 72.0, cx: 39.0, cy: 31.0 };
    // sin = 0.28 and cos = 0.96 are exact enough to write the axes down by hand.
    let pitch = -0.28_f64.asin();
    let camera = Camera::new(vec3(0.0, 0.0, 1.5), 0.0, pitch, intrinsics, size);
    let (depth, classes, _) = render::survey(&scene, &camera);
    let mut met = BTreeSet::new();
    for ((y, x), &found) in depth.indexed_iter() {
        let (a, b) = ((x as f64 - 39.0) / 70.0, (y as f64 - 31.0) / 72.0);
        // Camera axes: right (1, 0, 0), down (0, -0.28, -0.96), ahead (0, 0.96, -0.28).
        let (dx, dy, dz) = (a, -0.28 * b + 0.96, -0.96 * b - 0.28);
        let floor = if dz < 0.0 { 1.5 / -dz } else { f64::INFINITY };
        let wall = 6.0 / dy;
        // |o + t d - c|^2 = r^2 with o - c = (-0.3, -3, 0.8).
        let (a2, b2, c2) = (dx * dx + dy * dy + dz * dz, -0.3 * dx - 3.0 * dy + 0.8 * dz, 0.09 + 9.0 + 0.64 - 0.49);
        let under = b2 * b2 - a2 * c2;
        let ball = if under >= 0.0 { (-b2 - under.sqrt()) / a2 } else { f64::INFINITY };
        let (expected, class) = [(floor, class::FLOOR), (wall, class::WALL), (ball, class::BALL)]
            .into_iter()
            .fold((f64::INFINITY, 255), |best, next| if next.0 < best.0 { next } else { best });
        assert!((f64::from(found) / expected - 1.0).abs() < 1e-5, "({y}, {x}): {found} instead of {expected}");
        if under.abs() > 1e-6 && (floor - wall).abs() > 1e-6 {
            assert_eq!(classes[(y, x)], class, "({y}, {x})");
        }
        met.insert(class);
    }
    assert_eq!(met.len(), 3);
}

#[test]
fn what_cannot_be_made_is_refused() {
    assert!(Synth::new(Options::new(Kind::Indoor, 0)).is_err());
    let size = Size::new(5, 600_000);
    assert!(Synth::new(Options { size, ..Options::new(Kind::Indoor, 1) }).is_err());
}
