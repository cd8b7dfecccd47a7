//! Step `checks`: runs the checks of the cluster and the application.

use std::borrow::Borrow;

use super::{Probe, Session, Step};
use crate::checks::{self, Context, Outcome, Spec};
use crate::config::env::Environment;
use crate::config::{APPLICATION_FILE, Application};
use crate::error::{Error, Kind, Result};
use crate::images::Built;
use crate::task::Task;

/// Checks that start pods of their own run only after the application was changed.
pub struct ChecksStep {
    pub specs: Vec<Spec>,
}

impl ChecksStep {
    fn chosen(&self, session: &Session) -> Vec<&Spec> {
        let changed = session.is_new_release();
        self.specs.iter().filter(|spec| changed || !spec.starts_pods()).collect()
    }
}

/// The checks of the cluster and of the application, in the order of their files.
pub fn specs(session: &Session) -> Result<Vec<Spec>> {
    let mut groups = vec!["cluster"];
    if session.application.is_some() {
        groups.push("app");
    }
    let mut specs = checks::load(&session.data, &groups, &session.versions)?;
    if let Some(application) = &session.application {
        remove_disabled(application, &*session.environment(application)?, &mut specs)?;
    }
    for host in session.application.iter().flat_map(Application::hosts) {
        specs.push(checks::page(&host));
    }
    Ok(specs)
}

/// Removes the checks of what the settings disable.
fn remove_disabled(
    application: &Application,
    environment: &Environment,
    specs: &mut Vec<Spec>,
) -> Result<()> {
    for over in environment.overrides(application) {
        for id in &over.without_checks {
            if !specs.iter().any(|spec| spec.id == *id) {
                let what = format!("{APPLICATION_FILE}: `without-checks` names `{id}`, which is not a check");
                return Err(Error::usage(what).help("ls checks/app   # lists the checks"));
            }
        }
        specs.retain(|spec| !over.without_checks.contains(&spec.id));
    }
    Ok(())
}

/// The context in which checks run.
pub fn check_context<'a>(
    session: &'a Session,
    task: &'a Task<'a>,
    namespace: &str,
    built: &[Built],
) -> Result<Context<'a>> {
    Ok(Context {
        task,
        kube: session.kube()?,
        namespace: namespace.to_owned(),
        host: session.application.as_ref().map(|app| app.host.clone()).unwrap_or_default(),
        ingress: session.ports().http,
        secure: session.secure()?,
        built: built.to_vec(),
    })
}

/// The images of the application that it needs with these settings and that this command knows.
fn built(session: &Session) -> Result<Vec<Built>> {
    let Some(application) = &session.application else { return Ok(Vec::new()) };
    let environment = session.environment(application)?;
    let specs = environment.images(application).built;
    let image = |name: &str| session.image(name).ok();
    Ok(specs
        .into_iter()
        .filter_map(|spec| Some(Built { name: spec.name.clone(), stored: image(&spec.name)?, built: false }))
        .collect())
}

/// Runs `specs` against the cluster: once, or with `retry` until they pass or time out.
pub fn run(
    session: &Session,
    task: &Task<'_>,
    specs: &[impl Borrow<Spec>],
    retry: bool,
) -> Result<Vec<Outcome>> {
    let namespace = session.application.as_ref().map_or("default", |app| &app.namespace).to_owned();
    let context = check_context(session, task, &namespace, &built(session)?)?;
    Ok(if retry { checks::run_all(&context, specs) } else { checks::run_once(&context, specs) })
}

/// An error that lists the failed checks; `None` if all passed.
pub fn failure(outcomes: &[Outcome]) -> Option<Error> {
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
    if failed.is_empty() {
        return None;
    }
    let what = format!("{} of {} checks failed", failed.len(), outcomes.len());
    let error = failed.iter().fold(Error::new(Kind::CheckFailed, what), |error, outcome| {
        error.because(format!("{} ({}): {}", outcome.title, outcome.id, outcome.detail))
    });
    let mut helps: Vec<&str> = failed.iter().map(|outcome| outcome.help.as_str()).collect();
    helps.dedup();
    Some(helps.into_iter().filter(|help| !help.is_empty()).fold(error, Error::help))
}

impl Step for ChecksStep {
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        if session.is_new_release() {
            return Ok(Probe::Needed("the application was changed".to_owned()));
        }
        let outcomes = run(session, task, &self.chosen(session), false)?;
        Ok(match outcomes.iter().find(|outcome| !outcome.passed) {
            None => Probe::Done("all passed".to_owned()),
            Some(bad) => Probe::Needed(format!("{}: {}", bad.title, bad.detail)),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let outcomes = run(session, task, &self.chosen(session), true)?;
        failure(&outcomes).map_or_else(|| Ok("all passed".to_owned()), Err)
    }

    /// `run` is itself the verification.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}
