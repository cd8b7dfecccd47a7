//! What kind and minikube have in common: each node of the cluster is a container of the local engine, on a
//! network that only this cluster uses. Ownership, state, kubeconfig, and deletion.

mod client;
pub(super) mod fault;
mod key;
mod node;
mod owner;
pub(super) mod ready;
mod state;
#[cfg(test)]
pub(super) mod testing;

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
pub(super) use key::Placing;
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
    /// The host of the local registry for nodes, once it runs.
    pub registry: Option<String>,
    /// Whether the existing cluster encrypts its Secrets; a new one does.
    pub encrypted: bool,
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

    /// The containers that kind creates for this number of nodes; the control plane comes first.
    pub fn node_names(&self) -> Vec<String> {
        let worker = |number| match number {
            1 => format!("{}-worker", self.name()),
            _ => format!("{}-worker{number}", self.name()),
        };
        std::iter::once(self.node()).chain((1..self.sizes.nodes).map(worker)).collect()
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
        Ok(state::of(&containers, &self.node_names(), known, complete))
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

    /// The programs give nodes the proxies of the environment, through which nodes cannot reach the registry
    /// beside them.
    pub(super) fn past_proxies(&self, cmd: Cmd) -> Cmd {
        let Some(host) = self.registry.as_ref().filter(|_| !self.engine.proxies.is_empty()) else {
            return cmd;
        };
        let set = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| self.process_env.var(name));
        cmd.env("NO_PROXY", set.map_or_else(|| host.clone(), |others| format!("{others},{host}")))
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

    /// Whether the container of a node runs.
    pub fn runs(&self, task: &Task<'_>) -> Result<bool> {
        Ok(self.ours(task)?.iter().any(|container| container.running))
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
        [&self.kubeconfig, &new, &locks[0], &locks[1], &self.key_file()]
            .into_iter()
            .try_for_each(|file| remove(file))
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
        let files = [self.kubeconfig.clone(), self.key_file()].into_iter().filter(|file| file.exists());
        owned.extend(files.map(|file| Owned::new("file", file.display().to_string())));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_reach_the_registry_beside_them_without_the_proxy() {
        let mut provider = super::testing::provider(Path::new("/s"), ProviderKind::Kind);
        provider.registry = Some("registry-1".to_owned());
        let none = provider.past_proxies(Cmd::new("kind", "create")).env;
        provider.engine.proxies = vec!["HTTP_PROXY".to_owned()];
        for (set, expected) in [("localhost", "localhost,registry-1"), ("", "registry-1")] {
            provider.process_env.env = [("no_proxy".to_owned(), set.into())].into();
            let env = provider.past_proxies(Cmd::new("kind", "create")).env;
            assert_eq!((none.len(), env), (0, vec![("NO_PROXY".to_owned(), expected.into())]));
        }
    }
}
