//! `sdprep mix`.

mod parameters;
mod sets;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub(super) use self::parameters::ParameterArgs;
pub(super) use self::sets::{input, is_mix, set_named};
use super::run::RunArgs;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::file::{read_bounded, write_atomically};
use crate::mix::{Input, Method, Mixed, Observed, Options, PartnerRule, Plan, Recipe, Tally};
use crate::run::{Progress, in_order, keep_apart};
use crate::sample::Fault;
use crate::shard::{Set, SetSource};
use crate::source::Source;

/// Largest plan that is read.
const MAX_PLAN: u64 = 8 << 30;
/// Samples that a dry run mixes.
const N_TRIED: usize = 48;

/// `sdprep mix`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sets to mix, or folders that hold sets [default: the training sets below shards/]
    #[arg(value_name = "SET")]
    sets: Vec<PathBuf>,
    /// nearfarmix, cutdepth, vcutdepth, cutmix, classmix, depthmix or affinemix; several with weights, such as
    /// nearfarmix=0.6,classmix=0.4
    #[arg(long, short, value_name = "NAME[=WEIGHT]", value_delimiter = ',', required_unless_present = "plan")]
    method: Vec<Weighted>,
    /// Do what this file says; if it is not there, draw everything first and write it
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// A set with dense depth of any model for the same keys; masks use it instead of densified depth
    #[arg(long, value_name = "SET")]
    predicted: Option<PathBuf>,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    parameters: ParameterArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// What is drawn, and how often.
#[derive(Debug, clap::Args)]
#[group(requires = "method")]
struct DrawArgs {
    /// Mixed samples for every sample
    #[arg(long, default_value = "1", value_name = "K", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    copies: u32,
    /// Probability that a copy is mixed [default: 1; 0.25 for cutdepth and vcutdepth]
    #[arg(long, value_name = "P")]
    p: Option<f64>,
    /// Decides everything that is drawn
    #[arg(long, default_value = "0", value_name = "S")]
    seed: u64,
    /// Also mix each pair with its roles exchanged; the sample KEY@method.copy.swapped follows
    #[arg(long)]
    both_orders: bool,
    /// Partners of the same scene type only
    #[arg(long)]
    same_scene_type: bool,
    /// Partners of other scenes only
    #[arg(long)]
    other_scene: bool,
}

/// `nearfarmix` or `nearfarmix=0.6`
#[derive(Clone, Copy, Debug, PartialEq)]
struct Weighted(Method, f64);

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
        let weight = weight.trim().parse().map_err(|_| format!("weight: expected a number, found {weight:?}"))?;
        Ok(Self(name.trim().parse().map_err(|e: crate::mix::UnknownMethod| e.to_string())?, weight))
    }
}

