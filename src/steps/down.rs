//! The plan of `down`: delete what the receipt says we made; `--purge` goes on to the machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::engine::EngineStep;
use super::hosts_entry::RemoveHostsEntries;
use super::{HostReceipt, Plan, Probe, Session, Step, Unmerge, hosts_entries};
use crate::cluster::State;
use crate::engine::{self, Installed};
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// What the engine holds that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InEngine {
    /// There is no engine, or nothing of ours is in it.
    Nothing,
    /// The registry that earlier clusters left.
    Registry,
    ClusterAndRegistry,
}

/// Steps of `down`: the cluster with its network, what is in the user's kubeconfig, then its state; with `purge` also the caches and
/// what was installed on the machine; at last our lines in the hosts file.
pub fn plan(session: &Arc<Session>, in_engine: InEngine, purge: bool) -> Result<Plan> {
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    let mut needs: Vec<String> = Vec::new();
    if in_engine != InEngine::Nothing {
        steps.push(Box::new(EngineStep { session: session.clone() }));
        needs = vec!["engine".to_owned()];
        if in_engine == InEngine::ClusterAndRegistry {
            steps.push(Box::new(DeleteCluster { session: session.clone() }));
            needs = vec!["delete-cluster".to_owned()];
        }
        steps.push(Box::new(DeleteRegistry { session: session.clone(), purge, needs }));
        needs = vec!["delete-registry".to_owned()];
    }
    if !session.receipt().kubeconfigs.is_empty() {
        // After the cluster, which goes whatever state a file of the user is in; before the state,
        // which tells what is ours there.
        steps.push(Box::new(Unmerge { session: session.clone(), needs: needs.clone() }));
        needs.push(Unmerge::ID.to_owned());
    }
    steps.push(Box::new(DeleteFiles {
        id: "delete-state",
        title: "State of the cluster".to_owned(),
        paths: vec![session.dir()],
        needs,
    }));
    if purge {
        steps.push(Box::new(PurgeHost { session: session.clone() }));
        steps.push(Box::new(DeleteFiles {
            id: "delete-cache",
            title: "Cache of tools and images".to_owned(),
            paths: vec![session.paths.cache.clone()],
            needs: vec!["purge-host".to_owned()],
        }));
    }
    if !hosts_entries(session, purge)?.is_empty() {
        let needs = vec![if purge { "delete-cache" } else { "delete-state" }.to_owned()];
        steps.push(Box::new(RemoveHostsEntries { session: session.clone(), all: purge, needs }));
    }
    Plan::new(steps)
}

struct DeleteCluster {
    session: Arc<Session>,
}

impl Step for DeleteCluster {
    fn id(&self) -> &'static str {
        "delete-cluster"
    }

    fn title(&self) -> String {
        format!("Cluster {}", self.session.profile.cluster.name)
    }

    fn needs(&self) -> Vec<String> {
        vec!["engine".to_owned()]
    }

    fn effects(&self) -> Vec<String> {
        let name = &self.session.profile.cluster.name;
        vec![format!("deletes cluster `{name}` with all data in it, and its network")]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let provider = self.session.provider()?;
        let owned = provider.owned(task)?;
        if owned.is_empty() && provider.state(task)? == State::Absent {
            return Ok(Probe::Done("does not exist".to_owned()));
        }
        let names: Vec<String> = owned.iter().map(ToString::to_string).collect();
        Ok(Probe::Needed(names.join(", ")))
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        self.session.provider()?.delete(task)?;
        Ok("deleted".to_owned())
    }
}

/// The container of the local registry goes with the last cluster that uses it, its volume with the
/// cache.
struct DeleteRegistry {
    session: Arc<Session>,
    purge: bool,
    needs: Vec<String>,
}

