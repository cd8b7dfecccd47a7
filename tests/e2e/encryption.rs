//! Secrets are encrypted in etcd, and the key can be replaced and restored.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Bed, docker};
use crate::program::Then;
use crate::repair::settled;

const CANARY: &str = "canary-at-rest-4b1f6d0c9e27";
/// As many as keep the rewriting busy until it is killed.
const MANY: usize = 400;
const NAMESPACE: &str = "at-rest";
/// The names of the canaries, and what they contain in etcd.
const OBJECTS: [(&str, &str); 2] = [("secret", "secret-canary"), ("configmap", "configmap-canary")];

/// What the files of etcd contain, in the node.
fn etcd(bed: &Bed, script: &str) -> String {
    let folder = if bed.provider.name == "minikube" { "/var/lib/minikube/etcd" } else { "/var/lib/etcd" };
    let script = format!("cd {folder}/member && {script}");
    docker(&["exec", &bed.node_container().0, "sh", "-c", &script]).unwrap_or_else(|error| panic!("{error}"))
}

fn expect_encrypted(bed: &Bed) {
    let found = |text: &str| etcd(bed, &format!("grep -rlaF {text} . || test $? = 1"));
    for (kind, name) in OBJECTS {
        let value = found(&format!("{kind}-{CANARY}"));
        println!("--- the value of {kind} {name} in etcd's files: {:?}", value.trim());
        // The name of the Secret is not encrypted: etcd has it in these files.
        assert!(!found(&format!("{NAMESPACE}/{name}")).trim().is_empty(), "etcd has the {kind}");
        assert_eq!(value.trim().is_empty(), kind == "secret", "only the Secret's value is encrypted");
    }
}

fn create_canaries(bed: &Bed) {
    bed.kubectl(&["create", "namespace", NAMESPACE]);
    for (kind, name) in OBJECTS {
        let mut args = vec!["create", kind];
        args.extend((kind == "secret").then_some("generic"));
        let value = format!("--from-literal=value={kind}-{CANARY}");
        bed.kubectl(&[&args[..], &[name, "--namespace", NAMESPACE, &value]].concat());
    }
}

fn delete_canaries(bed: &Bed) {
    bed.kubectl(&["delete", "namespace", NAMESPACE]);
}

/// The ids of the keys in the state directory, the one that encrypts first.
fn ids(bed: &Bed) -> Vec<String> {
    let config = config(bed);
    let keys = config["resources"][0]["providers"][0]["secretbox"]["keys"].as_array().expect("keys");
    keys.iter().map(|key| key["name"].as_str().expect("an id").to_owned()).collect()
}

fn config(bed: &Bed) -> Value {
    let text = std::fs::read_to_string(bed.cluster_state().join("encryption.json")).expect("the key file");
    serde_json::from_str(&text).expect("JSON")
}

/// The keys that encrypted the versions of the Secret's canary that etcd still has.
fn ids_in_etcd(bed: &Bed) -> String {
    let pattern = format!("{NAMESPACE}/{}.{{1,40}}k8s:enc:secretbox:v1:key-[0-9a-f]{{8}}", OBJECTS[0].1);
    let found = etcd(
        bed,
        &format!(
            "tr '\\n\\000' '  ' <snap/db | LC_ALL=C grep -aoE '{pattern}' | grep -aoE 'key-[0-9a-f]{{8}}' | sort -u"
        ),
    );
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The data of all Secrets, by namespace and name.
fn data(bed: &Bed) -> BTreeMap<String, Value> {
    let all = bed.kubectl_json(&["get", "secrets", "--all-namespaces"]);
    let items = all["items"].as_array().expect("a list").iter();
    items
        .map(|item| {
            let metadata = &item["metadata"];
            (format!("{}/{}", metadata["namespace"], metadata["name"]), item["data"].clone())
        })
        .collect()
}

/// No value of a Secret is in etcd's files; that of a `ConfigMap` is.
pub fn at_rest(bed: &Bed) {
    create_canaries(bed);
    expect_encrypted(bed);
    println!("--- keys: {:?} in the state directory, {} in etcd", ids(bed), ids_in_etcd(bed));
    assert_eq!(ids(bed), [ids_in_etcd(bed)]);
    let status = bed.call(&["status"]).expect(0).stdout;
    assert!(status.contains("\nSecrets are encrypted in etcd\n"), "{status}");
    // The key is in one file of the state directory, and nowhere in the engine's description of the node.
    let config = config(bed);
    let key =
        config["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"].as_str().expect("a key");
    let with_key = |path: &std::path::Path| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(key.len()).any(|part| part == key.as_bytes()))
    };
    let files =
        walkdir::WalkDir::new(&bed.state).into_iter().flatten().filter(|entry| with_key(entry.path()));
    let files: Vec<_> = files.map(|entry| entry.path().to_owned()).collect();
    assert_eq!(files, [bed.cluster_state().join("encryption.json")]);
    let mode = std::os::unix::fs::MetadataExt::mode(&files[0].metadata().expect("its mode")) & 0o777;
    assert_eq!(mode, 0o600);
    let node = docker(&["inspect", &bed.node_container().0]).expect("docker inspect");
    assert!(!node.contains(key), "the engine knows the key");
    delete_canaries(bed);
}

