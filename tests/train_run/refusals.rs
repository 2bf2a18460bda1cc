//! What `sdtrain` refuses, and says to do instead.

use std::path::Path;

use super::program::sdtrain;
use super::{rooms, text};

fn refused(arguments: &[&str], part: &str) {
    let output = sdtrain(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    assert!(text(&output.stderr).contains(part), "{arguments:?}: {}", text(&output.stderr));
}

#[test]
fn a_command_after_options_and_numbers_that_are_none() {
    refused(&["--quiet", "eval", "runs/last"], "sdtrain eval ... --quiet");
    refused(&["shards", "--lr-scale", "nan"], "finite");
    refused(&["shards", "--mix", "nearfarmix=nan"], "a share such as 0.5");
}

#[test]
fn a_run_goes_on_with_its_own_first_weights_only() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let run = |seed: &str, out: &str, weights: Option<&str>| {
        let at = |run: &str| dir.path().join(run).to_str().unwrap().to_owned();
        let rest =
            ["--size=32x64", "--steps=1", "--batch=1", "--pictures=0", "--seed", seed, "--out"].map(String::from);
        let weights = weights.map(|run| format!("--weights={}/last.safetensors", at(run)));
        let all: Vec<String> =
            [set.to_str().unwrap().to_owned()].into_iter().chain(rest).chain([at(out)]).chain(weights).collect();
        let output = sdtrain(&all.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), text(&output.stderr))
    };
    for seed in ["1", "2"] {
        assert_eq!(run(seed, seed, None).0, Some(0));
    }
    assert_eq!(run("3", "tuned", Some("1")).0, Some(0));
    assert_eq!(run("3", "tuned", Some("1")).0, Some(0), "the same command goes on");
    let (code, told) = run("3", "tuned", Some("2"));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("did not begin with the weights of"), "{told}");
}

#[cfg(unix)]
#[test]
fn one_folder_has_one_run_at_a_time() {
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let run = dir.path().join("run");
    let arguments = |steps: &'static str| {
        let (set, run) = (set.to_str().unwrap().to_owned(), run.to_str().unwrap().to_owned());
        [set, "--batch=1".into(), "--size=32x64".into(), "--pictures=0".into(), steps.into(), "--out".into(), run]
    };
    let program = assert_cmd::Command::cargo_bin("sdtrain").unwrap().get_program().to_owned();
    let mut child = Command::new(program).args(arguments("--steps=100000")).stderr(Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    while !run.join("log.jsonl").exists() {
        assert!(began.elapsed().as_secs() < 600, "no step is done");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let second = arguments("--steps=100000");
    let second: Vec<&str> = second.iter().map(String::as_str).collect();
    refused(&second, "another sdtrain is training in");
    refused(&[&second[..], &["--force"]].concat(), "another sdtrain is training in");
    assert!(Path::new(&run).join("log.jsonl").exists(), "nothing of it is removed");
    child.kill().unwrap();
    child.wait().unwrap();
    let freed = sdtrain(
        &arguments("--steps=1").each_ref().map(String::as_str).into_iter().chain(["--force"]).collect::<Vec<_>>(),
    );
    assert!(freed.status.success(), "{}", text(&freed.stderr));
}
