//! What `sdtrain` refuses, and says to do instead.

use std::path::Path;

use serde_json::Value;

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
    refused(&["evaluate", "runs/last"], "did you mean sdtrain eval?");
    refused(&["predcit", "runs/last"], "did you mean sdtrain predict?");
    refused(&["shards", "--lr-scale", "nan"], "finite");
    refused(&["shards", "--mix", "nearfarmix=nan"], "a share such as 0.5");
}

#[test]
fn what_is_no_run_is_told_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let (set, run) = (set.to_str().unwrap(), dir.path().join("run"));
    let run = run.to_str().unwrap();
    let told = |run: &str, code: i32| {
        let output = sdtrain(&["eval", run, set]);
        assert_eq!(output.status.code(), Some(code), "{run}");
        text(&output.stderr)
    };
    assert!(told(set, 2).contains("the run is named first"));
    assert!(told(run, 3).contains("there is no such run"));
    std::fs::create_dir(run).unwrap();
    assert!(told(run, 3).contains("holds no last.safetensors"));
    for file in ["last", "best"] {
        std::fs::write(format!("{run}/{file}.safetensors"), "cut").unwrap();
    }
    let damaged = told(run, 3);
    assert!(damaged.contains("the run has another checkpoint: ") && damaged.contains("best.safetensors"), "{damaged}");
}

#[test]
fn a_run_goes_on_with_its_own_first_weights_only() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let own = dir.path().join("own.toml");
    std::fs::write(&own, "[network]\nd_max = 15.0\ninput.mean = [0.4, 0.5, 0.6]\n").unwrap();
    let own = format!("--config={}", own.display());
    let run = |seed: &str, out: &str, weights: Option<&str>, more: &[&str]| {
        let at = |run: &str| dir.path().join(run).to_str().unwrap().to_owned();
        let rest =
            ["--size=32x64", "--steps=1", "--batch=1", "--pictures=0", "--seed", seed, "--out"].map(String::from);
        let weights = weights.map(|run| format!("--weights={}/last.safetensors", at(run)));
        let all: Vec<String> =
            [set.to_str().unwrap().to_owned()].into_iter().chain(rest).chain([at(out)]).chain(weights).collect();
        let output = sdtrain(&all.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>());
        (output.status.code(), text(&output.stderr))
    };
    for seed in ["1", "2"] {
        assert_eq!(run(seed, seed, None, &[&own]).0, Some(0));
    }
    let (code, told) = run("3", "tuned", Some("1"), &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("dss-nano, depths to 15 m"), "{told}");
    let config = std::fs::read_to_string(dir.path().join("tuned/train.toml")).unwrap();
    assert!(config.contains("d_max = 15.0\n") && config.contains("mean = [0.4, 0.5, 0.6]\n"), "{config}");
    assert_eq!(run("3", "tuned", Some("1"), &[]).0, Some(0), "the same command goes on");
    let (code, told) = run("3", "larger", Some("1"), &["--model=dss-tiny"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("holds weights of dss-nano, not of dss-tiny"), "{told}");
    let (code, told) = run("3", "tuned", Some("2"), &[]);
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

/// Writes a checkpoint anew with another header; the tensors stay as they are.
fn retold(from: &Path, to: &Path, change: impl Fn(&mut Value)) {
    let bytes = std::fs::read(from).unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    change(&mut header);
    let header = header.to_string();
    let all = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + n..]].concat();
    std::fs::write(to, all).unwrap();
}

