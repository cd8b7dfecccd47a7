//! Whether the machine is supported and large enough.

use super::{Answer, Inputs};
use crate::cluster::{MIN_CPUS, MIN_MEMORY, Machine, SLACK, show_need};
use crate::engine::{self, EngineHost};
use crate::host::{Arch, Os};
use crate::quantity::show_bytes;

pub(super) fn platform(inputs: &Inputs<'_>) -> Answer {
    let facts = inputs.facts;
    let mut detail = facts.platform();
    if let Some(distro) = &facts.distro {
        detail = format!("{detail}, {}", distro.name());
    }
    if facts.wsl {
        detail.push_str(", WSL");
    }
    match (facts.os, facts.arch) {
        (_, Arch::Other) => Answer::fail(
            format!("{detail}: there are no binaries for this processor"),
            "use a machine with an amd64 or arm64 processor",
        ),
        (Os::Windows, _) => Answer::fail(
            format!("{detail}: only supported inside WSL2"),
            "wsl --install   # then run todo-bootstrap inside it",
        ),
        (Os::Linux | Os::MacOs, _) => Answer::ok(detail),
    }
}

pub(super) fn cpu(inputs: &Inputs<'_>) -> Answer {
    let machine = Machine::of(inputs.facts, inputs.engine);
    let (spare, needed) = (machine.spare().cpus, inputs.need.cpus().max(MIN_CPUS));
    if spare >= needed {
        return Answer::ok(format!("{} for containers", machine.cpus));
    }
    let detail = format!("{} for containers, {needed} required", machine.cpus);
    Answer::fail(detail, larger(inputs, machine))
}

/// Uses the same figures as `up`.
pub(super) fn memory(inputs: &Inputs<'_>) -> Answer {
    let machine = Machine::of(inputs.facts, inputs.engine);
    let detail = format!("{} of {} free", show_bytes(machine.available), show_bytes(machine.memory));
    let (spare, need) = (machine.spare().memory, inputs.need.memory);
    if spare < need || spare + SLACK < MIN_MEMORY {
        let (least, spare) = (show_need(need.max(MIN_MEMORY)), show_bytes(spare));
        let detail = format!("{detail}; the smallest cluster needs {least}, {spare} are available");
        return Answer::fail(detail, larger(inputs, machine));
    }
    if machine.available < need {
        let detail = format!("{detail}; a new cluster needs {}", show_need(need));
        return Answer::warn(detail, "ps aux --sort -rss | head");
    }
    Answer::ok(detail)
}

fn larger(inputs: &Inputs<'_>, machine: Machine) -> String {
    let wanted = machine.wanted(inputs.need);
    engine::more_capacity(inputs.facts, inputs.engine, wanted.cpus, wanted.memory)
}

/// Requires what `up` requires.
pub(super) fn disk(inputs: &Inputs<'_>) -> Answer {
    let answer = room(inputs, inputs.facts.disk_free, "on the disk of the cache");
    answer.unwrap_or_else(|detail| {
        Answer::fail(detail, "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # stores it on another disk")
    })
}

/// Images and volumes are where the engine stores them, which may be another disk.
pub(super) fn engine_disk(inputs: &Inputs<'_>) -> Answer {
    let Some(engine) = inputs.engine else { return Answer::ok("known once an engine responds") };
    let (facts, name) = (inputs.facts, &engine.name);
    if facts.os != Os::Linux || facts.wsl || engine.host != EngineHost::Unknown {
        return Answer::ok("in the engine's virtual machine, whose free space is not known");
    }
    let Some(free) = inputs.engine_disk else {
        return Answer::ok("not known where the engine stores images");
    };
    room(inputs, free, "where the engine stores images").unwrap_or_else(|detail| {
        // Pruning deletes stopped clusters as well, so it is left to the user.
        let remedy =
            format!("{name} system df   # shows what fills it; {name} image prune frees unused images");
        Answer::fail(detail, remedy)
    })
}

/// `Err` if `free` bytes are too few.
fn room(inputs: &Inputs<'_>, free: u64, place: &str) -> Result<Answer, String> {
    let detail = format!("{} free {place}", show_bytes(free));
    if free >= inputs.disk {
        return Ok(Answer::ok(detail));
    }
    Err(format!("{detail}; a new cluster needs {}", show_bytes(inputs.disk)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Need, control_plane};
    use crate::doctor::Severity;
    use crate::engine::Engine;
    use crate::engine::testing::engine;
    use crate::host::Facts;
    use crate::host::recorded::{debian, windows};

    fn inputs<'a>(facts: &'a Facts, engine: Option<&'a Engine>) -> Inputs<'a> {
        Inputs { engine, ..crate::doctor::inputs(facts) }
    }

    #[test]
    fn too_small_a_machine_fails_with_figures() {
        let facts =
            Facts { cpus: 1, memory: 2 << 30, memory_available: 1 << 30, disk_free: 4 << 30, ..debian() };
        let answers = [cpu, memory, disk].map(|probe| probe(&inputs(&facts, None)));
        assert!(answers.iter().all(|answer| answer.severity == Severity::Fail));
        assert_eq!(
            answers[1].detail,
            "1.0 GiB of 2.0 GiB free; the smallest cluster needs 2.0 GiB, 1.0 GiB are available"
        );
    }

    #[test]
    fn the_engines_disk_counts_where_it_is_on_this_machine() {
        let (here, desktop) = (engine(), Engine { host: EngineHost::DockerDesktop, ..engine() });
        let (debian, wsl) = (debian(), crate::host::recorded::wsl());
        let of = |facts, engine, free: u64, disk: u64| {
            let inputs = inputs(facts, Some(engine));
            engine_disk(&Inputs { engine_disk: Some(free << 30), disk: disk << 30, ..inputs })
        };
        let full = of(&debian, &here, 5, 6);
        assert_eq!(full.severity, Severity::Fail);
        assert!(full.detail.contains("5.0 GiB free") && full.detail.contains("needs 6.0 GiB"));
        assert!(full.remedy.unwrap().starts_with("docker system df"));
        assert!(full.fix.is_none(), "nothing of the user's is deleted");
        for (facts, engine, disk) in [(&debian, &here, 5), (&debian, &desktop, 6), (&wsl, &here, 6)] {
            assert_eq!(of(facts, engine, 5, disk).severity, Severity::Ok);
        }
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let facts = Facts { memory_available: 1 << 30, ..debian() };
        assert_eq!(memory(&inputs(&facts, None)).severity, Severity::Warn);
    }

    #[test]
    fn what_the_application_needs_counts() {
        let facts = Facts { cpus: 2, memory: 4 << 30, memory_available: 3 << 30, ..debian() };
        let severities = |need: Need| {
            let inputs = Inputs { need, ..inputs(&facts, None) };
            [cpu(&inputs).severity, memory(&inputs).severity]
        };
        assert_eq!(severities(control_plane()), [Severity::Ok; 2]);
        assert_eq!(severities(Need { cpu: 2001, memory: (3 << 30) + 1 }), [Severity::Fail; 2]);
    }

    #[test]
    fn platforms_that_we_do_not_serve_are_named() {
        assert_eq!(platform(&inputs(&debian(), None)).detail, "linux/amd64, debian 12");
        assert_eq!(platform(&inputs(&windows(), None)).severity, Severity::Fail);
        let facts = Facts { arch: Arch::Other, ..debian() };
        assert_eq!(platform(&inputs(&facts, None)).severity, Severity::Fail);
    }
}