/// A rotation that is killed while it writes Secrets continues; the values stay the same.
pub fn rotate(bed: &Bed) {
    create_canaries(bed);
    create_many(bed);
    let (before, old) = (data(bed), ids(bed));
    let mut killed_at = None;
    let rotate = ["secrets", "rotate", "--events", "json"];
    let killed = bed.call_in(&bed.project, &rotate, Duration::from_secs(5 * 60), &mut |event| {
        let busy = event.step == "rewrite-secrets" && event.current.is_some_and(|current| current >= 20);
        if !busy || killed_at.is_some() {
            return Then::GoOn;
        }
        killed_at = Some((event.current, event.total));
        Then::KillIn(Duration::ZERO)
    });
    let both = ids(bed);
    println!("--- SIGKILL after {killed_at:?} Secrets; keys {old:?} → {both:?}");
    assert_eq!((killed.code, both.len(), &both[1..]), (None, 2, &old[..]), "{}", killed.tail(30));

    bed.call(&rotate).expect(0);
    let new = ids(bed);
    println!("--- keys of the canary in etcd, with old versions: {} (now {new:?})", ids_in_etcd(bed));
    assert_eq!(new, both[..1], "the key that the killed run created");
    assert!(ids_in_etcd(bed).contains(&new[0]));
    expect_encrypted(bed);
    // An API server that has never had the old key reads everything.
    restart_api_server(bed);
    assert!(data(bed) == before, "a Secret's value changed");
    println!("--- {} Secrets have the same values, and the new key decrypts all of them", before.len());
    delete_canaries(bed);
    settled(bed);
}

fn create_many(bed: &Bed) {
    let secret = |at: usize| {
        serde_json::json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": at.to_string()},
            "metadata": {"name": format!("many-{at}"), "namespace": NAMESPACE}})
    };
    let items: Vec<Value> = (0..MANY).map(secret).collect();
    let file = bed.dir.join("many.json");
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(&file, list.to_string()).expect("write the Secrets");
    bed.kubectl(&["create", "--filename", file.to_str().expect("UTF-8"), "--output", "name"]);
}

/// Ends the API server, and waits until the kubelet has started another one that responds.
fn restart_api_server(bed: &Bed) {
    let (node, _) = bed.node_container();
    let find = "cd /proc && grep -lx kube-apiserver [0-9]*/comm | cut -d / -f 1";
    let pid = || docker(&["exec", &node, "sh", "-c", find]).unwrap_or_default();
    let old = pid();
    assert!(!old.trim().is_empty() && old.lines().count() == 1, "one API server: {old:?}");
    docker(&["exec", &node, "sh", "-c", &format!("kill {old}")]).expect("kill");
    let end = Instant::now() + Duration::from_secs(2 * 60);
    let another = |now: &str| !now.trim().is_empty() && now != old;
    while !another(&pid()) || bed.call(&["status"]).code != Some(0) {
        assert!(Instant::now() < end, "the API server does not start again");
        std::thread::sleep(Duration::from_secs(1));
    }
    // Without an API server, the kubelet cannot say that its node is ready.
    bed.kubectl(&["wait", "nodes", "--all", "--for=condition=Ready", "--timeout=120s"]);
}

/// The state directory and the node each have a copy of the key; one is enough.
pub fn lost_copy(bed: &Bed) {
    let (file, before) = (bed.cluster_state().join("encryption.json"), data(bed));
    let key = std::fs::read(&file).expect("the key file");
    std::fs::remove_file(&file).expect("remove it");
    bed.up().expect_said("it was restored from the node");
    assert!(std::fs::read(&file).expect("the key file") == key, "the same key");

    let script = "rm /etc/ssl/certs/todo-bootstrap-encryption.json || rm /etc/kubernetes/pki/todo-bootstrap-encryption.json";
    docker(&["exec", &bed.node_container().0, "sh", "-c", script]).expect("remove it in the node");
    bed.call(&["stop"]).expect(0);
    // Without both copies, nothing is started, and the error says what is lost.
    let hidden = file.with_extension("hidden");
    std::fs::rename(&file, &hidden).expect("hide it");
    let lost = bed.call(&["start", "--yes"]).expect(1);
    lost.expect_said("(encryption-key-lost)");
    assert!(!bed.node_container().1, "nothing was started");
    std::fs::rename(&hidden, &file).expect("bring it back");
    bed.call(&["start", "--yes"]).expect(0);
    assert!(data(bed) == before, "a Secret's value changed");
    settled(bed);
}
