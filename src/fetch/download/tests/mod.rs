//! Downloads from well-behaved and from faulty servers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::Timeouts;
use super::*;
use crate::cancel::Cancel;
use crate::exec::Script;
use crate::process_env::ProcessEnv;
use crate::progress::Recorder;

use server::{Reply, Request, Server, Then};

mod disk;
mod faulty;
mod parts;
mod server;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Bench {
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
    recorder: Recorder,
    cancel: Cancel,
    script: Script,
    timeouts: Timeouts,
    limit: Duration,
}

impl Bench {
    fn new() -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            dir: tempfile::tempdir().unwrap(),
            recorder: Recorder::default(),
            cancel: Cancel::default(),
            script: Script::default(),
            limit: Duration::from_secs(60),
            timeouts: Timeouts { pause: Duration::from_millis(1), ..Timeouts::default() },
        }
    }

    /// With time-outs that a test can wait for.
    fn impatient() -> Self {
        let timeouts = Timeouts {
            idle: Duration::from_millis(300),
            slow: Duration::from_millis(400),
            pause: Duration::from_millis(1),
            ..Timeouts::default()
        };
        Self { timeouts, ..Self::new() }
    }

    fn fetch(&self, url: &str, sha256: &str, size: Option<u64>) -> Result<u64, FetchError> {
        self.get(&Remote { url, sha256, size, ..Remote::default() })
    }

    fn get(&self, remote: &Remote<'_>) -> Result<u64, FetchError> {
        let task = Task {
            step: "fetch",
            runner: &self.script,
            reporter: &self.recorder,
            cancel: &self.cancel,
            runtime: self.runtime.handle(),
            deadline: Instant::now() + self.limit,
        };
        let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
        let client = Client::new(&process_env).unwrap().with(self.timeouts);
        download(&task, &client, remote, &self.dir.path().join("file"))
    }

    fn said(&self) -> String {
        self.recorder.events().into_iter().map(|event| event.message + "\n").collect()
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

    fn server(&self, mocks: Vec<Mock>) -> MockServer {
        self.runtime.block_on(async {
            let server = MockServer::start().await;
            for mock in mocks {
                server.register(mock).await;
            }
            server
        })
    }
}

fn abc() -> Mock {
    Mock::given(path("/abc")).respond_with(ResponseTemplate::new(200).set_body_bytes(b"abc"))
}

#[test]
fn a_good_file_arrives_with_progress() {
    let bench = Bench::new();
    let server = bench.server(vec![abc()]);
    assert_eq!(bench.fetch(&format!("{}/abc", server.uri()), ABC, Some(3)).unwrap(), 3);
    assert_eq!(bench.files(), ["file"]);
    let last = bench.recorder.events().pop().unwrap();
    assert_eq!((last.current, last.total), (Some(3), Some(3)));
    // A second time, nothing is asked for.
    assert_eq!(bench.fetch(&format!("{}/abc", server.uri()), ABC, Some(3)).unwrap(), 3);
    assert_eq!(bench.runtime.block_on(server.received_requests()).unwrap().len(), 1);
}

#[test]
fn a_wrong_hash_is_named_and_removed() {
    let bench = Bench::new();
    let server = bench.server(vec![abc()]);
    let error = bench.fetch(&format!("{}/abc", server.uri()), &"0".repeat(64), None).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(ABC) && text.contains(&"0".repeat(64)), "{text}");
    assert!(bench.files().is_empty(), "{:?}", bench.files());
}

#[test]
fn a_password_in_an_address_is_used_and_not_told() {
    let bench = Bench::new();
    let with_password = Mock::given(header("authorization", "Basic bWU6aHVzaA==")).and(path("/abc"));
    let server =
        bench.server(vec![with_password.respond_with(ResponseTemplate::new(200).set_body_bytes(b"abc"))]);
    let url = |path: &str| server.uri().replace("http://", "http://me:hush@") + path;
    bench.fetch(&url("/abc"), ABC, None).unwrap();
    std::fs::remove_file(bench.dir.path().join("file")).unwrap();
    for error in [
        bench.fetch(&url("/abc"), &"0".repeat(64), None).unwrap_err(),
        bench.fetch(&url("/abc"), ABC, Some(4)).unwrap_err(),
        bench.fetch(&url("/none"), ABC, None).unwrap_err(),
        bench.fetch("ftp://me:hush@127.0.0.1/abc", ABC, None).unwrap_err(),
        bench.fetch("http//me:hush@127.0.0.1/abc", ABC, None).unwrap_err(),
    ] {
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let said = bench.recorder.events().into_iter().map(|event| event.message).collect::<String>();
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_broken_transfer_is_resumed() {
    let server = Server::start(|request| match request.number {
        0 => Reply::file(request, b"abc", None).cut(2),
        _ => Reply::file(request, b"abc", None),
    });
    let bench = Bench::new();
    assert_eq!(bench.fetch(&server.url(), ABC, Some(3)).unwrap(), 3);
    let ranges: Vec<_> = server.seen().iter().map(|request| request.header("range").to_owned()).collect();
    assert_eq!(ranges, ["", "bytes=2-"]);
    assert_eq!(bench.files(), ["file"]);
}

#[test]
fn a_closed_port_is_unreachable() {
    let bench = Bench::new();
    let error = bench.fetch("http://127.0.0.1:1/abc", ABC, None).unwrap_err();
    assert!(matches!(&error, FetchError::Unreachable { host, .. } if host == "127.0.0.1"), "{error}");
}

#[test]
fn an_interrupted_download_ends_at_once() {
    let bench = Bench::new();
    bench.cancel.cancel(crate::cancel::Reason::Interrupted);
    let server = bench.server(vec![
        Mock::given(path("/abc")).respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(10))),
    ]);
    let error = Error::from(bench.fetch(&format!("{}/abc", server.uri()), ABC, None).unwrap_err());
    assert_eq!(error.exit(), crate::error::Exit::Interrupted);
}
