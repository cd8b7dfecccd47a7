//! The possible sizes of the cluster, from which [`super::fit`] selects: what is requested, or can be spared.

use super::Need;
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
/// Totals are reported a little lower (firmware and kernel reserve some): 2 GiB minus this is enough.
pub(crate) const SLACK: u64 = 256 * MIB;

/// The node's size; what `kubectl describe node` shows as allocatable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
}

impl Sizes {
    /// For messages.
    pub fn show(self) -> String {
        format!("{} CPU and {}", self.cpus, show_bytes(self.memory))
    }

    /// With the amounts that the profile sets.
    #[must_use]
    pub fn given(self, spec: &ClusterSpec) -> Self {
        let cpus = if let Amount::Given(cpus) = spec.cpus { cpus } else { self.cpus };
        let memory = if let Amount::Given(memory) = spec.memory { memory } else { self.memory };
        Self { cpus, memory }
    }

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
        Sizes { cpus, memory: down(self.memory.saturating_sub(self.kept_memory())) }
    }

    /// The size of a machine for a cluster with these requirements; never smaller than it is.
    pub fn wanted(self, need: Need) -> Sizes {
        let memory = need.memory.max(MIN_MEMORY);
        // A fifth is reserved, so five quarters are needed.
        let kept = if self.shared { (memory / 4).max(GIB) } else { 512 * MIB };
        let cpus = need.cpus().max(MIN_CPUS);
        // With more than two, one is reserved for the user.
        let cpus = cpus + u32::from(self.shared && cpus > 2);
        Sizes { cpus: cpus.max(self.cpus), memory: (memory + kept).max(self.memory) }
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
        let spare = machine.spare();
        Self { least: Sizes { cpus: MIN_CPUS, memory: MIN_MEMORY }.given(spec), most: spare.given(spec) }
    }

    /// The size of an existing cluster.
    pub fn fixed(sizes: Sizes) -> Self {
        Self { least: sizes, most: sizes }
    }

    /// The same with at most `free` bytes of memory, unless the profile sets the memory.
    #[must_use]
    pub fn within(self, free: u64) -> Self {
        let memory = self.most.memory.min(down(free).max(self.least.memory));
        Self { most: Sizes { memory, ..self.most }, ..self }
    }

    /// Why no cluster can be created on `machine`, whatever runs on it.
    pub fn problems(self, machine: Machine) -> Vec<String> {
        let mut problems = Vec::new();
        let Sizes { cpus, memory } = self.most;
        if cpus > machine.cpus {
            problems.push(format!("the profile requests {cpus} CPUs, but the engine has {}", machine.cpus));
        } else if cpus < MIN_CPUS {
            problems
                .push(format!("a cluster needs {MIN_CPUS} CPUs, but would get {cpus} of {}", machine.cpus));
        }
        if memory > machine.memory {
            let (asked, has) = (show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("the profile requests {asked} of memory, but the engine has {has}"));
        } else if memory + SLACK < MIN_MEMORY {
            let (least, gets, has) = (show_bytes(MIN_MEMORY), show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("a cluster needs {least} of memory, but would get {gets} of {has}"));
        }
        problems
    }

    /// The size for an application with unknown requirements.
    pub fn unknown(self) -> Sizes {
        self.holding(AUTO, 0)
    }

    /// The size for `need`, with memory for `limit` bytes if there is some: in a full node, the kernel kills pods.
    pub fn holding(self, need: Need, limit: u64) -> Sizes {
        let memory = up(need.memory).max(up(limit).min(AUTO.memory));
        // If the minimum is not available, all that is available is used (see `problems`).
        Sizes {
            cpus: need.cpus().max(self.least.cpus).min(self.most.cpus),
            memory: memory.max(self.least.memory).min(self.most.memory),
        }
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

/// Whether the disk has room for a new cluster whose volumes contain `storage` bytes.
pub fn room(facts: &Facts, storage: u64) -> Result<()> {
    let (free, needed) = (facts.disk_free, MIN_DISK.saturating_add(storage));
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
        ClusterSpec { name: "c".to_owned(), cpus, memory, driver: None, http_port: 80, https_port: 443 }
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
        assert_eq!(sizes(2, 8), Sizes { cpus: 2, memory: 6 * GIB + 256 * MIB });
        assert_eq!(sizes(4, 16), Sizes { cpus: 3, memory: 8 * GIB });
        assert_eq!(sizes(64, 256), Sizes { cpus: 8, memory: 8 * GIB });
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
        assert_eq!((all.problems(machine).len(), all.unknown()), (0, Sizes { cpus: 4, memory: 8 * GIB }));
        let large = Span::of(&wanted(16, 64), Machine { cpus: 16, memory: 64 * GIB, ..machine });
        assert_eq!(large.unknown(), Sizes { cpus: 16, memory: 64 * GIB });
    }

    #[test]
    fn a_size_holds_what_is_needed_in_whole_steps() {
        let span = auto(machine(8, 16, true));
        let need = Need { cpu: 2100, memory: 2 * GIB + 1 };
        assert_eq!(span.holding(need, 0), Sizes { cpus: 3, memory: 2 * GIB + 256 * MIB });
        assert_eq!(span.holding(need, 5 * GIB).memory, 5 * GIB);
        assert_eq!(span.holding(need, 99 * GIB).memory, 8 * GIB, "no more than is of use");
        assert_eq!(span.holding(Need::default(), 0), Sizes { cpus: 2, memory: 2 * GIB });
        let given = Span::fixed(Sizes { cpus: 6, memory: 4 * GIB });
        assert_eq!(given.holding(need, 99 * GIB), given.most);
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
        assert!(room(&at(7), 0).is_ok());
        assert_eq!(room(&at(1), 0).unwrap_err().causes(), ["1.0 GiB are free, but 6.0 GiB are needed"]);
        let error = room(&at(7), 2 * GIB).unwrap_err();
        assert_eq!(error.causes()[1], "the application's volumes use up to 2.0 GiB of them");
    }
}
