//! Programs from Go modules, built by the go command from what go.sum pins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Source;
use super::recipe::{Go, ModuleFiles};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::quantity::show_time;
use crate::task::Task;

/// How long to wait before each further attempt to download modules.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];
/// What Go prints where the module proxy or the way to it fails.
const NETWORK: &str = "dial tcp|connection refused|connection reset|i/o timeout|no such host|TLS handshake|x509:|\
    unexpected EOF|stream error|429 Too Many Requests|500 Internal Server Error|502 Bad Gateway|\
    503 Service Unavailable|504 Gateway Timeout";

impl Source {
    pub(super) fn build_go(&self, task: &Task<'_>, go: &Go, work: &Path, out: &Path) -> Result<()> {
        let dir = self.module(&go.module, work)?;
        let mut compiled = Compiled::new(task);
        for target in targets(go, out) {
            let cmd = self.go(&dir, format!("build {}", target.packages.join(", ")))?;
            let cmd = cmd.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-v"]);
            let mut cmd = cmd
                .args(["-p".to_owned(), self.facts.cpus.max(1).to_string()])
                .env("CGO_ENABLED", if go.cgo { "1" } else { "0" })
                .env("GOOS", self.facts.os.name())
                .env("GOARCH", self.facts.arch.name());
            if !go.tags.is_empty() {
                cmd = cmd.args(["-tags".to_owned(), go.tags.join(",")]);
            }
            if !go.ldflags.is_empty() {
                cmd = cmd.args(["-ldflags".to_owned(), go.ldflags.join(" ")]);
            }
            let cmd = cmd.arg("-o").arg(target.to).args(target.packages);
            online(task, || task.run_lines(&cmd, &mut |line| compiled.line(line)))?;
        }
        if let Some(absent) = go.outputs.keys().find(|name| !out.join(name).is_file()) {
            return Err(Error::failed(format!("go build succeeded, but {absent} is missing")));
        }
        self.go.as_ref().map_or(Ok(()), |go| self.store.note_toolchain(&go.version))
    }

    /// The folder of a pinned module in Go's module cache.
    pub(super) fn module_folder(&self, task: &Task<'_>, files: &ModuleFiles, work: &Path) -> Result<PathBuf> {
        let dir = self.module(&files.module, work)?;
        let package = &files.package;
        task.say(format!("downloading the files of {package}"));
        let download = self.go(&dir, format!("download the module {package}"))?.args(["mod", "download"]);
        let download = download.arg(package);
        online(task, || task.run(&download))?;
        let list = self.go(&dir, format!("find the module {package}"))?;
        let found = task.run(&list.args(["list", "-m", "-f", "{{.Dir}}"]).arg(package))?.text();
        let folder = Path::new(&found).join(&files.path);
        if found.is_empty() || !folder.is_dir() {
            return Err(Error::failed(format!("the module {package} has no folder {}", files.path)));
        }
        Ok(folder)
    }

    /// Our module in a folder of its own below `work`.
    fn module(&self, module: &str, work: &Path) -> Result<PathBuf> {
        let dir = work.join("go").join(module);
        self.data.extract(&format!("offline/go/{module}"), &dir)?;
        Ok(dir)
    }

    /// A go command that depends on the recipe only; caches, proxy and checksum database are the user's.
    fn go(&self, dir: &Path, purpose: String) -> Result<Cmd> {
        let go = self.go.as_ref().ok_or_else(|| Error::host("Go is not installed"))?;
        let mut cmd = Cmd::new(&go.path, purpose)
            .cwd(dir)
            .inherit(Inherit::Go)
            .env("GOFLAGS", "-mod=readonly")
            .env("GOTOOLCHAIN", "local")
            .env("GOWORK", "off")
            .env("GO111MODULE", "on");
        // Without a home, Go knows no place for its caches.
        for (key, folder) in [("GOCACHE", "go/build"), ("GOMODCACHE", "go/mod"), ("GOPATH", "go/path")] {
            if self.process_env.home.is_none() && self.process_env.var(key).is_none() {
                cmd = cmd.env(key, self.store.create(folder)?);
            }
        }
        Ok(cmd)
    }
}

/// One `go build`.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    to: String,
    packages: Vec<String>,
}

