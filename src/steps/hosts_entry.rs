//! The hosts entry of an application: recorded before it is written, taken out by what is recorded.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{HostReceipt, Probe, Session, Step};
use crate::error::{Error, Result};
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
        if !receipt.hosts_entries.contains(&entry) {
            receipt.hosts_entries.push(entry.clone());
        }
    })?;
    Ok(if hosts.add(name, &backup(session))? { Added::Written } else { Added::There })
}

/// Takes out what the receipt lists for this cluster (for all clusters, if `all`), and the entries
/// from the receipt. Returns the lines that were removed.
pub fn remove_hosts_entries(session: &Session, all: bool) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in hosts_entries(session, all)? {
        let hosts = HostsFile::new(&entry.file, &session.facts);
        if hosts.remove(&entry.name, &backup(session))? {
            removed.push(format!("{}: {}", entry.file.display(), hosts_file::line(&entry.name)));
        }
        session.record_host(|receipt| receipt.hosts_entries.retain(|other| *other != entry))?;
    }
    Ok(removed)
}

/// What the receipt lists for this cluster, or for all.
pub fn hosts_entries(session: &Session, all: bool) -> Result<Vec<HostsEntry>> {
    let cluster = &session.profile.cluster.name;
    let mut entries = HostReceipt::load(&session.paths.state)?.hosts_entries;
    entries.retain(|entry| all || entry.cluster == *cluster);
    Ok(entries)
}

fn backup(session: &Session) -> PathBuf {
    session.paths.state.join("hosts.backup")
}

/// Step `hosts-entry` of `down`: the last one, as the right to write may be missing.
pub(super) struct RemoveHostsEntries {
    pub session: Arc<Session>,
    pub all: bool,
    pub needs: Vec<String>,
}

impl Step for RemoveHostsEntries {
    fn id(&self) -> &'static str {
        "hosts-entry"
    }

    fn title(&self) -> String {
        "Entry in the hosts file".to_owned()
    }

    fn needs(&self) -> Vec<String> {
        self.needs.clone()
    }

    fn effects(&self) -> Vec<String> {
        let entries = hosts_entries(&self.session, self.all).unwrap_or_default();
        let line = |entry: &HostsEntry| {
            format!("removes the line `{}` from {}", hosts_file::line(&entry.name), entry.file.display())
        };
        entries.iter().map(line).collect()
    }

    fn probe(&self, _task: &Task<'_>) -> Result<Probe> {
        let entries = hosts_entries(&self.session, self.all)?;
        let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        Ok(if names.is_empty() { Probe::Done("none".to_owned()) } else { Probe::Needed(names.join(", ")) })
    }

    fn run(&self, _task: &Task<'_>) -> Result<String> {
        let removed = remove_hosts_entries(&self.session, self.all)
            .map_err(|error| Error::context(error, "cannot remove the entry in the hosts file"))?;
        Ok(if removed.is_empty() { "it was already removed".to_owned() } else { "removed".to_owned() })
    }
}
