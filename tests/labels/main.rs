//! `sdprep labels` as a process: merging by every rule, on made-up and on real maps; what is shared, what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod maps;
mod merging;
mod real;

use std::fs;
use std::path::Path;

use common::process::{done, sdprep};
use image::{GrayImage, RgbImage};
use semdepth::shard::Set;

/// An npy of one axis order and any descriptor.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

fn grey(path: &Path, width: u32, pixels: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_raw(width, pixels.len() as u32 / width, pixels.to_vec()).unwrap().save(path).unwrap();
}

const TRUTH: [u8; 8] = [0, 0, 3, 3, 255, 255, 5, 19];
const PSEUDO: [u8; 8] = [0, 14, 3, 255, 7, 255, 5, 30];

/// A set `set` of five samples of 4x2 pixels with labels, two a shard, and the maps of a teacher below `maps`.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own");
    for i in 0..5_u8 {
        fs::create_dir_all(own.join("rgb")).unwrap();
        RgbImage::from_pixel(4, 2, image::Rgb([i, 20, 30])).save(own.join(format!("rgb/f{i}.png"))).unwrap();
        grey(&own.join(format!("depth/f{i}.png")), 4, &[10 + i; 8]);
        grey(&own.join(format!("label/f{i}.png")), 4, &TRUTH);
        grey(&dir.path().join(format!("maps/f{i}.png")), 4, &PSEUDO);
    }
    done(
        dir.path(),
        "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1/10 --labels label/*.png \
         --labels-table ade20k --samples-per-shard 2 --out set",
    );
    dir
}

fn labels(set: &Path, row: usize) -> Vec<u8> {
    let set = Set::open(set).unwrap();
    let labels = set.reader().unwrap().semantics(row).unwrap().unwrap();
    labels.values().iter().copied().collect()
}