#[test]
fn checkpoints_that_contradict_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let set = rooms(dir.path(), 1);
    let (set, run) = (set.to_str().unwrap(), at("run"));
    let trained = ["--size=32x64", "--steps=1", "--batch=1", "--pictures=0", "--out"];
    let trained = sdtrain(&[&[set][..], &trained, &[run.to_str().unwrap()]].concat());
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let tell = |key: &'static str, change: fn(&mut Value)| {
        move |header: &mut Value| {
            let said = &mut header["__metadata__"][key];
            let mut inner: Value = serde_json::from_str(said.as_str().unwrap()).unwrap();
            change(&mut inner);
            *said = inner.to_string().into();
        }
    };
    type Change = Box<dyn Fn(&mut Value)>;
    let cases: [(Change, &str); 6] = [
        (Box::new(tell("semdepth.training", |all| all["augmentation"]["crop"] = [0, 0].into())), "augmentation.crop"),
        (Box::new(tell("semdepth.training", |all| all["batch"] = "x".into())), "batch: invalid type"),
        (Box::new(tell("semdepth.training", |all| all["seed"] = 7.into())), "semdepth.seed"),
        (
            Box::new(|header| header["__metadata__"]["semdepth.step"] = "9".into()),
            "at most the 1 steps of the run, found 9",
        ),
        (Box::new(tell("semdepth.config", |all| all["decoder.channels"] = 4096.into())), "far larger network"),
        (Box::new(tell("semdepth.config", |all| all["input.std"] = [0.0, 1.0, 1.0].into())), "input.std"),
    ];
    for (change, part) in cases {
        retold(&run.join("last.safetensors"), &at("bad.safetensors"), change);
        let output = sdtrain(&["eval", at("bad.safetensors").to_str().unwrap(), set]);
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(3) && told.contains(part) && told.contains("bad.safetensors"), "{told}");
    }
    // A variance below 0 would make every depth the same, and look like a result.
    let mut bytes = std::fs::read(run.join("last.safetensors")).unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let first = header["encoder.stem.norm1.running_var"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[8 + n + first..][..4].copy_from_slice(&(-1.0_f32).to_le_bytes());
    std::fs::write(at("bad.safetensors"), bytes).unwrap();
    let output = sdtrain(&["eval", at("bad.safetensors").to_str().unwrap(), set]);
    assert!(text(&output.stderr).contains("running_var` holds a variance below 0"), "{}", text(&output.stderr));
}

#[test]
fn what_another_run_has_left_is_not_mixed_with_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let set = rooms(dir.path(), 1);
    let run = dir.path().join("run");
    let command = |more: &'static str| {
        let (set, run) = (set.to_str().unwrap(), run.to_str().unwrap());
        sdtrain(&[set, "--out", run, "--size=32x64", "--steps=1", "--batch=1", "--pictures=0", more])
    };
    assert!(command("--seed=1").status.success());
    let last = run.join("last.safetensors");
    std::fs::remove_file(&last).unwrap();
    assert!(command("--seed=1").status.success(), "the same run begins again");
    std::fs::remove_file(&last).unwrap();
    let other = command("--seed=2");
    assert_eq!(other.status.code(), Some(2), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("what is left of another run"), "{}", text(&other.stderr));
}

#[test]
fn a_log_that_was_damaged_is_told_and_one_that_was_cut_short_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (set, run) = (rooms(dir.path(), 1), dir.path().join("run"));
    let (set, run) = (set.to_str().unwrap(), run.to_str().unwrap());
    let rest = ["--size=32x64", "--batch=1", "--pictures=0", "--steps=2"];
    assert!(sdtrain(&[&[set, "--out", run], &rest[..]].concat()).status.success());
    let (log, picture) = (dir.path().join("run/log.jsonl"), dir.path().join("curves.png"));
    let curves = || sdtrain(&["curves", run, "--out", picture.to_str().unwrap()]);
    let good = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, format!("{good}{{\"step\":2,\"lo")).unwrap();
    assert!(curves().status.success());
    std::fs::write(&log, format!("?{good}")).unwrap();
    let told = curves();
    assert_eq!(told.status.code(), Some(3), "{}", text(&told.stderr));
    assert!(text(&told.stderr).contains("log.jsonl: line 1 is not one"), "{}", text(&told.stderr));
}
