//! Steps `cluster` and `cluster-ready`: the cluster runs and is ours, and its node, storage and DNS work.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Depth, Probe, Revert, Session, Step};
use crate::cluster::{State, identity, nodes, room};
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::quantity::show_bytes;
use crate::task::Task;

/// The time limit for the response of a healthy API server.
const API_TIMEOUT: Duration = Duration::from_secs(3);

/// The receipt of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterMade {
    /// Ports of 127.0.0.1 that are forwarded to the ingress controller.
    pub http_port: Option<u16>,
    pub https_port: Option<u16>,
    pub cpus: Option<u32>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Whether the creation of the cluster was completed.
    pub complete: bool,
    pub node_image: Option<String>,
}

pub struct ClusterStep {
    pub session: Arc<Session>,
}

impl ClusterStep {
    /// Connects to the cluster after verifying that it is ours.
    fn connect(&self, task: &Task<'_>) -> Result<()> {
        if self.session.kube().is_ok() {
            return Ok(());
        }
        let (kubeconfig, instance) = (self.session.kubeconfig(), &self.session.receipt().instance);
        self.session.set_kube(identity::connect(task, &kubeconfig, instance)?);
        Ok(())
    }

    fn announce_ports(&self, task: &Task<'_>) {
        let (ports, wanted) = (self.session.ports(), &self.session.profile.cluster);
        for (got, wanted) in [(ports.http, wanted.http_port), (ports.https, wanted.https_port)] {
            if got != wanted {
                task.warn(format!("port {wanted} is in use on this machine; using port {got} instead"));
            }
        }
    }

    /// Warns if this version would create the cluster from a newer node image.
    fn announce_upgrade(&self, task: &Task<'_>) {
        let session = &self.session;
        let (made, now) = (
            session.receipt().made.cluster.node_image,
            session.image(super::node_image(session.profile.provider)),
        );
        if let (Some(made), Ok(now)) = (made, now)
            && made != now.in_archive()
        {
            let now = now.in_archive();
            task.warn(format!(
                "the cluster keeps its version ({made}); to upgrade it to {now}, delete it with all its \
                 data and create it again: todo-bootstrap down && todo-bootstrap up"
            ));
        }
    }

    fn create(&self, task: &Task<'_>) -> Result<()> {
        let session = &self.session;
        let fit = session.fit()?;
        room(&session.facts, fit.storage)?;
        self.announce_ports(task);
        let (ports, sizes) = (session.ports(), fit.sizes);
        let image = session.image(super::node_image(session.profile.provider))?;
        session.record(|receipt| {
            receipt.preset.clone_from(&fit.preset);
            receipt.made.cluster = ClusterMade {
                http_port: Some(ports.http),
                https_port: Some(ports.https),
                cpus: Some(sizes.cpus),
                memory: Some(sizes.memory),
                node_image: Some(image.in_archive()),
                complete: false,
            };
        })?;
        let registry = session.registry()?;
        session.engine()?.pull_local(task, &image.in_engine(registry.authority()), &image.in_archive())?;
        session.provider()?.create(task)?;
        self.mark(task)?;
        session.set_new_cluster();
        Ok(())
    }

    /// Marks the cluster as ours, and then its receipt as complete.
    fn mark(&self, task: &Task<'_>) -> Result<()> {
        let kube = Kube::connect(task, &self.session.kubeconfig())?;
        identity::mark(task, &kube, &self.session.receipt().instance)?;
        self.session.record(|receipt| receipt.made.cluster.complete = true)
    }
}

impl Step for ClusterStep {
    fn effects(&self) -> Vec<String> {
        let cluster = &self.session.profile.cluster.name;
        let provider = self.session.profile.provider.name();
        let ports = self.session.ports();
        let size = match self.session.sizes() {
            Ok(sizes) => format!("{} CPU, {}", sizes.cpus, show_bytes(sizes.memory)),
            Err(_) => "the size depends on this machine".to_owned(),
        };
        vec![
            format!(
                "creates cluster `{cluster}` with {provider}: a container ({size}) and a network in the engine"
            ),
            format!("uses ports {} and {} of 127.0.0.1", ports.http, ports.https),
            format!("writes {} (~/.kube/config is not changed)", self.session.kubeconfig().display()),
        ]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let provider = self.session.provider()?;
        Ok(match provider.state(task)? {
            State::Absent => Probe::Needed("the cluster does not exist yet".to_owned()),
            State::Partial { why } => {
                Probe::Needed(format!("partially created ({why}); it will be recreated"))
            }
            State::Stopped => Probe::Needed(format!("the node container {} is stopped", provider.node())),
            State::Running if !self.session.receipt().made.cluster.complete => {
                Probe::Needed("its creation was interrupted before it was marked as ours".to_owned())
            }
            State::Running => {
                let kube = Kube::connect(task, &self.session.kubeconfig())?;
                if !kube.answers(task, API_TIMEOUT) {
                    return Ok(Probe::Needed("its API server is not responding".to_owned()));
                }
                self.connect(task)?;
                self.announce_upgrade(task);
                // Step `cluster-ready` waits for the node of a new cluster.
                let unready = if self.session.is_new_cluster() {
                    None
                } else {
                    nodes::not_ready(task, self.session.kube()?)?
                };
                match unready {
                    None => Probe::Done(format!("{} runs", provider.node())),
                    Some(why) => Probe::Needed(why),
                }
            }
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let provider = self.session.provider()?;
        match provider.state(task)? {
            State::Absent => self.create(task)?,
            State::Partial { .. } => {
                provider.delete(task)?;
                self.create(task)?;
            }
            State::Stopped | State::Running => {
                provider.start(task)?;
                if !self.session.receipt().made.cluster.complete {
                    self.mark(task)?;
                }
                self.connect(task)?;
                return Ok("restarted".to_owned());
            }
        }
        self.connect(task)?;
        Ok("created".to_owned())
    }
}

/// Waits until a new cluster is ready. Images are pulled into its node at the same time.
pub struct ClusterReadyStep {
    pub session: Arc<Session>,
}

impl Step for ClusterReadyStep {
    /// Step `cluster` already checked an existing cluster.
    fn probe(&self, _task: &Task<'_>) -> Result<Probe> {
        Ok(if self.session.is_new_cluster() {
            Probe::Needed("the cluster is new".to_owned())
        } else {
            Probe::Done("ready".to_owned())
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        self.session.provider()?.wait_ready(task)?;
        Ok("ready".to_owned())
    }

    /// `run` waited until the cluster was ready.
    fn verify(&self, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

impl Revert for ClusterStep {
    fn losses(&self, _depth: Depth) -> Vec<String> {
        let (session, name) = (&self.session, &self.session.profile.cluster.name);
        if session.is_recorded() && session.engine().is_ok() {
            return vec![format!("deletes cluster `{name}` with all data in it, and its network")];
        }
        Vec::new()
    }

    fn remains(&self, task: &Task<'_>, _depth: Depth) -> Result<Vec<String>> {
        let provider = self.session.provider()?;
        let owned = provider.owned(task)?;
        if owned.is_empty() && provider.state(task)? != State::Absent {
            return Ok(vec![format!("cluster {}", self.session.profile.cluster.name)]);
        }
        Ok(owned.iter().map(ToString::to_string).collect())
    }

    fn revert(&self, task: &Task<'_>, _depth: Depth) -> Result<String> {
        self.session.provider()?.delete(task)?;
        Ok("deleted".to_owned())
    }
}
