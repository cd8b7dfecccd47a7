//! What kind and minikube have in common: the cluster's node is one container of the local engine, on a
//! network of its own. Ownership, state, kubeconfig, and deletion.

pub(super) mod fault;
mod node;
mod owner;
pub(super) mod ready;
#[cfg(test)]
pub(super) mod testing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Owned, Ports, Sizes, State};
use crate::config::{ClusterSpec, ProviderKind, Versions};
use crate::data::Data;
use crate::engine::{Container, Engine};
use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::files::{beside, parent, remove, set_mode};
use crate::host::Facts;
use crate::kubeconfig;
use crate::local_registry;
use crate::process_env::ProcessEnv;
use crate::task::Task;
pub use owner::Owner;
use owner::Whose;

/// The time in which an engine finishes what it does to a container, and the pause before it is asked again.
const SETTLED: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);
/// The label of a node image that we built.
const OUR_NODE_IMAGE: &str = "todo-bootstrap.dev/node";

/// One cluster in the local engine, which kind or minikube creates.
#[derive(Debug, Clone)]
pub struct Provider {
    pub kind: ProviderKind,
    pub spec: ClusterSpec,
    pub owner: Owner,
    pub sizes: Sizes,
    pub engine: Engine,
    /// The provider's program.
    pub tool: PathBuf,
    /// The node image: a reference in the engine, or `name@digest`. Always passed to the program.
    pub image: String,
    /// Private, mode 0600. `~/.kube/config` is not changed here.
    pub kubeconfig: PathBuf,
    /// For a cluster that is to be created.
    pub ports: Ports,
    pub data: Data,
    pub versions: Versions,
    pub process_env: ProcessEnv,
    pub facts: Facts,
}

impl Provider {
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// The network that only this cluster uses.
    pub fn network(&self) -> String {
        format!("{}-{}", self.name(), self.kind.name())
    }

    /// The container of the control plane.
    pub fn node(&self) -> String {
        if self.is_minikube() { self.name().to_owned() } else { format!("{}-control-plane", self.name()) }
    }

    pub(super) fn is_minikube(&self) -> bool {
        self.kind == ProviderKind::Minikube
    }

    /// The volume that minikube creates for the node, which has a fixed name.
    fn volume(&self) -> Option<&str> {
        self.is_minikube().then(|| self.name())
    }

    /// Creates the network if it does not exist, and refuses one that is not ours; `true` if it was
    /// created. It is created first and removed last, and identifies the owner of an interrupted creation.
    fn claim(&self, task: &Task<'_>) -> Result<bool> {
        let (network, cluster) = (self.network(), self.name());
        let refuse = |labels: &owner::Labels| {
            self.refusal(&self.owner.of_network(cluster, labels), &format!("its network {network}"))
        };
        self.engine.network_ensure(task, &network, &self.owner.labels(cluster), refuse)
    }

    /// The network of a new cluster. Refuses if the cluster would use a volume that exists already.
    pub(super) fn create_network(&self, task: &Task<'_>) -> Result<()> {
        if self.claim(task)?
            && let Some(volume) = self.volume()
            && self.engine.volume_exists(task, volume)?
        {
            self.engine.network_remove(task, &self.network())?;
            return Err(Error::refused(format!(
                "engine volume `{volume}` was not created by todo-bootstrap"
            ))
            .because("a cluster of that name would use the data in it")
            .help("set another `name` in [cluster] of the profile")
            .help(format!("{} volume rm {volume}   # if it is no longer needed", self.engine.name)));
        }
        Ok(())
    }

    /// Whether the network exists and is ours.
    fn claimed(&self, task: &Task<'_>) -> Result<bool> {
        let labels = self.engine.labels_of(task, "network", &self.network())?;
        Ok(labels.is_some_and(|labels| self.owner.of_network(self.name(), &labels) == Whose::Ours))
    }

    /// Prepares a stopped cluster for its start: its network may have been pruned. The node is connected
    /// to the new one, because the engine looks for the old one by its id.
    pub(super) fn rejoin(&self, task: &Task<'_>, containers: &[Container]) -> Result<()> {
        let stopped: Vec<&Container> = containers.iter().filter(|c| !c.running && !c.paused).collect();
        if stopped.is_empty() {
            return Ok(());
        }
        let network = self.network();
        if self.claim(task)? {
            task.warn(format!("the network {network} was removed; it was created again"));
        }
        stopped
            .into_iter()
            .try_for_each(|container| self.engine.network_rejoin(task, &network, &container.id))
    }

