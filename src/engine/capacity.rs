//! What containers can use: processors, memory and disk of the engine's machine, and how to give it more.

use super::{Engine, EngineHost};
use crate::error::Error;
use crate::host::{Facts, Os};

const GIB: u64 = 1 << 30;

/// How engines, builders and programs in builds report a full disk: with the message of the system (ENOSPC, EDQUOT).
const FULL: [&str; 2] = ["no space left on device", "disk quota exceeded"];

/// What to do so that all containers together can use `cpus` and `memory` (bytes).
pub fn more_capacity(facts: &Facts, engine: Option<&Engine>, cpus: u32, memory: u64) -> String {
    let gib = memory.div_ceil(GIB);
    match (engine.map_or(EngineHost::Unknown, |engine| engine.host), facts.os) {
        (EngineHost::DockerDesktop, _) => {
            format!("Docker Desktop: Settings > Resources: at least {cpus} CPUs and {gib} GB of memory")
        }
        (EngineHost::Colima, _) => format!("colima stop && colima start --cpu {cpus} --memory {gib}"),
        (EngineHost::OrbStack, _) => {
            format!(
                "orb config set cpu {cpus} && orb config set memory_mib {} && orb stop && orb start",
                gib * 1024
            )
        }
        (EngineHost::RancherDesktop, _) if !facts.wsl => {
            format!("rdctl set --virtual-machine.number-cpus {cpus} --virtual-machine.memory-in-gb {gib}")
        }
        (EngineHost::PodmanMachine, _) => format!(
            "podman machine stop && podman machine set --cpus {cpus} --memory {} && podman machine start",
            gib * 1024
        ),
        (EngineHost::Unknown, Os::MacOs | Os::Windows) => format!(
            "colima stop && colima start --cpu {cpus} --memory {gib}   # Docker Desktop: Settings > Resources"
        ),
        _ if facts.wsl => format!(
            "set processors={cpus} and memory={gib}GB below [wsl2] in %UserProfile%\\.wslconfig, then: wsl --shutdown"
        ),
        _ => format!("use a machine with at least {cpus} CPUs and {gib} GiB of memory"),
    }
}

impl Engine {
    /// Whether a message reports that a disk is full.
    pub fn is_full(output: &str) -> bool {
        let low = output.to_ascii_lowercase();
        FULL.iter().any(|text| low.contains(text))
    }

    /// Names the cause and the commands if `error` reports that the engine's disk is full.
    pub(super) fn explain_full(&self, error: Error) -> Error {
        if !Self::is_full(&error.to_string()) {
            return error;
        }
        let error = error.context("the engine's disk is full (disk-full)");
        self.free_disk().into_iter().fold(error, Error::help)
    }

    /// The commands that show what fills the engine's disk, free what is unused, and enlarge the disk of a virtual
    /// machine.
    pub fn free_disk(&self) -> Vec<String> {
        let name = &self.name;
        let mut commands = vec![
            format!("{name} system df   # shows what fills its disk"),
            format!(
                "{name} system prune   # deletes stopped containers, unused networks, images and build caches"
            ),
        ];
        let enlarge = match self.host {
            EngineHost::DockerDesktop => Some("Docker Desktop: Settings > Resources > Disk usage limit"),
            EngineHost::Colima => Some("colima stop && colima start --disk 100   # GiB"),
            EngineHost::PodmanMachine => {
                Some("podman machine stop && podman machine set --disk-size 100 && podman machine start")
            }
            EngineHost::OrbStack | EngineHost::RancherDesktop | EngineHost::Unknown => None,
        };
        commands.extend(enlarge.map(str::to_owned));
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Build;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::host::recorded::{debian, macos, wsl};

    /// The messages of a pull by Docker (moby/moby#41787), a build by `BuildKit`, and a pull by Podman.
    #[test]
    fn a_full_disk_is_named_in_pulls_and_builds() {
        for message in [
            "failed to register layer: Error processing tar file(exit status 1): write /usr/lib/x: no space left on device",
            "ERROR: failed to solve: failed to copy: write /var/lib/containerd/io.containerd.content.v1.content/ingest/1/data: \
             no space left on device",
            "Error: writing blob: storing blob to file \"/var/tmp/storage1/1\": write: no space left on device",
        ] {
            let script = || Script::default().fails("docker", message);
            let build = Build { tags: vec!["a".to_owned()], ..Build::default() };
            for error in [
                with_task(&script(), |task| engine().transfer(task, "pull", "a")).0.unwrap_err(),
                with_task(&script(), |task| engine().build(task, &build)).0.unwrap_err(),
                with_task(&script(), |task| engine().load(task, "a.tar".as_ref())).0.unwrap_err(),
            ] {
                assert_eq!(error.what(), "the engine's disk is full (disk-full)");
                assert!(error.to_string().contains(message), "{error}");
                assert!(error.hints()[0].starts_with("docker system df"), "{error}");
            }
        }
        let other = Script::default().fails("docker", "manifest unknown");
        let error = with_task(&other, |task| engine().transfer(task, "pull", "a")).0.unwrap_err();
        assert!(!error.to_string().contains("disk-full"), "{error}");
    }

    #[test]
    fn the_disk_of_a_virtual_machine_can_be_enlarged() {
        let at = |host| Engine { host, ..engine() }.free_disk();
        assert_eq!(at(EngineHost::Unknown).len(), 2);
        assert!(at(EngineHost::Colima)[2].starts_with("colima stop"));
        assert!(at(EngineHost::PodmanMachine)[2].contains("--disk-size"));
        assert!(at(EngineHost::DockerDesktop)[2].contains("Settings"));
    }

    #[test]
    fn more_capacity_is_configured_where_the_engine_runs() {
        let at = |host| Engine { host, ..engine() };
        let say = |facts: &Facts, engine: Option<&Engine>| more_capacity(facts, engine, 4, 5 * GIB + 1);
        assert!(say(&macos(), Some(&at(EngineHost::DockerDesktop))).contains("4 CPUs and 6 GB"));
        assert_eq!(
            say(&macos(), Some(&at(EngineHost::Colima))),
            "colima stop && colima start --cpu 4 --memory 6"
        );
        assert!(say(&macos(), Some(&at(EngineHost::PodmanMachine))).contains("--memory 6144"));
        assert!(say(&macos(), Some(&at(EngineHost::OrbStack))).contains("memory_mib 6144"));
        assert!(say(&macos(), Some(&at(EngineHost::RancherDesktop))).contains("memory-in-gb 6"));
        assert!(say(&macos(), None).starts_with("colima stop"));
        assert!(say(&wsl(), Some(&engine())).contains("wsl --shutdown"));
        assert!(say(&debian(), None).contains("at least 4 CPUs and 6 GiB"));
    }
}
