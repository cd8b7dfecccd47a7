//! The choice on all sorts of machines.

use super::*;
use crate::cluster::demand::tests::demand;
use crate::cluster::sizes::tests::spec;
use crate::config::Amount;
use crate::engine::EngineHost;
use crate::engine::testing::engine;
use crate::error::Exit;
use crate::host::recorded::{debian, macos};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// What node and addons of the default profile need.
const OVERHEAD: Need = Need { cpu: 1030, memory: 1154 * MIB };

fn pods(web: &str, store: &str) -> Demand {
    demand(&format!(
        "services:\n  web: {web}\n  store: {{kind: StatefulSet, resources: {{requests: {store}}}, storage: {{size: 1Gi}}}}\n"
    ))
    .unwrap()
    .unwrap()
}

/// Two sizes without and one with an autoscaler; together with the node 1.43, 2.73 and 4.53 CPUs.
fn presets() -> Vec<Candidate> {
    let small = pods("{resources: {requests: {cpu: 150m, memory: 192Mi}}}", "{cpu: 100m, memory: 128Mi}");
    let middle =
        pods("{replicas: 2, resources: {requests: {cpu: 0.5, memory: 1Gi}}}", "{cpu: 200m, memory: 256Mi}");
    let large = pods(
        "{resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 2Gi}}, autoscaling: {enabled: true, min: 2, max: 5}}",
        "{cpu: 500m, memory: 256Mi}",
    );
    let named = |name: &str, demand| Candidate { preset: Some(name.to_owned()), demand: Some(demand) };
    vec![named("small", small), named("middle", middle), named("large", large)]
}

/// Asks with everything but what the test is about as it is on a quiet machine.
struct Asked {
    facts: Facts,
    engine: Engine,
    spec: ClusterSpec,
    candidates: Vec<Candidate>,
    existing: Option<Sizes>,
}

impl Asked {
    fn here(cpus: u32, gib: u64) -> Self {
        let facts = Facts { cpus, memory: gib * GIB, memory_available: gib * GIB * 9 / 10, ..debian() };
        let engine = Engine { cpus, memory: gib * GIB, ..engine() };
        Self { facts, engine, spec: spec(Amount::Auto, Amount::Auto), candidates: presets(), existing: None }
    }

    fn machine_of(host: EngineHost, cpus: u32, gib: u64) -> Self {
        // What a virtual machine reports is a little less than it was given.
        let engine = Engine { cpus, memory: gib * GIB - 60 * MIB, host, ..engine() };
        Self { facts: macos(), engine, ..Self::here(8, 16) }
    }

    fn given(self, cpus: u32, gib: u64) -> Self {
        Self { spec: spec(Amount::Given(cpus), Amount::Given(gib * GIB)), ..self }
    }

    fn nodes(self, nodes: u32) -> Self {
        Self { spec: ClusterSpec { nodes: Some(nodes), ..self.spec }, ..self }
    }

    fn fit(&self, asked: Option<&str>) -> Result<Fit> {
        fit(&Question {
            candidates: &self.candidates,
            asked,
            overhead: &Overhead {
                control_plane: OVERHEAD,
                worker: Need { cpu: 150, memory: 426 * MIB },
                pods: Vec::new(),
            },
            spec: &self.spec,
            existing: self.existing,
            facts: &self.facts,
            engine: Some(&self.engine),
        })
    }
}

/// `preset, CPUs × MiB, trimmed`, or the headline of a refusal.
fn told(asked: &Asked) -> String {
    match asked.fit(None) {
        Ok(fit) => {
            let trimmed: Vec<String> =
                fit.trimmed.iter().map(|trim| format!(" {}≤{}", trim.service, trim.most)).collect();
            let Sizes { cpus, memory, .. } = fit.sizes;
            format!("{} {cpus}×{}{}", fit.preset.unwrap_or_default(), memory / MIB, trimmed.concat())
        }
        Err(error) => {
            assert_eq!(error.exit(), Exit::HostNotReady, "{error}");
            assert!(!error.hints().is_empty(), "{error}");
            error.what().to_owned()
        }
    }
}

