//! Selects the preset of the application that fits, the size of the cluster, and the replica limits.
//!
//! Pure. The requirements are the requests of all pods at the minimum replica counts, of one additional pod
//! for updates, and of the node and its addons.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Demand, MIN_CPUS, MIN_MEMORY, Machine, Need, Service, Sizes, Span, show_need};
use crate::config::{ClusterSpec, suggest};
use crate::engine::{self, Engine};
use crate::error::{Error, Result};
use crate::host::Facts;
use crate::quantity::{show_bytes, show_milli};

/// A preset of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// `None` for an application without presets.
    pub preset: Option<String>,
    /// `None` if the chart does not specify its requirements.
    pub demand: Option<Demand>,
}

/// The input of the selection.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// From small to large.
    pub candidates: &'a [Candidate],
    /// The preset that was requested; otherwise the largest that fits is selected.
    pub asked: Option<&'a str>,
    /// The requirements of node and addons.
    pub overhead: Need,
    pub spec: &'a ClusterSpec,
    /// The size of the cluster, if it exists already.
    pub existing: Option<Sizes>,
    pub facts: &'a Facts,
    pub engine: Option<&'a Engine>,
}

/// The result of the selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fit {
    pub preset: Option<String>,
    pub sizes: Sizes,
    /// Node, addons, application and one pod for updates; `None` if unknown.
    pub need: Option<Need>,
    /// Bytes of the application's volumes.
    pub storage: u64,
    /// Autoscalers whose maximum must be lower than in the preset.
    pub trimmed: Vec<ReplicaCap>,
    /// The maximum size of the cluster.
    pub room: Sizes,
    /// Larger presets that do not fit, from small to large.
    pub larger: Vec<Larger>,
    /// The size in the profile, if the existing cluster has another one. It keeps its size, because neither
    /// kind nor minikube changes an existing node.
    pub asked: Option<Sizes>,
}

/// A preset that does not fit, with its requirements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Larger {
    pub preset: String,
    pub need: Need,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplicaCap {
    pub service: String,
    /// The maximum number of replicas.
    pub most: u32,
    /// The maximum in the preset.
    pub wanted: u32,
}

impl Fit {
    /// The result in sentences; empty if there was no choice.
    pub fn lines(&self) -> Vec<String> {
        let kept = self.asked.map(|asked| {
            format!(
                "the profile requests {}, but the cluster keeps the {} that it was created with; to change \
                 this and lose the data: todo-bootstrap down && todo-bootstrap up",
                asked.show(),
                self.sizes.show()
            )
        });
        let Some(need) = self.need else { return kept.into_iter().collect() };
        let name = self.preset.as_ref().map_or("the application".to_owned(), |name| format!("preset {name}"));
        let mut lines = vec![format!(
            "{name}: needs {} of {} CPUs and {} of {}, with Kubernetes and addons",
            show_milli(need.cpu),
            self.sizes.cpus,
            show_need(need.memory),
            show_bytes(self.sizes.memory),
        )];
        for ReplicaCap { service, most, wanted } in &self.trimmed {
            lines.push(format!("{name}: {service} at most {most} replicas instead of {wanted}"));
        }
        lines.extend(self.larger.iter().map(|one| {
            format!("preset {} does not fit: needs {}", one.preset, lack(self.room, one.need).join(" and "))
        }));
        lines.extend(kept);
        lines
    }
}

/// The part of `need` that exceeds `room`.
fn lack(room: Sizes, need: Need) -> Vec<String> {
    let mut lack = Vec::new();
    if need.cpu > u64::from(room.cpus) * 1000 {
        lack.push(format!("{} CPUs ({} available)", show_milli(need.cpu), room.cpus));
    }
    if need.memory > room.memory {
        lack.push(format!("{} ({} available)", show_need(need.memory), show_bytes(room.memory)));
    }
    lack
}

