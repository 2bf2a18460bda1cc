//! Mixing against the codec limit, against memory bandwidth and against NumPy; the mask of a sparse frame against the
//! time of encoding it; peak memory for sets of two sizes.
//!
//! Every figure is a ratio within one run. `SEMDEPTH_BENCH_FRAMES` sets the number of frames (256),
//! `SEMDEPTH_BENCH_ROUNDS` that of rounds (5). NumPy takes part when `SEMDEPTH_PYTHON`, or else
//! `target/interop-venv/bin/python`, is a Python with zarr.

mod common;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use common::{FIELDS, Result, median, sdprep};
use ndarray::Array2;
use rayon::prelude::*;
use semdepth::mix::{Domain, Draws, Edit, Mask, Method, Parameters, Purpose, Recipe, Side, compose};
use semdepth::sample::{Depth, Sample, Size};
use semdepth::shard::{DepthEncoding, Encoder, Field, Set, Spec};
use semdepth::source::synth::{Kind, Options, Synth};
use semdepth::source::{Fields, Source};

fn main() -> Result<()> {
    let (frames, rounds) = (common::frames(256), common::rounds());
    let folder = common::folder(&format!("bench-mix-{frames}"));
    let out = folder.join("mixed");
    let set = common::rooms(&folder.join("rooms"), frames)?;
    let few = common::rooms(&folder.join("few"), frames / 4)?;
    println!("{frames} frames of {}, {} threads", set.spec().size, rayon::current_num_threads());
    end_to_end(&set, &out, rounds)?;
    bandwidth(&set, rounds)?;
    sparse_mask(rounds)?;
    for set in [&few, &set] {
        let peak = common::peak_mib(mix(set, &out).args(["--force", "--threads", "2"]))?;
        println!("memory for {} frames: {peak} MiB at most", set.records().len());
    }
    if let Some(python) = python() {
        return against_numpy(&python, &set, &folder, rounds);
    }
    println!("no Python with zarr: set SEMDEPTH_PYTHON, or run scripts/test.sh once");
    Ok(())
}

/// `sdprep mix` as a process, against decompressing two samples and compressing one in memory on the same cores.
fn end_to_end(set: &Set, out: &Path, rounds: usize) -> Result<()> {
    common::run(mix(set, out).arg("--force"))?;
    let mixed = Set::open(out)?;
    let parents = compressed(set)?;
    let mut rows = Vec::new();
    let mut reader = mixed.reader()?;
    for record in mixed.records() {
        let value = record.entry.provenance.as_ref().and_then(|p| p.get("mix")).ok_or("no provenance")?;
        let recipe: Recipe = serde_json::from_value(value.clone())?;
        let partner = recipe.partner.ok_or("no partner")?.row;
        let bytes = FIELDS.map(|f| reader.bytes(f, record.row));
        rows.push((recipe.sample.row, partner, bytes.into_iter().collect::<std::result::Result<Vec<_>, _>>()?));
    }
    let limit = || {
        let start = Instant::now();
        rows.par_iter().for_each_init(
            || (zstd::bulk::Decompressor::new(), zstd::bulk::Compressor::new(3), vec![0_u8; 4 << 20]),
            |(decompressor, compressor, buffer), (sample, partner, bytes)| {
                let (Ok(decompressor), Ok(compressor)) = (decompressor, compressor) else { return };
                for chunk in parents[*sample].iter().chain(&parents[*partner]) {
                    black_box(decompressor.decompress_to_buffer(chunk, buffer)).ok();
                }
                for field in bytes {
                    black_box(compressor.compress(field)).ok();
                }
            },
        );
        start.elapsed().as_secs_f64()
    };
    common::against_limit("mixing", rounds, out, limit, || common::run(&mut mix(set, out)))
}

fn compressed(set: &Set) -> Result<Vec<Vec<Vec<u8>>>> {
    let (mut reader, mut compressor) = (set.reader()?, zstd::bulk::Compressor::new(3)?);
    let mut all = Vec::new();
    for row in set.rows() {
        let mut chunks = Vec::new();
        for field in FIELDS {
            chunks.push(compressor.compress(&reader.bytes(field, row)?)?);
        }
        all.push(chunks);
    }
    Ok(all)
}

