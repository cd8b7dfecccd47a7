//! The possible sizes of the cluster, from which [`super::fit`] selects: what is requested, or can be spared.

use super::{Need, Overhead};
use crate::config::{Amount, ClusterSpec};
use crate::engine::{Engine, EngineHost};
use crate::error::{Error, Result};
use crate::host::{Facts, Os};
use crate::quantity::show_bytes;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The minimum that `kubeadm` requires.
pub(crate) const MIN_CPUS: u32 = 2;
/// Control plane and addons need about 1 GiB; below 2 GiB the application is evicted.
pub(crate) const MIN_MEMORY: u64 = 2 * GIB;
/// The maximum for an application with unknown requirements; a profile can request more.
const AUTO: Need = Need { cpu: 8000, memory: 8 * GIB };
/// Node image, its unpacked layers and the application's images (1 + 2 + 2 GB), and a reserve.
const MIN_DISK: u64 = 6 * GIB;
/// The images that each further node has of its own: those of the addons and of the application.
const NODE_DISK: u64 = 2 * GIB;
/// Totals are reported a little lower (firmware and kernel reserve some): 2 GiB minus this is enough.
pub(crate) const SLACK: u64 = 256 * MIB;

/// The number of nodes, and the size of each; what `kubectl describe node` shows as allocatable.
///
/// Memory is divided: the nodes together have `nodes` × `memory`. CPUs are shared: each node may use `cpus`, and if
/// several are busy, each gets an equal part. Requests reserve CPU on one node, so several nodes of one machine
/// have room for more of them than the machine has CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    pub nodes: u32,
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
}

impl Sizes {
    /// For messages.
    pub fn show(self) -> String {
        let each = format!("{} CPU and {}", self.cpus, show_bytes(self.memory));
        if self.nodes > 1 { format!("{} nodes with {each} each", self.nodes) } else { each }
    }

    /// The bytes that the nodes have together.
    pub fn memory_of_all(self) -> u64 {
        self.memory.saturating_mul(self.nodes.into())
    }

    /// With the number and the amounts that the profile sets.
    #[must_use]
    pub fn given(self, spec: &ClusterSpec) -> Self {
        let cpus = if let Amount::Given(cpus) = spec.cpus { cpus } else { self.cpus };
        let memory = if let Amount::Given(memory) = spec.memory { memory } else { self.memory };
        Self { nodes: spec.nodes.unwrap_or(self.nodes), cpus, memory }
    }

    /// Whether one node has room for this.
    pub fn holds(self, need: Need) -> bool {
        need.cpu <= u64::from(self.cpus) * 1000 && need.memory <= self.memory
    }
}

/// The machine that containers run on: this one, or the engine's virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    pub cpus: u32,
    pub memory: u64,
    /// Free memory; for a virtual machine, all its memory.
    pub available: u64,
    /// Whether the user's own programs run on it as well.
    pub shared: bool,
}

impl Machine {
    /// Without an engine it is this machine, on which one would be installed.
    pub fn of(facts: &Facts, engine: Option<&Engine>) -> Self {
        let Some(engine) = engine else {
            let Facts { cpus, memory, memory_available: available, .. } = *facts;
            return Self { cpus, memory, available, shared: true };
        };
        // A virtual machine has noticeably less memory than its host.
        let elsewhere = facts.os != Os::Linux || engine.memory + GIB < facts.memory;
        let shared = !elsewhere && engine.host == EngineHost::Unknown;
        let available = if shared { facts.memory_available.min(engine.memory) } else { engine.memory };
        Self { cpus: engine.cpus, memory: engine.memory, available, shared }
    }

    /// Memory that a cluster of automatic size leaves to other programs.
    fn kept_memory(self) -> u64 {
        if self.shared { (self.memory / 5).max(GIB) } else { 512 * MIB }
    }

    /// The maximum size of a cluster: everything except what is reserved for the user.
    pub fn spare(self) -> Sizes {
        // With two CPUs, none can be reserved.
        let cpus = if self.cpus <= 2 { self.cpus } else { self.cpus - u32::from(self.shared) };
        Sizes { nodes: 1, cpus, memory: down(self.memory.saturating_sub(self.kept_memory())) }
    }

