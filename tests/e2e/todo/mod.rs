//! The Todo application on the cluster, as seen by a user, a client of its tools and its database.

mod access;
mod backup;
mod canary;
mod config;
mod daily;
mod data;
mod dry_run;
mod environments;
mod isolation;
mod journey;
mod pages;
mod releases;
mod scaling;
mod seed_000;
mod stores;
mod tools;
mod user;

pub use access::names_and_ports;
pub use backup::{restored, saved_by_down, streamed};
pub use canary::nowhere_else;
pub use config::changed_key;
pub use daily::commands;
pub use data::survives;
pub use dry_run::values_files;
pub use environments::environments;
pub use isolation::two_users;
pub use journey::{hops, mocked, without_egress};
pub use pages::{browser, browser_in};
pub use releases::{unknown_value, upgrade_and_rollback};
pub use scaling::{by_hand as scaled_by_hand, under_load as scaled_under_load};
pub use seed_000::once as seed_000;
pub use stores::{outside, switched_off};
pub use tools::five_tools;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::bed::Bed;

pub const PAGE: &str = "frontend";
pub const DATABASE: &str = "postgres";
pub const CACHE: &str = "redis";
pub const API: &str = "backend";
pub const TOOLS: &str = "mcp-server";
pub const MODEL: &str = "mock-llm";

/// After the first `up`: every pod runs, and none was restarted; the settings that it created are
/// private.
pub fn at_first_try(bed: &Bed) {
    let made = std::fs::metadata(bed.project.join(".env")).expect("the .env that `up` created");
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    let pods = bed.kubectl_json(&["get", "pods", "--namespace", &bed.app.namespace]);
    let pods = pods["items"].as_array().expect("a list");
    assert!(pods.len() >= 5, "a pod per service: {pods:?}");
    for pod in pods {
        let name = &pod["metadata"]["name"];
        assert_eq!(pod["status"]["phase"], "Running", "{name}");
        for container in pod["status"]["containerStatuses"].as_array().expect("containers") {
            assert_eq!(container["restartCount"], 0, "{name} was started again: {container}");
            assert_eq!(container["ready"], true, "{name} is not ready: {container}");
        }
    }
}

/// UIDs of the pods by service, except terminating ones.
pub fn pods(bed: &Bed) -> BTreeMap<String, Vec<String>> {
    let list = bed.kubectl_json(&["get", "pods", "--namespace", &bed.app.namespace]);
    let mut pods: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in list["items"].as_array().expect("a list") {
        let metadata = &pod["metadata"];
        let service = metadata["labels"]["app.kubernetes.io/component"].as_str();
        if let (Some(service), true) = (service, metadata["deletionTimestamp"].is_null()) {
            let uid = metadata["uid"].as_str().expect("a uid").to_owned();
            pods.entry(service.to_owned()).or_default().push(uid);
        }
    }
    pods
}

/// Deletes the service's pods and waits until their replacements are ready.
pub fn delete_pods(bed: &Bed, service: &str) {
    let before = pods(bed)[service].clone();
    let label = format!("app.kubernetes.io/component={service}");
    let namespace = ["--namespace", &bed.app.namespace];
    bed.kubectl(&[&["delete", "pods", "--selector", &label, "--wait=true"], &namespace[..]].concat());
    let set = format!("statefulset/{service}");
    bed.kubectl(&[&["rollout", "status", &set, "--timeout=120s"], &namespace[..]].concat());
    let after = pods(bed)[service].clone();
    assert!(after.iter().all(|uid| !before.contains(uid)), "the pods are other ones: {before:?} {after:?}");
}

/// Runs a shell command line in the first pod of a stateful service.
pub fn in_pod(bed: &Bed, service: &str, script: &str) -> String {
    let pod = format!("{service}-0");
    bed.kubectl(&["exec", &pod, "--namespace", &bed.app.namespace, "--", "sh", "-c", script])
}

/// The result of an SQL statement, one line per row.
pub fn sql(bed: &Bed, query: &str) -> Vec<String> {
    let script = format!(
        "PGPASSWORD=\"$POSTGRES_PASSWORD\" psql -h 127.0.0.1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -tA -c \"{query}\""
    );
    in_pod(bed, DATABASE, &script).lines().map(str::to_owned).collect()
}

/// Creates a task through the ingress and returns its id.
pub fn add_task(bed: &Bed, title: &str) -> u64 {
    let body = serde_json::json!({ "title": title }).to_string();
    let reply = user::call(bed, "POST", "/api/tasks", &body).expect("POST answers");
    assert_eq!(reply.status, 201, "{reply:?}");
    let task: Value = serde_json::from_str(&reply.body).expect("a task");
    task["id"].as_u64().expect("an id")
}

pub fn delete_task(bed: &Bed, id: u64) {
    let reply = user::call(bed, "DELETE", &format!("/api/tasks/{id}"), "").expect("DELETE answers");
    assert_eq!(reply.status, 204, "{reply:?}");
}

/// The titles of all tasks, as soon as the API responds.
pub fn titles(bed: &Bed) -> Vec<String> {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    let reply = loop {
        match user::call(bed, "GET", "/api/tasks", "") {
            Ok(reply) if reply.status == 200 => break reply,
            other if std::time::Instant::now() > end => panic!("GET /api/tasks: {other:?}"),
            _ => std::thread::sleep(Duration::from_millis(200)),
        }
    };
    let tasks: Value = serde_json::from_str(&reply.body).expect("JSON");
    let titles = tasks.as_array().expect("a list").iter();
    titles.map(|task| task["title"].as_str().expect("a title").to_owned()).collect()
}

/// Runs a program that must succeed, with its complete output in the log; returns its standard output.
pub fn program(mut command: Command, what: &str) -> String {
    println!("$ {what}");
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}{err}");
    assert!(output.status.success(), "{what} ended with {}", output.status);
    out.into_owned()
}

/// A port-forward to a service, for as long as this value lives.
pub struct Forward {
    child: Child,
    pub port: u16,
    /// kubectl ends if a line of its output is not read.
    _lines: BufReader<ChildStdout>,
}

impl Forward {
    pub fn to(bed: &Bed, service: &str, port: u16) -> Self {
        let mut command = Command::new(bed.tool("kubectl"));
        command.arg("--kubeconfig").arg(bed.kubeconfig());
        command.args(["port-forward", "--namespace", &bed.app.namespace, &format!("service/{service}")]);
        let mut child = command.arg(format!(":{port}")).stdout(Stdio::piped()).spawn().expect("kubectl");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("a stream"));
        lines.read_line(&mut line).expect("a line of kubectl");
        // "Forwarding from 127.0.0.1:40123 -> 8001"
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in {line:?}"));
        Self { child, port, _lines: lines }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path that xtask set for the scenes.
pub fn given(variable: &str) -> std::ffi::OsString {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask e2e`"))
}

/// A file of the checkout.
pub fn script(bed: &Bed, path: &str) -> String {
    let path = bed.root.join(path);
    assert!(Path::new(&path).is_file(), "{} is missing", path.display());
    path.to_string_lossy().into_owned()
}
