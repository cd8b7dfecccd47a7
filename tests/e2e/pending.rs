//! A release that a killed Helm left pending, and a rollback that is not possible.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bed::{Bed, UP, docker};
use crate::files::{copy_of, edit};
use crate::kill::node_tags;
use crate::program::Then;
use crate::registry;
use crate::repair::settled;
use crate::sample::{self, Random};

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// `helm install`, after the release was uninstalled.
    Install,
    /// `helm upgrade`
    Upgrade,
    /// `helm rollback`
    Rollback,
    /// `todo-bootstrap rollback`
    Own,
}

const ALL: [Victim; 4] = [Victim::Install, Victim::Upgrade, Victim::Rollback, Victim::Own];
const KILLS: usize = 3;
/// Kills in a complete run.
const MANY: usize = 20;

pub fn repaired(bed: &Bed) {
    let mut random = Random(sample::seed());
    let mut victims: Vec<Victim> =
        ALL.into_iter().cycle().take(if sample::full() { MANY } else { ALL.len() }).collect();
    sample::keep(&mut victims, KILLS, &mut random);
    for victim in victims {
        let after = Duration::from_millis(random.below(800));
        println!("--- SIGKILL {after:?} after its start: {victim:?}");
        let pending = match victim {
            Victim::Own => die_of_own(bed, after),
            _ => die(bed, victim, after),
        };
        let up = bed.up();
        if let Some(pending) = &pending {
            up.expect_said(&format!("was left {pending}"));
        }
        assert!(matches!(victim, Victim::Own) || pending.is_some(), "helm was not killed in time");
        assert_eq!(newest_status(bed), "deployed");
        bed.expect_page();
    }
    settled(bed);
}

/// Kills Helm, which waits for the pods, and returns the status of the release.
fn die(bed: &Bed, victim: Victim, after: Duration) -> Option<String> {
    let mut helm = match victim {
        Victim::Install => {
            let mut uninstall = helm(bed, &["uninstall", "--wait"], false);
            assert!(uninstall.status().expect("helm").success());
            helm(bed, &["install", "--wait"], true)
        }
        Victim::Upgrade => {
            // No node has this image, so its pods never get ready.
            helm(
                bed,
                &["upgrade", "--reuse-values", "--wait", "--set", "images.hello=none.invalid/none:1"],
                true,
            )
        }
        _ => {
            change(bed);
            helm(bed, &["rollback", "--wait"], false)
        }
    };
    let mut child = helm.stdout(Stdio::null()).spawn().expect("start helm");
    let end = Instant::now() + Duration::from_secs(60);
    while pending(bed).is_none() && child.try_wait().expect("wait").is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(after);
    child.kill().expect("kill helm");
    child.wait().expect("wait");
    pending(bed)
}

/// A revision by hand whose pods differ: going back replaces them, which takes a while.
fn change(bed: &Bed) {
    let mut helm =
        helm(bed, &["upgrade", "--reuse-values", "--wait", "--set", "resources.requests.cpu=11m"], true);
    assert!(helm.status().expect("helm").success());
}

/// Kills our own program while it rolls back. Its Helm is left alone: the next `up` ends it.
fn die_of_own(bed: &Bed, after: Duration) -> Option<String> {
    change(bed);
    bed.call_in(&bed.project, &["rollback", "--events", "json"], LIMIT, &mut |event| {
        let hit = event.step == "rollback" && event.state == "started";
        if hit { Then::KillIn(after) } else { Then::GoOn }
    });
    // Helm may still work on it, so what the release becomes is open.
    println!("--- the release is {}", newest_status(bed));
    None
}

fn helm(bed: &Bed, args: &[&str], chart: bool) -> Command {
    let mut helm = Command::new(bed.tool("helm"));
    helm.args(args).arg(&bed.app.name);
    if chart {
        helm.arg(bed.project.join("manifests").join(&bed.app.name));
    }
    helm.args(["--namespace", &bed.app.namespace, "--kubeconfig"]).arg(bed.kubeconfig());
    println!("$ {helm:?}");
    helm
}

fn pending(bed: &Bed) -> Option<String> {
    let status = newest_status(bed);
    println!("--- the release is {status}");
    status.starts_with("pending-").then_some(status)
}

/// The status of the newest revision, as Helm stored it.
fn newest_status(bed: &Bed) -> String {
    let label = format!("owner=helm,name={}", bed.app.name);
    let list = bed.kubectl_json(&["get", "secrets", "--selector", &label, "--namespace", &bed.app.namespace]);
    let label = |item: &serde_json::Value, key: &str| {
        item["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned()
    };
    let items = list["items"].as_array().expect("a list").iter();
    let newest = items.max_by_key(|item| label(item, "version").parse::<u32>().unwrap_or_default());
    newest.map_or_else(|| "not stored".to_owned(), |item| label(item, "status"))
}

/// A rollback whose images neither the registry nor the node has is refused, and changes nothing.
pub fn images_gone(bed: &Bed) {
    let copy = copy_of(bed, "newer");
    edit(&copy.join("services/hello/app.py"), "\nimport ", "\n# newer\nimport ");
    bed.call_in(&copy, UP, LIMIT, &mut |_| Then::GoOn).expect(0);
    registry::forget(bed);
    let (node, _) = bed.node_container();
    for tag in node_tags(bed, &node) {
        docker(&["exec", &node, "ctr", "--namespace", "k8s.io", "images", "rm", "--sync", &tag])
            .expect("ctr images rm");
    }
    let rollback = bed.call(&["rollback"]).expect(1);
    rollback.expect_said("its images no longer exist");
    rollback.expect_said("nothing was changed");
    assert_eq!(newest_status(bed), "deployed");
    bed.expect_page();
    bed.up();
    settled(bed);
}
