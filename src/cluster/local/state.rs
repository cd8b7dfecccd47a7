//! The state of a cluster, from the containers of its nodes.

use crate::cluster::State;
use crate::engine::Container;

/// `nodes`: the names of the containers, that of the control plane first; `known`: there is a kubeconfig; `complete`:
/// the provider's program finished.
pub(super) fn of(containers: &[Container], nodes: &[String], known: bool, complete: bool) -> State {
    if containers.is_empty() {
        return State::Absent;
    }
    let mut found = Vec::new();
    for name in nodes {
        match containers.iter().find(|container| container.name == *name) {
            Some(container) => found.push(container),
            None if complete && nodes.len() > 1 => {
                return State::Lost { why: format!("the container {name} no longer exists") };
            }
            None if found.is_empty() => {
                return State::Partial { why: "its control plane no longer exists".to_owned() };
            }
            None => {}
        }
    }
    if !complete {
        return State::Partial { why: "its creation was interrupted".to_owned() };
    }
    let stopped = found.into_iter().filter(|container| !container.running || container.paused);
    let stopped: Vec<&str> = stopped.map(|container| container.name.as_str()).collect();
    match stopped.as_slice() {
        [] if known => State::Running,
        [] => State::Stopped { why: "its kubeconfig is lost or damaged".to_owned() },
        [one] => State::Stopped { why: format!("the node container {one} is stopped") },
        several => State::Stopped { why: format!("the node containers {} are stopped", several.join(", ")) },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cluster::local::testing::provider;
    use crate::config::ProviderKind;

    #[test]
    fn states_follow_from_what_there_is() {
        let node = "c-control-plane";
        let [running, stopped] = [true, false]
            .map(|running| [Container { name: node.to_owned(), running, ..Container::default() }]);
        let at = |containers: &[Container], node: &str, known, complete| {
            of(containers, &[node.to_owned()], known, complete)
        };
        assert_eq!(at(&[], node, true, true), State::Absent);
        assert_eq!(at(&running, node, true, true), State::Running);
        let State::Stopped { why } = at(&stopped, node, true, true) else { panic!() };
        assert_eq!(why, "the node container c-control-plane is stopped");
        assert!(matches!(at(&running, node, false, true), State::Stopped { .. }));
        assert!(matches!(at(&running, node, false, false), State::Partial { .. }));
        assert!(matches!(at(&stopped, node, false, false), State::Partial { .. }));
        assert!(matches!(at(&running, "other", true, true), State::Partial { .. }));
    }

    /// Recreating a cluster deletes its data, so a lost node is the user's decision.
    #[test]
    fn every_node_counts() {
        let mut cluster = provider(Path::new("/s"), ProviderKind::Kind);
        cluster.sizes.nodes = 3;
        let names = cluster.node_names();
        assert_eq!(names, ["c-control-plane", "c-worker", "c-worker2"]);
        let all: Vec<Container> = names
            .iter()
            .map(|name| Container { name: name.clone(), running: true, ..Container::default() })
            .collect();
        assert_eq!(of(&all, &names, true, true), State::Running);
        let stopped = |which: &[usize]| {
            let mut all = all.clone();
            for index in which {
                all[*index].running = false;
            }
            match of(&all, &names, true, true) {
                State::Stopped { why } => why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(stopped(&[2]), "the node container c-worker2 is stopped");
        assert_eq!(stopped(&[0, 1]), "the node containers c-control-plane, c-worker are stopped");
        for lost in 0..3 {
            let mut rest = all.clone();
            rest.remove(lost);
            let State::Lost { why } = of(&rest, &names, true, true) else { panic!("{lost}") };
            assert_eq!(why, format!("the container {} no longer exists", names[lost]));
            assert!(matches!(of(&rest, &names, false, false), State::Partial { .. }));
        }
    }
}
