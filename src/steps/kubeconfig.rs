//! Our entries in the user's kubeconfig: recorded before they are written, removed according to the record.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Depth, Revert, Session};
use crate::error::{Error, Result};
use crate::kubeconfig::{Entries, Merged, Then, Unmerged, change, is_same};
use crate::task::Task;

/// The record of our entries in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeconfigMerge {
    pub file: PathBuf,
    /// The name of the cluster, the context and the user.
    pub name: String,
    /// The digest of each entry that we wrote, or were about to write.
    pub digests: BTreeSet<String>,
    /// The current context before ours.
    #[serde(default)]
    pub previous: Option<String>,
    /// Whether we created the file.
    #[serde(default)]
    pub created: bool,
}

/// A file from which entries were removed.
#[derive(Debug)]
pub struct FileUnmerged {
    pub file: PathBuf,
    pub name: String,
    pub done: Unmerged,
    /// The copy of the file, if it had comments.
    pub backup: Option<PathBuf>,
}

/// Adds the cluster of `session` to `path`; returns the name of its entries, and the copy of a file with comments.
pub fn merge_kubeconfig(
    session: &Session,
    task: &Task<'_>,
    path: &Path,
    current: bool,
) -> Result<(String, Merged, Option<PathBuf>)> {
    let own = session.kubeconfig();
    if is_same(path, &own) {
        return Err(Error::usage(format!("{} is already the cluster's own kubeconfig", path.display()))
            .help("todo-bootstrap kubeconfig merge --file ~/.kube/config"));
    }
    let entries = Entries::load(&own, &session.profile.cluster.name)?;
    let name = entries.name().to_owned();
    let mut record = session.receipt().made.kubeconfig_entries.into_iter().find(|record| record.file == path);
    let record = record.get_or_insert_with(|| KubeconfigMerge {
        file: path.to_owned(),
        name: name.clone(),
        created: !path.exists(),
        ..KubeconfigMerge::default()
    });
    let mut merged = None;
    let backup = change(task, path, |document| {
        let done = merged.insert(document.merge(&entries, &record.digests, current)?);
        record.digests.extend(done.digests.iter().cloned());
        record.previous = done.previous.clone().or(record.previous.take());
        keep(session, record)?;
        Ok(if done.changed { Then::Write } else { Then::Keep })
    })?;
    let merged = merged.ok_or_else(|| Error::failed(format!("{} was not changed", path.display())))?;
    // The previous entries no longer exist.
    record.digests.clone_from(&merged.digests);
    keep(session, record)?;
    Ok((name, merged, backup))
}

fn keep(session: &Session, record: &KubeconfigMerge) -> Result<()> {
    session.record(|receipt| {
        receipt.made.kubeconfig_entries.retain(|other| other.file != record.file);
        receipt.made.kubeconfig_entries.push(record.clone());
    })
}

/// Removes the recorded entries from the file `only`, or from all files.
pub fn unmerge_kubeconfigs(
    session: &Session,
    task: &Task<'_>,
    only: Option<&Path>,
) -> Result<Vec<FileUnmerged>> {
    let mut all = Vec::new();
    for record in session.receipt().made.kubeconfig_entries {
        if only.is_some_and(|only| only != record.file) {
            continue;
        }
        let unmerged = unmerge(task, &record)?;
        session.record(|receipt| receipt.made.kubeconfig_entries.retain(|other| *other != record))?;
        all.extend(unmerged);
    }
    Ok(all)
}

fn unmerge(task: &Task<'_>, record: &KubeconfigMerge) -> Result<Option<FileUnmerged>> {
    // If the file no longer exists, neither do our entries.
    if !record.file.is_file() {
        return Ok(None);
    }
    let mut done = Unmerged::default();
    let backup = change(task, &record.file, |document| {
        done = document.unmerge(&record.name, &record.digests, record.previous.as_deref());
        Ok(match (done.removed.is_empty() && done.current.is_none(), document.is_empty()) {
            (true, _) => Then::Keep,
            (false, true) if record.created && !record.file.is_symlink() => Then::Delete,
            (false, _) => Then::Write,
        })
    })?;
    Ok(Some(FileUnmerged { file: record.file.clone(), name: record.name.clone(), done, backup }))
}

impl FileUnmerged {
    /// Notes for the user.
    pub fn notes(&self) -> Vec<String> {
        let file = self.file.display();
        let mut notes: Vec<String> = Vec::new();
        let name = &self.name;
        for key in &self.done.left {
            notes.push(format!(
                "the {key} `{name}` was changed, so it is kept in {file}; to delete it: kubectl config delete-{key} \
                 {name} --kubeconfig {file}"
            ));
        }
        if let Some(current) = &self.done.current {
            let now = if current.is_empty() { "none".to_owned() } else { format!("`{current}` again") };
            notes.push(format!("the current context of {file} is {now}"));
        }
        notes.extend(backup_note(&self.file, self.backup.as_deref()));
        notes
    }
}

/// A note about lost comments and the backup that contains them.
pub fn backup_note(file: &Path, backup: Option<&Path>) -> Option<String> {
    let backup = backup?;
    Some(format!("the comments in {} were lost; the previous file is {}", file.display(), backup.display()))
}

/// The entries written by `kubeconfig merge`, which `down` removes.
pub(super) struct KubeconfigEntries;

impl Revert for KubeconfigEntries {
    fn losses(&self, session: &Session, _depth: Depth) -> Vec<String> {
        let line = |record: &KubeconfigMerge| {
            format!("removes cluster, user and context `{}` from {}", record.name, record.file.display())
        };
        session.receipt().made.kubeconfig_entries.iter().map(line).collect()
    }

    fn revert(&self, session: &Session, task: &Task<'_>, _depth: Depth) -> Result<String> {
        let all = unmerge_kubeconfigs(session, task, None)
            .map_err(|error| error.context("cannot remove our entries from your kubeconfig"))?;
        for note in all.iter().flat_map(FileUnmerged::notes) {
            task.warn(note);
        }
        let gone = all.iter().all(|file| file.done.removed.is_empty());
        Ok(if gone { "they were already removed".to_owned() } else { "removed".to_owned() })
    }
}
