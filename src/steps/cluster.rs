//! Steps `cluster` and `cluster-ready`: the cluster runs and is ours, and its node, storage and DNS work.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::early;
use super::stop::lost;
use super::{Depth, Probe, Revert, Session, Step};
use crate::cluster::{Fit, Ports, Sizes, State, identity, nodes, room};
use crate::error::{Kind, Result};
use crate::host::{self, PortState};
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
    /// Earlier versions created one node and did not record it.
    pub nodes: Option<u32>,
    /// Of each node.
    pub cpus: Option<u32>,
    /// Bytes of each node.
    pub memory: Option<u64>,
    /// Whether the creation of the cluster was completed.
    pub complete: bool,
    pub node_image: Option<String>,
    /// The engine that has the cluster, `docker` or `podman`; earlier versions did not record it.
    pub engine: Option<String>,
    /// Whether the API server encrypts Secrets; earlier versions did not configure it.
    pub secrets_encrypted: bool,
}

impl ClusterMade {
    /// The number and the size of the nodes, once the creation was completed.
    pub fn sizes(&self) -> Option<Sizes> {
        let (cpus, memory) = (self.cpus.filter(|_| self.complete)?, self.memory?);
        Some(Sizes { nodes: self.nodes.unwrap_or(1), cpus, memory })
    }
}

pub struct ClusterStep;

/// Connects to the cluster after verifying that it is ours.
fn connect(session: &Session, task: &Task<'_>) -> Result<()> {
    if session.kube().is_ok() {
        return Ok(());
    }
    let (kubeconfig, instance) = (session.kubeconfig(), &session.receipt().instance);
    session.set_kube(identity::connect(task, &kubeconfig, instance)?);
    Ok(())
}

fn announce_ports(session: &Session, task: &Task<'_>) {
    let (ports, wanted) = (session.ports(), &session.profile.cluster);
    for (got, wanted) in [(ports.http, wanted.http_port), (ports.https, wanted.https_port)] {
        if got != wanted {
            let why = match host::port_state(wanted) {
                PortState::Taken => "is in use on this machine",
                PortState::Free | PortState::Privileged => "cannot be published by the engine",
            };
            task.warn(format!("port {wanted} {why}; using port {got} instead"));
        }
    }
}

