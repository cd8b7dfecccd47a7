//! The owner of a cluster in the engine, from labels of its network or from the mark in its node.
//!
//! Names prove nothing, because all installations use the same ones. kind provides no way to label the
//! container, and `docker network prune` removes the network of a stopped cluster. At least one of the two
//! always exists.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::Container;
use crate::error::{Error, Result};

/// Label of the network: the name of the cluster that it belongs to.
pub(super) const CLUSTER: &str = "todo-bootstrap.dev/cluster";
/// Label of the network: the instance of the receipt. Clusters of old versions have none.
const INSTANCE: &str = "todo-bootstrap.dev/instance";
/// Label of the network: the installation's state directory, for users.
const STATE: &str = "todo-bootstrap.dev/state";

pub(super) type Labels = BTreeMap<String, String>;

/// The receipt's data about the cluster.
#[derive(Debug, Clone)]
pub struct Owner {
    /// A random id.
    pub instance: String,
    /// Whether the receipt says that creating the cluster was begun.
    pub began: bool,
    /// The directory of the installation's state.
    pub state: PathBuf,
}

/// The owner of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    /// Of another installation; its state directory, if it is known.
    Another(Option<String>),
    /// Of this installation, whose receipt was deleted.
    Lost,
    /// Created without todo-bootstrap.
    Foreign,
}

impl Owner {
    /// The labels of our network.
    pub(super) fn labels(&self, cluster: &str) -> [(String, String); 3] {
        [(CLUSTER, cluster), (INSTANCE, &self.instance), (STATE, &self.state.to_string_lossy())]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
    }

    /// The owner of a network with these labels.
    pub(super) fn of_network(&self, cluster: &str, labels: &Labels) -> Whose {
        if labels.get(CLUSTER).map(String::as_str) != Some(cluster) {
            return Whose::Foreign;
        }
        match labels.get(INSTANCE) {
            Some(instance) => self.of_instance(instance, labels.get(STATE)),
            None => self.of_instance("", None),
        }
    }

    /// The owner of a node with this mark.
    pub(super) fn of_mark(&self, mark: Option<&str>) -> Whose {
        mark.map_or(Whose::Foreign, |mark| self.of_instance(mark.trim(), None))
    }

    /// Before there were instances, only one installation could create a cluster with a given name.
    fn of_instance(&self, instance: &str, state: Option<&String>) -> Whose {
        if instance == self.instance || (instance.is_empty() && self.began) {
            return Whose::Ours;
        }
        if state.is_some_and(|state| *state == self.state.to_string_lossy()) {
            return Whose::Lost;
        }
        Whose::Another(state.cloned())
    }
}

/// The names of the cluster and its network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub provider: &'a str,
    pub cluster: &'a str,
    pub network: &'a str,
}

/// Refuses if one of the containers is not ours. `mark` reads the mark in the node. It is called if the
/// network was pruned, or if the node is not connected to it because reconnecting was interrupted.
pub(super) fn ours(
    owner: &Owner,
    names: Names<'_>,
    containers: &[Container],
    network: Option<&Labels>,
    mark: impl FnOnce() -> Result<Option<String>>,
) -> Result<()> {
    let Some(first) = containers.first() else { return Ok(()) };
    let on = |container: &Container| container.networks.iter().any(|name| name == names.network);
    let elsewhere = containers.iter().find(|container| !on(container) && !container.networks.is_empty());
    let whose = match network {
        _ if elsewhere.is_some() => Whose::Foreign,
        Some(labels) if containers.iter().all(on) => owner.of_network(names.cluster, labels),
        _ => owner.of_mark(mark()?.as_deref()),
    };
    let container = elsewhere.unwrap_or(first);
    let found = format!("its container {} (network {})", container.name, container.networks.join(", "));
    refusal(&whose, names, &found).map_or(Ok(()), Err)
}

