//! What providers have in common whose node is one container of the local engine, on a network of
//! its own: whose it is, how it stands, its kubeconfig, and how it goes.

pub(super) mod fault;
mod files;
mod owner;
pub(super) mod settle;
mod standing;
#[cfg(test)]
pub(super) mod testing;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Owned, Ports, Sizes, State};
use crate::config::{ClusterSpec, Versions};
use crate::data::Data;
use crate::engine::{Container, Engine};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Output};
use crate::local_registry;
use crate::task::Task;
use files::{beside, keep_private, link, remove_file};
pub use owner::Owner;
use owner::{Names, Whose};

/// Written into the node, with our instance, when the provider's program was done with it: a node
/// without it was cut short. Versions before instances left it empty.
const WHOLE: &str = "/kind/todo-bootstrap-whole";
/// The label of an image that we built as a node.
const OUR_NODE_IMAGE: &str = "todo-bootstrap.dev/node";

/// What it takes to make and keep one cluster in the local engine.
#[derive(Debug, Clone)]
pub struct Local {
    pub spec: ClusterSpec,
    pub owner: Owner,
    pub sizes: Sizes,
    pub engine: Engine,
    /// The provider's program.
    pub tool: PathBuf,
    /// The node image: a reference in the engine, or `name@digest`. Always passed to the program.
    pub image: String,
    /// Private, mode 0600; `~/.kube/config` is not touched by this.
    pub kubeconfig: PathBuf,
    /// For a cluster that is to be made; [`Local::ports`] tells those of one that exists.
    pub ports: Ports,
    pub data: Data,
    pub versions: Versions,
    /// `PATH` of the world: the program looks for the engine's client there.
    pub path: OsString,
}

/// How a provider's program names things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming<'a> {
    pub provider: &'static str,
    /// The container that is the node.
    pub node: &'a str,
    /// `key=value`, by which the program labels the cluster's containers.
    pub label: &'a str,
    /// The volume that the program makes for the node under a name of its own.
    pub volume: Option<&'a str>,
}

impl Local {
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// The network that only this cluster is on.
    pub(super) fn network(&self, naming: &Naming<'_>) -> String {
        format!("{}-{}", self.spec.name, naming.provider)
    }