    /// The cluster's containers. Refuses if one of them is not ours.
    pub(super) fn ours(&self, task: &Task<'_>) -> Result<Vec<Container>> {
        let label = if self.is_minikube() { "name.minikube.sigs.k8s.io" } else { "io.x-k8s.kind.cluster" };
        let (network, end) = (self.network(), Instant::now() + SETTLED);
        loop {
            let containers = self.engine.containers(task, &[format!("label={label}={}", self.name())])?;
            if containers.is_empty() {
                return Ok(containers);
            }
            // One that was never started is listed without the network for which it was created. One that is
            // only listed is still being created, or deleted, for a client that may have been killed.
            let (mut joined, mut changing) = (containers.clone(), false);
            for container in joined.iter_mut().filter(|container| container.networks.is_empty()) {
                let planned = self.engine.network_of(task, &container.id)?;
                changing |= planned.is_none();
                container.networks.extend(planned.filter(|planned| *planned == network));
            }
            if !changing || Instant::now() > end {
                let labels = self.engine.labels_of(task, "network", &network)?;
                self.check_owner(&joined, labels.as_ref(), || self.mark(task))?;
                return Ok(containers);
            }
            task.wait("the engine to finish a container", async {
                tokio::time::sleep(PAUSE).await;
                Ok(())
            })?;
        }
    }

    /// The names of the nodes' containers, without kind's load balancer for several control planes.
    pub fn nodes(&self, task: &Task<'_>) -> Result<Vec<String>> {
        let containers = self.ours(task)?.into_iter().map(|container| container.name);
        Ok(containers.filter(|name| !name.ends_with("-external-load-balancer")).collect())
    }

    /// Refuses if something with the cluster's name is not ours. Changes nothing.
    pub fn state(&self, task: &Task<'_>) -> Result<State> {
        let containers = self.ours(task)?;
        // A damaged kubeconfig is a lost one: starting the cluster writes it again from the node.
        let known = kubeconfig::damage(&self.kubeconfig).is_none();
        // The mark is read only if the kubeconfig is lost, because that takes time.
        let complete = known || (!containers.is_empty() && self.mark(task)?.is_some());
        Ok(state_of(&containers, &self.node(), known, complete))
    }

    /// The directory of this cluster's state.
    pub(super) fn home(&self) -> &Path {
        parent(&self.kubeconfig)
    }

    /// Creates the directory, and removes the kubeconfig of an earlier cluster.
    pub(super) fn prepare(&self) -> Result<()> {
        let home = self.home();
        std::fs::create_dir_all(home).map_err(|e| Error::io("create", home, &e))?;
        [&self.kubeconfig, &self.unfinished()].into_iter().try_for_each(|file| remove(file))
    }

    /// Programs start the client by name. If `PATH` has another one, a directory with a link to ours is put first.
    pub(super) fn with_client(&self, cmd: Cmd, name: &str) -> Result<Cmd> {
        Ok(match self.path_with_client(name)? {
            Some(path) => cmd.env("PATH", path),
            None => cmd,
        })
    }

    pub(super) fn path_with_client(&self, name: &str) -> Result<Option<OsString>> {
        let user = self.process_env.env.get("PATH").cloned().unwrap_or_default();
        let found = which::which_in(name, Some(&user), "/").ok();
        if found.as_deref() == Some(self.engine.client.as_path()) {
            return Ok(None);
        }
        let dir = self.home().join("engine");
        link(&self.engine.client, &dir.join(name))?;
        let mut path = dir.into_os_string();
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(&user);
        Ok(Some(path))
    }

    /// Whether we built the node image, which then contains everything that Kubernetes needs.
    pub(super) fn has_our_image(&self, task: &Task<'_>) -> Result<bool> {
        Ok(self.engine.image_label(task, &self.image, OUR_NODE_IMAGE)?.as_deref() == Some("true"))
    }

    /// Where the program writes the kubeconfig. It is renamed at the end: a kubeconfig means a complete cluster.
    pub(super) fn unfinished(&self) -> PathBuf {
        beside(&self.kubeconfig, ".new")
    }

    pub(super) fn remove_unfinished(&self) -> Result<()> {
        remove(&self.unfinished())
    }

    pub(super) fn keep_kubeconfig(&self) -> Result<()> {
        let new = self.unfinished();
        let private = std::fs::File::open(&new).and_then(|file| set_mode(&file, 0o600));
        private.map_err(|e| Error::io("set the mode of", &new, &e))?;
        std::fs::rename(&new, &self.kubeconfig).map_err(|e| Error::io("put in place", &self.kubeconfig, &e))
    }

    pub fn stop(&self, task: &Task<'_>) -> Result<()> {
        let running = self.ours(task)?.into_iter().filter(|container| container.running);
        running.into_iter().try_for_each(|container| self.engine.stop(task, &container.id))
    }

