//! Steps `addon-<name>`: an addon is applied, and the service it gives works.

use std::sync::Arc;
use std::time::Duration;

use super::{Probe, Session, Step};
use crate::addons::Addon;
use crate::checks;
use crate::deploy::watch::Target;
use crate::deploy::{self, MANAGER};
use crate::error::Result;
use crate::task::Task;

pub struct AddonStep {
    id: String,
    addon: Addon,
    session: Arc<Session>,
}

impl AddonStep {
    pub fn new(addon: Addon, session: Arc<Session>) -> Self {
        Self { id: format!("addon-{}", addon.name), addon, session }
    }
}

impl Step for AddonStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        self.addon.title.clone()
    }

    fn needs(&self) -> Vec<String> {
        let loads = self.addon.images.iter().map(|image| format!("load-{image}"));
        loads.chain(["cluster".to_owned()]).collect()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(6)
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("applies manifests/addons/{} to the cluster", self.addon.name)]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let kube = self.session.kube()?;
        let objects = self.addon.objects(&self.session.references())?;
        let drift = deploy::drift(task, kube, &objects, MANAGER, Some(&self.addon.namespace))?;
        if !drift.is_empty() {
            return Ok(Probe::Needed(drift.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
        }
        let context = super::check_context(&self.session, task, &self.addon.namespace, &[])?;
        let outcomes = checks::run_once(&context, &self.addon.ready);
        Ok(match outcomes.iter().find(|outcome| !outcome.passed) {
            None => Probe::Done("works".to_owned()),
            Some(bad) => Probe::Needed(format!("{}: {}", bad.title, bad.detail)),
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let kube = self.session.kube()?;
        let namespace = Some(self.addon.namespace.as_str());
        let objects = self.addon.objects(&self.session.references())?;
        let stood = deploy::drift(task, kube, &objects, MANAGER, namespace)?.is_empty();
        deploy::apply(task, kube, &objects, namespace)?;
        deploy::watch::ready(task, kube, &objects, namespace)?;
        task.say("waiting until the service it gives works");
        let Err(error) = self.works(task) else { return Ok("works".to_owned()) };
        if !stood {
            return Err(error);
        }
        // What ran before, and through a restart of the node, may wait for a connection that is long
        // gone; new pods have none.
        task.warn(format!("{}; its pods are replaced once", error.one_line()));
        let workloads = objects.iter().filter_map(|object| Target::of(object, namespace)).collect::<Vec<_>>();
        deploy::restart(task, kube, &workloads, jiff::Timestamp::now())?;
        self.works(task).map(|()| "works, with new pods".to_owned())
    }
}

impl AddonStep {
    /// Waits until the addon's checks pass.
    fn works(&self, task: &Task<'_>) -> Result<()> {
        let context = super::check_context(&self.session, task, &self.addon.namespace, &[])?;
        match super::check_failure(&checks::run_all(&context, &self.addon.ready)) {
            None => Ok(()),
            Some(error) => Err(error.context(format!("{} does not work", self.addon.title))),
        }
    }
}
