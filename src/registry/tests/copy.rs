//! Interrupted copies, and tokens.

use super::super::copy::through;
use super::super::testing::{Fault, TestRegistry, What, digest};
use super::fixtures::{content_for, noise};
use super::upstream::Scene;
use super::*;

#[test]
fn a_blob_goes_on_where_it_was_cut_and_nothing_is_sent_twice() {
    let scene = Scene::with(content_for("amd64", vec![noise(1, 300_000)]));
    for after in [100_000, 50_000] {
        scene.hub.fail(Fault::once("GET", "/blobs/", What::Cut(after)));
    }
    scene.copy().unwrap();
    assert_eq!(scene.hub.sent(), scene.size());
}

#[test]
fn a_later_run_goes_on_from_what_an_earlier_one_brought() {
    let scene = Scene::with(content_for("amd64", vec![noise(1, 300_000)]));
    // The configuration passes whole; of the layer, one part and then no more.
    scene.hub.fail(Fault::once("GET", "/blobs/", What::Cut(200_000)));
    scene.hub.fail(Fault::always("GET", "/blobs/", What::Cut(0)));
    assert_eq!(kind(scene.copy()), "Transfer");
    let before = scene.hub.sent();
    assert!(before > 0 && !scene.cached().is_empty());
    scene.hub.state().faults.clear();
    scene.copy().unwrap();
    assert_eq!(scene.hub.sent(), scene.size());
    assert!(scene.cached().is_empty());
}

#[test]
fn what_was_fetched_for_a_registry_that_died_is_not_fetched_again() {
    let scene = Scene::new();
    scene.bench.registry.fail(Fault::always("PUT", "/blobs/uploads/", What::Die(10)));
    assert_eq!(kind(scene.copy()), "Died");
    // While the first one was pushed, others came.
    assert!(scene.cached().len() > 1, "{:?}", scene.cached());
    scene.bench.registry.state().faults.clear();
    scene.copy().unwrap();
    assert_eq!(scene.hub.sent(), scene.size());
}

#[test]
fn a_token_is_got_kept_and_renewed() {
    let scene = Scene::new();
    scene.hub.state().wants_token = true;
    scene.copy().unwrap();
    assert_eq!(scene.hub.requests("GET", "/token"), 1);
    let scope = scene.hub.seen().into_iter().find(|seen| seen.contains("/token")).unwrap();
    assert!(scope.contains("service=test&scope=repository%3Alibrary%2Fapp%3Apull"), "{scope}");

    // It becomes too old between manifest and blobs.
    let scene = Scene::new();
    scene.hub.state().wants_token = true;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while scene.hub.requests("GET", "/blobs/") == 0 {
                std::thread::yield_now();
            }
            scene.hub.state().tokens += 1;
        });
        scene.copy().unwrap();
    });
    assert!(scene.hub.requests("GET", "/token") >= 1);
}

#[test]
fn a_registry_that_gives_no_token_is_named() {
    for (what, wanted) in [
        (Fault::answers("GET", "/token", "403 Forbidden", ""), "Unauthorized"),
        (Fault::answers("GET", "/token", "200 OK", "{}"), "Malformed"),
        (Fault::answers("GET", "/token", "500 Internal Server Error", ""), "Answered"),
        // A token that is not taken is no reason to ask for ever.
        (Fault::answers("GET", "/token", "200 OK", r#"{"access_token":"wrong"}"#), "Unauthorized"),
    ] {
        let scene = Scene::new();
        scene.hub.state().wants_token = true;
        scene.hub.fail(what);
        assert_eq!(kind(scene.copy()), wanted);
    }
}

#[test]
fn our_token_does_not_follow_a_redirect() {
    let scene = Scene::new();
    let caches = TestRegistry::start();
    {
        let mut state = scene.hub.state();
        let blobs = state.repositories.get_mut("library/app").unwrap().blobs.clone();
        caches.state().repositories.entry("library/app".to_owned()).or_default().blobs = blobs;
        state.wants_token = true;
    }
    let base = format!("http://localhost:{}", caches.address.port());
    scene.hub.fail(Fault::always("GET", "/blobs/", What::Redirect(base)));
    scene.copy().unwrap();
    assert_eq!((scene.hub.sent(), caches.sent()), (0, scene.size()));
    let hub = scene.hub.state();
    assert!(hub.seen.iter().any(|request| request.header("authorization").starts_with("Bearer ")));
    assert!(caches.state().seen.iter().all(|request| request.header("authorization").is_empty()));
}

/// Another run that wanted the same blob removes it when it has pushed it.
#[test]
fn a_blob_that_vanishes_before_its_use_is_there_or_fetched_again() {
    let (bench, bytes) = (Bench::new(), noise(4, 2000));
    let (ours, task) = (bench.ours(), bench.task());
    let push = Push::new(&ours, &task, "app");
    let digest = digest(&bytes);
    let blob = Descriptor { media_type: String::new(), digest: digest.clone(), size: 2000 };
    let turns = std::cell::Cell::new(0);
    let there = |turn| {
        turns.set(0);
        let bring = |_: &Descriptor| {
            let path = bench.path("blob");
            turns.set(turns.get() + 1);
            if turns.get() >= turn {
                std::fs::write(&path, &bytes).unwrap();
            }
            Ok(path)
        };
        through(&task, &push, &blob, bring)
    };
    there(3).unwrap();
    assert_eq!((turns.get(), bench.registry.received()), (3, 2000));
    // By now the registry has it.
    there(9).unwrap();
    assert_eq!((turns.get(), bench.registry.received()), (1, 2000));
    bench.registry.state().repositories.clear();
    assert_eq!(kind(there(9)), "Local");
}

#[test]
fn two_copies_at_the_same_time_share_what_they_fetch() {
    let scene = Scene::with(content_for("amd64", (1..5).map(|seed| noise(seed, 60_000)).collect()));
    std::thread::scope(|scope| {
        let copies: Vec<_> = (0..3).map(|_| scope.spawn(|| scene.copy())).collect();
        for copy in copies {
            assert_eq!(copy.join().unwrap().unwrap(), scene.image);
        }
    });
    assert!(scene.cached().is_empty(), "{:?}", scene.cached());
}
