//! A cluster in one container, created by kind on a network of its own.

mod config;

pub use config::Config;

use super::Provider;
use super::local::{Local, Naming, fault};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::task::Task;

/// A kubeadm patch that the node images built by todo-bootstrap need.
const PATCH: &str = "offline/images/node/kubeadm-patch.yaml";

/// A cluster that kind creates.
#[derive(Debug, Clone)]
pub struct Kind {
    local: Local,
    /// The control plane's container.
    node: String,
    /// kind's label on the cluster's containers.
    label: String,
}

impl Kind {
    pub fn new(local: Local) -> Self {
        let name = &local.spec.name;
        let (node, label) = (format!("{name}-control-plane"), format!("io.x-k8s.kind.cluster={name}"));
        Self { local, node, label }
    }

    /// A kind command that uses our engine and network, and no kubeconfig of the user.
    fn kind(&self, purpose: &str) -> Result<Cmd> {
        let provider = if self.local.engine.is_podman() { "podman" } else { "docker" };
        let network = self.network();
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

    /// Writes the kubeconfig again, from the one in the node.
    fn restore_kubeconfig(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let cmd = self
            .kind("write the kubeconfig again")?
            .args(["export", "kubeconfig", "--name", local.name(), "--kubeconfig"])
            .path(&local.unfinished());
        local.remove_unfinished()?;
        task.run(&cmd)?;
        local.keep_kubeconfig()
    }
}

impl Provider for Kind {
    fn local(&self) -> &Local {
        &self.local
    }

    fn naming(&self) -> Naming<'_> {
        Naming { provider: "kind", node: &self.node, label: &self.label, volume: None }
    }

    fn create_node(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        // The node is kept for its log, and deleted by the caller.
        let cmd = self
            .kind("create the cluster")?
            .args(["create", "cluster", "--name", local.name(), "--image", &local.image])
            .args(["--config", "-", "--wait", "0s", "--retain", "--kubeconfig"])
            .path(&local.unfinished())
            .input(self.config(task)?.render());
        let mut output = String::new();
        let ran = task.run_lines(&cmd, &mut |line| {
            if let Some(step) = progress(line) {
                task.say(step);
            }
            output.push_str(line);
            output.push('\n');
        });
        if let Err(error) = ran {
            task.check()?;
            let node_log = local.node_log(task, &self.node);
            let failed = fault::Failed { error, output: &output, node_log: &node_log, help: "" };
            return Err(fault::explain(task, &local.engine, fault::Action::Create, failed));
        }
        local.engine.limit(task, &self.node, local.sizes.cpus, local.sizes.memory)
    }

    fn start(&self, task: &Task<'_>) -> Result<()> {
        let since = jiff::Timestamp::now();
        let mut started = false;
        let containers = self.local.ours(task, &self.naming())?;
        self.local.rejoin(task, &self.naming(), &containers)?;
        for container in containers.iter().filter(|container| !container.running) {
            task.say(format!("starting the node {}", container.name));
            self.local.start_container(task, container)?;
            // The pods of a paused node continue where they were.
            started = started || !container.paused;
        }
        self.local.renew_certificates(task, &self.node)?;
        self.restore_kubeconfig(task)?;
        self.local.wait_ready(task, started.then_some(since))
    }
}

/// The step that a line of kind's output announces. The line with `✓`, which ends it, is left out.
fn progress(line: &str) -> Option<String> {
    const STEPS: [&str; 7] =
        ["Creating", "Ensuring", "Preparing", "Writing", "Starting", "Installing", "Joining"];
    let text: String = line.chars().filter(char::is_ascii).collect();
    let text = text.trim().trim_end_matches("...").trim();
    (!line.contains('✓') && STEPS.iter().any(|step| text.starts_with(step))).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
