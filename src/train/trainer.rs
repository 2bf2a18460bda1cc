//! A network and its optimiser: steps, and the state between them.

use std::path::Path;

use dfdx::tensor::{OwnedTape, PutTape};
use dfdx::tensor_ops::Backward;

use super::checkpoint::{self, Checkpoint, CheckpointError, Progress};
use super::data::{Batch, Batching, Data};
use super::fault::TrainError;
use super::model::{Config, ConfigError, Dss, Target};
use super::nn::{Mode, Pass, Running};
use super::op::{Backend, Number};
use super::optim::{self, AdamW, ByName};
use super::report::StepReport;
use super::schedule::Schedule;
use super::settings::Settings;

/// A network in training on a device.
#[derive(Debug)]
pub struct Trainer<D: Backend<f32>> {
    network: Dss<f32, D>,
    optimiser: AdamW<D::Row>,
    settings: Settings,
    /// Fingerprints of the sets that are learned from; none before they are known.
    data: Option<Vec<String>>,
    /// Which file the first weights are from; none when they were drawn.
    weights: Option<String>,
}

/// The file a run goes on from.
pub const LAST: &str = "last.safetensors";

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
        Self { network, optimiser: AdamW::new(settings.optimiser), settings, data: None, weights: None }
    }

    /// The run whose checkpoint is at `path`, where it stood.
    ///
    /// # Errors
    ///
    /// A file that is no checkpoint of a run.
    pub fn resume(device: D, path: &Path) -> Result<Self, TrainError> {
        let checkpoint = Checkpoint::read(path)?;
        let settings = checkpoint.plan()?.settings;
        let network = checkpoint.network(device, None)?;
        let optimiser = checkpoint.optimiser(settings.optimiser, &network)?;
        let Progress { data, weights, .. } = checkpoint.progress()?;
        Ok(Self { network, optimiser, settings, data, weights })
    }

    /// Gives the network of a fresh run its first weights: those of a whole network, or of a bare encoder.
    ///
    /// # Errors
    ///
    /// Tensors that do not fit, by name.
    pub fn begin_with(&mut self, weights: &Checkpoint) -> Result<(), CheckpointError> {
        weights.fill(&self.network)?;
        self.weights = Some(weights.hash());
        Ok(())
    }

    /// Whether these were the first weights of the run.
    pub fn began_with(&self, weights: &Checkpoint) -> bool {
        self.weights == Some(weights.hash())
    }

    /// Says which sets are learned from.
    ///
    /// # Errors
    ///
    /// The run has learned from others.
    pub fn learn_from(&mut self, data: &Data) -> Result<(), TrainError> {
        let asked: Vec<String> = data.sets().iter().map(|set| set.fingerprint().to_owned()).collect();
        match &self.data {
            Some(run) if *run != asked => {
                let roots = data.sets().iter().map(|set| set.root().to_owned()).collect();
                Err(TrainError::OtherData { run: run.clone(), asked, roots })
            }
            _ => {
                self.data = Some(asked);
                Ok(())
            }
        }
    }

    /// The network as it is now.
    pub fn network(&self) -> &Dss<f32, D> {
        &self.network
    }

    /// The settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Goes on with other settings; those of [`Settings::ASIDE`] change nothing of the result.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
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
        let mut gradients: ByName<D::Row> = ByName::new();
        let mut statistics: Vec<Running<f32, D>> = Vec::new();
        for batch in batches {
            let (h, w) = self.network.config().input_size;
            let x = self.network.device().tensor_from_vec(batch.input.clone(), (batch.keys.len(), 3, h, w));
            let mut pass: Pass<f32, D, OwnedTape<f32, D>> =
                Pass::new(Mode::Training, self.settings.seed, batch.step).with_norms(self.settings.freeze_norms);
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
        // What no loss has ever reached stays as it is: decay alone would shrink it.
        let squares = optim::squares(&gradients);
        gradients.retain(|name, _| self.optimiser.moments().contains_key(name) || squares[name] != 0.0);
        report.grad_norm = squares.values().sum::<f64>().sqrt();
        if report.is_finite() {
            statistics.iter().for_each(Running::apply);
            self.optimiser.update_by(self.network.store(), gradients, report.grad_norm, report.lr_factor);
        }
        Ok(report)
    }

    /// Writes the state of the run to a file.
    ///
    /// # Errors
    ///
    /// The file system; what was at `path` then stays.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let settings = serde_json::to_string(&self.settings).unwrap_or_default();
        let (data, weights) = (self.data.clone(), self.weights.clone());
        let progress = Progress { step: self.step(), seed: self.settings.seed, settings, data, weights };
        checkpoint::save(path, &self.network, &self.optimiser, &progress)
    }
}

