//! Amounts of CPU and memory, and those that a node needs for itself.

use std::iter::Sum;
use std::ops::Add;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::quantity::{parse_bytes, parse_milli, show_bytes, show_milli};

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

    /// The requests of a pod's containers and sidecars; zero without `spec`.
    pub fn of_pod(spec: &Value) -> Result<Self> {
        let list = |key: &str| spec[key].as_array().map(Vec::as_slice).unwrap_or_default();
        // Sidecars are init containers that keep running.
        let sidecars =
            list("initContainers").iter().filter(|container| container["restartPolicy"] == "Always");
        let mut sum = Self::default();
        for container in list("containers").iter().chain(sidecars) {
            let amount = |key: &str, parse: fn(&str) -> Result<u64, String>| {
                let value = &container["resources"]["requests"][key];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let amount = if value.is_null() { Ok(0) } else { parse(&text) };
                amount.map_err(|why| {
                    Error::usage(format!(
                        "`resources.requests.{key}` of container {} {why}",
                        container["name"]
                    ))
                })
            };
            sum = sum + Self { cpu: amount("cpu", parse_milli)?, memory: amount("memory", parse_bytes)? };
        }
        Ok(sum)
    }

    /// What is left without `other`; zero where that is more.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(other.cpu), memory: self.memory.saturating_sub(other.memory) }
    }

    /// How many times `one` fits; without limit if `one` is zero.
    pub fn holds(self, one: Self) -> u32 {
        let times = |all: u64, one: u64| all.checked_div(one).unwrap_or(u64::MAX);
        u32::try_from(times(self.cpu, one.cpu).min(times(self.memory, one.memory))).unwrap_or(u32::MAX)
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

/// What runs in a node before any addon: name, thousandths of a CPU, MiB, whether in every node or only in the one
/// with the control plane. The CPU is what its pods request,
/// which the scheduler counts. The memory is the maximum of the request and the actual usage, because most of
/// them request none. Requests are those of kubeadm (static pods, and two pods of `CoreDNS`), and for the
/// network the larger of kindnet's and ours. The usage was measured with `kubectl top` on an idle cluster
/// (API server 201, whole node 670), with a reserve.
const NODE: [(&str, u64, u64, bool); 9] = [
    ("kube-apiserver", 250, 320, false),
    ("kube-controller-manager", 200, 64, false),
    ("kube-scheduler", 100, 32, false),
    ("etcd", 100, 100, false),
    ("CoreDNS", 2 * 100, 2 * 70, false),
    ("kube-proxy", 0, 24, true),
    ("pod network", 100, 50, true),
    ("storage provisioner", 10, 24, false),
    ("kubelet, containerd, systemd", 0, 288, true),
];

fn sum(of: impl Fn(bool) -> bool) -> Need {
    let rows = NODE.iter().filter(|(.., every)| of(*every));
    rows.map(|(_, cpu, mib, _)| Need { cpu: *cpu, memory: mib * MIB }).sum()
}

/// What the node with the control plane needs for itself.
pub fn control_plane() -> Need {
    sum(|_| true)
}

/// What every other node needs for itself.
pub fn worker() -> Need {
    sum(|every| every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_about_one_processor_and_one_gibibyte() {
        assert_eq!(control_plane(), Need { cpu: 960, memory: 1042 * MIB });
        assert_eq!(worker(), Need { cpu: 100, memory: 362 * MIB });
    }

    /// Other init containers end before the pod's containers start.
    #[test]
    fn a_pod_needs_what_its_containers_and_sidecars_request() {
        let container = |cpu: &str, restart: Value| serde_json::json!({"name": "c", "restartPolicy": restart, "resources": {"requests": {"cpu": cpu}}});
        let init = [container("1", Value::Null), container("20m", "Always".into())];
        let pod = serde_json::json!({"initContainers": init, "containers": [container("30m", Value::Null)]});
        assert_eq!(Need::of_pod(&pod).unwrap(), Need { cpu: 50, memory: 0 });
    }

    #[test]
    fn what_is_shown_is_never_less() {
        let need = Need { cpu: 2010, memory: (2 << 30) + 1 };
        assert_eq!(need.to_string(), "2.01 CPU and 2.1 GiB");
        assert_eq!(Need { cpu: 2000, memory: 300 * MIB }.to_string(), "2 CPU and 300 MiB");
        assert_eq!([2 << 30, 3 << 30].map(show_need), ["2.0 GiB", "3.0 GiB"]);
    }
}
