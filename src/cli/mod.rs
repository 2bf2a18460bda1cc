//! The command lines: what can be typed, what is printed, how it ends. Nothing below knows clap.

mod exit;
mod output;
mod picture;
#[cfg(feature = "prep")]
mod prep;
#[cfg(feature = "train")]
mod train;

pub use exit::Exit;
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
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Common options")]
    threads: Option<u16>,
}