#[test]
fn each_machine_gets_the_largest_preset_that_fits() {
    let cases = [
        (Asked::here(1, 4), "the cluster does not fit this machine"),
        (Asked::here(2, 2), "the cluster does not fit this machine"),
        (Asked::here(2, 4), "small 2×2048"),
        (Asked::here(2, 24), "small 2×2048"),
        (Asked::here(4, 8), "middle 3×4608"),
        (Asked::here(4, 4), "small 2×2048"),
        (Asked::here(8, 16), "large 7×8192 web≤4"),
        (Asked::here(64, 256), "large 8×8192"),
        (Asked::machine_of(EngineHost::DockerDesktop, 4, 2), "the cluster does not fit this machine"),
        (Asked::machine_of(EngineHost::Colima, 2, 2), "the cluster does not fit this machine"),
        (Asked::machine_of(EngineHost::Colima, 2, 4), "small 2×2048"),
        (Asked::machine_of(EngineHost::DockerDesktop, 8, 8), "large 7×7424 web≤4"),
        (Asked::here(2, 24).given(2, 4), "small 2×4096"),
        (Asked::here(16, 64).given(4, 8), "middle 4×8192"),
        (Asked::here(16, 64).given(5, 6), "large 5×6144 web≤2"),
        (Asked::here(16, 64).given(2, 1), "the cluster does not fit this machine"),
        (Asked::here(2, 4).given(4, 8), "the cluster does not fit this machine"),
    ];
    for (index, (asked, expected)) in cases.into_iter().enumerate() {
        assert_eq!(told(&asked), expected, "case {index}: {:?}", asked.spec);
        settled(asked);
    }
}

/// A second `up` finds what the first one chose.
#[track_caller]
fn settled(asked: Asked) {
    let Ok(first) = asked.fit(None) else { return };
    let again = Asked { existing: Some(first.sizes), ..asked };
    let second = again.fit(first.preset.as_deref()).unwrap();
    assert_eq!((second.preset, second.sizes, second.trimmed), (first.preset, first.sizes, first.trimmed));
}

#[test]
fn memory_that_others_take_for_a_while_does_not_change_a_cluster_that_stands() {
    for gib in [5, 6, 7, 9] {
        for asked in [Asked::here(16, 32), Asked::here(16, 32).given(8, 8)] {
            let facts = Facts { memory_available: gib * GIB, ..asked.facts.clone() };
            settled(Asked { facts, ..asked });
        }
    }
}

#[test]
fn what_others_use_now_counts_for_a_new_cluster_only() {
    let mut busy = Asked::here(8, 16);
    busy.facts.memory_available = 5 * GIB;
    assert_eq!(told(&busy), "large 5×5120 web≤2");
    busy.facts.memory_available = 4 * GIB;
    assert_eq!(told(&busy), "small 2×2048");
    busy.facts.memory_available = GIB;
    let error = busy.fit(None).unwrap_err();
    assert_eq!(error.what(), "not even preset small fits this machine");
    assert_eq!(error.hints(), ["ps aux --sort -rss | head   # shows the programs that use most memory"]);
    assert!(error.causes()[1].contains("1.0 GiB of 8 CPU and 16 GiB, based on what is free now"), "{error}");
    busy.existing = Some(Sizes { nodes: 1, cpus: 4, memory: 6 * GIB });
    assert_eq!(told(&busy), "middle 4×6144");
}

#[test]
fn a_choice_without_presets_is_said_without_their_names() {
    let unnamed = Candidate { preset: None, ..presets().remove(0) };
    let alone = Asked { candidates: vec![unnamed], ..Asked::here(2, 4) };
    assert!(alone.fit(None).unwrap().lines()[0].starts_with("the application: needs 1.43 of 2"));
}

