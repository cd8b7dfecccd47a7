//! The environments: what they add to the images, which settings they need, and TLS.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::config::{get, set};
use super::{API, MODEL, pods, program};
use crate::bed::{Bed, output};
use crate::program::Run;
use crate::steady::expect_unchanged;

/// The namespace of a model outside of the application, on the node's own address.
const OUTSIDE: &str = "e2e-model";
const PORT: &str = "18002";
const KEYS: [&str; 4] = ["AI_MOCK", "OPENAI_API_KEY", "LLM_BASE_URL", "LLM_MODEL"];

pub fn environments(bed: &Bed) {
    let file = bed.project.join(".env");
    let before = KEYS.map(|key| get(&file, key));
    for (key, value) in [("AI_MOCK", "false"), ("OPENAI_API_KEY", "")] {
        set(&file, key, value);
    }
    let model = Model::start(bed);
    dev(bed);
    refused(bed);
    set(&file, "LLM_BASE_URL", &model.url());
    set(&file, "LLM_MODEL", "any");
    prod(bed);
    drop(model);
    for (key, value) in KEYS.iter().zip(&before) {
        set(&file, key, value);
    }
    let back = bed.call(&["plan"]).expect(2);
    back.expect_said("do not suit environment `prod`");
    up(bed, "staging").expect(0);
    bed.expect_page();
    assert!(pods(bed).contains_key(MODEL), "the mock is back");
    expect_unchanged(&bed.up());
}

fn up(bed: &Bed, environment: &str) -> Run {
    bed.call(&["up", "--env", environment, "--yes", "--events", "json"])
}

/// Tools, the description of the API, a debug log, and a restart of the service after a change of its sources.
fn dev(bed: &Bed) {
    up(bed, "dev").expect(0);
    assert!(
        bed.call(&["status"]).expect(0).stdout.contains("environment dev; images are built for target dev")
    );
    for tool in ["py-spy", "debugpy", "watchfiles"] {
        assert!(in_api(bed, &format!("command -v {tool}")).is_ok(), "{tool}");
    }
    assert_eq!(in_api(bed, "echo $LOG_LEVEL").expect("a shell").trim(), "DEBUG");
    assert_eq!(bed.address().get("/api/docs").expect("the API answers").status, 200);
    in_api(bed, "echo '# changed' >>/tmp/app/todo_api/health.py").expect("a writable copy");
    let end = Instant::now() + Duration::from_secs(60);
    let log = || bed.kubectl(&["logs", "--namespace", &bed.app.namespace, &format!("deployment/{API}")]);
    while !log().contains("todo_api/health.py changed") {
        assert!(Instant::now() < end, "the change was not noticed");
        std::thread::sleep(Duration::from_millis(500));
    }
    while bed.address().get("/api/docs").map(|reply| reply.status) != Ok(200) {
        assert!(Instant::now() < end, "the service does not answer after a change");
        std::thread::sleep(Duration::from_millis(500));
    }
    expect_unchanged(&bed.up());
}

/// Without a model, `prod` is refused, and nothing is changed.
fn refused(bed: &Bed) {
    let before = pods(bed);
    let run = up(bed, "prod").expect(2);
    for part in ["do not suit environment `prod`", "OPENAI_API_KEY", "help: todo-bootstrap up --env staging"]
    {
        run.expect_said(part);
    }
    assert_eq!(pods(bed), before, "nothing was changed");
    assert!(bed.call(&["status"]).expect(0).stdout.contains("environment dev;"));
}

