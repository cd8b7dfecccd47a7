//! A cluster to test providers with.

use std::ffi::OsString;
use std::path::Path;

use super::{Local, Owner};
use crate::cluster::{Ports, Sizes};
use crate::config::{Amount, ClusterSpec, Versions};
use crate::data::Data;
use crate::engine::testing::engine;

/// Cluster `c`, whose state is in `dir`.
pub(crate) fn local(dir: &Path, tool: &str) -> Local {
    Local {
        spec: ClusterSpec {
            name: "c".to_owned(),
            cpus: Amount::Auto,
            memory: Amount::Auto,
            driver: None,
            http_port: 80,
            https_port: 443,
        },
        owner: Owner { instance: "mine".to_owned(), began: true, state: dir.to_owned() },
        sizes: Sizes { cpus: 2, memory: 4 << 30 },
        engine: engine(),
        tool: format!("/tools/{tool}").into(),
        image: "localhost/node:1".to_owned(),
        kubeconfig: dir.join("kubeconfig"),
        ports: Ports { http: 80, https: 443 },
        data: Data::default(),
        versions: Versions::load(&Data::default()).unwrap(),
        path: OsString::new(),
    }
}

/// The kubeconfig of a cluster that was created completely.
pub(in crate::cluster) fn write_kubeconfig(dir: &Path) {
    let text = "current-context: c\nclusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:1\n\
                contexts:\n- name: c\n  context:\n    cluster: c\n    user: c\n\
                users:\n- name: c\n  user:\n    token: t\n";
    std::fs::write(dir.join("kubeconfig"), text).unwrap();
}