#[test]
fn a_refusal_has_all_figures_and_the_way_of_this_host() {
    let error = Asked::machine_of(EngineHost::Colima, 2, 2).fit(None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cluster does not fit this machine\n  \
         because a cluster needs 2.0 GiB of memory, but would get 1.2 GiB of 1.9 GiB\n  \
         because preset small needs 1.43 CPU and 1.7 GiB: 1.03 CPU and 1.2 GiB for node and addons, \
         0.4 CPU and 512 MiB for its pods\n  \
         help: colima stop && colima start --cpu 2 --memory 3"
    );
    let error = Asked::machine_of(EngineHost::DockerDesktop, 1, 8).fit(None).unwrap_err();
    assert!(error.hints()[0].starts_with("Docker Desktop: Settings > Resources: at least 2 CPUs and 8 GB"));
    let error = Asked::here(2, 24).given(1, 1).fit(None).unwrap_err();
    assert_eq!(error.hints(), ["in [cluster] of the profile: cpus = \"2\", memory = \"2Gi\", or \"auto\""]);
}

#[test]
fn a_cluster_that_stands_keeps_its_size() {
    let existing = Some(Sizes { nodes: 1, cpus: 3, memory: 5 * GIB });
    let asked = Asked { existing, ..Asked::here(16, 64) };
    assert_eq!(told(&asked), "middle 3×5120");
    let error = asked.fit(Some("large")).unwrap_err();
    assert_eq!(error.what(), "preset large does not fit the cluster");
    assert_eq!(error.causes()[1], "the cluster was created with 3 CPU and 5.0 GiB");
    assert!(error.hints()[0].starts_with("todo-bootstrap down && todo-bootstrap up --preset large "));
}

#[test]
fn a_chart_that_says_nothing_gets_what_there_is() {
    let silent = |preset: Option<&str>| Candidate { preset: preset.map(str::to_owned), demand: None };
    for (candidates, preset) in
        [(vec![], None), (vec![silent(None)], None), (vec![silent(Some("a")), silent(Some("b"))], Some("a"))]
    {
        let asked = Asked { candidates, ..Asked::here(4, 16) };
        let fit = asked.fit(None).unwrap();
        assert_eq!(fit.sizes, Sizes { nodes: 1, cpus: 3, memory: 8 * GIB });
        assert_eq!((fit.preset.as_deref(), fit.lines().len()), (preset, 0));
    }
}

#[test]
fn autoscalers_share_what_is_left_and_never_fall_below_their_minimum() {
    let yaml = "services:\n  a: {resources: {requests: {cpu: 500m}}, autoscaling: {enabled: true, min: 2, max: 5}}\n  \
                b: {resources: {requests: {cpu: 500m}}, autoscaling: {enabled: true, min: 2, max: 5}}\n";
    let candidate = Candidate { preset: None, demand: demand(yaml).unwrap() };
    for (cpus, expected) in [(4, " 4×8192 a≤2 b≤2"), (6, " 6×8192 a≤4 b≤4"), (7, " 7×8192")] {
        let asked = Asked { candidates: vec![candidate.clone()], ..Asked::here(16, 64) };
        assert_eq!(told(&asked.given(cpus, 8)), expected);
    }
}

#[test]
fn a_cluster_keeps_its_size_and_that_is_said() {
    let made = Sizes { nodes: 1, cpus: 4, memory: 8 * GIB };
    let lines = |cpus: Amount<u32>, memory: Amount<u64>| {
        let asked = Asked { existing: Some(made), spec: spec(cpus, memory), ..Asked::here(8, 32) };
        let fit = asked.fit(None).unwrap();
        assert_eq!(fit.sizes, made);
        fit.lines().into_iter().filter(|line| line.contains("but the cluster keeps")).collect::<Vec<_>>()
    };
    assert_eq!(lines(Amount::Auto, Amount::Auto), [""; 0]);
    assert_eq!(lines(Amount::Given(4), Amount::Given(8 * GIB)), [""; 0]);
    let said = lines(Amount::Given(6), Amount::Auto);
    assert!(said[0].contains("6 CPU and 8.0 GiB") && said[0].contains("todo-bootstrap down"), "{said:?}");
}

