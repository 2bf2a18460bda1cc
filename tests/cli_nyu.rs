//! `sdprep convert nyu` as a process: what is found without being named, what is printed, how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use common::process::sdprep;

/// The real six-frame file and its split, copied under the official names.
fn official_names(folder: &Path) -> Option<()> {
    let real = common::real_data()?.join("nyuv2_mini_mat");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(real.join("nyu_depth_v2_labeled_mini.mat"), folder.join("nyu_depth_v2_labeled.mat")).unwrap();
    std::fs::copy(real.join("splits_mini.mat"), folder.join("splits.mat")).unwrap();
    Some(())
}

/// A file of the layout without labels: four frames, a chunk each.
fn small_file(folder: &Path) -> PathBuf {
    let path = folder.join("small.mat");
    let file = hdf5::File::with_options().with_fcpl(|p| p.userblock(512)).create(&path).unwrap();
    let images = ndarray::Array::from_shape_fn((4, 3, 33, 24), |(n, c, x, y)| (n + c * 50 + x + y) as u8);
    let depths = ndarray::Array::from_shape_fn((4, 33, 24), |(n, x, y)| 1.0 + (n * 37 + x * y) as f32 / 100.0);
    file.new_dataset_builder().with_data(&images).chunk((1, 3, 33, 24)).deflate(3).create("images").unwrap();
    file.new_dataset_builder().with_data(&depths).chunk((1, 33, 24)).deflate(3).create("depths").unwrap();
    drop(file);
    path
}

#[test]
fn the_bare_command_finds_the_data_set() {
    let folder = tempfile::tempdir().unwrap();
    if official_names(&folder.path().join("data")).is_none() {
        return;
    }
    let run = sdprep(folder.path(), "convert nyu");
    assert_eq!(run.code, 0, "{}", run.stderr);
    for line in
        ["taking data/nyu_depth_v2_labeled.mat", "taking data/splits.mat", "taking the split train", "shards/nyu"]
    {
        assert!(run.stderr.contains(line), "{line}: {}", run.stderr);
    }
    assert!(run.stdout.contains("shards/nyu: 4 samples"), "{}", run.stdout);
    let set: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("shards/nyu/zarr.json")).unwrap()).unwrap();
    assert_eq!(set["attributes"]["semdepth"]["split"], "train");
    assert_eq!(set["attributes"]["semdepth"]["complete"], true);
    // The other split lands beside it, and the same command again changes nothing.
    assert_eq!(sdprep(folder.path(), "convert nyu --split test --depth raw").code, 0);
    assert!(folder.path().join("shards/nyu-test/zarr.json").is_file());
    let again = sdprep(folder.path(), "convert nyu");
    assert!(again.code == 0 && again.stdout.contains("complete already"), "{}", again.stdout);
}

#[test]
fn nothing_found_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let run = sdprep(folder.path(), "convert nyu");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("sdprep convert nyu /path/to/nyu_depth_v2_labeled.mat"), "{}", run.stderr);
}

#[test]
fn a_split_without_its_file_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    small_file(folder.path());
    let run = sdprep(folder.path(), "convert nyu small.mat --labels none --split test");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--splits FILE"), "{}", run.stderr);
}

#[test]
fn a_split_that_is_found_must_list_every_frame() {
    let folder = tempfile::tempdir().unwrap();
    small_file(folder.path());
    assert_eq!(sdprep(folder.path(), "synth indoor --count 3 --height 48 --width 64 --as nyu-mat").code, 0);
    let run = sdprep(folder.path(), "convert nyu small.mat --labels none");
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("data/splits.mat was found and leaves out 1 frames"), "{}", run.stderr);
    let given = sdprep(folder.path(), "convert nyu small.mat --labels none --splits data/splits.mat");
    assert_eq!(given.code, 0, "{}", given.stderr);
}

#[test]
fn a_damaged_chunk_quarantines_one_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_file(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let chunk = hdf5::File::open(&path).unwrap().dataset("depths").unwrap().chunk_info(1).unwrap();
    let start = usize::try_from(chunk.addr).unwrap();
    let at = [start + 512, start].into_iter().find(|&at| bytes[at] == 0x78).expect("the head of a zlib stream");
    bytes[at + 10] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let command = "convert nyu small.mat --labels none --out set";
    let run = sdprep(folder.path(), command);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("\"00001\"") && run.stderr.contains("small.mat: depths (frame 2 of MATLAB): damaged chunk"),
        "{}",
        run.stderr
    );
    let strict = sdprep(folder.path(), &format!("{command} --strict --force"));
    assert_eq!(strict.code, 3, "{}", strict.stderr);
}

#[test]
fn what_is_no_labelled_file_fails_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = small_file(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let fails = |bytes: &[u8], reason: &str| {
        std::fs::write(folder.path().join("bad.mat"), bytes).unwrap();
        let run = sdprep(folder.path(), "convert nyu bad.mat --labels none --out bad");
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains("bad.mat") && run.stderr.contains(reason), "{reason}: {}", run.stderr);
        assert!(!folder.path().join("bad").exists());
    };
    fails(&whole[..whole.len() / 2], "it was cut short");
    fails(b"MATLAB 5.0 MAT-file", "not a MAT 7.3 file");
    fails(&[], "not a MAT 7.3 file");
    let mut flipped = whole.clone();
    flipped[512 + 13] ^= 1; // the size of offsets in the superblock
    fails(&flipped, "superblock");
    let run = sdprep(folder.path(), "convert nyu missing.mat");
    assert!(run.code == 3 && run.stderr.contains("missing.mat"), "{}", run.stderr);
    let run = sdprep(folder.path(), "convert nyu small.mat");
    assert!(run.code == 3 && run.stderr.contains("labels: there is no such variable"), "{}", run.stderr);
    let run = sdprep(folder.path(), "convert nyu small.mat --labels none --border crop");
    assert!(run.code == 2 && run.stderr.contains("480x640"), "{}", run.stderr);
}
