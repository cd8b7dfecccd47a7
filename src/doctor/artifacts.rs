//! Whether `up` would get what it needs, from where, and at what cost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Answer, HostAnswer, Inputs};
use crate::origins::{Forecast, Host, Origin, Way};
use crate::quantity::show_bytes;

/// What helps if no origin has an artifact.
pub const BUNDLE: &str =
    "todo-bootstrap up --bundle PATH   # of `todo-bootstrap bundle create PATH` on a machine with access";

/// What `up` needs, and what the hosts answered that it would come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Artifacts {
    pub forecasts: Vec<Forecast>,
    pub answers: Vec<HostAnswer>,
}

/// What will become of an artifact, as far as can be known now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outlook {
    Here,
    Fetched,
    Built,
    Lost { reason: String },
}

impl Artifacts {
    /// The hosts to ask: those of missing artifacts, each once.
    pub fn hosts(forecasts: &[Forecast]) -> Vec<&Host> {
        let hosts = forecasts.iter().flat_map(|forecast| match &forecast.way {
            Way::Fetched { hosts, .. } => hosts.as_slice(),
            _ => &[],
        });
        let mut seen = BTreeSet::new();
        hosts.filter(|host| seen.insert(&host.name)).collect()
    }

    /// Whether something is built from source.
    pub fn builds(&self) -> bool {
        self.forecasts.iter().any(|forecast| self.outlook(forecast) == Outlook::Built)
    }

    pub(super) fn outlook(&self, forecast: &Forecast) -> Outlook {
        let hosts = match &forecast.way {
            Way::Present { .. } | Way::Bundle { .. } => return Outlook::Here,
            Way::Built => return Outlook::Built,
            Way::Nowhere { reason } => return Outlook::Lost { reason: reason.clone() },
            Way::Fetched { hosts, .. } => hosts,
        };
        let why: Vec<String> = hosts.iter().filter_map(|host| self.obstacle(&host.name)).collect();
        if hosts.is_empty() || why.len() < hosts.len() {
            return Outlook::Fetched;
        }
        match &forecast.build.refusal {
            None => Outlook::Built,
            Some(refusal) => Outlook::Lost { reason: format!("{}; {refusal}", why.join("; ")) },
        }
    }

    /// Why nothing comes from a host; `None` if it answers, or was not asked.
    fn obstacle(&self, host: &str) -> Option<String> {
        let answer = self.answers.iter().find(|answer| answer.host == host)?;
        let trouble = answer.trouble.as_ref().map(|trouble| format!("{host}: {trouble}"));
        let used_up = answer.quota.is_some_and(|quota| quota.left == 0);
        trouble.or_else(|| used_up.then(|| format!("{host}: its rate limit is reached")))
    }

    /// What no origin has, with the reasons.
    pub fn lost(&self) -> Vec<(&Forecast, String)> {
        let lost = |forecast| match self.outlook(forecast) {
            Outlook::Lost { reason } => Some((forecast, reason)),
            _ => None,
        };
        self.forecasts.iter().filter_map(lost).collect()
    }

