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
    assert_eq!(first, Pushed { digest: wanted.clone(), sent: size(&content), present: 0 });
    assert_eq!(bench.registry.received(), size(&content));
    assert_eq!(ours.digest(&task, "app/web", "1").unwrap(), Some(wanted.clone()));
    assert_eq!(ours.digest(&task, "app/web", &wanted).unwrap(), Some(wanted.clone()));
    let stored = ours.manifest(&task, "app/web", "1").unwrap().unwrap();
    assert_eq!(stored.bytes, manifest(&content, false).as_bytes());
    assert_eq!(stored.config_digest(), Some(digest(content.config.as_bytes())));
    let last = bench.recorder.events().pop().unwrap();
    assert_eq!((last.current, last.total), (Some(size(&content)), Some(size(&content))));

    let second = ours.push_archive(&task, &archive, "app/web", Some("1")).unwrap();
    assert_eq!(second, Pushed { digest: wanted, sent: 0, present: size(&content) });

    content.layers[1] = noise(77, 3000);
    let content = content_for("amd64", content.layers);
    let archive = bench.archive("b", |to| docker_20(to, &content, "app:1", false));
    let third = ours.push_archive(&task, &archive, "app/web", None).unwrap();
    assert_eq!(third.sent, 3000 + content.config.len() as u64);
    assert!(ours.complete(&task, "app/web", &third.digest).unwrap());
    assert_ne!(ours.digest(&task, "app/web", "1").unwrap(), Some(third.digest), "no tag was given");
}

#[test]
fn a_layouts_manifest_is_pushed_as_it_is() {
    let (bench, content) = (Bench::new(), content_for("amd64", vec![noise(1, 5000)]));
    // Another order of keys than ours, and a space.
    let own = manifest(&content, false).replace(r#"{"schemaVersion":2,"#, r#"{ "schemaVersion":2,"#);
    let archive = bench.archive("28", |to| docker_28(to, &content, "app:1", &own));
    let pushed = bench.ours().push_archive(&bench.task(), &archive, "app", Some("1")).unwrap();
    assert_eq!(pushed.digest, digest(own.as_bytes()));
    let packed = bench.archive("29", |to| containerd(to, std::slice::from_ref(&content), "app:1"));
    let pushed = bench.ours().push_archive(&bench.task(), &packed, "app", Some("1")).unwrap();
    assert_eq!(pushed.digest, digest(manifest(&content, true).as_bytes()));
    // The configuration is the same one.
    assert_eq!(pushed.sent, gzip(&content.layers[0]).len() as u64);
}

#[test]
fn what_another_repository_has_is_not_sent_again() {
    let (bench, content) = (Bench::new(), content());
    let (ours, task) = (bench.ours(), bench.task());
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    ours.push_archive(&task, &archive, "one", None).unwrap();
    let pushed = ours.clone().push_archive(&task, &archive, "two", None).unwrap();
    assert_eq!((pushed.sent, pushed.present), (0, size(&content)));
    // A registry that does not take it over is sent it.
    bench.registry.state().repositories.remove("one");
    bench.registry.state().repositories.remove("two");
    let pushed = ours.push_archive(&task, &archive, "two", None).unwrap();
    assert_eq!(pushed.sent, size(&content));
}

#[test]
fn complete_is_what_has_its_manifest_and_all_blobs() {
    let (bench, content) = (Bench::new(), content());
    let (ours, task) = (bench.ours(), bench.task());
    let digest = digest(manifest(&content, false).as_bytes());
    assert!(!ours.complete(&task, "app", &digest).unwrap());
    assert_eq!(ours.digest(&task, "app", "1").unwrap(), None);
    assert_eq!(ours.manifest(&task, "app", "1").unwrap(), None);
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    ours.push_archive(&task, &archive, "app", None).unwrap();
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
        let what = What::Answer { status, headers: Vec::new(), body: "BLOB_UPLOAD_UNKNOWN".to_owned() };
        bench.registry.fail(Fault::once("PUT", "/blobs/uploads/", what));
    }
    bench.registry.fail(Fault::once("PUT", "/manifests/", What::Die(0)));
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    let pushed = bench.ours().push_archive(&bench.task(), &archive, "app", Some("1")).unwrap();
    assert_eq!(pushed.sent, size(&content));
    assert!(bench.ours().complete(&bench.task(), "app", &pushed.digest).unwrap());
    assert!(bench.said().contains("trying again in"), "{}", bench.said());
}

#[test]
fn an_upload_whose_answer_was_lost_is_not_sent_twice() {
    let (bench, content) = (Bench::new(), content_for("amd64", vec![noise(3, 40_000)]));
    bench.registry.fail(Fault::once(
        "PUT",
        "/blobs/uploads/",
        What::Answer { status: "500 Internal Server Error", headers: Vec::new(), body: String::new() },
    ));
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    // As if it had been stored before that answer.
    let registry = &bench.registry;
    let (ours, task) = (bench.ours(), bench.task());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while registry.requests("PUT", "/blobs/") == 0 {
                std::thread::yield_now();
            }
            registry.blob("app", &content.layers[0]);
            registry.blob("app", content.config.as_bytes());
        });
        let pause = Duration::from_millis(300);
        let ours = ours.with(Timeouts { pause, ..TIMEOUTS });
        ours.push_archive(&task, &archive, "app", None).unwrap();
    });
    assert!(bench.registry.received() <= size(&content));
}

#[test]
fn a_registry_that_lost_blobs_meanwhile_is_sent_them_again() {
    let (bench, content) = (Bench::new(), content());
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    let lost = |times| Fault {
        times,
        ..Fault::answers(
            "PUT",
            "/manifests/",
            "400 Bad Request",
            r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#,
        )
    };
    bench.registry.fail(lost(1));
    let pushed = bench.ours().push_archive(&bench.task(), &archive, "app", None).unwrap();
    assert_eq!((pushed.sent, pushed.present), (size(&content), 0));
    bench.registry.fail(lost(usize::MAX));
    assert_eq!(kind(bench.ours().push_archive(&bench.task(), &archive, "app", None)), "Answered");
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
                    let pushed = ours.push_archive(task, &archive, &repository, Some("1")).map(|p| p.digest);
                    (repository, pushed, digest(manifest(&content, false).as_bytes()))
                })
            })
            .collect();
        for push in pushes {
            let (repository, pushed, wanted) = push.join().unwrap();
            match pushed {
                Ok(pushed) => assert_eq!(pushed, wanted),
                // Two of them give the same tag.
                Err(error) => assert_eq!(error.kind(), "Differs"),
            }
            assert!(ours.complete(&task, &repository, &wanted).unwrap());
        }
    });
}
