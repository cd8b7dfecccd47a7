//! Texts with `{name}` in them.

use std::fmt::{self, Write as _};

/// A text whose placeholders are filled when a step is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// `{name}` is a placeholder, `{{name}}` the text `{name}`; any other brace stands for itself, as in JSON.
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            let (inner, doubled) = match rest[at..].strip_prefix("{{") {
                Some(inner) if gap(inner).is_some_and(|(_, rest)| rest.starts_with('}')) => (inner, true),
                _ => (&rest[at + 1..], false),
            };
            match gap(inner) {
                Some((name, behind)) if doubled => {
                    let _ = write!(plain, "{{{name}}}");
                    rest = &behind[1..];
                }
                Some((name, behind)) => {
                    parts.extend(text_part(&mut plain));
                    parts.push(Part::Name(name.to_owned()));
                    rest = behind;
                }
                None => {
                    plain.push('{');
                    rest = inner;
                }
            }
        }
        plain.push_str(rest);
        parts.extend(text_part(&mut plain));
        Self(parts)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with every placeholder filled by `value`; stops at the first error.
    pub fn fill<E>(&self, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Name(name) => text.push_str(&value(name)?),
            }
        }
        Ok(text)
    }
}

/// As in the file.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(plain) => f.write_str(plain),
            Part::Name(name) => write!(f, "{{{name}}}"),
        })
    }
}

fn text_part(plain: &mut String) -> Option<Part> {
    (!plain.is_empty()).then(|| Part::Text(std::mem::take(plain)))
}

/// The name at the beginning of `text`, and the text after its closing brace.
fn gap(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('}')?;
    is_name(name).then_some((name, rest))
}

/// `a-z`, then `a-z`, `0-9` and `_`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Percent-encoded for a path, a query, or a form.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::parse(text).fill(|name| Ok::<_, ()>(format!("<{name}>"))).unwrap()
    }

    #[test]
    fn only_names_in_braces_are_gaps() {
        assert_eq!(filled("/a/{id}?b={b_2}"), "/a/<id>?b=<b_2>");
        assert_eq!(filled(r#"{"a":{"b":{}}}"#), r#"{"a":{"b":{}}}"#);
        assert_eq!(filled(r#"{"a":"{id}"}"#), r#"{"a":"<id>"}"#);
        assert_eq!(filled("{{id}} {{ {Id} { {1}"), "{id} {{ {Id} { {1}");
        assert_eq!(filled("{{{id}}"), "{{id}");
        assert_eq!(filled("{{id}"), "{<id>");
        assert_eq!(Template::parse("{a}x{b}{a}").names().collect::<Vec<_>>(), ["a", "b", "a"]);
    }

    #[test]
    fn what_is_encoded_can_be_no_part_of_a_url() {
        assert_eq!(percent_encoded("a b/ü?&~"), "a%20b%2F%C3%BC%3F%26~");
    }
}
