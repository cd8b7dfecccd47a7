//! A cluster to test providers with.

use std::path::Path;

use super::{Owner, Provider};
use crate::cluster::sizes::tests::spec;
use crate::cluster::{Ports, Sizes};
use crate::config::{Amount, ProviderKind, Versions};
use crate::data::Data;
use crate::engine::testing::engine;
use crate::host::recorded::micro_vm;
use crate::process_env::ProcessEnv;

/// Cluster `c`, whose state is in `dir`.
pub(crate) fn provider(dir: &Path, kind: ProviderKind) -> Provider {
    let mut process_env = ProcessEnv::real();
    process_env.env = [("MINIKUBE_DRIVER".to_owned(), "none".into())].into();
    Provider {
        kind,
        spec: spec(Amount::Auto, Amount::Auto),
        owner: Owner { instance: "mine".to_owned(), began: true, state: dir.to_owned() },
        sizes: Sizes { nodes: 1, cpus: 2, memory: 4 << 30 },
        engine: engine(),
        tool: format!("/tools/{}", kind.name()).into(),
        image: "localhost/node:1".to_owned(),
        kubeconfig: dir.join("kubeconfig"),
        ports: Ports { http: 80, https: 443 },
        registry: None,
        encrypted: false,
        data: Data::default(),
        versions: Versions::load(&Data::default()).unwrap(),
        process_env,
        facts: micro_vm(),
    }
}

/// The kubeconfig of a cluster that was created completely.
pub(in crate::cluster) fn write_kubeconfig(dir: &Path) {
    let text = "current-context: c\nclusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:1\n\
                contexts:\n- name: c\n  context:\n    cluster: c\n    user: c\n\
                users:\n- name: c\n  user:\n    token: t\n";
    std::fs::write(dir.join("kubeconfig"), text).unwrap();
}
