//! What the user says of origins: a mirror, no tools of this machine, one source being enough.

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

fn answer(runtime: &tokio::runtime::Runtime, at: &str, body: &str) -> MockServer {
    runtime.block_on(async {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_string(body);
        server.register(Mock::given(path(at)).respond_with(answer)).await;
        server
    })
}

#[test]
fn a_mirror_is_asked_before_the_release_host_and_plain_http_is_announced_once() {
    let (runtime, mut bench) = (runtime(), mirrored().0);
    let server = answer(&runtime, &format!("/pub{PATH}"), bench.body);
    bench.trust.mirror = Some(mirror(&bench, &format!("{}/pub/", server.uri())));
    let origins = bench.origins();
    let (found, recorder) = with_task(&Script::default(), |task| {
        let found = origins.tool(task, None, "kind").unwrap();
        origins.tool_from(task, None, "kind", Origin::Mirror).unwrap();
        found
    });
    assert_eq!(found.origin, Origin::Mirror);
    assert_eq!(order(&found.refusals), [Origin::System, Origin::Cache, Origin::Bundle]);
    let plain = recorder.events().into_iter().filter(|event| event.message.contains("plain HTTP")).count();
    assert_eq!(plain, 1);
    // The next run finds it in the cache, held against the same pin.
    bench.trust.mirror = None;
    assert_eq!(bench.kind(&Script::default()).0.unwrap().origin, Origin::Cache);
    let left: Vec<_> = std::fs::read_dir(found.path.parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_mirror_that_lacks_the_file_is_said_and_the_release_host_asked() {
    let (runtime, mut bench) = (runtime(), Bench::new());
    let (release, empty) = (serve(&runtime, bench.body), answer(&runtime, "/nothing", ""));
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
        with_task(&Script::default(), |task| origins.tool_from(task, None, "kind", Origin::Mirror));
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
    let (result, _) =
        with_task(&Script::default(), |task| origins.tool_from(task, None, "kind", Origin::Mirror));
    assert!(result.unwrap_err().to_string().contains("is not a file"));
}

#[test]
fn a_mirror_that_is_no_folder_is_a_mistake() {
    let mut bench = Bench::new();
    for (text, help) in [("none", "a folder with"), ("mirror.local:8080", "https://mirror.local:8080")] {
        bench.trust.mirror = Some(mirror(&bench, text));
        let error = bench.kind(&Script::default()).0.unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Usage);
        assert!(error.to_string().contains(help), "{error}");
    }
}

#[test]
fn strict_asks_no_program_of_this_machine() {
    let (mut bench, folder) = mirrored();
    bench.program("kind");
    std::fs::write(folder.join("kind"), bench.body).unwrap();
    bench.trust.strict = true;
    let script = Script::default().on("kind version", 0, KIND_SAYS);
    let found = bench.kind(&script).0.unwrap();
    assert_eq!(found.origin, Origin::Mirror);
    assert_eq!(found.refusals[0].reason, "--strict was given");
    assert!(script.ran().is_empty());
}

#[test]
fn one_source_alone_is_not_believed_unless_it_is_asked_for() {
    let (mut bench, folder) = mirrored();
    std::fs::write(folder.join("kind"), bench.body).unwrap();
    bench.sources = 1;
    let origins = bench.origins();
    let (result, _) =
        with_task(&Script::default(), |task| origins.tool_from(task, None, "kind", Origin::Mirror));
    let text = result.unwrap_err().to_string();
    assert!(text.contains("one source alone") && text.contains("--allow-unpinned"), "{text}");
    bench.trust.allow_unpinned = true;
    assert_eq!(bench.kind(&Script::default()).0.unwrap().origin, Origin::Mirror);
}

#[test]
fn a_tool_of_this_machine_is_recorded_and_its_change_noticed() {
    let mut bench = Bench::new();
    bench.program("kind");
    let origins = bench.origins();
    let says = || Script::default().on("kind version", 0, KIND_SAYS);
    let (found, _) = with_task(&says(), |task| origins.present_tool(task, "kind").unwrap().0.unwrap());
    // A probe writes nothing down.
    assert!(!origins.accepted(&found));
    with_task(&says(), |task| origins.tool(task, None, "kind").unwrap());
    assert!(origins.accepted(&found));
    let verify = || with_task(&Script::default(), |task| origins.verify_tools(task).unwrap()).0;
    assert_eq!(verify().len(), 1);
    assert_eq!(verify()[0].fault, None);
    std::fs::write(&found.path, "#!/bin/sh\n# changed\n").unwrap();
    assert!(verify()[0].fault.as_ref().unwrap().contains("changed since it was first used"));
    let (_, recorder) = with_task(&says(), |task| origins.tool(task, None, "kind").unwrap());
    assert!(recorder.events().iter().any(|event| event.message.contains("changed since")));
    assert_eq!(verify()[0].fault, None);
}

#[test]
fn many_who_want_the_same_tool_get_it_once() {
    let (runtime, mut bench) = (runtime(), Bench::new());
    let server = serve(&runtime, bench.body);
    bench.url = format!("{}/kind", server.uri());
    let all: Vec<Origins> = (0..16).map(|_| bench.origins()).collect();
    std::thread::scope(|scope| {
        for origins in &all {
            scope.spawn(|| {
                let (found, _) = with_task(&Script::default(), |task| origins.tool(task, None, "kind"));
                assert_eq!(std::fs::read_to_string(found.unwrap().path).unwrap(), "the program");
            });
        }
    });
    assert_eq!(runtime.block_on(server.received_requests()).unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn links_replace_only_links_of_ours() {
    let (mut bench, folder) = mirrored();
    std::fs::write(folder.join("kind"), bench.body).unwrap();
    let origins = bench.origins();
    let found = with_task(&Script::default(), |task| origins.tool(task, None, "kind")).0.unwrap();
    let dir = bench.dir.path().join("links");
    for _ in 0..2 {
        assert_eq!(origins.link(&[&found], &dir).unwrap(), [dir.join("kind")]);
    }
    assert_eq!(std::fs::read_link(dir.join("kind")).unwrap(), found.path);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    for foreign in ["file", "link"] {
        std::fs::remove_file(dir.join("kind")).unwrap();
        match foreign {
            "file" => std::fs::write(dir.join("kind"), "mine").unwrap(),
            _ => std::os::unix::fs::symlink("/bin/true", dir.join("kind")).unwrap(),
        }
        let error = origins.link(&[&found], &dir).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Refused);
        assert!(error.to_string().contains("links/kind") && !error.hints().is_empty(), "{error}");
    }
    assert_eq!(std::fs::read_link(dir.join("kind")).unwrap(), Path::new("/bin/true"));
}
