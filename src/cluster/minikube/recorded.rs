//! Recorded hosts, and what is to come of each: the files of `recorded/`, every one with its source.

use std::path::PathBuf;

use serde::Deserialize;

use super::access::Way;
use super::driver::Host;
use super::gear::Gear;
use super::{Driver, access, driver};
use crate::engine::testing;
use crate::engine::{Builder, Engine, EngineHost};
use crate::host::{Arch, Facts, recorded};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Record {
    /// Where it is from: captured here, or a document.
    source: String,
    /// One of `host::recorded`.
    host: String,
    arch: Option<String>,
    #[serde(default)]
    root: bool,
    engine: Option<Recorded>,
    #[serde(default)]
    gear: Vec<Gear>,
    /// Bytes that the profile asks for.
    memory: Option<u64>,
    /// The profile's `driver`.
    asked: Option<String>,
    // What is expected: these, or `refused`.
    driver: Option<Driver>,
    #[serde(default)]
    flags: Vec<String>,
    way: Option<Way>,
    lowest_port: Option<u16>,
    /// Pieces of the error.
    #[serde(default)]
    refused: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Recorded {
    /// One of `engine::testing`.
    Named(String),
    Given(Given),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    version: String,
    cpus: u32,
    /// Bytes.
    memory: u64,
    cgroup: u8,
    home: String,
}

impl Record {
    fn facts(&self) -> Facts {
        let facts = match self.host.as_str() {
            "debian" => recorded::debian(),
            "micro-vm" => recorded::micro_vm(),
            "wsl" => recorded::wsl(),
            "macos" => recorded::macos(),
            "windows" => recorded::windows(),
            other => panic!("no recorded host {other}"),
        };
        let arch = match self.arch.as_deref() {
            Some("amd64") => Arch::Amd64,
            Some("arm64") => Arch::Arm64,
            Some(other) => panic!("no architecture {other}"),
            None => facts.arch,
        };
        Facts { arch, root: self.root || facts.root, ..facts }
    }

    fn engine(&self) -> Option<Engine> {
        Some(match self.engine.as_ref()? {
            Recorded::Named(name) if name == "docker-20" => testing::engine(),
            Recorded::Named(name) if name == "docker-desktop" => desktop(),
            Recorded::Named(name) => panic!("no recorded engine {name}"),
            Recorded::Given(given) => Engine {
                name: given.name.clone(),
                version: given.version.clone(),
                cpus: given.cpus,
                memory: given.memory,
                cgroup_version: given.cgroup,
                host: home(&given.home),
                builder: if given.name == "podman" { Builder::Buildah } else { Builder::Buildx },
                client: PathBuf::from("/usr/bin").join(&given.name),
                ..testing::engine()
            },
        })
    }
}

fn home(name: &str) -> EngineHost {
    match name {
        "docker-desktop" => EngineHost::DockerDesktop,
        "colima" => EngineHost::Colima,
        "podman-machine" => EngineHost::PodmanMachine,
        "unknown" => EngineHost::Unknown,
        other => panic!("no home {other}"),
    }
}

/// What [`testing::DOCKER_DESKTOP`] says.
fn desktop() -> Engine {
    let info: serde_json::Value = serde_json::from_str(testing::DOCKER_DESKTOP).unwrap();
    assert_eq!(info["OperatingSystem"], "Docker Desktop");
    Engine {
        version: info["ServerVersion"].as_str().unwrap().to_owned(),
        memory: info["MemTotal"].as_u64().unwrap(),
        cgroup_version: info["CgroupVersion"].as_str().unwrap().parse().unwrap(),
        host: EngineHost::DockerDesktop,
        ..testing::engine()
    }
}

const RECORDS: &[(&str, &str)] = &[
    ("linux-docker-asked-of-podman", include_str!("recorded/linux-docker-asked-of-podman.toml")),
    ("linux-docker-cgroup-v1", include_str!("recorded/linux-docker-cgroup-v1.toml")),
    ("linux-docker-remote", include_str!("recorded/linux-docker-remote.toml")),
    ("linux-docker-rootless-cgroup-v1", include_str!("recorded/linux-docker-rootless-cgroup-v1.toml")),
    ("linux-docker-rootless", include_str!("recorded/linux-docker-rootless.toml")),
    ("linux-kvm2-arm64", include_str!("recorded/linux-kvm2-arm64.toml")),
    ("linux-kvm2", include_str!("recorded/linux-kvm2.toml")),
    ("linux-no-such-driver", include_str!("recorded/linux-no-such-driver.toml")),
    ("linux-none-asked", include_str!("recorded/linux-none-asked.toml")),
    ("linux-none-not-root", include_str!("recorded/linux-none-not-root.toml")),
    ("linux-nothing", include_str!("recorded/linux-nothing.toml")),
    ("linux-podman-no-sudo", include_str!("recorded/linux-podman-no-sudo.toml")),
    ("linux-podman-rootful", include_str!("recorded/linux-podman-rootful.toml")),
    ("linux-podman-rootless", include_str!("recorded/linux-podman-rootless.toml")),
    ("macos-colima", include_str!("recorded/macos-colima.toml")),
    ("macos-colima-small", include_str!("recorded/macos-colima-small.toml")),
    ("macos-docker-desktop-small", include_str!("recorded/macos-docker-desktop-small.toml")),
    ("macos-docker-desktop", include_str!("recorded/macos-docker-desktop.toml")),
    ("macos-kvm2-asked", include_str!("recorded/macos-kvm2-asked.toml")),
    ("macos-nothing", include_str!("recorded/macos-nothing.toml")),
    ("macos-podman-machine", include_str!("recorded/macos-podman-machine.toml")),
    ("macos-vfkit", include_str!("recorded/macos-vfkit.toml")),
    ("windows-docker-desktop", include_str!("recorded/windows-docker-desktop.toml")),
    ("windows-hyperv-user", include_str!("recorded/windows-hyperv-user.toml")),
    ("windows-hyperv", include_str!("recorded/windows-hyperv.toml")),
    ("wsl-docker-desktop", include_str!("recorded/wsl-docker-desktop.toml")),
    ("wsl-docker", include_str!("recorded/wsl-docker.toml")),
    ("wsl-hyperv-asked", include_str!("recorded/wsl-hyperv-asked.toml")),
];

#[test]
fn each_host_gets_its_driver_and_way_or_is_told_why_not() {
    for (name, text) in RECORDS {
        let record: Record = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(record.source.len() > 20, "{name} does not say where it is from");
        let (facts, engine) = (record.facts(), record.engine());
        let host = Host { facts: &facts, engine: engine.as_ref(), gear: &record.gear, memory: record.memory };
        match driver::choose(&host, record.asked.as_deref()) {
            Ok(driver) => {
                assert_eq!((Some(driver), record.refused.as_slice()), (record.driver, &[][..]), "{name}");
                assert_eq!(driver.flags(&host), record.flags, "{name}");
                let access = access::choose(driver, &host);
                assert_eq!(Some(access.way), record.way, "{name}");
                assert_eq!(access.lowest_port, record.lowest_port.unwrap_or(1), "{name}");
            }
            Err(error) => {
                assert!(record.driver.is_none() && !record.refused.is_empty(), "{name}: {error}");
                assert!(!error.hints().is_empty(), "{name}: {error}");
                for piece in &record.refused {
                    assert!(error.to_string().contains(piece), "{name} lacks `{piece}`: {error}");
                }
            }
        }
    }
}

#[test]
fn every_record_is_tested() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cluster/minikube/recorded");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let records = files.filter(|name| name.to_string_lossy().ends_with(".toml")).count();
    assert_eq!(records, RECORDS.len());
}
