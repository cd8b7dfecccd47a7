//! The values of `.env`: `KEY=VALUE` lines, read with their line numbers.
//!
//! Understood here: comments, `export`, single and double quotes. Values are secrets until the
//! contract of the application says otherwise, and never enter a process environment.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use super::problems::Problems;
use crate::error::{Error, Result};

/// Values by key.
pub type EnvValues = BTreeMap<String, SecretString>;

/// Reads `file`, or `example` where there is no `file`; says which of them it was. Neither being
/// there means that the application wants no values.
pub fn load(file: &Path, example: &Path) -> Result<(EnvValues, Option<std::path::PathBuf>)> {
    for path in [file, example] {
        match std::fs::read_to_string(path) {
            Ok(text) => return Ok((parse(&path.display().to_string(), &text)?, Some(path.to_owned()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", path, &error)),
        }
    }
    Ok((EnvValues::new(), None))
}

/// All problems of the text at once; no message holds a value.
pub fn parse(file: &str, text: &str) -> Result<EnvValues> {
    let mut problems = Problems::new(file);
    let mut values = EnvValues::new();
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = Some(index + 1);
        let line = raw.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            problems.add(number, "is no KEY=VALUE");
            continue;
        };
        let key = key.trim_end();
        if !good_key(key) {
            problems.add(number, format!("`{key}` is no name for a variable (use A-Z, 0-9 and _)"));
            continue;
        }
        match unquote(value.trim()) {
            Ok(value) => {
                if values.insert(key.to_owned(), SecretString::from(value)).is_some() {
                    problems.add(number, format!("`{key}` stands here a second time"));
                }
            }
            Err(message) => problems.add(number, format!("the value of `{key}` {message}")),
        }
    }
    problems.or(Some(values))
}

fn good_key(key: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !key.is_empty() && key.chars().all(good) && !key.starts_with(|c: char| c.is_ascii_digit())
}

fn unquote(value: &str) -> std::result::Result<String, &'static str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let end = rest.rfind(quote).ok_or("has no closing quote")?;
            let after = rest[end + 1..].trim_start();
            if !after.is_empty() && !after.starts_with('#') {
                return Err("goes on behind its closing quote");
            }
            return Ok(rest[..end].to_owned());
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    Ok(value[..end].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text = "\u{feff}# comment\r\nexport A=1\r\nB = \"two # not a comment\" # one\nC='x=y'\nD=\n";
        let values = parse(".env", text).unwrap();
        let plain: Vec<_> = values.iter().map(|(k, v)| (k.as_str(), v.expose_secret())).collect();
        assert_eq!(plain, [("A", "1"), ("B", "two # not a comment"), ("C", "x=y"), ("D", "")]);
    }

    #[test]
    fn all_mistakes_at_once_and_no_value_in_them() {
        let error = parse(".env", "A=1\nhunter2\n9x=hunter2\nA=hunter2\nB=\"hunter2\n").unwrap_err();
        assert_eq!(error.causes().len(), 4, "{error}");
        assert!(!error.to_string().replace("hunter2\n", "").contains("=hunter2"), "{error}");
    }
}
