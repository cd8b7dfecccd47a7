//! The files with which containerd in a node reaches registries: the local one, and others through the mirrors and
//! with the certificate authorities of this machine. containerd reads them at each pull
//! (<https://github.com/containerd/containerd/blob/main/docs/hosts.md>).

use std::collections::BTreeMap;

use super::LocalRegistry;
use super::nodes::names;
use crate::engine::Engine;
use crate::error::Result;
use crate::exec::Cmd;
use crate::files::sha256;
use crate::registry::host_to_ask;
use crate::task::Task;

/// containerd's directory. Node images set `certs.d` in it as `config_path`.
const FOLDER: &str = "/etc/containerd";
/// The first line of each `hosts.toml` from this program. Files without it are neither changed nor removed.
const MARK: &str = "# Written by todo-bootstrap.";
/// The certificate authorities, in [`FOLDER`].
const AUTHORITIES: &str = "todo-bootstrap-ca.crt";
/// Precedes the name of each file in the output of [`LIST`].
const NEXT: &str = "\n== ";

/// Prints all files. The authorities are long, so only their hash is printed.
const LIST: &str = "cd \"$1\" || exit; for file in certs.d/*/hosts.toml; do if [ -f \"$file\" ]; then \
                    printf '\\n== %s\\n' \"$file\"; cat \"$file\"; fi; done; \
                    if [ -f \"$2\" ]; then printf '\\n== %s\\n' \"$2\"; sha256sum <\"$2\"; fi";

/// Arguments: the directory, the file of the authorities, pairs of a name and a content, `--`, the names of the
/// files to remove. Standard input: the authorities, or nothing. They are there before a file refers to them:
/// otherwise containerd refuses each pull.
const CHANGE: &str = "set -eu; cd \"$1\"; ca=$2; shift 2; cat >\"$ca.new\"; \
                      if [ -s \"$ca.new\" ]; then mv \"$ca.new\" \"$ca\"; else rm \"$ca.new\"; fi; \
                      while [ \"$1\" != -- ]; do mkdir -p \"${1%/*}\"; printf '%s' \"$2\" >\"$1.new\"; \
                      mv \"$1.new\" \"$1\"; shift 2; done; shift; \
                      for file; do rm -f \"$file\"; rmdir \"${file%/*}\" 2>/dev/null || :; done";

/// How nodes reach the registries that are not on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside<'a> {
    pub mirrors: Vec<NodeMirror<'a>>,
    /// In PEM; `None` if none were added to this machine.
    pub authorities: Option<&'a str>,
}

/// A mirror that is asked before the registry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeMirror<'a> {
    /// `docker.io`.
    pub registry: &'a str,
    /// With its port, if it has one.
    pub host: &'a str,
    /// The prefix of repositories in the mirror; may be empty.
    pub prefix: &'a str,
}

/// File contents by name, relative to [`FOLDER`]; of the authorities, their hash as [`LIST`] prints it.
type Files = BTreeMap<String, String>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    write: Files,
    remove: Vec<String>,
    /// Files of others that are in the place of ours.
    foreign: Vec<String>,
}

/// Whether `node` has the files that [`write_hosts`] writes, and no others of ours. Warns of files of others.
pub fn is_configured(
    task: &Task<'_>,
    engine: &Engine,
    node: &str,
    registry: &LocalRegistry,
    outside: &Outside<'_>,
) -> Result<bool> {
    let Change { write, remove, foreign } = change(task, engine, node, registry, outside)?;
    for file in foreign {
        task.warn(format!(
            "{node}: {FOLDER}/{file} was not written by todo-bootstrap and is kept; this machine's mirrors and \
             certificate authorities do not apply to it"
        ));
    }
    Ok(write.is_empty() && remove.is_empty())
}

/// Configures the registries in the containerd of `node`, and removes what no longer applies.
pub fn write_hosts(
    task: &Task<'_>,
    engine: &Engine,
    node: &str,
    registry: &LocalRegistry,
    outside: &Outside<'_>,
) -> Result<()> {
    let change = change(task, engine, node, registry, outside)?;
    let cmd = engine.exec(node, format!("configure the registries in {node}"));
    task.run(&applying(cmd, FOLDER, change, outside)).map(drop)
}

/// Runs [`CHANGE`] by a command that runs the program that follows.
fn applying(cmd: Cmd, folder: &str, change: Change, outside: &Outside<'_>) -> Cmd {
    let Change { mut write, remove, .. } = change;
    let authorities = write.remove(AUTHORITIES).and(outside.authorities).unwrap_or_default();
    cmd.args(["sh", "-c", CHANGE, "sh", folder, AUTHORITIES])
        .args(write.into_iter().flat_map(|(name, content)| [name, content]))
        .arg("--")
        .args(remove)
        .input(authorities)
}