/// The part of a set that decides parameters.
pub(super) fn is_full_nyu(set: &Set) -> bool {
    set.spec().dataset == "nyuv2" && (set.spec().size.height, set.spec().size.width) == (480, 640)
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let paths = sets::chosen(&self.sets, self.run.out(), self.parameters.label_space(), output)?;
        let sets: Vec<Set> = paths.iter().map(Set::open).collect::<Result<_, _>>()?;
        let sources: Vec<SetSource<'_>> = sets.iter().map(SetSource::new).collect();
        let inputs: Vec<Input<'_>> = sources.iter().zip(&paths).map(|(source, path)| input(source, path)).collect();
        let predicted = self.predicted.as_ref().map(Set::open).transpose()?;
        let predicted = predicted.as_ref().map(SetSource::new);
        let predicted = predicted.as_ref().zip(self.predicted.as_ref()).map(|(source, path)| input(source, path));
        let predicted = predicted.as_ref();
        let plan = self.read_plan(&sets)?;
        let replayed = plan.is_some();
        let mut mixed = match plan {
            Some(plan) => Mixed::replay(inputs.clone(), predicted, plan)?,
            None => Mixed::new(inputs.clone(), predicted, self.options(&sets)?)?,
        };
        if let Some(path) = self.plan.as_ref().filter(|_| !replayed) {
            let plan = draw_all(&mixed, output)?;
            write_atomically(path, &plan.to_bytes()?).with_context(|| path.display().to_string())?;
            output.say(format_args!("{} mixes drawn -> {}", plan.recipes.len(), path.display()));
            mixed = Mixed::replay(inputs, predicted, plan)?;
        }
        let name = self.name(&paths, &mixed);
        keep_apart(&self.run.place(&name), paths.iter().chain(&self.predicted).map(PathBuf::as_path))?;
        if self.run.is_dry() {
            return self.report(&mixed, &name, output);
        }
        self.run.run_and_tell(&mixed, &name, output, |set| Some(told_mixed(set)))
    }

    fn read_plan(&self, sets: &[Set]) -> Result<Option<Plan>> {
        let Some(path) = &self.plan else { return Ok(None) };
        let bytes = match read_bounded(path, MAX_PLAN) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !self.method.is_empty() => return Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(
                    Usage(format!("{}: there is no such plan; say --method to draw one", path.display())).into()
                );
            }
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        let plan = Plan::read(&bytes).map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        if !self.method.is_empty() && self.options(sets)? != plan.options {
            let reason = "it was drawn with other options; leave them out to replay it, or name another file";
            return Err(Usage(format!("{}: {reason}", path.display())).into());
        }
        Ok(Some(plan))
    }

    fn options(&self, sets: &[Set]) -> Result<Options> {
        let space = self.parameters.label_space();
        for set in sets {
            if let Some(found) = set.spec().label_space.filter(|&found| found != space) {
                let root = set.root().display();
                return Err(
                    Usage(format!("{root}: label space {found}, expected {space}; say --label-space {found}")).into()
                );
            }
        }
        let methods: Vec<Method> = self.method.iter().map(|w| w.0).collect();
        if self.predicted.is_some() && !methods.iter().any(|method| method.compares_depth()) {
            return Err(
                Usage("--predicted is for masks made from depth: those of nearfarmix and depthmix".into()).into()
            );
        }
        let pairs = [
            (self.draw.both_orders, "--both-orders"),
            (self.draw.same_scene_type, "--same-scene-type"),
            (self.draw.other_scene, "--other-scene"),
        ];
        if let Some((_, option)) = pairs.iter().find(|(given, _)| *given)
            && !methods.iter().any(|method| method.needs_partner())
        {
            return Err(Usage(format!("{option} is about partners, and no method that was named has any")).into());
        }
        let datasets: Vec<&str> = sets.iter().map(|set| set.spec().dataset.as_str()).collect();
        let full_nyu = sets.iter().all(is_full_nyu);
        Ok(Options {
            methods: self.method.iter().map(|w| (w.0, w.1)).collect(),
            seed: self.draw.seed,
            copies: self.draw.copies,
            probability: self.draw.p,
            both_orders: self.draw.both_orders,
            partners: PartnerRule { same_scene_type: self.draw.same_scene_type, other_scene: self.draw.other_scene },
            parameters: self.parameters.parameters(&datasets, full_nyu, &methods, self.predicted.is_some())?,
        })
    }

    /// `nyu-nearfarmix`
    fn name(&self, paths: &[PathBuf], mixed: &Mixed<'_>) -> String {
        let base = match paths {
            [path] => super::picture::set_name(path),
            _ => mixed.header().dataset.clone(),
        };
        match mixed.options().methods.as_slice() {
            [(method, _)] => format!("{base}-{method}"),
            _ => format!("{base}-mix"),
        }
    }

    /// What a run would make, from some mixes spread over the plan; from all when a plan was drawn.
    fn report(&self, mixed: &Mixed<'_>, name: &str, output: &Output) -> Result<Exit> {
        let n = mixed.recipes().len();
        let n_tried = if self.plan.is_some() { n } else { N_TRIED.min(n) };
        let rows: Vec<usize> = (0..n_tried).map(|i| i * n / n_tried).collect();
        let mut observed = Vec::new();
        each(mixed, &rows, output, "mixing", |row| observe(mixed, row), |seen| observed.push(seen))?;
        let tallies = Tally::by_method(&observed);
        let (mut text, estimate) = self.run.estimate(mixed, name, output)?;
        for (method, tally) in &tallies {
            let planned = mixed.recipes().iter().filter(|r| r.method == *method).count();
            let percent = |share: f64| 100.0 * share;
            write!(
                text,
                "\n{method}: {planned} samples, {} of {} tried are mixed; {:.1} % of the pixels from A; valid depth {:.1} -> {:.1} %; classes {:.1} -> {:.1}; {} draws repeated",
                tally.n_mixed,
                tally.n_tried,
                percent(tally.share),
                percent(tally.valid[0]),
                percent(tally.valid[1]),
                tally.n_classes[0],
                tally.n_classes[1],
                tally.n_redrawn
            )?;
            for (reason, n) in &tally.unmixed {
                write!(text, "; {n} as they are: {reason}")?;
            }
        }
        output.result(text, &json!({"estimate": estimate, "methods": tallies}))?;
        Ok(Exit::Done)
    }
}

