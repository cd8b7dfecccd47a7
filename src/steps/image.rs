//! Steps for images that are not built from the project: node, base and addon images.

use std::sync::Arc;

use super::{Probe, Session, Step};
use crate::error::Result;
use crate::origins::FoundImage;
use crate::task::Task;

pub struct ImageStep {
    pub name: String,
    pub session: Arc<Session>,
}

impl ImageStep {
    fn keep(&self, found: FoundImage) -> String {
        let text = format!("{}:{} ({})", found.stored.repository, found.stored.tag, found.origin.name());
        self.session.set_image(&self.name, found.stored);
        text
    }
}

impl Step for ImageStep {
    fn effects(&self) -> Vec<String> {
        vec![format!("{} into the local registry", self.session.origins.image_effect(&self.name))]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let registry = self.session.registry()?;
        Ok(match self.session.origins.present_image(task, registry.client(), &self.name)? {
            Ok(found) => Probe::Done(self.keep(found)),
            Err(why) => Probe::Needed(why),
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (session, registry) = (&self.session, self.session.registry()?);
        let found = session.origins.image(task, session.engine()?, registry.client(), &self.name)?;
        Ok(self.keep(found))
    }
}
