//! Mixing against the codec limit, against memory bandwidth and against NumPy; the mask of a sparse frame against the
//! time of encoding it; peak memory for sets of two sizes.
//!
//! Every figure is a ratio within one run. `SEMDEPTH_BENCH_FRAMES` sets the number of frames (256),
//! `SEMDEPTH_BENCH_ROUNDS` that of rounds (5). NumPy takes part when `SEMDEPTH_PYTHON`, or else
//! `target/interop-venv/bin/python`, is a Python with zarr.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use ndarray::Array2;
use rayon::prelude::*;
use semdepth::mix::{Domain, Draws, Edit, Mask, Method, Parameters, Purpose, Recipe, Side, compose};
use semdepth::sample::{Depth, Sample, Size};
use semdepth::shard::{DepthEncoding, Encoder, Field, Set, Spec};
use semdepth::source::synth::{Kind, Options, Synth};
use semdepth::source::{Fields, Source};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SDPREP: &str = env!("CARGO_BIN_EXE_sdprep");
const FIELDS: [Field; 3] = [Field::Image, Field::Depth, Field::Semantics];

fn main() -> Result<()> {
    let number = |name, default| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (frames, rounds) = (number("SEMDEPTH_BENCH_FRAMES", 256), number("SEMDEPTH_BENCH_ROUNDS", 5));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-mix-{frames}"));
    let (rooms, few) = (folder.join("rooms"), folder.join("few"));
    for (path, n) in [(&rooms, frames), (&few, frames / 4)] {
        run(sdprep(&["synth", "indoor", "--quiet", "--samples-per-shard", "32", "--count", &n.to_string(), "--out"])
            .arg(path))?;
    }
    let set = Set::open(&rooms)?;
    println!("{frames} frames of {}, {} threads", set.spec().size, rayon::current_num_threads());
    end_to_end(&set, &folder.join("mixed"), rounds)?;
    bandwidth(&set, rounds)?;
    sparse_mask(rounds)?;
    for (path, n) in [(&few, frames / 4), (&rooms, frames)] {
        println!("memory for {n} frames: {} MiB at most", peak(path, &folder.join("mixed"))? / 1024);
    }
    if let Some(python) = python() {
        return against_numpy(&python, &set, &folder, rounds);
    }
    println!("no Python with zarr: set SEMDEPTH_PYTHON, or run scripts/test.sh once");
    Ok(())
}

/// `sdprep mix` as a process, against decompressing two samples and compressing one in memory on the same cores.
fn end_to_end(set: &Set, out: &Path, rounds: usize) -> Result<()> {
    mix(set.root(), out)?;
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
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let before = limit();
        std::fs::remove_dir_all(out)?;
        let start = Instant::now();
        mix(set.root(), out)?;
        let whole = start.elapsed().as_secs_f64();
        let codec = f64::midpoint(before, limit());
        println!("  mixing {whole:.2} s, codec limit {codec:.2} s, ratio {:.2}", codec / whole);
        ratios.push(codec / whole);
    }
    println!("mixing end to end: {:.2} of the codec limit (median of {rounds})", median(ratios));
    Ok(())
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

/// `compose` over more samples than any cache holds, against copying as many bytes.
fn bandwidth(set: &Set, rounds: usize) -> Result<()> {
    let n = 64.min(set.records().len());
    let samples = (0..n).map(|row| set.sample(row)).collect::<std::result::Result<Vec<Sample>, _>>()?;
    let mut backgrounds: Vec<Sample> = samples.iter().rev().cloned().collect();
    let near_far = Parameters::of(Domain::Indoor).nearfarmix;
    let masks: Vec<Mask> = samples
        .iter()
        .filter_map(|s| near_far.draw(Side::new(s, None), &mut draws(0)).ok().map(|(_, mask)| mask))
        .collect();
    let n_pixels = set.spec().size.n_pixels();
    let of_sample = n_pixels * (3 + 4 + 1);
    let from = vec![1_u8; n * of_sample];
    let mut to = vec![2_u8; n * of_sample];
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        let copy = (2 * n * of_sample) as f64 / start.elapsed().as_secs_f64();
        let start = Instant::now();
        backgrounds = backgrounds
            .into_iter()
            .zip(&samples)
            .zip(&masks)
            .map(|((b, a), mask)| compose(black_box(mask), a, b))
            .collect::<std::result::Result<_, _>>()?;
        black_box(&backgrounds);
        let composed = (masks.len() * (3 * of_sample + n_pixels)) as f64 / start.elapsed().as_secs_f64();
        println!("  compose {:.1} GB/s, copy {:.1} GB/s", composed / 1e9, copy / 1e9);
        ratios.push(composed / copy);
    }
    println!("compose: {:.2} of memory copy bandwidth (median of {rounds})", median(ratios));
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
        run(sdprep(&[
            "mix",
            "--method",
            "nearfarmix",
            "--threads",
            "2",
            "--quiet",
            "--samples-per-shard",
            "32",
            "--out",
        ])
        .arg(&out)
        .arg(set.root()))?;
        let ours = start.elapsed().as_secs_f64();
        println!("  NumPy and zarr-python {theirs:.2} s, sdprep {ours:.2} s");
        ratios.push(theirs / ours);
    }
    println!(
        "end to end: {:.2} times as fast as NumPy with zarr-python, two processes each (median of {rounds})",
        median(ratios)
    );
    let theirs = seconds(&[Path::new("--compute"), set.root()])?;
    let samples = (0..16).map(|row| set.sample(row)).collect::<std::result::Result<Vec<Sample>, _>>()?;
    let parameters = Parameters::of(Domain::Indoor);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let backgrounds: Vec<Sample> = samples.iter().cycle().skip(1).take(16).cloned().collect();
        let start = Instant::now();
        for (i, b) in backgrounds.into_iter().enumerate() {
            let sides = (Side::new(&samples[i], None), Side::new(&b, None));
            let drawn = parameters.draw(Method::NearFarMix, sides.0, sides.1, &mut draws(i as u32));
            let edit: Edit = drawn.map_err(|e| e.to_string())?.1;
            black_box(edit.apply(Some(&samples[i]), b)?);
        }
        times.push(start.elapsed().as_secs_f64() / 16.0);
    }
    let ours = median(times);
    println!(
        "mask and compose: NumPy {:.2} ms, sdprep {:.2} ms, {:.1} times as fast",
        1e3 * theirs,
        1e3 * ours,
        theirs / ours
    );
    Ok(())
}

fn draws(copy: u32) -> Draws {
    Draws::new(1, "nearfarmix", "bench", copy, Purpose::Mix)
}

/// Peak memory of `sdprep mix`, in KiB.
fn peak(set: &Path, out: &Path) -> Result<u64> {
    let mut command = sdprep(&["mix", "--method", "nearfarmix", "--quiet", "--force", "--threads", "2", "--out"]);
    let mut child = command.arg(out).arg(set).stdout(Stdio::null()).spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(peak)
}

fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-venv/bin/python");
    let python = std::env::var_os("SEMDEPTH_PYTHON").map_or(venv, PathBuf::from);
    let has_zarr = Command::new(&python).args(["-c", "import zarr, numpy"]).status().is_ok_and(|s| s.success());
    has_zarr.then_some(python)
}

fn mix(set: &Path, out: &Path) -> Result<()> {
    run(sdprep(&["mix", "--method", "nearfarmix", "--quiet", "--force", "--samples-per-shard", "32", "--out"])
        .arg(out)
        .arg(set))
}

fn sdprep(arguments: &[&str]) -> Command {
    let mut command = Command::new(SDPREP);
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
