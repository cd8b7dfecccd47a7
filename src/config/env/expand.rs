//! `$NAME` and `${NAME…}` in values, as docker compose expands them.
//!
//! Names are looked up above in the same file, not in the shell. A plain `$NAME` that is not set is an error.

use std::fmt;

/// Deeper nesting is hardly intended.
const DEEPEST: usize = 16;
/// Linux takes no environment variable that is longer.
pub(super) const LONGEST: usize = 128 * 1024 - 1;

/// Why a value cannot be expanded. Its text contains no part of the value, which may be a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The name may be shown only if it is known to be one.
    Unset(String),
    Required,
    Form,
    Braces,
    Open,
    Deep,
    Long,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unset(_) => {
                "uses `$` with a name that is not set above it; write $$ for a dollar sign, or ${NAME-} for \
                 a name that may be missing"
            }
            Self::Required => "requires a name by `${NAME?…}` that is not set above it, or is empty",
            Self::Form => {
                "contains an unknown form of `${`: ${NAME}, ${NAME:-value}, ${NAME-value}, \
                 ${NAME:?text}, ${NAME?text}, ${NAME:+value}, ${NAME+value}; for a dollar sign write $$"
            }
            Self::Braces => "contains {{ or {} within `${…}`, which docker compose parses differently",
            Self::Open => "contains `${` without its closing brace on the same line",
            Self::Deep => "nests `${…}` too deeply",
            Self::Long => "is longer than an environment variable can be (128 KiB)",
        })
    }
}

/// `template` with all names replaced by what `look` says of them.
pub(super) fn expand<'v>(
    template: &str,
    look: &dyn Fn(&str) -> Option<&'v str>,
) -> std::result::Result<String, Fault> {
    let mut out = String::new();
    Expansion { look, out: &mut out }.all(template, 0)?;
    Ok(out)
}

struct Expansion<'e, 'v> {
    look: &'e dyn Fn(&str) -> Option<&'v str>,
    out: &'e mut String,
}

impl Expansion<'_, '_> {
    fn all(&mut self, template: &str, depth: usize) -> std::result::Result<(), Fault> {
        if depth > DEEPEST {
            return Err(Fault::Deep);
        }
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            self.push(&rest[..at])?;
            let behind = &rest[at + 1..];
            rest = match behind.chars().next() {
                Some('$') => {
                    self.push("$")?;
                    &behind[1..]
                }
                Some('{') => self.braced(&behind[1..], depth)?,
                Some(c) if name_part(c) && !c.is_ascii_digit() => {
                    let (name, rest) = split_name(behind)?;
                    self.set(name)?;
                    rest
                }
                _ => {
                    self.push("$")?;
                    behind
                }
            };
        }
        self.push(rest)
    }

    /// What follows `${`; returns what follows its `}`.
    fn braced<'t>(&mut self, text: &'t str, depth: usize) -> std::result::Result<&'t str, Fault> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Fault::Form);
        }
        let (name, rest) = split_name(text)?;
        if name.is_empty() {
            return Err(Fault::Form);
        }
        if let Some(rest) = rest.strip_prefix('}') {
            self.set(name)?;
            return Ok(rest);
        }
        let (filled, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
        let operator = rest.chars().next().filter(|c| matches!(c, '-' | '+' | '?')).ok_or(Fault::Form)?;
        let (word, rest) = split_word(&rest[1..])?;
        // With a colon, what is empty counts as not set.
        let value = (self.look)(name);
        let usable = value.filter(|value| !filled || !value.is_empty());
        match (operator, usable) {
            ('-', None) | ('+', Some(_)) => self.all(word, depth + 1)?,
            ('?', None) => return Err(Fault::Required),
            (_, value) => self.push(value.unwrap_or_default())?,
        }
        Ok(rest)
    }

    fn set(&mut self, name: &str) -> std::result::Result<(), Fault> {
        let value = (self.look)(name).ok_or_else(|| Fault::Unset(name.to_owned()))?;
        self.push(value)
    }

    fn push(&mut self, text: &str) -> std::result::Result<(), Fault> {
        if self.out.len() + text.len() > LONGEST {
            return Err(Fault::Long);
        }
        self.out.push_str(text);
        Ok(())
    }
}

/// The two letters are those that compose, which ignores case, takes for an s and a k.
fn name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '\u{17f}' | '\u{212a}')
}

fn split_name(text: &str) -> std::result::Result<(&str, &str), Fault> {
    let end = text.find(|c: char| !name_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_ascii() { Ok((name, rest)) } else { Err(Fault::Form) }
}

/// Splits at the brace that closes the word; braces within it are paired.
fn split_word(text: &str) -> std::result::Result<(&str, &str), Fault> {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return Err(Fault::Open),
            '{' if text[at + 1..].starts_with(['{', '}']) => return Err(Fault::Braces),
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Ok((&text[..at], &text[at + 1..]));
        }
    }
    Err(Fault::Open)
}

/// `tests/env` compares the values with those of docker compose.
#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str) -> std::result::Result<String, Fault> {
        let known = |name: &str| (name == "EMPTY").then_some("");
        expand(template, &known)
    }

    #[test]
    fn what_compose_would_read_in_its_own_way_is_an_error() {
        assert_eq!(expanded("$B"), Err(Fault::Unset("B".into())));
        assert_eq!(expanded("${EMPTY:?no}"), Err(Fault::Required));
        for template in ["${}", "${1}", "${A:x}", "${A", "${-x}", "$\u{17f}", "${A\u{212a}}"] {
            assert_eq!(expanded(template), Err(Fault::Form), "{template}");
        }
        assert_eq!(expanded("${A:-{}}"), Err(Fault::Braces));
        assert_eq!(expanded("${A:-x\n}"), Err(Fault::Open));
        assert_eq!(expanded(&"${B:-".repeat(40).replace('x', "}")), Err(Fault::Open));
        assert_eq!(expanded(&format!("{}{}", "${B-".repeat(40), "}".repeat(40))), Err(Fault::Deep));
    }
}
