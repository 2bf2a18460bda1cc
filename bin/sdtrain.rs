//! Trains depth + semantics networks on prepared sets.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!("sdtrain: training arrives in a later version; prepare data with sdprep meanwhile");
    ExitCode::from(3)
}
