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
    let other = impatient(&address.to_string());
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
fn every_failure_of_our_registry_has_a_name() {
    const UPLOADS: &str = "/blobs/uploads/";
    let broken = "500 Internal Server Error";
    let full = r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":
        "write /var/lib/registry/x: no space left on device"}]}"#;
    let denied = r#"{"errors":[{"code":"DENIED"}]}"#;
    let leads = |to: &str| {
        let headers = vec![("Location", to.to_owned())];
        let what = What::Answer { status: "202 Accepted", headers, body: String::new() };
        Fault::always("POST", UPLOADS, what)
    };
    let away = What::Redirect("http://127.0.0.2:1".to_owned());
    let other = manifest(&content_for("amd64", vec![noise(1, 9)]), false);
    for (fault, wanted, words) in [
        (Fault::always("PUT", UPLOADS, What::Die(100)), "Died", "127.0.0.1:"),
        (Fault::answers("PUT", UPLOADS, broken, full), "Full", "no space left"),
        (Fault::answers("POST", UPLOADS, broken, full), "Full", "no space left"),
        (Fault::answers("PUT", "/manifests/", "507 Insufficient Storage", ""), "Full", "507"),
        (Fault::always("PUT", UPLOADS, What::Stall), "Stalled", ""),
        (Fault::always("POST", UPLOADS, What::Stall), "Stalled", ""),
        (Fault::always("PUT", "/manifests/", What::Stall), "Stalled", ""),
        (Fault::answers("POST", UPLOADS, "403 Forbidden", denied), "Unauthorized", "DENIED"),
        (Fault::answers("PUT", "/manifests/", "405 Method Not Allowed", "no"), "Answered", "405"),
        (Fault::always("HEAD", "/blobs/", away), "Transfer", ""),
        // Bytes go to our registry alone.
        (leads("http://127.0.0.1:1/v2/app/blobs/uploads/1"), "Malformed", ""),
        (leads("https://registry.example/x"), "Malformed", ""),
        (leads(""), "Malformed", ""),
        (Fault::answers("GET", "/manifests/1", "200 OK", &other), "Differs", &digest(other.as_bytes())),
    ] {
        let bench = Bench::new();
        bench.registry.fail(fault.clone());
        let error = bench.push(&content()).unwrap_err();
        assert_eq!(name(&error), wanted, "{fault:?}: {error}");
        assert!(error.to_string().contains(words), "{error}");
        if wanted == "Full" {
            assert_eq!(crate::error::Error::from(error).exit(), crate::error::Exit::HostNotReady);
            // To try again would help nobody.
            assert!(!bench.said().contains("trying again"), "{}", bench.said());
        } else if wanted == "Malformed" {
            assert_eq!(bench.registry.received(), 0);
        }
    }
    let bench = Bench::new();
    bench.registry.fail(Fault::once("HEAD", "/blobs/", What::Stall));
    bench.push(&content()).unwrap();
}

#[test]
fn a_registry_whose_port_is_closed_during_a_push_died() {
    let bench = Bench::new();
    let (registry, archive) = (&bench.registry, bench.path("a"));
    docker_20(&archive, &content_for("amd64", (0..40).map(|n| noise(n, 3000)).collect()), "app:1", false);
    registry.fail(Fault::once("PUT", "/blobs/uploads/", What::Die(0)));
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
    content.damage(&archive);
    let error = bench.ours().push_archive(&bench.task(), &archive, "app", None).unwrap_err();
    assert!(name(&error) == "Mismatch", "{error}");
    assert!(error.to_string().contains(&digest(&content.layers[0])), "{error}");
}

#[test]
fn an_interrupted_push_ends_at_once() {
    let bench = Bench::new();
    bench.parts.cancel.cancel(crate::cancel::Reason::Interrupted);
    bench.registry.fail(Fault::always("PUT", "/blobs/uploads/", What::Stall));
    let started = Instant::now();
    let error = crate::error::Error::from(bench.push(&content()).unwrap_err());
    assert_eq!(error.exit(), crate::error::Exit::Interrupted);
    assert!(started.elapsed() < Duration::from_secs(5));
}
