//! The hosts entry of an application: recorded before it is written, taken out by what is recorded.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Depth, HostReceipt, Revert, Session};
use crate::error::Result;
use crate::host::hosts_file::{self, HostsFile};
use crate::task::Task;

/// A line of ours in a hosts file, for as long as `cluster` lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry {
    pub cluster: String,
    pub name: String,
    pub file: PathBuf,
}

/// What adding an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Written,
    /// Somebody leads the name here already: we, or a line that is not ours.
    There,
}

/// Leads `name` to this machine. The receipt has the entry also where the right to write is
/// missing: the user may add the line by the command that the error tells.
pub fn add_hosts_entry(session: &Session, name: &str) -> Result<Added> {
    let hosts = HostsFile::new(&session.world.hosts_file, &session.facts);
    if matches!(hosts_file::entry(&hosts.read()?, name), hosts_file::Entry::Foreign(_, address) if address == "127.0.0.1")
    {
        return Ok(Added::There);
    }
    let entry = HostsEntry {
        cluster: session.profile.cluster.name.clone(),
        name: name.to_owned(),
        file: session.world.hosts_file.clone(),
    };
    session.record_host(|receipt| {
        if !receipt.made.hosts_entry.contains(&entry) {
            receipt.made.hosts_entry.push(entry.clone());
        }
    })?;
    Ok(if hosts.add(name, &backup(session))? { Added::Written } else { Added::There })
}

/// Removes what the receipt lists for this cluster, or for all clusters of the machine, and the entries
/// from the receipt. Returns the lines that were removed.
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

/// What the receipt lists for this cluster, or for all clusters of the machine.
pub fn hosts_entries(session: &Session, depth: Depth) -> Result<Vec<HostsEntry>> {
    let cluster = &session.profile.cluster.name;
    let mut entries = HostReceipt::load(&session.paths.state)?.made.hosts_entry;
    entries.retain(|entry| depth == Depth::Machine || entry.cluster == *cluster);
    Ok(entries)
}

fn backup(session: &Session) -> PathBuf {
    session.paths.state.join("hosts.backup")
}

/// What `url --add-hosts-entry` wrote, reverted by `down`.
pub(super) struct HostsEntries {
    pub session: Arc<Session>,
}

impl Revert for HostsEntries {
    fn made_by(&self) -> &'static str {
        "hosts-entry"
    }

    fn what(&self) -> String {
        "Entry in the hosts file".to_owned()
    }

    fn losses(&self, depth: Depth) -> Vec<String> {
        let entries = hosts_entries(&self.session, depth).unwrap_or_default();
        let line = |entry: &HostsEntry| {
            format!("removes the line `{}` from {}", hosts_file::line(&entry.name), entry.file.display())
        };
        entries.iter().map(line).collect()
    }

    fn revert(&self, _task: &Task<'_>, depth: Depth) -> Result<String> {
        let removed = remove_hosts_entries(&self.session, depth)
            .map_err(|error| error.context("cannot remove the entry in the hosts file"))?;
        Ok(if removed.is_empty() { "it was already removed".to_owned() } else { "removed".to_owned() })
    }
}
