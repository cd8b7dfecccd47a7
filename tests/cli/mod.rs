//! Commands and their expected output, without an engine and without a cluster.

mod backup;
mod bad_input;
mod bundle;
mod day_one;
mod doctor;
mod down;
mod engine;
mod env;
mod images;
mod install;
mod install_platform;
mod install_refused;
mod install_release;
#[cfg(target_os = "linux")]
mod interrupt;
mod kubeconfig;
mod line_endings;
mod lock;
mod look;
mod owner;
mod plan;
mod preset;
mod scan;
mod secrets;
mod stop;
mod tools;
mod user_files;

use crate::support::Machine;

/// The kubeconfig of a cluster that does not respond.
const KUBECONFIG: &str = "current-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
     users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";

/// What a Docker client that can build with `BuildKit` prints about itself.
const INFO: &str = r#"{"Driver":"overlay2","CgroupVersion":"2","NCPU":4,"MemTotal":16000000000,"ServerVersion":"28.0.1","ClientInfo":{"Version":"28.0.1","Plugins":[{"Name":"buildx"}]}}"#;

/// Adds a small application in the working directory.
fn with_application(machine: Machine) -> Machine {
    machine
        .file("application.toml", "name = \"app\"\nhost = \"app.localhost\"\nchart = \"chart\"\n")
        .file("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
}

/// Writes the receipt of a complete cluster.
fn write_receipt(machine: &Machine) {
    let receipt = r#"{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind","complete":true}"#;
    let dir = machine.path("state/clusters/todo-bootstrap");
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
}
