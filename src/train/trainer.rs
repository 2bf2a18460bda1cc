//! The training loop: steps, log, checkpoints, resuming.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use dfdx::tensor::{OwnedTape, PutTape, Storage};
use dfdx::tensor_ops::Backward;

use super::checkpoint::{self, Checkpoint, Progress};
use super::data::{Batch, Batching, Data};
use super::fault::TrainError;
use super::loader::{Feed, Loader};
use super::mixing::Mixing;
use super::model::{Config, ConfigError, Dss, Target};
use super::nn::{Mode, Pass, Running};
use super::op::{Backend, Number};
use super::optim::{self, AdamW, ByName};
use super::report::{Speed, StepReport};
use super::schedule::Schedule;
use super::settings::Settings;
use crate::file;

/// A network in training on a device.
#[derive(Debug)]
pub struct Trainer<D: Storage<f32>> {
    network: Dss<f32, D>,
    optimiser: AdamW,
    settings: Settings,
}

/// The file a run goes on from.
pub const LAST: &str = "last.safetensors";
const LOG: &str = "log.jsonl";

impl<D: Backend<f32>> Trainer<D> {
    /// A fresh run of a network with first values from the seed.
    ///
    /// # Errors
    ///
    /// A configuration no network can be built from.
    pub fn new(device: D, config: Config, settings: Settings) -> Result<Self, ConfigError> {
        let network = Dss::new(device, config, settings.seed)?;
        Ok(Self::with(network, settings))
    }

    /// A fresh run of a given network.
    pub fn with(network: Dss<f32, D>, settings: Settings) -> Self {
        Self { network, optimiser: AdamW::new(settings.optimiser), settings }
    }

