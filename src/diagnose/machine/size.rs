//! Whether the machine is one that we know and large enough.

use super::{Answer, Scene};
use crate::cluster::{MIN_CPUS, MIN_MEMORY, Machine, SLACK, show_need};
use crate::config::show_bytes;
use crate::engine;
use crate::host::{Arch, Os};

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
            "wsl --install   # then run todo-bootstrap inside it",
        ),
        (Os::Linux | Os::MacOs, _) => Answer::ok(detail),
    }
}

pub(super) fn cpu(scene: &Scene<'_>) -> Answer {
    let machine = Machine::of(scene.facts, scene.engine);
    let (spare, needed) = (machine.spare().cpus, scene.need.cpus().max(MIN_CPUS));
    if spare >= needed {
        return Answer::ok(format!("{} for containers", machine.cpus));
    }
    let detail = format!("{} for containers, {needed} are needed", machine.cpus);
    Answer::fail(detail, larger(scene, machine))
}

/// The same figures by which `up` decides whether a cluster can be made.
pub(super) fn memory(scene: &Scene<'_>) -> Answer {
    let machine = Machine::of(scene.facts, scene.engine);
    let detail = format!("{} of {} free", show_bytes(machine.available), show_bytes(machine.memory));
    let (spare, need) = (machine.spare().memory, scene.need.memory);
    if spare < need || spare + SLACK < MIN_MEMORY {
        let (least, spare) = (show_need(need.max(MIN_MEMORY)), show_bytes(spare));
        let detail = format!("{detail}; the smallest cluster needs {least}, {spare} can be had");
        return Answer::fail(detail, larger(scene, machine));
    }
    if machine.available < need {
        let detail = format!("{detail}; a new cluster needs {}", show_need(need));
        return Answer::warn(detail, "ps aux --sort -rss | head");
    }
    Answer::ok(detail)
}

fn larger(scene: &Scene<'_>, machine: Machine) -> String {
    let wanted = machine.wanted(scene.need);
    engine::more_capacity(scene.facts, scene.engine, wanted.cpus, wanted.memory)
}

pub(super) fn disk(scene: &Scene<'_>) -> Answer {
    let free = scene.facts.disk_free;
    let detail = format!("{} free where the cache is", show_bytes(free));
    if free >= DISK {
        return Answer::ok(detail);
    }
    let detail = format!("{detail}; {} are needed", show_bytes(DISK));
    Answer::fail(detail, "docker system prune   # or TODO_BOOTSTRAP_CACHE=DIR on another disk")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Need, control_plane};
    use crate::diagnose::machine::Severity;
    use crate::engine::Engine;
    use crate::engine::testing::engine;
    use crate::host::Facts;
    use crate::host::recorded::{debian, macos, windows};

    fn scene<'a>(facts: &'a Facts, engine: Option<&'a Engine>) -> Scene<'a> {
        Scene { facts, engine, fault: None, kubernetes_minor: 34, need: control_plane(), pinned: None }
    }

    #[test]
    fn too_small_a_machine_fails_with_figures() {
        let facts =
            Facts { cpus: 1, memory: 2 << 30, memory_available: 1 << 30, disk_free: 4 << 30, ..debian() };
        let answers = [cpu, memory, disk].map(|probe| probe(&scene(&facts, None)));
        assert!(answers.iter().all(|answer| answer.severity == Severity::Fail));
        assert_eq!(
            answers[1].detail,
            "1.0 GiB of 2.0 GiB free; the smallest cluster needs 2.0 GiB, 1.0 GiB can be had"
        );
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let facts = Facts { memory_available: 1 << 30, ..debian() };
        assert_eq!(memory(&scene(&facts, None)).severity, Severity::Warn);
    }

    #[test]
    fn what_the_application_needs_counts() {
        let facts = Facts { cpus: 2, memory: 4 << 30, memory_available: 3 << 30, ..debian() };
        let severities = |need: Need| {
            let scene = Scene { need, ..scene(&facts, None) };
            [cpu(&scene).severity, memory(&scene).severity]
        };
        assert_eq!(severities(control_plane()), [Severity::Ok; 2]);
        assert_eq!(severities(Need { cpu: 2001, memory: (3 << 30) + 1 }), [Severity::Fail; 2]);
    }

    #[test]
    fn what_counts_is_what_the_engine_has() {
        let engine = Engine { cpus: 1, memory: 2 << 30, ..engine() };
        let facts = macos();
        let answer = cpu(&scene(&facts, Some(&engine)));
        assert_eq!(answer.severity, Severity::Fail);
        assert!(answer.remedy.unwrap().starts_with("colima stop && colima start --cpu 2 --memory 3"));
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
