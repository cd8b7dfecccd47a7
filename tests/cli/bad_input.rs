//! User errors: exit code 2, all problems at once, and a hint for each.

use insta::assert_snapshot;

use crate::support::Machine;

#[test]
fn an_unknown_command_is_a_usage_error() {
    Machine::new().run(&["upp"]).exits(2).err_has("up");
}

#[test]
fn an_unknown_profile_names_the_known_ones() {
    let screen = Machine::new().run(&["plan", "--profile", "knid"]).exits(2);
    assert_snapshot!(screen.stderr, @r"
    error: there is no profile `knid` (did you mean `kind`?)
      because the profiles are: kind, minikube
      help: todo-bootstrap up --profile kind
    ");
}

#[test]
fn a_profile_file_that_is_missing_is_named() {
    Machine::new().run(&["plan", "--profile", "./none.toml"]).exits(2).err_has("none.toml").err_has("help:");
}

#[test]
fn a_bad_profile_shows_all_its_problems_with_their_lines() {
    let profile = "provider = \"knid\"\ncolour = true\n[cluster]\nname = \"No Good\"\nhttp-port = 0\n";
    let machine = Machine::new().file("mine.toml", profile);
    let screen = machine.run(&["plan", "--profile", "mine.toml"]).exits(2);
    for line in ["mine.toml:1:", "mine.toml:2:", "mine.toml:4:", "mine.toml:5:", "help:"] {
        assert!(screen.stderr.contains(line), "`{line}` is missing:\n{screen}");
    }
    assert_eq!(screen.stdout, "");
}

#[test]
fn a_profile_that_is_no_toml_shows_the_line() {
    let machine = Machine::new().file("mine.toml", "provider = \"kind\"\nname = = 2\n");
    machine.run(&["plan", "--profile", "mine.toml"]).exits(2).err_has("mine.toml:2:");
}

#[test]
fn a_provider_that_is_not_built_yet_fails_clearly() {
    let machine = Machine::new().file("mine.toml", "provider = \"existing\"\n");
    machine.run(&["plan", "--profile", "mine.toml"]).fails().err_has("existing").err_has("help:");
}

#[test]
fn a_folder_without_a_project_is_named() {
    let machine = Machine::new();
    machine.run(&["plan", "--dir", "."]).exits(2).err_has("application.toml").err_has("help:");
}

#[test]
fn a_bad_application_shows_all_its_problems() {
    let machine = Machine::new().file("app/application.toml", "name = \"X\"\nchart = \"none\"\nextra = 1\n");
    let screen = machine.run(&["plan", "--dir", "app"]).exits(2);
    for part in ["`name`", "`chart`", "`extra`", "`host` is missing"] {
        assert!(screen.stderr.contains(part), "`{part}` is missing:\n{screen}");
    }
}

#[test]
fn an_unknown_tool_names_the_known_ones() {
    Machine::new().run(&["tools", "path", "docker"]).exits(2).err_has("kubectl").err_has("help:");
}

#[test]
fn a_time_that_is_no_time_is_a_usage_error() {
    Machine::new().run(&["up", "--timeout", "soon"]).exits(2).err_has("30m");
}

#[test]
fn a_bundle_that_is_not_there_is_named() {
    Machine::new().run(&["bundle", "verify", "nowhere"]).fails().err_has("nowhere").err_has("help:");
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    Machine::new().run(&["doctor", "-q", "-v"]).exits(2);
}
