//! What a folder stands for.

use assert_cmd::Command;
use serde_json::Value;

use super::{rooms, text};

#[test]
fn a_set_counts_once_whatever_was_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    rooms(&dir.path().join("sets"), 2);
    let run = |program: &str, command: &str| {
        let mut program = Command::cargo_bin(program).unwrap();
        let output = program.current_dir(dir.path()).args(command.split_whitespace()).output().unwrap();
        let told = text(&output.stderr);
        assert!(output.status.success(), "{command}: {told}");
        (told, output.stdout)
    };
    run("sdprep", "labels remap sets/rooms --to nyu40 --out sets/nyu40");
    run("sdprep", "labels remap sets/rooms --from ade20k --to ade20k --out sets/again");
    run("sdprep", "synth indoor --count 1 --height 64 --width 96 --seed 4 --out held");
    let train = "--steps 1 --batch 1 --size 32x64 --pictures 0 --force --json";
    let (told, _) = run("sdtrain", &format!("sets {train}"));
    for part in [
        "passing over sets/nyu40: its labels are of nyu40",
        "passing over sets/rooms: sets/again holds the same with other labels",
        "on 2 samples",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (told, _) = run("sdtrain", &format!("sets/rooms sets/again {train}"));
    assert!(told.contains("on 4 samples"), "what is named is meant: {told}");
    let (told, _) = run("sdprep", "mix sets --method cutmix --out mixed --quiet");
    assert_eq!(told, "");
    let (_, inspected) = run("sdprep", "inspect mixed --json");
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected[0]["n_samples"], 2);
    let (told, _) = run("sdtrain", &format!("sets/rooms --val held --val sets/again {train}"));
    assert!(told.contains("on 2 samples"), "{told}");
}