/// How many samples of a set are mixed, and why the others are not.
fn told_mixed(set: &Set) -> (String, &'static str, Value) {
    let mixes = set.records().iter().filter(|record| record.quarantined.is_none());
    let mixes = mixes.filter_map(|record| record.entry.provenance.as_ref()?.get("mix"));
    let (mut n_mixed, mut unmixed) = (0_usize, BTreeMap::<&str, usize>::new());
    for mix in mixes {
        match mix.get("unmixed").and_then(Value::as_str) {
            Some(reason) => *unmixed.entry(reason).or_default() += 1,
            None => n_mixed += 1,
        }
    }
    let reasons: String = unmixed.iter().map(|(reason, n)| format!(", {n} as they were ({reason})")).collect();
    (format!("{n_mixed} mixed{reasons}"), "mixes", json!({ "mixed": n_mixed, "unmixed": unmixed }))
}

fn observe(mixed: &Mixed<'_>, row: usize) -> Result<Observed, Fault> {
    let settled = mixed.settle(row)?;
    let misfit = |e| Fault::new(&settled.recipe.sample.key, "image", e);
    let result = settled.clone().into_sample().map_err(misfit)?;
    Ok(Observed::of(&settled, &result))
}

/// Draws every mix. A sample whose parents cannot be read stays undrawn: it will be quarantined.
fn draw_all(mixed: &Mixed<'_>, output: &Output) -> Result<Plan> {
    let rows: Vec<usize> = (0..mixed.recipes().len()).collect();
    let mut recipes: Vec<Recipe> = Vec::with_capacity(rows.len());
    let draw = |row: usize| match mixed.settle(row) {
        Ok(settled) => Ok(settled.recipe),
        Err(_) => Ok(mixed.recipes()[row].clone()),
    };
    each(mixed, &rows, output, "drawing", draw, |recipe| recipes.push(recipe))?;
    Ok(mixed.plan(recipes))
}

fn each<T: Send>(
    mixed: &Mixed<'_>,
    rows: &[usize],
    output: &Output,
    verb: &'static str,
    produce: impl Fn(usize) -> Result<T, Fault> + Sync,
    mut consume: impl FnMut(T),
) -> Result<()> {
    let bar = output.bar(verb);
    bar.begin(rows.len(), 0);
    let result = in_order(output.threads(), rows, produce, |row, made| {
        bar.advance();
        match made {
            Ok(made) => consume(made),
            Err(fault) => output.say(format_args!("cannot mix {:?}: {fault}", mixed.entries()[row].key)),
        }
        Ok::<(), anyhow::Error>(())
    });
    bar.finish();
    result
}
