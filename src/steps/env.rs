//! Step `env`: creates `.env`, and generates the secrets that it lacks.

use super::secrets::objects;
use super::{Probe, Session, Step};
use crate::config::Application;
use crate::config::env::{self, EnvValues, Written};
use crate::deploy::secrets;
use crate::error::Result;
use crate::task::Task;

pub struct EnvStep {
    pub application: Application,
}

impl Step for EnvStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let Ok(environment) = session.environment(&self.application) else { return Vec::new() };
        let (file, example) = (environment.file.display(), self.application.env_example.display());
        let pending = environment.pending().join(", ");
        let kept = if session.receipt().made.cluster.complete { " (keeps the values in use)" } else { "" };
        match (environment.contract.is_some() && !environment.exists, pending.is_empty()) {
            (true, true) => vec![format!("creates {file} from {example}{kept}")],
            (true, false) => vec![format!("creates {file} from {example}, with secrets: {pending}{kept}")],
            (false, false) => vec![format!("generates secrets in {file}: {pending}{kept}")],
            (false, true) => Vec::new(),
        }
    }

    fn probe(&self, session: &Session, _task: &Task<'_>) -> Result<Probe> {
        let environment = session.valid_environment(&self.application)?;
        let pending = environment.pending();
        if environment.contract.is_some() && !environment.exists {
            return Ok(Probe::Needed(format!("{} does not exist", environment.file.display())));
        }
        if pending.is_empty() {
            return Ok(Probe::Done(format!("{} settings", environment.settings.len())));
        }
        Ok(Probe::Needed(format!("to be generated: {}", pending.join(", "))))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let given = in_use(task, session, &self.application)?;
        let written = env::complete(&self.application, &given)?;
        session.forget_environment();
        Ok(describe(&self.application, &written))
    }
}

/// The settings in the cluster; empty without a cluster.
pub fn in_use(task: &Task<'_>, session: &Session, application: &Application) -> Result<EnvValues> {
    let Ok(kube) = session.kube() else { return Ok(EnvValues::new()) };
    let mut values = EnvValues::new();
    for object in objects(application, |_| EnvValues::new()) {
        values.extend(secrets::live(task, kube, &object)?);
    }
    Ok(values)
}

/// Describes what was written, without values.
pub fn describe(application: &Application, written: &Written) -> String {
    let mut parts = Vec::new();
    if written.made {
        parts.push(format!("created {}", application.env_file.display()));
    }
    let lists = [
        ("generated", &written.generated),
        ("kept from the cluster", &written.kept),
        ("replaced the former default of", &written.updated),
    ];
    for (what, keys) in lists {
        if !keys.is_empty() {
            parts.push(format!("{what}: {}", keys.join(", ")));
        }
    }
    if parts.is_empty() { "nothing was missing".to_owned() } else { parts.join("; ") }
}
