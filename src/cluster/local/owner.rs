//! The owner of a cluster in the engine, from labels of its network or from the mark in its node.
//!
//! Names prove nothing, because all installations use the same ones. kind provides no way to label the
//! container, and `docker network prune` removes the network of a stopped cluster. At least one of the two
//! always exists.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Provider;
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

impl Provider {
    /// Refuses if one of the cluster's containers is not ours. `mark` reads the mark in the node. It is called if the
    /// network was pruned, or if the node is not connected to it because reconnecting was interrupted.
    pub(super) fn check_owner(
        &self,
        containers: &[Container],
        network: Option<&Labels>,
        mark: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<()> {
        let Some(first) = containers.first() else { return Ok(()) };
        let on = |container: &Container| container.networks.contains(&self.network());
        let elsewhere = containers.iter().find(|container| !on(container) && !container.networks.is_empty());
        let whose = match network {
            _ if elsewhere.is_some() => Whose::Foreign,
            Some(labels) if containers.iter().all(on) => self.owner.of_network(self.name(), labels),
            _ => self.owner.of_mark(mark()?.as_deref()),
        };
        let container = elsewhere.unwrap_or(first);
        let found = format!("its container {} (network {})", container.name, container.networks.join(", "));
        self.refusal(&whose, &found).map_or(Ok(()), Err)
    }

    /// The error if something with the cluster's name, described by `found`, is not ours.
    pub(super) fn refusal(&self, whose: &Whose, found: &str) -> Option<Error> {
        let (provider, cluster, network) = (self.kind.name(), self.name(), self.network());
        let rename = "set another `name` in [cluster] of the profile to create a cluster of your own";
        let delete =
            if self.is_minikube() { "minikube delete --profile" } else { "kind delete cluster --name" };
        let another = || {
            Error::refused(format!("cluster `{cluster}` belongs to another installation of todo-bootstrap"))
        };
        Some(match whose {
            Whose::Ours => return None,
            Whose::Another(Some(state)) => another()
                .because(format!("{found} was created by the installation whose state is in {state}"))
                .help(format!("TODO_BOOTSTRAP_STATE={state} todo-bootstrap status"))
                .help(rename),
            Whose::Another(None) => another()
                .because(format!(
                    "{found} was created by another user of this engine (root, by sudo), or with another \
                     TODO_BOOTSTRAP_STATE"
                ))
                .help("sudo todo-bootstrap status")
                .help(rename),
            Whose::Lost => Error::refused(format!("the receipt of cluster `{cluster}` is lost"))
                .because(format!(
                    "{found} was created by this installation, which no longer has a receipt for it"
                ))
                .help(format!("{delete} {cluster}   # if its data is no longer needed")),
            Whose::Foreign => Error::refused(format!(
                "there is a {provider} cluster `{cluster}` that todo-bootstrap did not create"
            ))
            .because(format!("{found} has neither our network {network} nor our mark"))
            .help(rename)
            .help(format!("{delete} {cluster}   # if that cluster is no longer needed")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::local::testing::provider;
    use crate::config::ProviderKind;
    use crate::error::Exit;

    fn owner(began: bool) -> Owner {
        Owner { instance: "mine".to_owned(), began, state: "/home/u/.local/state/todo-bootstrap".into() }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_instance_in_the_labels_or_in_the_mark_decides_and_not_the_name() {
        let theirs = || Whose::Another(None);
        let at = |state: &str| Whose::Another(Some(state.to_owned()));
        let own = "/home/u/.local/state/todo-bootstrap";
        for (began, pairs, whose) in [
            (true, &[(CLUSTER, "c"), (INSTANCE, "mine")][..], Whose::Ours),
            (true, &[(CLUSTER, "c"), (INSTANCE, "theirs")], theirs()),
            (true, &[(CLUSTER, "c"), (INSTANCE, "theirs"), (STATE, "/root/s")], at("/root/s")),
            (false, &[(CLUSTER, "c"), (INSTANCE, "before"), (STATE, own)], Whose::Lost),
            (true, &[(CLUSTER, "d"), (INSTANCE, "mine")], Whose::Foreign),
            (true, &[], Whose::Foreign),
            // A cluster of an older version is that of the receipt which began it.
            (true, &[(CLUSTER, "c")], Whose::Ours),
            (false, &[(CLUSTER, "c")], theirs()),
        ] {
            assert_eq!(owner(began).of_network("c", &labels(pairs)), whose, "{pairs:?}");
        }
        let labels = owner(true).labels("c").into_iter().collect();
        assert_eq!(owner(true).of_network("c", &labels), Whose::Ours);
        for (began, mark, whose) in [
            (true, Some(""), Whose::Ours),
            (false, Some(""), theirs()),
            (false, Some("mine\n"), Whose::Ours),
            (true, Some("theirs\n"), theirs()),
            (true, None, Whose::Foreign),
        ] {
            assert_eq!(owner(began).of_mark(mark), whose, "{mark:?}");
        }
    }

    /// Cluster `c` of kind.
    fn cluster() -> Provider {
        Provider { owner: owner(true), ..provider(std::path::Path::new("/s"), ProviderKind::Kind) }
    }

    fn judge(network: &str, labels: Option<&Labels>, mark: Option<&str>) -> Result<()> {
        let networks = if network.is_empty() { Vec::new() } else { vec![network.to_owned()] };
        let container = Container { name: "c-control-plane".to_owned(), networks, ..Container::default() };
        cluster().check_owner(&[container], labels, || Ok(mark.map(str::to_owned)))
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
        let refused = |whose: &Whose| cluster().refusal(whose, "container n");
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
