//! Prepares RGB-D data sets: convert, check, look.

use std::process::ExitCode;

/// Keeps the large buffers of a sample for the next one instead of giving them back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    semdepth::cli::sdprep()
}