fn listing(cmd: Cmd, folder: &str) -> Cmd {
    cmd.args(["sh", "-c", LIST, "sh", folder, AUTHORITIES]).any_status()
}

fn change(
    task: &Task<'_>,
    engine: &Engine,
    node: &str,
    registry: &LocalRegistry,
    outside: &Outside<'_>,
) -> Result<Change> {
    let cmd = engine.exec(node, format!("read the registries' settings in {node}"));
    let output = task.run(&listing(cmd, FOLDER))?;
    Ok(compare(&parse(&output.text()), &local(registry), &beyond(outside)))
}

/// Reads the output of [`LIST`].
fn parse(text: &str) -> Files {
    let files = format!("\n{text}");
    let files = files.split(NEXT).skip(1).filter_map(|part| part.split_once('\n'));
    files.map(|(name, content)| (name.to_owned(), content.trim_end().to_owned() + "\n")).collect()
}

fn compare(found: &Files, own: &Files, outside: &Files) -> Change {
    let mut change = Change::default();
    for (name, content) in outside.iter().filter(|(name, _)| !own.contains_key(*name)) {
        match found.get(name) {
            Some(found) if found == content => {}
            Some(found) if !is_ours(name, found) => change.foreign.push(name.clone()),
            _ => _ = change.write.insert(name.clone(), content.clone()),
        }
    }
    // Earlier versions wrote them without the mark.
    let missing = own.iter().filter(|(name, content)| found.get(*name) != Some(*content));
    change.write.extend(missing.map(|(name, content)| (name.clone(), content.clone())));
    let gone = found.iter().filter(|(name, content)| {
        is_ours(name, content) && !own.contains_key(*name) && !outside.contains_key(*name)
    });
    change.remove.extend(gone.map(|(name, _)| name.clone()));
    // Last, when no file refers to them.
    change.remove.sort_by_key(|name| name == AUTHORITIES);
    change
}

fn is_ours(name: &str, content: &str) -> bool {
    name == AUTHORITIES || content.starts_with(MARK)
}

fn place(registry: &str) -> String {
    format!("certs.d/{registry}/hosts.toml")
}

