//! Engines that people have: what `info` reports there, and what follows from it.
//!
//! Each file of `recorded/` is shortened to the fields that are read, and those that tell the engine. Where a source shows
//! the text form of `docker info` or `podman info`, it was converted to JSON by the names in the client's template, and
//! names of users were replaced. What a source does not show is assumed: limits of control groups, some sizes and versions
//! of plugins. "Public text" was found by a full-text search of public repositories, which gives no
//! address; the issue beside it shows the same version or fields.

use std::path::Path;

use super::EngineHost::{Colima, DockerDesktop, OrbStack, PodmanMachine, RancherDesktop, Unknown};
use super::{Builder, Engine, EngineHost, info};
use crate::host::Facts;
use crate::host::recorded::{debian, macos, wsl};

/// What follows from a record.
struct Row {
    record: &'static str,
    facts: fn() -> Facts,
    host: EngineHost,
    rootless: bool,
    containerd_store: bool,
    builder: Builder,
    /// The first ports that a cluster tries where programs of users may not listen below 1024.
    ports: (u16, u16),
    /// Where the images are, and whether that is in a file system of this machine.
    data: (&'static str, bool),
    /// Why a cluster cannot run there.
    unfit: Option<&'static str>,
}

const LOW: (u16, u16) = (80, 443);
const HIGH: (u16, u16) = (8080, 8443);

/// Docker in a virtual machine, with the image store of containerd.
const VM: Row = Row {
    record: "",
    facts: macos,
    host: Unknown,
    rootless: false,
    containerd_store: true,
    builder: Builder::Buildx,
    ports: LOW,
    data: ("/var/lib/containerd", false),
    unfit: None,
};
const ROOTLESS: Row =
    Row { facts: debian, rootless: true, ports: HIGH, data: ("/home/u/.local/share/docker", true), ..VM };

macro_rules! record {
    ($name:literal) => {
        include_str!(concat!("recorded/", $name, ".json"))
    };
}

const ROWS: &[Row] = &[
    // Public text (JSON) of a new installation of Docker's packages on Ubuntu 24.04; driver and status are those of Docker's
    // documentation (docker/cli, docs/reference/commandline/system_info.md).
    Row { record: record!("docker-29-linux"), facts: debian, data: ("/var/lib/containerd", true), ..VM },
    // caprover/caprover#2377: 29 after an update keeps the store of earlier versions.
    Row {
        record: record!("docker-29-upgraded"),
        facts: debian,
        containerd_store: false,
        data: ("/var/lib/docker", true),
        ..VM
    },
    // Public text; docker/for-mac#7814 has the client's side.
    Row { record: record!("docker-desktop-macos"), host: DockerDesktop, ..VM },
    // Merged: public text of the server's side; the client inside the WSL distribution is that of
    // docker/desktop-feedback#451.
    Row { record: record!("docker-desktop-wsl"), facts: wsl, host: DockerDesktop, ..VM },
    // Public text; docs.docker.com/engine/security/rootless shows the same options.
    Row { record: record!("docker-rootless"), containerd_store: false, ..ROOTLESS },
    // Merged: the same machine with the version and store of 29, whose rootless daemon starts its own containerd.
    Row { record: record!("docker-rootless-29"), ..ROOTLESS },
    // kubernetes/minikube#10878 (JSON, shortened there; size and version are assumed).
    Row {
        record: record!("docker-rootless-cgroup-v1"),
        containerd_store: false,
        builder: Builder::BuildKit,
        data: ("/home/ubuntu/.local/share/docker", true),
        unfit: Some("engine-rootless-cgroup"),
        ..ROOTLESS
    },
    // Public text; canonical/docker-snap#334 has the same version.
    Row {
        record: record!("docker-snap"),
        facts: debian,
        containerd_store: false,
        data: ("/var/snap/docker/common/var-lib-docker", true),
        ..VM
    },
    // Public text; orbstack/orbstack#2301 names the version.
    Row {
        record: record!("orbstack"),
        host: OrbStack,
        containerd_store: false,
        data: ("/var/lib/docker", false),
        ..VM
    },
    // Public text; the engine moby on macOS.
    Row {
        record: record!("rancher-desktop"),
        host: RancherDesktop,
        containerd_store: false,
        data: ("/var/lib/docker", false),
        ..VM
    },
    // Public text; Homebrew's client without buildx.
    Row { record: record!("colima"), host: Colima, builder: Builder::Legacy, ..VM },
    // Public text; podman#25265 and containers/gvisor-tap-vsock#615 show the same fields.
    Row {
        record: record!("podman-machine"),
        host: PodmanMachine,
        rootless: true,
        containerd_store: false,
        builder: Builder::Buildah,
        ports: HIGH,
        data: ("/var/home/core/.local/share/containers/storage", false),
        ..VM
    },
    // kind#3936; the size is assumed.
    Row {
        record: record!("podman-rootless-undelegated"),
        containerd_store: false,
        builder: Builder::Buildah,
        data: ("/home/u/.local/share/containers/storage", true),
        unfit: Some("engine-delegation"),
        ..ROOTLESS
    },
];

fn read(record: &str) -> Engine {
    info::parse(Path::new("/usr/bin/docker"), record, "").unwrap()
}

#[test]
fn each_recorded_engine_is_told_from_the_others() {
    for row in ROWS {
        let (engine, facts) = (read(row.record), (row.facts)());
        let found = (engine.host, engine.rootless, engine.containerd_store, engine.builder);
        assert_eq!(found, (row.host, row.rootless, row.containerd_store, row.builder), "{}", row.record);
        assert_eq!(engine.unfit(&facts).map(|fault| fault.code()), row.unfit, "{}", row.record);
        assert!(engine.cpus >= 2 && engine.memory > 1 << 30 && !engine.version.is_empty(), "{engine:?}");
        assert!(["linux/amd64", "linux/arm64"].contains(&engine.platform.as_str()), "{engine:?}");
    }
}

#[test]
fn each_recorded_engine_publishes_ports_that_it_may_use() {
    for row in ROWS {
        let as_user = read(row.record).publishes_as_user();
        assert_eq!(if as_user { HIGH } else { LOW }, row.ports, "{}", row.record);
    }
}

#[test]
fn the_disk_of_each_recorded_engine_is_known_or_out_of_reach() {
    for row in ROWS {
        let (engine, facts) = (read(row.record), (row.facts)());
        let (root, here) = row.data;
        assert_eq!(engine.data_root, Path::new(root), "{}", row.record);
        assert_eq!(engine.data_here(&facts), here.then(|| Path::new(root)), "{}", row.record);
    }
}
