//! The critical path of an `up`: the chain of steps that determined its duration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// One step, according to its events and the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traced {
    pub(crate) step: String,
    /// Since the start of the command.
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
}

/// The steps of the path in order: from the step that ended last, backwards along the dependency that
/// ended last before it. `plan` is the output of `plan --output json`, `events` are the
/// lines of `--events json` with the time at which each was read.
pub(crate) fn critical(plan: &Value, events: &[(Duration, Value)]) -> Vec<Traced> {
    let needs = needs(plan);
    let traced = traced(events);
    let mut path = Vec::new();
    let mut next =
        traced.values().filter(|step| needs.contains_key(&step.step)).max_by_key(|step| step.ended);
    while let Some(step) = next {
        path.push(step.clone());
        let before = needs.get(&step.step).into_iter().flatten();
        next = before.filter_map(|need| traced.get(need)).max_by_key(|step| step.ended);
    }
    path.reverse();
    path
}

fn needs(plan: &Value) -> BTreeMap<String, Vec<String>> {
    let steps = plan["steps"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    steps
        .filter_map(|step| {
            let needs = step["needs"].as_array()?.iter().filter_map(text).collect();
            Some((text(&step["step"])?, needs))
        })
        .collect()
}

pub(crate) fn traced(events: &[(Duration, Value)]) -> BTreeMap<String, Traced> {
    let mut steps: BTreeMap<String, Traced> = BTreeMap::new();
    for (at, event) in events {
        let Some(step) = event["step"].as_str() else { continue };
        let fresh = || Traced { step: step.to_owned(), began: *at, ended: *at };
        let entry = steps.entry(step.to_owned()).or_insert_with(fresh);
        entry.ended = *at;
    }
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_goes_over_the_need_that_ended_last() {
        let plan = json!({ "steps": [
            { "step": "tool", "needs": [] },
            { "step": "image", "needs": [] },
            { "step": "cluster", "needs": ["tool", "image"] },
            { "step": "aside", "needs": ["tool"] },
        ]});
        let event = |at: u64, step: &str| (Duration::from_secs(at), json!({ "step": step }));
        let events = [
            event(0, "tool"),
            event(1, "image"),
            event(2, "tool"),
            event(5, "image"),
            event(3, "aside"),
            event(5, "cluster"),
            event(9, "cluster"),
        ];
        let path = critical(&plan, &events);
        let names: Vec<&str> = path.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(names, ["image", "cluster"]);
        assert_eq!(path[1].ended, Duration::from_secs(9));
    }
}
