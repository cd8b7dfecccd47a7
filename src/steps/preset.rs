//! The session's selection of a preset and of the size of the cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Session;
use crate::addons::Addon;
use crate::cluster::fit::{Candidate, Fit, Question, fit};
use crate::cluster::{Demand, Need, Overhead, Sizes};
use crate::config::env::Environment;
use crate::config::{Amount, Application, Profile, Values, Versions};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::host::Os;

impl Session {
    /// The preset and the size of the cluster, for all steps of a command: those of its creation, or newly selected.
    pub fn fit(&self) -> Result<Fit> {
        if let Some(fit) = self.results.fit.get() {
            return Ok(fit.clone());
        }
        let receipt = self.receipt();
        let existing = receipt.made.cluster.sizes();
        if let (Some(asked), Some(Sizes { nodes, .. })) = (self.options.nodes, existing)
            && asked != nodes
        {
            return Err(self.other_number(nodes, asked));
        }
        let candidates = self.candidates()?;
        let recorded = receipt.preset.filter(|preset| {
            // A preset of an application that was deployed before does not count.
            existing.is_some() && candidates.iter().any(|one| one.preset.as_ref() == Some(preset))
        });
        let fit = fit(&Question {
            candidates: &candidates,
            asked: self.requested().or(recorded.as_deref()).filter(|preset| *preset != AUTO),
            overhead: &self.overhead()?,
            spec: &self.profile.cluster,
            existing,
            facts: &self.facts,
            engine: self.engine().ok(),
        })?;
        // Without an engine, the selection is only an estimate.
        if self.engine().is_ok() {
            let _ = self.results.fit.set(fit.clone());
        }
        Ok(fit)
    }

    /// The number of nodes: that of the existing cluster, else the requested one.
    pub fn nodes_planned(&self) -> u32 {
        let existing = self.receipt().made.cluster.sizes().map(|sizes| sizes.nodes);
        existing.or(self.profile.cluster.nodes).unwrap_or(1)
    }

    /// The error if a cluster with `nodes` nodes exists, but the user asked for another number.
    fn other_number(&self, nodes: u32, asked: u32) -> Error {
        let (name, provider) = (&self.profile.cluster.name, self.profile.provider.name());
        let has = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        Error::refused(format!("cluster `{name}` has {has}, and --nodes requests {asked}"))
            .because(format!("{provider} neither adds nodes to a cluster nor removes them"))
            .help(format!(
                "todo-bootstrap down && todo-bootstrap up --nodes {asked}   # deletes the data in the cluster"
            ))
            .help("todo-bootstrap up   # keeps the nodes that it has")
    }

    /// Whether enough is known: except on Linux, the size of the engine's virtual machine is not, until it responds.
    pub fn can_fit(&self) -> bool {
        self.engine().is_ok() || self.facts.os == Os::Linux
    }

    /// The preset requested on the command line, else in the profile.
    fn requested(&self) -> Option<&str> {
        match (&self.options.preset, &self.profile.preset) {
            (Some(preset), _) | (None, Amount::Given(preset)) => Some(preset),
            (None, Amount::Auto) => None,
        }
    }

    /// The number and the size of the nodes.
    pub fn sizes(&self) -> Result<Sizes> {
        Ok(self.fit()?.sizes)
    }

    /// The values files of the selected preset and of the number of nodes.
    pub fn preset_values(&self) -> Result<Vec<PathBuf>> {
        let Fit { preset, sizes, .. } = self.fit()?;
        let values = |application: &Application| application.values_of(preset.as_deref(), sizes.nodes);
        Ok(self.application.as_ref().map(values).unwrap_or_default())
    }

    /// Values that limit the autoscalers to the capacity of the cluster and keep the numbers of pods that `scale` set;
    /// empty if neither is needed.
    pub fn service_values(&self) -> Result<Map<String, Value>> {
        let caps = self.fit()?.trimmed.into_iter();
        let caps = caps.map(|cap| (cap.service, json!({"autoscaling": {"max": cap.most}})));
        let kept = self.kept_replicas()?.into_iter();
        let kept = kept.map(|kept| (kept.service, json!({"replicas": kept.pods})));
        // No service has both: an autoscaler determines the number of pods.
        let services: Map<String, Value> = caps.chain(kept).collect();
        let mut values = Map::new();
        if !services.is_empty() {
            values.insert("services".to_owned(), Value::Object(services));
        }
        Ok(values)
    }