    /// Makes the network unless it is there, and refuses one that is not ours; `true` if it was made.
    /// It is made first and removed last: it says whose a cluster is whose making was cut short.
    pub(super) fn claim(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<bool> {
        let (network, cluster) = (self.network(naming), self.name());
        let names = Names { provider: naming.provider, cluster, network: &network };
        let refuse = |labels: &owner::Labels| {
            owner::refusal(&self.owner.of_network(cluster, labels), names, &format!("its network {network}"))
        };
        self.engine.network_ensure_fixed(task, &network, &self.owner.labels(cluster), refuse)
    }

    /// Whether the network is there and ours.
    fn claimed(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<bool> {
        let labels = self.engine.network_labels(task, &self.network(naming))?;
        Ok(labels.is_some_and(|labels| self.owner.of_network(self.name(), &labels) == Whose::Ours))
    }

    /// Makes a cluster that stands still ready to be started: its network may have been pruned. The node
    /// is put on the new one, as the engine looks for the old one by its id.
    pub(super) fn rejoin(
        &self,
        task: &Task<'_>,
        naming: &Naming<'_>,
        containers: &[Container],
    ) -> Result<()> {
        let stopped: Vec<&Container> = containers.iter().filter(|c| !c.running && !c.paused).collect();
        if stopped.is_empty() {
            return Ok(());
        }
        let network = self.network(naming);
        if self.claim(task, naming)? {
            task.warn(format!("the network {network} was removed; it was created again"));
        }
        stopped
            .into_iter()
            .try_for_each(|container| self.engine.network_rejoin(task, &network, &container.id))
    }

    /// The cluster's containers, once it is sure that none of them is somebody else's.
    pub(super) fn ours(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<Vec<Container>> {
        let containers = self.engine.containers(task, &[format!("label={}", naming.label)])?;
        if containers.is_empty() {
            return Ok(containers);
        }
        let network = self.network(naming);
        let labels = self.engine.network_labels(task, &network)?;
        let names = Names { provider: naming.provider, cluster: self.name(), network: &network };
        let mark = || self.mark(task, naming.node);
        owner::ours(&self.owner, names, &containers, labels.as_ref(), mark)?;
        Ok(containers)
    }

    /// The nodes' containers by name. With several control planes kind adds a load balancer, which
    /// is no node.
    pub(super) fn nodes(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<Vec<String>> {
        let containers = self.ours(task, naming)?.into_iter().map(|container| container.name);
        Ok(containers.filter(|name| !name.ends_with("-external-load-balancer")).collect())
    }

    pub(super) fn state(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<State> {
        let containers = self.ours(task, naming)?;
        let known = self.kubeconfig.is_file();
        // Only a lost kubeconfig makes it worth the time to look into the node.
        let whole = known || (!containers.is_empty() && self.mark(task, naming.node)?.is_some());
        Ok(standing::state(&containers, naming.node, known, whole))
    }

    /// The directory of this cluster's state.
    pub(super) fn home(&self) -> &Path {
        self.kubeconfig.parent().unwrap_or(Path::new("."))
    }

    /// Makes the directory, and leaves no kubeconfig of an earlier cluster in it.
    pub(super) fn prepare(&self) -> Result<()> {
        let home = self.home();
        std::fs::create_dir_all(home).map_err(|e| Error::io("create", home, &e))?;
        [&self.kubeconfig, &self.unfinished()].into_iter().try_for_each(|file| remove_file(file))
    }

    /// Programs start the engine's client by name: where `PATH` leads to another one, a directory
    /// with a link to ours goes in front.
    pub(super) fn with_client(&self, cmd: Cmd, name: &str) -> Result<Cmd> {
        Ok(match self.path_with_client(name)? {
            Some(path) => cmd.env("PATH", path),
            None => cmd,
        })
    }

    pub(super) fn path_with_client(&self, name: &str) -> Result<Option<OsString>> {
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

    /// Whether the node image is one that we built, with all of Kubernetes in it.
    pub(super) fn has_our_image(&self, task: &Task<'_>) -> Result<bool> {
        Ok(self.engine.image_label(task, &self.image, OUR_NODE_IMAGE)?.as_deref() == Some("true"))
    }

    /// The last lines of what the node's kubelet, or the container itself, said. Best effort.
    pub(super) fn node_log(&self, task: &Task<'_>, node: &str) -> String {
        let task = task.within(Duration::from_secs(15));
        let journal = self.engine.exec(node, "read the log of the kubelet").args([
            "journalctl",
            "--no-pager",
            "--output=cat",
            "--unit=kubelet",
            "--lines=60",
        ]);
        let console = self.engine.cmd("read the log of the node").args(["logs", "--tail", "30", node]);
        let text = |cmd: &Cmd| task.run(&cmd.clone().any_status()).ok().filter(Output::ok);
        let journal = text(&journal).map_or_else(String::new, |output| output.text());
        if journal.trim().is_empty() || journal.contains("-- No entries --") {
            return text(&console).map(|output| output.text() + &output.stderr).unwrap_or_default();
        }
        journal
    }

    /// Leaves the mark by which a node is known to be whole, and ours.
    pub(super) fn mark_whole(&self, task: &Task<'_>, node: &str) -> Result<()> {
        const SCRIPT: &str = "printf '%s\\n' \"$1\" >\"$2.new\" && mv \"$2.new\" \"$2\"";
        let cmd = self.engine.exec(node, "mark the node as complete");
        task.run(&cmd.args(["sh", "-c", SCRIPT, "sh", &self.owner.instance, WHOLE])).map(|_| ())
    }

    /// What the mark says; `None` where there is none. Works on a stopped node as well.
    fn mark(&self, task: &Task<'_>, node: &str) -> Result<Option<String>> {
        let cmd = self.engine.cmd("check whether the node is complete");
        let cmd = cmd.args(["cp", &format!("{node}:{WHOLE}"), "-"]).any_status();
        let output = task.run(&cmd)?;
        if output.ok() {
            // A tar of one file.
            let unreadable = |error: std::io::Error| {
                Error::failed(format!("cannot read the mark of the node {node}")).because(error)
            };
            let mut mark = String::new();
            if let Some(Ok(mut file)) =
                tar::Archive::new(output.stdout.as_slice()).entries().map_err(unreadable)?.next()
            {
                file.read_to_string(&mut mark).map_err(unreadable)?;
            }
            return Ok(Some(mark));
        }
        // An engine that fails otherwise says nothing of the node, which may hold data.
        let low = output.stderr.to_ascii_lowercase();
        let absent =
            ["no such", "not find", "not found", "not be found"].iter().any(|said| low.contains(said));
        if low.trim().is_empty() || (absent && !low.contains("dial ")) {
            return Ok(None);
        }
        Err(Error::failed(format!("cannot determine whether the node {node} is complete"))
            .because(output.stderr))
    }

    /// Where the program writes the kubeconfig; it gets its name when all is done, so that its being
    /// there says that the cluster is whole.
    pub(super) fn unfinished(&self) -> PathBuf {
        beside(&self.kubeconfig, ".new")
    }

    pub(super) fn forget_unfinished(&self) -> Result<()> {
        remove_file(&self.unfinished())
    }

    pub(super) fn keep_kubeconfig(&self) -> Result<()> {
        let new = self.unfinished();
        keep_private(&new)?;
        std::fs::rename(&new, &self.kubeconfig).map_err(|e| Error::io("put in place", &self.kubeconfig, &e))
    }

    pub(super) fn stop(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<()> {
        let running = self.ours(task, naming)?.into_iter().filter(|container| container.running);
        running.into_iter().try_for_each(|container| self.engine.stop(task, &container.id))
    }

    /// All that the provider's program itself would do; this way, a `down` needs none.
    pub(super) fn delete(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<()> {
        let containers = self.ours(task, naming)?;
        // With Podman, kind creates the node's volume by itself, so it is no anonymous one, which would go
        // with its container.
        let volumes = if self.engine.is_podman() { self.volumes(task, &containers)? } else { Vec::new() };
        for container in containers {
            self.engine.remove_container(task, &container.id)?;
        }
        for volume in volumes {
            self.engine.volume_remove(task, &volume)?;
        }
        if self.claimed(task, naming)? {
            if let Some(volume) = naming.volume {
                self.engine.volume_remove(task, volume)?;
            }
            let network = self.network(naming);
            self.disconnect_registry(task, &network)?;
            self.engine.network_remove(task, &network)?;
        }
        let new = self.unfinished();
        let locks = [beside(&self.kubeconfig, ".lock"), beside(&new, ".lock")];
        [&self.kubeconfig, &new, &locks[0], &locks[1]].into_iter().try_for_each(|file| remove_file(file))
    }

    /// Takes the local registry off the network, which could not be removed with it.
    fn disconnect_registry(&self, task: &Task<'_>, network: &str) -> Result<()> {
        let filters = [format!("label={}", local_registry::LABEL), format!("network={network}")];
        for container in self.engine.containers(task, &filters)? {
            self.engine.network_disconnect(task, network, &container.name)?;
        }
        Ok(())
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

    pub(super) fn owned(&self, task: &Task<'_>, naming: &Naming<'_>) -> Result<Vec<Owned>> {
        let containers = self.ours(task, naming)?;
        let mut owned: Vec<Owned> =
            self.volumes(task, &containers)?.into_iter().map(|name| Owned::new("volume", name)).collect();
        owned.extend(containers.into_iter().map(|container| Owned::new("container", container.name)));
        if self.claimed(task, naming)? {
            owned.push(Owned::new("network", self.network(naming)));
            let volume = naming.volume.map(|volume| Owned::new("volume", volume));
            let volume = volume.filter(|volume| !owned.contains(volume));
            if let Some(volume) = volume
                && self.engine.volume_exists(task, &volume.name)?
            {
                owned.push(volume);
            }
        }
        if self.kubeconfig.exists() {
            owned.push(Owned::new("file", self.kubeconfig.display().to_string()));
        }
        owned.sort();
        Ok(owned)
    }

    /// The ports that the existing cluster listens on.
    pub(super) fn published(&self, task: &Task<'_>, node: &str) -> Result<Ports> {
        let cmd = self.engine.cmd("read the cluster's ports").args([
            "inspect",
            "--format",
            "{{json .HostConfig.PortBindings}}",
            node,
        ]);
        standing::ports(&task.run(&cmd)?.text())
    }

    /// What the node's kubelet must leave alone, as it reckons with the engine's whole machine,
    /// whatever the container's limits are: then its allocatable is the cluster's size. CPUs, bytes.
    pub(super) fn reserved(&self) -> (u32, u64) {
        (
            self.engine.cpus.saturating_sub(self.sizes.cpus),
            self.engine.memory.saturating_sub(self.sizes.memory),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_of_the_engine_is_put_in_front_of_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let local = testing::local(dir.path(), "kind");
        let path = local.path_with_client("docker").unwrap().unwrap();
        let first = std::env::split_paths(&path).next().unwrap();
        assert_eq!(std::fs::read_link(first.join("docker")).unwrap(), local.engine.client);
    }
}
