//! Whether the machine is one that we know and large enough.

use super::{Answer, Scene};
use crate::config::show_bytes;
use crate::host::{Arch, Os};

/// What the smallest cluster with a small application needs: the node with its system pods takes
/// about 0.5 GB, the images, builds and the application the rest.
const CPUS: u32 = 2;
const MEMORY: u64 = 3 << 30;
/// Tools, base images, the node image and what is built on top of them.
const DISK: u64 = 10 << 30;

pub(super) fn platform(scene: &Scene<'_>) -> Answer {
    let facts = scene.facts;
    let mut detail = facts.platform();
    if let Some(distro) = &facts.distro {
        detail = format!("{detail}, {}", distro.name());
    }
    if facts.wsl {
        detail.push_str(", WSL");
    }
    match (facts.os, facts.arch) {
        (_, Arch::Other) => Answer::fail(
            format!("{detail}: nothing is published for this processor"),
            "use a machine with an amd64 or arm64 processor",
        ),
        (Os::Windows, _) => Answer::fail(
            format!("{detail}: works inside WSL2 only"),
            "wsl --install   then run todo-bootstrap inside it",
        ),
        (Os::Linux | Os::MacOs, _) => Answer::ok(detail),
    }
}

pub(super) fn cpu(scene: &Scene<'_>) -> Answer {
    let cpus = scene.engine.map_or(scene.facts.cpus, |engine| engine.cpus.min(scene.facts.cpus));
    let detail = format!("{cpus} for containers");
    if cpus >= CPUS {
        return Answer::ok(detail);
    }
    Answer::fail(format!("{detail}, {CPUS} are needed"), grow(scene, "colima start --cpu 2", "more CPUs"))
}

pub(super) fn memory(scene: &Scene<'_>) -> Answer {
    let facts = scene.facts;
    let total = scene.engine.map_or(facts.memory, |engine| engine.memory.min(facts.memory));
    // On macOS containers live in a virtual machine whose memory is set aside already.
    let free = if facts.os == Os::MacOs { total } else { facts.memory_available.min(total) };
    let detail = format!("{} of {} free", show_bytes(free), show_bytes(total));
    let needed = show_bytes(MEMORY);
    if total < MEMORY {
        let remedy = grow(scene, "colima start --memory 8", "more memory");
        Answer::fail(format!("{detail}; the smallest cluster needs {needed}"), remedy)
    } else if free < MEMORY {
        Answer::warn(format!("{detail}; a new cluster needs {needed}"), "ps aux --sort -rss | head")
    } else {
        Answer::ok(detail)
    }
}

pub(super) fn disk(scene: &Scene<'_>) -> Answer {
    let free = scene.facts.disk_free;
    let detail = format!("{} free where the cache is", show_bytes(free));
    if free >= DISK {
        return Answer::ok(detail);
    }
    let detail = format!("{detail}; {} are needed", show_bytes(DISK));
    Answer::fail(detail, "docker system prune   or TODO_BOOTSTRAP_CACHE=DIR on another disk")
}

/// How the place that containers live in gets larger.
fn grow(scene: &Scene<'_>, colima: &str, what: &str) -> String {
    match scene.facts.os {
        Os::MacOs => format!("colima stop && {colima}   (Docker Desktop: Settings > Resources)"),
        _ if scene.facts.wsl => format!("give WSL {what} in %UserProfile%\\.wslconfig, then: wsl --shutdown"),
        _ => format!("give this machine {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::machine::Severity;
    use crate::engine::Engine;
    use crate::engine::testing::engine;
    use crate::host::Facts;
    use crate::host::recorded::{debian, macos, windows};

    fn scene<'a>(facts: &'a Facts, engine: Option<&'a Engine>) -> Scene<'a> {
        Scene { facts, engine, fault: None, kubernetes_minor: 34 }
    }

    #[test]
    fn too_small_a_machine_fails_with_figures() {
        let facts =
            Facts { cpus: 1, memory: 2 << 30, memory_available: 1 << 30, disk_free: 4 << 30, ..debian() };
        let answers = [cpu, memory, disk].map(|probe| probe(&scene(&facts, None)));
        assert!(answers.iter().all(|answer| answer.severity == Severity::Fail));
        assert_eq!(answers[1].detail, "1.0 GiB of 2.0 GiB free; the smallest cluster needs 3.0 GiB");
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let facts = Facts { memory_available: 1 << 30, ..debian() };
        assert_eq!(memory(&scene(&facts, None)).severity, Severity::Warn);
    }

    #[test]
    fn what_counts_is_what_the_engine_has() {
        let engine = Engine { cpus: 1, memory: 2 << 30, ..engine() };
        let facts = macos();
        let answer = cpu(&scene(&facts, Some(&engine)));
        assert_eq!(answer.severity, Severity::Fail);
        assert!(answer.remedy.unwrap().starts_with("colima stop"));
        assert_eq!(memory(&scene(&facts, Some(&engine))).severity, Severity::Fail);
    }

    #[test]
    fn platforms_that_we_do_not_serve_are_named() {
        assert_eq!(platform(&scene(&debian(), None)).detail, "linux/amd64, debian 12");
        assert_eq!(platform(&scene(&windows(), None)).severity, Severity::Fail);
        let facts = Facts { arch: Arch::Other, ..debian() };
        assert_eq!(platform(&scene(&facts, None)).severity, Severity::Fail);
    }
}