#[test]
fn an_autoscaler_without_capacity_is_a_warning() {
    let warnings = |asked: &Asked| asked.fit(None).unwrap().warnings();
    assert!(warnings(&Asked::here(8, 16)).is_empty(), "up to 4 pods fit");
    assert!(warnings(&Asked::here(64, 256)).is_empty() && warnings(&Asked::here(4, 8)).is_empty());
    assert_eq!(
        warnings(&Asked::here(16, 64).given(5, 6)),
        [
            "preset large leaves no capacity to scale web: it stays at 2 replicas under load, because one more requests \
          1 CPU and 1.0 GiB; use a larger cluster or a smaller preset"
        ]
    );
}

/// Each node reports all CPUs of the machine, and all but one run the application.
#[test]
fn several_nodes_have_room_for_presets_that_one_node_has_not() {
    for (asked, expected) in [
        (Asked::here(2, 24).nodes(1), "small 2×2048"),
        (Asked::here(2, 24).nodes(2), "middle 2×3840"),
        (Asked::here(2, 24).nodes(3), "middle 2×2560"),
        (Asked::here(2, 24).nodes(4), "large 2×2048 web≤2"),
        (Asked::here(8, 32).nodes(3), "large 4×5888"),
        (Asked::here(4, 8).nodes(4), "the cluster does not fit this machine"),
        (Asked::here(2, 24).given(2, 2).nodes(3), "small 2×2048"),
    ] {
        let nodes = asked.spec.nodes;
        assert_eq!(told(&asked), expected, "{nodes:?}");
        if let Ok(fit) = asked.fit(None) {
            assert_eq!(Some(fit.sizes.nodes), nodes);
            assert!(fit.sizes.memory_of_all() <= asked.facts.memory, "memory is not shared");
        }
        settled(asked);
    }
    let lines = Asked::here(2, 24).nodes(3).fit(None).unwrap().lines();
    assert!(lines[0].contains("of 3 × 2 CPUs and"), "{lines:?}");
    assert!(lines[1].starts_with("3 nodes: the first one runs the control plane, the other 2"), "{lines:?}");
}

#[test]
fn a_cluster_keeps_the_number_of_its_nodes_and_that_is_said() {
    let existing = Sizes { nodes: 3, cpus: 2, memory: 4 * GIB };
    let kept = Asked { existing: Some(existing), ..Asked::here(2, 24) };
    let fit = kept.fit(None).unwrap();
    assert_eq!((fit.sizes, fit.asked), (existing, None), "no number is that of the cluster");
    let fit = kept.nodes(5).fit(None).unwrap();
    assert_eq!(fit.sizes.nodes, 3);
    let line = fit.lines().pop().unwrap();
    assert!(line.contains("5 nodes with") && line.contains("keeps the 3 nodes with"), "{line}");
    assert!(line.contains("todo-bootstrap down && todo-bootstrap up"), "{line}");
}

#[test]
fn a_refusal_of_several_nodes_counts_them_all() {
    let error = Asked::here(4, 8).nodes(4).fit(None).unwrap_err().to_string();
    assert!(error.contains("a cluster of 4 nodes needs 8.0 GiB of memory, but would get"), "{error}");
    assert!(error.contains("for 4 nodes and addons"), "{error}");
    let error = Asked::here(2, 24).given(2, 2).nodes(3).fit(Some("middle")).unwrap_err().to_string();
    assert!(error.contains("because the cluster can use 3 nodes with 2 CPU and 2.0 GiB each"), "{error}");
    assert!(error.contains("in [cluster] of the profile: cpus = \"2\", memory = \"3Gi\""), "{error}");
}
