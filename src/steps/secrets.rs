//! Steps `namespace` and `secrets`: create the application's namespace, and apply its settings from `.env`.

use super::{Probe, Session, Step};
use crate::config::Application;
use crate::config::env::{Class, EnvValues, Environment};
use crate::deploy::secrets::{self, Wanted};
use crate::deploy::{self, MANAGER};
use crate::error::{Error, Result};
use crate::task::Task;
use kube::api::DynamicObject;
use serde_json::json;

pub struct NamespaceStep {
    pub application: Application,
}

impl NamespaceStep {
    fn objects(&self) -> Result<Vec<DynamicObject>> {
        // The strictest Pod Security level: the application's chart must comply with it.
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": self.application.namespace, "labels": labels}});
        let object = serde_json::from_value(namespace);
        Ok(vec![object.map_err(|error| Error::failed("cannot create the namespace").because(error))?])
    }
}

impl Step for NamespaceStep {
    fn effects(&self, _session: &Session) -> Vec<String> {
        vec![format!("creates namespace {}", self.application.namespace)]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        Ok(drifted(&deploy::drift(task, session.kube()?, &self.objects()?, MANAGER, None)?, "exists"))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        deploy::apply(task, session.kube()?, &self.objects()?, None)?;
        Ok("applied".to_owned())
    }
}

pub struct SecretsStep {
    pub application: Application,
}

impl Step for SecretsStep {
    fn effects(&self, _session: &Session) -> Vec<String> {
        vec![format!(
            "creates Secret {} and ConfigMap {} from {}",
            self.application.secret_name(),
            self.application.config_name(),
            self.application.env_file.display()
        )]
    }

    /// Lists the changes by key, so that `plan` shows them before they are applied.
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let kube = session.kube()?;
        let wanted = wanted(&self.application, session.valid_environment(&self.application)?.as_ref());
        let changes = secrets::changes(task, kube, &wanted)?;
        if !changes.is_empty() {
            return Ok(Probe::Needed(secrets::told(&wanted, &changes)));
        }
        let objects = wanted.iter().map(Wanted::object).collect::<Result<Vec<_>>>()?;
        Ok(drifted(&deploy::drift(task, kube, &objects, MANAGER, None)?, "matches .env"))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let environment = session.valid_environment(&self.application)?;
        if let Some(key) = environment.pending().first() {
            let file = environment.file.display();
            return Err(Error::failed(format!("`{key}` is missing in {file}"))
                .because("the file was changed while `up` was running")
                .help("todo-bootstrap up   # generates it"));
        }
        secrets::apply(task, session.kube()?, &wanted(&self.application, &environment))?;
        Ok("applied".to_owned())
    }
}

/// The Secret and the `ConfigMap` with the settings of `application`.
pub fn wanted(application: &Application, environment: &Environment) -> [Wanted; 2] {
    objects(application, |class| environment.values(class))
}

/// The Secret and the `ConfigMap` with the given values.
pub fn objects(application: &Application, values: impl Fn(Class) -> EnvValues) -> [Wanted; 2] {
    let names = [(Class::Secret, application.secret_name()), (Class::Config, application.config_name())];
    names.map(|(class, name)| Wanted {
        class,
        namespace: application.namespace.clone(),
        name,
        values: values(class),
    })
}

/// The result of a probe for objects: done, or the list of differences.
pub fn drifted(drift: &[String], found: &str) -> Probe {
    if drift.is_empty() {
        return Probe::Done(found.to_owned());
    }
    Probe::Needed(drift.join("; "))
}
