//! Registries that misbehave.

use super::super::testing::{Fault, What, digest};
use super::fixtures::{content, content_for, docker_20, manifest, noise};
use super::*;

fn help(error: &RegistryError) -> String {
    crate::error::Error::from(error.clone()).hints().concat()
}

#[test]
fn a_registry_that_answers_is_ready() {
    let bench = Bench::new();
    bench.ours().ready(&bench.task()).unwrap();
    // Some say nothing of their version.
    bench.registry.fail(Fault::answers("GET", "/v2/", "200 OK", "{}"));
    bench.ours().ready(&bench.task()).unwrap();
}

#[test]
fn what_is_no_registry_is_told_apart_from_what_is_not_there() {
    let bench = Bench::new();
    let server = vec![("Server", "AirTunes/775.3.1".to_owned())];
    for (status, body) in [("403 Forbidden", ""), ("200 OK", "<html>"), ("404 Not Found", "")] {
        let what = What::Answer { status, headers: server.clone(), body: body.to_owned() };
        bench.registry.fail(Fault::once("GET", "/v2/", what));
        let error = bench.ours().ready(&bench.task()).unwrap_err();
        assert_eq!(name(&error), "Stranger");
        assert!(error.to_string().contains("AirTunes"), "{error}");
        assert!(help(&error).contains(&bench.registry.address.port().to_string()), "{error}");
    }
    bench.registry.die();
    let error = bench.ours().ready(&bench.task()).unwrap_err();
    assert_eq!(name(&error), "Unreachable");
    let at = format!("http://{}/v2/", bench.registry.authority());
    assert!(error.to_string().contains(&bench.registry.authority()) && help(&error).contains(&at), "{error}");
    // Nobody waits for what was never there.
    let started = Instant::now();
    assert_eq!(kind(bench.push(&content())), "Unreachable");
    assert!(started.elapsed() < Duration::from_secs(2) && !bench.said().contains("trying again"));
}

#[test]
fn what_speaks_no_http_is_no_registry() {
    let bench = Bench::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::io::Write::write_all(&mut stream?, b"SSH-2.0-OpenSSH_9.2\r\n")?;
        }
        Ok::<_, std::io::Error>(())
    });
    let other = Registry::new(&address.to_string()).unwrap().with(TIMEOUTS);
    let error = other.ready(&bench.task()).unwrap_err();
    assert!(["Stranger", "Transfer"].contains(&name(&error)), "{error}");
}

#[test]
fn only_addresses_of_this_machine_are_taken() {
    for good in ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "127.0.1.1:1"] {
        assert_eq!(Registry::new(good).unwrap().authority(), good);
    }
    for bad in
        ["127.0.0.1", "registry.example:5000", "10.0.0.1:5000", "127.0.0.1:5000/x", "a@127.0.0.1:1", ""]
    {
        assert_eq!(kind(Registry::new(bad)), "Name", "{bad}");
    }
    let bench = Bench::new();
    for (repository, reference) in [("App", "1"), ("app", "../x"), ("", "1"), ("app", "sha256:1")] {
        assert_eq!(kind(bench.ours().digest(&bench.task(), repository, reference)), "Name");
    }
}

#[test]
fn a_registry_that_dies_during_a_push_is_named() {
    let bench = Bench::new();
    bench.registry.fail(Fault::always("PUT", "/blobs/uploads/", What::Die(100)));
    let error = bench.push(&content()).unwrap_err();
    assert_eq!(name(&error), "Died");
    assert!(error.to_string().contains(&bench.registry.authority()), "{error}");
    // And one whose port is closed in the middle of it.
    let bench = Bench::new();
    let (registry, archive) = (&bench.registry, bench.path("a"));
    docker_20(&archive, &content_for("amd64", (0..40).map(|n| noise(n, 3000)).collect()), "app:1", false);
    registry.fail(Fault { times: 1, ..Fault::always("PUT", "/blobs/uploads/", What::Die(0)) });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while registry.requests("PUT", "/blobs/") == 0 {
                std::thread::yield_now();
            }
            registry.die();
        });
        assert_eq!(kind(bench.ours().push_archive(&bench.task(), &archive, "app", None)), "Died");
    });
}

#[test]
fn a_full_disk_of_the_registry_is_named() {
    let said = r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":
        "write /var/lib/registry/x: no space left on device"}]}"#;
    for (method, path, status, body) in [
        ("PUT", "/blobs/uploads/", "500 Internal Server Error", said),
        ("POST", "/blobs/uploads/", "500 Internal Server Error", said),
        ("PUT", "/manifests/", "507 Insufficient Storage", ""),
    ] {
        let bench = Bench::new();
        bench.registry.fail(Fault::answers(method, path, status, body));
        let error = bench.push(&content()).unwrap_err();
        assert!(name(&error) == "Full", "{error}");
        assert_eq!(crate::error::Error::from(error).exit(), crate::error::Exit::HostNotReady);
        // To try again would help nobody.
        assert!(!bench.said().contains("trying again"), "{}", bench.said());
    }
}

