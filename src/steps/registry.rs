//! Steps `registry` and `cluster-registry`: start the local registry, and configure the nodes to use it.

use super::{Depth, Probe, Revert, Session, Step};
use crate::deploy;
use crate::engine::Engine;
use crate::error::Result;
use crate::local_registry::{self, LocalRegistry, Outside, hosting};
use crate::origins::{Forecast, REGISTRY};
use crate::task::Task;

/// Starts the container of the registry.
pub struct RegistryStep;

fn keep(session: &Session, registry: LocalRegistry) -> String {
    let text = format!("{} on {}", registry.name, registry.authority());
    session.set_registry(registry);
    text
}

impl Step for RegistryStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        vec![
            "starts a container registry, on a port of 127.0.0.1; its volume keeps the images".to_owned(),
            session.origins.image_forecast(REGISTRY).effect("the engine"),
        ]
    }

    fn forecast(&self, session: &Session, task: &Task<'_>) -> Result<Option<Forecast>> {
        session.origins.forecast_of_image(task, None, REGISTRY).map(Some)
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        Ok(match LocalRegistry::find(task, session.engine()?, &session.paths.cache)? {
            Some(registry) => Probe::Done(keep(session, registry)),
            None => Probe::Needed("the local registry is not running".to_owned()),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let engine = session.engine()?;
        let image = || session.origins.registry_image(task, engine);
        Ok(keep(session, LocalRegistry::ensure(task, engine, &session.paths.cache, image)?))
    }
}

/// The container is deleted with the last cluster that uses it, its volume with the cache.
impl Revert for RegistryStep {
    fn losses(&self, session: &Session, depth: Depth) -> Vec<String> {
        // `remains` reports a record that cannot be read.
        let recorded = || LocalRegistry::is_recorded(&session.paths.cache).unwrap_or(true);
        let loss = match depth {
            _ if session.engine().is_err() => return Vec::new(),
            Depth::Machine if recorded() => {
                "deletes the local registry with its volume, which holds the images"
            }
            Depth::Cluster if session.is_recorded() => {
                "deletes the local registry's container, unless another cluster uses it; its volume keeps \
                 the images"
            }
            Depth::Machine | Depth::Cluster => return Vec::new(),
        };
        vec![loss.to_owned()]
    }

    fn remains(&self, session: &Session, task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        let engine = session.engine()?;
        let owned = LocalRegistry::owned(task, engine, &session.paths.cache)?.into_iter();
        let goes = owned.filter(|(kind, _)| depth == Depth::Machine || *kind == "container");
        Ok(goes.map(|(kind, name)| format!("{kind} {name}")).collect())
    }

    fn left(&self, session: &Session, task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        // `down` alone keeps a registry that another cluster uses.
        if depth == Depth::Machine { self.remains(session, task, depth) } else { Ok(Vec::new()) }
    }

    fn revert(&self, session: &Session, task: &Task<'_>, depth: Depth) -> Result<String> {
        let engine = session.engine()?;
        let cache = &session.paths.cache;
        if depth == Depth::Machine {
            LocalRegistry::purge(task, engine, cache)?;
            return Ok("deleted".to_owned());
        }
        let removed = LocalRegistry::remove(task, engine, cache, &session.provider()?.network())?;
        let did =
            if removed { "deleted; its volume is kept" } else { "kept, because another cluster uses it" };
        Ok(did.to_owned())
    }
}

/// Connects the registry to the cluster's network, and lets the nodes pull from it.
pub(super) fn configure(session: &Session, task: &Task<'_>, network: &str, nodes: &[String]) -> Result<()> {
    let (registry, engine) = (session.registry()?, session.engine()?);
    registry.connect(task, network)?;
    let outside = outside(session, engine);
    nodes.iter().try_for_each(|node| local_registry::write_hosts(task, engine, node, &registry, &outside))
}

/// Does so, and describes the registry in the cluster for other tools.
pub struct ClusterRegistryStep;

/// The settings of this machine that apply to pulls in nodes, too.
fn outside<'a>(session: &'a Session, engine: &'a Engine) -> Outside<'a> {
    let authorities = engine.secrets.authorities();
    Outside { mirrors: session.origins.registry_mirrors().for_nodes(), authorities }
}

impl Step for ClusterRegistryStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let mut effects = vec![
            "configures the cluster's nodes to pull this cluster's images from the local registry".to_owned(),
        ];
        let mirrors = session.origins.registry_mirrors().for_nodes();
        let registries: Vec<&str> = mirrors.iter().map(|mirror| mirror.registry).collect();
        if !registries.is_empty() {
            effects.push(format!("configures them to use the mirrors of {}", registries.join(", ")));
        }
        if session.engine().is_ok_and(|engine| engine.secrets.authorities().is_some()) {
            effects.push(
                "lets them trust the certificate authorities of this machine when they pull".to_owned(),
            );
        }
        effects
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let provider = session.provider()?;
        let (registry, engine) = (session.registry()?, session.engine()?);
        if !registry.networks.contains(&provider.network()) {
            return Ok(Probe::Needed("the registry is not on the cluster's network".to_owned()));
        }
        let outside = outside(session, engine);
        for node in session.nodes(task)? {
            if !local_registry::is_configured(task, engine, node, &registry, &outside)? {
                return Ok(Probe::Needed(format!("{node} has other settings of registries")));
            }
        }
        let drift = deploy::drift(task, session.kube()?, &[hosting(&registry)?], deploy::MANAGER, None)?;
        Ok(match drift.first() {
            None => Probe::Done("the nodes pull from it".to_owned()),
            Some(drift) => Probe::Needed(drift.clone()),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let provider = session.provider()?;
        let (registry, engine) = (session.registry()?, session.engine()?);
        configure(session, task, &provider.network(), session.nodes(task)?)?;
        deploy::apply(task, session.kube()?, &[hosting(&registry)?], None)?;
        if let Some(registry) = LocalRegistry::find(task, engine, &session.paths.cache)? {
            session.set_registry(registry);
        }
        Ok("the nodes pull from it".to_owned())
    }
}