/// No tools, no mock, and TLS by an authority that is known to nobody else.
fn prod(bed: &Bed) {
    let plan = bed.call(&["plan", "--env", "prod"]).expect(0);
    assert!(plan.stdout.contains("environment prod, which replaces dev"), "{}", plan.tail(30));
    up(bed, "prod").expect(0);
    assert!(!pods(bed).contains_key(MODEL), "the mock is not deployed");
    assert!(in_api(bed, "command -v py-spy || command -v debugpy").is_err(), "tools");
    let said = bed.call(&["url", "--output", "json"]).expect(0).stdout;
    let told: Value = serde_json::from_str(&said).expect("JSON");
    let authority = PathBuf::from(told["authority"].as_str().expect("the file of the authority"));
    let url = told["url"].as_str().expect("an address");
    assert!(url.starts_with("https://"), "{url}");
    assert!(curl(url, Some(&authority)).is_ok(), "the page, with the authority");
    assert!(curl(url, None).expect_err("unknown").contains("certificate"), "without the authority");
    let redirected = bed.address().get("/log-in").expect("an answer without TLS");
    let location = redirected.location.unwrap_or_default();
    assert!((300..400).contains(&redirected.status), "{}", redirected.status);
    assert_eq!(location, format!("{url}log-in").replace(&host(url), &bed.address().host));
    for path in ["certificate.json", "ca.crt"] {
        let file = authority.with_file_name(path);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).expect(path).permissions());
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    expect_unchanged(&bed.call(&["up", "--yes", "--events", "json"]).expect(0));
    bed.call(&["check"]).expect(0);
}

/// The host of an address, which may have a port.
fn host(url: &str) -> String {
    let rest = url.split("//").nth(1).unwrap_or_default();
    rest.split([':', '/']).next().unwrap_or_default().to_owned()
}

fn curl(url: &str, authority: Option<&Path>) -> Result<String, String> {
    let mut curl = Command::new("curl");
    let (host, port) =
        (host(url), url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok()));
    let port: u16 = port.unwrap_or(443);
    curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
    curl.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
    if let Some(authority) = authority {
        curl.arg("--cacert").arg(authority);
    }
    curl.arg(format!("{url}healthz"));
    output(curl)
}

/// A shell command in a pod of the API.
fn in_api(bed: &Bed, script: &str) -> Result<String, String> {
    let mut command = Command::new(bed.tool("kubectl"));
    command.arg("--kubeconfig").arg(bed.kubeconfig()).args(["exec", "--namespace", &bed.app.namespace]);
    command.args([&format!("deployment/{API}"), "--", "sh", "-c", script]);
    output(command)
}

/// A model that the application does not deploy: its mock, on the address of the node, which policies count as outside.
struct Model<'a> {
    bed: &'a Bed,
    address: String,
}

impl<'a> Model<'a> {
    fn start(bed: &'a Bed) -> Self {
        let deployment = ["get", "deployment", MODEL, "--namespace", &bed.app.namespace];
        let deployment = bed.kubectl_json(&deployment);
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        let node = &bed.kubectl_json(&["get", "nodes"])["items"][0];
        let addresses = node["status"]["addresses"].as_array().expect("addresses");
        let internal = addresses.iter().find(|one| one["type"] == "InternalIP").expect("an address");
        let address = internal["address"].as_str().expect("a text").to_owned();
        bed.kubectl(&["create", "namespace", OUTSIDE]);
        let spec = serde_json::json!({"apiVersion": "v1", "spec": {"hostNetwork": true, "containers": [{
            "name": "model", "image": image, "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "PORT", "value": PORT}, {"name": "HOST", "value": "0.0.0.0"}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 18002}, "periodSeconds": 1}}]}});
        let (image, spec) = (image.as_str().expect("an image"), spec.to_string());
        let run = ["run", "model", "--image", image, "--overrides", &spec, "--namespace", OUTSIDE];
        bed.kubectl(&run);
        bed.kubectl(&[
            "wait",
            "pod/model",
            "--for=condition=Ready",
            "--timeout=120s",
            "--namespace",
            OUTSIDE,
        ]);
        Self { bed, address }
    }

    fn url(&self) -> String {
        format!("http://{}:{PORT}/v1", self.address)
    }
}

impl Drop for Model<'_> {
    fn drop(&mut self) {
        let mut command = Command::new(self.bed.tool("kubectl"));
        command.arg("--kubeconfig").arg(self.bed.kubeconfig()).args(["delete", "namespace", OUTSIDE]);
        program(command, "kubectl delete namespace");
    }
}
