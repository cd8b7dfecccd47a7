//! A cluster in one container, made by kind on a network of its own.

mod config;
mod progress;

pub use config::Config;

use super::local::{Local, Naming, fault, settle};
use super::{Owned, Ports, Provider, State};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::task::Task;

/// What a node image of ours needs said to kubeadm.
const PATCH: &str = "offline/images/node/kubeadm-patch.yaml";

/// A cluster that kind makes and keeps.
#[derive(Debug, Clone)]
pub struct Kind {
    local: Local,
    /// The control plane's container.
    node: String,
    /// How kind labels it.
    label: String,
}

impl Kind {
    pub fn new(local: Local) -> Self {
        let name = &local.spec.name;
        let (node, label) = (format!("{name}-control-plane"), format!("io.x-k8s.kind.cluster={name}"));
        Self { local, node, label }
    }

    fn naming(&self) -> Naming<'_> {
        Naming { provider: "kind", node: &self.node, label: &self.label, volume: None }
    }

    /// A kind command that sees our engine, our network and nobody's kubeconfig.
    fn kind(&self, purpose: &str) -> Result<Cmd> {
        let provider = if self.local.engine.is_podman() { "podman" } else { "docker" };
        let network = self.local.network(&self.naming());
        let cmd = Cmd::new(&self.local.tool, purpose)
            .inherit(Inherit::Engine)
            .env("KIND_EXPERIMENTAL_PROVIDER", provider)
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", &network)
            .env("KIND_EXPERIMENTAL_PODMAN_NETWORK", &network);
        self.local.with_client(cmd, provider)
    }

    fn config(&self, task: &Task<'_>) -> Result<Config<'_>> {
        let local = &self.local;
        let (mut patches, mut containerd) = (Vec::new(), Vec::new());
        if local.has_our_image(task)? {
            let patch = local.data.read(PATCH)?;
            let patch = patch.ok_or_else(|| Error::failed(format!("{PATCH} is missing")))?;
            patches.push(local.versions.fill(&patch.text));
        } else {
            containerd.push(config::REGISTRIES.to_owned());
        }
        Ok(Config {
            name: local.name(),
            image: &local.image,
            ports: local.ports,
            reserved: local.reserved(),
            cgroup_v1: local.engine.cgroup_version == 1,
            patches,
            containerd,
        })
    }

    fn run_create(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let cmd = self
            .kind("create the cluster")?
            .args(["create", "cluster", "--name", local.name(), "--image", &local.image])
            .args(["--config", "-", "--wait", "0s", "--retain", "--kubeconfig"])
            .path(&local.unfinished())
            .input(self.config(task)?.render());
        let mut said = Vec::new();
        let ran = task.run_lines(&cmd, &mut |line| {
            if let Some(line) = progress::progress(line) {
                task.say(line);
            }
            said.push(line.to_owned());
        });
        let Err(error) = ran else { return Ok(()) };
        task.check()?;
        let log = local.node_log(task, &self.node);
        let explained = fault::explain("kind", error, &said.join("\n"), &log, local.ports);
        // kind was told to leave the node for its log; what is left of it goes now.
        if let Err(error) = self.delete(task) {
            task.warn(format!("the partially created cluster still exists: {}", error.one_line()));
        }
        Err(explained)
    }

    /// Writes the kubeconfig again from what the node holds.
    fn restore_kubeconfig(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let cmd = self
            .kind("write the kubeconfig again")?
            .args(["export", "kubeconfig", "--name", local.name(), "--kubeconfig"])
            .path(&local.unfinished());
        local.forget_unfinished()?;
        task.run(&cmd)?;
        local.keep_kubeconfig()
    }
}

impl Provider for Kind {
    fn name(&self) -> &'static str {
        "kind"
    }

    fn state(&self, task: &Task<'_>) -> Result<State> {
        self.local.state(task, &self.naming())
    }

    fn create(&self, task: &Task<'_>) -> Result<()> {
        if let State::Partial { why } = self.state(task)? {
            task.warn(format!("deleting a partially created cluster ({why}) to recreate it"));
            self.delete(task)?;
        }
        let local = &self.local;
        local.prepare()?;
        local.claim(task, &self.naming())?;
        self.run_create(task)?;
        local.engine.limit(task, &self.node, local.sizes.cpus, local.sizes.memory)?;
        local.mark_whole(task, &self.node)?;
        local.keep_kubeconfig()
    }

    fn settle(&self, task: &Task<'_>) -> Result<()> {
        settle::ready(task, &self.local.kubeconfig, None)
    }

    fn start(&self, task: &Task<'_>) -> Result<()> {
        let since = jiff::Timestamp::now();
        let mut started = false;
        let containers = self.local.ours(task, &self.naming())?;
        self.local.rejoin(task, &self.naming(), &containers)?;
        for container in containers.iter().filter(|container| !container.running) {
            task.say(format!("starting the node {}", container.name));
            self.local.engine.start(task, &container.id)?;
            // A paused node goes on where it was; its pods were never gone.
            started = started || !container.paused;
        }
        if !self.local.kubeconfig.is_file() {
            self.restore_kubeconfig(task)?;
        }
        settle::ready(task, &self.local.kubeconfig, started.then_some(since))
    }

    fn stop(&self, task: &Task<'_>) -> Result<()> {
        self.local.stop(task, &self.naming())
    }

    fn delete(&self, task: &Task<'_>) -> Result<()> {
        self.local.delete(task, &self.naming())
    }

    fn node(&self) -> String {
        self.node.clone()
    }

    fn nodes(&self, task: &Task<'_>) -> Result<Vec<String>> {
        self.local.nodes(task, &self.naming())
    }

    fn network(&self) -> String {
        self.local.network(&self.naming())
    }

    fn owned(&self, task: &Task<'_>) -> Result<Vec<Owned>> {
        self.local.owned(task, &self.naming())
    }

    fn ports(&self, task: &Task<'_>) -> Result<Ports> {
        self.local.published(task, &self.node)
    }
}

#[cfg(test)]
mod tests;