    /// Does what the provider's program would do, so that `down` does not need it.
    pub(super) fn delete_node(&self, task: &Task<'_>) -> Result<()> {
        let containers = self.ours(task)?;
        // With Podman, kind creates the node's volume by name, so it is not removed with its container.
        let volumes = if self.engine.is_podman() { self.volumes(task, &containers)? } else { Vec::new() };
        for container in containers {
            self.engine.remove_container(task, &container.id)?;
        }
        for volume in volumes {
            self.engine.volume_remove(task, &volume)?;
        }
        if self.claimed(task)? {
            if let Some(volume) = self.volume() {
                self.engine.volume_remove(task, volume)?;
            }
            let network = self.network();
            self.disconnect_registry(task, &network)?;
            self.engine.network_remove(task, &network)?;
        }
        let new = self.unfinished();
        let locks = [beside(&self.kubeconfig, ".lock"), beside(&new, ".lock")];
        [&self.kubeconfig, &new, &locks[0], &locks[1]].into_iter().try_for_each(|file| remove(file))
    }

    /// Disconnects the local registry; a network with containers cannot be removed.
    fn disconnect_registry(&self, task: &Task<'_>, network: &str) -> Result<()> {
        let filters = [format!("label={}", local_registry::LABEL), format!("network={network}")];
        for container in self.engine.containers(task, &filters)? {
            self.engine.network_disconnect(task, network, &container.name)?;
        }
        Ok(())
    }

    /// The volumes of the nodes' containers.
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

    pub fn owned(&self, task: &Task<'_>) -> Result<Vec<Owned>> {
        let containers = self.ours(task)?;
        let mut owned: Vec<Owned> =
            self.volumes(task, &containers)?.into_iter().map(|name| Owned::new("volume", name)).collect();
        owned.extend(containers.into_iter().map(|container| Owned::new("container", container.name)));
        if self.claimed(task)? {
            owned.push(Owned::new("network", self.network()));
            let volume = self.volume().map(|volume| Owned::new("volume", volume));
            if let Some(volume) = volume.filter(|volume| !owned.contains(volume))
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

    /// CPUs and bytes that the kubelet reserves for the system. It counts the engine's whole machine,
    /// whatever the container's limits are; with this, its allocatable capacity is the cluster's size.
    pub(super) fn reserved(&self) -> (u32, u64) {
        (
            self.engine.cpus.saturating_sub(self.sizes.cpus),
            self.engine.memory.saturating_sub(self.sizes.memory),
        )
    }
}

/// Makes the engine's client available under a name: a link if the system supports it.
fn link(client: &Path, link: &Path) -> Result<()> {
    let dir = parent(link);
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    if std::fs::read_link(link).is_ok_and(|target| target == client) {
        return Ok(());
    }
    remove(link)?;
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(client, link);
    #[cfg(not(unix))]
    let made = std::fs::copy(client, link.with_extension("exe")).map(|_| ());
    made.map_err(|e| Error::io("link the engine's client as", link, &e))
}

/// `known`: there is a kubeconfig; `complete`: the provider's program finished.
fn state_of(containers: &[Container], node: &str, known: bool, complete: bool) -> State {
    if containers.is_empty() {
        return State::Absent;
    }
    let Some(node) = containers.iter().find(|container| container.name == node) else {
        return State::Partial { why: "its control plane no longer exists".to_owned() };
    };
    if !complete {
        return State::Partial { why: "its creation was interrupted".to_owned() };
    }
    if !node.running || node.paused || !known {
        return State::Stopped;
    }
    State::Running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_from_what_there_is() {
        let node = "c-control-plane";
        let [running, stopped] = [true, false]
            .map(|running| [Container { name: node.to_owned(), running, ..Container::default() }]);
        assert_eq!(state_of(&[], node, true, true), State::Absent);
        assert_eq!(state_of(&running, node, true, true), State::Running);
        assert_eq!(state_of(&stopped, node, true, true), State::Stopped);
        assert_eq!(state_of(&running, node, false, true), State::Stopped);
        assert!(matches!(state_of(&running, node, false, false), State::Partial { .. }));
        assert!(matches!(state_of(&stopped, node, false, false), State::Partial { .. }));
        assert!(matches!(state_of(&running, "other", true, true), State::Partial { .. }));
    }

    #[test]
    fn the_engines_client_comes_first_in_path() {
        let dir = tempfile::tempdir().unwrap();
        let provider = testing::provider(dir.path(), ProviderKind::Kind);
        let path = provider.path_with_client("docker").unwrap().unwrap();
        let first = std::env::split_paths(&path).next().unwrap();
        assert_eq!(std::fs::read_link(first.join("docker")).unwrap(), provider.engine.client);
    }
}
