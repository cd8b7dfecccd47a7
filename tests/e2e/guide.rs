//! Runs each command of the newcomers' guide and of the runbook in order, exactly as written.
//!
//! The reader's machine has an empty home directory, and only the program on PATH. Three things differ here: the
//! profile is the bed's (different name and ports), state and cache are in the bed's directories, and nobody presses
//! Ctrl-C. Only blocks of `sh` are run: those of `console` need another machine or a new version.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::bed::Bed;

const GUIDE: &str = include_str!("../../docs/KUBERNETES_GUIDE.md");
const RUNBOOK: &str = include_str!("../../docs/RUNBOOK.md");
/// The chapters of the guide for both providers, on a running cluster.
const CHAPTERS: [&str; 4] = ["Access", "Scaling", "Rollback", "Backup"];
/// What a line of a command that runs until Ctrl-C ends with.
const UNTIL: &str = "# until Ctrl-C";

pub fn kind(bed: &Bed) {
    provider(bed, "kind");
}

pub fn minikube(bed: &Bed) {
    provider(bed, "minikube");
}

pub fn chapters(bed: &Bed) {
    run(bed, "the guide's chapters", &CHAPTERS.map(|title| script(chapter(title))).concat());
}

pub fn runbook(bed: &Bed) {
    // Commands without a profile use the only cluster; `up` after `down` would create one with the default profile.
    let up = format!("todo-bootstrap up --profile {}", bed.profile.display());
    run(bed, "the runbook", &script(RUNBOOK).replace("todo-bootstrap up", &up));
    // The runbook recreates the cluster, which may have got another port.
    bed.up();
}

fn provider(bed: &Bed, name: &str) {
    let profile = format!("--profile {}", bed.profile.display());
    let script = script(with(name)).replace(&format!("--profile {name}"), &profile);
    run(bed, &format!("the guide for {name}"), &script);
}

fn with(provider: &str) -> &'static str {
    chapter(&format!("With {provider}"))
}

/// The text below a heading of the guide, up to the next chapter.
fn chapter(title: &str) -> &'static str {
    let heading = format!("\n## {title}\n");
    let text = GUIDE.split_once(&heading).unwrap_or_else(|| panic!("the guide has no `{heading}`")).1;
    text.split("\n## ").next().unwrap_or(text)
}

/// The lines of the blocks of `sh` in `text`, whose indentation in a list is removed.
fn script(text: &str) -> String {
    let mut script = String::new();
    let mut indent = None;
    for line in text.lines() {
        let here = line.trim_start();
        match indent {
            None if here == "```sh" => indent = Some(line.len() - here.len()),
            Some(_) if here == "```" => indent = None,
            Some(indent) => script += &format!("{}\n", line.get(indent..).unwrap_or_default()),
            None => {}
        }
    }
    assert!(indent.is_none() && !script.is_empty(), "each block ends, and there are some:\n{script}");
    script
}

/// The script, with a signal in place of Ctrl-C: `timeout` ends with 124 only if the command was still running.
fn interrupted(script: &str) -> String {
    let line = |line: &str| match line.strip_suffix(UNTIL) {
        Some(command) => {
            format!("timeout --signal=INT 15 {} && false || test $? = 124\n", command.trim_end())
        }
        None => format!("{line}\n"),
    };
    script.lines().map(line).collect()
}

fn run(bed: &Bed, name: &str, script: &str) {
    // The program's own cache, wherever the home directory is.
    let cache = cache();
    bed.up();
    let home = bed.dir.join("guide");
    if home.exists() {
        std::fs::remove_dir_all(&home).expect("remove an older home");
    }
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).expect("create a home");
    symlink(env!("CARGO_BIN_EXE_todo-bootstrap"), bin.join("todo-bootstrap")).expect("link the program");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", bin.display());
    // One shell, because later commands need what earlier ones export.
    let script = format!("set -eux\n{}", interrupted(script));
    println!("{script}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(&bed.project).env_clear();
    shell.env("HOME", &home).env("PATH", path).env("TODO_BOOTSTRAP_CACHE", cache);
    let status = shell.env("TODO_BOOTSTRAP_STATE", &bed.state).status().expect("bash runs");
    assert!(status.success(), "the commands of {name} ended with {status}");
}

fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("TODO_BOOTSTRAP_CACHE").unwrap_or_else(|| {
        let cache = variable("XDG_CACHE_HOME");
        let home = || std::env::home_dir().expect("a home").join(".cache");
        cache.unwrap_or_else(home).join("todo-bootstrap")
    })
}

#[test]
fn each_chapter_goes_from_nothing_to_nothing() {
    for provider in ["kind", "minikube"] {
        let all = script(with(provider));
        let profile = format!("--profile {provider}");
        for verb in ["up", "status", "check", "stop", "start", "down"] {
            let command = format!("todo-bootstrap {verb} {profile}");
            assert!(all.contains(&command), "the chapter on {provider} has no `{command}`");
        }
    }
}

#[test]
fn every_block_of_the_guide_is_run() {
    let run = ["With kind", "With minikube"].into_iter().chain(CHAPTERS);
    let run: usize = run.map(|title| script(chapter(title)).lines().count()).sum();
    assert_eq!(run, script(GUIDE).lines().count(), "a chapter with commands is not in CHAPTERS");
}

/// The tables of the runbook name commands that its blocks run.
#[test]
fn every_command_of_the_runbook_is_run() {
    let script = script(RUNBOOK);
    let spans = RUNBOOK
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|row| row.split('`').skip(1).step_by(2));
    let is_command =
        |span: &&str| ["todo-bootstrap ", "kubectl "].iter().any(|program| span.starts_with(program));
    let commands: Vec<&str> = spans.filter(is_command).collect();
    // A block may add arguments: `--yes`, because nobody answers.
    let runs = |line: &str, wanted: &str| {
        line.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let missing: Vec<&&str> =
        commands.iter().filter(|wanted| !script.lines().any(|line| runs(line, wanted))).collect();
    assert!(commands.len() > 10 && missing.is_empty(), "no block of docs/RUNBOOK.md has {missing:?}");
}

#[test]
fn what_runs_until_ctrl_c_must_run_until_then() {
    let script = script(
        "1. x\n\n   ```sh\n   serve 80   # until Ctrl-C\n   if true\n     then y\n   ```\n```console\n$ no\n```\n",
    );
    assert_eq!(script, "serve 80   # until Ctrl-C\nif true\n  then y\n");
    let passes = |command: &str, seconds: &str| {
        let script = format!("set -e\n{}", interrupted(command).replace("INT 15", &format!("INT {seconds}")));
        Command::new("bash").args(["-c", &script]).status().expect("bash runs").success()
    };
    assert!(passes("sleep 60   # until Ctrl-C", "0.2"));
    assert!(!passes("true   # until Ctrl-C", "60") && !passes("false   # until Ctrl-C", "60"));
}
