//! A cluster in one container, made by kind on a network of its own.

mod config;
mod fault;
mod settle;
mod standing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use config::Config;

use super::{Owned, Ports, Provider, Sizes, State};
use crate::config::{ClusterSpec, Versions};
use crate::data::Data;
use crate::engine::{Container, Engine};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Input, Output};
use crate::task::Task;

/// The label of an image that we built as a node.
const OUR_NODE_IMAGE: &str = "todo-bootstrap.dev/node";
/// What such an image needs said to kubeadm.
const PATCH: &str = "offline/images/node/kubeadm-patch.yaml";
/// Written into the node when kind was done with it: a node without it was cut short.
const WHOLE: &str = "/kind/todo-bootstrap-whole";
/// The label that names the cluster a network belongs to.
const CLUSTER: &str = "todo-bootstrap.dev/cluster";

/// What kind needs to make and keep one cluster.
#[derive(Debug, Clone)]
pub struct Kind {
    pub spec: ClusterSpec,
    pub sizes: Sizes,
    pub engine: Engine,
    /// The kind program.
    pub tool: PathBuf,
    /// The node image: a reference in the engine, or `name@digest`. Always passed to kind.
    pub image: String,
    /// Private, mode 0600; `~/.kube/config` is not touched by this.
    pub kubeconfig: PathBuf,
    /// For a cluster that is to be made; [`Provider::ports`] tells those of one that exists.
    pub ports: Ports,
    pub data: Data,
    pub versions: Versions,
    /// `PATH` of the world: kind looks for the engine's client there.
    pub path: OsString,
}

impl Kind {
    /// The network that only this cluster is on.
    pub fn network(&self) -> String {
        format!("{}-kind", self.spec.name)
    }

    fn labels(&self) -> [(String, String); 1] {
        [(CLUSTER.to_owned(), self.spec.name.clone())]
    }

    /// The node's containers: those that kind labelled with our name.
    fn containers(&self, task: &Task<'_>) -> Result<Vec<Container>> {
        self.engine.containers(task, &[format!("label=io.x-k8s.kind.cluster={}", self.spec.name)])
    }

    /// The containers, once it is sure that none of them is somebody else's.
    fn ours(&self, task: &Task<'_>) -> Result<Vec<Container>> {
        let containers = self.containers(task)?;
        if containers.is_empty() {
            return Ok(containers);
        }
        let labels = self.engine.network_labels(task, &self.network())?;
        standing::ours(&self.spec.name, &self.network(), &containers, labels.as_ref())?;
        Ok(containers)
    }

    /// A kind command that sees our engine, our network and nobody's kubeconfig.
    fn kind(&self, purpose: &str) -> Result<Cmd> {
        let provider = if self.engine.is_podman() { "podman" } else { "docker" };
        let cmd = Cmd::new(&self.tool, purpose)
            .env_remove("KUBECONFIG")
            .env_remove("KIND_CLUSTER_NAME")
            .env("KIND_EXPERIMENTAL_PROVIDER", provider)
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", self.network())
            .env("KIND_EXPERIMENTAL_PODMAN_NETWORK", self.network());
        Ok(match self.path_with_client(provider)? {
            Some(path) => cmd.env("PATH", path),
            None => cmd,
        })
    }

    /// kind starts the client by name: where `PATH` leads to another one, a directory with a link
    /// to ours goes in front.
    fn path_with_client(&self, name: &str) -> Result<Option<OsString>> {
        let found = which::which_in(name, Some(&self.path), "/").ok();
        if found.as_deref() == Some(self.engine.client.as_path()) {
            return Ok(None);
        }
        let dir = self.home().join("engine");
        link(&self.engine.client, &dir.join(name))?;
        let mut path = dir.into_os_string();
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(&self.path);
        Ok(Some(path))
    }

    fn home(&self) -> &Path {
        self.kubeconfig.parent().unwrap_or(Path::new("."))
    }

