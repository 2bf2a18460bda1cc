//! Prepares RGB-D data sets: convert, check, look.

use std::process::ExitCode;

fn main() -> ExitCode {
    semdepth::cli::sdprep()
}
