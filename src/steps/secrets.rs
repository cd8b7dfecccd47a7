//! Steps `namespace` and `secrets`: the application's namespace, and its Secret from `.env`.

use std::sync::Arc;

use super::{Probe, Session, Step};
use crate::config::Application;
use crate::config::env;
use crate::deploy::{self, MANAGER, secrets};
use crate::error::Result;
use crate::task::Task;
use kube::api::DynamicObject;

pub struct NamespaceStep {
    pub application: Application,
    pub session: Arc<Session>,
}

impl NamespaceStep {
    fn objects(&self) -> Result<Vec<DynamicObject>> {
        // The strictest level of Pod Security: the application's chart must fit it.
        deploy::objects(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n  labels:\n    \
             pod-security.kubernetes.io/enforce: restricted\n",
            self.application.namespace,
        ))
    }
}

impl Step for NamespaceStep {
    fn id(&self) -> &'static str {
        "namespace"
    }

    fn title(&self) -> String {
        format!("Namespace {}", self.application.namespace)
    }

    fn needs(&self) -> Vec<String> {
        vec!["cluster".to_owned()]
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("namespace {} in the cluster", self.application.namespace)]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        Ok(drifted(&deploy::drift(task, self.session.kube()?, &self.objects()?, MANAGER, None)?, "is there"))
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        deploy::apply(task, self.session.kube()?, &self.objects()?, None)?;
        Ok("applied".to_owned())
    }
}

pub struct SecretsStep {
    pub application: Application,
    pub session: Arc<Session>,
}

impl SecretsStep {
    fn objects(&self) -> Result<Vec<DynamicObject>> {
        let (values, _) = env::load(&self.application.env_file, &self.application.env_example)?;
        let name = self.application.secret_name();
        Ok(vec![secrets::object(&name, &self.application.namespace, &values)?])
    }
}

impl Step for SecretsStep {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> String {
        format!("Secret {}", self.application.secret_name())
    }

    fn needs(&self) -> Vec<String> {
        vec!["namespace".to_owned()]
    }

    fn effects(&self) -> Vec<String> {
        vec![format!(
            "Secret {} from {}",
            self.application.secret_name(),
            self.application.env_file.display()
        )]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let namespace = Some(self.application.namespace.as_str());
        let drift = deploy::drift(task, self.session.kube()?, &self.objects()?, MANAGER, namespace)?;
        Ok(drifted(&drift, "is as .env says"))
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (_, from) = env::load(&self.application.env_file, &self.application.env_example)?;
        if from.as_ref() == Some(&self.application.env_example) {
            task.warn(format!(
                "there is no {}; the values of {} are used",
                self.application.env_file.display(),
                self.application.env_example.display()
            ));
        }
        let namespace = Some(self.application.namespace.as_str());
        deploy::apply(task, self.session.kube()?, &self.objects()?, namespace)?;
        Ok("applied".to_owned())
    }
}

/// The probe's answer for objects: nothing to do, or what differs by name.
pub fn drifted(drift: &[deploy::Drift], found: &str) -> Probe {
    if drift.is_empty() {
        return Probe::Done(found.to_owned());
    }
    Probe::Needed(drift.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