    /// The run whose checkpoint is at `path`, where it stood.
    ///
    /// # Errors
    ///
    /// A file that is no checkpoint of a run.
    pub fn resume(device: D, path: &Path) -> Result<Self, TrainError> {
        let checkpoint = Checkpoint::read(path)?;
        let progress = checkpoint.progress()?;
        let settings: Settings = serde_json::from_str(&progress.settings).map_err(|e| TrainError::Settings {
            run: path.to_owned(),
            difference: format!("they are not readable: {e}"),
        })?;
        let network = checkpoint.network(device, None)?;
        let optimiser = checkpoint.optimiser(settings.optimiser, &network)?;
        Ok(Self { network, optimiser, settings })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Dss<f32, D> {
        &self.network
    }

    /// The settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Finished steps.
    pub fn step(&self) -> u64 {
        self.optimiser.step()
    }

    /// How samples become batches of this run.
    pub fn batching(&self) -> Batching {
        let config = self.network.config();
        Batching {
            size: config.input_size,
            mean: config.input_mean,
            std: config.input_std,
            batch: self.settings.batch,
            flip: self.settings.flip,
            seed: self.settings.seed,
            strict: self.settings.strict,
        }
    }

    /// Learns from the batches of one step. Nothing changes when it fails.
    ///
    /// # Errors
    ///
    /// A label without a class. A loss that is not finite has a report with that loss and changes nothing either: see
    /// [`StepReport::is_finite`].
    pub fn learn(&mut self, batches: &[Batch]) -> Result<StepReport, TrainError> {
        let step = self.step();
        let share = 1.0 / batches.len().max(1) as f64;
        let schedule = Schedule { steps: self.settings.steps, warmup: self.settings.warmup };
        let mut report = StepReport {
            step,
            lr_factor: schedule.factor(step),
            depth: None,
            semantics: None,
            total: 0.0,
            grad_norm: 0.0,
            mixed: 0,
            skipped: Vec::new(),
        };
        let mut gradients = ByName::new();
        let mut statistics: Vec<Running<f32, D>> = Vec::new();
        for batch in batches {
            let (h, w) = self.network.config().input_size;
            let x = self.network.device().tensor_from_vec(batch.input.clone(), (batch.keys.len(), 3, h, w));
            let mut pass: Pass<f32, D, OwnedTape<f32, D>> = Pass::new(Mode::Training, self.settings.seed, batch.step);
            let outputs = self.network.forward(&mut pass, &x);
            let target = Target {
                depth: Some(&batch.depth),
                labels: self.settings.semantics.then_some(batch.labels.as_slice()),
            };
            let losses = self.network.losses(&mut pass, &outputs, target).map_err(|source| TrainError::Label {
                step,
                keys: batch.keys.clone(),
                source,
            })?;
            let add = |sum: &mut Option<f64>, loss: &Option<Number<f32, D>>| {
                if let Some(loss) = loss {
                    *sum = Some(sum.unwrap_or(0.0) + share * number(loss));
                }
            };
            add(&mut report.depth, &losses.depth);
            add(&mut report.semantics, &losses.semantics);
            report.total += share * number(&losses.total);
            report.mixed += batch.mixed;
            report.skipped.extend(batch.skipped.iter().cloned());
            let mut found = losses.total.put_tape(std::mem::take(&mut pass.tape)).backward();
            let part = optim::gradients(self.network.store(), &mut found);
            if batches.len() == 1 {
                gradients = part;
            } else {
                optim::accumulate(&mut gradients, part, share);
            }
            statistics.extend(pass.take_statistics());
        }
        report.grad_norm = optim::norm(&gradients);
        if report.is_finite() {
            statistics.iter().for_each(Running::apply);
            self.optimiser.update(self.network.store(), &gradients, report.lr_factor);
        }
        Ok(report)
    }

    /// Writes the checkpoint of the run into its folder.
    ///
    /// # Errors
    ///
    /// The file system; the previous checkpoint then stays.
    pub fn save(&self, run: &Path) -> Result<(), TrainError> {
        let settings = serde_json::to_string(&self.settings).unwrap_or_default();
        let progress = Progress { step: self.step(), seed: self.settings.seed, settings };
        Ok(checkpoint::save(&run.join(LAST), &self.network, &self.optimiser, &progress)?)
    }

    /// Trains to the planned number of steps, or until `stop` is set, and leaves checkpoint and log in the folder `run`. `observe`
    /// is told of every step.
    ///
    /// # Errors
    ///
    /// Whatever ends the run; up to then everything is saved.
    pub fn run(
        &mut self,
        data: Arc<Data>,
        run: &Path,
        stop: &AtomicBool,
        mut observe: impl FnMut(&StepReport, &Speed),
    ) -> Result<(), TrainError> {
        let io = |path: PathBuf| move |source| TrainError::Io { path, source };
        std::fs::create_dir_all(run).map_err(io(run.to_owned()))?;
        let mut log = self.open_log(&run.join(LOG)).map_err(io(run.join(LOG)))?;
        let parts = self.settings.accumulate.max(1);
        let mixing = Mixing::new(&self.settings.mix, self.settings.seed, &data)?;
        let feed = Feed { data, batching: self.batching(), mixing };
        let mut loader = Loader::start(feed, self.step() * parts as u64);
        let (began, first) = (Instant::now(), self.step());
        while self.step() < self.settings.steps && !stop.load(Ordering::Relaxed) {
            let batches = (0..parts).map(|_| loader.receive()).collect::<Result<Vec<_>, _>>()?;
            let report = self.learn(&batches)?;
            let line = serde_json::to_string(&report).unwrap_or_default();
            writeln!(log, "{line}").map_err(io(run.join(LOG)))?;
            if !report.is_finite() {
                return Err(self.not_finite(run, &batches, report.step));
            }
            let speed = Speed {
                seconds: began.elapsed().as_secs_f64(),
                steps: self.step() - first,
                waited: loader.waited().as_secs_f64(),
            };
            observe(&report, &speed);
            if self.step().is_multiple_of(self.settings.checkpoint_every.max(1)) {
                self.save(run)?;
            }
        }
        self.save(run)
    }

    /// Opens the log for the next line, without lines of steps that a stopped run has to take again.
    fn open_log(&self, path: &Path) -> io::Result<File> {
        let kept: String = match std::fs::read_to_string(path) {
            Ok(text) => text
                .lines()
                .filter(|line| serde_json::from_str::<StepReport>(line).is_ok_and(|r| r.step < self.step()))
                .flat_map(|line| [line, "\n"])
                .collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e),
        };
        file::write_atomically(path, kept.as_bytes())?;
        File::options().append(true).open(path)
    }

    /// Saves the batches of a step that cannot be learned from.
    fn not_finite(&self, run: &Path, batches: &[Batch], step: u64) -> TrainError {
        let saved = run.join(format!("not-finite-{step}.safetensors"));
        let (h, w) = self.network.config().input_size;
        let mut tensors = Vec::new();
        for (i, batch) in batches.iter().enumerate() {
            let n = batch.keys.len();
            tensors.push((format!("{i}.input"), vec![n, 3, h, w], batch.input.clone()));
            tensors.push((format!("{i}.depth"), vec![n, h, w], batch.depth.clone()));
            let labels = batch.labels.iter().map(|l| f32::from(*l)).collect();
            tensors.push((format!("{i}.labels"), vec![n, h, w], labels));
        }
        let written = super::model::serialize(tensors, self.network.config(), Default::default())
            .map_err(io::Error::other)
            .and_then(|bytes| file::write_atomically(&saved, &bytes));
        match written {
            Ok(()) => {
                let keys = batches.iter().flat_map(|b| b.keys.iter().cloned()).collect();
                TrainError::NotFinite { step, keys, saved }
            }
            Err(source) => TrainError::Io { path: saved, source },
        }
    }
}

fn number<D: Backend<f32>>(loss: &Number<f32, D>) -> f64 {
    f64::from(loss.as_vec().first().copied().unwrap_or_default())
}
