use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::CommandFactory;
use serde_json::json;

use super::options::Options;
use super::sets::choose;
use super::{Sdtrain, eval};
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::{Output, Steps};
use crate::file::{claim, write_atomically};
use crate::mix::Domain;
use crate::sample::Size;
use crate::shard::Set;
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::device::{DeviceName, on_device};
use crate::train::evaluate::{Evaluation, evaluate, until};
use crate::train::mixing::Mixing;
use crate::train::model::Config;
use crate::train::op::Backend;
use crate::train::plan::{Plan, Shown, Usual};
use crate::train::report::{Speed, StepReport};
use crate::train::session::{self, BEST, EVALUATION, LOG, Session, Told, Validation, validation_rules};
use crate::train::trainer::{LAST, Trainer};

/// Trains a network. The same command again goes on where it was stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sets, or folders that hold sets; those whose split is neither `train` nor `all` serve as validation
    #[arg(default_value = "shards", value_name = "SET")]
    sets: Vec<PathBuf>,
    /// A set, or a folder that holds sets, to evaluate on during the run and at its end, instead; may be given several times
    #[arg(long, value_name = "SET")]
    val: Vec<PathBuf>,
    /// The folder of the run
    #[arg(long, value_name = "FOLDER", default_value = "runs/last")]
    out: PathBuf,
    /// Go on with the run in the folder as it is: its settings need not be said again
    #[arg(long)]
    resume: bool,
    /// Start over in a folder that holds a run
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Print every setting of the run as a file for --config, and stop. What nobody asked for stands in comments, since it may
    /// follow from other settings; with --resume everything is as the run has it
    #[arg(long)]
    print_config: bool,
    /// Where the network runs: cpu, or cuda:0 and so on
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: DeviceName,
    /// First weights: a safetensors file of the whole network, or of timm's MaxViT for the encoder alone
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// The exit code of a program that a signal has ended.
const INTERRUPTED: i32 = 130;

