//! The `@words` in the comments of a contract.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use regex_lite::Regex;
use secrecy::SecretString;

use super::statements::{Comment, Statement, shown};
use crate::config::problems::Problems;
use crate::config::reader::suggest;
use crate::error::Error;
use crate::files::hex;

const KNOWN: [&str; 7] =
    ["@secret", "@config", "@required", "@generated", "@pattern", "@public", "@formerly"];
const PREFIX: &str = "@public-prefix";
/// Fewer random bytes can be guessed, more are of no use.
const BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Secret,
    Config,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }
}

/// How a value is generated, with the number of random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generated {
    Hex(usize),
    Base64(usize),
}

impl Generated {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Hex(bytes) | Self::Base64(bytes) => bytes,
        }
    }

    /// A new value, from the system's source of randomness.
    pub(super) fn value(self) -> crate::error::Result<SecretString> {
        let mut bytes = vec![0; self.bytes()];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::failed("the system provides no random numbers").because(error))?;
        Ok(match self {
            Self::Hex(_) => hex(&bytes),
            Self::Base64(_) => BASE64_STANDARD.encode(&bytes),
        }
        .into())
    }
}

/// A regular expression for the whole value.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub text: String,
    regex: Regex,
}

impl Pattern {
    pub(in crate::config) fn new(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), regex })
    }

    pub fn holds(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// The content of the comments above a key.
#[derive(Debug, Default)]
pub(super) struct Decorators {
    pub class: Option<Class>,
    pub required: bool,
    pub generated: Option<Generated>,
    pub pattern: Option<Pattern>,
    pub public: bool,
    pub formerly: Option<String>,
    pub description: String,
}

impl Decorators {
    pub fn read(statement: &Statement, comments: &[Comment], problems: &mut Problems) -> Self {
        let mut read = Self::default();
        let mut description = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for comment in comments {
            if !comment.text.starts_with('@') {
                description.push(comment.text.as_str());
                continue;
            }
            for (name, value) in words(comment, problems) {
                if seen.contains(&name) {
                    problems.add(Some(comment.line), format!("`{name}` is repeated"));
                } else if let Err(message) = read.take(&name, value.as_deref()) {
                    let key = shown(&statement.key);
                    problems.add(Some(comment.line), format!("`{name}` of {key} {message}"));
                }
                seen.push(name);
            }
        }
        description.join("\n").trim().clone_into(&mut read.description);
        read
    }

    fn take(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        match (name, value) {
            ("@secret", None) => self.class(Class::Secret)?,
            ("@config", None) => self.class(Class::Config)?,
            ("@required", None) => self.required = true,
            ("@public", None) => self.public = true,
            ("@generated", Some(value)) => self.generated = Some(generated(value)?),
            ("@pattern", Some(value)) => {
                let pattern = Pattern::new(value);
                self.pattern = Some(pattern.map_err(|e| format!("is not a regular expression: {e}"))?);
            }
            ("@formerly", Some(value)) => self.formerly = Some(value.to_owned()),
            ("@formerly", None) => return Err("needs a value: @formerly=DEFAULT".to_owned()),
            ("@generated", None) => return Err("needs a value: @generated=hex:32".to_owned()),
            ("@pattern", None) => return Err("needs a value: @pattern=REGEX".to_owned()),
            (PREFIX, _) => {
                return Err(
                    "applies to the whole file; leave an empty line between it and the key".to_owned()
                );
            }
            (name, Some(_)) if KNOWN.contains(&name) => return Err("takes no value".to_owned()),
            (name, _) => return Err(format!("is unknown{}", suggest(name, &KNOWN))),
        }
        Ok(())
    }

    fn class(&mut self, class: Class) -> Result<(), String> {
        match self.class.replace(class) {
            None => Ok(()),
            Some(_) => Err("is a second class".to_owned()),
        }
    }
}

/// The words of a decorator line with their values; a pattern takes all that follows.
fn words(comment: &Comment, problems: &mut Problems) -> Vec<(String, Option<String>)> {
    let mut words = Vec::new();
    let mut rest = comment.text.trim();
    while !rest.is_empty() {
        if let Some(pattern) = rest.strip_prefix("@pattern=") {
            words.push(("@pattern".to_owned(), Some(pattern.to_owned())));
            break;
        }
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        if !word.starts_with('@') {
            let message = "has text after a decorator; put the text on a line of its own";
            problems.add(Some(comment.line), message);
            break;
        }
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        words.push((name.to_owned(), value.map(str::to_owned)));
    }
    words
}

fn generated(value: &str) -> Result<Generated, String> {
    let (form, bytes) = value.split_once(':').unwrap_or((value, ""));
    let bytes: Option<usize> = bytes.parse().ok().filter(|bytes| BYTES.contains(bytes));
    match (form, bytes) {
        ("hex", Some(bytes)) => Ok(Generated::Hex(bytes)),
        ("base64", Some(bytes)) => Ok(Generated::Base64(bytes)),
        _ => Err("must be hex:BYTES or base64:BYTES, with 16 to 1024 bytes".to_owned()),
    }
}

/// Reads the comments that belong to no key: the prefixes of public keys.
pub(super) fn public_prefixes(free: &[Comment], problems: &mut Problems) -> Vec<String> {
    let mut prefixes = Vec::new();
    for comment in free.iter().filter(|comment| comment.text.starts_with('@')) {
        for (name, value) in words(comment, problems) {
            match value.filter(|value| !value.is_empty()) {
                Some(prefix) if name == PREFIX => prefixes.push(prefix),
                _ if name == PREFIX => {
                    problems.add(Some(comment.line), format!("`{PREFIX}` needs a value: {PREFIX}=PUBLIC_"));
                }
                _ => {
                    let message = format!("`{name}` belongs to no key; put it directly above KEY=");
                    problems.add(Some(comment.line), message);
                }
            }
        }
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn values_have_their_form_and_differ() {
        let hex = Generated::Hex(32).value().unwrap();
        assert!(hex.expose_secret().len() == 64);
        assert!(hex.expose_secret() != Generated::Hex(32).value().unwrap().expose_secret());
        assert_eq!(Generated::Base64(32).value().unwrap().expose_secret().len(), 44);
    }
}
