//! `sdprep` as a process.

use std::path::Path;

use assert_cmd::Command;

/// How it ended and what it said.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `sdprep` in a folder; the words of the command are separated by spaces.
pub fn sdprep(folder: &Path, command: &str) -> Run {
    let mut sdprep = Command::cargo_bin("sdprep").unwrap();
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        sdprep.env_remove(variable);
    }
    let output = sdprep.current_dir(folder).args(command.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The same, without a complaint.
pub fn done(folder: &Path, command: &str) -> Run {
    let run = sdprep(folder, command);
    assert_eq!(run.code, 0, "{command}: {}{}", run.stdout, run.stderr);
    run
}

/// The same, ending as a mistake of the user with this reason.
pub fn refused(folder: &Path, command: &str, reason: &str) {
    let run = sdprep(folder, command);
    assert_eq!(run.code, 2, "{command}: {}", run.stderr);
    assert!(run.stderr.contains(reason), "{command}: {}", run.stderr);
}
