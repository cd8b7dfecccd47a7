//! A checked graph of steps, and what it would do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Probe, Step};
use crate::error::{Error, Result};
use crate::task::Task;

/// Steps in an order in which each stands behind all that it needs.
pub struct Plan {
    steps: Vec<Box<dyn Step>>,
}

impl Plan {
    /// Orders the steps. Unknown needs, doubled ids and circles are faults of the program, and are
    /// reported, not hung upon.
    pub fn new(steps: Vec<Box<dyn Step>>) -> Result<Self> {
        let ids: BTreeSet<String> = steps.iter().map(|step| step.id().to_owned()).collect();
        if ids.len() != steps.len() {
            return Err(Error::failed("the plan has two steps with the same name"));
        }
        for step in &steps {
            if let Some(unknown) = step.needs().into_iter().find(|need| !ids.contains(need)) {
                return Err(Error::failed(format!(
                    "step `{}` needs the unknown step `{unknown}`",
                    step.id()
                )));
            }
        }
        let mut waiting = steps;
        let mut ordered: Vec<Box<dyn Step>> = Vec::new();
        let mut placed = BTreeSet::new();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|step| step.needs().iter().all(|need| placed.contains(need)));
            if ready.is_empty() {
                let names: Vec<String> = rest.iter().map(|step| step.id().to_owned()).collect();
                return Err(Error::failed(format!("these steps wait for each other: {}", names.join(", "))));
            }
            placed.extend(ready.iter().map(|step| step.id().to_owned()));
            ordered.extend(ready);
            waiting = rest;
        }
        Ok(Self { steps: ordered })
    }

    pub fn steps(&self) -> &[Box<dyn Step>] {
        &self.steps
    }

    /// Ids with titles, in order; what a progress display needs to know at the start.
    pub fn titles(&self) -> Vec<(String, String)> {
        self.steps.iter().map(|step| (step.id().to_owned(), step.title())).collect()
    }
}

/// What a step would do.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Preview {
    pub step: String,
    pub title: String,
    pub needs: Vec<String>,
    /// `unchanged`, `change`, or `later` where it cannot be known before earlier steps ran.
    pub state: &'static str,
    pub detail: String,
    pub effects: Vec<String>,
    /// Why the step cannot succeed.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// Probes what can be probed without changing anything. A step behind one that has work to do is
/// `later`: what it would find depends on that work.
pub fn preview(plan: &Plan, task: &Task<'_>) -> Vec<Preview> {
    let mut state: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut previews = Vec::new();
    for step in plan.steps() {
        let needs = step.needs();
        let blocked = needs.iter().find(|need| state.get(*need) != Some(&"unchanged"));
        let own = Task { step: step.id(), ..task.clone() };
        let (name, detail, error) = match blocked {
            Some(need) => ("later", format!("after {need}"), None),
            None => match step.probe(&own) {
                Ok(Probe::Done(found)) => ("unchanged", found, None),
                Ok(Probe::Needed(why)) => ("change", why, None),
                Err(error) => ("change", error.one_line(), Some(error)),
            },
        };
        state.insert(step.id().to_owned(), name);
        let effects = if name == "unchanged" { Vec::new() } else { step.effects() };
        previews.push(Preview {
            step: step.id().to_owned(),
            title: step.title(),
            needs,
            state: name,
            detail,
            effects,
            error,
        });
    }
    previews
}
