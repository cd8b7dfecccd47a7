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

    fn ours(&self) -> Registry {
        Registry::new(&self.registry.authority()).unwrap().with(TIMEOUTS)
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

    /// Pushes an archive of the content as `app:1`.
    fn push(&self, content: &fixtures::Content) -> Result<String> {
        let archive = self.archive("a", |to| fixtures::docker_20(to, content, "app:1", false));
        self.ours().push_archive(&self.task(), &archive, "app", Some("1"))
    }

    /// The bytes of blobs that `work` sends to the registry.
    fn received(&self, work: impl FnOnce()) -> u64 {
        let before = self.registry.received();
        work();
        self.registry.received() - before
    }

    fn said(&self) -> String {
        self.recorder.events().into_iter().map(|event| event.message + "\n").collect()
    }
}

/// A client for registries outside that waits no longer than a test can.
fn outside() -> Client {
    let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
    Client::new(&process_env).unwrap().with(TIMEOUTS)
}

/// The digest of an archive's image, without reading all of it.
fn archive_digest(archive: &Path) -> Result<String> {
    Ok(Image::open(archive, None)?.manifest.digest())
}

/// What became of an attempt that failed, by the words of its error.
fn kind<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    name(&result.unwrap_err())
}

fn name(error: &RegistryError) -> &'static str {
    let full = crate::error::Error::from(error.clone()).to_string();
    assert!(full.contains("\n  help: ") || matches!(error, RegistryError::Local(_)), "{full}");
    let text = error.to_string();
    let names = [
        ("cannot be reached", "Unreachable"),
        ("web page", "LoginPage"),
        ("refuses", "Unauthorized"),
        (" has no image for ", "NoPlatform"),
        ("malformed", "Malformed"),
        ("has moved", "Moved"),
        ("rate limit", "RateLimited"),
        ("is not an image registry", "Stranger"),
        ("lost the connection", "Died"),
        ("is full", "Full"),
        ("stalled", "Stalled"),
        ("digest mismatch", "Differs"),
        ("not a usable image archive", "Archive"),
        (" has digest ", "Mismatch"),
        (" has no ", "NotFound"),
        (" answered ", "Answered"),
    ];
    match error {
        RegistryError::Local(_) => "Local",
        RegistryError::Other { kind: crate::error::Kind::Usage, .. } => "Name",
        _ => names.iter().find(|(words, _)| text.contains(words)).map_or("Transfer", |(_, name)| name),
    }
}
