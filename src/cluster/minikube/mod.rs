//! A cluster that minikube creates in one container of the local engine.
//!
//! Its `MINIKUBE_HOME` is in our state directory, separate from the user's own minikube.

mod driver;
mod flags;
mod output;
mod profile;

use std::path::PathBuf;

use super::Provider;
use super::local::{Local, Naming, fault};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::host::Facts;
use crate::process_env::ProcessEnv;
use crate::task::Task;
use driver::Traits;
use output::Log;
use profile::Profile;

/// The default `StorageClass`, as a file in the node images that we built.
const STORAGE: &str = "/kind/manifests/default-storage.yaml";
/// What minikube copies into a node that lacks them.
const BINARIES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

/// A cluster that minikube creates.
#[derive(Debug, Clone)]
pub struct Minikube {
    local: Local,
    /// minikube's label on the cluster's containers.
    label: String,
    process_env: ProcessEnv,
    facts: Facts,
}

impl Minikube {
    pub fn new(local: Local, process_env: ProcessEnv, facts: Facts) -> Self {
        let label = format!("name.minikube.sigs.k8s.io={}", local.spec.name);
        Self { local, label, process_env, facts }
    }

    /// `MINIKUBE_HOME`. minikube uses a path that ends in `.minikube` as it is.
    fn home(&self) -> PathBuf {
        self.local.home().join("minikube").join(".minikube")
    }

    fn profile(&self) -> Profile {
        Profile { home: self.home(), name: self.local.name().to_owned() }
    }

    /// A minikube command that uses our engine and home, and none of the user's `MINIKUBE_` variables.
    fn minikube(&self, purpose: &str) -> Result<Cmd> {
        let cmd = Cmd::new(&self.local.tool, purpose)
            .inherit(Inherit::Engine)
            .env("MINIKUBE_HOME", self.home())
            .env("KUBECONFIG", self.local.unfinished())
            .env("MINIKUBE_IN_STYLE", "false")
            .env("MINIKUBE_WANTUPDATENOTIFICATION", "false");
        self.local.with_client(cmd, if self.local.engine.is_podman() { "podman" } else { "docker" })
    }

    /// `minikube start`, for a new cluster or a stopped one.
    fn run_start(&self, task: &Task<'_>, action: fault::Action, more: Vec<String>) -> Result<()> {
        let local = &self.local;
        let mut flags = flags::always(local.name());
        if local.has_our_image(task)? {
            flags.extend(flags::without_network());
        }
        flags.extend(more);
        let purpose = match action {
            fault::Action::Create => "create the cluster",
            fault::Action::Start => "start the cluster",
        };
        let cmd = self.minikube(purpose)?.arg("start").args(flags).any_status();
        let mut log = Log::default();
        let output = task.run_lines(&cmd, &mut |line| log.line(task, line))?;
        if output.ok() {
            return Ok(());
        }
        task.check()?;
        let failure = log.failure(output.status);
        let (error, help) = failure.error();
        let node_log = local.node_log(task, local.name());
        let failed = fault::Failed { error, output: &log.text, node_log: &node_log, help };
        Err(fault::explain(task, &local.engine, action, failed))
    }

    fn create_flags(&self, task: &Task<'_>) -> Result<Vec<String>> {
        let local = &self.local;
        let traits = Traits::probe(task, &self.process_env, &local.engine);
        let requested = local.spec.driver.as_deref();
        let mut flags = driver::flags(&local.engine, &self.facts, traits, requested, local.ports)?;
        flags.extend(flags::create(&flags::New {
            image: &local.image,
            network: &self.network(),
            kubernetes: local.versions.get("kubernetes")?,
            sizes: local.sizes,
            reserved: local.reserved(),
            ours: local.has_our_image(task)?,
        }));
        Ok(flags)
    }

    /// Copies the binaries that minikube would download from the node image to its cache.
    fn stage_binaries(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let version = local.versions.get("kubernetes")?;
        let dir = self.home().join("cache/linux").join(self.facts.arch.name()).join(format!("v{version}"));
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        let create = local.engine.cmd("open the node image").args(["create", &local.image]);
        let container = task.run(&create)?.text();
        let copied = BINARIES.iter().try_for_each(|name| {
            let cmd = local.engine.cmd(format!("read {name} from the node image"));
            task.run(&cmd.arg("cp").arg(format!("{container}:/usr/bin/{name}")).path(&dir)).map(drop)
        });
        let removed = local.engine.remove_container(task, &container);
        copied.and(removed.map(drop))
    }

    fn delete_files(&self) -> Result<()> {
        let dir = self.local.home().join("minikube");
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("delete", &dir, &error))
            }
            _ => Ok(()),
        }
    }
}

impl Provider for Minikube {
    fn local(&self) -> &Local {
        &self.local
    }

    /// The container and its volume have the cluster's name.
    fn naming(&self) -> Naming<'_> {
        let name = self.local.name();
        Naming { provider: "minikube", node: name, label: &self.label, volume: Some(name) }
    }

    fn create_node(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let flags = self.create_flags(task)?;
        let ours = local.has_our_image(task)?;
        if ours {
            self.stage_binaries(task)?;
        }
        self.run_start(task, fault::Action::Create, flags)?;
        if ours {
            let kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
            let cmd = local.engine.exec(local.name(), "add the storage class").args(kubectl);
            task.run(&cmd.args(["apply", "--filename", STORAGE]))?;
        }
        self.profile().back_up()
    }

    /// minikube itself renews certificates that have expired.
    fn start(&self, task: &Task<'_>) -> Result<()> {
        let since = jiff::Timestamp::now();
        let local = &self.local;
        let containers = local.ours(task, &self.naming())?;
        let paused: Vec<_> = containers.iter().filter(|container| container.paused).collect();
        for container in &paused {
            task.say(format!("resuming the node {}", container.name));
            local.start_container(task, container)?;
        }
        if !paused.is_empty() && local.kubeconfig.is_file() {
            return local.wait_ready(task, None);
        }
        local.rejoin(task, &self.naming(), &containers)?;
        self.profile().restore(task)?;
        local.remove_unfinished()?;
        self.run_start(task, fault::Action::Start, Vec::new())?;
        self.profile().back_up()?;
        local.keep_kubeconfig()?;
        local.wait_ready(task, Some(since))
    }

    fn delete(&self, task: &Task<'_>) -> Result<()> {
        self.local.delete(task, &self.naming())?;
        self.delete_files()
    }
}

#[cfg(test)]
mod tests;
