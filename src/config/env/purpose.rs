//! What the application's environment and `--mock` do to the settings, and what the environment requires of them.

use secrecy::{ExposeSecret as _, SecretString};

use super::{CHECK, Environment, Setting, Source};
use crate::config::application::FILE;
use crate::config::problems::Problems;
use crate::config::{Application, Purpose};
use crate::error::{Error, Result};

/// Replaces settings of the files by those of the environment, and then by those of `--mock` if it was given.
pub(super) fn replace(application: &Application, settings: &mut [Setting]) -> Result<()> {
    let mut problems = Problems::new(application.dir.join(FILE).display().to_string());
    let set = application.environment.iter().flat_map(|one| &one.set);
    let set = set.map(|(key, value)| (key, value, Source::Environment));
    let mock = application.mock.iter().filter(|_| application.is_mocked);
    let mock = mock.map(|(key, value)| (key, value, Source::Mock));
    for (key, value, source) in set.chain(mock) {
        let Some(setting) = settings.iter_mut().find(|setting| setting.key == *key) else {
            let by = if source == Source::Mock { "[mock]" } else { "[[environments]]" };
            problems.add(None, format!("{by} sets {key}, which is not in .env.example"));
            continue;
        };
        setting.value = SecretString::from(value.as_str());
        setting.source = source;
    }
    problems.or(Some(()))
}

impl Environment {
    /// Fails if the application's environment does not start with these settings.
    pub fn suits(&self, application: &Application) -> Result<()> {
        let Some(purpose) = &application.environment else { return Ok(()) };
        let Purpose { name, requires_any, refuses, .. } = purpose;
        let value = |key: &str| self.get(key).map_or("", |setting| setting.value.expose_secret());
        let mut causes = Vec::new();
        if !requires_any.is_empty() && requires_any.iter().all(|key| value(key).is_empty()) {
            let keys = requires_any.join(", ");
            causes.push(format!("one of these keys must have a value in {}: {keys}", self.file.display()));
        }
        for (key, unwanted) in refuses.iter().filter(|(key, unwanted)| value(key) == unwanted.as_str()) {
            let by = self.get(key).map(|setting| setting.source);
            let by = if by == Some(Source::Mock) { ", as --mock sets it" } else { "" };
            causes.push(format!("{key} must not be {unwanted}{by}"));
        }
        if causes.is_empty() {
            return Ok(());
        }
        let what = format!("the settings do not suit environment `{name}`; nothing was changed");
        let error = causes.into_iter().fold(Error::usage(what), Error::because);
        Err(match application.undemanding() {
            Some(other) => {
                error.help(format!("todo-bootstrap up --env {}   # has no such requirement", other.name))
            }
            None => error.help(CHECK),
        })
    }
}
