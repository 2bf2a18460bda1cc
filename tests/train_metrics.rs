//! Depth and semantic metrics against the golden values of evaluation.md.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use semdepth::source::picture::read_u16;
use semdepth::train::metric::{
    Average, Confusion, Depth, Flip, Picture, Place, Protocol, average, mirror_average, resize,
};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    common::golden().map(|root| root.join("metrics"))
}

fn expected(root: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(root.join("metrics.json")).unwrap()).unwrap()
}

/// Shape and values of a tensor.
fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = match view.dtype() {
        Dtype::U8 => view.data().iter().map(|v| f32::from(*v)).collect(),
        _ => view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
    };
    (view.shape().to_vec(), values)
}

/// Metres of a 16-bit PNG, its rows and columns.
fn depth_png(path: PathBuf, steps_per_metre: f64) -> (Vec<f32>, usize, usize) {
    let map = read_u16(&path).unwrap();
    let (h, w) = map.dim();
    (map.iter().map(|v| (f64::from(*v) / steps_per_metre) as f32).collect(), h, w)
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what} is no number"));
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
}

fn same_depth(found: &Depth, expected: &Value, what: &str) {
    let found = serde_json::to_value(found).unwrap();
    for (key, value) in expected.as_object().unwrap() {
        close(found[key].as_f64().unwrap(), value, &format!("{what} {key}"));
    }
    assert_eq!(found.as_object().unwrap().len(), expected.as_object().unwrap().len());
}

