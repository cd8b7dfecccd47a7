//! Downloads from well-behaved and from faulty servers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Timeouts;
use super::*;
use crate::exec::Script;
use crate::fetch::testing::Reply;
use crate::process_env::ProcessEnv;
use crate::task::testing::Parts;
use server::Server;

mod disk;
mod faulty;
mod parts;
mod server;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Bench {
    dir: tempfile::TempDir,
    parts: Parts,
    timeouts: Timeouts,
}

impl Bench {
    fn new() -> Self {
        let timeouts = Timeouts { pause: Duration::from_millis(1), ..Timeouts::default() };
        Self { dir: tempfile::tempdir().unwrap(), parts: Parts::default(), timeouts }
    }

    /// With time-outs that a test can wait for.
    fn impatient() -> Self {
        let mut bench = Self::new();
        (bench.timeouts.idle, bench.timeouts.slow) = (Duration::from_millis(300), Duration::from_millis(400));
        bench
    }

    fn fetch(&self, url: &str, sha256: &str, size: Option<u64>) -> Result<u64, FetchError> {
        self.get(&Remote { url, sha256, size, ..Remote::default() })
    }

    fn get(&self, remote: &Remote<'_>) -> Result<u64, FetchError> {
        let script = Script::default();
        let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
        let mut client = Client::new(&process_env).unwrap();
        client.timeouts = self.timeouts;
        download(&self.parts.task(&script), &client, remote, &self.dir.path().join("file"))
    }

    fn said(&self) -> String {
        self.parts.recorder.said()
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "file.lock")
            .collect();
        names.sort();
        names
    }
}

fn abc() -> Server {
    Server::start(|request| Reply::file(request, b"abc", Some("\"1\"")))
}

#[test]
fn a_good_file_arrives_with_progress() {
    let (bench, server) = (Bench::new(), abc());
    assert_eq!(bench.fetch(&server.url(), ABC, Some(3)).unwrap(), 3);
    assert_eq!(bench.files(), ["file"]);
    let last = bench.parts.recorder.events().pop().unwrap();
    assert_eq!((last.current, last.total), (Some(3), Some(3)));
    // A second time, nothing is asked for.
    assert_eq!(bench.fetch(&server.url(), ABC, Some(3)).unwrap(), 3);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_password_in_an_address_is_used_and_not_told() {
    let server = Server::start(|request| match (request.path.as_str(), request.header("authorization")) {
        ("/tool", "Basic bWU6aHVzaA==") => Reply::file(request, b"abc", None),
        _ => Reply::new("404 x").body(""),
    });
    let bench = Bench::new();
    let url = server.url().replace("http://", "http://me:hush@");
    bench.fetch(&url, ABC, None).unwrap();
    std::fs::remove_file(bench.dir.path().join("file")).unwrap();
    for (url, sha256, size) in [
        (url.as_str(), &*"0".repeat(64), None),
        (&url, ABC, Some(4)),
        (&url.replace("/tool", "/none"), ABC, None),
        ("ftp://me:hush@127.0.0.1/abc", ABC, None),
        ("http//me:hush@127.0.0.1/abc", ABC, None),
    ] {
        let error = bench.fetch(url, sha256, size).unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    assert!(!bench.said().contains("hush"), "{}", bench.said());
}

#[test]
fn an_interrupted_download_ends_at_once() {
    let bench = Bench::new();
    bench.parts.cancel.cancel(crate::cancel::Reason::Interrupted);
    let server = Server::start(|request| {
        std::thread::sleep(Duration::from_secs(10));
        Reply::file(request, b"abc", None)
    });
    let error = Error::from(bench.fetch(&server.url(), ABC, None).unwrap_err());
    assert_eq!(error.exit(), crate::error::Exit::Interrupted);
}
