//! `kubeconfig`: adds the cluster to the user's own kubeconfig, or removes it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::{Context, print_json};
use super::reach::no_cluster;
use crate::error::{Exit, Result};
use crate::kubeconfig::default_file;
use crate::steps;

#[derive(Debug, Subcommand)]
pub(crate) enum KubeconfigCommand {
    /// Add the cluster, its user and a context to your kubeconfig
    Merge(MergeArgs),
    /// Remove them again (`down` does so too)
    Unmerge(UnmergeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Make it the current context, which kubectl uses by default
    #[arg(long)]
    pub set_current: bool,
    /// The kubeconfig to change [default: the first in KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UnmergeArgs {
    /// The kubeconfig to change [default: every one that `merge` changed]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

pub(crate) fn run(context: &Context<'_>, command: &KubeconfigCommand) -> Result<Exit> {
    match command {
        KubeconfigCommand::Merge(args) => merge(context, args),
        KubeconfigCommand::Unmerge(args) => unmerge(context, args),
    }
}

fn merge(context: &Context<'_>, args: &MergeArgs) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    if !session.is_recorded() || !session.kubeconfig().is_file() {
        return Err(no_cluster(&session));
    }
    let file = match &args.file {
        Some(file) => absolute(context, file),
        None => default_file(context.process_env)?,
    };
    let bench = context.bench()?;
    let done = steps::merge_kubeconfig(&session, &bench.task("kubeconfig"), &file, args.set_current);
    let (name, merged, backup) = done?;
    if context.json() {
        let document = json!({ "file": file, "context": name, "changed": merged.changed,
            "previous_context": merged.previous, "backup": backup });
        return print_json(&document);
    }
    if merged.changed {
        context.ui.good(&format!("✓ added cluster, user and context `{name}` to {}", file.display()));
        context.ui.say("  `todo-bootstrap kubeconfig unmerge` removes them again, and so does `down`.");
    } else {
        context.ui.good(&format!("✓ unchanged: {} already has context `{name}`.", file.display()));
    }
    if let Some(note) = steps::backup_note(&file, backup.as_deref()) {
        context.ui.warn(&note);
    }
    match merged.previous {
        Some(previous) if !previous.is_empty() => {
            context.ui.say(&format!("  It is now the current context; it was `{previous}` before."));
        }
        Some(_) => context.ui.say("  It is the current context."),
        None => context.ui.say(&format!("  kubectl --context {name} get pods --all-namespaces")),
    }
    Ok(Exit::Fine)
}

fn unmerge(context: &Context<'_>, args: &UnmergeArgs) -> Result<Exit> {
    let session = context.session()?;
    let only = args.file.as_ref().map(|file| absolute(context, file));
    let ours = session.receipt().made.kubeconfig_entries;
    let unmerged = if ours.iter().any(|one| only.as_ref().is_none_or(|only| *only == one.file)) {
        let bench = context.bench()?;
        let (_lock, session) = context.locked()?;
        steps::unmerge_kubeconfigs(&session, &bench.task("kubeconfig"), only.as_deref())?
    } else {
        Vec::new()
    };
    if context.json() {
        let files: Vec<_> = unmerged
            .iter()
            .map(|one| {
                json!({ "file": one.file, "context": one.name, "removed": one.done.removed,
                    "current_context": one.done.current, "backup": one.backup })
            })
            .collect();
        return print_json(&files);
    }
    if unmerged.iter().all(|one| one.done.removed.is_empty()) {
        let place = only.map_or("your kubeconfig".to_owned(), |file| file.display().to_string());
        context.ui.good(&format!("✓ unchanged: {place} has no entries from todo-bootstrap."));
    }
    for one in &unmerged {
        if !one.done.removed.is_empty() {
            let what = one.done.removed.join(", ");
            context.ui.good(&format!("✓ removed `{}` ({what}) from {}", one.name, one.file.display()));
        }
        for note in one.notes() {
            context.ui.say(&format!("  {note}"));
        }
    }
    Ok(Exit::Fine)
}

fn absolute(context: &Context<'_>, file: &std::path::Path) -> PathBuf {
    let file = context.process_env.cwd.join(file);
    std::path::absolute(&file).unwrap_or(file)
}
