//! What the benches share: settings from the environment, `sdprep` as a process, and how a figure is taken.
#![allow(dead_code, unreachable_pub, reason = "each bench uses its part")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use semdepth::shard::{Field, Set};

/// That of the programs, so that what is measured inside a bench does not run under another one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The usual fields of a set.
pub const FIELDS: [Field; 3] = [Field::Image, Field::Depth, Field::Semantics];

/// `SEMDEPTH_BENCH_FRAMES`, the number of frames.
pub fn frames(default: usize) -> usize {
    setting("SEMDEPTH_BENCH_FRAMES", default)
}

/// `SEMDEPTH_BENCH_ROUNDS`, how often each figure is taken.
pub fn rounds() -> usize {
    setting("SEMDEPTH_BENCH_ROUNDS", 5)
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The folder of a bench, kept from run to run.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub fn sdprep(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdprep"));
    command.args(arguments);
    command
}

pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Made-up rooms of 480x640 with labels as a set.
pub fn rooms(path: &Path, n: usize) -> Result<Set> {
    let count = n.to_string();
    run(sdprep(&["synth", "indoor", "--quiet", "--count", &count, "--out"]).arg(path))?;
    Ok(Set::open(path)?)
}

pub fn time(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// How near making the set `out` comes to `limit`, the seconds of the codecs alone, taken before and after. Prints every
/// round and the median.
///
/// What a round has made is deleted at the very end: file systems go round the places of files that were deleted a moment ago, which
/// makes new ones dearer than they are where nothing was deleted.
pub fn against_limit(
    what: &str,
    rounds: usize,
    out: &Path,
    limit: impl Fn() -> f64,
    make: impl Fn() -> Result<()>,
) -> Result<()> {
    let mut ratios = Vec::new();
    let aside = out.with_extension("aside");
    if aside.exists() {
        std::fs::remove_dir_all(&aside)?; // of a run that was stopped
    }
    std::fs::create_dir_all(&aside)?;
    for round in 0..rounds {
        let before = limit();
        std::fs::rename(out, aside.join(round.to_string()))?;
        let whole = time(&make)?;
        let codec = f64::midpoint(before, limit());
        println!("  {what} {whole:.3} s, codec limit {codec:.3} s, ratio {:.2}", codec / whole);
        ratios.push(codec / whole);
    }
    std::fs::remove_dir_all(&aside)?;
    println!("{what}: {:.2} of the codec limit (median of {rounds})", median(ratios));
    Ok(())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Peak memory of a process, in MiB.
pub fn peak_mib(command: &mut Command) -> Result<u64> {
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(peak / 1024)
}

/// Bytes of all files below a folder.
pub fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let metadata = entry?.metadata()?;
        sum += if metadata.is_file() { metadata.len() } else { 0 };
    }
    Ok(sum)
}