    /// The size of a machine for a cluster with these requirements; never smaller than it is.
    pub fn wanted(self, need: Need) -> Sizes {
        let memory = need.memory.max(MIN_MEMORY);
        // A fifth is reserved, so five quarters are needed.
        let kept = if self.shared { (memory / 4).max(GIB) } else { 512 * MIB };
        let cpus = need.cpus().max(MIN_CPUS);
        // With more than two, one is reserved for the user.
        let cpus = cpus + u32::from(self.shared && cpus > 2);
        Sizes { nodes: 1, cpus: cpus.max(self.cpus), memory: (memory + kept).max(self.memory) }
    }
}

/// The range of possible sizes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub least: Sizes,
    pub most: Sizes,
}

impl Span {
    /// The range that `spec` allows on `machine`. Amounts in the profile are fixed.
    pub fn of(spec: &ClusterSpec, machine: Machine) -> Self {
        let (spare, nodes) = (machine.spare(), spec.nodes.unwrap_or(1));
        let most = Sizes { nodes, memory: down(spare.memory / u64::from(nodes)), ..spare };
        Self { least: Self::least(nodes).given(spec), most: most.given(spec) }
    }

    fn least(nodes: u32) -> Sizes {
        Sizes { nodes, cpus: MIN_CPUS, memory: MIN_MEMORY }
    }

    /// The range without an upper limit.
    pub fn unlimited(nodes: u32) -> Self {
        Self { least: Self::least(nodes), most: Sizes { nodes, cpus: 1024, memory: 1 << 44 } }
    }

    /// The size of an existing cluster.
    pub fn fixed(sizes: Sizes) -> Self {
        Self { least: sizes, most: sizes }
    }

    /// The same with at most `free` bytes of memory together, unless the profile sets the memory.
    #[must_use]
    pub fn within(self, free: u64) -> Self {
        let free = free / u64::from(self.most.nodes.max(1));
        let memory = self.most.memory.min(down(free).max(self.least.memory));
        Self { most: Sizes { memory, ..self.most }, ..self }
    }

    /// Why no cluster can be created on `machine`, whatever runs on it.
    pub fn problems(self, machine: Machine) -> Vec<String> {
        let mut problems = Vec::new();
        let (cpus, memory) = (self.most.cpus, self.most.memory_of_all());
        let nodes = self.most.nodes;
        let least = MIN_MEMORY.saturating_mul(nodes.into());
        let cluster = if nodes > 1 { format!("a cluster of {nodes} nodes") } else { "a cluster".to_owned() };
        if cpus > machine.cpus {
            problems.push(format!("the profile requests {cpus} CPUs, but the engine has {}", machine.cpus));
        } else if cpus < MIN_CPUS {
            problems
                .push(format!("{cluster} needs {MIN_CPUS} CPUs, but would get {cpus} of {}", machine.cpus));
        }
        if memory > machine.memory {
            let (asked, has) = (show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("the profile requests {asked} of memory, but the engine has {has}"));
        } else if memory + SLACK < least {
            let (least, gets, has) = (show_bytes(least), show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("{cluster} needs {least} of memory, but would get {gets} of {has}"));
        }
        problems
    }

    /// The size for an application with unknown requirements.
    pub fn unknown(self) -> Sizes {
        self.holding(&Overhead::default(), &[(AUTO, 1)], 0)
    }

    /// The size for these pods beside the overhead, with memory for `limit` bytes in each node if there is some: in
    /// a full node, the kernel kills pods. If the minimum is not available, all that is available is used (see
    /// [`Span::problems`]).
    pub fn holding(self, overhead: &Overhead, pods: &[(Need, u32)], limit: u64) -> Sizes {
        let fit = |size: Sizes| size.hold(overhead, pods);
        let Sizes { cpus: most_cpus, memory: most_memory, .. } = self.most;
        let larger = |memory: u64| (memory + STEP).min(most_memory);
        let memory = self.least.memory.max(up(limit).min(AUTO.memory)).min(most_memory);
        let mut size = Sizes { cpus: self.least.cpus.min(most_cpus), memory, ..self.most };
        // Each for itself: a lack of one does not increase the other.
        while size.memory < most_memory && !fit(Sizes { cpus: u32::MAX, ..size }) {
            size.memory = larger(size.memory);
        }
        while size.cpus < most_cpus && !fit(Sizes { memory: u64::MAX, ..size }) {
            size.cpus += 1;
        }
        while fit(self.most) && !fit(size) {
            size = Sizes { cpus: (size.cpus + 1).min(most_cpus), memory: larger(size.memory), ..size };
        }
        size
    }
}