/// The error if something with the cluster's name, described by `found`, is not ours.
pub(super) fn refusal(whose: &Whose, names: Names<'_>, found: &str) -> Option<Error> {
    let Names { provider, cluster, network } = names;
    let rename = "set another `name` in [cluster] of the profile to create a cluster of your own";
    let delete = match provider {
        "minikube" => format!("minikube delete --profile {cluster}"),
        _ => format!("kind delete cluster --name {cluster}"),
    };
    let another =
        || Error::refused(format!("cluster `{cluster}` belongs to another installation of todo-bootstrap"));
    match whose {
        Whose::Ours => None,
        Whose::Another(Some(state)) => Some(
            another()
                .because(format!("{found} was created by the installation whose state is in {state}"))
                .help(format!("TODO_BOOTSTRAP_STATE={state} todo-bootstrap status"))
                .help(rename),
        ),
        Whose::Another(None) => Some(
            another()
                .because(format!(
                    "{found} was created by another user of this engine (root, by sudo), or with another \
                     TODO_BOOTSTRAP_STATE"
                ))
                .help("sudo todo-bootstrap status")
                .help(rename),
        ),
        Whose::Lost => Some(
            Error::refused(format!("the receipt of cluster `{cluster}` is lost"))
                .because(format!(
                    "{found} was created by this installation, which no longer has a receipt for it"
                ))
                .help(format!("{delete}   # if its data is no longer needed")),
        ),
        Whose::Foreign => Some(
            Error::refused(format!(
                "there is a {provider} cluster `{cluster}` that todo-bootstrap did not create"
            ))
            .because(format!("{found} has neither our network {network} nor our mark"))
            .help(rename)
            .help(format!("{delete}   # if that cluster is no longer needed")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn owner(began: bool) -> Owner {
        Owner { instance: "mine".to_owned(), began, state: "/home/u/.local/state/todo-bootstrap".into() }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_instance_decides_and_not_the_name() {
        let whose = |began, pairs: &[(&str, &str)]| owner(began).of_network("c", &labels(pairs));
        assert_eq!(whose(true, &[(CLUSTER, "c"), (INSTANCE, "mine")]), Whose::Ours);
        assert_eq!(whose(true, &[(CLUSTER, "c"), (INSTANCE, "theirs")]), Whose::Another(None));
        let theirs = [(CLUSTER, "c"), (INSTANCE, "theirs"), (STATE, "/root/s")];
        assert_eq!(whose(true, &theirs), Whose::Another(Some("/root/s".to_owned())));
        let lost = [(CLUSTER, "c"), (INSTANCE, "before"), (STATE, "/home/u/.local/state/todo-bootstrap")];
        assert_eq!(whose(false, &lost), Whose::Lost);
        assert_eq!(whose(true, &[(CLUSTER, "d"), (INSTANCE, "mine")]), Whose::Foreign);
        assert_eq!(whose(true, &[]), Whose::Foreign);
        let own: Labels = owner(true).labels("c").into_iter().collect();
        assert_eq!(owner(true).of_network("c", &own), Whose::Ours);
    }

    #[test]
    fn a_cluster_of_an_older_version_is_of_the_receipt_that_began_it() {
        let old = labels(&[(CLUSTER, "c")]);
        assert_eq!(owner(true).of_network("c", &old), Whose::Ours);
        assert_eq!(owner(false).of_network("c", &old), Whose::Another(None));
        assert_eq!(owner(true).of_mark(Some("")), Whose::Ours);
        assert_eq!(owner(false).of_mark(Some("")), Whose::Another(None));
    }

    #[test]
    fn the_mark_in_the_node_names_the_instance() {
        assert_eq!(owner(false).of_mark(Some("mine\n")), Whose::Ours);
        assert_eq!(owner(true).of_mark(Some("theirs\n")), Whose::Another(None));
        assert_eq!(owner(true).of_mark(None), Whose::Foreign);
    }

    const NAMES: Names<'_> = Names { provider: "kind", cluster: "c", network: "c-kind" };

    fn judge(network: &str, labels: Option<&Labels>, mark: Option<&str>) -> Result<()> {
        let networks = if network.is_empty() { Vec::new() } else { vec![network.to_owned()] };
        let container = Container { name: "c-control-plane".to_owned(), networks, ..Container::default() };
        ours(&owner(true), NAMES, &[container], labels, || Ok(mark.map(str::to_owned)))
    }

    #[test]
    fn a_cluster_of_somebody_else_is_refused() {
        let ok = labels(&[(CLUSTER, "c")]);
        assert!(judge("c-kind", Some(&ok), None).is_ok());
        let other = labels(&[(CLUSTER, "d")]);
        let theirs = labels(&[(CLUSTER, "c"), (INSTANCE, "theirs")]);
        for (network, labels) in
            [("kind", Some(&ok)), ("c-kind", None), ("c-kind", Some(&other)), ("c-kind", Some(&theirs))]
        {
            let error = judge(network, labels, None).unwrap_err();
            assert_eq!(error.exit(), Exit::Refused);
        }
        assert!(judge("kind", Some(&ok), Some("mine")).is_err(), "a mark is no excuse for another network");
    }

    #[test]
    fn a_network_that_was_pruned_leaves_it_to_the_mark() {
        let ok = labels(&[(CLUSTER, "c"), (INSTANCE, "mine")]);
        for (network, labels) in [("c-kind", None), ("", Some(&ok)), ("", None)] {
            assert!(judge(network, labels, Some("mine")).is_ok());
            assert!(judge(network, labels, Some("theirs")).is_err());
            assert!(judge(network, labels, None).is_err());
        }
    }

    #[test]
    fn a_refusal_names_whose_it_may_be() {
        let refused = |whose: &Whose| refusal(whose, NAMES, "container n");
        assert!(refused(&Whose::Ours).is_none());
        for (whose, name) in [
            (Whose::Another(Some("/root/s".to_owned())), "/root/s"),
            (Whose::Another(None), "another user of this engine"),
            (Whose::Lost, "no longer has a receipt"),
            (Whose::Foreign, "todo-bootstrap did not create"),
        ] {
            let error = refused(&whose).unwrap();
            assert_eq!(error.exit(), Exit::Refused);
            assert!(error.to_string().contains(name) && error.to_string().contains("help: "), "{error}");
        }
    }
}
