//! A checked graph of steps, and its preview.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Probe, Session, Step};
use crate::error::{Error, Result};
use crate::origins::Forecast;
use crate::task::Task;

/// The needs of a step that needs no other.
pub(super) const NOTHING: [&str; 0] = [];

/// How `down` reverts what a step makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// By a step of the same id, with a [`super::Revert`] of the same type.
    Reverted,
    /// Not at all, for this reason.
    Kept(&'static str),
}

pub(super) const WITH_CLUSTER: Undo = Undo::Kept("it is deleted with the cluster");
pub(super) const WITH_CACHE: Undo = Undo::Kept("it is deleted with the cache or the local registry");
pub(super) const NO_CHANGE: Undo = Undo::Kept("it creates nothing");

/// A step, with what is known of it before it runs.
pub struct Planned {
    /// A stable name for events, the journal and the plan.
    pub id: String,
    /// A title that a newcomer understands.
    pub title: String,
    /// The time limit for probe and run together.
    pub limit: Duration,
    /// The ids of the steps that must be done before.
    pub needs: Vec<String>,
    pub undo: Undo,
    pub step: Box<dyn Step>,
}

impl Planned {
    /// A step that may take so many `minutes`.
    pub fn new<N: Into<String>>(
        id: impl Into<String>,
        title: impl Into<String>,
        minutes: u64,
        needs: impl IntoIterator<Item = N>,
        undo: Undo,
        step: impl Step + 'static,
    ) -> Self {
        let needs = needs.into_iter().map(Into::into).collect();
        let limit = Duration::from_secs(minutes * 60);
        Self { id: id.into(), title: title.into(), limit, needs, undo, step: Box::new(step) }
    }
}

/// Steps in an order in which each comes after all that it needs.
pub struct Plan {
    steps: Vec<Planned>,
    /// The bytes that steps will probably download, by step, if known; for the progress display.
    pub downloads: BTreeMap<String, Option<u64>>,
}

impl Plan {
    /// Orders the steps. Unknown needs, duplicate ids and cycles are bugs in the program, and are errors.
    pub fn new(steps: Vec<Planned>) -> Result<Self> {
        let ids: BTreeSet<String> = steps.iter().map(|step| step.id.clone()).collect();
        if ids.len() != steps.len() {
            return Err(Error::failed("the plan has two steps with the same name"));
        }
        for Planned { id, needs, .. } in &steps {
            if let Some(unknown) = needs.iter().find(|need| !ids.contains(*need)) {
                return Err(Error::failed(format!("step `{id}` needs the unknown step `{unknown}`")));
            }
        }
        let mut waiting = steps;
        let mut ordered = Vec::new();
        let mut placed = BTreeSet::new();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|step| step.needs.iter().all(|need| placed.contains(need)));
            if ready.is_empty() {
                let names: Vec<&str> = rest.iter().map(|step| step.id.as_str()).collect();
                return Err(Error::failed(format!("these steps depend on each other: {}", names.join(", "))));
            }
            placed.extend(ready.iter().map(|step| step.id.clone()));
            ordered.extend(ready);
            waiting = rest;
        }
        Ok(Self { steps: ordered, downloads: BTreeMap::new() })
    }

    pub fn steps(&self) -> &[Planned] {
        &self.steps
    }

    fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.steps.iter().find(|step| step.id == id).map_or(id, |step| step.title.as_str())
    }

    /// The ids and titles in order, for the progress display.
    pub fn titles(&self) -> Vec<(String, String)> {
        self.steps.iter().map(|step| (step.id.clone(), step.title.clone())).collect()
    }
}

/// What a step would do.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Preview {
    pub step: String,
    pub title: String,
    pub needs: Vec<String>,
    /// `unchanged`, `change`, or `later` if it depends on the work of an earlier step.
    pub state: &'static str,
    pub detail: String,
    pub effects: Vec<String>,
    /// Why the step cannot succeed.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// Probes all steps without changing anything, except those after a step that has work, which are `later`.
pub fn preview(plan: &Plan, session: &Session, task: &Task<'_>) -> Vec<Preview> {
    let mut state: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut previews = Vec::new();
    for Planned { id, title, needs, step, .. } in plan.steps() {
        let blocked = needs.iter().find(|need| state.get(*need) != Some(&"unchanged"));
        let own = Task { step: id, ..task.clone() };
        let (name, detail, error) = match blocked {
            Some(need) => ("later", format!("after: {}", plan.title(need)), None),
            None => match step.probe(session, &own) {
                Ok(Probe::Done(found)) => ("unchanged", found, None),
                Ok(Probe::Needed(why)) => ("change", why, None),
                Err(error) => ("change", error.one_line(), Some(error)),
            },
        };
        state.insert(id.clone(), name);
        let effects = if name == "unchanged" { Vec::new() } else { step.effects(session) };
        previews.push(Preview {
            step: id.clone(),
            title: title.clone(),
            needs: needs.clone(),
            state: name,
            detail,
            effects,
            error,
        });
    }
    previews
}

/// What is known of the tools and images that the steps provide, by step. Asks no host.
pub fn forecasts(plan: &Plan, session: &Session, task: &Task<'_>) -> Result<Vec<(String, Forecast)>> {
    std::thread::scope(|scope| {
        let ask =
            |planned: &Planned| planned.step.forecast(session, &Task { step: &planned.id, ..task.clone() });
        let asked: Vec<_> =
            plan.steps().iter().map(|planned| (planned, scope.spawn(move || ask(planned)))).collect();
        let told = asked.into_iter().map(|(planned, thread)| {
            let forecast = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(forecast.map(|forecast| (planned.id.clone(), forecast)))
        });
        told.filter_map(Result::transpose).collect()
    })
}
