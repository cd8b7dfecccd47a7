//! Pushing archives.

use super::super::testing::{Fault, What, digest};
use super::fixtures::{
    Content, containerd, content, content_for, docker_20, docker_28, gzip, manifest, noise,
};
use super::*;

/// Bytes of an image's blobs, each counted once.
fn size(content: &Content) -> u64 {
    let mut layers = content.layers.clone();
    layers.sort();
    layers.dedup();
    (layers.iter().map(Vec::len).sum::<usize>() + content.config.len()) as u64
}

#[test]
fn a_second_push_sends_nothing_and_a_changed_layer_is_sent_alone() {
    let (bench, mut content) = (Bench::new(), content());
    let (ours, task) = (bench.ours(), bench.task());
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    let first = ours.push_archive(&task, &archive, "app/web", Some("1")).unwrap();
    let wanted = digest(manifest(&content, false).as_bytes());
    assert_eq!((&first, bench.registry.received()), (&wanted, size(&content)));
    assert_eq!(ours.digest(&task, "app/web", "1").unwrap(), Some(wanted.clone()));
    assert_eq!(ours.digest(&task, "app/web", &wanted).unwrap(), Some(wanted.clone()));
    let stored = ours.manifest(&task, "app/web", "1").unwrap().unwrap();
    assert_eq!(stored.bytes, manifest(&content, false).as_bytes());
    assert_eq!(stored.config_digest(), Some(digest(content.config.as_bytes())));
    let last = bench.parts.recorder.events().pop().unwrap();
    assert_eq!((last.current, last.total), (Some(size(&content)), Some(size(&content))));

    let second = || assert_eq!(ours.push_archive(&task, &archive, "app/web", Some("1")).unwrap(), wanted);
    assert_eq!(bench.received(second), 0);

    content.layers[1] = noise(77, 3000);
    let content = content_for("amd64", content.layers);
    let archive = bench.archive("b", |to| docker_20(to, &content, "app:1", false));
    let mut third = String::new();
    let sent = bench.received(|| third = ours.push_archive(&task, &archive, "app/web", None).unwrap());
    assert_eq!(sent, 3000 + content.config.len() as u64);
    assert!(ours.complete(&task, "app/web", &third).unwrap());
    assert_ne!(ours.digest(&task, "app/web", "1").unwrap(), Some(third), "no tag was given");
}

