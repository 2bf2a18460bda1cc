//! The programs themselves: the same bytes whatever the threads, the partition or the moment of a kill.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::tree;

/// A folder of 48 made-up pictures, and the command that makes a set of it, 4 samples a shard.
struct Pictures {
    root: tempfile::TempDir,
}

impl Pictures {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["rgb", "depth"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        for i in 0..48u32 {
            let noise = |x: u32, y: u32| (x * 7 + y * 13 + i * 31).wrapping_mul(2_654_435_761) >> 16;
            let rgb = image::RgbImage::from_fn(160, 120, |x, y| image::Rgb([noise(x, y) as u8, x as u8, y as u8]));
            rgb.save(root.path().join(format!("rgb/{i:03}.png"))).unwrap();
            let depth = image::ImageBuffer::from_fn(160, 120, |x, y| image::Luma([noise(y, x) as u16 % 9000]));
            depth.save(root.path().join(format!("depth/{i:03}.png"))).unwrap();
        }
        Self { root }
    }

    fn command(&self, out: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sdprep"));
        command.args(["convert", "folder"]).arg(self.root.path());
        command.args(["--images", "rgb/*.png", "--depths", "depth/*.png", "--depth-scale", "1/1000"]);
        command.args(["--samples-per-shard", "4", "--quiet", "--out"]).arg(out);
        command.stdout(Stdio::null());
        command
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

#[test]
fn the_same_bytes_with_any_threads_and_parts() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = Pictures::new();
    let out = |name: &str| dir.path().join(name);
    run(pictures.command(&out("one")).args(["--threads", "1"]));
    let reference = tree(&out("one"));
    assert!(reference.contains_key("samples.jsonl") && reference.contains_key("depth/c.11.0.0"));
    for threads in ["2", "8"] {
        run(pictures.command(&out(threads)).args(["--threads", threads]));
        assert!(tree(&out(threads)) == reference, "{threads} threads");
    }
    for part in ["2/3", "3/3", "1/3"] {
        run(pictures.command(&out("parts")).args(["--part", part]));
    }
    assert!(tree(&out("parts")) == reference, "three parts");
}

#[test]
fn the_same_bytes_after_kills() {
    let pictures = Pictures::new();
    survives_kills(20, |out| pictures.command(out));
}

#[test]
fn mixes_survive_kills_too() {
    let pictures = Pictures::new();
    let set = pictures.root.path().join("set");
    run(&mut pictures.command(&set));
    survives_kills(8, |out| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sdprep"));
        command.arg("mix").arg(&set).args(["--method", "nearfarmix=2,cutmix,depthmix", "--copies", "2"]);
        command.args(["--samples-per-shard", "4", "--quiet", "--out"]).arg(out);
        command.stdout(Stdio::null());
        command
    });
}

/// Kills a command at moments spread over its run until `n` have hit, runs it to its end and compares.
fn survives_kills(n: usize, command: impl Fn(&Path) -> Command) {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    run(&mut command(&dir.path().join("whole")));
    let whole = started.elapsed();
    let reference = tree(&dir.path().join("whole"));

    let out = dir.path().join("killed");
    let mut n_killed = 0;
    let mut attempt = 0u32;
    while n_killed < n {
        // Spread over the run by the golden ratio; a run that was faster than its kill starts a new set.
        let moment = whole.mul_f64(f64::from(attempt) * 0.618_034 % 1.0);
        attempt += 1;
        assert!(attempt < 400, "only {n_killed} kills hit a running process");
        let mut child = command(&out).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment.max(Duration::from_millis(1)));
        child.kill().unwrap();
        if child.wait().unwrap().code().is_some() {
            assert!(tree(&out) == reference);
            fs::remove_dir_all(&out).unwrap();
        } else {
            n_killed += 1;
            let complete = fs::read_to_string(out.join("zarr.json")).is_ok_and(|t| t.contains("\"complete\": true"));
            assert!(!complete || tree(&out).get("samples.jsonl") == reference.get("samples.jsonl"));
        }
    }
    run(&mut command(&out));
    assert!(tree(&out) == reference, "after {n_killed} kills");
}

/// A disk that is full, as a limit on the size of files.
#[test]
fn a_full_disk_is_an_error_and_no_whole_set() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = Pictures::new();
    let out = dir.path().join("set");
    let inner = pictures.command(&out);
    let words: Vec<_> = std::iter::once(inner.get_program()).chain(inner.get_args()).collect();
    let limited =
        Command::new("sh").args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$@\"", "sh"]).args(words).output().unwrap();
    let message = String::from_utf8(limited.stderr).unwrap();
    assert_eq!(limited.status.code(), Some(3), "{message}");
    assert!(message.contains("set/") && message.contains("/c.0.0") && message.contains("too large"), "{message}");
    assert!(!out.join("samples.jsonl").exists());

    let check = Command::new(env!("CARGO_BIN_EXE_sdprep")).arg("verify").arg(&out).output().unwrap();
    assert_eq!(check.status.code(), Some(3));
    assert!(String::from_utf8(check.stderr).unwrap().contains("not complete"));
    run(&mut pictures.command(&out));
    run(Command::new(env!("CARGO_BIN_EXE_sdprep")).arg("verify").arg(&out).stdout(Stdio::null()));
}

#[test]
fn an_output_below_a_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = Pictures::new();
    let file = dir.path().join("file");
    fs::write(&file, "here").unwrap();
    let output = pictures.command(&file.join("set")).stderr(Stdio::piped()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("file/set"), "{message}");
}
