use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Usage};
use crate::cli::fraction::fraction;
use crate::cli::output::{Output, bytes};
use crate::run::{Derivation, Estimate, Outcome, Part, RunOptions, convert, derive, estimate, estimate_derived};
use crate::shard::{DepthEncoding, Set};
use crate::source::{Header, Source};

/// Options of every command that makes a set from the samples of another or of a data set.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct MakeArgs {
    /// Folder of the set [default: shards/NAME]
    #[arg(long, short, value_name = "SET")]
    out: Option<PathBuf>,
    /// Delete the set that is there and start over
    #[arg(long)]
    force: bool,
    /// Stop at the first bad sample instead of quarantining it
    #[arg(long)]
    strict: bool,
    /// Make only every N-th shard: I/N; parts may run at the same time, on many machines
    ///
    /// Without it, a Slurm array (SLURM_ARRAY_TASK_ID) or an indexed Kubernetes job (JOB_COMPLETION_INDEX) is
    /// recognised by its environment.
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// Say how many samples, bytes and minutes, measured on a few samples; write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Options of every command that makes all arrays of a set.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) make: MakeArgs,
    /// How depth is stored: metres, or 16-bit steps of --depth-step metres
    #[arg(long, value_enum, default_value = "float32", value_name = "TYPE")]
    depth_dtype: DepthDtype,
    /// Metres of one step of 16-bit depth; fractions such as 1/256 are exact
    #[arg(long, default_value = "0.001", value_name = "METRES", value_parser = fraction)]
    depth_step: f64,
    /// Samples in one shard
    #[arg(long, default_value = "64", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    samples_per_shard: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DepthDtype {
    Float32,
    Uint16,
}

/// A set that was made from another one.
pub(super) struct Derived {
    pub(super) out: PathBuf,
    pub(super) outcome: Outcome,
    /// When it is complete.
    pub(super) set: Option<Set>,
}

impl MakeArgs {
    /// The folder that was named, for commands that make something else than a set.
    pub(super) fn folder(&self, missing: &str) -> Result<&Path> {
        Ok(self.out.as_deref().ok_or_else(|| Usage(missing.to_owned()))?)
    }

    fn options(&self, output: &Output) -> Result<RunOptions> {
        let part = match self.part {
            Some(part) => part,
            None => scheduled_part(|name| std::env::var(name).ok())?.unwrap_or(Part::WHOLE),
        };
        if self.force && part != Part::WHOLE {
            return Err(Usage(
                "--force would delete what other parts have made: delete the set once, then start the parts without it"
                    .into(),
            )
            .into());
        }
        Ok(RunOptions {
            threads: output.threads(),
            part,
            force: self.force,
            strict: self.strict,
            ..RunOptions::default()
        })
    }

    /// Makes sure that nothing was asked for that only sets can do.
    pub(super) fn is_no_set(&self) -> Result<()> {
        let asked = [(self.part.is_some(), "--part"), (self.strict, "--strict"), (self.dry_run, "--dry-run")];
        match asked.into_iter().find(|(asked, _)| *asked) {
            Some((_, option)) => Err(Usage(format!("{option} is for sets; leave it out to write files")).into()),
            None => Ok(()),
        }
    }

    /// Makes sure that nothing stands at `path`, unless it may be written anew.
    pub(super) fn is_free(&self, path: &Path) -> Result<()> {
        let is_empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if self.force || is_empty || !path.exists() {
            return Ok(());
        }
        Err(Usage(format!(
            "{} is there already; name another place with --out, or --force to write over it",
            path.display()
        ))
        .into())
    }

    /// What was named, or the usual place.
    pub(super) fn out(&self, usual: impl AsRef<Path>) -> PathBuf {
        self.out.clone().unwrap_or_else(|| usual.as_ref().to_owned())
    }

