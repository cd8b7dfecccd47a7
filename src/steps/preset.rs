//! The session's choice of a preset and of the cluster's size.

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
    /// Which preset fits and how large the cluster is: what the cluster was made with, or what
    /// profile, application and host say. The same for all steps of a command.
    pub fn fit(&self) -> Result<Fit> {
        if let Some(fit) = self.fit.get() {
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
            // That of another application that was here before means nothing.
            existing.is_some() && candidates.iter().any(|one| one.preset.as_ref() == Some(preset))
        });
        let fit = fit(&Question {
            candidates: &candidates,
            asked: self.asked().or(recorded.as_deref()).filter(|preset| *preset != AUTO),
            overhead: self.overhead()?,
            spec: &self.profile.cluster,
            existing,
            facts: &self.facts,
            engine: self.engine().ok(),
        })?;
        // Before there is an engine, the choice is what is to be expected only.
        if self.engine().is_ok() {
            let _ = self.fit.set(fit.clone());
        }
        Ok(fit)
    }

    /// Whether enough is known to choose: an engine on another system than Linux lives in a virtual
    /// machine, of which nothing is known before it is there.
    pub fn can_fit(&self) -> bool {
        self.engine().is_ok() || self.facts.os == Os::Linux
    }

    /// What was asked for, by the command line or else by the profile.
    fn asked(&self) -> Option<&str> {
        match (&self.wishes.preset, &self.profile.preset) {
            (Some(preset), _) | (None, Amount::Given(preset)) => Some(preset),
            (None, Amount::Auto) => None,
        }
    }

    /// The node's size.
    pub fn sizes(&self) -> Result<Sizes> {
        Ok(self.fit()?.sizes)
    }

    /// The values files of the chosen preset; Helm merges them after the application's.
    pub fn preset_values(&self) -> Result<Vec<PathBuf>> {
        let chosen = self.fit()?.preset;
        let presets = self.application.iter().flat_map(|application| &application.presets);
        let files = presets.filter(|preset| Some(&preset.name) == chosen.as_ref());
        Ok(files.map(|preset| preset.values.clone()).collect())
    }

    /// Values that keep autoscalers within what the cluster has; empty where none has to be.
    pub fn trimmed(&self) -> Result<Map<String, Value>> {
        let services: Map<String, Value> = self
            .fit()?
            .trimmed
            .into_iter()
            .map(|trim| (trim.service, json!({"autoscaling": {"max": trim.most}})))
            .collect();
        let mut values = Map::new();
        if !services.is_empty() {
            values.insert("services".to_owned(), Value::Object(services));
        }
        Ok(values)
    }

    /// What node and addons need.
    pub fn overhead(&self) -> Result<Need> {
        overhead(self.addons()?.iter().map(Arc::as_ref))
    }

    /// The sizes that the application comes in, from small to large.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        let Some(application) = &self.application else { return Ok(Vec::new()) };
        candidates(application, self.environment(application)?.as_ref())
    }
}

/// In place of a preset's name: the largest that fits.
const AUTO: &str = "auto";

fn overhead<'a>(addons: impl Iterator<Item = &'a Addon>) -> Result<Need> {
    Ok(control_plane() + addons.map(Addon::need).sum::<Result<Need>>()?)
}

/// The least that a machine must give: to node, addons, and the application's smallest size.
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

/// The presets of an application with what each asks for; an application without presets has one
/// size. Services that the settings leave out ask for nothing.
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
