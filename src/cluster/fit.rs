//! Selects the preset of the application that fits, the size of the cluster, and the replica limits.
//!
//! Pure. The requirements are the requests of all pods at the minimum replica counts, of one additional pod
//! for updates, and of the nodes and addons.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Demand, MIN_CPUS, MIN_MEMORY, Machine, Need, Overhead, Service, Sizes, Span, show_need};
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
    /// The requirements of nodes and addons.
    pub overhead: &'a Overhead,
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
    /// Nodes, addons, application and one pod for updates; `None` if unknown.
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
    /// kind nor minikube changes an existing node, and kind adds none.
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
    /// The minimum number of replicas.
    pub least: u32,
    /// The maximum number of replicas.
    pub most: u32,
    /// The maximum in the preset.
    pub wanted: u32,
    /// The requests of one more pod.
    pub pod: Need,
}

impl Fit {
    fn name(&self) -> String {
        self.preset.as_ref().map_or("the application".to_owned(), |name| format!("preset {name}"))
    }

    /// The autoscalers that have no capacity to add a single pod, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let stuck = self.trimmed.iter().filter(|cap| cap.most == cap.least);
        stuck
            .map(|ReplicaCap { service, least, pod, .. }| {
                format!(
                    "{} leaves no capacity to scale {service}: it stays at {least} replicas under load, because \
                     one more requests {pod}; use a larger cluster or a smaller preset",
                    self.name()
                )
            })
            .collect()
    }

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
        let name = self.name();
        let nodes = self.sizes.nodes;
        let each = if nodes > 1 { format!("{nodes} × ") } else { String::new() };
        let mut lines = vec![format!(
            "{name}: needs {} of {each}{} CPUs and {} of {each}{}, with Kubernetes and addons",
            show_milli(need.cpu),
            self.sizes.cpus,
            show_need(need.memory),
            show_bytes(self.sizes.memory),
        )];
        if nodes > 1 {
            lines.push(format!(
                "{nodes} nodes: the first one runs the control plane, {} the application; each has {} of \
                 memory, and all share the CPUs of this machine",
                if nodes > 2 { format!("the other {}", nodes - 1) } else { "the other one".to_owned() },
                show_bytes(self.sizes.memory),
            ));
        }
        for ReplicaCap { service, most, wanted, .. } in &self.trimmed {
            lines.push(format!("{name}: {service} at most {most} replicas instead of {wanted}"));
        }
        lines.extend(
            self.larger.iter().map(|one| {
                format!("preset {} does not fit: needs {}", one.preset, lack(self.room, one.need))
            }),
        );
        lines.extend(kept);
        lines
    }
}

