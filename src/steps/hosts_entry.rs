//! The hosts entry of an application: recorded before it is written, and removed according to the record.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Depth, HostReceipt, Revert, Session};
use crate::error::Result;
use crate::host::hosts_file::{self, HostsFile};
use crate::task::Task;

/// A line that we wrote to a hosts file; it is removed with `cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry {
    pub cluster: String,
    pub name: String,
    pub file: PathBuf,
}

/// The result of adding an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Written,
    /// An existing line, ours or not, already resolves the name to this machine.
    Exists,
}

/// Makes `name` resolve to this machine. Recorded even if writing is not permitted: the user may add the line.
pub fn add_hosts_entry(session: &Session, name: &str) -> Result<Added> {
    let hosts = HostsFile::new(&session.process_env.hosts_file, &session.facts);
    if matches!(hosts_file::entry(&hosts.read()?, name), hosts_file::Entry::Foreign(_, address) if address == "127.0.0.1")
    {
        return Ok(Added::Exists);
    }
    let entry = HostsEntry {
        cluster: session.profile.cluster.name.clone(),
        name: name.to_owned(),
        file: session.process_env.hosts_file.clone(),
    };
    session.record_host(|receipt| {
        if !receipt.made.hosts_entry.contains(&entry) {
            receipt.made.hosts_entry.push(entry.clone());
        }
    })?;
    Ok(if hosts.add(name, &backup(session))? { Added::Written } else { Added::Exists })
}

/// Removes the recorded entries of this cluster, or of all, and their records. Returns the removed lines.
pub fn remove_hosts_entries(session: &Session, depth: Depth) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in hosts_entries(session, depth)? {
        let hosts = HostsFile::new(&entry.file, &session.facts);
        if hosts.remove(&entry.name, &backup(session))? {
            removed.push(format!("{}: {}", entry.file.display(), hosts_file::line(&entry.name)));
        }
        session.record_host(|receipt| receipt.made.hosts_entry.retain(|other| *other != entry))?;
    }
    Ok(removed)
}

/// The recorded entries of this cluster, or of all clusters.
pub fn hosts_entries(session: &Session, depth: Depth) -> Result<Vec<HostsEntry>> {
    let cluster = &session.profile.cluster.name;
    let mut entries = HostReceipt::load(&session.paths.state)?.made.hosts_entry;
    entries.retain(|entry| depth == Depth::Machine || entry.cluster == *cluster);
    Ok(entries)
}

fn backup(session: &Session) -> PathBuf {
    session.paths.state.join("hosts.backup")
}

/// The entries written by `url --add-hosts-entry`, which `down` removes.
pub(super) struct HostsEntries;

impl Revert for HostsEntries {
    fn losses(&self, session: &Session, depth: Depth) -> Vec<String> {
        let entries = hosts_entries(session, depth).unwrap_or_default();
        let line = |entry: &HostsEntry| {
            format!("removes the line `{}` from {}", hosts_file::line(&entry.name), entry.file.display())
        };
        entries.iter().map(line).collect()
    }

    fn revert(&self, session: &Session, _task: &Task<'_>, depth: Depth) -> Result<String> {
        let removed = remove_hosts_entries(session, depth)
            .map_err(|error| error.context("cannot remove the entry in the hosts file"))?;
        Ok(if removed.is_empty() { "it was already removed".to_owned() } else { "removed".to_owned() })
    }
}
