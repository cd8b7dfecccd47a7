//! A cluster that minikube makes in one container of the local engine.
//!
//! Its `MINIKUBE_HOME` is in our state, so that the user's own minikube and this one never see each
//! other.

mod access;
mod driver;
mod events;
mod flags;
mod gear;
mod obstacle;
mod profile;
mod reasons;
#[cfg(test)]
mod recorded;
mod said;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;

use super::local::{Local, Naming, settle};
use super::{Owned, Ports, Provider, State};
use crate::config::Amount;
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::host::Facts;
use crate::task::Task;
use crate::world::World;
use driver::{Driver, Host};
use profile::Profile;
use said::Said;

/// The default `StorageClass` of a node that we built; it is in the node already.
const STORAGE: &str = "/kind/manifests/default-storage.yaml";
/// What minikube copies into a node that does not have them.
const BINARIES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

/// A cluster that minikube makes and keeps.
#[derive(Debug, Clone)]
pub struct Minikube {
    local: Local,
    /// How minikube labels its containers.
    label: String,
    world: World,
    facts: Facts,
}

impl Minikube {
    pub fn new(local: Local, world: World, facts: Facts) -> Self {
        let label = format!("name.minikube.sigs.k8s.io={}", local.spec.name);
        Self { local, label, world, facts }
    }

