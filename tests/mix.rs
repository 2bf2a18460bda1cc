//! Mixes of rendered scenes against pictures that were looked at, and of real frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use ndarray::Array2;
use rayon::prelude::*;
use semdepth::label::LabelSpace;
use semdepth::mix::{Domain, Draws, Edit, Method, Parameters, Purpose, Side};
use semdepth::sample::{Depth, IGNORE, Sample, Semantics, Size};
use semdepth::source::Source;
use semdepth::source::kitti::{DepthKind, Kitti, Options as KittiOptions};
use semdepth::source::synth::{Kind, Options, Synth};
use semdepth::view::{ColorMap, DepthScale};

const SKY: Option<u8> = Some(2);

fn scenes(kind: Kind, size: Size, rows: [usize; 2]) -> [Sample; 2] {
    let synth = Synth::new(Options { seed: 7, size, ..Options::new(kind, 10) }).unwrap();
    rows.map(|row| synth.load(row).unwrap().sample)
}

/// Every fourth depth or so of the lower two thirds, as a laser would see it.
fn thinned(mut sample: Sample) -> Sample {
    let (height, width) = sample.depth.metres().dim();
    let noise = |n: u32| (n ^ (n >> 15)).wrapping_mul(2_246_822_519) >> 30;
    let kept = |y: usize, x: usize| y > height / 3 && noise(((y * width + x) as u32).wrapping_mul(2_654_435_761)) == 0;
    let metres = sample.depth.metres();
    let metres = Array2::from_shape_fn((height, width), |(y, x)| if kept(y, x) { metres[(y, x)] } else { 0.0 });
    sample.depth = Depth::from_metres(metres).0;
    sample
}

/// Mask, image, depth and classes of a mix, pixel by pixel.
fn drawn(sample: &Sample, edit: &Edit, far_m: f64) -> RgbImage {
    let Size { height, width } = sample.image.size();
    let scale = DepthScale::new(1.0, far_m, ColorMap::Turbo).unwrap();
    RgbImage::from_fn(2 * width as u32, 2 * height as u32, |px, py| {
        let (y, x) = (py as usize % height, px as usize % width);
        let grey = if edit.mask().cells()[y * width + x] { 255 } else { 60 };
        Rgb(match (py as usize / height, px as usize / width) {
            (0, 0) => [grey; 3],
            (0, _) => sample.image.rgb(y, x),
            (_, 0) => scale.color(sample.depth.metres()[(y, x)]),
            _ => LabelSpace::Ade20k150.color(sample.semantics.as_ref().unwrap().values()[(y, x)]),
        })
    })
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/mix").join(format!("{name}.png"))
}

