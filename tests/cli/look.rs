//! Read-only commands on an empty machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::support::Machine;

const RECEIPT: &str =
    r#"{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind"}"#;

/// The kubeconfig of a cluster that does not respond.
const SILENT: &str = "apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: c, context: {cluster: c, user: c}}]
users: [{name: c, user: {token: t}}]
";

const COMMANDS: [&str; 22] = [
    "up",
    "down",
    "stop",
    "start",
    "status",
    "url",
    "open",
    "logs",
    "restart",
    "scale",
    "rollback",
    "backup",
    "restore",
    "check",
    "doctor",
    "plan",
    "env",
    "kubeconfig",
    "bundle",
    "images",
    "tools",
    "completions",
];

#[test]
fn help_lists_every_command() {
    let screen = Machine::new().run(&["--help"]).exits(0);
    assert_eq!(screen.stderr, "");
    for command in COMMANDS {
        let listed = screen.stdout.lines().any(|line| line.trim_start().starts_with(command));
        assert!(listed, "{command} is not listed in:\n{screen}");
    }
}

#[test]
fn every_command_explains_itself() {
    let machine = Machine::new();
    for command in COMMANDS {
        let screen = machine.run(&[command, "--help"]).exits(0).out_has("Usage:");
        assert!(screen.stdout.lines().count() > 5, "{screen}");
    }
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    let machine = Machine::new();
    for args in [["--output", "json", "tools", "list"], ["tools", "list", "--output", "json"]] {
        machine.run(&args).exits(0).json();
    }
}

#[test]
fn tools_list_names_each_tool() {
    let list = Machine::new().run(&["tools", "list", "--output", "json"]).exits(0).json();
    let names: Vec<&str> =
        list.as_array().expect("a list").iter().filter_map(|tool| tool["name"].as_str()).collect();
    for tool in ["helm", "kind", "kubectl"] {
        assert!(names.contains(&tool), "{names:?}");
    }
}

#[test]
fn completions_for_each_shell() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let screen = machine.run(&["completions", shell]).exits(0).out_has("todo-bootstrap");
        assert_eq!(screen.stderr, "");
    }
}

#[test]
fn down_without_a_cluster_does_nothing() {
    let machine = Machine::new();
    machine.run(&["down", "--yes"]).exits(0).err_has("nothing to delete");
}

#[test]
fn commands_for_a_cluster_say_how_to_get_one() {
    let machine = Machine::new();
    let application = "name = \"app\"\nhost = \"app.localhost\"\nchart = \"chart\"\n";
    let machine = machine
        .file("application.toml", application)
        .file("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    let commands =
        [&["status"][..], &["check"], &["rollback"], &["rollback", "--list"], &["scale", "web", "2"]];
    for command in commands {
        machine.run(command).exits(1).err_has("there is no cluster").err_has("help: todo-bootstrap up");
    }
}

#[test]
fn read_only_commands_leave_an_empty_machine_empty() {
    let machine = Machine::new();
    for (args, code) in [
        (&["status"][..], 1),
        (&["tools", "list"], 0),
        (&["doctor"], 3),
        (&["plan"], 0),
        (&["env", "check"], 2),
        (&["down", "--yes"], 0),
    ] {
        machine.run(args).exits(code);
    }
    for folder in ["home", "state", "work"] {
        // `down` removes an empty state directory.
        let left: Vec<_> = std::fs::read_dir(machine.path(folder)).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{folder} contains {left:?}");
    }
}

/// Read-only commands, each with its exit code without an engine and without a responding cluster.
const READING: [(&[&str], i32); 32] = [
    (&["--version"], 0),
    (&["status"], 1),
    (&["status", "--output", "json"], 1),
    (&["check"], 1),
    (&["check", "--output", "json"], 1),
    (&["doctor"], 3),
    (&["doctor", "--output", "json"], 3),
    (&["plan"], 0),
    (&["plan", "--output", "json"], 0),
    (&["plan", "--mock"], 0),
    (&["up", "--dry-run"], 0),
    (&["up", "--dry-run", "--mock"], 0),
    (&["env", "check"], 0),
    (&["env", "check", "--output", "json"], 0),
    (&["env", "check", "--sha256", "--output", "json"], 0),
    (&["env", "diff"], 1),
    (&["env", "diff", "--output", "json"], 1),
    (&["url"], 1),
    (&["url", "--output", "json"], 1),
    (&["open"], 1),
    (&["logs"], 1),
    (&["images", "list"], 3),
    (&["images", "list", "--output", "json"], 3),
    (&["images", "sbom"], 0),
    (&["images", "scan"], 0),
    (&["images", "scan", "--output", "json"], 0),
    (&["tools", "list"], 0),
    (&["tools", "verify"], 0),
    (&["tools", "env"], 0),
    (&["kubeconfig", "unmerge"], 0),
    (&["bundle", "inspect", "nowhere"], 1),
    (&["completions", "bash"], 0),
];

/// Names, contents and times of all files in these directories of the machine.
fn seen(machine: &Machine) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = ["state", "home", "work"].map(|folder| machine.path(folder)).to_vec();
    while let Some(path) = folders.pop() {
        let changed = path.metadata().and_then(|meta| meta.modified()).expect("a time");
        let content = if path.is_dir() {
            folders.extend(std::fs::read_dir(&path).expect("list").map(|entry| entry.expect("list").path()));
            Vec::new()
        } else {
            std::fs::read(&path).expect("read")
        };
        found.insert(path, (changed, content));
    }
    found
}

#[test]
fn reading_leaves_state_home_and_project_as_they_were() {
    let project = || {
        Machine::new()
            .file(
                "application.toml",
                "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n[mock]\nOWNER = \"mock\"\n",
            )
            .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
            .file(".env.example", "# @config\nOWNER=shop\n# @secret @generated=hex:16\nPASSWORD=\n")
            .file(".env", "PASSWORD=0123456789abcdef\n")
    };
    let with_cluster = project();
    let state = with_cluster.path("state/clusters/todo-bootstrap");
    std::fs::create_dir_all(&state).expect("a folder");
    for (name, text) in [("receipt.json", RECEIPT), ("kubeconfig", SILENT)] {
        std::fs::write(state.join(name), text).expect("write");
    }
    for (process_env, machine) in [("without a cluster", project()), ("with a silent cluster", with_cluster)]
    {
        for (args, code) in READING {
            let before = seen(&machine);
            machine.run(args).exits(code);
            let after = seen(&machine);
            let names = |all: &BTreeMap<PathBuf, _>| all.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&before), names(&after), "{args:?} {process_env}");
            for (path, now) in &after {
                assert!(before[path] == *now, "{args:?} {process_env} writes {}", path.display());
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let machine = Machine::new();
    for command in ["doctor", "--help", "completions bash"] {
        let screen = machine.shell(&format!("\"$program\" {command} | /usr/bin/head -n 1"));
        assert!(!screen.stderr.contains("panicked"), "{screen}");
        assert_eq!(screen.stdout.lines().count(), 1, "{screen}");
    }
}

#[test]
fn an_environment_without_home_is_no_panic() {
    let machine = Machine::new().without_home();
    machine.run(&["tools", "list"]).exits(0);
}

#[test]
fn the_version_is_the_packages() {
    let screen = Machine::new().run(&["--version"]).exits(0);
    assert_eq!(screen.stdout.trim(), format!("todo-bootstrap {}", env!("CARGO_PKG_VERSION")));
}
