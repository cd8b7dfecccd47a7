//! A checked graph of steps, and its preview.

use std::collections::{BTreeMap, BTreeSet};

use super::{Probe, Step};
use crate::error::{Error, Result};
use crate::task::Task;

/// Steps with the ids of the steps that each needs, in an order in which each comes after all that it needs.
pub struct Plan {
    steps: Vec<(Box<dyn Step>, Vec<String>)>,
}

impl Plan {
    /// Orders the steps. Unknown needs, duplicate ids and cycles are bugs in the program, and are errors.
    pub fn new(steps: Vec<(Box<dyn Step>, Vec<String>)>) -> Result<Self> {
        let ids: BTreeSet<String> = steps.iter().map(|(step, _)| step.id().to_owned()).collect();
        if ids.len() != steps.len() {
            return Err(Error::failed("the plan has two steps with the same name"));
        }
        for (step, needs) in &steps {
            if let Some(unknown) = needs.iter().find(|need| !ids.contains(*need)) {
                return Err(Error::failed(format!(
                    "step `{}` needs the unknown step `{unknown}`",
                    step.id()
                )));
            }
        }
        let mut waiting = steps;
        let mut ordered = Vec::new();
        let mut placed = BTreeSet::new();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, needs)| needs.iter().all(|need| placed.contains(need)));
            if ready.is_empty() {
                let names: Vec<&str> = rest.iter().map(|(step, _)| step.id()).collect();
                return Err(Error::failed(format!("these steps depend on each other: {}", names.join(", "))));
            }
            placed.extend(ready.iter().map(|(step, _)| step.id().to_owned()));
            ordered.extend(ready);
            waiting = rest;
        }
        Ok(Self { steps: ordered })
    }

    pub fn steps(&self) -> impl Iterator<Item = &dyn Step> {
        self.steps.iter().map(|(step, _)| step.as_ref())
    }

    /// The steps with the ids of the steps that each needs.
    pub fn graph(&self) -> &[(Box<dyn Step>, Vec<String>)] {
        &self.steps
    }

    /// The ids and titles in order, for the progress display.
    pub fn titles(&self) -> Vec<(String, String)> {
        self.steps().map(|step| (step.id().to_owned(), step.title())).collect()
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
pub fn preview(plan: &Plan, task: &Task<'_>) -> Vec<Preview> {
    let mut state: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut previews = Vec::new();
    for (step, needs) in plan.graph() {
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
            needs: needs.clone(),
            state: name,
            detail,
            effects,
            error,
        });
    }
    previews
}
