//! The client against a registry in this process with configurable faults.

use std::path::PathBuf;
use std::time::Instant;

use super::testing::TestRegistry;
use super::*;
use crate::exec::Script;
use crate::fetch::Timeouts;
use crate::process_env::ProcessEnv;
use crate::task::testing::Parts;

mod archives;
mod copy;
mod export;
mod fixtures;
mod push;
mod refused;
mod upstream;

struct Bench {
    dir: tempfile::TempDir,
    parts: Parts,
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
        let (parts, script) = (Parts::default(), Script::default());
        Self { dir: tempfile::tempdir().unwrap(), parts, script, registry: TestRegistry::start() }
    }

    fn task(&self) -> Task<'_> {
        self.parts.task(&self.script)
    }

    fn ours(&self) -> Registry {
        impatient(&self.registry.authority())
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
        self.parts.recorder.said()
    }
}

/// A registry that is waited for no longer than a test can.
fn impatient(authority: &str) -> Registry {
    let mut registry = Registry::new(authority).unwrap();
    registry.client.timeouts = TIMEOUTS;
    registry
}

/// A client for registries outside that waits no longer than a test can.
fn outside() -> Client {
    let process_env = ProcessEnv { env: BTreeMap::new(), ..ProcessEnv::real() };
    let mut client = Client::new(&process_env).unwrap();
    client.timeouts = TIMEOUTS;
    client
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
