//! Time and memory of a training step, beside the same network in PyTorch when `SEMDEPTH_TORCH_PYTHON` names a Python that has it
//! (benches/pytorch/requirements.txt). Rounds alternate, so that both meet the same machine.
//!
//! `cargo bench --bench train [-- MODEL HxW BATCH ROUNDS]`; two threads unless `RAYON_NUM_THREADS` says otherwise.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use dfdx::tensor::{Cpu, NoneTape, TensorFromVec};
use semdepth::train::data::Batch;
use semdepth::train::model::Config;
use semdepth::train::nn::{Mode, Pass};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::Trainer;

/// Seconds of a forward pass and of a step, and the most memory above the start, MiB.
struct Round {
    forward: f64,
    step: f64,
    memory: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let cases = match given.as_slice() {
        [model, size, batch, rounds] => vec![(model.as_str(), size.as_str(), batch.parse()?, rounds.parse()?)],
        _ => vec![("dss-nano", "192x256", 4, 9), ("dss-tiny", "224x224", 1, 5)],
    };
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    for (model, size, batch, rounds) in cases {
        let (h, w) = size.split_once('x').ok_or("a size is rows x columns, as 192x256")?;
        compare(model, (h.parse()?, w.parse()?), batch, rounds, threads)?;
    }
    Ok(())
}

fn compare(model: &str, size: (usize, usize), n: usize, rounds: usize, threads: usize) -> Result<(), Box<dyn Error>> {
    println!("{model} at {}x{}, batch {n}, {threads} threads", size.0, size.1);
    let mut own = Own::new(model, size, n)?;
    let mut peer = Peer::start(model, size, n, threads)?;
    if peer.is_none() {
        println!("  no PyTorch beside it: SEMDEPTH_TORCH_PYTHON is not set");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round of either warms up and is not counted.
    for i in 0..=rounds {
        let round = own.round()?;
        let other = peer.as_mut().map(Peer::round).transpose()?;
        if i > 0 {
            println!("  forward {:.3} s, step {:.3} s{}", round.forward, round.step, beside(other.as_ref()));
            ours.push(round);
            theirs.extend(other);
        }
    }
    let middle = |rounds: &[Round], of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let most = |rounds: &[Round]| rounds.iter().map(|r| r.memory).fold(0.0, f64::max);
    println!(
        "  medians: forward {:.3} s, step {:.3} s, {:.0} MiB above the start",
        middle(&ours, |r| r.forward),
        middle(&ours, |r| r.step),
        most(&ours)
    );
    if !theirs.is_empty() {
        println!(
            "  of PyTorch's: forward {:.2}, step {:.2}, memory {:.2} of {:.0} MiB",
            middle(&ours, |r| r.forward) / middle(&theirs, |r| r.forward),
            middle(&ours, |r| r.step) / middle(&theirs, |r| r.step),
            most(&ours) / most(&theirs),
            most(&theirs)
        );
    }
    Ok(())
}

fn beside(other: Option<&Round>) -> String {
    other.map_or_else(String::new, |r| format!("; PyTorch {:.3} s and {:.3} s", r.forward, r.step))
}

/// Our network with a batch to learn from.
struct Own {
    trainer: Trainer<Cpu>,
    batch: Batch,
    shape: (usize, usize, usize, usize),
    start: f64,
}

impl Own {
    fn new(model: &str, size: (usize, usize), n: usize) -> Result<Self, Box<dyn Error>> {
        let start = peak_memory()?;
        let pixels = n * size.0 * size.1;
        let noise = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 1000.0;
        let batch = Batch {
            step: 0,
            input: (0..3 * pixels).map(noise).collect(),
            depth: (0..pixels).map(|i| 1.0 + 8.0 * noise(i / 64)).collect(),
            labels: (0..pixels).map(|i| (i / 97 % 150) as u8).collect(),
            keys: (0..n).map(|i| i.to_string()).collect(),
            skipped: Vec::new(),
            mixed: 0,
        };
        let settings = Settings { batch: n, ..Settings::default() };
        let trainer = Trainer::new(Cpu::default(), Config::named(model)?.for_size(size), settings)?;
        Ok(Self { trainer, batch, shape: (n, 3, size.0, size.1), start })
    }

    fn round(&mut self) -> Result<Round, Box<dyn Error>> {
        let began = Instant::now();
        let x = Cpu::default().tensor_from_vec(self.batch.input.clone(), self.shape);
        let mut pass: Pass<f32, Cpu, NoneTape> = Pass::new(Mode::Training, 0, 0);
        let outputs = self.trainer.network().forward(&mut pass, &x);
        let forward = began.elapsed().as_secs_f64();
        drop((outputs, pass));
        let began = Instant::now();
        self.trainer.learn(std::slice::from_ref(&self.batch))?;
        Ok(Round { forward, step: began.elapsed().as_secs_f64(), memory: peak_memory()? - self.start })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most memory this process ever had, MiB.
fn peak_memory() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    Ok(kib.map(|kib: f64| kib / 1024.0).ok_or("the system does not tell the memory of a process")?)
}

/// The same network in PyTorch, in a process of its own.
struct Peer {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(model: &str, size: (usize, usize), n: usize, threads: usize) -> Result<Option<Self>, Box<dyn Error>> {
        let Ok(python) = std::env::var("SEMDEPTH_TORCH_PYTHON") else { return Ok(None) };
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch/step.py"))
            .arg(model)
            .args([size.0, size.1, n, threads].map(|number| number.to_string()))
            // Its threads must not spin while it is our turn.
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(process.stdout.take().ok_or("no answers from PyTorch")?);
        Ok(Some(Self { process, answers }))
    }

    fn round(&mut self) -> Result<Round, Box<dyn Error>> {
        let questions = self.process.stdin.as_mut().ok_or("PyTorch has gone")?;
        questions.write_all(b"\n")?;
        questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [forward, step, memory] = numbers[..] else { return Err(format!("PyTorch answered {line:?}").into()) };
        Ok(Round { forward, step, memory })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.stdin = None;
        let _ = self.process.wait();
    }
}
