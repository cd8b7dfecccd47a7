//! How the place that containers run in gets more processors and memory.

use super::{Engine, Home};
use crate::host::{Facts, Os};

const GIB: u64 = 1 << 30;

/// What to do so that containers can have `cpus` and `memory` (bytes) in all.
pub fn grow(facts: &Facts, engine: Option<&Engine>, cpus: u32, memory: u64) -> String {
    let gib = memory.div_ceil(GIB);
    match (engine.map_or(Home::Unknown, |engine| engine.home), facts.os) {
        (Home::DockerDesktop, _) => {
            format!("Docker Desktop: Settings > Resources: at least {cpus} CPUs and {gib} GB of memory")
        }
        (Home::Colima, _) => format!("colima stop && colima start --cpu {cpus} --memory {gib}"),
        (Home::PodmanMachine, _) => format!(
            "podman machine stop && podman machine set --cpus {cpus} --memory {} && podman machine start",
            gib * 1024
        ),
        (Home::Unknown, Os::MacOs | Os::Windows) => format!(
            "colima stop && colima start --cpu {cpus} --memory {gib}   # Docker Desktop: Settings > Resources"
        ),
        _ if facts.wsl => format!(
            "set processors={cpus} and memory={gib}GB below [wsl2] in %UserProfile%\\.wslconfig, then: wsl --shutdown"
        ),
        _ => format!("use a machine with at least {cpus} CPUs and {gib} GiB of memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::engine;
    use crate::host::recorded::{debian, macos, wsl};

    #[test]
    fn each_kind_of_home_has_its_own_way() {
        let at = |home| Engine { home, ..engine() };
        let say = |facts: &Facts, engine: Option<&Engine>| grow(facts, engine, 4, 5 * GIB + 1);
        assert!(say(&macos(), Some(&at(Home::DockerDesktop))).contains("4 CPUs and 6 GB"));
        assert_eq!(say(&macos(), Some(&at(Home::Colima))), "colima stop && colima start --cpu 4 --memory 6");
        assert!(say(&macos(), Some(&at(Home::PodmanMachine))).contains("--memory 6144"));
        assert!(say(&macos(), None).starts_with("colima stop"));
        assert!(say(&wsl(), Some(&engine())).contains("wsl --shutdown"));
        assert!(say(&debian(), None).contains("at least 4 CPUs and 6 GiB"));
    }
}