/// Warns if this version would create the cluster from a newer node image.
fn announce_upgrade(session: &Session, task: &Task<'_>) {
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

fn create(session: &Session, task: &Task<'_>) -> Result<()> {
    let fit = session.fit()?;
    room(&session.facts, fit.sizes.nodes, fit.storage)?;
    with_free_ports(session, task, || create_with_ports(session, task, &fit))
}

/// Creates with newly chosen ports: those that an interrupted creation recorded may be in use by now. If the
/// engine cannot publish them, once more with others.
fn with_free_ports(session: &Session, task: &Task<'_>, create: impl Fn() -> Result<()>) -> Result<()> {
    session.choose_ports_again(&[])?;
    let failed = match create() {
        Err(error) if error.kind() == Kind::PortUnavailable => error,
        result => return result,
    };
    task.warn(format!("{}; trying again with other ports", failed.one_line()));
    let Ports { http, https } = session.ports();
    session.choose_ports_again(&[http, https])?;
    create()
}

fn create_with_ports(session: &Session, task: &Task<'_>, fit: &Fit) -> Result<()> {
    announce_ports(session, task);
    let (ports, sizes) = (session.ports(), fit.sizes);
    let (image, engine) = (session.image(super::node_image(session.profile.provider))?, session.engine()?);
    session.record(|receipt| {
        receipt.preset.clone_from(&fit.preset);
        receipt.made.cluster = ClusterMade {
            http_port: Some(ports.http),
            https_port: Some(ports.https),
            nodes: Some(sizes.nodes),
            cpus: Some(sizes.cpus),
            memory: Some(sizes.memory),
            node_image: Some(image.in_archive()),
            complete: false,
            engine: Some(engine.name.clone()),
            secrets_encrypted: true,
        };
    })?;
    let registry = session.registry()?;
    engine.pull_local(task, &image.in_engine(registry.authority()), &image.in_archive())?;
    session.provider()?.create(task, &mut || early::begin(session, task))?;
    mark(session, task)?;
    session.set_new_cluster();
    Ok(())
}

/// Marks the cluster as ours, and then its receipt as complete.
fn mark(session: &Session, task: &Task<'_>) -> Result<()> {
    let kube = Kube::connect(task, &session.kubeconfig())?;
    identity::mark(task, &kube, &session.receipt().instance)?;
    session.record(|receipt| receipt.made.cluster.complete = true)
}

impl Step for ClusterStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let cluster = &session.profile.cluster.name;
        let provider = session.profile.provider.name();
        let ports = session.ports();
        let size = match session.sizes() {
            Ok(sizes) => format!("{} CPU, {}", sizes.cpus, show_bytes(sizes.memory)),
            Err(_) => "the size depends on this machine".to_owned(),
        };
        let containers = match session.nodes_planned() {
            1 => format!("a container ({size})"),
            nodes => format!("{nodes} containers ({size} each)"),
        };
        vec![
            format!("creates cluster `{cluster}` with {provider}: {containers} and a network in the engine"),
            format!("uses ports {} and {} of 127.0.0.1", ports.http, ports.https),
            format!("writes {} (~/.kube/config is not changed)", session.kubeconfig().display()),
            "encrypts Secrets in etcd with a new key".to_owned(),
        ]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let provider = session.provider()?;
        Ok(match provider.state(task)? {
            State::Absent => Probe::Needed("the cluster does not exist yet".to_owned()),
            State::Partial { why } => {
                Probe::Needed(format!("partially created ({why}); it will be recreated"))
            }
            State::Lost { why } => return Err(lost(&session.profile.cluster.name, why)),
            State::Stopped { why } => Probe::Needed(why),
            State::Running if !session.receipt().made.cluster.complete => {
                Probe::Needed("its creation was interrupted before it was marked as ours".to_owned())
            }
            State::Running if provider.encrypted && provider.keys()?.is_none() => {
                Probe::Needed(format!("{} is missing or damaged", provider.key_file().display()))
            }
            State::Running => {
                let kube = Kube::connect(task, &session.kubeconfig())?;
                if !kube.answers(task, API_TIMEOUT) {
                    return Ok(Probe::Needed("its API server is not responding".to_owned()));
                }
                connect(session, task)?;
                announce_upgrade(session, task);
                // Step `cluster-ready` waits for the node of a new cluster.
                let unready =
                    if session.is_new_cluster() { None } else { nodes::not_ready(task, session.kube()?)? };
                match unready {
                    None => Probe::Done(format!("{} runs", provider.node_names().join(", "))),
                    Some(why) => Probe::Needed(why),
                }
            }
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let _ending = early::Ending(session);
        let provider = session.provider()?;
        match provider.state(task)? {
            State::Absent => create(session, task)?,
            State::Partial { .. } => {
                provider.delete(task)?;
                create(session, task)?;
            }
            State::Lost { why } => return Err(lost(&session.profile.cluster.name, why)),
            State::Stopped { .. } | State::Running => {
                provider.start(task)?;
                if !session.receipt().made.cluster.complete {
                    mark(session, task)?;
                }
                connect(session, task)?;
                return Ok("restarted".to_owned());
            }
        }
        connect(session, task)?;
        Ok("created".to_owned())
    }
}

/// Waits until a new cluster is ready. Images are pulled into its node at the same time.
pub struct ClusterReadyStep;

impl Step for ClusterReadyStep {
    /// Step `cluster` already checked an existing cluster.
    fn probe(&self, session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(if session.is_new_cluster() {
            Probe::Needed("the cluster is new".to_owned())
        } else {
            Probe::Done("ready".to_owned())
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        session.provider()?.wait_ready(task)?;
        Ok("ready".to_owned())
    }

    /// `run` waited until the cluster was ready.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

impl Revert for ClusterStep {
    fn losses(&self, session: &Session, _depth: Depth) -> Vec<String> {
        let name = &session.profile.cluster.name;
        if session.is_recorded() && session.engine().is_ok() {
            return vec![format!("deletes cluster `{name}` with all data in it, and its network")];
        }
        Vec::new()
    }

    fn remains(&self, session: &Session, task: &Task<'_>, _depth: Depth) -> Result<Vec<String>> {
        let provider = session.provider()?;
        let owned = provider.owned(task)?;
        if owned.is_empty() && provider.state(task)? != State::Absent {
            return Ok(vec![format!("cluster {}", session.profile.cluster.name)]);
        }
        Ok(owned.iter().map(ToString::to_string).collect())
    }

    fn revert(&self, session: &Session, task: &Task<'_>, _depth: Depth) -> Result<String> {
        session.provider()?.delete(task)?;
        Ok("deleted".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::Error;
    use crate::exec::Script;
    use crate::steps::testing::session;
    use crate::task::testing::with_task;

    #[test]
    fn ports_are_kept_only_once_the_cluster_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        // An interrupted creation wanted port 1, which nobody can publish.
        let record = |http| {
            session.record(|receipt| {
                (receipt.made.cluster.http_port, receipt.made.cluster.https_port) =
                    (Some(http), Some(http + 1));
            })
        };
        record(1).unwrap();
        for (failures, code) in [(0, None), (1, None), (2, Some("port 2"))] {
            let tried = RefCell::new(Vec::new());
            let create = || {
                let ports = session.ports();
                record(ports.http)?;
                tried.borrow_mut().push(ports.http);
                if tried.borrow().len() > failures {
                    return Ok(());
                }
                Err(Error::failed(format!("port {}", tried.borrow().len())).of_kind(Kind::PortUnavailable))
            };
            let (result, told) =
                with_task(&Script::default(), |task| with_free_ports(&session, task, create));
            assert_eq!(result.err().map(|error| error.what().to_owned()).as_deref(), code);
            let (tried, warned) = (tried.into_inner(), !told.events().is_empty());
            assert_eq!((tried.len(), warned), ((failures + 1).min(2), failures > 0), "{tried:?}");
            assert!(!tried.contains(&1) && tried.windows(2).all(|two| two[0] != two[1]), "{tried:?}");
        }
    }
}