/// Selects preset and size. An error contains all figures and the fix.
pub fn fit(question: &Question<'_>) -> Result<Fit> {
    let scene = Scene::of(question);
    if question.existing.is_none() && !scene.problems.is_empty() {
        return Err(scene.refuse("the cluster does not fit this machine", question.candidates.first()));
    }
    let fit = match question.asked {
        Some(asked) => scene.asked(asked),
        None => scene.largest(),
    };
    let asked = question.existing.and_then(|sizes| Some(sizes.given(question.spec)).filter(|s| *s != sizes));
    fit.map(|fit| Fit { asked, ..fit })
}

/// Intermediate results of the selection.
struct Scene<'a> {
    question: &'a Question<'a>,
    machine: Machine,
    span: Span,
    /// What node, addons and the minimum of pods can use together: of memory, only what is free now.
    room: Sizes,
    /// Why there can be no cluster at all.
    problems: Vec<String>,
}

impl<'a> Scene<'a> {
    fn of(question: &'a Question<'a>) -> Self {
        let machine = Machine::of(question.facts, question.engine);
        if let Some(sizes) = question.existing {
            let span = Span::fixed(sizes);
            return Self { question, machine, span, room: sizes, problems: Vec::new() };
        }
        let span = Span::of(question.spec, machine);
        let known = question.candidates.iter().any(|candidate| candidate.demand.is_some());
        // An existing cluster has its memory already; a new one needs free memory.
        let span = if known { span.within(machine.available) } else { span };
        let room = Sizes { memory: span.most.memory.min(machine.available), ..span.most };
        Self { question, machine, span, room, problems: span.problems(machine) }
    }

    fn need(&self, demand: &Demand) -> Need {
        self.question.overhead + demand.base()
    }

