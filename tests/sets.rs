//! A set is made and read back: bytes do not depend on threads, parts or interruptions, and damage is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::made::Made;
use common::tree;
use ndarray::{Array2, Array3};
use semdepth::run::{Part, RunError, RunOptions, Silent, convert};
use semdepth::sample::{Depth, Fields, Image, Intrinsics, Sample, Semantics, Size};
use semdepth::shard::{DepthEncoding, Field, Set, SetError, SetSource, verify};

const SIZE: Size = Size::new(12, 20);

/// Row 3 cannot be decoded, row 5 has no depth at all.
fn made(n: usize) -> Made {
    let fields = Fields { intrinsics: true, ..Fields::default() };
    Made::new(n, SIZE, fields, |i| format!("scene/{i:03}"), frame, 3)
}

fn frame(i: usize) -> Sample {
    let plane = (SIZE.height, SIZE.width);
    let image = Array3::from_shape_fn((3, plane.0, plane.1), |(c, y, x)| (i * 31 + c * 7 + y * 3 + x) as u8);
    let metres = |(y, x): (usize, usize)| if i == 5 || x == 0 { 0.0 } else { 1.0 + (i + y) as f32 * 0.25 };
    let (depth, _) = Depth::from_metres(Array2::from_shape_fn(plane, metres));
    let mut sample = Sample::new(Image::from_planes(image).unwrap(), depth);
    sample.semantics = Some(Semantics::new(Array2::from_shape_fn(plane, |(y, _)| ((i + y) % 150) as u8)));
    sample.intrinsics = Some(Intrinsics { fx: 500.0 + i as f64, fy: 501.0, cx: 9.5, cy: 5.5 });
    sample
}

fn options() -> RunOptions {
    RunOptions { samples_per_shard: 4, ..RunOptions::default() }
}

fn make(out: &Path, options: &RunOptions) -> semdepth::run::Outcome {
    convert(&made(11), out, options, &Silent).unwrap().0
}

#[test]
fn what_is_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = make(dir.path(), &options());
    assert_eq!(outcome.n_made, 11);
    assert_eq!(outcome.quarantined.iter().map(|q| q.row).collect::<Vec<_>>(), [3]);
    let set = Set::open(dir.path()).unwrap();
    assert_eq!(set.rows().collect::<Vec<_>>(), [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]);
    for row in set.rows() {
        assert_eq!(set.sample(row).unwrap(), frame(row));
    }
    let error = set.sample(3).unwrap_err();
    assert!(matches!(error, SetError::Quarantined { .. }) && error.to_string().contains("found 7"), "{error}");
    assert!(verify(&set, || ()).findings.is_empty());
    assert_eq!(verify(&set, || ()).n_fill_chunks, 1, "row 5 has no depth");
}

#[test]
fn a_set_is_the_source_of_another() {
    let dir = tempfile::tempdir().unwrap();
    make(&dir.path().join("first"), &options());
    let set = Set::open(dir.path().join("first")).unwrap();
    let (again, _) = convert(&SetSource::new(&set), &dir.path().join("second"), &options(), &Silent).unwrap();
    assert_eq!(again.fingerprint.as_deref(), Some(set.fingerprint()));
    assert_eq!(again.quarantined.iter().map(|q| (q.row, &q.fault.field)).collect::<Vec<_>>(), [(3, &"image".into())]);
    let lines = |name: &str| fs::read(dir.path().join(name).join("samples.jsonl")).unwrap();
    assert_eq!(lines("first"), lines("second"));
}

#[test]
fn sixteen_bit_depth_is_the_nearest_step() {
    let dir = tempfile::tempdir().unwrap();
    let encoding = DepthEncoding::U16 { scale_factor: 1.0 / 256.0 };
    make(dir.path(), &RunOptions { depth: encoding, ..options() });
    let set = Set::open(dir.path()).unwrap();
    assert_eq!(set.sample(7).unwrap(), frame(7), "quarter metres are whole steps");
    assert_eq!(set.reader().unwrap().bytes(Field::Depth, 7).unwrap().len(), SIZE.n_pixels() * 2);
}