/// `compose` over more samples than any cache holds, against copying as many bytes; one thread each.
///
/// Counted are the bytes of A, of B and of the result, as the formula has them; and, less kindly, only those that have
/// to move, because the result takes the place of the parent that gives more: the mask, and the pixels of the other
/// read and written.
fn bandwidth(set: &Set, rounds: usize) -> Result<()> {
    let n = 64.min(set.records().len());
    let samples = (0..n).map(|row| set.sample(row)).collect::<std::result::Result<Vec<Sample>, _>>()?;
    let near_far = Parameters::of(Domain::Indoor).nearfarmix;
    let drawn = |s| near_far.draw(Side::new(s, None), &mut draws(0)).map_err(|e| format!("{e:?}"));
    let masks = samples.iter().map(|s| Ok(drawn(s)?.1)).collect::<Result<Vec<Mask>>>()?;
    let n_pixels = set.spec().size.n_pixels();
    let of_sample = n_pixels * (3 + 4 + 1);
    let whole = (n * (3 * of_sample + n_pixels)) as f64;
    let moved = masks
        .iter()
        .map(Mask::share)
        .map(|share| n_pixels as f64 + 2.0 * share.min(1.0 - share) * of_sample as f64)
        .sum::<f64>();
    let from = vec![1_u8; n * of_sample];
    let mut to = vec![2_u8; n * of_sample];
    let (mut of_whole, mut of_moved) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        let copy = (2 * n * of_sample) as f64 / start.elapsed().as_secs_f64();
        let (foregrounds, backgrounds) = (samples.clone(), samples.iter().rev().cloned());
        let pairs: Vec<(Sample, Sample)> = foregrounds.into_iter().zip(backgrounds).collect();
        let start = Instant::now();
        let mixed = pairs.into_iter().zip(&masks).map(|((a, b), mask)| compose(black_box(mask), a, b));
        let mixed = mixed.collect::<std::result::Result<Vec<Sample>, _>>()?;
        black_box(&mixed);
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "  compose {:.1} GB/s, of bytes that move {:.1} GB/s; copy {:.1} GB/s",
            whole / seconds / 1e9,
            moved / seconds / 1e9,
            copy / 1e9
        );
        of_whole.push(whole / seconds / copy);
        of_moved.push(moved / seconds / copy);
    }
    println!(
        "compose: {:.2} of memory copy bandwidth, {:.2} by the bytes that move (medians of {rounds})",
        median(of_whole),
        median(of_moved)
    );
    Ok(())
}

/// The mask of a KITTI-sized frame, with labels and depth at one pixel in five of the lower two thirds.
fn sparse_mask(rounds: usize) -> Result<()> {
    let size = Size::new(352, 1216);
    let synth = Synth::new(Options { size, ..Options::new(Kind::Road, 6) })?;
    let mut samples = Vec::new();
    for row in 0..6 {
        let mut sample = synth.load(row)?.sample;
        let metres = sample.depth.metres();
        let noise = |n: u32| (n ^ (n >> 15)).wrapping_mul(2_246_822_519) >> 16;
        let kept = |y: usize, x: usize| {
            y > size.height / 3 && noise(((y * size.width + x) as u32).wrapping_mul(2_654_435_761)) % 5 == 0
        };
        let metres = Array2::from_shape_fn(metres.dim(), |(y, x)| if kept(y, x) { metres[(y, x)] } else { 0.0 });
        sample.depth = Depth::from_metres(metres).0;
        samples.push(sample);
    }
    let spec_fields = Spec::field_names(true, Fields { intrinsics: true, ..Fields::default() });
    let arrays: Vec<_> = Field::ALL
        .into_iter()
        .filter(|f| spec_fields.iter().any(|n| n == f.name()))
        .map(|f| semdepth::shard::Array::new(f, size, DepthEncoding::F32))
        .collect();
    let mut encoder = Encoder::new(&arrays)?;
    let near_far = Parameters::of(Domain::Road).nearfarmix;
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        for (i, sample) in samples.iter().enumerate() {
            black_box(near_far.draw(Side::new(sample, Some(2)), &mut draws(i as u32))).ok();
        }
        let masks = start.elapsed().as_secs_f64() / 6.0;
        let start = Instant::now();
        for sample in &samples {
            black_box(encoder.encode(sample)?);
        }
        let encoding = start.elapsed().as_secs_f64() / 6.0;
        println!("  mask {:.1} ms, encoding {:.1} ms", 1e3 * masks, 1e3 * encoding);
        ratios.push(masks / encoding);
    }
    println!("mask of a sparse frame: {:.2} of the time of encoding it (median of {rounds})", median(ratios));
    Ok(())
}

