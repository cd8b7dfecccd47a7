//! Steps `build-<image>`: an image of the project is built, unless its inputs are unchanged.

use std::sync::Arc;
use std::time::Duration;

use super::session::ImageRef;
use super::{Probe, Session, Step};
use crate::config::{Application, ImageSpec};
use crate::error::Result;
use crate::images;
use crate::task::Task;

pub struct BuildStep {
    id: String,
    spec: ImageSpec,
    application: Application,
    session: Arc<Session>,
}

impl BuildStep {
    pub fn new(spec: &ImageSpec, application: &Application, session: Arc<Session>) -> Self {
        Self {
            id: format!("build-{}", spec.name),
            spec: spec.clone(),
            application: application.clone(),
            session,
        }
    }

    fn base(&self) -> Result<Option<ImageRef>> {
        self.spec.base.as_deref().map(|base| self.session.image(base)).transpose()
    }

    fn keep(&self, built: &images::Built) {
        let image = ImageRef { reference: built.reference.clone(), id: built.id.clone() };
        self.session.set_image(&self.spec.name, image);
    }
}

impl Step for BuildStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        format!("Build image {}", self.spec.name)
    }

    fn needs(&self) -> Vec<String> {
        let base = self.spec.base.as_ref().map(|base| format!("base-{base}"));
        base.into_iter().chain(["engine".to_owned()]).collect()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(20)
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("builds an image from {}", self.spec.context.display())]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let base = self.base()?;
        let base_id = base.as_ref().map(|base| base.id.as_str());
        let engine = self.session.engine()?;
        match images::probe(task, engine, &self.application, &self.spec, base_id)? {
            Ok(built) => {
                self.keep(&built);
                Ok(Probe::Done(built.reference))
            }
            Err(why) => Ok(Probe::Needed(why)),
        }
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let base = self.base()?;
        let base = base.as_ref().map(|base| (base.reference.as_str(), base.id.as_str()));
        let built = images::build(task, self.session.engine()?, &self.application, &self.spec, base)?;
        self.keep(&built);
        Ok(built.reference)
    }
}
