//! Steps `build-<image>`: build an image of the project if its inputs changed, and write its SBOM.

use super::{Probe, Session, Step};
use crate::config::{Application, ImageSpec};
use crate::error::Result;
use crate::images::{self, Order, sbom};
use crate::local_registry::Stored;
use crate::task::Task;

pub struct BuildStep {
    pub spec: ImageSpec,
    pub application: Application,
}

impl BuildStep {
    fn base(&self, session: &Session) -> Result<Option<Stored>> {
        self.spec.base.as_deref().map(|base| session.image(base)).transpose()
    }

    fn order<'a>(&'a self, session: &Session, base: Option<&'a Stored>) -> Order<'a> {
        Order { app: &self.application, spec: &self.spec, target: session.target(), base }
    }

    fn keep(&self, session: &Session, built: &images::Built) {
        session.set_image(&self.spec.name, built.stored.clone());
    }
}

impl Step for BuildStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let (file, target) = (self.spec.dockerfile.display(), session.target());
        let document = sbom::file(&session.dir(), &self.spec.name);
        vec![
            format!("builds an image from {file} (target {target}) and pushes it to the local registry"),
            format!("writes its SBOM to {}", document.display()),
        ]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let base = self.base(session)?;
        let order = self.order(session, base.as_ref());
        match images::probe(task, session.registry()?.client(), &order)? {
            Ok(built) => {
                let document = sbom::make(&order, &built)?;
                if !sbom::is_written(&session.dir(), &self.spec.name, &document) {
                    return Ok(Probe::Needed("its SBOM is missing".to_owned()));
                }
                self.keep(session, &built);
                Ok(Probe::Done(shown(&built.stored)))
            }
            Err(why) => Ok(Probe::Needed(why)),
        }
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let base = self.base(session)?;
        let order = self.order(session, base.as_ref());
        let registry = session.registry()?;
        let built = match session.origins.bundled_build(task, registry.client(), &order)? {
            Some(built) => built,
            None => images::build(task, session.engine()?, registry.client(), &order)?,
        };
        sbom::write(&session.dir(), &self.spec.name, &sbom::make(&order, &built)?)?;
        self.keep(session, &built);
        Ok(shown(&built.stored))
    }
}

fn shown(image: &Stored) -> String {
    format!("{}:{}", image.repository, image.tag)
}