    fn config(&self, task: &Task<'_>) -> Result<Config<'_>> {
        let mut patches = Vec::new();
        let own = self.engine.image_label(task, &self.image, OUR_NODE_IMAGE)?;
        if own.as_deref() == Some("true") {
            let patch = self.data.read(PATCH)?;
            let patch = patch.ok_or_else(|| Error::failed(format!("{PATCH} is missing")))?;
            patches.push(self.versions.fill(&patch.text));
        }
        Ok(Config {
            name: &self.spec.name,
            image: &self.image,
            ports: self.ports,
            sizes: self.sizes,
            machine: Sizes { cpus: self.engine.cpus, memory: self.engine.memory },
            patches,
        })
    }

    fn run_create(&self, task: &Task<'_>) -> Result<()> {
        let cmd = self
            .kind("create the cluster")?
            .args(["create", "cluster", "--name", &self.spec.name, "--image", &self.image])
            .args(["--config", "-", "--wait", "0s", "--retain", "--kubeconfig"])
            .path(&self.unfinished())
            .input(Input::Bytes(self.config(task)?.render().into_bytes()));
        let mut said = Vec::new();
        let ran = task.run_lines(&cmd, &mut |line| {
            if let Some(line) = fault::progress(line) {
                task.say(line);
            }
            said.push(line.to_owned());
        });
        let Err(error) = ran else { return Ok(()) };
        task.check()?;
        let explained = fault::explain(error, &said.join("\n"), &self.node_log(task), self.ports);
        // kind was told to leave the node for its log; what is left of it goes now.
        if let Err(error) = self.delete(task) {
            task.warn(format!("the half-made cluster is still there: {}", error.one_line()));
        }
        Err(explained)
    }

    /// The last lines of what the node's kubelet, or the container itself, said. Best effort.
    fn node_log(&self, task: &Task<'_>) -> String {
        let task = task.within(Duration::from_secs(15));
        let node = self.node();
        let journal = self.engine.exec(&node, "read the log of the kubelet").args([
            "journalctl",
            "--no-pager",
            "--output=cat",
            "--unit=kubelet",
            "--lines=60",
        ]);
        let console = self.engine.cmd("read the log of the node").args(["logs", "--tail", "30", &node]);
        let text = |cmd: &Cmd| task.run(&cmd.clone().any_status()).ok().filter(Output::ok);
        let journal = text(&journal).map_or_else(String::new, |output| output.text());
        if journal.trim().is_empty() || journal.contains("-- No entries --") {
            return text(&console).map(|output| output.text() + &output.stderr).unwrap_or_default();
        }
        journal
    }

    /// Leaves the mark by which a node is known to be whole.
    fn mark_whole(&self, task: &Task<'_>) -> Result<()> {
        let cmd = self.engine.exec(&self.node(), "mark the node as whole").args(["touch", WHOLE]);
        task.run(&cmd).map(|_| ())
    }

    /// Works on a stopped node as well.
    fn is_whole(&self, task: &Task<'_>) -> Result<bool> {
        let cmd = self
            .engine
            .cmd("look whether the node is whole")
            .args(["cp", &format!("{}:{WHOLE}", self.node()), "-"])
            .any_status();
        Ok(task.run(&cmd)?.ok())
    }

    /// Writes the kubeconfig again from what the node holds.
    fn restore_kubeconfig(&self, task: &Task<'_>) -> Result<()> {
        let cmd = self
            .kind("write the kubeconfig again")?
            .args(["export", "kubeconfig", "--name", &self.spec.name, "--kubeconfig"])
            .path(&self.unfinished());
        remove_file(&self.unfinished())?;
        task.run(&cmd)?;
        self.keep_kubeconfig()
    }

    /// Where kind writes the kubeconfig; it gets its name when all is done, so that its being
    /// there says that the cluster is whole.
    fn unfinished(&self) -> PathBuf {
        beside(&self.kubeconfig, ".new")
    }

    fn keep_kubeconfig(&self) -> Result<()> {
        let new = self.unfinished();
        keep_private(&new)?;
        std::fs::rename(&new, &self.kubeconfig).map_err(|e| Error::io("put in place", &self.kubeconfig, &e))
    }

    /// The volumes that the engine made for the node.
    fn volumes(&self, task: &Task<'_>, containers: &[Container]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for container in containers {
            let format = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}}\n{{end}}{{end}}";
            let cmd = self.engine.cmd("list the node's volumes").args([
                "inspect",
                "--format",
                format,
                &container.id,
            ]);
            names.extend(task.run(&cmd)?.text().lines().filter(|l| !l.is_empty()).map(ToOwned::to_owned));
        }
        Ok(names)
    }
}