fn same(found: &Average, expected: &Value, what: &str) {
    assert_eq!(found.pictures as u64, expected["pictures"], "{what}");
    assert_eq!(found.skipped as u64, expected["skipped"], "{what}");
    same_depth(&found.average.unwrap(), &expected["average"], what);
    for (i, (found, expected)) in found.per_picture.iter().zip(expected["per_picture"].as_array().unwrap()).enumerate()
    {
        match found {
            Some(found) => same_depth(found, expected, &format!("{what}, picture {i}")),
            None => assert!(expected.is_null(), "{what}, picture {i}"),
        }
    }
    let pixels: Vec<u64> = expected["pixels"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
    assert_eq!(found.pixels.iter().map(|n| *n as u64).collect::<Vec<_>>(), pixels, "{what}");
    if let Some(scales) = expected.get("scales") {
        let scales = scales.as_array().unwrap();
        assert_eq!(found.scales.len(), scales.len());
        found.scales.iter().zip(scales).for_each(|(found, expected)| close(*found, expected, what));
        close(found.scale_median.unwrap(), &expected["scale_median"], what);
        close(found.scale_std.unwrap(), &expected["scale_std"], what);
    }
}

#[test]
fn small_maps_with_every_kind_of_bad_value() {
    let Some(root) = folder() else { return };
    let expected = &expected(&root)["small"];
    let (shape, predictions) = tensor(&root.join("small.safetensors"), "pred");
    let (_, truths) = tensor(&root.join("small.safetensors"), "gt");
    let plane = shape[1] * shape[2];
    let run = |protocol: &Protocol, limit: Option<f32>| -> Average {
        let pictures: Vec<Picture> = predictions
            .chunks(plane)
            .zip(truths.chunks(plane))
            .map(|(p, t)| {
                let prepared = protocol.prepare(
                    (p, shape[1], shape[2]),
                    (t, shape[1], shape[2]),
                    Place::whole(shape[1], shape[2]),
                );
                limit.map_or_else(|| prepared.evaluate(), |limit| prepared.evaluate_to(limit))
            })
            .collect();
        average(&pictures)
    };
    let mut full: Protocol = "full".parse().unwrap();
    same(&run(&full, None), &expected["full"], "full");
    for limit in [4u8, 6, 8] {
        same(&run(&full, Some(f32::from(limit))), &expected["ranges"][limit.to_string()], &format!("to {limit} m"));
    }
    full.median_scaling = true;
    same(&run(&full, None), &expected["median_scaled"], "median scaled");
}

#[test]
fn nyu_and_kitti_protocols() {
    let Some(root) = folder() else { return };
    let expected = expected(&root);
    let run = |name: &str, set: &str, steps: f64, median_scaling: bool| -> Average {
        let protocol = Protocol { median_scaling, ..name.parse().unwrap() };
        let pictures: Vec<Picture> = (0..2)
            .map(|i| {
                let (p, ph, pw) = depth_png(root.join(format!("{set}_{i}_pred.png")), steps);
                let (t, th, tw) = depth_png(root.join(format!("{set}_{i}_gt.png")), steps);
                protocol.prepare((&p, ph, pw), (&t, th, tw), Place::whole(th, tw)).evaluate()
            })
            .collect();
        average(&pictures)
    };
    same(&run("nyu", "nyu", 1000.0, false), &expected["nyu"]["result"], "nyu");
    for name in ["kb_garg", "kb_eigen", "full_garg"] {
        same(&run(name, "kitti", 256.0, false), &expected["kitti"][name], name);
    }
    same(&run("full_garg", "kitti", 256.0, true), &expected["kitti"]["full_garg_median_scaled"], "median scaled");
}

/// The part of a map that begins at `first`, of `size`; 0 outside.
fn part((map, rows, columns): (&[f32], usize, usize), first: (i64, i64), size: (usize, usize)) -> Vec<f32> {
    let at = |i: usize, first: i64, n: usize| usize::try_from(i as i64 + first).ok().filter(|i| *i < n);
    let value = |row, column| Some(map[at(row, first.0, rows)? * columns + at(column, first.1, columns)?]);
    (0..size.0 * size.1).map(|i| value(i / size.1, i % size.1).unwrap_or(0.0)).collect()
}

#[test]
fn shares_of_the_whole_frame_are_found_in_cut_and_padded_maps() {
    let Some(root) = folder() else { return };
    let expected = expected(&root);
    let protocol: Protocol = "full_garg".parse().unwrap();
    let mut pictures = [Vec::new(), Vec::new()];
    for i in 0..2 {
        let (p, ph, pw) = depth_png(root.join(format!("kitti_{i}_pred.png")), 256.0);
        let (t, th, tw) = depth_png(root.join(format!("kitti_{i}_gt.png")), 256.0);
        assert_eq!((ph, pw), (352, 1216), "predictions are of the KB crop");
        let corner = ((th - 352) as i64, ((tw - 1216) / 2) as i64);
        // As `--fit kb-crop` and `--fit pad` keep them: bottom and middle in place.
        let padded = (376_usize, 1245_usize);
        let first = (th as i64 - 376, (tw as i64 - 1245).div_euclid(2));
        for (pictures, (first, size)) in pictures.iter_mut().zip([(corner, (352, 1216)), (first, padded)]) {
            let truth = part((&t, th, tw), first, size);
            let prediction = part((&p, ph, pw), (first.0 - corner.0, first.1 - corner.1), size);
            let place = Place { picture: (th, tw), first };
            protocol.check(size, Some(place)).unwrap();
            let maps = ((prediction.as_slice(), size.0, size.1), (truth.as_slice(), size.0, size.1));
            pictures.push(protocol.prepare_whole(maps.0, maps.1, place).evaluate());
        }
    }
    for (pictures, name) in pictures.iter().zip(["cut", "padded"]) {
        same(&average(pictures), &expected["kitti"]["full_garg"], name);
    }
}

#[test]
fn a_protocol_that_does_not_say_which_pixels_count_is_refused() {
    let of = |name: &str, size, place| name.parse::<Protocol>().unwrap().check(size, place);
    let small = (240, 320);
    assert!(of("nyu", small, Some(Place::whole(240, 320))).unwrap_err().contains("of 480x640, found 240x320"));
    assert_eq!(of("nyu", (427, 565), Some(Place { picture: (480, 640), first: (45, 43) })), Ok(()));
    assert!(of("full_garg", (352, 1216), None).unwrap_err().contains("size of the whole picture"));
    assert!(of("kb_garg", small, Some(Place::whole(240, 320))).unwrap_err().contains("352x1216"));
    for (name, size) in [("full", small), ("kb_garg", (352, 1216)), ("kb_eigen", (352, 1216))] {
        assert_eq!(of(name, size, None), Ok(()));
    }
}

#[test]
fn mirror_averaging_and_resizing() {
    let Some(root) = folder() else { return };
    let (expected, file) = (expected(&root), root.join("flip_resize.safetensors"));
    let ((shape, direct), (_, mirrored)) = (tensor(&file, "direct"), tensor(&file, "mirrored_input"));
    let (_, truth) = tensor(&root.join("flip_gt.safetensors"), "gt");
    let protocol: Protocol = "full".parse().unwrap();
    for (flip, name) in [(Flip::Mean, "mean"), (Flip::Ramp, "ramp")] {
        let joined = mirror_average(&direct, &mirrored, shape[1], protocol.range, flip);
        let (_, golden) = tensor(&file, name);
        assert!(joined.iter().zip(&golden).all(|(a, b)| (a - b).abs() < 1e-6), "{name}");
        let place = Place::whole(shape[0], shape[1]);
        let picture = protocol.prepare((&joined, shape[0], shape[1]), (&truth, shape[0], shape[1]), place).evaluate();
        same(&average(&[picture]), &expected["flip"][name], name);
    }
    let (from, map) = tensor(&file, "resize_in");
    for name in ["resize_30x40", "resize_48x64", "resize_7x9"] {
        let (to, golden) = tensor(&file, name);
        let found = resize((&map, from[0], from[1]), (to[0], to[1]));
        assert!(found.iter().zip(&golden).all(|(a, b)| (a - b).abs() < 1e-5), "{name}");
    }
}

#[test]
fn semantic_scores() {
    let Some(root) = folder() else { return };
    let expected = &expected(&root)["semantics"]["result"];
    let bytes = |name| -> Vec<u8> {
        tensor(&root.join("semantics.safetensors"), name).1.into_iter().map(|v| v as u8).collect()
    };
    let mut confusion = Confusion::default();
    bytes("pred").chunks(24 * 32).zip(bytes("gt").chunks(24 * 32)).for_each(|(p, t)| confusion.add(p, t));
    let found = serde_json::to_value(confusion.scores()).unwrap();
    for (key, value) in expected.as_object().unwrap().iter().filter(|(key, _)| *key != "iou") {
        close(found[key].as_f64().unwrap(), value, key);
    }
    let classes = expected["iou"].as_object().unwrap();
    assert_eq!(found["iou"].as_object().unwrap().len(), classes.len());
    classes.iter().for_each(|(class, value)| close(found["iou"][class].as_f64().unwrap(), value, class));
}