/// Because `server` is set too, an error names the registry, not a fallback that does not exist.
fn local(registry: &LocalRegistry) -> Files {
    let endpoint = registry.endpoint();
    let content = format!(
        "{MARK}\nserver = \"{endpoint}\"\n\n[host.\"{endpoint}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    names(registry).into_iter().map(|name| (place(&name), content.clone())).collect()
}

/// A registry with a file of its own does not use `_default`, so each file names the authorities.
fn beyond(outside: &Outside<'_>) -> Files {
    let ca = outside.authorities.map(|_| format!("ca = \"{FOLDER}/{AUTHORITIES}\"\n")).unwrap_or_default();
    let mut files = Files::new();
    for NodeMirror { registry, host, prefix } in &outside.mirrors {
        let server = host_to_ask(registry);
        // Otherwise containerd would append `/v2` to the prefix.
        let (path, complete) = match *prefix {
            "" => (String::new(), ""),
            prefix => (format!("/v2/{prefix}"), "override_path = true\n"),
        };
        let content = format!(
            "{MARK}\nserver = \"https://{server}\"\n{ca}\n[host.\"https://{host}{path}\"]\n\
             capabilities = [\"pull\", \"resolve\"]\n{complete}{ca}"
        );
        files.insert(place(registry), content);
    }
    if let Some(authorities) = outside.authorities {
        files.insert(place("_default"), format!("{MARK}\n{ca}"));
        files.insert(AUTHORITIES.to_owned(), format!("{}  -\n", sha256(authorities.as_bytes())));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::System;
    use crate::process_env::ProcessEnv;
    use crate::task::testing::with_task;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const HUB: NodeMirror<'_> =
        NodeMirror { registry: "docker.io", host: "harbor.example:8443", prefix: "a/hub" };

    fn files(entries: &[(&str, &str)]) -> Files {
        entries.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    }

    /// `docs/hosts.md` of containerd: `server` is tried last, `override_path` keeps the path of a host as it is,
    /// keys of the server precede the tables, and `_default` counts for registries without a folder only.
    #[test]
    fn a_mirror_is_asked_below_its_prefix_and_then_the_registry() {
        let plain = NodeMirror { registry: "registry.k8s.io", host: "mirror.example", prefix: "" };
        let mirrors = beyond(&Outside { mirrors: vec![HUB, plain], authorities: None });
        assert_eq!(
            mirrors["certs.d/docker.io/hosts.toml"],
            "# Written by todo-bootstrap.\nserver = \"https://registry-1.docker.io\"\n\n\
             [host.\"https://harbor.example:8443/v2/a/hub\"]\ncapabilities = [\"pull\", \"resolve\"]\n\
             override_path = true\n"
        );
        assert_eq!(
            mirrors["certs.d/registry.k8s.io/hosts.toml"],
            "# Written by todo-bootstrap.\nserver = \"https://registry.k8s.io\"\n\n\
             [host.\"https://mirror.example\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
        );
        assert_eq!(mirrors.len(), 2);
        assert_eq!(beyond(&Outside::default()), Files::new());

        let trusting = beyond(&Outside { mirrors: vec![HUB], authorities: Some(PEM) });
        let ca = "/etc/containerd/todo-bootstrap-ca.crt";
        let read = |name: &str| trusting[name].parse::<toml::Table>().unwrap();
        let hub = read("certs.d/docker.io/hosts.toml");
        let host = &hub["host"]["https://harbor.example:8443/v2/a/hub"];
        assert_eq!((hub["ca"].as_str(), host["ca"].as_str()), (Some(ca), Some(ca)));
        let default = read("certs.d/_default/hosts.toml");
        assert_eq!((default.len(), default["ca"].as_str()), (1, Some(ca)));
    }

    #[test]
    fn only_files_of_ours_are_changed_and_removed() {
        let (local, hub) = ("certs.d/local/hosts.toml", "certs.d/docker.io/hosts.toml");
        let default = "certs.d/_default/hosts.toml";
        let ours = format!("{MARK}\nserver = \"x\"\n");
        let own = files(&[(local, "new\n")]);
        let (none, mirror) = (Files::new(), files(&[(hub, &ours)]));
        let all = |hash| files(&[(hub, &ours), (default, &ours), (AUTHORITIES, hash)]);
        let (all, other) = (all("1  -\n"), all("2  -\n"));
        let complete: Files = own.clone().into_iter().chain(all.clone()).collect();
        // Of an earlier version, without the mark.
        let old = files(&[(local, "old\n"), (hub, &ours)]);
        let theirs = files(&[(local, "new\n"), (hub, "theirs\n")]);
        // What a node has and should have; what is written, removed, and left to others.
        for (found, outside, write, remove, foreign) in [
            (&none, &mirror, &[hub, local][..], &[][..], &[][..]),
            (&old, &mirror, &[local], &[], &[]),
            (&theirs, &mirror, &[], &[], &[hub]),
            (&theirs, &none, &[], &[], &[]),
            (&complete, &all, &[], &[], &[]),
            (&complete, &other, &[AUTHORITIES], &[], &[]),
            (&complete, &none, &[], &[default, hub, AUTHORITIES], &[]),
        ] {
            let Change { write: files, remove: removed, foreign: kept } = compare(found, &own, outside);
            assert!(files.keys().eq(write), "{files:?}");
            assert_eq!(removed, remove);
            assert_eq!(kept, foreign);
        }
    }

    /// The scripts, run by a shell in a directory in place of a node's.
    #[cfg(unix)]
    #[test]
    fn a_node_gets_what_applies_and_loses_what_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        let theirs = dir.path().join("certs.d/their.example");
        std::fs::create_dir_all(&theirs).unwrap();
        // Without an end of line.
        std::fs::write(theirs.join("hosts.toml"), "server = \"https://their.example\"").unwrap();
        let system = System::new(None, ProcessEnv::real().env);
        let cmd = || Cmd::new("env", "run a script");
        let apply = |task: &Task<'_>, outside: &Outside<'_>| {
            let found = || parse(&task.run(&listing(cmd(), folder)).unwrap().text());
            let change = compare(&found(), &Files::new(), &beyond(outside));
            task.run(&applying(cmd(), folder, change, outside)).unwrap();
            assert_eq!(compare(&found(), &Files::new(), &beyond(outside)), Change::default());
            found().into_keys().collect::<Vec<_>>()
        };
        let all = Outside { mirrors: vec![HUB], authorities: Some(PEM) };
        with_task(&system, |task| {
            assert_eq!(apply(task, &all).len(), 4);
            assert_eq!(std::fs::read_to_string(dir.path().join(AUTHORITIES)).unwrap(), PEM);
            assert_eq!(apply(task, &Outside::default()), ["certs.d/their.example/hosts.toml"]);
            // An empty directory would take the place of `_default`.
            assert!(!dir.path().join("certs.d/docker.io").exists());
        });
    }
}
