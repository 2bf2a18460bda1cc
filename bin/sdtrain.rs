//! Trains and evaluates depth + semantics networks.

use std::process::ExitCode;

fn main() -> ExitCode {
    semdepth::cli::sdtrain()
}