impl Step for DeleteRegistry {
    fn id(&self) -> &'static str {
        "delete-registry"
    }

    fn title(&self) -> String {
        "Local registry".to_owned()
    }

    fn needs(&self) -> Vec<String> {
        self.needs.clone()
    }

    fn effects(&self) -> Vec<String> {
        vec![if self.purge {
            "deletes the local registry with its volume, which holds the images".to_owned()
        } else {
            "deletes the local registry's container, unless another cluster uses it; its volume keeps the \
             images"
                .to_owned()
        }]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let session = &self.session;
        let owned = LocalRegistry::owned(task, session.engine()?, &session.paths.cache)?;
        let here: Vec<String> = owned
            .iter()
            .filter(|(kind, _)| self.purge || *kind == "container")
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect();
        Ok(if here.is_empty() {
            Probe::Done("does not exist".to_owned())
        } else {
            Probe::Needed(here.join(", "))
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (session, engine) = (&self.session, self.session.engine()?);
        let (cache, network) = (&session.paths.cache, session.provider()?.network());
        if self.purge {
            LocalRegistry::purge(task, engine, cache)?;
            return Ok("deleted".to_owned());
        }
        Ok(if LocalRegistry::remove(task, engine, cache, &network)? {
            "deleted; its volume is kept".to_owned()
        } else {
            "kept, because another cluster uses it".to_owned()
        })
    }

    fn verify(&self, task: &Task<'_>) -> Result<()> {
        if !self.purge {
            // One that another cluster uses is there, and is to be.
            return Ok(());
        }
        match self.probe(task)? {
            Probe::Done(_) => Ok(()),
            Probe::Needed(what) => Err(Error::failed("the local registry still exists")
                .because(what)
                .help("todo-bootstrap down --purge")),
        }
    }
}

struct DeleteFiles {
    id: &'static str,
    title: String,
    paths: Vec<PathBuf>,
    needs: Vec<String>,
}

impl Step for DeleteFiles {
    fn id(&self) -> &str {
        self.id
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn needs(&self) -> Vec<String> {
        self.needs.clone()
    }

    fn effects(&self) -> Vec<String> {
        self.paths.iter().map(|path| format!("deletes {}", path.display())).collect()
    }

    fn probe(&self, _task: &Task<'_>) -> Result<Probe> {
        let there: Vec<String> =
            self.paths.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
        Ok(if there.is_empty() {
            Probe::Done("does not exist".to_owned())
        } else {
            Probe::Needed(there.join(", "))
        })
    }

    fn run(&self, _task: &Task<'_>) -> Result<String> {
        for path in &self.paths {
            match std::fs::remove_dir_all(path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("delete", path, &error)),
            }
        }
        Ok("deleted".to_owned())
    }
}

/// Undoes what the receipts of the machine list: the daemon that we started, packages, files.
struct PurgeHost {
    session: Arc<Session>,
}

impl PurgeHost {
    fn receipt(&self) -> Result<HostReceipt> {
        HostReceipt::load(&self.session.paths.state)
    }

    fn engine(&self) -> Result<Option<Installed>> {
        Installed::load(&self.session.paths.state)
    }
}

impl Step for PurgeHost {
    fn id(&self) -> &'static str {
        "purge-host"
    }

    fn title(&self) -> String {
        "Software installed on this machine".to_owned()
    }

    fn needs(&self) -> Vec<String> {
        vec!["delete-state".to_owned()]
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn effects(&self) -> Vec<String> {
        let (receipt, engine) = (self.receipt().unwrap_or_default(), self.engine().ok().flatten());
        let engine = engine.unwrap_or_default();
        let packages = receipt.packages.iter().chain(&engine.packages);
        let mut effects: Vec<String> =
            packages.map(|package| format!("removes the package {package}")).collect();
        effects.extend(engine.files.iter().map(|file| format!("deletes {}", file.display())));
        effects.extend(receipt.engine_pid.map(|(pid, _)| format!("stops the container engine (pid {pid})")));
        effects
    }

    fn probe(&self, _task: &Task<'_>) -> Result<Probe> {
        let effects = self.effects();
        let empty = effects.is_empty();
        Ok(if empty { Probe::Done("nothing".to_owned()) } else { Probe::Needed(effects.join(", ")) })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let receipt = self.receipt()?;
        if let Some((pid, started)) = receipt.engine_pid {
            let daemon = super::Orphan { pid, started, purpose: String::new() };
            if daemon.lives() {
                engine::halt(task, pid)?;
            }
        }
        if let Some(installed) = self.engine()? {
            engine::uninstall(task, &installed, &self.session.paths.state)?;
        }
        engine::remove_packages(task, &receipt.packages)?;
        // What is in the hosts file is the next step's to undo.
        self.session.record_host(|host| {
            let hosts_entries = std::mem::take(&mut host.hosts_entries);
            *host = HostReceipt { schema: 1, hosts_entries, ..HostReceipt::default() };
        })?;
        Ok("removed".to_owned())
    }
}
