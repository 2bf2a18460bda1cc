//! Sets as commands are given them.

use std::path::{Path, PathBuf};

use super::output::Output;
use crate::shard::{SetError, find_sets};

/// The complete sets at or below a path. Others are told of.
pub(super) fn complete_sets(path: &Path, output: &Output) -> Result<Vec<PathBuf>, SetError> {
    let found = find_sets(path)?;
    for set in &found.unfinished {
        output.say(format_args!(
            "passing over {}: it is not complete; the command that began it goes on with it",
            set.display()
        ));
    }
    Ok(found.complete)
}
