//! Commands that only look, on a machine with nothing on it.

use crate::support::Machine;

const COMMANDS: [&str; 17] = [
    "up",
    "down",
    "stop",
    "start",
    "status",
    "url",
    "open",
    "logs",
    "restart",
    "check",
    "doctor",
    "plan",
    "env",
    "kubeconfig",
    "bundle",
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
fn down_where_nothing_is_has_nothing_to_do() {
    let machine = Machine::new();
    machine.run(&["down", "--yes"]).exits(0).err_has("nothing to delete");
}

#[test]
fn status_and_check_without_a_cluster_say_how_to_get_one() {
    let machine = Machine::new();
    for command in ["status", "check"] {
        machine.run(&[command]).exits(1).err_has("there is no cluster").err_has("help: todo-bootstrap up");
    }
}

#[test]
fn looking_writes_nothing() {
    let machine = Machine::new();
    for args in
        [&["status"][..], &["tools", "list"], &["doctor"], &["plan"], &["env", "check"], &["down", "--yes"]]
    {
        machine.run(args);
    }
    for folder in ["home", "state", "work"] {
        let left: Vec<_> = std::fs::read_dir(machine.path(folder)).expect("list").flatten().collect();
        assert!(left.is_empty(), "{folder} holds {left:?}");
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
fn a_world_without_home_is_no_panic() {
    let machine = Machine::new().without_home();
    machine.run(&["tools", "list"]).exits(0);
}

#[test]
fn the_version_is_the_packages() {
    let screen = Machine::new().run(&["--version"]).exits(0);
    assert_eq!(screen.stdout.trim(), format!("todo-bootstrap {}", env!("CARGO_PKG_VERSION")));
}
