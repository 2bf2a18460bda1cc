use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::panic::message;
use crate::train::device::{DeviceName, on_device};
use crate::train::op::Backend;
use crate::train::self_test::{Check, self_test};

/// Says which devices, drivers and libraries there are, and whether networks run right on a device.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The device to test: cpu, or cuda:0 and so on
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: DeviceName,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let found = found();
        // First, because a driver or library that misbehaves may end the process.
        found.iter().for_each(|(what, value)| output.say(format_args!("{what:<8} {value}")));
        let checks = on_device!(self.device, |device| tested(&device))?;
        let sound = checks.iter().all(Check::passed);
        let mut text = vec![format!("{} against f64 on the processor:", self.device)];
        text.extend(checks.iter().map(line));
        text.push(if sound { "all is well" } else { "this device does not compute what it should" }.to_owned());
        let found: serde_json::Map<String, Value> =
            found.into_iter().map(|(what, value)| (what.to_owned(), value.into())).collect();
        output.result(
            text.join("\n"),
            &json!({ "found": found, "device": self.device.to_string(), "checks": checks, "sound": sound }),
        )?;
        Ok(if sound { Exit::Done } else { Exit::Findings })
    }
}

fn line(check: &Check) -> String {
    let verdict = if check.passed() { "right" } else { "WRONG" };
    format!("  {:<30} {:.1e}, allowed {:.0e}: {verdict}", check.what, check.difference, check.limit)
}

/// The self-test; the tensor engine's panics, which is how it reports a kernel that cannot be built, become errors.
fn tested<D: Backend<f32>>(device: &D) -> Result<Vec<Check>> {
    catch_unwind(AssertUnwindSafe(|| self_test(device))).map_err(|panic| {
        anyhow::anyhow!(
            "the tensor engine gave up: {}; on a GPU this is mostly a missing header: run install.sh of the CUDA build",
            message(panic.as_ref()).unwrap_or_default()
        )
    })
}

/// What the machine has, in the order in which one looks.
fn found() -> Vec<(&'static str, String)> {
    let threads = rayon::current_num_threads();
    let mut found = vec![
        ("program", format!("sdtrain {}, {}", env!("CARGO_PKG_VERSION"), built_with())),
        ("threads", threads.to_string()),
        ("memory", memory().unwrap_or_else(|| "unknown".to_owned())),
        ("driver", driver().unwrap_or_else(|| "no NVIDIA driver".to_owned())),
    ];
    found.extend(gpus().into_iter().map(|gpu| ("GPU", gpu)));
    found.extend(libraries().into_iter().map(|library| ("library", library)));
    found
}

fn built_with() -> &'static str {
    if cfg!(feature = "cuda") { "with CUDA" } else { "without CUDA" }
}

/// Free and whole memory of the machine.
fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
    };
    let gib = |kib: u64| kib as f64 / f64::from(1 << 20);
    Some(format!("{:.1} of {:.1} GiB free", gib(kib("MemAvailable:")?), gib(kib("MemTotal:")?)))
}

fn driver() -> Option<String> {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").ok()?;
    text.lines().next().map(str::to_owned)
}

/// Name, memory and compute capability of every GPU, as the driver's own program tells them.
fn gpus() -> Vec<String> {
    let query = ["--query-gpu=index,name,memory.free,memory.total,compute_cap", "--format=csv,noheader"];
    match Command::new("nvidia-smi").args(query).output() {
        Ok(answer) if answer.status.success() => {
            String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The CUDA libraries that this process has loaded.
fn libraries() -> Vec<String> {
    const NAMES: [&str; 4] = ["libcuda.so", "libnvrtc.so", "libcublas.so", "libcublasLt.so"];
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut paths: Vec<String> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| NAMES.iter().any(|name| path.contains(name)))
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}
