//! `docs/cli.md`, made from the definitions of the commands so that it cannot lag behind.

use clap::Command;

const HEAD: &str = "\
# Commands

Made by `sdprep reference`; a test compares.

Results go to stdout, everything else to stderr. `--json`, `--quiet` and `--threads` work with every command. A `SET`
is a set or a folder that holds sets. Paths have defaults: what was chosen is printed.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | done, with findings: quarantined samples, damage found by `verify`, differences found by `diff`; samples that training left out, a run stopped early |
| 2 | usage: the command does not make sense as typed, or the output folder holds something else |
| 3 | failed: a file is missing or damaged as a whole, the disk is full |
";

/// The reference of programs and all their commands, as Markdown.
pub(super) fn markdown(programs: Vec<Command>) -> String {
    let mut text = HEAD.to_owned();
    for program in programs {
        let mut root = program.term_width(110);
        root.build();
        section(&mut root, &mut text);
    }
    text
}

fn section(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    *text += &format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for sub in command.get_subcommands_mut().filter(|s| !s.is_hide_set() && s.get_name() != "help") {
        section(sub, text);
    }
}
