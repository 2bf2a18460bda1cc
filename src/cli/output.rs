use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Common, Exit};
use crate::run::Progress;

/// Where words go: results to stdout, everything else to stderr.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    common: Common,
}

impl Output {
    pub(super) const fn new(common: Common) -> Self {
        Self { common }
    }

    pub(super) fn threads(&self) -> Option<usize> {
        self.common.threads.map(usize::from)
    }

    /// Sizes the pool of threads as asked for.
    pub(super) fn use_threads(&self) {
        if let Some(n) = self.threads() {
            // Fails only when the pool exists already, which nothing before this brings about.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(n).build_global();
        }
    }

    /// Something for the person in front of it.
    pub(super) fn say(&self, text: impl Display) {
        if !self.common.quiet {
            // Nobody to tell is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// The result: `text` for people, `value` under `--json`.
    pub(super) fn result(&self, text: impl Display, value: &impl Serialize) -> Result<()> {
        let text = if self.common.json { serde_json::to_string_pretty(value)? } else { text.to_string() };
        let mut stdout = io::stdout().lock();
        if !text.is_empty() {
            writeln!(stdout, "{}", text.trim_end())?;
        }
        Ok(stdout.flush()?)
    }

    /// Bytes that are the result themselves.
    #[cfg_attr(not(feature = "prep"), expect(dead_code, reason = "only sdprep needs it"))]
    pub(super) fn raw(&self, bytes: &[u8]) -> Result<Exit> {
        io::stdout().lock().write_all(bytes)?;
        Ok(Exit::Done)
    }

    fn target(&self) -> ProgressDrawTarget {
        let visible = !self.common.quiet && !self.common.json && io::stderr().is_terminal();
        if visible { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() }
    }

    /// A bar of the steps of a run of which `done` are finished.
    #[cfg_attr(not(feature = "train"), expect(dead_code, reason = "only sdtrain needs it"))]
    pub(super) fn steps(&self, total: u64, done: u64) -> Steps {
        let bar = ProgressBar::with_draw_target(Some(total), self.target()).with_position(done);
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len}  {msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.reset_eta();
        Steps(bar)
    }

    /// A bar with an ETA, when someone is there to see it.
    #[cfg_attr(not(feature = "prep"), expect(dead_code, reason = "only sdprep needs it"))]
    pub(super) fn bar(&self, verb: &'static str) -> Bar {
        let bar = ProgressBar::with_draw_target(Some(0), self.target());
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} samples, {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(verb);
        Bar(bar)
    }
}

/// The steps of a training run on a bar, when someone is there to see it.
pub(super) struct Steps(ProgressBar);

#[cfg_attr(not(feature = "train"), expect(dead_code, reason = "only sdtrain needs it"))]
impl Steps {
    /// Shows how far the run is; whether there is a bar to show it.
    pub(super) fn at(&self, step: u64, told: &str) -> bool {
        if self.0.is_hidden() {
            return false;
        }
        self.0.set_message(told.to_owned());
        self.0.set_position(step);
        true
    }

    /// Says what goes on between two steps; whether there is a bar to show it.
    pub(super) fn tell(&self, told: &str) -> bool {
        self.0.set_message(told.to_owned());
        !self.0.is_hidden()
    }

    /// Something for the person in front of it, above the bar.
    pub(super) fn say(&self, output: &Output, text: impl Display) {
        self.0.suspend(|| output.say(text));
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A progress bar on stderr.
pub(super) struct Bar(ProgressBar);

impl Progress for Bar {
    fn begin(&self, total: usize, done: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
        self.0.reset_eta();
    }

    fn advance(&self) {
        self.0.inc(1);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Bytes as people write them.
#[cfg_attr(not(feature = "prep"), expect(dead_code, reason = "only sdprep needs it"))]
pub(super) fn bytes(n: u64) -> String {
    indicatif::HumanBytes(n).to_string()
}
