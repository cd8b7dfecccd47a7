//! What to build: an image of an application, for a target, on a base.

use std::collections::BTreeMap;

use super::{repository, tag};
use crate::config::{Application, Dockerfile, ImageSpec, Target};
use crate::error::{Error, Result};
use crate::local_registry::Stored;

/// The build argument that a target fills by itself, where the Dockerfile has it.
const TARGET_ARG: &str = "BUILD_TARGET";

#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub app: &'a Application,
    pub spec: &'a ImageSpec,
    pub target: Target,
    /// What the Dockerfile gets as `BASE_IMAGE`.
    pub base: Option<&'a Stored>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The stage to stop at; the last one if there is none.
    pub(super) stage: Option<String>,
    pub(super) args: BTreeMap<String, String>,
}

impl Order<'_> {
    pub(super) fn repository(&self) -> String {
        repository(&self.app.name, &self.spec.name)
    }

    /// The tag that follows the newest build for this target.
    pub(super) fn newest_tag(&self) -> String {
        tag(&self.app.version, None, None, self.target)
    }

    /// What `application.toml` says; else what the Dockerfile has of the target's name.
    pub(super) fn meaning(&self) -> Result<Meaning> {
        let file = &self.spec.dockerfile;
        let text = std::fs::read_to_string(file).map_err(|e| Error::io("read", file, &e))?;
        let offers = Dockerfile::parse(&text);
        let name = self.target.name();
        let own = self.spec.targets.get(&self.target).cloned().unwrap_or_default();
        let stage = own.stage.or_else(|| offers.has_stage(name).then(|| name.to_owned()));
        let filled = offers.has_arg(TARGET_ARG).then(|| (TARGET_ARG.to_owned(), name.to_owned()));
        let mut args: BTreeMap<String, String> = filled.into_iter().collect();
        args.extend(own.args);
        Ok(Meaning { stage, args })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TargetSpec;
    use crate::images::testing::application;

    #[test]
    fn the_dockerfile_says_what_a_target_means_unless_the_application_does() {
        let dir = tempfile::tempdir().unwrap();
        let mut app = application(dir.path());
        let text = "ARG BUILD_TARGET\nFROM a AS dev\nFROM a AS debug\nFROM a\n";
        std::fs::write(dir.path().join("Dockerfile"), text).unwrap();
        let meaning = |app: &Application, target: Target| {
            let found = Order { app, spec: &app.images[0], target, base: None }.meaning().unwrap();
            (found.stage, found.args.into_iter().collect::<Vec<_>>())
        };
        let arg = |value: &str| vec![("BUILD_TARGET".to_owned(), value.to_owned())];
        assert_eq!(meaning(&app, Target::Dev), (Some("dev".to_owned()), arg("dev")));
        assert_eq!(meaning(&app, Target::Prod), (None, arg("prod")));
        let spec =
            TargetSpec { stage: Some("debug".to_owned()), args: arg("development").into_iter().collect() };
        app.images[0].targets.insert(Target::Dev, spec);
        assert_eq!(meaning(&app, Target::Dev), (Some("debug".to_owned()), arg("development")));
    }
}
