//! Conversion against the codec limit, random reads against bare decompression, and peak memory.
//!
//! Every figure is a ratio within one run, since absolute times say more about the machine than about the program.
//! `SEMDEPTH_BENCH_FRAMES` sets the number of frames (400), `SEMDEPTH_BENCH_ROUNDS` the number of rounds (5).

mod common;

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use common::{FIELDS, Result, median, run, sdprep, time};
use rayon::prelude::*;
use semdepth::shard::Set;

/// The stored chunks of a frame, with their inflated size.
type Stored = Vec<(Vec<u8>, usize)>;

/// What `sdprep convert nyu` reads of the file.
const VARIABLES: [&str; 3] = ["images", "depths", "labels"];

fn main() -> Result<()> {
    let (frames, rounds) = (common::frames(400), common::rounds());
    let folder = common::folder(&format!("bench-{frames}"));
    fs::create_dir_all(&folder)?;
    let mat = folder.join("nyu.mat");
    if !mat.exists() {
        println!("making {frames} frames of 480x640 ...");
        run(sdprep(&["synth", "indoor", "--as", "nyu-mat", "--count", &frames.to_string(), "--quiet", "--out"])
            .arg(&mat))?;
    }
    let out = folder.join("set");
    convert(&mat, &out, &[])?;
    let set = Set::open(&out)?;
    println!(
        "{frames} frames, {} MB MAT -> {} MB set of {} MB raw, {} threads",
        fs::metadata(&mat)?.len() / 1_000_000,
        common::folder_bytes(&out)? / 1_000_000,
        set.spec().sample_bytes() * frames / 1_000_000,
        rayon::current_num_threads()
    );
    conversion(&mat, &out, &set, rounds)?;
    random_reads(&set, rounds)?;
    drop(set);
    memory(&mat, &out)
}

/// `sdprep convert nyu` as a process, against inflating and compressing the same bytes in memory on the same cores.
fn conversion(mat: &Path, out: &Path, set: &Set, rounds: usize) -> Result<()> {
    let input = stored_chunks(mat)?;
    let mut reader = set.reader()?;
    let mut rows = Vec::new();
    for row in set.rows() {
        rows.push(FIELDS.into_iter().map(|f| reader.bytes(f, row)).collect::<std::result::Result<Vec<_>, _>>()?);
    }
    let limit = || {
        let start = Instant::now();
        input.par_iter().zip(&rows).for_each_init(
            || (flate2::Decompress::new(true), Vec::new(), zstd::bulk::Compressor::new(3)),
            |(inflater, buffer, compressor), (chunks, fields)| {
                for (chunk, n_bytes) in chunks {
                    inflater.reset(true);
                    buffer.resize(*n_bytes, 0);
                    let _ = black_box(inflater.decompress(chunk, buffer, flate2::FlushDecompress::Finish));
                    assert_eq!(inflater.total_out(), *n_bytes as u64);
                }
                for field in fields {
                    let compressor = compressor.as_mut().map_err(|e| e.to_string());
                    black_box(compressor.and_then(|c| c.compress(field).map_err(|e| e.to_string()))).ok();
                }
            },
        );
        start.elapsed().as_secs_f64()
    };
    common::against_limit("conversion", rounds, out, limit, || convert(mat, out, &[]))
}

/// Reading single samples in random order, against decompressing the same chunks from memory.
fn random_reads(set: &Set, rounds: usize) -> Result<()> {
    let mut rows: Vec<usize> = set.rows().collect();
    // A fixed shuffle: a multiplier prime to the count visits every row once.
    let n = rows.len();
    let step = (n * 5 / 8..).find(|s| gcd(*s, n) == 1).unwrap_or(1);
    rows = (0..n).map(|i| rows[i * step % n]).take(256).collect();
    let mut reader = set.reader()?;
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    let mut chunks = Vec::new();
    for &row in &rows {
        for field in FIELDS {
            let bytes = reader.bytes(field, row)?;
            chunks.push((compressor.compress(&bytes)?, bytes.len()));
        }
    }
    let (mut of_bytes, mut of_samples) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let bare = time(|| {
            let mut decompressor = zstd::bulk::Decompressor::new()?;
            for (chunk, n) in &chunks {
                black_box(decompressor.decompress(chunk, *n)?);
            }
            Ok(())
        })?;
        let bytes = time(|| {
            for &row in &rows {
                for field in FIELDS {
                    black_box(reader.bytes(field, row)?);
                }
            }
            Ok(())
        })?;
        let samples = time(|| {
            for &row in &rows {
                black_box(reader.sample(row)?);
            }
            Ok(())
        })?;
        of_bytes.push(bare / bytes);
        of_samples.push(bare / samples);
    }
    println!("random reads of fields: {:.2} of bare zstd decompression (median of {rounds})", median(of_bytes));
    println!(
        "random reads of whole samples: {:.2} of bare zstd decompression (median of {rounds})",
        median(of_samples)
    );
    Ok(())
}

/// Peak memory of the conversion as a process.
fn memory(mat: &Path, out: &Path) -> Result<()> {
    for threads in ["1", "2", "4", "8"] {
        let mut command =
            sdprep(&["convert", "nyu", "--split", "all", "--quiet", "--force", "--threads", threads, "--out"]);
        println!("memory with {threads} threads: {} MiB at most", common::peak_mib(command.arg(out).arg(mat))?);
    }
    Ok(())
}

/// The stored bytes of every chunk of every frame with their inflated size, as libhdf5 places them.
fn stored_chunks(mat: &Path) -> Result<Vec<Stored>> {
    let file = hdf5::File::open(mat)?;
    let bytes = fs::File::open(mat)?;
    let base = file.userblock();
    let mut frames: Vec<Stored> = Vec::new();
    for name in VARIABLES {
        let dataset = file.dataset(name)?;
        let chunk = dataset.chunk().ok_or("not chunked")?;
        let n_bytes = chunk.iter().product::<usize>() * dataset.dtype()?.size();
        frames.resize_with(dataset.shape()[0], Vec::new);
        for i in 0..dataset.num_chunks().unwrap_or(0) {
            let info = dataset.chunk_info(i).ok_or("no chunk")?;
            let mut stored = vec![0; usize::try_from(info.size)?];
            bytes.read_exact_at(&mut stored, base + info.addr)?;
            frames[usize::try_from(info.offset[0])?].push((stored, n_bytes));
        }
    }
    Ok(frames)
}

fn convert(mat: &Path, out: &Path, more: &[&str]) -> Result<()> {
    run(sdprep(&["convert", "nyu", "--split", "all", "--quiet", "--out"]).arg(out).arg(mat).args(more))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