    /// The services whose number of pods was set by `scale` and differs from that of the chart.
    pub fn kept_replicas(&self) -> Result<Vec<Kept>> {
        let Some(application) = &self.application else { return Ok(Vec::new()) };
        let scaled = self.receipt().scaled;
        if scaled.is_empty() {
            return Ok(Vec::new());
        }
        let chosen = self.fit()?.preset;
        let candidates = self.candidates()?;
        let candidate = candidates.iter().find(|candidate| candidate.preset == chosen);
        let demand = candidate.and_then(|candidate| candidate.demand.as_ref());
        Ok(demand.map(|demand| kept(&scaled, &application.namespace, demand)).unwrap_or_default())
    }

    /// The requirements of nodes and addons.
    pub fn overhead(&self) -> Result<Overhead> {
        overhead(self.addons()?.iter().map(Arc::as_ref))
    }

    /// The presets of the application with their requirements, from small to large.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        let Some(application) = &self.application else { return Ok(Vec::new()) };
        candidates(application, self.environment(application)?.as_ref(), self.nodes_planned())
    }
}

/// A number of pods that was set by `scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub service: String,
    pub pods: u32,
    /// The number in the chart.
    pub chart: u32,
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { service, pods, chart } = self;
        write!(f, "service {service}: {pods} replicas instead of {chart}, as set with `scale`")
    }
}

/// What of `scaled` (by `namespace/service`) applies to services with these requirements. The number of pods of a
/// service with an autoscaler cannot be set.
fn kept(scaled: &BTreeMap<String, u32>, namespace: &str, demand: &Demand) -> Vec<Kept> {
    let fixed = demand.services.iter().filter(|service| service.most == service.replicas);
    fixed
        .filter_map(|service| {
            let pods = *scaled.get(&format!("{namespace}/{}", service.name))?;
            let (service, chart) = (service.name.clone(), service.replicas);
            (pods != chart).then_some(Kept { service, pods, chart })
        })
        .collect()
}

/// Stands for the largest preset that fits.
const AUTO: &str = "auto";

fn overhead<'a>(mut addons: impl Iterator<Item = &'a Addon>) -> Result<Overhead> {
    let mut overhead = Overhead::of_nodes();
    addons.try_for_each(|addon| addon.add_to(&mut overhead))?;
    Ok(overhead)
}

/// The minimum resources of a machine: for nodes, addons, and the application's smallest preset.
pub fn least_need(
    data: &Data,
    versions: &Versions,
    profile: &Profile,
    application: Option<&Application>,
) -> Result<Need> {
    let nodes = profile.cluster.nodes.unwrap_or(1);
    let candidates = match application {
        Some(application) => candidates(application, &Environment::load(application)?, nodes)?,
        None => Vec::new(),
    };
    let smallest = candidates.into_iter().next().and_then(|candidate| candidate.demand);
    let overhead = overhead(Addon::load_all(data, versions, profile)?.iter())?;
    Ok(overhead.of_machine(nodes, &smallest.unwrap_or_default()))
}

/// The presets of an application with their requirements, without disabled services; without presets, one candidate.
fn candidates(application: &Application, environment: &Environment, nodes: u32) -> Result<Vec<Candidate>> {
    let overrides = environment.override_values(application);
    let read = |preset: Option<String>| {
        let values = application.values_of(preset.as_deref(), nodes);
        let files = [application.values.clone(), values, overrides.clone()].concat();
        let all = Values::load(&application.chart, &files)?;
        Ok(Candidate { preset, demand: Demand::read(&all)? })
    };
    if application.presets.is_empty() {
        return Ok(vec![read(None)?]);
    }
    application.presets.iter().map(|preset| read(Some(preset.name.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Service;

    #[test]
    fn numbers_of_pods_are_kept_unless_an_autoscaler_sets_them() {
        let service = |name: &str, replicas, most| Service {
            name: name.to_owned(),
            surges: true,
            replicas,
            most,
            pod: Need::default(),
            memory_limit: 0,
            storage: 0,
        };
        let demand =
            Demand { services: vec![service("web", 2, 2), service("auto", 2, 5), service("same", 3, 3)] };
        let scaled: BTreeMap<String, u32> =
            [("shop/web", 4), ("shop/auto", 4), ("shop/same", 3), ("shop/gone", 2), ("other/web", 9)]
                .map(|(name, pods)| (name.to_owned(), pods))
                .into();
        let kept = kept(&scaled, "shop", &demand);
        assert_eq!(kept, [Kept { service: "web".into(), pods: 4, chart: 2 }]);
        assert_eq!(kept[0].to_string(), "service web: 4 replicas instead of 2, as set with `scale`");
    }
}