#[test]
fn a_registry_that_stands_still_is_given_up() {
    for (method, path) in [("PUT", "/blobs/uploads/"), ("POST", "/blobs/uploads/"), ("PUT", "/manifests/")] {
        let bench = Bench::new();
        bench.registry.fail(Fault::always(method, path, What::Stall));
        assert_eq!(kind(bench.push(&content())), "Stalled", "{method} {path}");
    }
    let bench = Bench::new();
    bench.registry.fail(Fault::once("HEAD", "/blobs/", What::Stall));
    bench.push(&content()).unwrap();
}

#[test]
fn a_registry_that_refuses_is_named() {
    let bench = Bench::new();
    let said = r#"{"errors":[{"code":"DENIED"}]}"#;
    bench.registry.fail(Fault::answers("POST", "/uploads/", "403 Forbidden", said));
    let error = bench.push(&content()).unwrap_err();
    assert!(name(&error) == "Unauthorized" && error.to_string().contains("DENIED"), "{error}");
    let bench = Bench::new();
    bench.registry.fail(Fault::answers("PUT", "/manifests/", "405 Method Not Allowed", "UNSUPPORTED"));
    let error = bench.push(&content()).unwrap_err();
    assert!(name(&error) == "Answered" && error.to_string().contains("405"), "{error}");
    let bench = Bench::new();
    bench.registry.fail(Fault::always("HEAD", "/blobs/", What::Redirect("http://127.0.0.2:1".to_owned())));
    assert_eq!(kind(bench.push(&content())), "Transfer");
}

#[test]
fn bytes_go_to_our_registry_alone() {
    for elsewhere in ["http://127.0.0.1:1/v2/app/blobs/uploads/1", "https://registry.example/x", ""] {
        let bench = Bench::new();
        let headers = vec![("Location", elsewhere.to_owned())];
        let what = What::Answer { status: "202 Accepted", headers, body: String::new() };
        bench.registry.fail(Fault::always("POST", "/uploads/", what));
        assert_eq!(kind(bench.push(&content())), "Malformed", "{elsewhere}");
        assert_eq!(bench.registry.received(), 0);
    }
}

#[test]
fn another_digest_than_the_pushed_one_is_an_error() {
    let bench = Bench::new();
    let other = manifest(&content_for("amd64", vec![noise(1, 9)]), false);
    bench.registry.fail(Fault::answers("GET", "/manifests/1", "200 OK", &other));
    let error = bench.push(&content()).unwrap_err();
    assert_eq!(name(&error), "Differs");
    assert!(error.to_string().contains(&digest(other.as_bytes())), "{error}");
}

#[test]
fn a_manifest_that_is_not_the_one_of_its_digest_is_refused() {
    let bench = Bench::new();
    let pushed = bench.push(&content()).unwrap();
    bench.registry.fail(Fault::always("GET", "/manifests/", What::Corrupt));
    let result = bench.ours().manifest(&bench.task(), "app", &pushed);
    assert!(["Mismatch", "Malformed"].contains(&kind(result)));
    let other = manifest(&content(), true);
    bench.registry.state().faults.clear();
    bench.registry.fail(Fault::answers("GET", "/manifests/", "200 OK", &other));
    assert_eq!(kind(bench.ours().digest(&bench.task(), "app", &pushed)), "Mismatch");
}

#[test]
fn a_damaged_archive_is_noticed_by_the_registry() {
    let (bench, content) = (Bench::new(), content());
    let archive = bench.archive("a", |to| docker_20(to, &content, "app:1", false));
    let mut bytes = std::fs::read(&archive).unwrap();
    let at = bytes.windows(64).position(|part| part == &content.layers[0][512..576]).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let error = bench.ours().push_archive(&bench.task(), &archive, "app", None).unwrap_err();
    assert!(name(&error) == "Mismatch", "{error}");
    assert!(error.to_string().contains(&digest(&content.layers[0])), "{error}");
}

#[test]
fn an_interrupted_push_ends_at_once() {
    let bench = Bench::new();
    bench.cancel.cancel(crate::cancel::Reason::Interrupted);
    bench.registry.fail(Fault::always("PUT", "/blobs/uploads/", What::Stall));
    let started = Instant::now();
    let error = crate::error::Error::from(bench.push(&content()).unwrap_err());
    assert_eq!(error.exit(), crate::error::Exit::Interrupted);
    assert!(started.elapsed() < Duration::from_secs(5));
}
