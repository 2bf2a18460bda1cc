use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use serde_json::json;

use super::eval;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::mix::{Method, UnknownMethod};
use crate::shard::{Set, find_sets};
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::device::{DeviceName, on_device};
use crate::train::metric::Protocol;
use crate::train::mixing::{Mixing, usual_share};
use crate::train::model::{Config, ExchangeKind};
use crate::train::op::Backend;
use crate::train::report::{Speed, StepReport};
use crate::train::settings::Settings;
use crate::train::trainer::{LAST, Trainer};

/// Trains a network. The same command again goes on where it was stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sets, or folders that hold sets; those whose split is not `train` serve as validation
    #[arg(default_value = "shards", value_name = "SET")]
    sets: Vec<PathBuf>,
    /// Sets to evaluate on at the end, instead
    #[arg(long, value_name = "SET")]
    val: Vec<PathBuf>,
    /// The folder of the run: log.jsonl, last.safetensors, eval.json
    #[arg(long, value_name = "FOLDER", default_value = "runs/last")]
    out: PathBuf,
    /// Start over in a folder that holds a run
    #[arg(long)]
    force: bool,
    /// Where the network runs: cpu, or cuda:0 and so on
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: DeviceName,
    /// The network: auto, dss-nano, dss-tiny, dss-small, dss-base or dss-large; auto is dss-nano on a CPU, dss-tiny on a GPU
    #[arg(long, value_name = "NAME", default_value = "auto")]
    model: String,
    /// Rows and columns the pictures are resized to, multiples of 32 [default: those of the model]
    #[arg(long, value_name = "HxW", value_parser = super::size)]
    size: Option<(usize, usize)>,
    /// Exchange of features between the tasks: none or lg_cat
    #[arg(long, value_name = "KIND", default_value = "lg_cat")]
    exchange: String,
    /// Largest depth in metres
    #[arg(long, value_name = "METRES", default_value = "10")]
    d_max: f64,
    /// First weights: a safetensors file of the whole network, or of timm's MaxViT for the encoder alone
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Optimiser steps
    #[arg(long, value_name = "N", default_value = "1000")]
    steps: u64,
    /// Steps in which the learning rates rise [default: a twentieth of the steps, at most 500]
    #[arg(long, value_name = "N")]
    warmup: Option<u64>,
    /// Samples in a batch
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Batches whose gradients are averaged for one step
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    accumulate: u16,
    /// Factor of the learning rates 4e-5 (encoder) and 2e-4 [default: 1 with --weights, else 5]
    #[arg(long, value_name = "X")]
    lr_scale: Option<f64>,
    /// How often a sample is mirrored
    #[arg(long, value_name = "P", default_value = "0.5")]
    flip: f64,
    /// Mixes while training: methods of `sdprep mix`, each with the share of the samples it is applied to [default share:
    /// 0.5; 0.25 for cutdepth and vcutdepth]
    #[arg(long, value_name = "NAME[=P]", value_delimiter = ',', value_parser = share)]
    mix: Vec<(Method, f64)>,
    /// Decides first weights, order and chance
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: u64,
    /// Stop at a sample that cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        on_device!(self.device, |device| self.run_on(device, output))
    }

    fn run_on<D: Backend<f32>>(&self, device: D, output: &Output) -> Result<Exit> {
        let (training, validation) = self.sets()?;
        let data = Arc::new(Data::new(training)?);
        let mut trainer = self.trainer(device, &data, output)?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // Without the handler Ctrl-C ends the run at once, and the last checkpoint stands.
        let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
        let (mut last, mut unread) = (None, 0);
        let steps = trainer.settings().steps;
        let batch = trainer.settings().batch * trainer.settings().accumulate;
        trainer.run(data, &self.out, &stop, |report, speed| {
            report.skipped.iter().for_each(|reason| output.say(format_args!("left out: {reason}")));
            unread += report.skipped.len();
            if (report.step + 1).is_multiple_of(20) || report.step + 1 == steps {
                output.say(line(report, speed, steps, batch));
            }
            last = Some(report.clone());
        })?;
        if trainer.step() < steps {
            output.say(format_args!(
                "stopped after {} of {steps} steps; the same command goes on from here",
                trainer.step()
            ));
            return Ok(Exit::Findings);
        }
        let evaluation = match validation {
            Some(sets) => {
                let protocol = eval::protocol("full", None, Some(self.d_max as f32), false)?;
                Some(self.evaluate(&trainer, &sets, protocol)?)
            }
            None => None,
        };
        let text = match (&evaluation, &last) {
            (Some((text, _)), _) => text.clone(),
            (None, Some(report)) => {
                format!("{} steps, loss {:.4}: {}", steps, report.total, self.out.join(LAST).display())
            }
            (None, None) => format!("the run in {} is finished", self.out.display()),
        };
        let value = json!({
            "run": self.out, "steps": steps, "last": last, "unread": unread, "evaluation": evaluation.map(|(_, value)| value),
        });
        output.result(text, &value)?;
        Ok(if unread > 0 { Exit::Findings } else { Exit::Done })
    }

    /// Sets to learn from and sets to evaluate on.
    fn sets(&self) -> Result<(Vec<Set>, Option<Vec<Set>>)> {
        let open = |paths: &[PathBuf]| -> Result<Vec<Set>> {
            let mut sets = Vec::new();
            for path in paths {
                for found in find_sets(path)? {
                    sets.push(Set::open(found)?);
                }
            }
            Ok(sets)
        };
        let sets = open(&self.sets)?;
        let (training, held_out): (Vec<Set>, Vec<Set>) = if self.val.is_empty() {
            sets.into_iter().partition(|set| ["train", "all"].contains(&set.spec().split.as_str()))
        } else {
            (sets, open(&self.val)?)
        };
        if training.is_empty() {
            return Err(Usage(
                "no set has the split `train`; name the sets to learn from and give the others as --val".into(),
            )
            .into());
        }
        Ok((training, Some(held_out).filter(|sets| !sets.is_empty())))
    }

    /// The run in the folder, where it stood, or a fresh one.
    fn trainer<D: Backend<f32>>(&self, device: D, data: &Data, output: &Output) -> Result<Trainer<D>> {
        let (config, settings) = (self.config(output)?, self.settings(data, output));
        let path = self.out.join(LAST);
        if path.exists() && !self.force {
            let trainer = Trainer::resume(device, &path)?;
            let difference = differences(&trainer, &config, &settings);
            if let Some(difference) = difference {
                let run = self.out.display();
                return Err(Usage(format!("{run} holds a run with other settings: {difference}; choose another --out, or --force to start over")).into());
            }
            output.say(format_args!("going on after step {} of {}", trainer.step(), trainer.settings().steps));
            return Ok(trainer);
        }
        Mixing::new(&settings.mix, settings.seed, data).map_err(|e| Usage(e.to_string()))?;
        let trainer = Trainer::new(device, config.clone(), settings)?;
        if let Some(file) = &self.weights {
            Checkpoint::read(file)?.fill(trainer.network())?;
        }
        let n = trainer.network().store().parameter_count();
        let (h, w) = config.input_size;
        output.say(format_args!("{} with {n} parameters on {} samples at {h}x{w}", config.model, data.len()));
        Ok(trainer)
    }

    fn config(&self, output: &Output) -> Result<Config> {
        let name = if self.model == "auto" {
            let (name, device) = match self.device {
                DeviceName::Cpu => ("dss-nano", "CPU"),
                DeviceName::Cuda(_) => ("dss-tiny", "GPU"),
            };
            output.say(format_args!("model auto: {name}, because this runs on a {device}"));
            name
        } else {
            &self.model
        };
        let usage = |e: &dyn std::fmt::Display| Usage(e.to_string());
        let mut config = Config::named(name).map_err(|e| usage(&e))?;
        if let Some(size) = self.size {
            config = config.for_size(size);
        }
        config.d_max = self.d_max;
        // Indoors 2.7 m of 10, on the road 15 m of 80 (dss.md 6.6).
        config.depth_start = Some(if self.d_max > 20.0 { 0.1875 * self.d_max } else { 0.27 * self.d_max });
        config.d_lo = if self.d_max > 20.0 { 1.0 } else { 0.1 };
        config.exchange = match self.exchange.as_str() {
            "none" => ExchangeKind::None,
            "lg_cat" => ExchangeKind::LgCat,
            other => return Err(Usage(format!("there is no exchange `{other}`; there are none and lg_cat")).into()),
        };
        config.check().map_err(|e| usage(&e))?;
        Ok(config)
    }

    fn settings(&self, data: &Data, output: &Output) -> Settings {
        let defaults = Settings::default();
        let scale = self.lr_scale.unwrap_or(if self.weights.is_some() { 1.0 } else { 5.0 });
        let mut optimiser = defaults.optimiser;
        optimiser.lr *= scale;
        optimiser.lr_encoder *= scale;
        let semantics = data.labelled();
        if !semantics {
            output.say("the sets have no labels: depth is learned alone");
        }
        Settings {
            steps: self.steps,
            warmup: self.warmup.unwrap_or((self.steps / 20).min(500)),
            batch: usize::from(self.batch),
            accumulate: usize::from(self.accumulate),
            seed: self.seed,
            flip: self.flip,
            mix: self.mix.iter().copied().collect(),
            optimiser,
            checkpoint_every: self.checkpoint_every,
            strict: self.strict,
            semantics,
        }
    }

    fn evaluate<D: Backend<f32>>(
        &self,
        trainer: &Trainer<D>,
        sets: &[Set],
        protocol: Protocol,
    ) -> Result<(String, serde_json::Value)> {
        let (text, value) = eval::report(trainer.network(), sets, protocol)?;
        crate::file::write_atomically(&self.out.join("eval.json"), serde_json::to_string_pretty(&value)?.as_bytes())?;
        Ok((text, value))
    }
}