    /// The container and its volume are called as the cluster is.
    fn naming(&self) -> Naming<'_> {
        let name = self.local.name();
        Naming { provider: "minikube", node: name, label: &self.label, volume: Some(name) }
    }

    /// What minikube takes for its own; a name that ends so is used as it is.
    fn home(&self) -> PathBuf {
        self.local.home().join("minikube").join(".minikube")
    }

    fn profile(&self) -> Profile {
        Profile { home: self.home(), name: self.local.name().to_owned() }
    }

    /// A command that sees our engine and our home, and none of the variables by which the user
    /// speaks to a minikube of their own.
    fn minikube(&self, purpose: &str) -> Result<Cmd> {
        let cmd = Cmd::new(&self.local.tool, purpose)
            .inherit(Inherit::Engine)
            .env("MINIKUBE_HOME", self.home())
            .env("KUBECONFIG", self.local.unfinished())
            .env("MINIKUBE_IN_STYLE", "false")
            .env("MINIKUBE_WANTUPDATENOTIFICATION", OsString::from("false"));
        self.local.with_client(cmd, if self.local.engine.is_podman() { "podman" } else { "docker" })
    }

    /// What the node runs in, with the flags that follow from it, and how it is reached.
    fn choose(&self, task: &Task<'_>) -> Result<Vec<String>> {
        let local = &self.local;
        let gear = gear::probe(task, &self.world, &self.facts, Some(&local.engine));
        let memory = match local.spec.memory {
            Amount::Given(bytes) => Some(bytes),
            Amount::Auto => None,
        };
        let host = Host { facts: &self.facts, engine: Some(&local.engine), gear: &gear, memory };
        let driver = driver::choose(&host, local.spec.driver.as_deref())?;
        if !driver.is_container() {
            return Err(machine(driver));
        }
        let access = access::choose(driver, &host);
        task.say(format!("driver {}; {}", driver.name(), access.reason()));
        if local.ports.http < access.lowest_port || local.ports.https < access.lowest_port {
            let lowest = access.lowest_port;
            return Err(Error::host(format!(
                "the engine has no right to ports below {lowest} (port-privileged)"
            ))
            .because(format!("the profile asks for {} and {}", local.ports.http, local.ports.https))
            .help("set http-port = 8080 and https-port = 8443 in [cluster] of the profile"));
        }
        Ok([driver.flags(&host), access.start_flags(local.ports)].concat())
    }

    /// `minikube start`, for a new cluster or one that stands still.
    fn run_start(&self, task: &Task<'_>, purpose: &str, more: Vec<String>) -> Result<()> {
        let local = &self.local;
        let mut flags = flags::always(local.name());
        if local.has_our_image(task)? {
            flags.extend(flags::without_network());
        }
        flags.extend(more);
        let cmd = self.minikube(purpose)?.arg("start").args(flags).any_status();
        let mut said = Said::default();
        let output = task.run_lines(&cmd, &mut |line| said.hear(task, line))?;
        if output.ok() {
            return Ok(());
        }
        task.check()?;
        Err(said.explain(output.status, &local.node_log(task, local.name()), local.ports))
    }

    fn new_flags(&self, task: &Task<'_>) -> Result<Vec<String>> {
        let local = &self.local;
        let mut flags = self.choose(task)?;
        flags.extend(flags::create(&flags::New {
            image: &local.image,
            network: &local.network(&self.naming()),
            kubernetes: local.versions.get("kubernetes")?,
            sizes: local.sizes,
            reserved: local.reserved(),
            ours: local.has_our_image(task)?,
        }));
        Ok(flags)
    }

    /// The binaries that minikube would fetch are in the node image: from there they come to where
    /// it looks for them.
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

    /// The network before all else: it says whose the rest is.
    fn claim(&self, task: &Task<'_>) -> Result<()> {
        let (local, naming) = (&self.local, self.naming());
        let new = local.claim(task, &naming)?;
        if new && local.engine.volume_exists(task, local.name())? {
            let name = local.name();
            local.engine.network_remove(task, &local.network(&naming))?;
            return Err(Error::refused(format!("engine volume `{name}` was not created by todo-bootstrap"))
                .because("a cluster of that name would use the data in it")
                .help("set another `name` in [cluster] of the profile")
                .help(format!("{} volume rm {name}   # if it is no longer needed", local.engine.name)));
        }
        Ok(())
    }

    fn make(&self, task: &Task<'_>) -> Result<()> {
        let local = &self.local;
        let flags = self.new_flags(task)?;
        let ours = local.has_our_image(task)?;
        if ours {
            self.stage_binaries(task)?;
        }
        self.run_start(task, "create the cluster", flags)?;
        if ours {
            let kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
            let cmd = local.engine.exec(local.name(), "add the storage class").args(kubectl);
            task.run(&cmd.args(["apply", "--filename", STORAGE]))?;
        }
        self.profile().back_up()?;
        local.mark_whole(task, local.name())?;
        local.keep_kubeconfig()
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

/// Images are built by a container engine and sent to the node through it.
fn machine(driver: Driver) -> Error {
    Error::usage(format!("the driver `{}` cannot be used by todo-bootstrap", driver.name()))
        .because("the node runs in the container engine, which also builds the images")
        .help("remove `driver` from [cluster] of the profile to use docker or podman")
}

impl Provider for Minikube {
    fn name(&self) -> &'static str {
        "minikube"
    }

    fn state(&self, task: &Task<'_>) -> Result<State> {
        self.local.state(task, &self.naming())
    }

    fn create(&self, task: &Task<'_>) -> Result<()> {
        if let State::Partial { why } = self.state(task)? {
            task.warn(format!("deleting a partially created cluster ({why}) to recreate it"));
        }
        // Also where there is no container: minikube was killed before it made one.
        self.delete(task)?;
        self.local.prepare()?;
        self.claim(task)?;
        let made = self.make(task);
        if made.is_err()
            && task.check().is_ok()
            && let Err(error) = self.delete(task)
        {
            task.warn(format!("the partially created cluster still exists: {}", error.one_line()));
        }
        made
    }

    fn settle(&self, task: &Task<'_>) -> Result<()> {
        settle::ready(task, &self.local.kubeconfig, None)
    }

    fn start(&self, task: &Task<'_>) -> Result<()> {
        let since = jiff::Timestamp::now();
        let containers = self.local.ours(task, &self.naming())?;
        if containers.iter().any(|container| container.paused) {
            task.say(format!("resuming the node {}", self.local.name()));
            for container in containers.iter().filter(|container| container.paused) {
                self.local.engine.start(task, &container.id)?;
            }
            if self.local.kubeconfig.is_file() {
                return settle::ready(task, &self.local.kubeconfig, None);
            }
        }
        self.local.rejoin(task, &self.naming(), &containers)?;
        self.profile().mend(task)?;
        self.local.forget_unfinished()?;
        self.run_start(task, "start the cluster", Vec::new())?;
        self.profile().back_up()?;
        self.local.keep_kubeconfig()?;
        settle::ready(task, &self.local.kubeconfig, Some(since))
    }

    fn stop(&self, task: &Task<'_>) -> Result<()> {
        self.local.stop(task, &self.naming())
    }

    fn delete(&self, task: &Task<'_>) -> Result<()> {
        self.local.delete(task, &self.naming())?;
        self.delete_files()
    }

    fn node(&self) -> String {
        self.local.name().to_owned()
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
        self.local.published(task, self.local.name())
    }
}

#[cfg(test)]
mod tests;
