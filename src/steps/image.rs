//! Steps for images that are not built from the project: node, base and addon images.

use super::{Probe, Session, Step};
use crate::error::Result;
use crate::origins::FoundImage;
use crate::task::Task;

pub struct ImageStep {
    pub name: String,
}

impl ImageStep {
    fn keep(&self, session: &Session, found: FoundImage) -> String {
        let text = format!("{}:{} ({})", found.stored.repository, found.stored.tag, found.origin.name());
        session.set_image(&self.name, found.stored);
        text
    }
}

impl Step for ImageStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        vec![format!("{} into the local registry", session.origins.image_effect(&self.name))]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let registry = session.registry()?;
        Ok(match session.origins.present_image(task, registry.client(), &self.name)? {
            Ok(found) => Probe::Done(self.keep(session, found)),
            Err(why) => Probe::Needed(why),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let registry = session.registry()?;
        let found = session.origins.image(task, session.engine()?, registry.client(), &self.name)?;
        Ok(self.keep(session, found))
    }
}
