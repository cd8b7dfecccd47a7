//! Something is broken between two `up`s: it is detected, reported and repaired.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Bed, docker};
use crate::steady::expect_unchanged;

pub fn deployment(bed: &Bed) {
    let name = bed.deployments().into_iter().next().expect("the application has a Deployment");
    bed.kubectl(&["delete", "deployment", &name, "--namespace", &bed.app.namespace]);
    let up = bed.up();
    up.expect_said(&name);
    assert!(bed.deployments().contains(&name), "{name} is there again");
    settled(bed);
}

/// "sabotage" in base64.
const SABOTAGE: &str = "c2Fib3RhZ2U=";

pub fn secret(bed: &Bed) {
    let name = format!("{}-env", bed.app.name);
    let namespace = bed.app.namespace.as_str();
    let read = || bed.kubectl_json(&["get", "secret", &name, "--namespace", namespace])["data"].clone();
    let before = read();
    let keys = before.as_object().expect("the Secret holds values");
    let key = keys.keys().next().expect("at least one value").clone();
    let patch = serde_json::json!({ "data": { &key: SABOTAGE } }).to_string();
    bed.kubectl(&["patch", "secret", &name, "--namespace", namespace, "--type", "merge", "--patch", &patch]);
    let up = bed.up();
    up.expect_said(&name);
    let everything = format!("{}{}", up.stdout, up.stderr);
    for secret in ["sabotage", SABOTAGE].into_iter().chain(keys.values().filter_map(Value::as_str)) {
        assert!(secret.is_empty() || !everything.contains(secret), "a Secret's value was shown");
    }
    assert!(read() == before, "the Secret holds again what .env says");
    settled(bed);
}

pub fn node(bed: &Bed) {
    let (node, _) = bed.node_container();
    docker(&["stop", &node]).expect("docker stop");
    let up = bed.up();
    up.expect_said(&node);
    assert!(bed.node_container().1, "{node} runs again");
    settled(bed);
}

pub fn engine(bed: &Bed) {
    let Some(pid) = own_engine(&bed.state) else {
        println!("left out: the engine was not started by this test bed's `up`, so it is not ours to kill");
        return;
    };
    let raw = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(raw, rustix::process::Signal::KILL).expect("kill dockerd");
    let end = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{pid}/exe")).exists() {
        assert!(Instant::now() < end, "dockerd does not die");
        std::thread::sleep(Duration::from_millis(50));
    }
    let up = bed.up();
    let engine = up.events.iter().any(|event| event.step == "engine" && event.state == "done");
    assert!(engine, "the engine's step had work:\n{}", up.tail(40));
    assert_ne!(own_engine(&bed.state), Some(pid), "the receipt names the new engine");
    settled(bed);
}

/// The engine's process in our receipt, if it is still that process.
pub fn own_engine(state: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(state.join("host.json")).ok()?;
    let receipt: Value = serde_json::from_str(&text).ok()?;
    let pid = receipt["made"]["engine"]["daemon"].get(0)?.as_u64()?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    if name.trim() == "dockerd" { u32::try_from(pid).ok() } else { None }
}

/// The page responds, and there is nothing left to do.
#[track_caller]
pub fn settled(bed: &Bed) {
    bed.expect_page();
    expect_unchanged(&bed.up());
}

/// The mark of an interrupted renewal makes the next start renew all certificates, as if they had expired.
pub fn certificates(bed: &Bed) {
    const MARK: &str = "/kind/todo-bootstrap-renewing";
    let (node, _) = bed.node_container();
    let exec = |line: &str| docker(&["exec", &node, "sh", "-c", line]).expect("docker exec");
    let certificate = || exec("sha256sum /etc/kubernetes/pki/apiserver.crt");
    let before = certificate();
    exec(&format!("touch {MARK}"));
    bed.call(&["stop"]).expect(0);
    bed.call(&["start", "--yes"]).expect(0).expect_said("renewing them");
    assert_ne!(certificate(), before, "the API server has a new certificate");
    assert_eq!(exec(&format!("ls {MARK} 2>/dev/null || true")), "", "the mark is gone");
    // The API server has been started after that with the new one.
    let started =
        exec("stat --format %Y $(grep -lx kube-apiserver /proc/[0-9]*/comm | head -1 | xargs dirname)");
    let issued = exec("stat --format %Y /etc/kubernetes/pki/apiserver.crt");
    let seconds = |text: &str| text.trim().parse::<u64>().expect("seconds");
    assert!(seconds(&started) >= seconds(&issued), "started {started}, issued {issued}");
    bed.up();
}
