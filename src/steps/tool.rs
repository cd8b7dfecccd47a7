//! Steps `tool-<name>`: find a verified tool in the cache or on the system, or install it.

use std::sync::OnceLock;

use super::{Probe, Session, Step};
use crate::error::Result;
use crate::fetch::Urgency;
use crate::origins::{Forecast, Found, Origin, Refusal};
use crate::task::Task;

pub struct ToolStep {
    pub name: &'static str,
    /// Of its transfer, where downloads share a link.
    pub urgency: Urgency,
    /// A tool of this machine that the probe found and that is not yet recorded.
    pub unrecorded: OnceLock<Found>,
}

fn keep(session: &Session, found: Found) -> String {
    let text = match found.origin {
        Origin::System => of_this_machine(&found),
        origin => format!("{} ({origin})", found.version),
    };
    session.set_tool(found);
    text
}

fn reasons(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn of_this_machine(found: &Found) -> String {
    format!("{} of this machine: {}, sha256 {}", found.version, found.path.display(), found.sha256)
}

impl Step for ToolStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        if let Some(found) = self.unrecorded.get() {
            return vec![format!("records {} {}", found.name, of_this_machine(found))];
        }
        let tool = session.origins.tool_forecast(self.name);
        vec![tool.effect(&session.paths.cache.display().to_string())]
    }

    fn forecast(&self, session: &Session, task: &Task<'_>) -> Result<Option<Forecast>> {
        session.origins.forecast_of_tool(task, self.name).map(Some)
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let (found, refusals) = session.origins.present_tool(task, self.name)?;
        match found {
            // Recording a tool before its first use is work.
            Some(found) if !session.origins.accepted(&found) => {
                let _ = self.unrecorded.set(found);
                Ok(Probe::Needed("found on this machine".to_owned()))
            }
            Some(found) => Ok(Probe::Done(keep(session, found))),
            None => Ok(Probe::Needed(reasons(&refusals))),
        }
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let found = session.origins.tool(task, self.name, self.urgency)?;
        Ok(keep(session, found))
    }
}
