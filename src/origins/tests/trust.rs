//! What the user trusts: a mirror, no tools of this machine, a single source.

use super::*;

const PATH: &str = "/release.example/kind";

fn mirror(bench: &Bench, text: &str) -> Mirror {
    Mirror::parse(text, bench.dir.path()).unwrap()
}

/// A bench whose pin is published where nobody can be reached, with a folder as its mirror.
fn mirrored() -> (Bench, std::path::PathBuf) {
    let mut bench = Bench::new();
    bench.url = "https://release.example/kind".to_owned();
    let folder = bench.dir.path().join("mirror/release.example");
    std::fs::create_dir_all(&folder).unwrap();
    bench.trust.mirror = Some(mirror(&bench, "mirror"));
    (bench, folder)
}

#[test]
fn a_mirror_is_asked_before_the_release_host_and_plain_http_is_announced_once() {
    let mut bench = mirrored().0;
    let (_runtime, server) = serve(&format!("/pub{PATH}"), bench.body);
    bench.trust.mirror = Some(mirror(&bench, &format!("{}/pub/", server.uri())));
    let origins = bench.origins();
    let (found, recorder) = with_task(&Script::default(), |task| {
        let found = origins.tool(task, "kind", Urgency::Cluster).unwrap();
        origins.tool_from(task, "kind", Origin::Mirror).unwrap();
        found
    });
    assert_eq!(found.origin, Origin::Mirror);
    assert_eq!(order(&found.refusals), [Origin::System, Origin::Cache, Origin::Bundle]);
    let plain = recorder.events().into_iter().filter(|event| event.message.contains("plain HTTP")).count();
    assert_eq!(plain, 1);
    // The next run finds it in the cache, compared with the same pin.
    bench.trust.mirror = None;
    assert_eq!(bench.kind(&Script::default()).0.unwrap().origin, Origin::Cache);
    let left: Vec<_> = std::fs::read_dir(found.path.parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_mirror_that_lacks_the_file_is_said_and_the_release_host_asked() {
    let mut bench = Bench::new();
    let ((_one, release), (_two, empty)) = (serve("/kind", bench.body), serve("/nothing", ""));
    bench.url = format!("{}/kind", release.uri());
    bench.trust.mirror = Some(mirror(&bench, &empty.uri()));
    let found = bench.kind(&Script::default()).0.unwrap();
    assert_eq!(found.origin, Origin::Download);
    let refusal = found.refusals.last().unwrap();
    assert!(refusal.origin == Origin::Mirror && refusal.reason.contains("404"), "{refusal}");
}

#[test]
fn a_mirror_that_cannot_be_reached_is_asked_anew_in_the_next_run() {
    let mut bench = Bench::new();
    bench.trust.mirror = Some(mirror(&bench, "http://127.0.0.1:1"));
    let error = bench.kind(&Script::default()).0.unwrap_err();
    assert!(error.to_string().contains("mirror: 127.0.0.1"), "{error}");
    assert!(!bench.cache().join("unreachable.json").exists());
}

#[test]
fn a_folder_is_a_mirror_and_its_links_may_lead_to_files() {
    let (mut bench, folder) = mirrored();
    std::fs::write(bench.dir.path().join("elsewhere"), bench.body).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(bench.dir.path().join("elsewhere"), folder.join("kind")).unwrap();
    #[cfg(not(unix))]
    std::fs::write(folder.join("kind"), bench.body).unwrap();
    let found = bench.kind(&Script::default()).0.unwrap();
    assert_eq!(found.origin, Origin::Mirror);
    // What was installed is a file of our own.
    assert!(std::fs::symlink_metadata(&found.path).unwrap().is_file());
}

#[test]
fn what_a_folder_has_is_held_against_the_pin() {
    let (mut bench, folder) = mirrored();
    std::fs::write(folder.join("kind"), "something else").unwrap();
    let origins = bench.origins();
    let (result, recorder) =
        with_task(&Script::default(), |task| origins.tool_from(task, "kind", Origin::Mirror));
    assert!(result.unwrap_err().to_string().contains("expected"));
    assert!(recorder.events().iter().any(|event| event.state == State::Warning));
    let left: Vec<_> =
        std::fs::read_dir(bench.cache().join("tools/kind-0.33.0")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_in_a_folder_is_not_waited_for() {
    let (mut bench, folder) = mirrored();
    let pipe = folder.join("kind");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let origins = bench.origins();
    let (result, _) = with_task(&Script::default(), |task| origins.tool_from(task, "kind", Origin::Mirror));
    assert!(result.unwrap_err().to_string().contains("is not a file"));
}
