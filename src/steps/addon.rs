//! Steps `addon-<name>`: apply an addon and wait until it works.

use std::sync::Arc;

use super::{Probe, Session, Step};
use crate::addons::{Addon, IngressController};
use crate::checks;
use crate::deploy::{self, MANAGER, ObjectRef};
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::task::Task;

impl Session {
    /// The addon of the profile that is the ingress controller.
    pub fn ingress_controller(&self) -> Result<Option<(&Addon, &IngressController)>> {
        let mut addons = self.addons()?.iter();
        Ok(addons.find_map(|addon| Some((addon.as_ref(), addon.ingress.as_ref()?))))
    }

    /// The class of the application's Ingress; empty for the default of the cluster.
    pub fn ingress_class(&self) -> Result<&str> {
        let own = self.ingress_controller()?.map(|(_, controller)| controller.class.as_str());
        Ok(self.profile.ingress_class.as_deref().or(own).unwrap_or_default())
    }
}

pub struct AddonStep {
    pub addon: Arc<Addon>,
}

impl AddonStep {
    fn recorded(&self, session: &Session) -> Option<Vec<ObjectRef>> {
        session.receipt().made.addons?.remove(&self.addon.name)
    }

    /// Records the objects before they are applied, and deletes those that an earlier version of the addon had.
    fn record(&self, session: &Session, task: &Task<'_>, kube: &Kube) -> Result<()> {
        let new = self.addon.references()?;
        let mut former = self.recorded(session).unwrap_or_default();
        former.retain(|object| !new.contains(object));
        if !former.is_empty() {
            session.retain_unlisted(&mut former)?;
            deploy::remove(task, kube, &former)?;
        }
        let name = self.addon.name.clone();
        session.record(|receipt| drop(receipt.made.addons.get_or_insert_default().insert(name, new)))
    }
}

impl Step for AddonStep {
    fn effects(&self, _session: &Session) -> Vec<String> {
        vec![format!("applies manifests/addons/{} to the cluster", self.addon.name)]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let kube = session.kube()?;
        if self.recorded(session) != Some(self.addon.references()?) {
            return Ok(Probe::Needed("its objects are not recorded as installed".to_owned()));
        }
        let objects = self.addon.objects(&session.references(), session.ports().https)?;
        let drift = deploy::drift(task, kube, &objects, MANAGER, Some(&self.addon.namespace))?;
        if !drift.is_empty() {
            return Ok(Probe::Needed(drift.join("; ")));
        }
        let context = super::check_context(session, task, &self.addon.namespace, &[])?;
        let outcomes = checks::run_once(&context, &self.addon.ready);
        Ok(match outcomes.iter().find(|outcome| !outcome.passed) {
            None => Probe::Done("works".to_owned()),
            Some(bad) => Probe::Needed(format!("{}: {}", bad.title, bad.detail)),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let kube = session.kube()?;
        let objects = self.addon.objects(&session.references(), session.ports().https)?;
        self.record(session, task, kube)?;
        deploy::apply(task, kube, &objects, Some(&self.addon.namespace))?;
        deploy::watch::ready(task, kube, &objects, Some(&self.addon.namespace))?;
        task.say("waiting until the addon works");
        let context = super::check_context(session, task, &self.addon.namespace, &[])?;
        let outcomes = checks::run_all(&context, &self.addon.ready);
        match super::check_failure(&outcomes) {
            None => Ok("works".to_owned()),
            Some(error) => Err(error.context(format!("{} does not work", self.addon.title))),
        }
    }
}