#[test]
fn a_depth_beyond_sixteen_bits_quarantines_its_sample() {
    let dir = tempfile::tempdir().unwrap();
    let encoding = DepthEncoding::U16 { scale_factor: 1e-5 };
    let outcome = make(dir.path(), &RunOptions { depth: encoding, ..options() });
    let bad = outcome.quarantined.iter().find(|q| q.row == 0).unwrap();
    assert_eq!(bad.fault.field, "depth");
    assert!(bad.fault.reason.contains("larger step"), "{}", bad.fault.reason);
}

#[test]
fn threads_and_parts_do_not_change_a_byte() {
    let reference = tempfile::tempdir().unwrap();
    make(reference.path(), &RunOptions { threads: Some(1), ..options() });
    for threads in [2, 8] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &RunOptions { threads: Some(threads), ..options() });
        assert_eq!(tree(dir.path()), tree(reference.path()), "{threads} threads");
    }
    for order in [[0, 1, 2], [2, 0, 1]] {
        let dir = tempfile::tempdir().unwrap();
        for (done, index) in order.into_iter().enumerate() {
            assert!(matches!(Set::open(dir.path()), Err(SetError::Missing { .. } | SetError::Incomplete { .. })));
            let outcome = make(dir.path(), &RunOptions { part: Part::new(index, 3).unwrap(), ..options() });
            assert_eq!(outcome.n_shards_missing, 2 - done);
        }
        assert_eq!(tree(dir.path()), tree(reference.path()), "order {order:?}");
    }
}

#[test]
fn parts_at_the_same_time_make_one_set() {
    let reference = tempfile::tempdir().unwrap();
    make(reference.path(), &options());
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for index in 0..3 {
                let out = dir.path();
                scope.spawn(move || make(out, &RunOptions { part: Part::new(index, 3).unwrap(), ..options() }));
            }
        });
        assert_eq!(tree(dir.path()), tree(reference.path()));
    }
}

#[test]
fn a_finished_set_is_left_alone_and_other_options_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &options());
    let before = fs::metadata(dir.path().join("samples.jsonl")).unwrap().modified().unwrap();
    assert_eq!(make(dir.path(), &options()).n_made, 0);
    assert_eq!(fs::metadata(dir.path().join("samples.jsonl")).unwrap().modified().unwrap(), before);

    let other = RunOptions { samples_per_shard: 5, ..options() };
    let error = convert(&made(11), dir.path(), &other, &Silent).unwrap_err();
    assert!(matches!(error, RunError::Occupied { .. }));
    assert!(error.to_string().contains("samples_per_shard: 4 there, 5 asked for"), "{error}");
    let error = convert(&made(10), dir.path(), &options(), &Silent).unwrap_err();
    assert!(error.to_string().contains("n_samples: 11 there, 10 asked for"), "{error}");

    make(dir.path(), &RunOptions { force: true, ..other });
    assert_eq!(Set::open(dir.path()).unwrap().spec().samples_per_shard, 5);
}

#[test]
fn what_is_not_a_set_is_never_deleted_or_filled() {
    let dir = tempfile::tempdir().unwrap();
    let precious = dir.path().join("thesis.tex");
    fs::write(&precious, "years of work").unwrap();
    for force in [false, true] {
        let error = convert(&made(4), dir.path(), &RunOptions { force, ..options() }, &Silent).unwrap_err();
        assert!(matches!(error, RunError::Occupied { .. }), "{error}");
    }
    assert_eq!(fs::read(&precious).unwrap(), b"years of work");
    let error = convert(&made(4), &precious.join("set"), &options(), &Silent).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
}

#[test]
fn what_lies_in_a_set_or_in_a_folder_called_like_a_field_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let force = RunOptions { force: true, ..options() };
    // Pictures of a data set, in folders that a set would have.
    let own = dir.path().join("scans");
    fs::create_dir_all(own.join("image")).unwrap();
    fs::write(own.join("image/0001.jpg"), "a picture").unwrap();
    for options in [&options(), &force] {
        let error = convert(&made(4), &own, options, &Silent).unwrap_err().to_string();
        assert!(error.contains("0001.jpg"), "{error}");
    }
    assert_eq!(tree(&own).len(), 1);
    let set = dir.path().join("set");
    for note in ["notes.txt", "depth/notes.txt", "notes/mine.txt"] {
        make(&set, &options());
        fs::create_dir_all(set.join(note).parent().unwrap()).unwrap();
        fs::write(set.join(note), "mine").unwrap();
        let before = tree(&set);
        let error = convert(&made(4), &set, &force, &Silent).unwrap_err().to_string();
        assert!(error.contains("notes") && error.contains("move it away"), "{error}");
        assert!(tree(&set) == before);
        fs::remove_dir_all(&set).unwrap();
    }
}

