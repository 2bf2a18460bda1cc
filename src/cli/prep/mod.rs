//! The command line of `sdprep`.

mod colors;
mod convert;
mod diff;
mod explain;
mod export;
mod inspect;
mod labels;
mod mix;
mod picture;
mod reference;
mod report;
mod run;
mod stats;
mod synth;
mod verify;
mod view;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use super::Common;
use super::exit::Exit;
use super::output::Output;

/// Prepares depth + semantics data: converts NYUv2, KITTI and your own RGB-D folders into sharded Zarr tensors,
/// checks them and shows them.
#[derive(Debug, Parser)]
#[command(
    name = "sdprep",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = "\
Exit codes: 0 done; 1 done, with findings (quarantined samples, damage, differences); 2 usage; 3 failed.
Begin with:  sdprep synth indoor --count 8   then   sdprep view shards/synth-indoor"
)]
struct Sdprep {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert a data set into a set of sharded tensors
    #[command(subcommand)]
    Convert(convert::Convert),
    /// Make scenes with exact depth and classes; no download needed
    #[command(subcommand)]
    Synth(synth::Command),
    /// Merge pseudo labels into a set; carry labels into another class set
    #[command(subcommand)]
    Labels(labels::Labels),
    /// Mix samples of sets into new ones: NearFarMix, CutDepth, vertical CutDepth, CutMix, ClassMix, DepthMix, AffineMix
    ///
    /// Every sample is B, the background, of its mixes; A, which is pasted, is drawn from the same data set. The new set
    /// holds the mixed samples alone, as KEY@method.copy. A sample that chance (--p) leaves out, or for which no draw is
    /// any good, is stored as it is and flagged. `sdprep explain` shows how a sample was made.
    Mix(Box<mix::Args>),
    /// Say how a mixed sample was made
    Explain(explain::Args),
    /// Check every checksum and content hash of a set
    Verify(verify::Args),
    /// Say what is in a set
    Inspect(inspect::Args),
    /// Count depths and classes of a set; draw a chart
    Stats(stats::Args),
    /// Draw a contact sheet of a set
    View(Box<view::Args>),
    /// Write a page with sheets, charts and numbers of sets
    Report(report::Args),
    /// Write a set as NumPy arrays, pictures or WebDataset archives
    Export(export::Args),
    /// Compare two sets
    Diff(diff::Args),
    /// Print completions for a shell
    #[command(hide = true)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
    /// Print docs/cli.md
    #[command(hide = true)]
    Reference,
}

/// Runs `sdprep` on the arguments of this process.
#[must_use]
pub fn sdprep() -> ExitCode {
    super::run("sdprep", |arguments: &Sdprep| arguments.common, |arguments, output| dispatch(arguments.command, output))
}

/// Every program there is.
fn programs() -> Vec<clap::Command> {
    vec![
        Sdprep::command(),
        #[cfg(feature = "train")]
        super::train::Sdtrain::command(),
    ]
}

fn dispatch(command: Command, output: &Output) -> Result<Exit> {
    match command {
        Command::Convert(command) => command.run(output),
        Command::Synth(command) => command.run(output),
        Command::Labels(command) => command.run(output),
        Command::Mix(arguments) => arguments.run(output),
        Command::Explain(arguments) => arguments.run(output),
        Command::Verify(arguments) => arguments.run(output),
        Command::Inspect(arguments) => arguments.run(output),
        Command::Stats(arguments) => arguments.run(output),
        Command::View(arguments) => arguments.run(output),
        Command::Report(arguments) => arguments.run(output),
        Command::Export(arguments) => arguments.run(output),
        Command::Diff(arguments) => arguments.run(output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Sdprep::command(), "sdprep", &mut script);
            output.raw(&script)
        }
        Command::Reference => output.raw(reference::markdown(programs()).as_bytes()),
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Sdprep::command()).render(&mut page)?;
            output.raw(&page)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The reference lists every command, also those of optional features.
    #[cfg(feature = "teacher")]
    #[test]
    fn the_reference_is_up_to_date() {
        let there = include_str!("../../../docs/cli.md");
        let made = reference::markdown(programs());
        assert!(there == made, "docs/cli.md lags behind: sdprep reference > docs/cli.md");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Sdprep::command().debug_assert();
    }
}
