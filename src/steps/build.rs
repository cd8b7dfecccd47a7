//! Steps `build-<image>`: build an image of the project if its inputs changed, and write its SBOM.

use std::sync::Arc;

use super::{Probe, Session, Step};
use crate::config::{Application, ImageSpec};
use crate::error::Result;
use crate::images::{self, Order, sbom};
use crate::local_registry::Stored;
use crate::task::Task;

pub struct BuildStep {
    pub spec: ImageSpec,
    pub application: Application,
    pub session: Arc<Session>,
}

impl BuildStep {
    fn base(&self) -> Result<Option<Stored>> {
        self.spec.base.as_deref().map(|base| self.session.image(base)).transpose()
    }

    fn order<'a>(&'a self, base: Option<&'a Stored>) -> Order<'a> {
        Order { app: &self.application, spec: &self.spec, target: self.session.target(), base }
    }

    fn keep(&self, built: &images::Built) {
        self.session.set_image(&self.spec.name, built.stored.clone());
    }
}

impl Step for BuildStep {
    fn effects(&self) -> Vec<String> {
        let (file, target) = (self.spec.dockerfile.display(), self.session.target());
        let document = sbom::file(&self.session.dir(), &self.spec.name);
        vec![
            format!("builds an image from {file} (target {target}) and pushes it to the local registry"),
            format!("writes its SBOM to {}", document.display()),
        ]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let base = self.base()?;
        let order = self.order(base.as_ref());
        match images::probe(task, self.session.registry()?.client(), &order)? {
            Ok(built) => {
                let document = sbom::make(&order, &built)?;
                if !sbom::is_written(&self.session.dir(), &self.spec.name, &document) {
                    return Ok(Probe::Needed("its SBOM is missing".to_owned()));
                }
                self.keep(&built);
                Ok(Probe::Done(shown(&built.stored)))
            }
            Err(why) => Ok(Probe::Needed(why)),
        }
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let base = self.base()?;
        let order = self.order(base.as_ref());
        let registry = self.session.registry()?;
        let built = match self.session.origins.bundled_build(task, registry.client(), &order)? {
            Some(built) => built,
            None => images::build(task, self.session.engine()?, registry.client(), &order)?,
        };
        sbom::write(&self.session.dir(), &self.spec.name, &sbom::make(&order, &built)?)?;
        self.keep(&built);
        Ok(shown(&built.stored))
    }
}

fn shown(image: &Stored) -> String {
    format!("{}:{}", image.repository, image.tag)
}
