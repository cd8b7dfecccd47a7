//! Checks `.env` against its contract. Findings name key, line and reason, never a value.

use secrecy::ExposeSecret as _;

use super::contract::{Contract, Declaration};
use super::decorators::Class;
use super::statements::shown;
use super::{Entry, Environment, Setting, Source, looks};
use crate::config::reader::suggest;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing is deployed with it.
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub level: Level,
    /// Stable, kebab-case.
    pub code: &'static str,
    /// Empty if it is about the file.
    pub key: String,
    /// In `.env`.
    pub line: Option<usize>,
    pub message: String,
}

/// The fewest characters that a secret has to have to be searched for in public values.
const TELLING: usize = 8;

/// All findings about the settings, by line.
pub(super) fn findings(environment: &Environment, lines: &[Entry]) -> Vec<Finding> {
    let mut found = Findings::default();
    for line in lines {
        found.characters(line);
    }
    if let Some(contract) = &environment.contract {
        let mut absent = contract.keys();
        absent.retain(|key| lines.iter().all(|line| line.key != *key));
        for line in lines.iter().filter(|line| contract.get(&line.key).is_none()) {
            found.unknown(line, &absent);
        }
        for setting in &environment.settings {
            if let Some(declaration) = contract.get(&setting.key) {
                found.setting(setting, declaration, environment.exists);
            }
        }
        found.public(environment, contract, lines);
    }
    if environment.exists && environment.settings.iter().any(|one| one.class == Class::Secret) {
        found.mode(environment);
    }
    found.list.sort_by_key(|finding| finding.line.unwrap_or(usize::MAX));
    found.list
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, level: Level, code: &'static str, key: &str, line: Option<usize>, message: String) {
        let key = key.to_owned();
        self.list.push(Finding { level, code, key, line, message });
    }

    /// A near miss of a key that is `absent` is an error; another program may use any other key.
    fn unknown(&mut self, line: &Entry, absent: &[&str]) {
        let (name, near) = (shown(&line.key), suggest(&line.key, absent));
        let (level, rest) = if near.is_empty() {
            (Level::Warning, "; it is not deployed (declare it in the contract if it should be)".to_owned())
        } else {
            (Level::Error, near)
        };
        let key = if name.starts_with('`') { line.key.as_str() } else { "" };
        let message = format!("{name} is not a key of this application{rest}");
        self.add(level, "unknown-key", key, Some(line.line), message);
    }

    /// Characters that are invisible in an editor, or hardly intended.
    fn characters(&mut self, line: &Entry) {
        let (name, value) = (shown(&line.key), line.value.expose_secret());
        let key = if name.starts_with('`') { line.key.as_str() } else { "" };
        if !line.quoted && looks::typographic(value) {
            let message = format!(
                "the value of {name} is enclosed in “…” or similar quotes, which become part of it; use \" or ' \
                 (around them as well, if they are intended)"
            );
            self.add(Level::Error, "typographic-quotes", key, Some(line.line), message);
        }
        if let Some(c) = looks::control(value) {
            let message =
                format!("the value of {name} contains the control character U+{:04X}", u32::from(c));
            self.add(Level::Error, "control-character", key, Some(line.line), message);
        }
        if let Some(c) = looks::invisible(value) {
            let message = format!("the value of {name} contains U+{:04X}, which is invisible", u32::from(c));
            self.add(Level::Warning, "invisible-character", key, Some(line.line), message);
        }
    }

    fn setting(&mut self, setting: &Setting, declaration: &Declaration, exists: bool) {
        let (key, line) = (&setting.key, setting.line);
        let value = setting.value.expose_secret();
        if setting.source == Source::Pending {
            let what = if line.is_some() { "is empty" } else { "is missing" };
            if exists {
                let message = format!("`{key}` {what}; `up` and `env init` generate it");
                self.add(Level::Warning, "to-generate", key, line, message);
            }
            return;
        }
        if value.is_empty() {
            if declaration.required {
                let what = if line.is_some() { "is empty" } else { "is missing" };
                let message = format!("`{key}` {what}, but is required{}", why(declaration));
                self.add(Level::Error, "missing-key", key, line, message);
            }
            return;
        }
        let secret = setting.class == Class::Secret;
        if let Some(pattern) = declaration.pattern.as_ref().filter(|pattern| !pattern.holds(value)) {
            let message = format!("the value of `{key}` does not match {}{}", pattern.text, why(declaration));
            self.add(Level::Error, "pattern", key, line, message);
        }
        if setting.source != Source::File {
            return;
        }
        if looks::placeholder(value) && declaration.plain_default() != Some(value) {
            let level = if secret { Level::Error } else { Level::Warning };
            let rest = if declaration.required {
                "enter the real one"
            } else {
                "enter the real one, or leave it empty"
            };
            let message = format!("the value of `{key}` is a placeholder; {rest}");
            self.add(level, "placeholder", key, line, message);
        } else if let Some(generated) = declaration.generated
            && looks::weak(value, generated.bytes())
        {
            let bytes = generated.bytes();
            let message = format!(
                "the value of `{key}` is weak: it has fewer than {bytes} characters, or too few different ones; \
                 if nothing uses it yet, leave it empty to generate one"
            );
            self.add(Level::Warning, "weak-secret", key, line, message);
        }
        if !secret && !declaration.public && looks::secret(value) {
            let message = format!(
                "the value of `{key}` looks like a secret, but its class is config, which everybody in the \
                 cluster can read"
            );
            self.add(Level::Warning, "secret-in-config", key, line, message);
        }
    }

    /// Values that anybody can read must not contain a secret.
    fn public(&mut self, environment: &Environment, contract: &Contract, lines: &[Entry]) {
        let secrets: Vec<&Setting> = environment
            .settings
            .iter()
            .filter(|one| one.class == Class::Secret && one.value.expose_secret().len() >= TELLING)
            .collect();
        for line in lines.iter().filter(|line| contract.is_public(&line.key)) {
            let (key, value) = (&line.key, line.value.expose_secret());
            let held = secrets.iter().find(|secret| value.contains(secret.value.expose_secret()));
            let message = match held {
                Some(secret) => {
                    format!(
                        "{} can be read by anybody and contains the value of `{}`",
                        shown(key),
                        secret.key
                    )
                }
                None if looks::secret(value) => {
                    format!("{} can be read by anybody and looks like a secret", shown(key))
                }
                None => continue,
            };
            self.add(Level::Error, "public-secret", key, Some(line.line), message);
        }
    }

    #[cfg(unix)]
    fn mode(&mut self, environment: &Environment) {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(meta) = std::fs::metadata(&environment.file) else { return };
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let file = environment.file.display();
            let message = format!("others may read this file (mode {mode:04o}); chmod 600 {file}");
            self.add(Level::Warning, "file-mode", "", None, message);
        }
    }

    #[cfg(not(unix))]
    fn mode(&mut self, _environment: &Environment) {}
}

/// The first sentence of the key's description, for the user who has to fill it in.
fn why(declaration: &Declaration) -> String {
    match declaration.description.lines().next() {
        Some(line) if !line.is_empty() => format!(" ({})", line.trim_end_matches('.')),
        _ => String::new(),
    }
}
