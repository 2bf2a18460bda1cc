//! Merging a teacher's label maps against the codec limit, and what a merged set writes.
//!
//! Every figure is a ratio within one run. `SEMDEPTH_BENCH_FRAMES` sets the number of frames (256),
//! `SEMDEPTH_BENCH_ROUNDS` the number of rounds (5). With `SEMDEPTH_REAL_DATA`, real frames and the maps of a real teacher
//! are measured as well.

mod common;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use common::{Result, sdprep};
use rayon::prelude::*;
use semdepth::sample::Semantics;
use semdepth::shard::export::label_png;
use semdepth::shard::{Field, Set};
use serde_json::Value;

fn main() -> Result<()> {
    let (frames, rounds) = (common::frames(256), common::rounds());
    let folder = common::folder(&format!("bench-labels-{frames}"));
    let set = common::rooms(&folder.join("rooms"), frames)?;
    let maps = folder.join("maps");
    write_maps(&set, &maps)?;
    let out = folder.join("merged");
    let merge_rooms = || merge(&set, &maps, &out);
    measure("merging", &set, &maps, rounds, &out, &merge_rooms)?;
    written(&set, &out, &mut merge_rooms())?;
    if let Some(real) = std::env::var_os("SEMDEPTH_REAL_DATA") {
        let (set, maps) = real_frames(Path::new(&real), &folder)?;
        let out = folder.join("merged-real");
        let merge_real = || {
            let mut command = merge(&set, &maps, &out);
            command.arg("--mirror"); // its teacher saw the pictures mirrored
            command
        };
        measure("merging real frames", &set, &maps, rounds, &out, &merge_real)?;
    }
    Ok(())
}

fn merge(set: &Set, maps: &Path, out: &Path) -> Command {
    let mut command = sdprep(&["labels", "merge", "--base", "0", "--quiet", "--json", "--pseudo"]);
    command.arg(maps).arg("--out").arg(out).arg(set.root());
    command
}

fn measure(what: &str, set: &Set, maps: &Path, rounds: usize, out: &Path, merge: &dyn Fn() -> Command) -> Result<()> {
    common::run(merge().arg("--force"))?;
    let rows = codec_work(set, maps, &Set::open(out)?)?;
    let kib = rows.iter().map(|work| work.map.len()).sum::<usize>() / rows.len() / 1024;
    let size = set.spec().size;
    println!("{} frames of {size}, maps of {kib} KiB, {} threads", rows.len(), rayon::current_num_threads());
    common::against_limit(what, rounds, out, || limit(&rows), || common::run(&mut merge()))
}

/// The frames of `nyuv2_mirrored` as a set, and the folder of their teacher's maps.
fn real_frames(real: &Path, folder: &Path) -> Result<(Set, PathBuf)> {
    let set = folder.join("nyuv2_mirrored");
    let convert = ["convert", "folder", "--preset", "nyuv2-mirrored", "--quiet", "--out"];
    common::run(sdprep(&convert).arg(&set).arg(real.join("nyuv2_mirrored")))?;
    Ok((Set::open(&set)?, real.join("teacher_deeplab/nyuv2_mirrored/images")))
}

/// The labels of each sample, six columns and four rows aside, as a teacher that misses every edge would see them.
fn write_maps(set: &Set, maps: &Path) -> Result<()> {
    let mut reader = set.reader()?;
    for record in set.records() {
        let truth = reader.semantics(record.row)?.ok_or("no labels")?;
        let mut map = truth.values().to_owned();
        for ((y, x), label) in map.indexed_iter_mut() {
            *label = truth.values()[(y.saturating_sub(4), x.saturating_sub(6))];
        }
        let path = maps.join(format!("{}.png", record.entry.key));
        fs::create_dir_all(path.parent().unwrap_or(maps))?;
        fs::write(path, label_png(&Semantics::new(map)))?;
    }
    Ok(())
}

/// What the codecs have to do for one sample.
struct Work {
    map: Vec<u8>,
    old: Vec<u8>,
    new: Vec<u8>,
}

fn codec_work(set: &Set, maps: &Path, merged: &Set) -> Result<Vec<Work>> {
    let (mut old, mut new) = (set.reader()?, merged.reader()?);
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    let mut rows = Vec::new();
    for record in set.records() {
        rows.push(Work {
            map: fs::read(maps.join(format!("{}.png", record.entry.key)))?,
            old: compressor.compress(&old.bytes(Field::Semantics, record.row)?)?,
            new: new.bytes(Field::Semantics, record.row)?,
        });
    }
    Ok(rows)
}

/// Seconds to decode the map and the labels that are there and to encode the new ones, in memory on all cores.
fn limit(rows: &[Work]) -> f64 {
    let start = Instant::now();
    rows.par_iter().for_each_init(
        || (zstd::bulk::Decompressor::new(), zstd::bulk::Compressor::new(3), Vec::new(), Vec::new()),
        |(decompressor, compressor, pixels, labels), Work { map, old, new }| {
            let (Ok(decompressor), Ok(compressor)) = (decompressor, compressor) else { return };
            let mut options = png::DecodeOptions::default();
            options.set_ignore_checksums(false);
            let decoder = png::Decoder::new_with_options(std::io::Cursor::new(map), options);
            let Ok(mut reader) = decoder.read_info() else { return };
            pixels.resize(new.len(), 0);
            black_box(reader.next_frame(pixels)).ok();
            labels.resize(new.len(), 0);
            black_box(decompressor.decompress_to_buffer(old, labels)).ok();
            black_box(compressor.compress(new)).ok();
        },
    );
    start.elapsed().as_secs_f64()
}

/// Prints what the merge wrote and what it shared.
fn written(set: &Set, out: &Path, merge: &mut Command) -> Result<()> {
    fs::remove_dir_all(out)?;
    let outcome: Value = serde_json::from_slice(&merge.output()?.stdout)?;
    let shared = &outcome["shared_files"];
    let parent = common::folder_bytes(set.root())?;
    let images = common::folder_bytes(&set.root().join("image"))? + common::folder_bytes(&set.root().join("depth"))?;
    println!(
        "{} kB written for a set of {} kB; of image and depth, {} kB, {} files are reflinked, {} linked, {} copied",
        outcome["bytes_written"].as_u64().ok_or("no bytes_written")? / 1000,
        parent / 1000,
        images / 1000,
        shared["reflinked"],
        shared["linked"],
        shared["copied"]
    );
    Ok(())
}
