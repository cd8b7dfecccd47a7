//! The settings of an application: `.env`, read as docker compose reads it, and its contract [`Contract`].
//!
//! Values are secrets unless the contract says otherwise; they never come from or enter the environment.

mod check;
mod contract;
mod decorators;
mod expand;
mod file;
mod git;
mod looks;
mod purpose;
mod quoted;
mod statements;
mod write;

pub use check::{Finding, Level};
pub use contract::{Contract, Declaration};
pub use decorators::{Class, Generated, Pattern};
pub use git::tracked;
pub use write::{Written, complete};

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use self::expand::{Fault, expand};
use self::purpose::replace;
use self::statements::shown;
use super::problems::Problems;
use super::{Application, ImageSpec, Override};
use crate::error::{Error, Result};

/// What shows all settings with their state.
pub const CHECK: &str = "todo-bootstrap env check   # shows each key";

/// Values by key.
pub type EnvValues = BTreeMap<String, SecretString>;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// It is in `.env`.
    File,
    /// It is not in `.env`; the default of the contract is used.
    Default,
    /// `--mock` replaces the value of the files.
    Mock,
    /// The application's environment does.
    Environment,
    /// It is to be generated, and empty until [`complete`] did.
    Pending,
}

/// One key with its effective value.
#[derive(Debug)]
pub struct Setting {
    pub key: String,
    pub class: Class,
    pub source: Source,
    /// Its line in `.env`.
    pub line: Option<usize>,
    pub value: SecretString,
}

/// All settings of an application.
#[derive(Debug)]
pub struct Environment {
    /// `.env`, whether it exists or not.
    pub file: PathBuf,
    pub exists: bool,
    pub contract: Option<Contract>,
    /// In the order of the contract; what it does not know is not among them.
    pub settings: Vec<Setting>,
    pub findings: Vec<Finding>,
}

impl Environment {
    /// Reads both files. What cannot be read is an error; what breaks the contract is a finding.
    pub fn load(application: &Application) -> Result<Self> {
        Self::load_with(application, &EnvValues::new())
    }

    /// As [`Environment::load`], with the values in use for keys that are still to be generated.
    pub fn load_with(application: &Application, in_use: &EnvValues) -> Result<Self> {
        let path = &application.env_file;
        let contract = Contract::load(&application.env_example);
        let text = file::read(path)?;
        let exists = text.is_some();
        let text = text.unwrap_or_default();
        let name = path.display().to_string();
        let known = contract.as_ref().ok().and_then(Option::as_ref);
        let lines = lines(&name, text.expose_secret(), known, in_use);
        let (contract, lines) = match (contract, lines) {
            (Ok(contract), Ok(lines)) => (contract, lines),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
            (Err(one), Err(two)) => return Err(both(one, &two)),
        };
        let mut settings = settings(contract.as_ref(), &lines, in_use, &application.env_example)?;
        replace(application, &mut settings)?;
        let mut environment = Self { file: path.clone(), exists, contract, settings, findings: Vec::new() };
        environment.findings = check::findings(&environment, &lines);
        Ok(environment)
    }

    /// Fails with all findings that are errors.
    pub fn verdict(&self) -> Result<()> {
        let mut problems = Problems::new(self.file.display().to_string());
        for finding in self.findings.iter().filter(|finding| finding.level == Level::Error) {
            problems.add(finding.line, finding.message.clone());
        }
        problems.or(Some(()))
    }

    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// The values of one class.
    pub fn values(&self, class: Class) -> EnvValues {
        let of_class = self.settings.iter().filter(|setting| setting.class == class);
        of_class.map(|setting| (setting.key.clone(), setting.value.clone())).collect()
    }

    /// The keys that are to be generated before anything is deployed.
    pub fn pending(&self) -> Vec<&str> {
        let pending = self.settings.iter().filter(|setting| setting.source == Source::Pending);
        pending.map(|setting| setting.key.as_str()).collect()
    }

    /// Those of `[[overrides]]` that apply with these settings.
    pub fn overrides<'a>(&self, application: &'a Application) -> Vec<&'a Override> {
        let value = |key: &str| self.get(key).map_or("", |setting| setting.value.expose_secret());
        application.overrides.iter().filter(|over| over.applies(value)).collect()
    }

    /// The values files of those.
    pub fn override_values(&self, application: &Application) -> Vec<PathBuf> {
        self.overrides(application).into_iter().filter_map(|over| over.values.clone()).collect()
    }

    /// The images that the application needs with these settings.
    pub fn images<'a>(&self, application: &'a Application) -> Images<'a> {
        let overrides = self.overrides(application);
        let used = |name: &String| !overrides.iter().any(|over| over.without_images.contains(name));
        Images {
            built: application.images.iter().filter(|spec| used(&spec.name)).collect(),
            ready: application.ready_images.iter().filter(|name| used(name)).collect(),
        }
    }
}

/// Images of an application.
#[derive(Debug)]
pub struct Images<'a> {
    /// Those that are built from the project.
    pub built: Vec<&'a ImageSpec>,
    /// The names of those that are used as they are.
    pub ready: Vec<&'a String>,
}

