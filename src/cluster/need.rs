//! Amounts of CPU and memory, and those that a node needs for itself.

use std::iter::Sum;
use std::ops::Add;

use serde::Serialize;

use crate::quantity::{show_bytes, show_milli};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Thousandths of a CPU.
    pub cpu: u64,
    /// Bytes.
    pub memory: u64,
}

impl Need {
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        let count = u64::from(count);
        Self { cpu: self.cpu.saturating_mul(count), memory: self.memory.saturating_mul(count) }
    }

    /// The maximum of both, for each resource.
    #[must_use]
    pub fn larger(self, other: Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory) }
    }

    /// The number of CPUs, rounded up.
    pub fn cpus(self) -> u32 {
        u32::try_from(self.cpu.div_ceil(1000)).unwrap_or(u32::MAX)
    }
}

impl Add for Need {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu.saturating_add(other.cpu), memory: self.memory.saturating_add(other.memory) }
    }
}

impl Sum for Need {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// `1.55 CPU and 1.2 GiB`; both are rounded up.
impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} CPU and {}", show_milli(self.cpu), show_need(self.memory))
    }
}

/// As [`show_bytes`], rounded up.
pub fn show_need(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes < GIB {
        return show_bytes(bytes);
    }
    let tenths = bytes.saturating_mul(10).div_ceil(GIB);
    show_bytes(tenths.saturating_mul(GIB) / 10)
}

const MIB: u64 = 1 << 20;

/// What runs in a node before any addon: name, thousandths of a CPU, MiB. The CPU is what its pods request,
/// which the scheduler counts. The memory is the maximum of the request and the actual usage, because most of
/// them request none. Requests are those of kubeadm (static pods, and two pods of `CoreDNS`), and for the
/// network the larger of kindnet's and ours. The usage was measured with `kubectl top` on an idle cluster
/// (API server 201, whole node 670), with a reserve.
const NODE: [(&str, u64, u64); 9] = [
    ("kube-apiserver", 250, 320),
    ("kube-controller-manager", 200, 64),
    ("kube-scheduler", 100, 32),
    ("etcd", 100, 100),
    ("CoreDNS", 2 * 100, 2 * 70),
    ("kube-proxy", 0, 24),
    ("pod network", 100, 50),
    ("storage provisioner", 10, 24),
    ("kubelet, containerd, systemd", 0, 288),
];

/// The sum of what every node needs for itself.
pub fn control_plane() -> Need {
    NODE.iter().map(|(_, cpu, mib)| Need { cpu: *cpu, memory: mib * MIB }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_about_one_processor_and_one_gibibyte() {
        assert_eq!(control_plane(), Need { cpu: 960, memory: 1042 * MIB });
    }

    #[test]
    fn what_is_shown_is_never_less() {
        let need = Need { cpu: 2010, memory: (2 << 30) + 1 };
        assert_eq!(need.to_string(), "2.01 CPU and 2.1 GiB");
        assert_eq!(Need { cpu: 2000, memory: 300 * MIB }.to_string(), "2 CPU and 300 MiB");
        assert_eq!([2 << 30, 3 << 30].map(show_need), ["2.0 GiB", "3.0 GiB"]);
    }
}