/// One build for all binaries with the name that Go gives them, as they share packages; else one for each.
fn targets(go: &Go, out: &Path) -> Vec<Target> {
    let (together, alone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        go.outputs.iter().partition(|(name, package)| own_name(package) == name.as_str());
    let mut targets = Vec::new();
    if !together.is_empty() {
        let packages = together.into_values().cloned().collect();
        targets.push(Target { to: format!("{}/", out.display()), packages });
    }
    targets.extend(alone.into_iter().map(|(name, package)| Target {
        to: out.join(name).display().to_string(),
        packages: vec![package.clone()],
    }));
    targets
}

/// What Go calls the program of a package: its last element that is no major version.
fn own_name(package: &str) -> &str {
    let is_major = |part: &&str| {
        part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = package.rsplit('/').skip_while(is_major);
    parts.next().unwrap_or(package)
}

/// Runs a go command again if a module did not arrive; modules that arrived are kept.
fn online<T>(task: &Task<'_>, mut run: impl FnMut() -> Result<T>) -> Result<T> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match run() {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let Some(pause) = pauses.next().filter(|_| mentions(&error, NETWORK)) else {
            return Err(remedy(error));
        };
        task.check()?;
        task.warn(format!("a Go module could not be downloaded; trying again in {}", show_time(pause)));
        let slept = async {
            tokio::time::sleep(pause).await;
            Ok(())
        };
        task.wait("waiting for the Go module proxy", slept)?;
    }
}

/// Whether the error contains one of `phrases`, which are separated by `|`.
fn mentions(error: &Error, phrases: &str) -> bool {
    let text = error.to_string();
    phrases.split('|').any(|phrase| text.contains(phrase))
}

fn remedy(error: Error) -> Error {
    if mentions(&error, NETWORK) {
        let error = error.help("go env GOPROXY   # shows the module proxy that must be reachable");
        return error.help("todo-bootstrap up   # continues with what was downloaded");
    }
    if mentions(&error, "no space left on device") {
        return error.help("go clean -cache   # deletes Go's build cache; or free disk space in another way");
    }
    error
}

/// Tells how far a build is.
struct Compiled<'a> {
    task: &'a Task<'a>,
    count: u64,
}

impl<'a> Compiled<'a> {
    fn new(task: &'a Task<'a>) -> Self {
        Self { task, count: 0 }
    }

    fn line(&mut self, line: &str) {
        let message = if let Some(module) = line.strip_prefix("go: downloading ") {
            format!("downloading {module}")
        } else if line.is_empty() || line.contains(' ') {
            return;
        } else {
            self.count += 1;
            format!("package {}, {line}", self.count)
        };
        self.task.say(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    /// What `go build -v` of Go 1.26 printed for sigs.k8s.io/kind.
    #[test]
    fn packages_are_counted_and_downloads_named() {
        let ((), recorder) = with_task(&Script::default(), |task| {
            let mut compiled = Compiled::new(task);
            for line in [
                "go: downloading sigs.k8s.io/kind v0.33.0",
                "internal/goarch",
                "",
                "# sigs.k8s.io/kind",
                "sigs.k8s.io/kind/pkg/apis/config/defaults",
            ] {
                compiled.line(line);
            }
        });
        assert_eq!(
            recorder.said(),
            "downloading sigs.k8s.io/kind v0.33.0\npackage 1, internal/goarch\n\
             package 2, sigs.k8s.io/kind/pkg/apis/config/defaults\n"
        );
    }

    #[test]
    fn programs_are_called_as_go_calls_them() {
        for (package, name) in [
            ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
            ("go.etcd.io/etcd/server/v3", "server"),
            ("./cmd/pause", "pause"),
            ("example.com/v", "v"),
            ("example.com/vim", "vim"),
        ] {
            assert_eq!(own_name(package), name);
        }
    }

    #[test]
    fn one_build_for_all_but_those_of_another_name() {
        let outputs = [("a", "x/cmd/a"), ("b", "x/cmd/b"), ("etcd", "etcd.io/server/v3")];
        let go = Go {
            module: "m".to_owned(),
            cgo: false,
            tags: Vec::new(),
            ldflags: Vec::new(),
            outputs: outputs.map(|(name, package)| (name.to_owned(), package.to_owned())).into(),
        };
        let found = targets(&go, Path::new("/out"));
        let target = |to: &str, packages: &[&str]| Target {
            to: to.to_owned(),
            packages: packages.iter().map(|&package| package.to_owned()).collect(),
        };
        assert_eq!(
            found,
            [target("/out/", &["x/cmd/a", "x/cmd/b"]), target("/out/etcd", &["etcd.io/server/v3"])]
        );
    }
}
