//! The command lines: what can be typed, what is printed, how it ends. Nothing below knows clap.

mod exit;
mod fraction;
mod output;
mod picture;
#[cfg(feature = "prep")]
mod prep;
mod sets;
#[cfg(feature = "train")]
mod train;

use std::process::ExitCode;

pub use exit::Exit;
use output::Output;
#[cfg(feature = "prep")]
pub use prep::sdprep;
#[cfg(feature = "train")]
pub use train::sdtrain;

/// Options of every command.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Common {
    /// Print the result as JSON on stdout
    #[arg(long, global = true, help_heading = "Common options")]
    json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true, help_heading = "Common options")]
    quiet: bool,
    /// Threads that work [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Common options")]
    threads: Option<u16>,
}

/// A program: parses the arguments of this process, and runs what they ask for.
fn run<A: clap::Parser>(
    program: &str,
    common: impl FnOnce(&A) -> Common,
    dispatch: impl FnOnce(A, &Output) -> anyhow::Result<Exit>,
) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    // Large sets have more shards than a process may open as a rule; where the system grants no more, it says so when files are
    // opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let output = Output::new(common(&arguments));
    output.use_threads();
    exit::of(program, dispatch(arguments, &output)).into()
}
