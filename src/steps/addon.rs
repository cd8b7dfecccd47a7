//! Steps `addon-<name>`: apply an addon and wait until it works.

use std::sync::Arc;

use super::{Probe, Session, Step};
use crate::addons::Addon;
use crate::checks;
use crate::deploy::{self, MANAGER};
use crate::error::Result;
use crate::task::Task;

pub struct AddonStep {
    pub addon: Arc<Addon>,
}

impl Step for AddonStep {
    fn effects(&self, _session: &Session) -> Vec<String> {
        vec![format!("applies manifests/addons/{} to the cluster", self.addon.name)]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let kube = session.kube()?;
        let objects = self.addon.objects(&session.references())?;
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
        let objects = self.addon.objects(&session.references())?;
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
