//! Early pulls: in which order, what a failure changes, and when they end.

use std::sync::Arc;

use super::*;
use crate::engine::testing::engine;
use crate::exec::Script;
use crate::local_registry::{HOST, Stored};
use crate::steps::image::PullStep;
use crate::steps::testing;
use crate::task::testing::with_task;

const IMAGES: &str = "docker exec --interactive NODE crictl images";
const PULLS: &str = "docker exec --interactive NODE crictl pull";

/// A session whose cluster is being created, with its node, and the engine's answers about that.
fn creating(dir: &std::path::Path) -> (Arc<Session>, String, Script) {
    let session = testing::session(dir, "kind");
    session.set_engine(engine());
    let provider = session.provider().unwrap();
    let (node, network) = (provider.node(), provider.network());
    let labels = format!(
        r#"{{"todo-bootstrap.dev/cluster":"{}","todo-bootstrap.dev/instance":"{}"}}"#,
        session.profile.cluster.name,
        session.receipt().instance
    );
    let containers = format!(
        r#"{{"ID":"1","Names":"{node}","State":"running","Status":"Up","Labels":"","Networks":"{network}"}}"#
    );
    let script = Script::default().on("docker ps", 0, &containers).on("docker network inspect", 0, &labels);
    (session, node, script)
}

fn web() -> Stored {
    let digest = format!("sha256:{}", "1".repeat(64));
    Stored { repository: "app/web".to_owned(), tag: "v1".to_owned(), digest }
}

/// A pull that fails is repeated, one that succeeded is not, and an image that has not arrived is left out.
#[test]
fn what_has_arrived_is_pulled_until_the_creation_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let (session, node, script) = creating(dir.path());
    let [images, pulls] = [IMAGES, PULLS].map(|prefix| prefix.replace("NODE", &node));
    let has = format!(r#"{{"images":[{{"repoDigests":["{HOST}/{}"]}}]}}"#, web().in_node());
    let script = script.on(&images, 0, r#"{"images":[]}"#).on(&images, 0, r#"{"images":[]}"#);
    let script = script.on(&images, 0, &has).fails(&pulls, "connect: no such file").on(&pulls, 0, "");
    let pulled = || script.ran().iter().filter(|line| line.starts_with(&pulls)).count();
    session.set_image("web", web());
    let step = EarlyPullsStep { images: vec!["later".to_owned(), "web".to_owned()] };
    let (did, _) = with_task(&script, |task| {
        assert!(matches!(step.probe(&session, task).unwrap(), Probe::Needed(_)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ending = Ending(&session);
                assert!(script.ran().is_empty(), "not before the nodes take images");
                session.set_creation(Creation::TakesImages);
                while pulled() < 2 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let did = step.run(&session, task);
            PullStep { name: "web".to_owned() }.run(&session, task).unwrap();
            did
        })
    });
    assert_eq!(did.unwrap(), "1 of 2 images");
    assert_eq!(pulled(), 2, "{:?}", script.ran());
}

#[test]
fn nothing_is_pulled_early_into_a_cluster_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _, _) = creating(dir.path());
    session.set_image("web", web());
    let (script, step) = (Script::default(), EarlyPullsStep { images: vec!["web".to_owned()] });
    drop(Ending(&session));
    let (did, _) = with_task(&script, |task| step.run(&session, task));
    assert_eq!(did.unwrap(), "0 of 1 images");
    session.record(|receipt| receipt.made.cluster.complete = true).unwrap();
    let (probed, _) = with_task(&script, |task| step.probe(&session, task));
    assert!(matches!(probed.unwrap(), Probe::Done(_)) && script.ran().is_empty());
}

#[test]
fn waiting_ends_with_the_task_and_a_failed_pull_after_it_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _, script) = creating(dir.path());
    session.set_image("web", web());
    let step = EarlyPullsStep { images: vec!["web".to_owned()] };
    for creation in [Creation::Ahead, Creation::TakesImages] {
        session.set_creation(creation);
        let parts = crate::task::testing::Parts::default();
        parts.cancel.cancel(crate::cancel::Reason::Interrupted);
        assert!(step.run(&session, &parts.task(&script)).is_err());
    }
}

/// The registry is not known, as after a fault: the creation continues.
#[test]
fn a_node_that_cannot_be_configured_gets_no_early_pulls() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _, script) = creating(dir.path());
    with_task(&script, |task| begin(&session, task));
    assert_eq!(session.creation(), Creation::Ahead);
}
