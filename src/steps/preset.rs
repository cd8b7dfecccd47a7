//! The session's selection of a preset and of the size of the cluster.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Session;
use crate::addons::Addon;
use crate::cluster::fit::{Candidate, Fit, Question, fit};
use crate::cluster::{Demand, Need, Sizes, control_plane};
use crate::config::env::Environment;
use crate::config::{Amount, Application, Profile, Values, Versions};
use crate::data::Data;
use crate::error::Result;
use crate::host::Os;

impl Session {
    /// The preset and the size of the cluster, for all steps of a command: those of its creation, or newly selected.
    pub fn fit(&self) -> Result<Fit> {
        if let Some(fit) = self.results.fit.get() {
            return Ok(fit.clone());
        }
        let receipt = self.receipt();
        let made = &receipt.made.cluster;
        let existing = match (made.complete, made.cpus, made.memory) {
            (true, Some(cpus), Some(memory)) => Some(Sizes { cpus, memory }),
            _ => None,
        };
        let candidates = self.candidates()?;
        let recorded = receipt.preset.filter(|preset| {
            // A preset of an application that was deployed before does not count.
            existing.is_some() && candidates.iter().any(|one| one.preset.as_ref() == Some(preset))
        });
        let fit = fit(&Question {
            candidates: &candidates,
            asked: self.requested().or(recorded.as_deref()).filter(|preset| *preset != AUTO),
            overhead: self.overhead()?,
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

    /// The size of the node.
    pub fn sizes(&self) -> Result<Sizes> {
        Ok(self.fit()?.sizes)
    }

    /// The values files of the selected preset, which Helm merges after those of the application.
    pub fn preset_values(&self) -> Result<Vec<PathBuf>> {
        let chosen = self.fit()?.preset;
        let presets = self.application.iter().flat_map(|application| &application.presets);
        let files = presets.filter(|preset| Some(&preset.name) == chosen.as_ref());
        Ok(files.map(|preset| preset.values.clone()).collect())
    }

    /// Values that limit the autoscalers to the capacity of the cluster; empty if no limit is needed.
    pub fn replica_caps(&self) -> Result<Map<String, Value>> {
        let services: Map<String, Value> = self
            .fit()?
            .trimmed
            .into_iter()
            .map(|cap| (cap.service, json!({"autoscaling": {"max": cap.most}})))
            .collect();
        let mut values = Map::new();
        if !services.is_empty() {
            values.insert("services".to_owned(), Value::Object(services));
        }
        Ok(values)
    }

    /// The requirements of node and addons.
    pub fn overhead(&self) -> Result<Need> {
        overhead(self.addons()?.iter().map(Arc::as_ref))
    }

    /// The presets of the application with their requirements, from small to large.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        let Some(application) = &self.application else { return Ok(Vec::new()) };
        candidates(application, self.environment(application)?.as_ref())
    }
}

/// Stands for the largest preset that fits.
const AUTO: &str = "auto";

fn overhead<'a>(addons: impl Iterator<Item = &'a Addon>) -> Result<Need> {
    Ok(control_plane() + addons.map(Addon::need).sum::<Result<Need>>()?)
}

/// The minimum resources of a machine: for node, addons, and the application's smallest preset.
pub fn least_need(
    data: &Data,
    versions: &Versions,
    profile: &Profile,
    application: Option<&Application>,
) -> Result<Need> {
    let candidates = match application {
        Some(application) => candidates(application, &Environment::load(application)?)?,
        None => Vec::new(),
    };
    let smallest = candidates.first().and_then(|candidate| candidate.demand.as_ref());
    Ok(overhead(Addon::load_all(data, versions, profile)?.iter())?
        + smallest.map(Demand::base).unwrap_or_default())
}

/// The presets of an application with their requirements, without disabled services; without presets, one candidate.
fn candidates(application: &Application, environment: &Environment) -> Result<Vec<Candidate>> {
    let overrides = environment.overrides(application).into_iter();
    let overrides: Vec<PathBuf> = overrides.map(|over| over.values.clone()).collect();
    let read = |preset: Option<String>, values: Vec<PathBuf>| {
        let files = [application.values.clone(), values, overrides.clone()].concat();
        let all = Values::load(&application.chart, &files)?;
        Ok(Candidate { preset, demand: Demand::read(&all)? })
    };
    if application.presets.is_empty() {
        return Ok(vec![read(None, Vec::new())?]);
    }
    let presets = application.presets.iter();
    presets.map(|preset| read(Some(preset.name.clone()), vec![preset.values.clone()])).collect()
}
