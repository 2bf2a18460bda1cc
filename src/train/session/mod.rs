//! A run in its folder: log, checkpoints, validation, pictures; stopped at any step and continued.

mod events;
mod files;
mod history;
mod lines;
mod pictures;
mod validation;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use self::events::Events;
pub use self::files::{BEST, CURVES, EVALUATION, LOG, VALIDATION, clear};
use self::files::{CHECKPOINT, NOT_FINITE};
pub use self::history::History;
use self::lines::Lines;
pub use self::validation::{Validation, validation_rules};
use super::checkpoint::Checkpoint;
use super::data::{Batch, Data};
use super::evaluate::{EvaluateError, Evaluation, evaluate, until};
use super::fault::TrainError;
use super::loader::{Feed, Loader};
use super::mixing::Mixing;
use super::op::Backend;
use super::report::{Speed, StepReport};
use super::settings::Settings;
use super::trainer::{LAST, Trainer};
use crate::file;

/// Where a run is written, and what it learns from.
#[derive(Debug)]
pub struct Session<'a> {
    /// The folder of the run.
    pub folder: &'a Path,
    /// What is learned from.
    pub data: Arc<Data>,
    /// What is evaluated on from time to time.
    pub validation: Option<&'a Data>,
    /// Set to end the run after the step it is at.
    pub stop: &'a AtomicBool,
}

