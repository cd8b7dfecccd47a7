//! `open`: the application in the browser.

use clap::Args;

use super::context::Context;
use super::forward;
use super::reach::{application, connect_or_explain};
use crate::error::{Error, Exit, Result};
use crate::exec::{Cmd, RunError};
use crate::host;
use crate::host::names::By;
use crate::steps::{self, Session};
use crate::task::Task;
use crate::ui::data;

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Lead a port of this machine to the application until Ctrl-C, past the ingress controller
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub port_forward: Option<u16>,
}

pub(crate) fn run(context: &Context<'_>, args: &OpenArgs) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(context.reporter(), None)?;
    let task = bench.task("open");
    application(&session)?;
    connect_or_explain(context, &session, &task)?;
    if let Some(port) = args.port_forward {
        return forward::run(context, &session, &task, port, |url| show(context, &session, &task, url));
    }
    let Some(access) = steps::access(&session) else { return Ok(Exit::Fine) };
    let address = access.address;
    if address.by == By::Header {
        let error = Error::failed(format!("a browser cannot reach {} yet", address.host));
        return Err(error
            .because(
                "this name leads nowhere here, and no other name of the application leads to this machine",
            )
            .help("todo-bootstrap open --port-forward")
            .help("todo-bootstrap url --add-hosts-entry   then   todo-bootstrap open"));
    }
    data(&format!("{}\n", address.url));
    show(context, &session, &task, &address.url);
    Ok(Exit::Fine)
}

/// Hands `url` to the desktop's browser, or says why not. The address is printed in either case, so
/// that nothing is lost.
fn show(context: &Context<'_>, session: &Session, task: &Task<'_>, url: &str) {
    let facts = &session.facts;
    if let Err(why) = host::desktop(facts.os, facts.wsl, |key| context.world.var(key)) {
        return context.ui.say(&format!("not opened: {why}"));
    }
    let log = session.dir().join("browser.log");
    for opener in open::commands(url) {
        let args = opener.get_args().map(|arg| arg.to_string_lossy().into_owned());
        let cmd = Cmd::new(opener.get_program(), "open the browser").args(args);
        match task.runner.detach(&cmd, &log) {
            Ok(_) => return context.ui.say(&format!("opened with {}", cmd.program.display())),
            Err(RunError::NotFound { .. }) => {}
            Err(error) => return context.ui.warn(&format!("not opened: {}", Error::from(error).one_line())),
        }
    }
    context.ui.say("not opened: no program that opens addresses was found, such as xdg-open");
}