    /// Makes a set that differs from its parent in its labels. `None` after a dry run, which has been told.
    pub(super) fn derive(
        &self,
        derivation: &dyn Derivation,
        name: &str,
        verb: &'static str,
        output: &Output,
    ) -> Result<Option<Derived>> {
        let (options, out) = (self.options(output)?, self.out(Path::new("shards").join(name)));
        if self.dry_run {
            tell_estimate(&estimate_derived(derivation, &options)?, &out, output)?;
            return Ok(None);
        }
        say_plan(derivation.header(), derivation.entries().len(), &options, &out, output);
        let (outcome, set) = derive(derivation, &out, &options, &output.bar(verb))?;
        Ok(Some(Derived { out, outcome, set }))
    }
}

impl RunArgs {
    /// The folder that was named.
    pub(super) fn out(&self) -> Option<&Path> {
        self.make.out.as_deref()
    }

    /// Whether nothing is to be written.
    pub(super) const fn is_dry(&self) -> bool {
        self.make.dry_run
    }

    /// What the set would be, in words and numbers.
    pub(super) fn estimate(&self, source: &dyn Source, name: &str, output: &Output) -> Result<(String, Estimate)> {
        let estimate = estimate(source, &self.options(output)?)?;
        Ok((told_estimate(&estimate, &self.place(name)), estimate))
    }

    /// Makes the set, or says what it would be. `name` is the folder below `shards/` when `--out` is not given.
    pub(super) fn run(&self, source: &dyn Source, name: &str, output: &Output) -> Result<Exit> {
        self.run_and_tell(source, name, output, |_| None)
    }

    /// As [`run`](Self::run); `more` says what else there is to tell of the complete set, in words and under a name in JSON.
    pub(super) fn run_and_tell(
        &self,
        source: &dyn Source,
        name: &str,
        output: &Output,
        more: impl FnOnce(&Set) -> Option<(String, &'static str, Value)>,
    ) -> Result<Exit> {
        let (options, out) = (self.options(output)?, self.place(name));
        if self.make.dry_run {
            tell_estimate(&estimate(source, &options)?, &out, output)?;
            return Ok(Exit::Done);
        }
        say_plan(source.header(), source.entries().len(), &options, &out, output);
        let (outcome, set) = convert(source, &out, &options, &output.bar("converting"))?;
        let (mut text, mut value) = told_outcome(&outcome, &out, output);
        if let Some((words, key, told)) = set.as_ref().and_then(more) {
            text += &format!("; {words}");
            value[key] = told;
        }
        output.result(text, &value)?;
        Ok(if outcome.quarantined.is_empty() { Exit::Done } else { Exit::Findings })
    }

    /// Where the set goes.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.make.out(Path::new("shards").join(name))
    }

    fn options(&self, output: &Output) -> Result<RunOptions> {
        let depth = match self.depth_dtype {
            DepthDtype::Float32 => DepthEncoding::F32,
            DepthDtype::Uint16 => DepthEncoding::U16 { scale_factor: self.depth_step },
        };
        let samples_per_shard = usize::from(self.samples_per_shard);
        Ok(RunOptions { depth, samples_per_shard, ..self.make.options(output)? })
    }
}

fn tell_estimate(estimate: &Estimate, out: &Path, output: &Output) -> Result<()> {
    output.result(told_estimate(estimate, out), estimate)
}

fn told_estimate(estimate: &Estimate, out: &Path) -> String {
    format!(
        "would make {}: {} samples, {} ({} before compression), about {}; {} of {} tried samples are bad",
        out.display(),
        estimate.n_samples,
        bytes(estimate.stored_bytes),
        bytes(estimate.raw_bytes),
        indicatif::HumanDuration(Duration::from_secs_f64(estimate.seconds)),
        estimate.n_bad,
        estimate.n_tried,
    )
}

