//! `url`: prints the address of the application, and manages its entry in the hosts file.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json};
use super::forward;
use super::reach::{application, connect_or_explain};
use crate::error::{Error, Exit, Result};
use crate::host::hosts_file;
use crate::host::names::Leads;
use crate::steps::{self, Access, Added, Session};
use crate::ui::{self, data};

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct UrlArgs {
    /// Point the application's main name to this machine with a line in the hosts file
    #[arg(long)]
    pub add_hosts_entry: bool,
    /// Remove that line again (`down` does so too)
    #[arg(long)]
    pub remove_hosts_entry: bool,
    /// Forward a local port to the application until Ctrl-C, bypassing the ingress controller
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub port_forward: Option<u16>,
}

pub(crate) fn run(context: &Context<'_>, args: &UrlArgs) -> Result<Exit> {
    let session = context.session()?;
    if args.add_hosts_entry {
        return add(context, &session);
    }
    if args.remove_hosts_entry {
        return remove(context, &session);
    }
    let bench = context.bench()?;
    let task = bench.task("url");
    let main = application(&session)?.host.clone();
    connect_or_explain(&session, &task)?;
    if let Some(port) = args.port_forward {
        return forward::run(context, &session, &task, port, |_| {});
    }
    let Some(access) = steps::access(&session)? else { return Ok(Exit::Fine) };
    if context.json() {
        return print_json(&document(&session, &access, &main)?);
    }
    for note in &access.address.notes {
        context.ui.say(note);
    }
    data(&format!("{}\n", access.address.url));
    Ok(Exit::Fine)
}

fn document(session: &Session, access: &Access, main: &str) -> Result<serde_json::Value> {
    let Access { address, answers } = access;
    let names: Vec<_> = answers
        .iter()
        .map(|answer| {
            let elsewhere = match answer.leads {
                Leads::Elsewhere(address) => Some(address),
                Leads::Here | Leads::Nowhere => None,
            };
            json!({ "name": answer.name, "resolves": answer.leads == Leads::Here, "elsewhere": elsewhere })
        })
        .collect();
    let text = hosts_file::HostsFile::new(&session.process_env.hosts_file, &session.facts).read()?;
    Ok(json!({
        "url": address.url,
        "environment": session.environment_name(),
        "by": address.by,
        "authority": address.entrance.authority,
        "names": names,
        "header": { "url": address.plain, "Host": address.host },
        "hosts_entry": hosts_file::entry(&text, main) == hosts_file::Entry::Ours,
        "notes": address.notes,
    }))
}

fn add(context: &Context<'_>, session: &Arc<Session>) -> Result<Exit> {
    let (name, file) = (&application(session)?.host, session.process_env.hosts_file.display());
    let question = format!("Add the line `{}` to {file}?", hosts_file::line(name));
    if !context.global.yes && !ui::ask(context.process_env, &question, "--yes")? {
        return Err(Error::refused("nothing was changed").help("todo-bootstrap url   # works without it"));
    }
    match steps::add_hosts_entry(session, name)? {
        Added::Written => {
            context.ui.good(&format!("✓ {file} points {name} to this machine; `down` removes it again."));
        }
        Added::Exists => context.ui.good(&format!("✓ {file} already points {name} to this machine.")),
    }
    if session.facts.wsl {
        context
            .ui
            .say("  Browsers in Windows read a different file, and WSL may regenerate this one at startup:");
        context.ui.say(&format!("  add the line to {} there", crate::host::names::WINDOWS_FILE));
    }
    Ok(Exit::Fine)
}

fn remove(context: &Context<'_>, session: &Arc<Session>) -> Result<Exit> {
    let removed = steps::remove_hosts_entries(session, steps::Depth::Cluster)?;
    if removed.is_empty() {
        context.ui.good("✓ The hosts file has no entry from todo-bootstrap.");
    }
    for line in removed {
        context.ui.good(&format!("✓ removed from {line}"));
    }
    Ok(Exit::Fine)
}