#[test]
fn a_set_is_complete_only_with_all_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let part = |i| RunOptions { part: Part::new(i, 2).unwrap(), ..options() };
    make(dir.path(), &part(0));
    fs::remove_file(dir.path().join("image/c.0.0.0.0")).unwrap();
    assert_eq!(make(dir.path(), &part(1)).fingerprint, None, "the first shard is lost");
    assert!(make(dir.path(), &part(0)).fingerprint.is_some());
    assert!(verify(&Set::open(dir.path()).unwrap(), || ()).findings.is_empty());
}

#[test]
fn strict_stops_at_the_first_bad_sample_and_leaves_no_whole_set() {
    let dir = tempfile::tempdir().unwrap();
    let error = convert(&made(11), dir.path(), &RunOptions { strict: true, ..options() }, &Silent).unwrap_err();
    assert!(error.to_string().contains("scene/003") && error.to_string().contains("003.png"), "{error}");
    assert!(matches!(Set::open(dir.path()), Err(SetError::Incomplete { .. })));
}

#[test]
fn damage_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &options());
    let shard = dir.path().join("semantics/c.1.0.0");
    let whole = fs::read(&shard).unwrap();

    let mut flipped = whole.clone();
    flipped[5] ^= 0x10;
    fs::write(&shard, &flipped).unwrap();
    let findings = verify(&Set::open(dir.path()).unwrap(), || ()).findings;
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].row, findings[0].field.as_str()), (4, "semantics"));
    assert!(findings[0].reason.contains("checksum"), "{}", findings[0].reason);

    fs::write(&shard, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(verify(&Set::open(dir.path()).unwrap(), || ()).findings.len(), 4, "the index of rows 4 to 7 is gone");

    fs::remove_file(&shard).unwrap();
    let findings = verify(&Set::open(dir.path()).unwrap(), || ()).findings;
    assert!(findings.len() == 4 && findings[0].reason.contains("lost"));
}

#[test]
fn a_lost_chunk_is_told_from_one_left_out_as_fill() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &options());
    // The shard of rows 4..8 with the entries of row 4 (has depth) blanked: row 5 was blank from the start.
    let shard = dir.path().join("depth/c.1.0.0");
    let mut bytes = fs::read(&shard).unwrap();
    let index = bytes.len() - (4 * 16 + 4);
    bytes[index..index + 16].fill(0xff);
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[index..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&shard, &bytes).unwrap();
    let set = Set::open(dir.path()).unwrap();
    let findings = verify(&set, || ()).findings;
    assert_eq!(findings.iter().map(|f| (f.row, f.field.as_str())).collect::<Vec<_>>(), [(4, "depth")]);
    assert!(findings[0].reason.contains("lost"));
    assert!(set.sample(4).unwrap_err().to_string().contains("scene/004"));
    assert_eq!(set.sample(5).unwrap().depth.n_valid(), 0);
}

#[test]
fn an_independent_reader_sees_the_same_numbers() {
    use zarrs::array::Array;
    use zarrs::filesystem::FilesystemStore;
    use zarrs::storage::ReadableStorage;

    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &options());
    let store: ReadableStorage = std::sync::Arc::new(FilesystemStore::new(dir.path()).unwrap());
    let depth = Array::open(store.clone(), "/depth").unwrap();
    assert_eq!(depth.shape(), [11, 12, 20]);
    let values: Vec<f32> = depth.retrieve_array_subset(&depth.subset_all()).unwrap();
    for row in 0..11 {
        let here: Vec<f32> = values[row * 240..][..240].to_vec();
        let expected = if row == 3 { vec![0.0; 240] } else { frame(row).depth.metres().iter().copied().collect() };
        assert_eq!(here, expected, "row {row}");
    }
    let semantics = Array::open(store, "/semantics").unwrap();
    let values: Vec<u8> = semantics.retrieve_array_subset(&semantics.subset_all()).unwrap();
    assert!(values[3 * 240..4 * 240].iter().all(|&v| v == 255), "a quarantined row reads as fill");
    assert_eq!(values[240], 1);
}
