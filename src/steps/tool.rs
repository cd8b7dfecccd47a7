//! Steps `tool-<name>`: a verified program stands in the cache or on the system.

use std::sync::Arc;
use std::time::Duration;

use super::{Probe, Session, Step};
use crate::error::Result;
use crate::origins::{Found, Origin, Refusal};
use crate::task::Task;

pub struct ToolStep {
    id: String,
    name: String,
    session: Arc<Session>,
}

impl ToolStep {
    pub fn new(name: &str, session: Arc<Session>) -> Self {
        Self { id: format!("tool-{name}"), name: name.to_owned(), session }
    }

    fn keep(&self, found: Found) -> String {
        let text = format!("{} ({})", found.version, found.origin.name());
        self.session.set_tool(found);
        text
    }
}

fn said(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Step for ToolStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        format!("Tool {}", self.name)
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(45)
    }

    fn effects(&self) -> Vec<String> {
        let tool = self.session.origins.tool_effect(&self.name);
        vec![format!("{tool} into {}", self.session.paths.cache.display())]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let (found, refusals) = self.session.origins.present_tool(task, &self.name)?;
        match found {
            Some(found) => Ok(Probe::Done(self.keep(found))),
            None => Ok(Probe::Needed(said(&refusals))),
        }
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let found = self.session.origins.tool(task, None, &self.name)?;
        if found.origin == Origin::System {
            task.warn(format!("using {} from the system: {}", self.name, found.path.display()));
        }
        Ok(self.keep(found))
    }
}
