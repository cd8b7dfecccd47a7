//! Whether the folders that are written to can be.

use super::fix::sudo;
use super::{Answer, Inputs, Severity};
use crate::host::{Folder, Purpose};

const READ_ONLY: (&str, &str) = ("folder-read-only", "a folder cannot be written to");
const OWNER: (&str, &str) = ("folder-owner", "a folder belongs to another user");
const NOEXEC: (&str, &str) = ("folder-noexec", "programs in a folder cannot be run");
const NETWORK: (&str, &str) = ("folder-network", "a folder is on another machine");

/// The worst problem; the details of the others are added to its own.
pub(super) fn usable(inputs: &Inputs<'_>) -> Answer {
    let mut problems: Vec<Answer> =
        inputs.details.folders.iter().filter_map(|folder| judge(inputs, folder)).collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let mut problems = problems.into_iter();
    let Some(mut worst) = problems.next() else { return Answer::ok("can be written to") };
    for other in problems {
        if !worst.detail.contains(&other.detail) {
            worst.detail = format!("{}; {}", worst.detail, other.detail);
        }
    }
    worst
}

fn judge(inputs: &Inputs<'_>, folder: &Folder) -> Option<Answer> {
    let (path, purpose) = (folder.path.display(), folder.purpose);
    let needed = matches!(purpose, Purpose::Cache | Purpose::State);
    let severity = if needed { Severity::Fail } else { Severity::Warn };
    let elsewhere = match purpose {
        Purpose::Cache | Purpose::Home => "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up",
        Purpose::State => "TODO_BOOTSTRAP_STATE=DIR todo-bootstrap up",
        Purpose::Temp => "TMPDIR=DIR todo-bootstrap up",
    };
    let moved = |comment: &str| format!("{elsewhere}   # {comment}");
    let new = |detail: String, remedy: String, (code, title)| {
        Some(Answer { severity, ..Answer::fail(detail, remedy) }.called(code, title))
    };
    if folder.read_only {
        let detail = format!("{path} is on a read-only file system");
        return new(detail, moved("DIR is a folder that can be written to"), READ_ONLY);
    }
    match folder.owner {
        Some(owner) if !folder.writable && purpose != Purpose::Temp => {
            let detail = format!("{path} belongs to user {owner}, and this user may not write to it");
            let command = format!("{}chown -R \"$(id -u):$(id -g)\" '{path}'", sudo(inputs.facts));
            // The folders of the system stay the system's.
            if inputs.details.home().is_some_and(|home| folder.path.starts_with(home)) {
                return Some(Answer::solved(severity, detail, &[command]).called(OWNER.0, OWNER.1));
            }
            return new(detail, moved("DIR is a folder of this user"), OWNER);
        }
        // What root writes there is out of the reach of its owner.
        Some(owner) if purpose == Purpose::Home && inputs.facts.root => {
            let detail = format!("{path} belongs to user {owner}, but this is root");
            return new(
                detail,
                "sudo -H todo-bootstrap up   # uses the home directory of root".into(),
                OWNER,
            );
        }
        _ if !folder.writable => {
            let detail = format!("{path} does not let this user create files");
            return new(detail, format!("chmod u+rwx '{path}'"), READ_ONLY);
        }
        _ => {}
    }
    let runs = match purpose {
        Purpose::Cache => true,
        Purpose::Temp => inputs.artifacts.is_some_and(super::Artifacts::builds),
        Purpose::Home | Purpose::State => false,
    };
    if folder.noexec && runs {
        let detail = format!("{path} is mounted with noexec");
        return new(detail, moved("DIR is a folder whose programs can be run"), NOEXEC);
    }
    if folder.network && needed {
        let detail = format!("{path} is on a network file system ({}), which is slow", folder.file_system);
        let remedy = moved("DIR is a folder on a disk of this machine");
        return new(detail, remedy, NETWORK).map(|answer| Answer { severity: Severity::Warn, ..answer });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::inputs;
    use crate::host::recorded::{debian, micro_vm};
    use crate::host::{Details, Facts};

    fn folder(purpose: Purpose) -> Folder {
        let path = match purpose {
            Purpose::Home => "/home/me",
            Purpose::Cache => "/home/me/.cache/todo-bootstrap",
            Purpose::State => "/home/me/.local/state",
            Purpose::Temp => "/tmp",
        };
        let file_system = "ext4".to_owned();
        let (network, noexec, read_only, writable) = (false, false, false, true);
        Folder { purpose, path: path.into(), file_system, network, noexec, read_only, writable, owner: None }
    }

    fn judged(facts: &Facts, folders: &[Folder]) -> (&'static str, Severity, Answer) {
        let details = Details { folders: folders.to_vec(), ..Details::default() };
        let answer = usable(&Inputs { details: &details, ..inputs(facts) });
        (answer.fault.map_or("", |(code, _)| code), answer.severity, answer)
    }

    #[test]
    fn each_problem_has_a_code_and_a_command() {
        use Purpose::{Cache, Home, State, Temp};
        let debian = debian();
        let foreign = |purpose| Folder { writable: false, owner: Some(0), ..folder(purpose) };
        for (problem, code, severity, command) in [
            (
                Folder { read_only: true, writable: false, ..folder(State) },
                "folder-read-only",
                Severity::Fail,
                "TODO_BOOTSTRAP_STATE=DIR",
            ),
            (foreign(Cache), "folder-owner", Severity::Fail, "sudo chown -R"),
            (foreign(Home), "folder-owner", Severity::Warn, "sudo chown -R"),
            (foreign(Temp), "folder-read-only", Severity::Warn, "chmod u+rwx '/tmp'"),
            (
                Folder { noexec: true, ..folder(Cache) },
                "folder-noexec",
                Severity::Fail,
                "TODO_BOOTSTRAP_CACHE=DIR",
            ),
            (
                Folder { network: true, file_system: "nfs4".to_owned(), ..folder(Cache) },
                "folder-network",
                Severity::Warn,
                "TODO_BOOTSTRAP_CACHE=DIR",
            ),
            (Folder { writable: false, ..folder(State) }, "folder-read-only", Severity::Fail, "chmod"),
        ] {
            let folders = [folder(Home), problem.clone()];
            let (found, how_bad, answer) = judged(&debian, &folders);
            assert_eq!((found, how_bad), (code, severity), "{problem:?}");
            assert!(answer.remedy.unwrap().starts_with(command), "{problem:?}");
        }
        let elsewhere = Folder { path: "/srv/cache".into(), ..foreign(Cache) };
        let (code, _, answer) = judged(&debian, &[folder(Home), elsewhere]);
        assert_eq!(code, "folder-owner");
        assert!(answer.fix.is_none(), "folders outside of the home directory keep their owner");
        let (code, ..) = judged(&micro_vm(), &[Folder { owner: Some(1000), ..folder(Home) }]);
        assert_eq!(code, "folder-owner", "root in the home directory of another user");
    }

    #[test]
    fn ordinary_folders_are_no_problem_and_several_problems_are_one_finding() {
        use Purpose::{Cache, Home, State, Temp};
        let ordinary = [
            folder(Home),
            folder(Cache),
            folder(State),
            Folder { owner: Some(0), noexec: true, file_system: "tmpfs".to_owned(), ..folder(Temp) },
        ];
        assert_eq!(judged(&debian(), &ordinary).1, Severity::Ok, "nothing is built, so nothing runs in /tmp");
        let slow = Folder { network: true, file_system: "nfs".to_owned(), ..folder(State) };
        let (code, severity, answer) = judged(&debian(), &[slow, Folder { noexec: true, ..folder(Cache) }]);
        assert_eq!((code, severity), ("folder-noexec", Severity::Fail));
        assert!(answer.detail.contains("; /home/me/.local/state is on a network"), "{}", answer.detail);
    }
}
