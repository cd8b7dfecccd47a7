//! Mirrors: asked first, believed no more than others.

use super::super::testing::{Fault, TestRegistry, What};
use super::fixtures::publish;
use super::upstream::Scene;
use super::*;

/// A mirror that has the same below a prefix.
fn mirror(scene: &mut Scene) -> TestRegistry {
    let mirror = TestRegistry::start();
    publish(&mirror, "hub/library/app", "1", std::slice::from_ref(&scene.content));
    let hub = scene.hub.state();
    let own = &hub.repositories["library/app"];
    for (kind, bytes) in own.manifests.values() {
        mirror.manifest("hub/library/app", None, kind, bytes);
    }
    scene.mirrors = vec![format!("{}/hub", mirror.authority())];
    drop(hub);
    mirror
}

#[test]
fn a_mirror_is_asked_first_and_nobody_else() {
    let mut scene = Scene::new();
    let mirror = mirror(&mut scene);
    assert_eq!(scene.copy().unwrap().digest, scene.image);
    assert_eq!(mirror.sent(), scene.size());
    assert!(scene.hub.seen().is_empty(), "{:?}", scene.hub.seen());
}

#[test]
fn what_a_mirror_lacks_is_asked_for_elsewhere() {
    let mut scene = Scene::new();
    let mirror = mirror(&mut scene);
    mirror.fail(Fault::once(
        "GET",
        "/blobs/",
        What::Answer { status: "404 Not Found", headers: Vec::new(), body: String::new() },
    ));
    scene.copy().unwrap();
    assert!(mirror.sent() > 0 && scene.hub.sent() > 0);
    assert_eq!(mirror.sent() + scene.hub.sent(), scene.size());
    assert!(scene.bench.said().contains("has no blob sha256:"), "{}", scene.bench.said());
}

#[test]
fn a_mirror_that_is_down_is_said_once_and_one_that_lies_is_not_believed() {
    let mut scene = Scene::new();
    let mirror = mirror(&mut scene);
    mirror.die();
    scene.copy().unwrap();
    assert_eq!(scene.bench.said().matches("cannot be reached").count(), 1, "{}", scene.bench.said());

    for path in ["/manifests/", "/blobs/"] {
        let mut scene = Scene::new();
        let mirror = self::mirror(&mut scene);
        mirror.fail(Fault::always("GET", path, What::Corrupt));
        assert_eq!(scene.copy().unwrap().digest, scene.image);
        let events = scene.bench.recorder.events();
        let warned = |event: &crate::progress::Event| {
            event.state == crate::progress::State::Warning && event.message.contains("expected sha256:")
        };
        assert!(events.iter().any(warned), "{}", scene.bench.said());
    }
}

#[test]
fn a_mirror_is_a_host() {
    let mut scene = Scene::new();
    scene.mirrors = vec!["ftp://mirror.example".to_owned()];
    assert_eq!(code(scene.copy()), "bad-name");
}
