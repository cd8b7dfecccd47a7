//! The client against a registry in this process with configurable faults.

use std::path::PathBuf;
use std::time::Instant;

use super::testing::TestRegistry;
use super::*;
use crate::cancel::Cancel;
use crate::exec::Script;
use crate::process_env::ProcessEnv;
use crate::progress::Recorder;

mod archives;
mod copy;
mod export;
mod fixtures;
mod push;
mod refused;
mod upstream;

struct Bench {
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
    recorder: Recorder,
    cancel: Cancel,
    script: Script,
    registry: TestRegistry,
}

/// Bounds that a test can wait for.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(8),
    idle: Duration::from_millis(400),
    slow: Duration::from_secs(60),
    pause: Duration::from_millis(1),
};

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            runtime: runtime.unwrap(),
            dir: tempfile::tempdir().unwrap(),
            recorder: Recorder::default(),
            cancel: Cancel::default(),
            script: Script::default(),
            registry: TestRegistry::start(),
        }
    }

    fn task(&self) -> Task<'_> {
        Task {
            step: "registry",
            runner: &self.script,
            reporter: &self.recorder,
            cancel: &self.cancel,
            runtime: self.runtime.handle(),
            deadline: Instant::now() + Duration::from_mins(1),
        }
    }

    /// The client of the test's registry.
    fn ours(&self) -> Registry {
        client(&self.registry)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an archive of the content to a file of that name.
    fn archive(&self, name: &str, write: impl FnOnce(&Path)) -> PathBuf {
        let path = self.path(name);
        write(&path);
        path
    }

    fn said(&self) -> String {
        self.recorder.events().into_iter().map(|event| event.message + "\n").collect()
    }
}

fn client(registry: &TestRegistry) -> Registry {
    Registry::new(&registry.authority()).unwrap().with(TIMEOUTS)
}

/// A client for registries outside that waits no longer than a test can.
fn outside() -> Client {
    let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
    Client::new(&process_env).unwrap().with(TIMEOUTS)
}

/// The variant of an error.
trait Variant {
    fn kind(&self) -> String;
}

impl Variant for RegistryError {
    fn kind(&self) -> String {
        format!("{self:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().kind()
}

#[test]
fn every_error_has_one_line_and_one_help() {
    let text = || "x".to_owned();
    let (host, what, status) = (text(), text(), reqwest::StatusCode::IM_A_TEAPOT);
    let errors = [
        RegistryError::Unreachable { host: text(), cause: text() },
        RegistryError::Certificate { host: text(), cause: text() },
        RegistryError::LoginPage { url: text() },
        RegistryError::Unauthorized { host: text(), what: text(), status, said: text() },
        RegistryError::NotFound { host: text(), what: text() },
        RegistryError::RateLimited { host: text(), quota: None, after: Some(Duration::from_secs(7)) },
        RegistryError::Answered { host, what, status, said: text() },
        RegistryError::Malformed { host: text(), what: text(), why: text() },
        RegistryError::Mismatch { what: text(), expected: text(), got: text() },
        RegistryError::Moved { name: text(), pinned: text(), now: text(), gone: true },
        RegistryError::NoPlatform { name: text(), platform: text(), there: Vec::new() },
        RegistryError::Stranger { authority: text(), what: text() },
        RegistryError::Died { authority: text(), what: text(), cause: text() },
        RegistryError::Full { authority: text(), said: text() },
        RegistryError::Stalled { host: text(), what: text(), idle: TIMEOUTS.idle },
        RegistryError::Differs { name: text(), pushed: text(), found: text() },
        RegistryError::Archive { path: text().into(), why: text() },
        RegistryError::Name(text()),
    ];
    for error in errors {
        let text = crate::error::Error::from(error).to_string();
        assert!(text.contains("\n  help: ") && text.lines().count() == 2, "{text}");
    }
}