/// What is told of a run while it goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// A step is done.
    Step(&'a StepReport, &'a Speed),
    /// A picture of the validation sets was evaluated: which, of how many.
    Evaluated(usize, usize),
    /// A sample of the validation sets cannot be read, and was left out.
    Unread(&'a str),
    /// The network was evaluated; whether it is the best so far.
    Validated(&'a Validation, bool),
}

impl Session<'_> {
    /// Refuses to go on after `first` steps where a better network may be kept than any that `validations` tells of: the next one
    /// would take its place.
    fn best_is_known(&self, first: u64, validations: &Lines<Validation>) -> Result<(), TrainError> {
        let path = self.folder.join(BEST);
        if !path.exists() {
            return Ok(());
        }
        let step = Checkpoint::read(&path)?.progress()?.step;
        // What was evaluated after the last checkpoint is evaluated again.
        if step > first || validations.all().iter().any(|validation| validation.step == step) {
            return Ok(());
        }
        Err(TrainError::BestUnknown { path, step, log: self.folder.join(VALIDATION) })
    }

    /// Whether an evaluation after the last finished step was broken off.
    fn owes_evaluation(&self, step: u64, settings: &Settings) -> Result<bool, TrainError> {
        let path = self.folder.join(VALIDATION);
        if self.validation.is_none() || step == 0 || !is_evaluated(step, settings) || !path.exists() {
            return Ok(false);
        }
        Ok(lines::read::<Validation>(&path)?.iter().all(|validation| validation.step != step))
    }

    /// Trains to the planned number of steps, or until `stop` is set, and leaves log and checkpoints in the folder. `observe` is
    /// told of everything that happens. Returns what the last step was evaluated to, if this call did it and there are validation
    /// sets. An evaluation that `stop` breaks off is made when the run goes on.
    ///
    /// # Errors
    ///
    /// Other sets than before, or whatever else ends the run. The last checkpoint then stands, and the run can go on from there.
    pub fn run<D: Backend<f32>>(
        &self,
        trainer: &mut Trainer<D>,
        mut observe: impl FnMut(Told<'_>),
    ) -> Result<Option<Evaluation>, TrainError> {
        trainer.learn_from(&self.data)?;
        let settings = trainer.settings().clone();
        let (first, parts) = (trainer.step(), settings.accumulate.max(1));
        let owes = self.owes_evaluation(first, &settings)?;
        if first >= settings.steps && !owes {
            return Ok(None);
        }
        std::fs::create_dir_all(self.folder).map_err(io_error(self.folder))?;
        let log = Lines::reopen(&self.folder.join(LOG), |report: &StepReport| report.step < first)?;
        let validations =
            Lines::reopen(&self.folder.join(VALIDATION), |validation: &Validation| validation.step <= first)?;
        self.best_is_known(first, &validations)?;
        let mut books = Books { log, validations, events: Events::begin(self.folder, first)? };
        if owes {
            match self.account(trainer, &settings, &mut books, &mut observe)? {
                ControlFlow::Continue(evaluation) if first >= settings.steps => return Ok(evaluation),
                ControlFlow::Continue(_) => (),
                ControlFlow::Break(()) => return Ok(None),
            }
        }
        let mixing = Mixing::new(&settings.mix, settings.seed, &self.data)?;
        let feed = Feed {
            data: Arc::clone(&self.data),
            batching: trainer.batching(),
            augmentation: settings.augmentation,
            mixing,
        };
        let mut loader = Loader::start(feed, first * parts as u64);
        let mut clock = Clock::default();
        while trainer.step() < settings.steps && !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let batches = (0..parts).map(|_| loader.receive()).collect::<Result<Vec<_>, _>>()?;
            let report = trainer.learn(&batches)?;
            if !report.is_finite() {
                books.log.add(report.clone())?;
                return Err(self.not_finite(trainer, &batches, report.step));
            }
            books.events.step(&report)?;
            clock.step(began);
            let speed = Speed { waited: loader.waited().as_secs_f64(), ..clock.speed() };
            observe(Told::Step(&report, &speed));
            books.log.add(report)?;
            match self.account(trainer, &settings, &mut books, &mut observe)? {
                ControlFlow::Continue(evaluation) if trainer.step() >= settings.steps => return Ok(evaluation),
                ControlFlow::Continue(_) => (),
                ControlFlow::Break(()) => break,
            }
        }
        trainer.save(&self.folder.join(LAST))?;
        self.draw_curves(&books, &settings)?;
        Ok(None)
    }

    /// What is due after the step that was just finished: an evaluation, pictures, checkpoints. Says what the network was evaluated to,
    /// if it was; breaks off with the evaluation.
    fn account<D: Backend<f32>>(
        &self,
        trainer: &Trainer<D>,
        settings: &Settings,
        books: &mut Books,
        observe: &mut impl FnMut(Told<'_>),
    ) -> Result<ControlFlow<(), Option<Evaluation>>, TrainError> {
        let (step, mut evaluation) = (trainer.step(), None);
        if is_evaluated(step, settings) {
            // Single pictures need memory of other sizes than batches, before and after.
            trainer.network().device().give_back_idle();
            if let Some(data) = self.validation {
                let rules = validation_rules(trainer.network().config(), settings)?;
                let found = evaluate(trainer.network(), data.sets(), &rules, |seen| {
                    observe(Told::Evaluated(seen.index + 1, data.len()));
                    until(self.stop)
                });
                let found = match found {
                    Err(EvaluateError::Stopped) => return Ok(ControlFlow::Break(())),
                    found => found?,
                };
                found.unread.iter().for_each(|reason| observe(Told::Unread(reason)));
                let validation = Validation::new(step, &found);
                let is_best = books.validations.all().iter().all(|other| validation.beats(other, settings.best));
                if is_best {
                    trainer.save(&self.folder.join(BEST))?;
                }
                books.events.validation(&validation)?;
                observe(Told::Validated(&validation, is_best));
                books.validations.add(validation)?;
                evaluation = Some(found);
            }
            if settings.pictures > 0 {
                let shown = self.validation.unwrap_or(&self.data);
                pictures::sheet(self.folder, trainer, shown, settings.pictures)?;
            }
            trainer.network().device().give_back_idle();
        }
        if step.is_multiple_of(settings.checkpoint_every.max(1)) || step == settings.steps {
            self.save(trainer, settings.keep)?;
            self.draw_curves(books, settings)?;
        }
        Ok(ControlFlow::Continue(evaluation))
    }

    fn draw_curves(&self, books: &Books, settings: &Settings) -> Result<(), TrainError> {
        let (log, validations) = (books.log.all().into(), books.validations.all().into());
        pictures::curves(self.folder, &History { log, validations, steps: settings.steps })
    }

    /// Saves the last checkpoint, and keeps as many others as asked for.
    fn save<D: Backend<f32>>(&self, trainer: &Trainer<D>, keep: usize) -> Result<(), TrainError> {
        // First what a run that goes on from the last one would not write again.
        if keep > 0 {
            trainer.save(&self.folder.join(CHECKPOINT.name(trainer.step())))?;
        }
        trainer.save(&self.folder.join(LAST))?;
        if keep == 0 {
            return Ok(());
        }
        let mut kept: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(self.folder).map_err(io_error(self.folder))? {
            let path = entry.map_err(io_error(self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if CHECKPOINT.is(&name) {
                kept.push(path);
            }
        }
        kept.sort();
        for old in kept.iter().rev().skip(keep) {
            std::fs::remove_file(old).map_err(io_error(old))?;
        }
        Ok(())
    }

    /// Saves the batches of a step that cannot be learned from.
    fn not_finite<D: Backend<f32>>(&self, trainer: &Trainer<D>, batches: &[Batch], step: u64) -> TrainError {
        let saved = self.folder.join(NOT_FINITE.name(step));
        let config = trainer.network().config();
        let (h, w) = config.input_size;
        let mut tensors = Vec::new();
        for (i, batch) in batches.iter().enumerate() {
            let n = batch.keys.len();
            tensors.push((format!("{i}.input"), vec![n, 3, h, w], batch.input.clone()));
            tensors.push((format!("{i}.depth"), vec![n, h, w], batch.depth.clone()));
            let labels = batch.labels.iter().map(|l| f32::from(*l)).collect();
            tensors.push((format!("{i}.labels"), vec![n, h, w], labels));
        }
        let written = super::model::serialize(tensors, config, Default::default())
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

/// What a run writes down.
struct Books {
    log: Lines<StepReport>,
    validations: Lines<Validation>,
    events: Events,
}

/// Whether a run evaluates its network after `step` steps.
fn is_evaluated(step: u64, settings: &Settings) -> bool {
    step.is_multiple_of(settings.validate_every.max(1)) || step == settings.steps
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::Io { path, source }
}

/// Time spent on steps alone.
#[derive(Debug, Default)]
struct Clock {
    seconds: f64,
    steps: u64,
}

impl Clock {
    fn step(&mut self, began: Instant) {
        self.seconds += began.elapsed().as_secs_f64();
        self.steps += 1;
    }

    fn speed(&self) -> Speed {
        Speed { seconds: self.seconds, steps: self.steps, waited: 0.0 }
    }
}
