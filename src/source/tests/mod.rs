//! Recipes and builds, with a runner that creates files in place of the programs.

mod builds;
mod images;
mod inputs;
mod npm;
mod pypi;
mod recipes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::cancel::{Cancel, Reason};
use crate::engine::testing::{engine, with_task};
use crate::exec::{Cmd, Output, RunError, Runner, Script};
use crate::host::recorded;
use crate::progress::Recorder;
use crate::task::testing::Parts;

/// Makes what `go build` and `docker save` would, slowly enough to be seen at the same time.
#[derive(Default)]
struct Maker {
    ran: Mutex<Vec<String>>,
    /// Commands with this in their argv fail.
    fails: Option<&'static str>,
    /// So many builds fail for want of a module.
    offline: AtomicUsize,
    engine: Script,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// What the context of the last image build held.
    context: Mutex<BTreeMap<String, String>>,
}

impl Maker {
    fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    fn go_build(&self, cmd: &Cmd) {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        let at = cmd.args.iter().position(|arg| arg == "-o").unwrap();
        for package in &cmd.args[at + 2..] {
            let name = package.rsplit('/').next().unwrap();
            let to = &cmd.args[at + 1];
            let to = if to.ends_with('/') { format!("{to}{name}") } else { to.clone() };
            std::fs::write(to, format!("program {package}")).unwrap();
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runner for Maker {
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        self.ran.lock().unwrap().push(cmd.argv());
        on_line("a line of its output");
        if let Some(reason) = cancel.reason() {
            return Err(RunError::Stopped { reason });
        }
        if self.fails.is_some_and(|part| cmd.argv().contains(part)) {
            let (purpose, argv) = (cmd.purpose.clone(), cmd.argv());
            return Err(RunError::Status { purpose, argv, status: 1, output: "it broke".to_owned() });
        }
        if cmd.argv().starts_with("go build") {
            let one_less = |left: usize| left.checked_sub(1);
            if self.offline.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                let output =
                    "go: x.org/t@v1: reading https://proxy.example/t.zip: 502 Bad Gateway".to_owned();
                let (purpose, argv) = (cmd.purpose.clone(), cmd.argv());
                return Err(RunError::Status { purpose, argv, status: 1, output });
            }
            self.go_build(cmd);
            return Ok(Output::default());
        }
        if cmd.args[0] == "save" {
            std::fs::write(&cmd.args[2], "archive").unwrap();
        }
        if cmd.args[0] == "build" {
            let context = Path::new(cmd.args.last().unwrap());
            *self.context.lock().unwrap() = files(context, context);
        }
        self.engine.run(cmd, cancel, on_line)
    }

    fn detach(&self, cmd: &Cmd, _: &Path) -> Result<u32, RunError> {
        Err(RunError::NotFound { purpose: cmd.purpose.clone(), program: cmd.argv() })
    }
}

fn files(base: &Path, dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(base, &path));
        } else {
            let name = path.strip_prefix(base).unwrap().display().to_string();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// A project with recipes of its own, a Go that is only a name, and a cache.
struct Bench {
    dir: tempfile::TempDir,
    facts: Facts,
    /// What the user's environment names as npm's registry.
    registry: Option<String>,
    /// What it names as pip's index.
    index: Option<String>,
}

const GO_A: &str = "kind = \"go\"\nmodule = \"t-mod\"\n[outputs]\nt-a = \"example.com/t/cmd/t-a\"\n";
const GO_B: &str =
    "kind = \"go\"\nmodule = \"t-mod\"\n[outputs]\nt-b = \"./cmd/t-b\"\nother = \"x.org/t/v3\"\n";
const LAYERS: &str = "kind = \"layers\"\ntag = \"localhost/t:{kubernetes}\"\nentrypoint = [\"/bin/t-a\"]\n\
                      user = \"65535\"\nenv = { A = \"b\" }\n[files]\n\"bin/t-a\" = \"t-a/t-a\"\n\"t-b\" = \"t-b/t-b\"\n";
const IMAGE: &str = "kind = \"image\"\ntag = \"localhost/t-image:1\"\ncontext = \"images/t\"\n\
                     [bases]\nBASE = \"t-layers\"\n[files]\n\"in/t-a\" = \"t-a/t-a\"\n\"in/t.tar\" = \"t-layers\"\n";

impl Bench {
    fn new() -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            facts: recorded::debian(),
            registry: None,
            index: None,
        };
        bench.write("go/VERSION", "go1.26.4\ntime 2026-01-01T00:00:00Z\n");
        bench.write("go/bin/go", "");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let go = bench.path("go/bin/go");
            std::fs::set_permissions(go, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        bench.write(
            "offline/go/t-mod/go.mod",
            "module t\n\nrequire (\n\texample.com/t v1.2.3\n\tx.org/t/v3 v3.0.1\n)\n",
        );
        bench.write("offline/go/t-mod/go.sum", "sums");
        bench.write("offline/go/t-mod/cmd/t-b/main.go", "package main");
        bench.write("offline/images/t/Dockerfile", "FROM scratch");
        for (name, text) in [("t-a", GO_A), ("t-b", GO_B), ("t-layers", LAYERS), ("t-image", IMAGE)] {
            bench.recipe(name, text);
        }
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn recipe(&self, name: &str, text: &str) {
        self.write(&format!("offline/recipes/{name}.toml"), text);
    }

    fn source(&self) -> Result<Source> {
        let registry = self.registry.iter().map(|url| ("NPM_CONFIG_REGISTRY".to_owned(), url.into()));
        let index = self.index.iter().map(|url| ("PIP_INDEX_URL".to_owned(), url.into()));
        let path = ("PATH".to_owned(), self.path("go/bin").into_os_string());
        let (cwd, home) = (self.dir.path().to_owned(), Some(self.dir.path().to_owned()));
        let env = registry.chain(index).chain([path]).collect();
        let process_env = ProcessEnv { env, cwd, home, ..ProcessEnv::real() };
        let paths = Paths { cache: self.path("cache"), state: self.path("state") };
        let data = Data::new(Some(self.dir.path().to_owned()));
        Source::new(&process_env, &paths, &data, &Versions::load(&data)?, &self.facts)
    }

    fn inputs(&self, name: &str) -> String {
        self.source().unwrap().inputs(name).unwrap().to_owned()
    }

    /// Makes `name` as a new process would.
    fn make(&self, maker: &Maker, name: &str) -> (Result<Made>, Recorder) {
        with_task(maker, |task| self.source().unwrap().make(task, Some(&engine()), name))
    }

    fn cache_of(&self, name: &str) -> PathBuf {
        let inputs = self.inputs(name);
        self.path("cache/artifacts").join(format!("{name}-{}", &inputs[..16]))
    }
}

pub fn docker() -> Script {
    Script::default()
        .on("docker image inspect --format '{{json", 0, "{}")
        .on("docker load", 0, "Loaded image: localhost/t:1\n")
        .on("docker build", 0, "")
        .on("docker image inspect --format '{{.Id}}'", 0, "sha256:4711")
        .on("docker image inspect --format {{.Id}}", 0, "sha256:4711")
        .on("docker save", 0, "")
}