impl<'a> Images<'a> {
    pub fn names(&self) -> impl Iterator<Item = &'a String> {
        self.built.iter().map(|spec| &spec.name).chain(self.ready.iter().copied())
    }
}

/// One key of `.env` with its value.
#[derive(Debug)]
struct Entry {
    key: String,
    line: usize,
    value: SecretString,
    /// Whether it is quoted.
    quoted: bool,
}

/// The values of an env file, on their own: no contract, no environment.
pub fn parse(file: &str, text: &str) -> Result<EnvValues> {
    Ok(lines(file, text, None, &EnvValues::new())?.into_iter().map(|line| (line.key, line.value)).collect())
}

/// The keys of an env file in its order; keys to be generated are known from the first line on.
fn lines(file: &str, text: &str, contract: Option<&Contract>, in_use: &EnvValues) -> Result<Vec<Entry>> {
    let mut problems = Problems::new(file);
    let statements = statements::read(text, &mut problems).list;
    let mut pending = EnvValues::new();
    let declarations = contract.iter().flat_map(|contract| &contract.declarations);
    for declaration in declarations.filter(|declaration| declaration.generated.is_some()) {
        let value = in_use.get(&declaration.key).cloned().unwrap_or_default();
        pending.insert(declaration.key.clone(), value);
    }
    let mut known = pending.clone();
    known.retain(|key, _| statements.iter().all(|statement| statement.key != *key));
    let named = |name: &str| {
        statements.iter().any(|one| one.key == name) || contract.is_some_and(|all| all.get(name).is_some())
    };
    let mut lines = Vec::new();
    for statement in &statements {
        let template = statement.template.expose_secret();
        let look = |name: &str| known.get(name).map(SecretString::expose_secret);
        let value = if statement.literal { checked_length(template) } else { expand(template, &look) };
        match value {
            Ok(value) => {
                let value = SecretString::from(value);
                let later = pending.get(&statement.key).filter(|_| value.expose_secret().is_empty());
                known.insert(statement.key.clone(), later.unwrap_or(&value).clone());
                let (key, line, quoted) = (statement.key.clone(), statement.line, statement.quoted);
                lines.push(Entry { key, line, value, quoted });
            }
            Err(fault) => {
                let name = match &fault {
                    Fault::Unset(name) if named(name) => format!(" ({})", shown(name)),
                    _ => String::new(),
                };
                let message = format!("the value of {} {fault}{name}", shown(&statement.key));
                problems.add(Some(statement.line), message);
                // What uses this key has no problem of its own.
                known.insert(statement.key.clone(), SecretString::default());
            }
        }
    }
    problems.or(Some(lines))
}

fn checked_length(value: &str) -> std::result::Result<String, Fault> {
    if value.len() > expand::LONGEST { Err(Fault::Long) } else { Ok(value.to_owned()) }
}

/// The effective value of each key of the contract; without a contract, each key is a secret.
fn settings(
    contract: Option<&Contract>,
    lines: &[Entry],
    in_use: &EnvValues,
    example: &std::path::Path,
) -> Result<Vec<Setting>> {
    let Some(contract) = contract else {
        let secret = |Entry { key, line, value, .. }: &Entry| Setting {
            key: key.clone(),
            class: Class::Secret,
            source: Source::File,
            line: Some(*line),
            value: value.clone(),
        };
        return Ok(lines.iter().map(secret).collect());
    };
    let mut problems = Problems::new(example.display().to_string());
    let mut settings: Vec<Setting> = Vec::new();
    for declaration in &contract.declarations {
        let line = lines.iter().find(|line| line.key == declaration.key);
        let empty = line.is_none_or(|line| line.value.expose_secret().is_empty());
        let look = |name: &str| {
            let above = settings.iter().find(|one| one.key == name).map(|one| &one.value);
            let own = || lines.iter().find(|line| line.key == name).map(|line| &line.value);
            above.or_else(own).map(SecretString::expose_secret)
        };
        let (source, value) = match line {
            _ if empty && declaration.generated.is_some() => {
                (Source::Pending, in_use.get(&declaration.key).cloned().unwrap_or_default())
            }
            Some(line) => (Source::File, line.value.clone()),
            None => match declaration.default(&look) {
                Ok(value) => (Source::Default, value),
                Err(fault) => {
                    let message = format!("the value of {} {fault}", shown(&declaration.key));
                    problems.add(Some(declaration.line), message);
                    continue;
                }
            },
        };
        let (key, class, line) = (declaration.key.clone(), declaration.class, line.map(|line| line.line));
        settings.push(Setting { key, class, source, line, value });
    }
    problems.or(Some(settings))
}

/// The problems of two files as one error.
fn both(one: Error, two: &Error) -> Error {
    let mut error = one.because(two.what());
    for cause in two.causes() {
        error = error.because(cause);
    }
    for hint in two.hints() {
        error = error.help(hint);
    }
    error
}

#[cfg(test)]
mod tests;
