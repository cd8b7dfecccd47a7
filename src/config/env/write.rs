//! Creates `.env` from its contract, and fills in generated values.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::contract::Contract;
use super::statements::{self, Statement};
use super::{CHECK, EnvValues, file};
use crate::config::Application;
use crate::config::problems::Problems;
use crate::error::{Error, Result};
use crate::user_file;

/// The mode of a new file.
const MODE: u32 = 0o600;
/// A part of the text, and the value that takes its place.
type Place = (Range<usize>, SecretString);

const NOTE: &str = "# Added by todo-bootstrap: secrets that the contract asks for.";

/// What [`complete`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The file did not exist before.
    pub made: bool,
    pub generated: Vec<String>,
    /// Keys whose former default was replaced.
    pub updated: Vec<String>,
    /// Keys that got the value that was given.
    pub kept: Vec<String>,
}

/// Creates `.env` from the contract if it is missing, and fills in missing secrets: with those of `given`, which
/// are in use, else with new ones. A new file keeps all of `given` that differs from the contract.
pub fn complete(application: &Application, given: &EnvValues) -> Result<Written> {
    let Some(contract) = Contract::load(&application.env_example)? else { return Ok(Written::default()) };
    let _lock = lock(&application.env_example)?;
    let path = resolved(&application.env_file);
    let current = file::read(&path)?;
    let made = current.is_none();
    let text = current.unwrap_or_else(|| SecretString::from(contract.text.clone()));
    let mut written = Written { made, ..Written::default() };
    let new = filled(&path, text.expose_secret(), &contract, given, &mut written)?;
    if made {
        user_file::create(&path, new.expose_secret().as_bytes(), MODE).map_err(|error| {
            let help =
                if error.kind() == ErrorKind::AlreadyExists { CHECK.to_owned() } else { listing(&path) };
            Error::io("make", &path, &error).help(help)
        })?;
    } else if new.expose_secret() != text.expose_secret() {
        user_file::write(&path, new.expose_secret().as_bytes(), MODE, None)
            .map_err(|error| Error::io("write", &path, &error).help(listing(&path)))?;
    }
    Ok(written)
}

/// The command that shows who may write where.
fn listing(path: &Path) -> String {
    format!("ls -ld {} {}", path.parent().unwrap_or(Path::new(".")).display(), path.display())
}

/// The target of a link; the link itself is kept.
fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The contract serves as the lock: it exists, and is not replaced.
fn lock(example: &Path) -> Result<File> {
    let file = File::open(example).map_err(|error| Error::io("open", example, &error))?;
    // A file system without locks has no second writer's protection, and works.
    let _ = file.lock();
    Ok(file)
}

/// `text` with a value for each generated key: in its place, else above all others, which may use it.
fn filled(
    path: &Path,
    text: &str,
    contract: &Contract,
    given: &EnvValues,
    written: &mut Written,
) -> Result<SecretString> {
    let mut problems = Problems::new(path.display().to_string());
    let found = statements::read(text, &mut problems).list;
    problems.or(Some(()))?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut places: Vec<Place> = Vec::new();
    let mut above = String::new();
    for declaration in &contract.declarations {
        let statement = found.iter().find(|statement| statement.key == declaration.key);
        if let Some(former) = statement.filter(|one| declaration.was(one.template.expose_secret())) {
            places.push((former.span.clone(), contract.text[declaration.span.clone()].into()));
            written.updated.push(declaration.key.clone());
        }
        let Some(form) = declaration.generated else { continue };
        if statement.is_some_and(|statement| !statement.template.expose_secret().is_empty()) {
            continue;
        }
        let kept = given.get(&declaration.key).filter(|value| plain(value.expose_secret()));
        let names = if kept.is_some() { &mut written.kept } else { &mut written.generated };
        names.push(declaration.key.clone());
        let value = kept.map_or_else(|| form.value(), |value| Ok(value.clone()))?;
        match statement {
            Some(statement) => places.push((statement.span.clone(), value)),
            None => above.push_str(&format!("{}={}{end}", declaration.key, value.expose_secret())),
        }
    }
    if written.made {
        keep(contract, &found, given, &mut places, written);
    }
    places.sort_by_key(|(span, _)| span.start);
    let mut out = String::new();
    let mut at = 0;
    for (span, value) in &places {
        out.push_str(&text[at..span.start]);
        out.push_str(value.expose_secret());
        at = span.end;
    }
    out.push_str(&text[at..]);
    if !above.is_empty() {
        let mark = if out.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        out.insert_str(mark, &format!("{NOTE}{end}{above}{end}"));
    }
    Ok(out.into())
}

/// Puts what is in use in the place of a default that differs.
fn keep(
    contract: &Contract,
    found: &[Statement],
    given: &EnvValues,
    places: &mut Vec<Place>,
    written: &mut Written,
) {
    let mut known = EnvValues::new();
    for (declaration, statement) in contract.declarations.iter().zip(found) {
        let placed =
            places.iter().find(|(span, _)| *span == statement.span && declaration.generated.is_some());
        let look = |name: &str| known.get(name).map(SecretString::expose_secret);
        let value = match (placed, declaration.default(&look)) {
            (Some((_, value)), _) => value.clone(),
            // The contract was checked: each default is valid.
            (None, default) => default.unwrap_or_default(),
        };
        let own = given.get(&declaration.key).filter(|_| placed.is_none());
        let own = own.filter(|own| own.expose_secret() != value.expose_secret());
        let own = own.filter(|own| !own.expose_secret().contains('\0'));
        let own = own.filter(|own| !declaration.was(own.expose_secret()));
        if let Some(own) = own {
            places.push((statement.span.clone(), quote(own.expose_secret()).into()));
            written.kept.push(declaration.key.clone());
        }
        known.insert(declaration.key.clone(), own.cloned().unwrap_or(value));
    }
}

/// `value` as it can be written so that it is read as itself.
fn quote(value: &str) -> String {
    if plain(value) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\\']) {
        return format!("'{value}'");
    }
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$");
    format!("\"{escaped}\"")
}

/// Whether a value needs no quotes.
fn plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+/=".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;
    use crate::config::env::parse;

    proptest! {
        #[test]
        fn what_is_quoted_is_read_as_itself(value in "[^\u{0}]{0,40}", near in "['\"$\\\\{}A \n]{0,9}") {
            let value = format!("{near}{value}{near}");
            let read = parse("f", &format!("A={} # c\nB=1", quote(&value))).unwrap();
            prop_assert!(read["A"].expose_secret() == value && read.len() == 2);
        }
    }
}
