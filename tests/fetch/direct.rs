//! The downloader itself, without the command line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use todo_bootstrap::cancel::Cancel;
use todo_bootstrap::fetch::{Client, FetchError, Remote, download};
use todo_bootstrap::process_env::ProcessEnv;
use todo_bootstrap::progress::Silent;
use todo_bootstrap::task::Task;

use crate::support::liar::{HONEST, Liar, behaviour, noise, sha256};

fn fetch(liar: &Liar, bytes: &[u8], to: &std::path::Path) -> Result<u64, FetchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let task = Task {
        step: "fetch",
        runner: &todo_bootstrap::exec::System::default(),
        reporter: &Silent,
        cancel: &Cancel::default(),
        runtime: runtime.handle(),
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
    let url = liar.origin(crate::support::liar::Wire::Plain) + "/file";
    let sha256 = sha256(bytes);
    let size = Some(bytes.len() as u64);
    let remote = Remote { url: &url, sha256: &sha256, size, plain_http: true, ..Remote::default() };
    download(&task, &Client::new(&process_env).unwrap(), &remote, to)
}

#[test]
fn a_large_file_arrives_once_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (liar, bytes) = (Liar::honest(), noise(2, 20 << 20));
    liar.serve("/file", bytes.clone());
    let to = dir.path().join("file");
    assert_eq!(fetch(&liar, &bytes, &to).unwrap(), 20 << 20);
    assert_eq!(sha256(&std::fs::read(&to).unwrap()), sha256(&bytes));
    assert_eq!(liar.bytes_of("/file"), 20 << 20);
}

#[test]
fn other_bytes_are_not_taken_for_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (liar, bytes) = (Liar::start(behaviour("other bytes")), noise(3, 300_000));
    liar.serve("/file", bytes.clone());
    let to = dir.path().join("file");
    let error = fetch(&liar, &bytes, &to).unwrap_err();
    assert!(matches!(error, FetchError::Wrong { .. }), "{error}");
    assert!(!to.exists());
    liar.behave(HONEST);
    assert_eq!(fetch(&liar, &bytes, &to).unwrap(), 300_000);
}
