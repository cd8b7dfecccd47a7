//! Writing images of our registry as archives.

use super::super::testing::{Fault, What, digest};
use super::fixtures::{containerd, content, content_for, docker_20, noise};
use super::*;

#[test]
fn an_export_is_the_archive_that_was_pushed_in_our_form() {
    let bench = Bench::new();
    let (ours, task) = (bench.ours(), bench.task());
    let packed = content_for("amd64", vec![noise(4, 30_000), noise(5, 1)]);
    for archive in [
        bench.archive("20", |to| docker_20(to, &content(), "app:1", false)),
        bench.archive("29", |to| containerd(to, std::slice::from_ref(&packed), "app:1")),
    ] {
        let pushed = ours.push_archive(&task, &archive, "app", None).unwrap();
        ours.export(&task, "app", &pushed, "localhost/app/web:1", &bench.path("one")).unwrap();
        normalise_archive(&archive, "localhost/app/web:1", &bench.path("two")).unwrap();
        let one = std::fs::read(bench.path("one")).unwrap();
        assert_eq!(one, std::fs::read(bench.path("two")).unwrap());
        ours.export(&task, "app", &pushed, "localhost/app/web:1", &bench.path("one")).unwrap();
        assert_eq!(one, std::fs::read(bench.path("one")).unwrap());
        // What was exported is what was pushed.
        let again = || assert_eq!(ours.push_archive(&task, &bench.path("one"), "app", None).unwrap(), pushed);
        assert_eq!(bench.received(again), 0);
        let last = bench.parts.recorder.events().into_iter().rfind(|event| event.current.is_some()).unwrap();
        assert!(last.current.is_some() && last.current == last.total);
    }
}

#[test]
fn a_broken_answer_is_asked_for_again_and_a_wrong_one_is_refused() {
    let bench = Bench::new();
    let (ours, task) = (bench.ours(), bench.task());
    let archive = bench.archive("20", |to| docker_20(to, &content(), "app:1", false));
    let pushed = ours.push_archive(&task, &archive, "app", None).unwrap();
    let to = bench.path("to");
    for what in [What::Cut(100), What::Cut(0), What::Stall] {
        bench.registry.fail(Fault::once("GET", "/blobs/", what));
    }
    ours.export(&task, "app", &pushed, "app:1", &to).unwrap();
    normalise_archive(&archive, "app:1", &bench.path("two")).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(bench.path("two")).unwrap());
    std::fs::remove_file(&to).unwrap();

    bench.registry.fail(Fault::once("GET", "/blobs/", What::Corrupt));
    assert_eq!(kind(ours.export(&task, "app", &pushed, "app:1", &to)), "Mismatch");
    assert_eq!(kind(ours.export(&task, "app", &digest(b"none"), "app:1", &to)), "NotFound");
    assert_eq!(kind(ours.export(&task, "app", &pushed, "App", &to)), "Name");
    let left: Vec<_> =
        std::fs::read_dir(bench.dir.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(!to.exists() && left.len() == 2, "{left:?}");
}