/// `benches/python/mix_numpy.py` with two processes against `sdprep mix` with two threads; mask and compose alone.
fn against_numpy(python: &Path, set: &Set, folder: &Path, rounds: usize) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/python/mix_numpy.py");
    let seconds = |arguments: &[&Path]| -> Result<f64> {
        let output = Command::new(python).arg(&script).args(arguments).stderr(Stdio::inherit()).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let out = folder.join("mixed");
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let theirs = seconds(&[set.root(), &folder.join("numpy")])?;
        std::fs::remove_dir_all(&out)?;
        let start = Instant::now();
        common::run(mix(set, &out).args(["--threads", "2"]))?;
        let ours = start.elapsed().as_secs_f64();
        println!("  NumPy and zarr-python {theirs:.2} s, sdprep {ours:.2} s");
        ratios.push(theirs / ours);
    }
    println!(
        "end to end: {:.2} times as fast as NumPy with zarr-python, two processes each (median of {rounds})",
        median(ratios)
    );
    let samples = (0..16).map(|row| set.sample(row)).collect::<std::result::Result<Vec<Sample>, _>>()?;
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let theirs = seconds(&[Path::new("--compute"), set.root()])?;
        let ours = mask_and_compose(&samples)?;
        println!("  mask and compose: NumPy {:.2} ms, sdprep {:.2} ms", 1e3 * theirs, 1e3 * ours);
        ratios.push(theirs / ours);
    }
    println!("mask and compose: {:.1} times as fast as NumPy, one thread each (median of {rounds})", median(ratios));
    Ok(())
}

/// Seconds a sample, as `mix_numpy.py --compute` takes them: the median of five passes over 16 samples.
fn mask_and_compose(samples: &[Sample]) -> Result<f64> {
    let parameters = Parameters::of(Domain::Indoor);
    let mut passes = Vec::new();
    for _ in 0..5 {
        let mut seconds = 0.0;
        for (i, b) in samples.iter().cycle().skip(1).take(samples.len()).enumerate() {
            // Both samples have just been written, as when they come from their shard.
            let (a, b) = (samples[i].clone(), b.clone());
            let start = Instant::now();
            let sides = (Side::new(&a, None), Side::new(&b, None));
            let drawn = parameters.draw(Method::NearFarMix, sides.0, sides.1, &mut draws(i as u32));
            let edit: Edit = drawn.map_err(|e| e.to_string())?.1;
            black_box(edit.apply(Some(a), b)?);
            seconds += start.elapsed().as_secs_f64();
        }
        passes.push(seconds / samples.len() as f64);
    }
    Ok(median(passes))
}

fn draws(copy: u32) -> Draws {
    Draws::new(1, "nearfarmix", "bench", copy, Purpose::Mix)
}

fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-venv/bin/python");
    let python = std::env::var_os("SEMDEPTH_PYTHON").map_or(venv, PathBuf::from);
    let has_zarr = Command::new(&python).args(["-c", "import zarr, numpy"]).status().is_ok_and(|s| s.success());
    has_zarr.then_some(python)
}

fn mix(set: &Set, out: &Path) -> Command {
    let mut command = sdprep(&["mix", "--method", "nearfarmix", "--quiet", "--samples-per-shard", "32", "--out"]);
    command.arg(out).arg(set.root());
    command
}