impl Provider for Kind {
    fn name(&self) -> &'static str {
        "kind"
    }

    fn state(&self, task: &Task<'_>) -> Result<State> {
        let containers = self.ours(task)?;
        let known = self.kubeconfig.is_file();
        // Only a lost kubeconfig makes it worth the time to look into the node.
        let whole = known || (!containers.is_empty() && self.is_whole(task)?);
        Ok(standing::state(&containers, &self.node(), known, whole))
    }

    fn create(&self, task: &Task<'_>) -> Result<()> {
        if let State::Partial { why } = self.state(task)? {
            task.warn(format!("removing a half-made cluster ({why}) to make it anew"));
            self.delete(task)?;
        }
        let home = self.home();
        std::fs::create_dir_all(home).map_err(|e| Error::io("create", home, &e))?;
        for file in [&self.kubeconfig, &self.unfinished()] {
            remove_file(file)?;
        }
        self.engine.network_ensure(task, &self.network(), &self.labels())?;
        self.run_create(task)?;
        self.engine.limit(task, &self.node(), self.sizes.cpus, self.sizes.memory)?;
        self.mark_whole(task)?;
        self.keep_kubeconfig()
    }

    fn settle(&self, task: &Task<'_>) -> Result<()> {
        settle::ready(task, &self.kubeconfig, None)
    }

    fn start(&self, task: &Task<'_>) -> Result<()> {
        let since = jiff::Timestamp::now();
        let mut started = false;
        for container in self.ours(task)?.iter().filter(|container| !container.running) {
            task.say(format!("starting the node {}", container.name));
            self.engine.start(task, &container.id)?;
            // A paused node goes on where it was; its pods were never gone.
            started = started || !container.paused;
        }
        if !self.kubeconfig.is_file() {
            self.restore_kubeconfig(task)?;
        }
        settle::ready(task, &self.kubeconfig, started.then_some(since))
    }

    fn stop(&self, task: &Task<'_>) -> Result<()> {
        let running = self.ours(task)?.into_iter().filter(|container| container.running);
        running.into_iter().try_for_each(|container| self.engine.stop(task, &container.id))
    }

    fn delete(&self, task: &Task<'_>) -> Result<()> {
        // All that kind itself would do; this way, a `down` needs no kind.
        for container in self.ours(task)? {
            self.engine.remove_container(task, &container.id)?;
        }
        let labels = self.engine.network_labels(task, &self.network())?;
        if labels.is_some_and(|labels| labels.get(CLUSTER) == Some(&self.spec.name)) {
            self.engine.network_remove(task, &self.network())?;
        }
        let new = self.unfinished();
        let locks = [beside(&self.kubeconfig, ".lock"), beside(&new, ".lock")];
        for file in [&self.kubeconfig, &new, &locks[0], &locks[1]] {
            remove_file(file)?;
        }
        Ok(())
    }

    fn node(&self) -> String {
        format!("{}-control-plane", self.spec.name)
    }

    fn owned(&self, task: &Task<'_>) -> Result<Vec<Owned>> {
        let containers = self.ours(task)?;
        let mut owned: Vec<Owned> =
            self.volumes(task, &containers)?.into_iter().map(|name| Owned::new("volume", name)).collect();
        owned.extend(containers.into_iter().map(|container| Owned::new("container", container.name)));
        let labels: Option<BTreeMap<_, _>> = self.engine.network_labels(task, &self.network())?;
        if labels.is_some_and(|labels| labels.get(CLUSTER) == Some(&self.spec.name)) {
            owned.push(Owned::new("network", self.network()));
        }
        if self.kubeconfig.exists() {
            owned.push(Owned::new("file", self.kubeconfig.display().to_string()));
        }
        owned.sort();
        Ok(owned)
    }

    fn ports(&self, task: &Task<'_>) -> Result<Ports> {
        let cmd = self.engine.cmd("ask for the cluster's ports").args([
            "inspect",
            "--format",
            "{{json .HostConfig.PortBindings}}",
            &self.node(),
        ]);
        standing::ports(&task.run(&cmd)?.text())
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn keep_private(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file, mode).map_err(|e| Error::io("make private", file, &e))?;
    }
    Ok(())
}

fn remove_file(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", file, &error)),
        _ => Ok(()),
    }
}

fn link(client: &Path, link: &Path) -> Result<()> {
    let dir = link.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    if std::fs::read_link(link).is_ok_and(|target| target == client) {
        return Ok(());
    }
    remove_file(link)?;
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(client, link);
    #[cfg(not(unix))]
    let made = std::fs::copy(client, link.with_extension("exe")).map(|_| ());
    made.map_err(|e| Error::io("link the engine's client as", link, &e))
}

#[cfg(test)]
mod tests;
