//! What a cluster needs besides the application, and whether pods fit beside it.

use serde::Serialize;

use super::need::worker;
use super::{Demand, Need, Sizes, Span, control_plane};

/// The requirements of nodes and addons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Overhead {
    /// Of the node with the control plane, with its pods of addons that run on every node.
    pub control_plane: Need,
    /// Of every other node, likewise.
    pub worker: Need,
    /// The other pods of addons: the requests of a pod, and the number of such pods.
    pub pods: Vec<(Need, u32)>,
}

impl Overhead {
    /// That of the nodes without addons.
    pub fn of_nodes() -> Self {
        Self { control_plane: control_plane(), worker: worker(), pods: Vec::new() }
    }

    /// Adds a pod that runs on every node.
    pub fn add_to_each_node(&mut self, pod: Need) {
        self.control_plane = self.control_plane + pod;
        self.worker = self.worker + pod;
    }

    /// The sum for a cluster with this number of nodes.
    pub fn sum(&self, nodes: u32) -> Need {
        let pods: Need = self.pods.iter().map(|(pod, count)| pod.times(*count)).sum();
        self.control_plane + self.worker.times(nodes.saturating_sub(1)) + pods
    }

    /// What a machine needs for a cluster with this number of nodes, which share its CPUs, and the application.
    pub fn of_machine(&self, nodes: u32, demand: &Demand) -> Need {
        if nodes <= 1 {
            return self.sum(1) + demand.base();
        }
        let size = Span::unlimited(nodes).holding(self, &demand.pods(|service| service.replicas), 0);
        Need { cpu: u64::from(size.cpus) * 1000, memory: size.memory_of_all() }
    }
}

impl Sizes {
    /// Whether the nodes have room for the overhead and these pods.
    ///
    /// The control plane of several nodes runs none of these pods (kind taints it). A pod is not divided between
    /// nodes, so the sum alone decides nothing. As the scheduler does by default (`LeastAllocated`), each pod is
    /// assigned to the node with the most free CPU that has room; the small ones first, which leaves the least room
    /// for the large ones.
    pub fn hold(self, overhead: &Overhead, pods: &[(Need, u32)]) -> bool {
        let mut pods: Vec<(Need, u32)> = overhead.pods.iter().chain(pods).copied().collect();
        if self.nodes <= 1 {
            let pods: Need = pods.into_iter().map(|(pod, count)| pod.times(count)).sum();
            return self.holds(overhead.control_plane + pods);
        }
        // Pods without requests fit everywhere.
        pods.retain(|(pod, _)| *pod != Need::default());
        pods.sort_by_key(|(pod, _)| (pod.cpu, pod.memory));
        let mut workers: Vec<Need> = (1..self.nodes).map(|_| overhead.worker).collect();
        let mut assign = |pod: Need| {
            let fitting = workers.iter_mut().filter(|used| self.holds(**used + pod));
            let Some(used) = fitting.min_by_key(|used| (used.cpu, used.memory)) else { return false };
            *used = *used + pod;
            true
        };
        self.holds(overhead.control_plane)
            && self.holds(overhead.worker)
            && pods.into_iter().all(|(pod, count)| (0..count).all(|_| assign(pod)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn need(cpu: u64, gib: u64) -> Need {
        Need { cpu, memory: gib * GIB }
    }

    #[test]
    fn the_sum_counts_every_node() {
        let mut overhead = Overhead { control_plane: need(900, 1), worker: need(100, 0), pods: Vec::new() };
        overhead.add_to_each_node(need(50, 0));
        overhead.pods.push((need(10, 0), 2));
        assert_eq!(overhead.sum(1), need(970, 1));
        assert_eq!(overhead.sum(3), need(970 + 2 * 150, 1));
    }

    #[test]
    fn pods_are_not_divided_between_nodes_and_not_put_on_the_control_plane() {
        let overhead = Overhead { control_plane: need(1000, 1), worker: need(100, 0), pods: Vec::new() };
        let nodes = |nodes| Sizes { nodes, cpus: 2, memory: 4 * GIB };
        for (count, pods, holds) in [
            (1, vec![(need(500, 1), 2)], true),
            (1, vec![(need(500, 1), 3)], false),
            // One fits three times beside 100 on each of two workers.
            (3, vec![(need(600, 1), 6)], true),
            (3, vec![(need(600, 1), 7)], false),
            // In total there would be room.
            (3, vec![(need(1950, 1), 1)], false),
            (4, vec![(need(10, 3), 3)], true),
            (4, vec![(need(10, 3), 4)], false),
            (3, vec![(need(0, 0), u32::MAX), (need(0, 4), 2)], true),
            (3, vec![(need(1, 0), u32::MAX)], false),
        ] {
            assert_eq!(nodes(count).hold(&overhead, &pods), holds, "{pods:?} on {count}");
        }
        let large = Overhead { control_plane: need(2500, 1), ..overhead };
        assert!(!nodes(3).hold(&large, &[]), "the control plane does not fit its node");
    }
}