/// Compares with `fixtures/golden/mix/NAME.png`: at most one pixel in five hundred may differ by more than 8 of 255 in
/// a channel, and the mean difference may be half a level. Otherwise all three pictures are written and named.
fn compare(name: &str, actual: &RgbImage) -> Result<(), String> {
    let path = golden(name);
    let expected = image::open(&path).map_err(|e| format!("{}: {e}", path.display()))?.to_rgb8();
    let mut difference = RgbImage::new(actual.width(), actual.height());
    let (mut sum, mut n_far) = (0_u64, 0);
    let same_size = expected.dimensions() == actual.dimensions();
    for (x, y, out) in difference.enumerate_pixels_mut().filter(|_| same_size) {
        let (a, b) = (expected.get_pixel(x, y).0, actual.get_pixel(x, y).0);
        let apart = [0, 1, 2].map(|c| a[c].abs_diff(b[c]));
        sum += apart.iter().map(|&d| u64::from(d)).sum::<u64>();
        n_far += usize::from(apart.iter().any(|&d| d > 8));
        *out = Rgb(apart.map(|d| d.saturating_mul(4)));
    }
    let n = (actual.width() * actual.height()) as usize;
    if same_size && 500 * n_far <= n && sum as f64 <= 0.5 * 3.0 * n as f64 {
        return Ok(());
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    std::fs::create_dir_all(&folder).unwrap();
    let written: Vec<String> = [("expected", &expected), ("actual", actual), ("difference", &difference)]
        .into_iter()
        .map(|(what, picture)| {
            let file = folder.join(format!("{name}.{what}.png"));
            picture.save(&file).unwrap();
            file.display().to_string()
        })
        .collect();
    Err(format!("{name}: {n_far} of {n} pixels differ; look at {}", written.join(", ")))
}

#[test]
fn every_method_looks_as_it_did() {
    let rooms = scenes(Kind::Indoor, Size::new(96, 128), [1, 4]);
    let roads = scenes(Kind::Road, Size::new(64, 212), [2, 3]).map(thinned);
    let mut wrong = Vec::new();
    for (name, [a, b], domain, far_m) in [("indoor", rooms, Domain::Indoor, 6.0), ("road", roads, Domain::Road, 60.0)] {
        let parameters = Parameters::of(domain);
        for method in Method::ALL {
            // The first draw that has something to show.
            let draw = |copy| {
                let mut draws = Draws::new(4, method.name(), name, copy, Purpose::Mix);
                parameters.draw(method, Side::new(&a, SKY), Side::new(&b, SKY), &mut draws).unwrap().1
            };
            let edit = (0..50).map(draw).find(|edit| (0.02..0.95).contains(&edit.mask().share())).unwrap();
            let mixed = edit.clone().apply(Some(a.clone()), b.clone()).unwrap();
            let (name, picture) = (format!("{name}-{method}"), drawn(&mixed, &edit, far_m));
            if std::env::var_os("UPDATE_GOLDEN").is_some_and(|v| v == "1") {
                picture.save(golden(&name)).unwrap(); // look at it before it is committed
            } else {
                wrong.extend(compare(&name, &picture).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_picture_that_differs_is_told_and_shown() {
    let wrong = compare("indoor-cutmix", &RgbImage::new(256, 192)).unwrap_err();
    assert!(wrong.contains("indoor-cutmix.difference.png"), "{wrong}");
    let shown = wrong.split("look at ").nth(1).unwrap().split(", ");
    assert!(shown.map(Path::new).all(Path::is_file));
}

/// Whole objects, not salt and pepper: few parts, whatever the threshold, with a teacher's labels and without.
#[test]
fn masks_of_real_roads_are_whole() {
    let Some(real) = common::real_data() else { return };
    let options = KittiOptions { depth: Some(DepthKind::Project), ..KittiOptions::new(real.join("kitti_raw")) };
    let kitti = Kitti::plan(options).unwrap();
    let mut frames = Vec::new();
    for (row, entry) in kitti.entries().iter().enumerate() {
        let loaded = kitti.load(row).unwrap();
        let labels = real.join("teacher_deeplab/kitti_raw").join(&entry.source["image"]);
        let labels = image::open(&labels).unwrap().to_luma8();
        let (width, height) = labels.dimensions();
        let labels = Array2::from_shape_vec((height as usize, width as usize), labels.into_raw()).unwrap();
        let labels = Semantics::new(labels).window(loaded.crop.unwrap().window);
        let labels = Semantics::new(labels.values().mapv(|id| if id < 150 { id } else { IGNORE }));
        let with = Sample { semantics: Some(labels), ..loaded.sample.clone() };
        frames.extend([(entry.key.clone(), loaded.sample), (format!("{} with labels", entry.key), with)]);
    }
    for name in ["postech4", "scadc"] {
        let folder = real.join("kitti_depth");
        for file in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            if !stem.starts_with(name) || !(stem.contains("gt") || stem.contains("sparse")) {
                continue;
            }
            let depth = image::open(&file).unwrap().to_luma16();
            let (width, height) = depth.dimensions();
            let metres = depth.into_raw().into_iter().map(|v| f32::from(v) / 256.0).collect();
            let metres = Array2::from_shape_vec((height as usize, width as usize), metres).unwrap();
            let image = semdepth::sample::Image::filled(Size::new(height as usize, width as usize), 0);
            frames.push((stem, Sample::new(image, Depth::from_metres(metres).0)));
        }
    }
    assert!(frames.len() >= 8, "{} frames", frames.len());
    let parameters = Parameters::of(Domain::Road);
    frames.par_iter().for_each(|(key, frame)| {
        for copy in 0..8 {
            let side = Side::new(frame, SKY);
            let mut draws = Draws::new(1, "nearfarmix", key, copy, Purpose::Mix);
            let (drawn, edit) = parameters.draw(Method::NearFarMix, side, side, &mut draws).unwrap();
            let n = edit.mask().n_parts();
            println!("{key}: {drawn:?}: {n} parts");
            assert!(n <= 60, "{key}: {n} parts with {drawn:?}");
        }
    });
}