/// The part of `need` that exceeds `room`.
fn lack(room: Sizes, need: Need) -> String {
    let (cpus, memory) = (room.cpus.saturating_mul(room.nodes), room.memory_of_all());
    let mut lack = Vec::new();
    if need.cpu > u64::from(cpus) * 1000 {
        lack.push(format!("{} CPUs ({cpus} available)", show_milli(need.cpu)));
    }
    if need.memory > memory {
        lack.push(format!("{} ({} available)", show_need(need.memory), show_bytes(memory)));
    }
    if lack.is_empty() {
        // There is enough in total.
        return format!("{need} in pods, which do not fit on {}", room.show());
    }
    lack.join(" and ")
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
    /// What nodes, addons and the minimum of pods can use: of memory, only what is free now.
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
        let free = machine.available / u64::from(span.most.nodes.max(1));
        let room = Sizes { memory: span.most.memory.min(free), ..span.most };
        Self { question, machine, span, room, problems: span.problems(machine) }
    }

    fn nodes(&self) -> u32 {
        self.span.most.nodes
    }

    fn need(&self, demand: &Demand) -> Need {
        self.question.overhead.sum(self.nodes()) + demand.base()
    }

    fn place(&self) -> &'static str {
        if self.question.existing.is_some() { "the cluster" } else { "this machine" }
    }

    fn fits(&self, candidate: &Candidate) -> bool {
        candidate.demand.as_ref().is_none_or(|demand| {
            self.room.hold(self.question.overhead, &demand.pods(|service| service.replicas))
        })
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
        let overhead = self.question.overhead;
        let most = self.trim(demand, self.span.most);
        let pods = |service: &Service| most[service.name.as_str()];
        let limit = self.limit(demand.memory_limit(pods));
        let sizes = self.span.holding(overhead, &demand.pods(pods), limit);
        // What the second `up` will find: several nodes may be divided differently.
        let most = self.trim(demand, sizes);
        let at = |service: &Service| most[service.name.as_str()];
        let trimmed = demand.services.iter().filter(|service| at(service) < service.most);
        let cap = |service: &Service| ReplicaCap {
            service: service.name.clone(),
            least: service.replicas,
            most: at(service),
            wanted: service.most,
            pod: service.pod,
        };
        Fit {
            preset: candidate.preset.clone(),
            sizes,
            need: Some(self.need(demand)),
            storage: demand.storage(),
            trimmed: trimmed.map(cap).collect(),
            room: self.room,
            ..Fit::default()
        }
    }

    /// The memory of a node that has its part of the pods, whose limits are `pods` bytes together.
    fn limit(&self, pods: u64) -> u64 {
        let (nodes, overhead) = (self.nodes(), self.question.overhead);
        let own = if nodes > 1 { overhead.worker } else { overhead.sum(1) };
        own.memory.saturating_add(pods / u64::from(nodes.saturating_sub(1).max(1)))
    }

    /// How many pods of each service a cluster of this size has room for: starting with the minimum, each autoscaler
    /// in turn gets one more while it fits.
    fn trim<'d>(&self, demand: &'d Demand, size: Sizes) -> BTreeMap<&'d str, u32> {
        let services = || demand.services.iter();
        let mut most: BTreeMap<_, _> =
            services().map(|service| (service.name.as_str(), service.replicas)).collect();
        loop {
            let mut grown = false;
            for service in services().filter(|service| service.replicas < service.most) {
                let next = most[service.name.as_str()] + 1;
                let count = |other: &Service| {
                    if other.name == service.name { next } else { most[other.name.as_str()] }
                };
                if next <= service.most && size.hold(self.question.overhead, &demand.pods(count)) {
                    most.insert(&service.name, next);
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
        let nodes = self.nodes();
        if let Some(demand) = demand {
            let (need, overhead) = (self.need(demand), self.question.overhead.sum(nodes));
            let own = if nodes > 1 { format!("{nodes} nodes") } else { "node".to_owned() };
            let name = candidate.and_then(|candidate| candidate.preset.as_ref());
            let name = name.map_or("it".to_owned(), |name| format!("preset {name}"));
            error = error.because(format!(
                "{name} needs {need}: {overhead} for {own} and addons, {} for its pods",
                demand.base()
            ));
            if self.problems.is_empty() {
                error = error.because(self.has());
            }
        }
        let demand = demand.cloned().unwrap_or_default();
        error.help(self.remedy(self.question.overhead.of_machine(nodes, &demand)))
    }

    fn has(&self) -> String {
        if self.question.existing.is_some() {
            return format!("the cluster was created with {}", self.room.show());
        }
        let of = Sizes { nodes: 1, cpus: self.machine.cpus, memory: self.machine.memory };
        let busy = self.machine.available < self.span.most.memory_of_all();
        let free = if busy { ", based on what is free now" } else { "" };
        format!("the cluster can use {} of {}{free}", self.room.show(), of.show())
    }

    /// The change that makes `need` fit, see [`Overhead::of_machine`].
    fn remedy(&self, need: Need) -> String {
        let (spare, nodes) = (self.machine.spare(), u64::from(self.nodes()));
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
        let most = Sizes { memory: self.span.most.memory_of_all(), ..self.span.most };
        if !most.holds(need) || !self.problems.is_empty() {
            let gib = (memory / nodes).div_ceil(1 << 30);
            return format!(
                "in [cluster] of the profile: cpus = \"{cpus}\", memory = \"{gib}Gi\", or \"auto\""
            );
        }
        "ps aux --sort -rss | head   # shows the programs that use most memory".to_owned()
    }
}

#[cfg(test)]
mod tests;
