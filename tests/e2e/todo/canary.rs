//! The value of a secret is in the Secret, and nowhere else that we write.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::config::{set, stay_inside};
use crate::bed::{Bed, docker};
use crate::program::{Then, run};

const CANARY: &str = "canary-7f3a91c2e5d84b60";
const KEY: &str = "GROQ_API_KEY";

/// As plain text and as Kubernetes encodes it; the base64 of a longer text that contains it differs
/// only at its ends.
fn forms() -> [&'static str; 2] {
    [CANARY, "Y2FuYXJ5LTdmM2E5MWMyZTVkODRiNj"]
}

pub fn nowhere_else(bed: &Bed) {
    let file = bed.project.join(".env");
    set(&file, KEY, CANARY);
    stay_inside(&file);
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| processes_while(&over));
        let mut command = bed.command(&["up", "--yes", "-v", "--profile"]);
        command.arg(&bed.profile).arg("--dir").arg(&bed.project);
        let up = run(command, Duration::from_secs(10 * 60), &mut |_| Then::GoOn);
        over.store(true, Ordering::Relaxed);
        let seen = watch.join().expect("the watch ends");
        let up = up.expect(0);
        expect_none("the output of `up -v`", &format!("{}{}", up.stdout, up.stderr));
        seen
    });
    assert_eq!(seen, [""; 0], "in a process's arguments or environment");
    for args in [
        &["plan"][..],
        &["status", "-v"],
        &["env", "check"],
        &["env", "check", "--output", "json"],
        &["check"],
    ] {
        let told = bed.call(args).expect(0);
        expect_none(&args.join(" "), &format!("{}{}", told.stdout, told.stderr));
    }
    for file in files(&bed.state) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        expect_none(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    in_the_cluster(bed);
    in_the_images(bed);
}

/// All objects of the namespace except the one Secret; Helm's own record is decoded.
fn in_the_cluster(bed: &Bed) {
    let namespace = ["--namespace", &bed.app.namespace];
    let kinds =
        "deployments,replicasets,statefulsets,controllerrevisions,pods,configmaps,services,ingresses,events";
    let objects =
        bed.kubectl(&[&["get", kinds, "--output", "yaml", "--show-managed-fields"], &namespace[..]].concat());
    expect_none("the objects of the namespace", &objects);
    let secrets = bed.kubectl_json(&[&["get", "secrets"], &namespace[..]].concat());
    let own = format!("{}-env", bed.app.name);
    let mut found = false;
    for mut secret in secrets["items"].as_array().cloned().expect("a list") {
        if secret["metadata"]["name"] == own.as_str() {
            found = forms().iter().any(|form| secret["data"].to_string().contains(form));
            secret["data"] = serde_json::Value::Null;
        }
        expect_none(&format!("Secret {}", secret["metadata"]["name"]), &secret.to_string());
    }
    assert!(found, "the Secret itself holds the value, or this scene could not fail");
    let mut helm = Command::new(bed.tool("helm"));
    helm.args(["get", "all", &bed.app.name, "--namespace", &bed.app.namespace, "--kubeconfig"])
        .arg(bed.kubeconfig());
    expect_none("Helm's release", &super::program(helm, "helm get all"));
}

fn in_the_images(bed: &Bed) {
    let all = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).expect("docker images");
    let own =
        |tag: &&str| bed.app.images.iter().any(|image| tag.contains(&format!("{}/{image}:", bed.app.name)));
    // An image that was pulled by its digest has no tag.
    let tags: Vec<&str> = all.lines().filter(own).filter(|tag| !tag.ends_with(":<none>")).collect();
    assert!(!tags.is_empty(), "the application's images are in the engine:\n{all}");
    let archive = bed.dir.join("images.tar");
    let path = archive.to_string_lossy();
    docker(&[&["save", "--output", &*path], tags.as_slice()].concat()).expect("docker save");
    let found = Command::new("grep")
        .args(["--count", "--text", "--fixed-strings", "-e", forms()[0], "-e", forms()[1]])
        .arg(&archive)
        .output();
    let found = String::from_utf8_lossy(&found.expect("grep").stdout).trim().to_owned();
    std::fs::remove_file(&archive).expect("remove the archive");
    assert_eq!(found, "0", "lines of the images with the value");
}

/// Inspects every process of this machine, except those in containers, until `over`.
fn processes_while(over: &AtomicBool) -> Vec<String> {
    let mut seen = Vec::new();
    let mut looks = 0;
    while !over.load(Ordering::Relaxed) {
        looks += 1;
        seen.extend(processes_with_the_value());
        std::thread::sleep(Duration::from_millis(15));
    }
    println!("{looks} looks at all processes while `up` worked");
    seen.sort();
    seen.dedup();
    seen
}

fn processes_with_the_value() -> Vec<String> {
    let own = std::fs::read_link("/proc/self/ns/pid").ok();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        // The value belongs in a pod's own environment, which is in another namespace.
        if std::fs::read_link(path.join("ns/pid")).ok() != own {
            continue;
        }
        for part in ["cmdline", "environ"] {
            let bytes = std::fs::read(path.join(part)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if forms().iter().any(|form| text.contains(form)) {
                seen.push(format!("{part} of {}", text.split('\0').next().unwrap_or_default()));
            }
        }
    }
    seen
}

fn expect_none(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(form), "a secret's value is in {place}");
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

#[test]
fn a_process_with_the_value_is_seen() {
    let mut sleep = Command::new("sleep").arg("30").env("LEAK", CANARY).spawn().expect("sleep");
    // The environment is visible as soon as the program runs.
    let seen = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !processes_with_the_value().is_empty()
    });
    sleep.kill().expect("kill");
    sleep.wait().expect("wait");
    assert!(seen);
}
