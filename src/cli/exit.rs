use std::process::ExitCode;

use crate::relabel::RemapFolderError;
use crate::run::RunError;
use crate::shard::export::ExportError;
use crate::source::SourceError;

/// How a command ended; `docs/cli.md` lists the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Done = 0,
    /// Done, and something deserves a look: quarantined samples, damage, differences.
    Findings = 1,
    /// The command does not make sense as typed.
    Usage = 2,
    /// It could not be done.
    Failed = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Arguments that parse but do not make sense together, or name nothing. The text says what to type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Prints the error, if any, and picks the code.
pub(super) fn of(program: &str, result: anyhow::Result<Exit>) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        return Exit::Done; // `sdprep inspect | head` has had enough, which is no failure
    }
    eprintln!("{program}: {}", message(&error));
    let usage = error.is::<Usage>()
        || matches!(error.downcast_ref(), Some(SourceError::Usage(_)))
        || matches!(error.downcast_ref(), Some(RemapFolderError::Source(SourceError::Usage(_))))
        || matches!(error.downcast_ref(), Some(ExportError::Occupied(_)))
        || matches!(error.downcast_ref(), Some(RunError::Occupied { .. } | RunError::Disproved(_)));
    if usage { Exit::Usage } else { Exit::Failed }
}

/// The error and its causes, without those that the text names already.
pub(super) fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|e| e.downcast_ref::<std::io::Error>());
    io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