fn number<D: Backend<f32>>(loss: &Number<f32, D>) -> f64 {
    f64::from(loss.as_vec().first().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::train::device::Cpu;
    use crate::train::nn::{Entry, Role, Stream};
    use crate::train::op;
    use crate::train::optim::AdamWConfig;
    use dfdx::tensor::TensorFromVec;

    const SIZE: (usize, usize) = (32, 32);

    /// Every part of dss-nano, narrower, so that a step is quick.
    fn narrow() -> Config {
        Config {
            encoder_stem: 4,
            encoder_widths: [8, 8, 16, 16],
            encoder_blocks: [1, 1, 1, 2],
            encoder_head_size: 8,
            channels: 8,
            classes: 20,
            ..Config::named("dss-nano").unwrap().for_size(SIZE)
        }
    }

    fn network(config: Config) -> Dss<f32, Cpu> {
        Dss::new(Cpu::default(), config, 1).unwrap()
    }

    /// Two pictures by chance, whose depths begin at `nearest`.
    fn batch(name: &str, nearest: f64) -> Batch {
        let (mut chance, pixels) = (Stream::new(name, 0), 2 * SIZE.0 * SIZE.1);
        Batch {
            input: (0..3 * pixels).map(|_| chance.normal() as f32).collect(),
            depth: (0..pixels).map(|_| (nearest + chance.uniform()) as f32).collect(),
            labels: (0..pixels).map(|_| (20.0 * chance.uniform()) as u8).collect(),
            keys: vec!["0".into(), "1".into()],
            ..Batch::empty(0)
        }
    }

    #[test]
    fn what_is_dropped_is_drawn_anew_in_every_step() {
        // Weights stay as they are, so that nothing but chance can tell two steps apart.
        let optimiser = AdamWConfig { lr: 0.0, lr_encoder: 0.0, ..AdamWConfig::default() };
        let batch = batch("picture", 1.0);
        let losses = |config: Config, seed: u64, steps: &[u64]| -> Vec<[Option<f64>; 2]> {
            let mut trainer = Trainer::with(network(config), Settings { seed, optimiser, ..Settings::default() });
            let learn = |step: &u64| {
                let report = trainer.learn(&[Batch { step: *step, ..batch.clone() }]).unwrap();
                [report.depth, report.semantics]
            };
            steps.iter().map(learn).collect()
        };
        let without = losses(narrow(), 0, &[0, 1]);
        assert_eq!(without[0], without[1], "without chance");
        for config in [
            Config { encoder_drop_path: 0.5, ..narrow() },
            Config { lgcat_drop_path: 0.5, ..narrow() },
            Config { dropout: 0.5, ..narrow() },
        ] {
            let found = losses(config.clone(), 0, &[0, 1, 0]);
            assert_ne!(found[0], found[1]);
            assert_eq!(found[0], found[2]);
            assert_ne!(found[0], losses(config, 1, &[0])[0], "of another seed");
        }
    }

    /// maxvit.md section 9: statistics stay, and the loss is that of an evaluation, whatever else is in the batch.
    #[test]
    fn frozen_norms_go_by_their_running_statistics_and_keep_them() {
        let kept = |trainer: &Trainer<Cpu>| -> Vec<Vec<f32>> {
            let buffers = trainer.network().store().entries().iter().filter(|entry| entry.role == Role::Buffer);
            buffers.map(Entry::values).collect()
        };
        let batch = batch("picture", 1.0);
        for freeze_norms in [false, true] {
            let mut trainer = Trainer::with(network(narrow()), Settings { freeze_norms, ..Settings::default() });
            let before = kept(&trainer);
            let x = Cpu::default().tensor_from_vec(batch.input.clone(), (2, 3, SIZE.0, SIZE.1));
            let mut pass = Pass::evaluation();
            let outputs = trainer.network().forward(&mut pass, &x);
            let target = Target { depth: Some(&batch.depth), labels: Some(&batch.labels) };
            let evaluated = number(&trainer.network().losses(&mut pass, &outputs, target).unwrap().total);
            let found = trainer.learn(std::slice::from_ref(&batch)).unwrap();
            assert_eq!((found.total - evaluated).abs() < 1e-5, freeze_norms, "{} and {evaluated}", found.total);
            assert_eq!(kept(&trainer) == before, freeze_norms);
            assert!(found.grad_norm > 0.0);
        }
    }

    type Gradients = BTreeMap<String, Vec<f32>>;

    /// The losses (depth, semantics) of a batch, and the gradient of every parameter.
    fn differentiated(network: &Dss<f32, Cpu>, batch: &Batch) -> ([f64; 2], Gradients) {
        let x = Cpu::default().tensor_from_vec(batch.input.clone(), (2, 3, SIZE.0, SIZE.1));
        let mut pass: Pass<f32, Cpu, OwnedTape<f32, Cpu>> = Pass::new(Mode::Training, 0, 0);
        let outputs = network.forward(&mut pass, &x);
        let target = Target { depth: Some(&batch.depth), labels: Some(&batch.labels) };
        let losses = network.losses(&mut pass, &outputs, target).unwrap();
        let values = [losses.depth.unwrap(), losses.semantics.unwrap()].map(|loss| f64::from(loss.as_vec()[0]));
        let mut found = losses.total.put_tape(std::mem::take(&mut pass.tape)).backward();
        let of = |entry: &Entry<f32, Cpu>| (entry.name.clone(), op::gradient(&mut found, &entry.tensor()));
        (values, network.store().parameters().map(of).collect())
    }

    fn length(gradients: &Gradients) -> f64 {
        gradients.values().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
    }

    /// dss.md section 9: the gradients of the parts are averaged and clipped once, which the first moment tells: it is a tenth.
    #[test]
    fn a_step_over_parts_learns_from_the_average_of_their_gradients() {
        let parts = [batch("near", 0.5), batch("far", 8.0)];
        let network = network(narrow());
        let [(a_losses, a), (b_losses, b)] = parts.each_ref().map(|part| differentiated(&network, part));
        let half = |(a, b): (&f32, &f32)| 0.5 * a + 0.5 * b;
        let average: Gradients = a.iter().map(|(k, a)| (k.clone(), a.iter().zip(&b[k]).map(half).collect())).collect();
        let norm = length(&average);
        let clip = 0.1 * norm;
        assert!(length(&a) > clip && length(&b) > clip, "the parts alone would be clipped too");

        let optimiser = AdamWConfig { clip, ..AdamWConfig::default() };
        let mut trainer = Trainer::with(network, Settings { optimiser, ..Settings::default() });
        let report = trainer.learn(&parts).unwrap();
        assert_eq!(trainer.step(), 1);
        assert!((report.grad_norm - norm).abs() < 1e-5 * norm, "{} instead of {norm}", report.grad_norm);
        for (found, i) in [(report.depth, 0), (report.semantics, 1)] {
            assert!((found.unwrap() - 0.5 * (a_losses[i] + b_losses[i])).abs() < 1e-6);
        }
        let moments = trainer.optimiser.moments();
        for (name, average) in average.iter().filter(|(_, g)| g.iter().any(|g| *g != 0.0)) {
            let found = &moments[name].m;
            let furthest = average.iter().zip(found).fold(0.0, |most: f64, (g, m)| {
                most.max((f64::from(*m) - 0.1 * f64::from(*g) * clip / (norm + 1e-6)).abs())
            });
            let largest = average.iter().fold(0.0, |most: f64, g| most.max(f64::from(g.abs())));
            assert!(furthest <= 1e-6 * largest * clip / norm, "{name}: {furthest}");
        }
    }
}
