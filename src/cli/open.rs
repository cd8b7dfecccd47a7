//! `open`: opens the application in the browser.

use clap::Args;

use super::context::Context;
use super::forward;
use super::reach::{application, connect_or_explain};
use crate::deploy::dashboard;
use crate::error::{Error, Exit, Result};
use crate::exec::{Cmd, Inherit, RunError};
use crate::host;
use crate::host::names::By;
use crate::steps::{self, Session};
use crate::task::Task;
use crate::ui::data;

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Forward a local port to the application until Ctrl-C, bypassing the ingress controller
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub port_forward: Option<u16>,
    /// Open the Kubernetes dashboard instead, if one is installed, until Ctrl-C
    #[arg(long)]
    pub dashboard: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &OpenArgs) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.bench()?;
    let task = bench.task("open");
    if args.dashboard {
        connect_or_explain(&session, &task)?;
        return dashboard(context, &session, &task, args.port_forward.unwrap_or_default());
    }
    application(&session)?;
    connect_or_explain(&session, &task)?;
    if let Some(port) = args.port_forward {
        return forward::run(context, &session, &task, port, |url| show(context, &session, &task, url));
    }
    let Some(access) = steps::access(&session)? else { return Ok(Exit::Fine) };
    let address = access.address;
    if address.by == By::Header {
        let error = Error::failed(format!("a browser cannot reach {} yet", address.host));
        return Err(error
            .because(
                "this name does not resolve here, and no other name of the application resolves to this \
                 machine",
            )
            .help("todo-bootstrap open --port-forward")
            .help("todo-bootstrap url --add-hosts-entry && todo-bootstrap open"));
    }
    data(&format!("{}\n", address.url));
    show(context, &session, &task, &address.url);
    Ok(Exit::Fine)
}

/// Opens the dashboard of the cluster through a forwarded port. `up` does not install one.
fn dashboard(context: &Context<'_>, session: &Session, task: &Task<'_>, port: u16) -> Result<Exit> {
    const CHART: &str = "https://kubernetes.github.io/dashboard/";
    let namespace = dashboard::NAMESPACE;
    let Some((route, scheme)) = dashboard::dashboard(task, session.kube()?)? else {
        let install = format!(
            "helm upgrade --install {namespace} {namespace} --repo {CHART} --create-namespace \
             --namespace {namespace} --kubeconfig {}",
            session.kubeconfig().display()
        );
        let error = Error::failed("no Kubernetes dashboard is installed in this cluster");
        return Err(error
            .because(format!("namespace {namespace} has no dashboard Service"))
            .help("todo-bootstrap status   # shows nodes, services and pods without it")
            .help(format!("{install}   # in minikube: minikube addons enable dashboard")));
    };
    context.ui.say(&format!("this port forwards to Service {}; press Ctrl-C to stop", route.service));
    let to = (namespace, &route, scheme);
    forward::serve(context, session, task, to, port, |url| show(context, session, task, url))
}

/// Opens `url` in the browser, or reports why not. The caller has printed the address.
fn show(context: &Context<'_>, session: &Session, task: &Task<'_>, url: &str) {
    let facts = &session.facts;
    if let Err(why) = host::desktop(facts.os, facts.wsl, |key| context.process_env.var(key)) {
        return context.ui.say(&format!("cannot open a browser: {why}"));
    }
    let log = session.dir().join("browser.log");
    for opener in open::commands(url) {
        let args = opener.get_args().map(|arg| arg.to_string_lossy().into_owned());
        let cmd = Cmd::new(opener.get_program(), "open the browser").args(args).inherit(Inherit::Browser);
        match task.runner.detach(&cmd, &log) {
            Ok(_) => return context.ui.say(&format!("opened with {}", cmd.program.display())),
            Err(RunError::NotFound { .. }) => {}
            Err(error) => {
                let why = Error::from(error).one_line();
                return context.ui.warn(&format!("cannot open a browser: {why}"));
            }
        }
    }
    context.ui.say("cannot open a browser: no program such as xdg-open was found");
}