    /// `5 cached; 3 downloads (1.2 GiB) from a, b; 1 built from source, about 4 min on 2 cores, needs Go`; empty if
    /// nothing is needed.
    pub fn summary(&self) -> String {
        let of = |wanted: &Outlook| {
            self.forecasts.iter().filter(|one| self.outlook(one) == *wanted).collect::<Vec<_>>()
        };
        let parts =
            [present(&of(&Outlook::Here)), download(&of(&Outlook::Fetched)), source(&of(&Outlook::Built))];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// Whether an artifact is lost because this host does not answer.
    pub(super) fn is_needed(&self, host: &str) -> bool {
        let lost = |forecast: &&Forecast| matches!(self.outlook(forecast), Outlook::Lost { .. });
        self.forecasts.iter().filter(lost).any(|forecast| comes_from(forecast, host))
    }

    /// The number of images that are copied from a host.
    pub(super) fn images_of(&self, host: &str) -> u64 {
        self.forecasts.iter().filter(|forecast| forecast.image && comes_from(forecast, host)).count() as u64
    }

    /// What is known of each artifact.
    pub fn json(&self) -> Vec<Value> {
        let row = |forecast| {
            let mut row = json!(forecast);
            row["outlook"] = json!(self.outlook(forecast));
            row
        };
        self.forecasts.iter().map(row).collect()
    }

    /// A row for each artifact: name, where it comes from, and the cost.
    pub fn rows(&self) -> Vec<[String; 3]> {
        self.forecasts.iter().map(|forecast| self.row(forecast)).collect()
    }

    fn row(&self, forecast: &Forecast) -> [String; 3] {
        let kind = if forecast.image { "image" } else { "tool" };
        let name = format!("{kind} {} {}", forecast.name, forecast.version).trim_end().to_owned();
        let (from, cost) = match (self.outlook(forecast), &forecast.way) {
            (Outlook::Here, Way::Present { origin }) => (origin.to_string(), String::new()),
            (Outlook::Here, Way::Bundle { bytes }) => ("bundle".to_owned(), show_bytes(*bytes)),
            (Outlook::Fetched, Way::Fetched { from, bytes, .. }) => {
                (from.clone(), bytes.map(show_bytes).unwrap_or_default())
            }
            (Outlook::Lost { reason }, _) => ("not available".to_owned(), reason),
            _ => ("source".to_owned(), cost([forecast])),
        };
        [name, from, cost]
    }
}

fn comes_from(forecast: &Forecast, host: &str) -> bool {
    matches!(&forecast.way, Way::Fetched { hosts, .. } if hosts.iter().any(|one| one.name == host))
}

pub(super) fn available(inputs: &Inputs<'_>) -> Answer {
    let Some(artifacts) = inputs.artifacts else {
        return Answer::ok("known once the files of the project and the profile can be read");
    };
    let (lost, detail) = (artifacts.lost(), artifacts.summary());
    if lost.is_empty() {
        return Answer::ok(if detail.is_empty() { "none are needed".to_owned() } else { detail });
    }
    let missing = format!("not available: {}", by_reason(&lost).join("; "));
    let detail = if detail.is_empty() { missing } else { format!("{missing}; {detail}") };
    Answer::fail(detail, BUNDLE).called("artifact-missing", "something that `up` needs is not available")
}

/// Many artifacts usually lack the same thing.
pub fn by_reason(lost: &[(&Forecast, String)]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (forecast, reason) in lost {
        reasons.entry(reason).or_default().push(&forecast.name);
    }
    reasons.iter().map(|(reason, names)| format!("{} ({reason})", names.join(", "))).collect()
}

fn present(here: &[&Forecast]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for forecast in here {
        let place = match &forecast.way {
            Way::Present { origin: Origin::System } => "of this machine",
            Way::Bundle { .. } => "in the bundle",
            _ => "cached",
        };
        *counts.entry(place).or_default() += 1;
    }
    counts.into_iter().map(|(place, count)| format!("{count} {place}")).collect::<Vec<_>>().join(", ")
}

/// `3 downloads (1.2 GiB, without 1 of unknown size) from a, b`.
fn download(fetched: &[&Forecast]) -> String {
    let (mut bytes, mut unknown, mut places) = (0, 0, BTreeSet::new());
    for forecast in fetched {
        let Way::Fetched { bytes: size, from, hosts, .. } = &forecast.way else { continue };
        match size {
            Some(size) => bytes += size,
            None => unknown += 1,
        }
        places.insert(hosts.first().map_or(from.as_str(), |host| host.name.as_str()));
    }
    let size = match (bytes, unknown) {
        _ if fetched.is_empty() => return String::new(),
        (0, _) => String::new(),
        (bytes, 0) => format!(" ({})", show_bytes(bytes)),
        (bytes, unknown) => format!(" ({}, without {unknown} of unknown size)", show_bytes(bytes)),
    };
    let noun = if fetched.len() == 1 { "download" } else { "downloads" };
    let places = places.into_iter().collect::<Vec<_>>().join(", ");
    format!("{} {noun}{size} from {places}", fetched.len())
}

fn source(built: &[&Forecast]) -> String {
    if built.is_empty() { String::new() } else { format!("{} {}", built.len(), cost(built.iter().copied())) }
}

/// What building these takes together. The minutes were measured while all were built at the same time, so that
/// the longest one is the time for all.
fn cost<'a>(built: impl IntoIterator<Item = &'a Forecast>) -> String {
    let (mut artifacts, mut needs) = (BTreeMap::new(), BTreeSet::<&str>::new());
    for forecast in built {
        artifacts.extend(&forecast.build.cost.artifacts);
        needs.extend(forecast.build.cost.needs.iter().copied());
    }
    let minutes = artifacts.values().filter_map(|minutes| **minutes).max().unwrap_or_default();
    let needs = needs.into_iter().collect::<Vec<_>>().join(" and ");
    let needs = if needs.is_empty() { needs } else { format!(", needs {needs}") };
    match (artifacts.len(), minutes) {
        (0, _) => "built from source before".to_owned(),
        (_, 0) => format!("built from source{needs}"),
        (_, minutes) => format!("built from source, about {minutes} min on 2 cores{needs}"),
    }
}