/// The file that says how the run in a folder was made.
const CONFIG: &str = "train.toml";

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        if let Some(usage) = self.misplaced_command() {
            return Err(usage.into());
        }
        if self.print_config {
            return self.print(output);
        }
        on_device!(self.device, |device| self.run_on(device, output))
    }

    fn run_on<D: Backend<f32>>(&self, device: D, output: &Output) -> Result<Exit> {
        let (training, validation) = choose(&self.sets, &self.val, output)?;
        let data = Arc::new(Data::new(training)?);
        let depths = data.look_at_depth()?;
        let validation = validation.map(Data::new).transpose()?;
        let (mut trainer, _kept) = self.trainer(device, &data, output)?;
        let d_max = trainer.network().config().d_max;
        let beyond = depths.iter().filter(|metres| f64::from(**metres) > d_max).count();
        if beyond * 10 > depths.len() {
            output.say(format_args!(
                "{} % of the depths are beyond {d_max} m, which the network ends at, and are not learned from; `d_max = METRES` below [network] in a --config file changes that",
                beyond * 100 / depths.len()
            ));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let told = *output;
        // Without the handler Ctrl-C ends the run at once, and the last checkpoint stands; the second one does so in any case.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
            told.say("stopping after this step; once more stops at once, at the last checkpoint");
        });
        let (mut last, mut unread) = (None, 0);
        let steps = trainer.settings().steps;
        let batch = trainer.settings().batch * trainer.settings().accumulate;
        let best = serde_json::to_value(trainer.settings().best)?;
        let bar = output.steps(steps, trainer.step());
        let session = Session { folder: &self.out, data, validation: validation.as_ref(), stop: &stop };
        let found = session.run(&mut trainer, |told| match told {
            Told::Step(report, speed) => {
                report.skipped.iter().for_each(|reason| bar.say(output, format_args!("left out: {reason}")));
                unread += report.skipped.len();
                tell(&bar, output, report, speed, steps, batch);
                last = Some(report.clone());
            }
            Told::Evaluated(done, all) => {
                if !bar.tell(&format!("evaluated {done} of {all} pictures")) && done.is_multiple_of(50) {
                    output.say(format_args!("evaluated {done} of {all} pictures"));
                }
            }
            Told::Unread(reason) => {
                bar.say(output, format_args!("left out of the evaluation: {reason}"));
                unread += 1;
            }
            Told::Validated(validation, is_best) => {
                let best = if is_best {
                    format!(", the best {} so far: {BEST}", best.as_str().unwrap_or(""))
                } else {
                    String::new()
                };
                bar.say(output, format_args!("{}{best}", validated(validation)));
            }
        })?;
        bar.finish();
        let step = trainer.step();
        // The evaluation after the last step may have been broken off, too.
        if step < steps || (found.is_none() && validation.is_some() && stop.load(Ordering::Relaxed)) {
            let text = if step < steps {
                format!(
                    "stopped after {step} of {steps} steps; the same command goes on from here, and so does --resume"
                )
            } else {
                format!("stopped in the evaluation after the last of {steps} steps; the same command makes it")
            };
            let value = json!({
                "run": self.out, "steps": steps, "stopped_after": step, "last": last, "unread": unread,
            });
            output.result(text, &value)?;
            return Ok(Exit::Findings);
        }
        let is_told = found.is_some();
        let evaluation = match validation {
            Some(data) => Some(self.evaluation(&trainer, data.sets(), found, &stop)?),
            None => None,
        };
        if let Some((.., reasons)) = evaluation.as_ref().filter(|_| !is_told) {
            reasons.iter().for_each(|reason| output.say(format_args!("left out of the evaluation: {reason}")));
            unread += reasons.len();
        }
        let text = match (&evaluation, &last) {
            (Some((text, ..)), _) => text.clone(),
            (None, Some(report)) => {
                format!("{} steps, loss {:.4}: {}", steps, report.total, self.out.join(LAST).display())
            }
            (None, None) => format!("the run in {} is finished", self.out.display()),
        };
        let value = json!({
            "run": self.out, "steps": steps, "last": last, "unread": unread, "evaluation": evaluation.map(|(_, value, _)| value),
        });
        output.result(text, &value)?;
        Ok(if unread > 0 { Exit::Findings } else { Exit::Done })
    }

    /// Every setting, for the sets if there are some.
    fn print(&self, output: &Output) -> Result<Exit> {
        let path = self.out.join(LAST);
        let plan = if self.resume {
            if !path.exists() {
                return Err(self.nothing_to_resume());
            }
            let own = Checkpoint::read(&path)?.plan()?;
            own.over(&self.options.layers()?).map_err(|e| self.options.refuse(&e))?
        } else {
            let shown = match choose(&self.sets, &self.val, output) {
                Ok((training, _)) => Shown::of(&Data::new(training)?),
                Err(reason) => {
                    output.say(format_args!("{reason:#}: these are the settings for rooms with labels"));
                    Shown { domain: Domain::Indoor, labelled: true, least: Size::new(480, 640) }
                }
            };
            self.plan(shown)?.0
        };
        let text = if self.resume { plan.to_toml() } else { plan.to_toml_beside(&self.options.layers()?)? };
        output.result(text, &json!({"network": plan.network, "settings": plan.settings}))?;
        Ok(Exit::Done)
    }

    fn nothing_to_resume(&self) -> anyhow::Error {
        let folder = self.out.display();
        Usage(format!(
            "--resume: there is no run in {folder}; name its folder as --out, or leave --resume out to begin one"
        ))
        .into()
    }

    /// The plan that the options ask for, and the file of first weights if there is one.
    fn plan(&self, shown: Shown) -> Result<(Plan, Option<Checkpoint>)> {
        let model = match self.device {
            DeviceName::Cpu => "dss-nano",
            DeviceName::Cuda(_) => "dss-tiny",
        };
        let weights = self.weights.as_deref().map(Checkpoint::read).transpose()?;
        let usual = Usual { model, shown, from_scratch: weights.is_none() };
        let own = weights.as_ref().and_then(Checkpoint::config);
        let taken = own.map(|network| Plan::of_weights(usual, network)).transpose()?;
        let layers: Vec<_> = taken.into_iter().chain(self.options.layers()?).collect();
        let plan = Plan::new(usual, &layers).map_err(|e| self.options.refuse(&e))?;
        if let (Some(file), Some(own)) = (&self.weights, own.filter(|own| own.model != plan.network.model)) {
            let (file, asked) = (file.display(), &plan.network.model);
            return Err(Usage(format!("{file} holds weights of {}, not of {asked}", own.model)).into());
        }
        Ok((plan, weights))
    }

    /// Why the network is what it is, where nobody named it.
    fn reason(&self, network: &Config, weights: Option<&Checkpoint>) -> Result<Option<String>> {
        let model = &network.model;
        Ok(match (weights.and_then(Checkpoint::config), &self.weights) {
            (Some(_), Some(file)) => {
                Some(format!("the network is that of {}: {model}, depths to {} m", file.display(), network.d_max))
            }
            _ if self.options.names_model()? => None,
            _ => {
                let device = if self.device == DeviceName::Cpu { "CPU" } else { "GPU" };
                Some(format!("model auto: {model}, because this runs on a {device}"))
            }
        })
    }

    /// A set that is no path but the name of a command, or nearly one: options stand before it, and options come after commands.
    fn misplaced_command(&self) -> Option<Usage> {
        let lost: Vec<&str> = self.sets.iter().filter(|path| !path.exists()).filter_map(|path| path.to_str()).collect();
        let program = Sdtrain::command();
        let commands = || program.get_subcommands().map(clap::Command::get_name);
        if let Some(command) = lost.iter().find(|name| commands().any(|command| command == **name)) {
            return Some(Usage(format!(
                "options stand before `{command}`; a command comes first: sdtrain {command} ... --quiet"
            )));
        }
        let first = *lost.first().filter(|name| self.sets.first().is_some_and(|set| set.as_os_str() == **name))?;
        let is_like = |command: &&str| first.starts_with(*command) || strsim::damerau_levenshtein(first, command) <= 2;
        let command = commands().find(is_like)?;
        Some(Usage(format!("there is no set or command `{first}`; did you mean sdtrain {command}?")))
    }

    /// The run in the folder, where it stood, or a fresh one; the folder is this run's own while the file is held.
    fn trainer<D: Backend<f32>>(&self, device: D, data: &Data, output: &Output) -> Result<(Trainer<D>, Option<File>)> {
        let in_folder = || self.out.display().to_string();
        let claim_folder = || {
            claim(&self.out).map_err(|_| {
                Usage(format!(
                    "another sdtrain is training in {}; wait for it, or name another folder as --out",
                    in_folder()
                ))
            })
        };
        // Before anything is read: another run may be about to end.
        let mut kept = claim_folder()?;
        let path = self.out.join(LAST);
        let exists = path.exists();
        if self.resume && !exists {
            return Err(self.nothing_to_resume());
        }
        if !data.labelled() {
            output.say("the sets have no labels: depth is learned alone");
        }
        let trainer = if exists && !self.force {
            let mut trainer = Trainer::resume(device, &path)?;
            let own = Plan { network: trainer.network().config().clone(), settings: trainer.settings().clone() };
            let (asked, weights) = if self.resume {
                (own.over(&self.options.layers()?).map_err(|e| self.options.refuse(&e))?, None)
            } else {
                self.plan(Shown::of(data))?
            };
            if let Some((key, has, asked)) = own.difference(&asked) {
                let run = self.out.display();
                return Err(Usage(format!("{run} holds a run with other settings: {key} is {has}, asked for is {asked}; --resume goes on with its own, --force starts over, --out names another folder")).into());
            }
            if let (Some(file), Some(weights)) = (&self.weights, &weights)
                && !trainer.began_with(weights)
            {
                let (run, file) = (self.out.display(), file.display());
                return Err(Usage(format!("the run in {run} did not begin with the weights of {file}; --resume goes on with it, --force starts over, --out names another folder")).into());
            }
            trainer.learn_from(data).map_err(|e| Usage(format!("{}: {e}", self.out.display())))?;
            match (trainer.step(), trainer.settings().steps) {
                (step, steps) if step < steps => output.say(format_args!("going on after step {step} of {steps}")),
                (_, steps) => output.say(format_args!("all {steps} steps are done")),
            }
            trainer.set_settings(asked.settings);
            trainer
        } else {
            let (Plan { network, settings }, weights) = self.plan(Shown::of(data))?;
            let ((h, w), d_max) = (network.input_size, network.d_max);
            let named = network.model.clone();
            self.reason(&network, weights.as_ref())?.iter().for_each(|reason| output.say(reason));
            Mixing::new(&settings.mix, settings.seed, data).map_err(|e| Usage(e.to_string()))?;
            data.check_crop(settings.augmentation.crop).map_err(|e| self.options.refuse(&e))?;
            let mut trainer = Trainer::new(device, network, settings)?;
            if let Some(weights) = &weights {
                trainer.begin_with(weights)?;
            }
            let n = trainer.network().store().parameter_count();
            output.say(format_args!(
                "{named} with {n} parameters on {} samples at {h}x{w}, depths to {d_max} m",
                data.len()
            ));
            trainer
        };
        std::fs::create_dir_all(&self.out).with_context(in_folder)?;
        if kept.is_none() {
            kept = claim_folder()?;
        }
        if self.force {
            session::clear(&self.out).with_context(in_folder)?;
        }
        let plan = Plan { network: trainer.network().config().clone(), settings: trainer.settings().clone() };
        let text = format!("# semdepth {}: sdtrain --config {CONFIG}\n{}", env!("CARGO_PKG_VERSION"), plan.to_toml());
        let config = self.out.join(CONFIG);
        // A run that was ended before its first checkpoint begins again; the remains of another are not mixed with this one.
        if !exists && self.out.join(LOG).exists() && !std::fs::read(&config).is_ok_and(|there| there == text.as_bytes())
        {
            return Err(Usage(format!(
                "{} holds what is left of another run, without its {LAST}; --force removes it, --out names another folder",
                in_folder()
            ))
            .into());
        }
        write_atomically(&config, text.as_bytes())?;
        Ok((trainer, kept))
    }

    /// What the finished network was evaluated to, in words and as JSON, which is written as well, and why samples were left out; a run that was finished before is
    /// evaluated now.
    fn evaluation<D: Backend<f32>>(
        &self,
        trainer: &Trainer<D>,
        sets: &[Set],
        found: Option<Evaluation>,
        stop: &AtomicBool,
    ) -> Result<(String, serde_json::Value, Vec<String>)> {
        let network = trainer.network();
        let rules = validation_rules(network.config(), trainer.settings())?;
        let found = match found {
            Some(found) => found,
            None => evaluate(network, sets, &rules, |_| until(stop))?,
        };
        let text = eval::text(&rules.protocol, &found);
        let hash = Checkpoint::read(&self.out.join(LAST))?.hash();
        let value = eval::value(network, &hash, sets, &rules, &found);
        write_atomically(&self.out.join(EVALUATION), serde_json::to_string_pretty(&value)?.as_bytes())?;
        Ok((text, value, found.unread))
    }
}

