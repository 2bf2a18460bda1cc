//! Time and memory of a training step.

use std::error::Error;
use std::time::Instant;

use dfdx::tensor::{Cpu, NoneTape, TensorFromVec};
use semdepth::train::data::Batch;
use semdepth::train::model::Config;
use semdepth::train::nn::{Mode, Pass};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::Trainer;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let rounds: usize = args.get(2).and_then(|a| a.parse().ok()).unwrap_or(10);
    let (name, size, b) = if args.get(1).is_some_and(|a| a == "tiny") {
        ("dss-tiny", (224, 224), 1)
    } else {
        ("dss-nano", (192, 256), 4)
    };
    let config = Config::named(name)?.for_size(size);
    let n = b * size.0 * size.1;
    let noise = |i: usize| ((i * 2654435761usize) % 1000) as f32 / 1000.0;
    let batch = Batch {
        step: 0,
        input: (0..3 * n).map(noise).collect(),
        depth: (0..n).map(|i| 1.0 + 8.0 * noise(i / 64)).collect(),
        labels: (0..n).map(|i| (i / 97 % 150) as u8).collect(),
        keys: (0..b).map(|i| i.to_string()).collect(),
        skipped: vec![],
        mixed: 0,
    };
    let mut trainer = Trainer::new(Cpu::default(), config, Settings { batch: b, ..Settings::default() })?;
    let x = Cpu::default().tensor_from_vec(batch.input.clone(), (b, 3, size.0, size.1));
    let batches = [batch];
    let (mut f, mut s) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let t = Instant::now();
        let mut pass: Pass<f32, Cpu, NoneTape> = Pass::new(Mode::Training, 0, 0);
        let _ = trainer.network().forward(&mut pass, &x);
        f.push(t.elapsed().as_secs_f64());
        let t = Instant::now();
        let report = trainer.learn(&batches)?;
        s.push(t.elapsed().as_secs_f64());
        if s.len() % 5 == 0 {
            println!("{} {}", report.total, report.grad_norm);
        }
    }
    f.sort_by(f64::total_cmp);
    s.sort_by(f64::total_cmp);
    let peak = std::fs::read_to_string("/proc/self/status")?;
    let peak = peak.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default().to_owned();
    println!("{name} forward {:.4} ({:.4}) step {:.4} ({:.4}) {peak}", f[f.len() / 2], f[0], s[s.len() / 2], s[0]);
    Ok(())
}
