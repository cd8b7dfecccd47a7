//! How large the cluster is: what the profile asks for, or what fits the machine of the engine.

use crate::config::{Amount, ClusterSpec, show_bytes};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host::{Facts, Os};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What `kubeadm` itself asks for.
const MIN_CPUS: u32 = 2;
/// Control plane and addons take about 1 GiB; below 2 GiB the application is evicted.
const MIN_MEMORY: u64 = 2 * GIB;
/// More than this is of no use to the application; a profile can ask for it.
const AUTO_CPUS: u32 = 8;
const AUTO_MEMORY: u64 = 8 * GIB;
/// Node image, its unpacked layers and the application's images (1 + 2 + 2 GB), and some air.
const MIN_DISK: u64 = 6 * GIB;
/// Totals are reported a little short (firmware and kernel keep some): 2 GiB minus this is fine.
const SLACK: u64 = 256 * MIB;

/// The node's size; what `kubectl describe node` shows as allocatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
}

/// The machine that containers run on: this one, or the engine's virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    pub cpus: u32,
    pub memory: u64,
    /// Whether the user's own programs run on it as well.
    pub shared: bool,
}

impl Machine {
    fn of(facts: &Facts, engine: &Engine) -> Self {
        // A virtual machine has visibly less memory than the host it is on.
        let virtual_machine = facts.os != Os::Linux || engine.memory + GIB < facts.memory;
        Self { cpus: engine.cpus, memory: engine.memory, shared: !virtual_machine }
    }

    /// Memory that a cluster of automatic size leaves to everything else.
    fn kept_memory(self) -> u64 {
        if self.shared { (self.memory / 5).max(GIB) } else { 512 * MIB }
    }
}

impl Sizes {
    /// The size of the cluster on this machine. Depends on totals only, so that it stays the same
    /// while the cluster runs; see [`Sizes::room`] for what must be free to make one.
    pub fn fit(spec: &ClusterSpec, facts: &Facts, engine: &Engine) -> Result<Self> {
        Self::fit_to(spec, Machine::of(facts, engine))
    }

    /// As [`Sizes::fit`], for a machine that is known already.
    pub fn fit_to(spec: &ClusterSpec, machine: Machine) -> Result<Self> {
        let mut problems = Vec::new();
        let cpus = match spec.cpus {
            Amount::Given(cpus) => cpus,
            // With two processors there is none to spare.
            Amount::Auto if machine.cpus <= 2 => machine.cpus,
            Amount::Auto => (machine.cpus - u32::from(machine.shared)).min(AUTO_CPUS),
        };
        let memory = match spec.memory {
            Amount::Given(memory) => memory,
            Amount::Auto => {
                let free = machine.memory.saturating_sub(machine.kept_memory());
                (free / (256 * MIB) * (256 * MIB)).min(AUTO_MEMORY)
            }
        };
        if cpus > machine.cpus {
            problems.push(format!("the profile asks for {cpus} CPUs, the engine has {}", machine.cpus));
        } else if cpus < MIN_CPUS {
            problems
                .push(format!("a cluster needs {MIN_CPUS} CPUs, it would get {cpus} of {}", machine.cpus));
        }
        if memory > machine.memory {
            let (asked, has) = (show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("the profile asks for {asked} of memory, the engine has {has}"));
        } else if memory + SLACK < MIN_MEMORY {
            let (least, gets, has) = (show_bytes(MIN_MEMORY), show_bytes(memory), show_bytes(machine.memory));
            problems.push(format!("a cluster needs {least} of memory, it would get {gets} of {has}"));
        }
        if problems.is_empty() {
            return Ok(Self { cpus, memory });
        }
        let mut error = Error::host("the cluster does not fit this machine");
        for problem in problems {
            error = error.because(problem);
        }
        Err(error.help(if machine.shared {
            "set `cpus` and `memory` in [cluster] of the profile to what the machine has, or use a larger one"
        } else {
            "give the engine's virtual machine more CPUs and memory (Docker Desktop: Settings, Resources)"
        }))
    }

    /// Whether there is room to make a cluster now; not asked of one that exists already.
    pub fn room(facts: &Facts) -> Result<()> {
        enough_disk(facts.disk_free)
    }
}

fn enough_disk(free: u64) -> Result<()> {
    if free >= MIN_DISK {
        return Ok(());
    }
    Err(Error::host("there is too little free disk for a cluster")
        .because(format!("{} are free, {} are needed", show_bytes(free), show_bytes(MIN_DISK)))
        .help(
            "docker system df   shows what the engine holds; docker system prune   frees what nothing uses",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(cpus: Amount<u32>, memory: Amount<u64>) -> ClusterSpec {
        ClusterSpec { name: "c".to_owned(), cpus, memory, http_port: 80, https_port: 443 }
    }

    fn auto(cpus: u32, memory: u64, shared: bool) -> Result<Sizes> {
        Sizes::fit_to(&spec(Amount::Auto, Amount::Auto), Machine { cpus, memory, shared })
    }

    #[test]
    fn auto_leaves_room_for_the_user() {
        assert_eq!(auto(2, 8 * GIB, true).unwrap(), Sizes { cpus: 2, memory: 6 * GIB + 256 * MIB });
        assert_eq!(auto(4, 16 * GIB, true).unwrap(), Sizes { cpus: 3, memory: 8 * GIB });
        assert_eq!(auto(64, 256 * GIB, true).unwrap(), Sizes { cpus: 8, memory: 8 * GIB });
    }

    #[test]
    fn auto_takes_nearly_all_of_a_virtual_machine() {
        assert_eq!(auto(4, 4 * GIB, false).unwrap(), Sizes { cpus: 4, memory: 3 * GIB + 512 * MIB });
    }

    #[test]
    fn a_small_machine_is_refused_with_every_reason() {
        let error = auto(1, 2 * GIB, true).unwrap_err();
        assert_eq!(error.causes().len(), 2, "{error}");
        assert_eq!(error.exit(), crate::error::Exit::HostNotReady);
    }

    #[test]
    fn a_profile_cannot_ask_for_more_than_there_is() {
        let wanted = spec(Amount::Given(16), Amount::Given(64 * GIB));
        let error = Sizes::fit_to(&wanted, Machine { cpus: 4, memory: 8 * GIB, shared: true }).unwrap_err();
        assert_eq!(
            error.causes(),
            [
                "the profile asks for 16 CPUs, the engine has 4",
                "the profile asks for 64 GiB of memory, the engine has 8.0 GiB"
            ]
        );
        let all = spec(Amount::Given(4), Amount::Given(8 * GIB));
        assert!(Sizes::fit_to(&all, Machine { cpus: 4, memory: 8 * GIB, shared: true }).is_ok());
    }

    #[test]
    fn a_full_disk_is_named() {
        assert!(enough_disk(7 * GIB).is_ok());
        let error = enough_disk(GIB).unwrap_err();
        assert_eq!(error.causes(), ["1.0 GiB are free, 6.0 GiB are needed"]);
    }
}