/// `nearfarmix` or `nearfarmix=0.5`
fn share(text: &str) -> Result<(Method, f64), String> {
    let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
    let method: Method = name.trim().parse().map_err(|e: UnknownMethod| e.to_string())?;
    let share = share.map(|p| p.trim().parse().map_err(|_| format!("expected a share such as 0.5; found {p:?}")));
    Ok((method, share.transpose()?.unwrap_or_else(|| usual_share(method))))
}

/// What a run has otherwise, if anything.
fn differences<D: Backend<f32>>(trainer: &Trainer<D>, config: &Config, settings: &Settings) -> Option<String> {
    let own = [json!(trainer.network().config()), json!(trainer.settings())];
    let asked = [json!(config), json!(settings)];
    for (own, asked) in own.iter().zip(&asked) {
        for (key, value) in asked.as_object()? {
            if own.get(key) != Some(value) {
                return Some(format!("{key} is {}, asked for is {value}", own.get(key).cloned().unwrap_or_default()));
            }
        }
    }
    None
}

fn line(report: &StepReport, speed: &Speed, steps: u64, batch: usize) -> String {
    let each = speed.seconds / speed.steps.max(1) as f64;
    let losses = [("depth", report.depth), ("semantics", report.semantics)];
    let losses: Vec<String> =
        losses.iter().filter_map(|(name, loss)| loss.map(|loss| format!("{name} {loss:.3}"))).collect();
    let left = indicatif::HumanDuration(std::time::Duration::from_secs_f64(each * (steps - report.step - 1) as f64));
    format!(
        "step {}/{steps}  {}  {:.1} samples/s, {:.0} % waiting, {left} left",
        report.step + 1,
        losses.join("  "),
        batch as f64 / each,
        100.0 * speed.waited / speed.seconds.max(1e-9),
    )
}

/// The weights of a run: its folder, or a file.
pub(super) fn weights_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.join(LAST) } else { run.to_owned() }
}
