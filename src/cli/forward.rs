//! `--port-forward` of `url` and `open`: forwards a local port to a Service, by default that of the start page.

use super::context::{Context, print_json};
use super::reach::{application, ended, until_stopped};
use crate::deploy;
use crate::deploy::routes::{self, Route};
use crate::error::{Error, Exit, Result};
use crate::steps::Session;
use crate::task::Task;
use crate::ui::data;

/// Runs until Ctrl-C. Port 0 selects a free port. Calls `listening` with the address.
pub(crate) fn run(
    context: &Context<'_>,
    session: &Session,
    task: &Task<'_>,
    port: u16,
    listening: impl Fn(&str),
) -> Result<Exit> {
    let application = application(session)?;
    let (kube, namespace) = (session.kube()?, &application.namespace);
    let routes = deploy::services::read(task, kube, namespace)?.routes;
    let route = application.hosts().iter().find_map(|host| routes::root(&routes, host).cloned());
    let route = route.ok_or_else(|| {
        Error::failed(format!("no Ingress in namespace {namespace} routes `/` to a Service"))
            .help("todo-bootstrap up   # reinstalls the application; see the Ingress of its chart")
    })?;
    context.ui.say(&format!(
        "this port forwards to Service {} only, not to the other paths of the Ingress; press Ctrl-C to stop",
        route.service
    ));
    serve(context, session, task, (namespace, &route, "http"), port, listening)
}

/// Like [`run`], for any Service, of which `scheme` is the protocol.
pub(crate) fn serve(
    context: &Context<'_>,
    session: &Session,
    task: &Task<'_>,
    (namespace, route, scheme): (&str, &Route, &str),
    port: u16,
    listening: impl Fn(&str),
) -> Result<Exit> {
    let task = until_stopped(context, task);
    let mut announce = |port: u16| {
        let url = format!("{scheme}://127.0.0.1:{port}/");
        if context.json() {
            let _ = print_json(&serde_json::json!({ "url": url }));
        } else {
            data(&format!("{url}\n"));
        }
        listening(&url);
    };
    let wanted = (port != 0).then_some(port);
    let result = deploy::forward(&task, session.kube()?, namespace, route, wanted, &mut announce);
    ended(&task, result)
}
