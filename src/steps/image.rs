//! Steps for images that are not built from the project: the node, bases, addons.

use std::sync::Arc;
use std::time::Duration;

use super::session::ImageRef;
use super::{Probe, Session, Step};
use crate::error::Result;
use crate::origins::FoundImage;
use crate::task::Task;

pub struct ImageStep {
    id: String,
    title: String,
    name: String,
    session: Arc<Session>,
}

impl ImageStep {
    pub fn new(id: String, title: String, name: &str, session: Arc<Session>) -> Self {
        Self { id, title, name: name.to_owned(), session }
    }

    fn keep(&self, found: FoundImage) -> String {
        let text = format!("{} ({})", found.reference, found.origin.name());
        self.session.set_image(&self.name, ImageRef { reference: found.reference, id: found.id });
        text
    }
}

impl Step for ImageStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn needs(&self) -> Vec<String> {
        vec!["engine".to_owned(), "build-tools".to_owned()]
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(60)
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("{} into the engine", self.session.origins.image_effect(&self.name))]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let engine = self.session.engine()?;
        Ok(match self.session.origins.present_image(task, engine, &self.name)? {
            Ok(found) => Probe::Done(self.keep(found)),
            Err(why) => Probe::Needed(why),
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let found = self.session.origins.image(task, self.session.engine()?, &self.name)?;
        Ok(self.keep(found))
    }
}
