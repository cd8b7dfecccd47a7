//! `[[environments]]`: what the application is for (development, production), beside the preset, which says how
//! large it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::application::{FILE, inside, label};
use super::reader::Fields;
use super::{Application, Target};
use crate::error::{Error, Result};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purpose {
    pub name: String,
    /// What its images are built for.
    pub target: Target,
    /// Values that are merged after those of the preset and of the nodes.
    pub values: Option<PathBuf>,
    /// What replaces settings of `.env`.
    pub set: BTreeMap<String, String>,
    /// One of these settings must have a value; none is needed if the list is empty.
    pub requires_any: Vec<String>,
    /// Settings that must not have these values.
    pub refuses: BTreeMap<String, String>,
    /// Whether the application's hosts answer with TLS.
    pub tls: bool,
}

impl Application {
    /// The application in the environment that was asked for; without one, unchanged.
    pub fn in_environment(self, asked: Option<&str>) -> Result<Self> {
        let Some(asked) = asked else { return Ok(self) };
        if let Some(found) = self.environments.iter().find(|one| one.name == asked).cloned() {
            return Ok(Self { environment: Some(found), ..self });
        }
        let names: Vec<&str> = self.environments.iter().map(|one| one.name.as_str()).collect();
        let file = self.dir.join(FILE);
        let error = Error::usage(format!("{} has no environment `{asked}`", self.name));
        let error = if names.is_empty() {
            error.because(format!("{} has no [[environments]]", file.display()))
        } else {
            error.because(format!("its environments are: {}", names.join(", ")))
        };
        let fits = names.first().map_or_else(String::new, |first| format!(" --env {first}"));
        Err(error.help(format!("todo-bootstrap up{fits}")))
    }

    /// The application in the environment of the last `up`; in its first one if it has none of this name any more.
    #[must_use]
    pub fn in_recorded(self, recorded: Option<&str>) -> Self {
        let found = self.environments.iter().find(|one| Some(one.name.as_str()) == recorded).cloned();
        Self { environment: found.or(self.environment), ..self }
    }

    /// What the images are built for.
    pub fn target(&self) -> Target {
        self.environment.as_ref().map(|one| one.target).unwrap_or_default()
    }

    /// An environment that starts without any of these settings, for messages.
    pub(super) fn undemanding(&self) -> Option<&Purpose> {
        self.environments.iter().find(|one| one.requires_any.is_empty() && one.refuses.is_empty())
    }
}

pub(super) fn read(dir: &Path, fields: &mut Fields<'_, '_>) -> Vec<Purpose> {
    let mut names = Vec::new();
    fields.tables("environments", |fields| {
        let name = label(fields, "name");
        if name.as_ref().is_some_and(|name| names.contains(name)) {
            fields.problem("name", "is the name of an earlier entry");
        }
        names.extend(name.clone());
        let key = if fields.has("target") { "target" } else { "name" };
        let target = fields.opt_parsed(key, target);
        let values = if fields.has("values") { inside(dir, fields, "values", Path::is_file) } else { None };
        let (set, refuses) = (fields.string_map("set"), fields.string_map("refuses"));
        let requires_any = fields.strings("requires-any");
        let tls = fields.opt_bool("tls").unwrap_or_default();
        Some(Purpose { name: name?, target: target?, values, set, requires_any, refuses, tls })
    })
}

fn target(text: &str) -> std::result::Result<Target, String> {
    let found = Target::ALL.into_iter().find(|target| target.name() == text);
    found.ok_or_else(|| {
        let names = Target::ALL.map(Target::name).join(", ");
        format!("is \"{text}\", but the target of the images must be one of: {names}; set it with `target`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "name = \"shop\"\nhost = \"shop.local\"\nchart = \".\"\n";

    fn load(environments: &str) -> Result<Application> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dev.yaml"), "").unwrap();
        std::fs::write(dir.path().join(FILE), format!("{PROJECT}{environments}")).unwrap();
        Application::load(dir.path()).map(Option::unwrap)
    }

    const TWO: &str = "[[environments]]\nname = \"test\"\ntarget = \"prod\"\n\
                       [[environments]]\nname = \"dev\"\nvalues = \"dev.yaml\"\nset = {LEVEL = \"DEBUG\"}\n";

    #[test]
    fn the_first_one_is_the_default_and_the_recorded_one_stays() {
        let name = |app: &Application| app.environment.as_ref().unwrap().name.clone();
        let app = load(TWO).unwrap();
        assert_eq!((name(&app).as_str(), app.target()), ("test", Target::Prod));
        assert!(app.values_of(None, 1).is_empty());
        let dev = app.clone().in_environment(Some("dev")).unwrap();
        assert_eq!((name(&dev).as_str(), dev.target()), ("dev", Target::Dev));
        assert!(dev.values_of(None, 1)[0].ends_with("dev.yaml"));
        assert_eq!(name(&app.clone().in_recorded(Some("dev"))), "dev");
        assert_eq!(name(&app.clone().in_recorded(Some("gone"))), "test");
        assert_eq!(name(&app.clone().in_recorded(Some("dev")).in_environment(None).unwrap()), "dev");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = load(TWO).unwrap().in_environment(Some("live")).unwrap_err();
        assert_eq!(error.causes(), ["its environments are: test, dev"]);
        let none = load("").unwrap();
        assert_eq!((none.environment.clone(), none.target()), (None, Target::Prod));
        let error = none.in_environment(Some("dev")).unwrap_err();
        assert!(error.causes()[0].ends_with("has no [[environments]]"), "{error}");
    }

    #[test]
    fn all_mistakes_are_named() {
        let bad = "[[environments]]\nname = \"live\"\nvalues = \"no.yaml\"\n\
                   [[environments]]\nname = \"dev\"\nkey = 1\n[[environments]]\nname = \"dev\"\n";
        let error = load(bad).unwrap_err();
        assert_eq!(error.causes().len(), 4, "{error}");
        assert!(error.to_string().contains("must be one of: dev, staging, prod; set it with `target`"));
    }
}