    fn place(&self) -> &'static str {
        if self.question.existing.is_some() { "the cluster" } else { "this machine" }
    }

    fn fits(&self, candidate: &Candidate) -> bool {
        candidate.demand.as_ref().is_none_or(|demand| self.room.holds(self.need(demand)))
    }

    fn largest(&self) -> Result<Fit> {
        let candidates = self.question.candidates;
        let Some(smallest) = candidates.first() else { return Ok(self.unknown(None)) };
        if candidates.iter().any(|candidate| candidate.demand.is_none()) {
            return Ok(self.unknown(smallest.preset.clone()));
        }
        let Some(index) = candidates.iter().rposition(|candidate| self.fits(candidate)) else {
            let what = match &smallest.preset {
                Some(preset) => format!("not even preset {preset} fits {}", self.place()),
                None => format!("the application does not fit {}", self.place()),
            };
            return Err(self.refuse(what, Some(smallest)));
        };
        let mut fit = self.take(&candidates[index]);
        let larger = candidates[index + 1..].iter();
        fit.larger = larger
            .filter_map(|one| {
                Some(Larger { preset: one.preset.clone()?, need: self.need(one.demand.as_ref()?) })
            })
            .collect();
        Ok(fit)
    }

    fn asked(&self, asked: &str) -> Result<Fit> {
        let candidates = self.question.candidates;
        let named = |candidate: &&Candidate| candidate.preset.as_deref() == Some(asked);
        let Some(candidate) = candidates.iter().find(named) else {
            let known: Vec<&str> = candidates.iter().filter_map(|one| one.preset.as_deref()).collect();
            let error =
                Error::usage(format!("the application has no preset `{asked}`{}", suggest(asked, &known)));
            return Err(match known.first() {
                None => error.because("it has no presets").help("todo-bootstrap up --preset auto"),
                Some(first) => error
                    .because(format!("its presets are: {}", known.join(", ")))
                    .help(format!("todo-bootstrap up --preset {first}   # or auto")),
            });
        };
        if self.fits(candidate) {
            return Ok(self.take(candidate));
        }
        let error = self.refuse(format!("preset {asked} does not fit {}", self.place()), Some(candidate));
        let fitting = candidates.iter().rev().find(|one| self.fits(one));
        Err(match fitting.and_then(|one| one.preset.as_ref()) {
            None => error,
            Some(preset) => error
                .because(format!("preset {preset} would fit"))
                .help(format!("todo-bootstrap up --preset {preset}")),
        })
    }

    fn unknown(&self, preset: Option<String>) -> Fit {
        Fit { preset, sizes: self.span.unknown(), room: self.room, ..Fit::default() }
    }

    fn take(&self, candidate: &Candidate) -> Fit {
        let Some(demand) = &candidate.demand else { return self.unknown(candidate.preset.clone()) };
        let most = self.trim(demand);
        let at = |service: &Service| most[service.name.as_str()];
        let need = self.question.overhead + demand.at(at);
        let limit = self.question.overhead.memory.saturating_add(demand.memory_limit(at));
        let trimmed = demand.services.iter().filter(|service| at(service) < service.most);
        let cap = |service: &Service| ReplicaCap {
            service: service.name.clone(),
            most: at(service),
            wanted: service.most,
        };
        Fit {
            preset: candidate.preset.clone(),
            sizes: self.span.holding(need, limit),
            need: Some(self.need(demand)),
            storage: demand.storage(),
            trimmed: trimmed.map(cap).collect(),
            room: self.room,
            ..Fit::default()
        }
    }

    /// How many pods of each service the cluster has room for: starting with the minimum, each autoscaler in
    /// turn gets one more while it fits. The result for the created cluster is the same.
    fn trim<'d>(&self, demand: &'d Demand) -> BTreeMap<&'d str, u32> {
        let services = || demand.services.iter();
        let mut most: BTreeMap<_, _> =
            services().map(|service| (service.name.as_str(), service.replicas)).collect();
        let mut taken = self.need(demand);
        loop {
            let mut grown = false;
            for service in services() {
                let pods = most.entry(&service.name).or_default();
                if *pods < service.most && self.span.most.holds(taken + service.pod) {
                    taken = taken + service.pod;
                    *pods += 1;
                    grown = true;
                }
            }
            if !grown {
                return most;
            }
        }
    }

    /// The error for `candidate`, with all figures and fixes.
    fn refuse(&self, what: impl Into<String>, candidate: Option<&Candidate>) -> Error {
        let mut error = self.problems.iter().fold(Error::host(what), Error::because);
        let demand = candidate.and_then(|candidate| candidate.demand.as_ref());
        let overhead = self.question.overhead;
        let need = demand.map_or(overhead, |demand| self.need(demand));
        if let Some(demand) = demand {
            let name = candidate.and_then(|candidate| candidate.preset.as_ref());
            let name = name.map_or("it".to_owned(), |name| format!("preset {name}"));
            error = error.because(format!(
                "{name} needs {need}: {overhead} for node and addons, {} for its pods",
                demand.base()
            ));
            if self.problems.is_empty() {
                error = error.because(self.has());
            }
        }
        error.help(self.remedy(need))
    }

    fn has(&self) -> String {
        if self.question.existing.is_some() {
            return format!("the cluster was created with {}", self.room.show());
        }
        let of = Sizes { cpus: self.machine.cpus, memory: self.machine.memory };
        let free =
            if self.machine.available < self.span.most.memory { ", based on what is free now" } else { "" };
        format!("the cluster can use {} of {}{free}", self.room.show(), of.show())
    }

    /// The change that makes `need` fit.
    fn remedy(&self, need: Need) -> String {
        let spare = self.machine.spare();
        let (cpus, memory) = (need.cpus().max(MIN_CPUS), need.memory.max(MIN_MEMORY));
        if !spare.holds(Need { cpu: u64::from(cpus) * 1000, memory }) {
            let wanted = self.machine.wanted(need);
            return engine::more_capacity(
                self.question.facts,
                self.question.engine,
                wanted.cpus,
                wanted.memory,
            );
        }
        if self.question.existing.is_some() {
            let asked = self.question.asked.map_or(String::new(), |preset| format!(" --preset {preset}"));
            let commands = format!("todo-bootstrap down && todo-bootstrap up{asked}");
            return format!("{commands}   # creates a larger cluster; the data of this one is lost");
        }
        if !self.span.most.holds(need) || !self.problems.is_empty() {
            let gib = memory.div_ceil(1 << 30);
            return format!(
                "in [cluster] of the profile: cpus = \"{cpus}\", memory = \"{gib}Gi\", or \"auto\""
            );
        }
        "ps aux --sort -rss | head   # shows the programs that use most memory".to_owned()
    }
}

#[cfg(test)]
mod tests;
