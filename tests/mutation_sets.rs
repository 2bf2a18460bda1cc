//! Damaged sets and label tables: whatever the bytes, an error or data, never a panic. See `common/mutation.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::mutation::Target;
use semdepth::label::{LabelSpace, Remap};
use semdepth::shard::{Index, Set, read_records, verify};

/// A small complete set of pictures.
fn make_set(root: &Path) -> PathBuf {
    for folder in ["rgb", "depth"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    for i in 0..5u8 {
        let rgb = image::RgbImage::from_fn(8, 6, |x, y| image::Rgb([x as u8 * 9, y as u8 * 7, i]));
        rgb.save(root.join(format!("rgb/{i}.png"))).unwrap();
        let depth = image::ImageBuffer::from_fn(8, 6, |x, y| image::Luma([(x * 300 + y * 70) as u16 + u16::from(i)]));
        depth.save(root.join(format!("depth/{i}.png"))).unwrap();
    }
    let out = root.join("set");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdprep"));
    command.args(["convert", "folder"]).arg(root).args(["--images", "rgb/*.png", "--depths", "depth/*.png"]);
    command.args(["--depth-scale", "1/1000", "--samples-per-shard", "3", "--quiet", "--out"]).arg(&out);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    out
}

/// Puts mutants of one file of a set in its place; accepted when the set opens and is whole.
fn file_of_a_set(name: &str, file: &str) {
    let dir = tempfile::tempdir().unwrap();
    let set = make_set(dir.path());
    let path = set.join(file);
    let accepts = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Set::open(&set).is_ok_and(|set| {
            let findings = verify(&set, || ()).findings;
            let all_read = set.rows().all(|row| set.sample(row).is_ok());
            assert!(!findings.is_empty() || all_read, "verify finds nothing, yet a sample cannot be read");
            findings.is_empty()
        })
    };
    Target { name, seeds: vec![fs::read(&path).unwrap()], accepts: &accepts, one_in: 50 }.run();
}

#[test]
fn set_metadata() {
    file_of_a_set("zarr.json of a set", "zarr.json");
    file_of_a_set("zarr.json of an array", "depth/zarr.json");
}

#[test]
fn shard_files() {
    file_of_a_set("shard file", "depth/c.0.0.0");
    file_of_a_set("samples.jsonl in its set", "samples.jsonl");
}

#[test]
fn sample_lines() {
    let dir = tempfile::tempdir().unwrap();
    let lines = fs::read(make_set(dir.path()).join("samples.jsonl")).unwrap();
    let accepts = |bytes: &[u8]| read_records(bytes, 0).is_ok();
    Target { name: "samples.jsonl", seeds: vec![lines], accepts: &accepts, one_in: 1 }.run();
}

#[test]
fn shard_indices() {
    let mut index = Index::default();
    for place in [Some((0, 40)), None, Some((40, 17))] {
        index.push(place);
    }
    let body = index.to_bytes(3)[..48].to_vec();
    // The checksum is mended, so that the entries behind it are reached.
    let buffer = RefCell::new(Vec::new());
    let accepts = |bytes: &[u8]| {
        let mut tail = buffer.borrow_mut();
        tail.clear();
        tail.extend_from_slice(bytes);
        tail.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        let len = 57 + tail.len() as u64;
        Index::parse(&tail, 3, len).is_ok_and(|index| {
            let within = (0..3).filter_map(|i| index.get(i)).all(|(offset, n)| offset + n <= 57);
            assert!(within, "an entry outside the file was let through");
            within
        })
    };
    Target { name: "shard index", seeds: vec![body], accepts: &accepts, one_in: 1 }.run();
}

#[test]
fn label_tables() {
    let accepts = |bytes: &[u8]| {
        std::str::from_utf8(bytes).is_ok_and(|text| Remap::parse("t.csv", text, LabelSpace::Ade20k150).is_ok())
    };
    let seeds = vec![b"id,ade\n0,255\n1,0\n2,3\n40,149\n".to_vec(), b"7;6\n8;11\n".to_vec()];
    let seeds = seeds.into_iter().filter(|s| accepts(s)).collect::<Vec<_>>();
    assert!(!seeds.is_empty());
    Target { name: "label table", seeds, accepts: &accepts, one_in: 1 }.run();
}