/// Memory is assigned in multiples of this.
const STEP: u64 = 256 * MIB;

fn down(memory: u64) -> u64 {
    memory / STEP * STEP
}

fn up(memory: u64) -> u64 {
    memory.div_ceil(STEP) * STEP
}

/// The bytes that must be free for a new cluster with this number of nodes, whose volumes contain `storage` bytes.
pub fn needed_disk(nodes: u32, storage: u64) -> u64 {
    let further = NODE_DISK.saturating_mul(nodes.saturating_sub(1).into());
    MIN_DISK.saturating_add(further).saturating_add(storage)
}

/// Whether the disk has room for such a cluster.
pub fn room(facts: &Facts, nodes: u32, storage: u64) -> Result<()> {
    let (free, needed) = (facts.disk_free, needed_disk(nodes, storage));
    if free >= needed {
        return Ok(());
    }
    let volumes = format!("the application's volumes use up to {} of them", show_bytes(storage));
    let error = Error::host("there is too little free disk space for a cluster")
        .because(format!("{} are free, but {} are needed", show_bytes(free), show_bytes(needed)))
        .because(if storage == 0 { "" } else { &volumes });
    Err(error
        .help("docker system df   # shows the engine's disk usage; docker system prune frees unused space"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::testing::engine;
    use crate::host::recorded::{debian, macos};

    pub(crate) fn spec(cpus: Amount<u32>, memory: Amount<u64>) -> ClusterSpec {
        ClusterSpec {
            name: "c".to_owned(),
            nodes: None,
            cpus,
            memory,
            driver: None,
            http_port: 80,
            https_port: 443,
        }
    }

    fn machine(cpus: u32, gib: u64, shared: bool) -> Machine {
        Machine { cpus, memory: gib * GIB, available: gib * GIB, shared }
    }

    fn auto(machine: Machine) -> Span {
        Span::of(&spec(Amount::Auto, Amount::Auto), machine)
    }

    #[test]
    fn auto_leaves_room_for_the_user() {
        let sizes = |cpus, gib| auto(machine(cpus, gib, true)).unknown();
        assert_eq!(sizes(2, 8), Sizes { nodes: 1, cpus: 2, memory: 6 * GIB + 256 * MIB });
        assert_eq!(sizes(4, 16), Sizes { nodes: 1, cpus: 3, memory: 8 * GIB });
        assert_eq!(sizes(64, 256), Sizes { nodes: 1, cpus: 8, memory: 8 * GIB });
        let most = auto(machine(64, 256, true)).most;
        assert_eq!((most.cpus, most.memory), (63, 204 * GIB + 768 * MIB));
    }

    #[test]
    fn a_small_machine_is_refused_with_every_reason() {
        let small = machine(1, 2, true);
        assert_eq!(
            auto(small).problems(small),
            [
                "a cluster needs 2 CPUs, but would get 1 of 1",
                "a cluster needs 2.0 GiB of memory, but would get 1.0 GiB of 2.0 GiB"
            ]
        );
    }

    #[test]
    fn a_profile_cannot_ask_for_more_than_there_is() {
        let wanted = |cpus, gib| spec(Amount::Given(cpus), Amount::Given(gib * GIB));
        let machine = machine(4, 8, true);
        assert_eq!(
            Span::of(&wanted(16, 64), machine).problems(machine),
            [
                "the profile requests 16 CPUs, but the engine has 4",
                "the profile requests 64 GiB of memory, but the engine has 8.0 GiB"
            ]
        );
        let all = Span::of(&wanted(4, 8), machine);
        assert_eq!(
            (all.problems(machine).len(), all.unknown()),
            (0, Sizes { nodes: 1, cpus: 4, memory: 8 * GIB })
        );
        let large = Span::of(&wanted(16, 64), Machine { cpus: 16, memory: 64 * GIB, ..machine });
        assert_eq!(large.unknown(), Sizes { nodes: 1, cpus: 16, memory: 64 * GIB });
    }

    #[test]
    fn a_size_holds_what_is_needed_in_whole_steps() {
        let span = auto(machine(8, 16, true));
        let holding = |span: Span, pod: Need, limit| span.holding(&Overhead::default(), &[(pod, 1)], limit);
        let need = Need { cpu: 2100, memory: 2 * GIB + 1 };
        assert_eq!(holding(span, need, 0), Sizes { nodes: 1, cpus: 3, memory: 2 * GIB + 256 * MIB });
        assert_eq!(holding(span, need, 5 * GIB).memory, 5 * GIB);
        assert_eq!(holding(span, need, 99 * GIB).memory, 8 * GIB, "no more than is of use");
        assert_eq!(holding(span, Need::default(), 0), Sizes { nodes: 1, cpus: 2, memory: 2 * GIB });
        let given = Span::fixed(Sizes { nodes: 1, cpus: 6, memory: 4 * GIB });
        assert_eq!(holding(given, need, 99 * GIB), given.most);
    }

    #[test]
    fn nodes_share_the_cpus_and_divide_the_memory() {
        let of = |nodes| ClusterSpec { nodes: Some(nodes), ..spec(Amount::Auto, Amount::Auto) };
        let machine = machine(2, 24, true);
        let span = Span::of(&of(3), machine);
        assert_eq!(span.most, Sizes { nodes: 3, cpus: 2, memory: 6 * GIB + 256 * MIB });
        assert!(span.most.memory_of_all() <= machine.spare().memory);
        // Each of two pods needs a worker; one node would need four CPUs for both.
        let pods = [(Need { cpu: 1900, memory: 3 * GIB }, 2)];
        let size = span.holding(&Overhead::default(), &pods, 0);
        assert_eq!(size, Sizes { nodes: 3, cpus: 2, memory: 3 * GIB });
        assert_eq!(size.show(), "3 nodes with 2 CPU and 3.0 GiB each");
        assert_eq!(span.within(9 * GIB).most.memory, 3 * GIB);
        assert_eq!(
            Span::of(&of(9), machine).problems(machine),
            [] as [String; 0],
            "nine nodes with their minimum"
        );
        let small = Machine { memory: 8 * GIB, ..machine };
        assert_eq!(
            Span::of(&of(4), small).problems(small),
            ["a cluster of 4 nodes needs 8.0 GiB of memory, but would get 6.0 GiB of 8.0 GiB"]
        );
    }

    #[test]
    fn a_machine_that_is_wanted_is_large_enough() {
        for shared in [true, false] {
            for gib in [1, 2, 3, 5, 9, 40] {
                for cpu in [500, 2000, 2100, 7000] {
                    let need = Need { cpu, memory: gib * GIB };
                    let wanted = machine(1, 1, shared).wanted(need);
                    let memory = wanted.memory.div_ceil(GIB);
                    let spare = machine(wanted.cpus, memory, shared).spare();
                    let tolerated = Sizes { memory: spare.memory + STEP, ..spare };
                    assert!(tolerated.holds(need), "{need} on {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_free_counts_where_the_user_works_too() {
        let facts = Facts { memory_available: 3 * GIB, ..debian() };
        let here = Engine { memory: facts.memory, ..engine() };
        assert_eq!(Machine::of(&facts, Some(&here)).available, 3 * GIB);
        assert_eq!(Machine::of(&facts, None).available, 3 * GIB);
        let there = Engine { memory: 2 * GIB, host: EngineHost::DockerDesktop, ..engine() };
        let machine = Machine::of(&macos(), Some(&there));
        assert_eq!((machine.available, machine.shared), (2 * GIB, false));
    }

    #[test]
    fn a_full_disk_is_named() {
        let at = |gib: u64| Facts { disk_free: gib * GIB, ..debian() };
        assert!(room(&at(7), 1, 0).is_ok());
        assert_eq!(room(&at(1), 1, 0).unwrap_err().causes(), ["1.0 GiB are free, but 6.0 GiB are needed"]);
        assert_eq!(room(&at(7), 3, 0).unwrap_err().causes(), ["7.0 GiB are free, but 10 GiB are needed"]);
        let error = room(&at(7), 1, 2 * GIB).unwrap_err();
        assert_eq!(error.causes()[1], "the application's volumes use up to 2.0 GiB of them");
    }
}
