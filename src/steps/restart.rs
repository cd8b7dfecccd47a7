//! The plan of `restart`: restarts one service after the other, so that the others keep running.

use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::deploy::services::{LiveServices, Service};
use crate::deploy::{self, watch::Target};
use crate::error::{Error, Result};
use crate::task::Task;

/// The services named in `wanted`, or all if it is empty. Fails on an unknown name.
pub fn chosen(live: &LiveServices, wanted: &[String]) -> Result<Vec<Service>> {
    let names: Vec<String> = live.services.iter().map(|service| service.name.clone()).collect();
    known(&names, wanted)?;
    let services = live.services.iter();
    Ok(services.filter(|service| wanted.is_empty() || wanted.contains(&service.name)).cloned().collect())
}

/// Fails if one of `wanted` is not in `names`.
pub fn known(names: &[String], wanted: &[String]) -> Result<()> {
    let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) else { return Ok(()) };
    let choices: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = crate::config::suggest(unknown, &choices);
    let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Error::usage(format!("there is no service `{unknown}`{near}"))
        .because(format!("the services are: {list}"))
        .help("todo-bootstrap status   # shows them"))
}

/// A plan with a step for each service.
pub fn plan(services: &[Service]) -> Result<Plan> {
    let mut steps = Vec::new();
    for service in services {
        if service.paused {
            return Err(Error::refused(format!("service `{}` cannot be restarted", service.name))
                .because("its Deployment is paused, so no pod would be replaced")
                .help(format!("kubectl rollout resume {}", paused(&service.workloads))));
        }
        let step = RestartStep { targets: service.workloads.clone() };
        let name = &service.name;
        steps.push(Planned::new(
            format!("restart-{name}"),
            format!("Restart {name}"),
            6,
            NOTHING,
            NO_CHANGE,
            step,
        ));
    }
    Plan::new(steps)
}

fn paused(targets: &[Target]) -> String {
    let target = targets.first();
    target.map_or_else(String::new, |t| format!("-n {} deployment/{}", t.namespace, t.name))
}

struct RestartStep {
    targets: Vec<Target>,
}

impl Step for RestartStep {
    /// A restart is always needed.
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed("its pods are replaced one by one".to_owned()))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let now = (session.process_env.now)();
        deploy::restart(task, session.kube()?, &self.targets, now)?;
        Ok("all pods were replaced and are ready".to_owned())
    }

    /// `run` waited until the pods were ready.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_service_is_an_error_that_lists_the_services() {
        let names = ["store".to_owned(), "web".to_owned()];
        let error = known(&names, &["web".to_owned(), "stoer".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no service `stoer` (did you mean `store`?)\n  because the services are: store, web\n  \
             help: todo-bootstrap status   # shows them"
        );
        assert!(known(&names, &[]).is_ok());
        assert!(
            chosen(&LiveServices::default(), &["x".to_owned()]).unwrap_err().to_string().contains("none")
        );
    }
}