#[test]
fn a_layouts_manifest_is_pushed_as_it_is() {
    let (bench, content) = (Bench::new(), content_for("amd64", vec![noise(1, 5000)]));
    // Another order of keys than ours, and a space.
    let own = manifest(&content, false).replace(r#"{"schemaVersion":2,"#, r#"{ "schemaVersion":2,"#);
    let archive = bench.archive("28", |to| docker_28(to, &content, "app:1", &own));
    let pushed = bench.ours().push_archive(&bench.task(), &archive, "app", Some("1")).unwrap();
    assert_eq!(pushed, digest(own.as_bytes()));
    let packed = bench.archive("29", |to| containerd(to, std::slice::from_ref(&content), "app:1"));
    let sent = bench.received(|| {
        let pushed = bench.ours().push_archive(&bench.task(), &packed, "app", Some("1")).unwrap();
        assert_eq!(pushed, digest(manifest(&content, true).as_bytes()));
    });
    // The configuration is the same one.
    assert_eq!(sent, gzip(&content.layers[0]).len() as u64);
}

#[test]
fn what_another_repository_has_is_not_sent_again() {
    let (bench, content) = (Bench::new(), content());
    let (ours, task) = (bench.ours(), bench.task());
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    let push =
        |to: &str| bench.received(|| drop(ours.clone().push_archive(&task, &archive, to, None).unwrap()));
    assert_eq!((push("one"), push("two")), (size(&content), 0));
    // A registry that does not take it over is sent it.
    bench.registry.state().repositories.clear();
    assert_eq!(push("two"), size(&content));
}

#[test]
fn complete_is_what_has_its_manifest_and_all_blobs() {
    let (bench, content) = (Bench::new(), content());
    let (ours, task) = (bench.ours(), bench.task());
    let digest = digest(manifest(&content, false).as_bytes());
    assert!(!ours.complete(&task, "app", &digest).unwrap());
    assert_eq!(ours.digest(&task, "app", "1").unwrap(), None);
    assert_eq!(ours.manifest(&task, "app", "1").unwrap(), None);
    bench.push(&content).unwrap();
    assert!(ours.complete(&task, "app", &digest).unwrap());
    let layer = super::super::testing::digest(&content.layers[1]);
    bench.registry.state().repositories.get_mut("app").unwrap().blobs.remove(&layer);
    assert!(!ours.complete(&task, "app", &digest).unwrap());
}

#[test]
fn a_broken_upload_is_begun_anew() {
    let (bench, content) = (Bench::new(), content());
    for after in [0, 1000] {
        bench.registry.fail(Fault::once("PUT", "/blobs/uploads/", What::Die(after)));
    }
    bench.registry.fail(Fault::once("POST", "/blobs/uploads/", What::Die(0)));
    // A registry that was restarted knows no upload, and one under load says so.
    for status in ["404 Not Found", "400 Bad Request", "503 Service Unavailable"] {
        let fault = Fault::answers("PUT", "/blobs/uploads/", status, "BLOB_UPLOAD_UNKNOWN");
        bench.registry.fail(Fault { times: 1, ..fault });
    }
    bench.registry.fail(Fault::once("PUT", "/manifests/", What::Die(0)));
    let pushed = bench.push(&content).unwrap();
    assert!(bench.ours().complete(&bench.task(), "app", &pushed).unwrap());
    assert!(bench.said().contains("trying again in"), "{}", bench.said());
}

#[test]
fn an_upload_whose_answer_was_lost_is_not_sent_twice() {
    let (bench, content) = (Bench::new(), content_for("amd64", vec![noise(3, 40_000)]));
    let fault = Fault::answers("PUT", "/blobs/uploads/", "500 Internal Server Error", "");
    bench.registry.fail(Fault { times: 1, ..fault });
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    // As if it had been stored before that answer.
    let registry = &bench.registry;
    let (mut ours, task) = (bench.ours(), bench.task());
    ours.client.timeouts.pause = Duration::from_millis(300);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while registry.requests("PUT", "/blobs/") == 0 {
                std::thread::yield_now();
            }
            registry.blob("app", &content.layers[0]);
            registry.blob("app", content.config.as_bytes());
        });
        ours.push_archive(&task, &archive, "app", None).unwrap();
    });
    assert!(bench.registry.received() <= size(&content));
}

#[test]
fn a_registry_that_lost_blobs_meanwhile_is_sent_them_again() {
    let (bench, content) = (Bench::new(), content());
    let said = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#;
    let lost = || Fault::answers("PUT", "/manifests/", "400 Bad Request", said);
    bench.registry.fail(Fault { times: 1, ..lost() });
    bench.push(&content).unwrap();
    assert_eq!(bench.registry.received(), size(&content));
    assert!(bench.said().contains("checking again which blobs exist"), "{}", bench.said());
    bench.registry.fail(lost());
    assert_eq!(kind(bench.push(&content)), "Answered");
}

#[test]
fn many_may_push_at_the_same_time() {
    let bench = Bench::new();
    let shared = noise(1, 200_000);
    let (ours, task) = (bench.ours(), bench.task());
    std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..6u64)
            .map(|number| {
                let (bench, ours, task, shared) = (&bench, &ours, &task, &shared);
                scope.spawn(move || {
                    let content = content_for("amd64", vec![shared.clone(), noise(number + 2, 9000)]);
                    let archive =
                        bench.archive(&number.to_string(), |to| docker_20(to, &content, "app:1", false));
                    let repository = format!("app/{}", number % 3);
                    let pushed = ours.push_archive(task, &archive, &repository, Some("1"));
                    (repository, pushed, digest(manifest(&content, false).as_bytes()))
                })
            })
            .collect();
        for push in pushes {
            let (repository, pushed, wanted) = push.join().unwrap();
            match pushed {
                Ok(pushed) => assert_eq!(pushed, wanted),
                // Two of them give the same tag.
                Err(error) => assert_eq!(name(&error), "Differs"),
            }
            assert!(ours.complete(&task, &repository, &wanted).unwrap());
        }
    });
}
