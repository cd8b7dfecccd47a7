//! After `down`, nothing of ours is left; the engine and the cache are kept.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bed::{Bed, Engine};
use crate::program::{Then, run};
use crate::registry;
use crate::repair::own_engine;

/// The engine's programs: children of the `up` that started the engine; they keep running.
const ENGINE: &[&str] = &["dockerd", "containerd", "containerd-shim", "docker-proxy", "docker-init"];

pub fn down(bed: &Bed) {
    let was_running = std::process::Command::new("docker").arg("version").output();
    assert!(was_running.is_ok_and(|output| output.status.success()), "the engine runs");
    let port = bed.address().port;
    let down = bed.down();
    let now = Engine::now();
    let before = bed.before();
    let left = |now: &std::collections::BTreeSet<String>, before: &std::collections::BTreeSet<String>| {
        now.difference(before).cloned().collect::<Vec<_>>()
    };
    assert_eq!(left(&now.containers, &before.containers), [""; 0], "containers");
    assert_eq!(left(&now.networks, &before.networks), [""; 0], "networks");
    // The registry's volume belongs to the cache and is removed with it.
    let mut volumes = left(&now.volumes, &before.volumes);
    volumes.retain(|volume| *volume != registry::name());
    assert_eq!(volumes, [""; 0], "volumes");
    assert!(!bed.kubeconfig().exists(), "the kubeconfig is gone:\n{}", down.tail(20));
    assert_eq!(named(&bed.state, "kubeconfig"), Vec::<PathBuf>::new(), "kubeconfigs");
    expect_no_process(bed);
    bed.expect_users_kube_config_untouched();
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    let engine = std::process::Command::new("docker").arg("version").output();
    assert!(engine.is_ok_and(|output| output.status.success()), "the engine stays");
    // Running it twice has the same result.
    bed.down();
}

/// `down --purge` removes what `up` installed on the machine; what was there before is kept. The cache in
/// this scene is a separate one, because the user's cache makes the next run fast.
pub fn purge(bed: &Bed) {
    let cache = bed.dir.join("purged-cache");
    std::fs::create_dir_all(cache.join("tools")).expect("make a cache");
    let engine = own_engine(&bed.state);
    let receipt = std::fs::read_to_string(bed.state.join("host.json")).unwrap_or_default();
    let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap_or_default();
    let record = &receipt["made"]["engine"];
    let paths = |key: &str| -> Vec<PathBuf> {
        record[key].as_array().into_iter().flatten().filter_map(|v| Some(v.as_str()?.into())).collect()
    };
    let mut command = bed.command(&["down", "--purge", "--yes", "--profile"]);
    command.arg(&bed.profile).env("TODO_BOOTSTRAP_CACHE", &cache);
    let purge = run(command, Duration::from_secs(10 * 60), &mut |_| Then::GoOn).expect(0);
    assert!(!cache.exists(), "the cache is gone:\n{}", purge.tail(20));
    if let Some(pid) = engine {
        // An ended process may not be reaped for a while: it then has a name, but no program.
        let runs = Path::new(&format!("/proc/{pid}/exe")).exists();
        assert!(!runs, "the engine that `up` started has ended");
    }
    for file in paths("files") {
        assert!(!file.exists(), "{} is gone", file.display());
    }
    for package in paths("packages") {
        let mut ask = std::process::Command::new("dpkg-query");
        let status =
            ask.args(["-W", "-f", "${db:Status-Status}"]).arg(&package).output().expect("dpkg-query");
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert_ne!(status, "installed", "package {} is gone", package.display());
    }
    if record["packages"].as_array().is_none_or(Vec::is_empty) {
        println!("left out: the engine was there before, so its packages stay");
    }
}

/// Processes end a moment after their parent was stopped.
fn expect_no_process(bed: &Bed) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let left = processes(&bed.state);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "processes of ours are left: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Processes with the test bed's state directory in their environment, except those of the engine.
fn processes(state: &Path) -> Vec<String> {
    let wanted = format!("TODO_BOOTSTRAP_STATE={}", state.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        let ours = environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes());
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        // The kernel truncates names to 15 bytes.
        let engine = ENGINE.iter().any(|engine| engine.starts_with(name.trim()));
        if ours && !engine {
            found.push(format!("{} {}", entry.file_name().to_string_lossy(), name.trim()));
        }
    }
    found
}

/// All files of that name below `dir`.
fn named(dir: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(named(&path, name));
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
    found
}