/// A step: on the bar, or a line now and then where there is none.
fn tell(bar: &Steps, output: &Output, report: &StepReport, speed: &Speed, steps: u64, batch: usize) {
    let each = speed.seconds / speed.steps.max(1) as f64;
    let losses = [("depth", report.depth), ("semantics", report.semantics)];
    let losses: Vec<String> =
        losses.iter().filter_map(|(name, loss)| loss.map(|loss| format!("{name} {loss:.3}"))).collect();
    let rate = batch as f64 / each.max(1e-9);
    let waiting = 100.0 * speed.waited / speed.seconds.max(1e-9);
    let told = format!("{}  {rate:.1} samples/s, {waiting:.1} % waiting", losses.join("  "));
    if bar.at(report.step + 1, &told) {
        return;
    }
    if (report.step + 1).is_multiple_of(20) || report.step + 1 == steps {
        let left = std::time::Duration::from_secs_f64(each * (steps - report.step - 1) as f64);
        let left = indicatif::HumanDuration(left);
        output.say(format_args!("step {}/{steps}  {told}, {left} left", report.step + 1));
    }
}

fn validated(validation: &Validation) -> String {
    let metrics =
        [("abs_rel", validation.abs_rel), ("rms", validation.rms), ("d1", validation.d1), ("mIoU", validation.miou)];
    let told: Vec<String> = metrics.iter().filter_map(|(name, v)| v.map(|v| format!("{name} {v:.4}"))).collect();
    format!("validation after step {}: {}", validation.step, told.join("  "))
}