fn say_plan(header: &Header, n_samples: usize, options: &RunOptions, out: &Path, output: &Output) {
    output.say(format_args!(
        "{}, split {}: {n_samples} samples of {} -> {}",
        header.dataset,
        header.split,
        header.size,
        out.display()
    ));
    if options.part != Part::WHOLE {
        output.say(format_args!("part {}", options.part));
    }
}

/// Says what was bad, and returns the result in words and as JSON.
pub(super) fn told_outcome(outcome: &Outcome, out: &Path, output: &Output) -> (String, Value) {
    for bad in &outcome.quarantined {
        output.say(format_args!("quarantined {:?} (row {}): {}", bad.key, bad.row, bad.fault));
    }
    let invalid = outcome.invalid_depth;
    if invalid.total() > 0 {
        output.say(format_args!(
            "{} depth values became missing: {} NaN, {} negative, {} infinite",
            invalid.total(),
            invalid.nan,
            invalid.negative,
            invalid.infinite
        ));
    }
    let shared = outcome.shared_files;
    if shared.total() > 0 {
        output.say(format_args!(
            "{} shard files shared with the old set ({} by blocks, {} by name, {} copied)",
            shared.total(),
            shared.reflinked,
            shared.linked,
            shared.copied
        ));
    }
    let state = match (&outcome.fingerprint, outcome.n_made) {
        (Some(fingerprint), 0) if !outcome.quarantined.is_empty() => {
            format!("was complete already, fingerprint {fingerprint}; --force tries the bad samples again")
        }
        (Some(fingerprint), 0) => format!("was complete already, fingerprint {fingerprint}"),
        (Some(fingerprint), _) => format!("complete, fingerprint {fingerprint}"),
        (None, _) => format!("{} shards are still missing: other parts make them", outcome.n_shards_missing),
    };
    let text = format!(
        "{}: {} samples, {} made now ({}), {} quarantined; {state}",
        out.display(),
        outcome.n_samples,
        outcome.n_made,
        bytes(outcome.bytes_written),
        outcome.quarantined.len()
    );
    let mut value = json!(outcome);
    value["set"] = json!(out);
    (text, value)
}

/// The part that a scheduler gave this process.
fn scheduled_part(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Part>> {
    let number = |name: &str| -> Result<Option<usize>> {
        let Some(text) = variable(name) else { return Ok(None) };
        let parsed = text.parse();
        parsed.map(Some).map_err(|_| Usage(format!("{name}: expected a whole number, found {text:?}")).into())
    };
    let task = match number("SLURM_ARRAY_TASK_ID")? {
        Some(id) => {
            // Arrays may begin at any number; those with gaps have no n-th task.
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            Some(("SLURM_ARRAY_TASK_ID", id.checked_sub(first), number("SLURM_ARRAY_TASK_COUNT")?))
        }
        None => number("JOB_COMPLETION_INDEX")?
            .map(|id| Ok::<_, anyhow::Error>(("JOB_COMPLETION_INDEX", Some(id), number("JOB_COMPLETIONS")?)))
            .transpose()?,
    };
    let Some((name, index, count)) = task else { return Ok(None) };
    match index.zip(count).and_then(|(index, count)| Part::new(index, count)) {
        Some(part) => Ok(Some(part)),
        None => Err(Usage(format!(
            "{name} is set, but the number of tasks is not known or does not fit; say --part I/N (1/1 for all)"
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedulers_name_the_part() {
        let of = |pairs: &'static [(&str, &str)]| {
            scheduled_part(|n| pairs.iter().find(|(name, _)| *name == n).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of(&[]).unwrap(), None);
        let slurm = of(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "4")]);
        assert_eq!(slurm.unwrap(), Part::new(2, 4));
        let job = of(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")]);
        assert_eq!(job.unwrap(), Part::new(0, 2));
        assert!(of(&[("SLURM_ARRAY_TASK_ID", "x")]).is_err());
        assert!(of(&[("JOB_COMPLETION_INDEX", "5"), ("JOB_COMPLETIONS", "2")]).is_err());
    }
}
