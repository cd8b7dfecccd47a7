//! The values of a journey, and how they are kept out of messages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use secrecy::{ExposeSecret as _, SecretString};

use super::template::{Template, is_name, percent_encoded};
use crate::files::hex;

/// Names that are predefined in every journey.
pub(super) const HOST: &str = "host";
pub(super) const ORIGIN: &str = "origin";
/// The generators of a variable; each run generates a new value.
pub(super) const RANDOM: &str = "random";
pub(super) const SECRET: &str = "secret";

/// A shorter value is only replaced if it stands alone: as part of a word it reveals nothing, and a number
/// such as an id would alter every other number.
const SHORT: usize = 8;

/// The values of a run. A hidden value stays hidden, even if its name gets another value.
pub(super) struct Values {
    known: BTreeMap<String, SecretString>,
    hidden: Vec<(String, SecretString)>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.known.keys()).finish()
    }
}

impl Values {
    /// The variables of a file, with new generated parts.
    pub fn new(vars: &BTreeMap<String, Template>, host: &str) -> Result<Self, String> {
        let mut values = Self { known: BTreeMap::new(), hidden: Vec::new() };
        values.set(HOST, host.to_owned(), false);
        for (name, template) in vars {
            let mut made = Vec::new();
            let text = template.fill(|part| {
                let random = match part {
                    RANDOM => random::<6>()?,
                    // With every class of characters that password rules require.
                    SECRET => format!("Aa1-{}", random::<16>()?),
                    _ => return Ok(host.to_owned()),
                };
                made.push(random.clone());
                Ok::<_, String>(random)
            })?;
            // The parts as well, because a response may contain a part of the value.
            for part in &made {
                values.hide(name, part);
            }
            values.set(name, text, !made.is_empty());
        }
        Ok(values)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(SecretString::expose_secret)
    }

    /// Sets `name` to a value; `hide` keeps it out of messages.
    pub fn set(&mut self, name: &str, value: String, hide: bool) {
        if hide {
            self.hide(name, &value);
        }
        self.known.insert(name.to_owned(), value.into());
    }

    /// Keeps a value out of messages, which show `{label}` instead.
    pub fn hide(&mut self, label: &str, value: &str) {
        let known = self.hidden.iter().any(|(_, hidden)| hidden.expose_secret() == value);
        if !value.is_empty() && !known {
            self.hidden.push((label.to_owned(), value.into()));
        }
    }

    /// `text` without hidden values and without what looks like a secret.
    pub fn redact(&self, text: &str) -> String {
        let mut forms: Vec<(String, &str)> = Vec::new();
        for (label, value) in &self.hidden {
            let value = value.expose_secret();
            let json = serde_json::Value::from(value).to_string();
            let encoded = percent_encoded(value);
            let form = encoded.replace("%20", "+");
            for form in [value, json.trim_matches('"'), &encoded, &form] {
                forms.push((form.to_owned(), label));
            }
        }
        // The longest first, because a value may be part of another.
        forms.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        let text = forms.iter().fold(text.to_owned(), |text, (form, label)| {
            if text.contains(form.as_str()) { replace(&text, form, &format!("{{{label}}}")) } else { text }
        });
        mask(&text)
    }
}

fn random<const BYTES: usize>() -> Result<String, String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| format!("cannot generate random numbers: {error}"))?;
    Ok(hex(&bytes))
}

fn replace(text: &str, value: &str, label: &str) -> String {
    if value.chars().count() >= SHORT {
        return text.replace(value, label);
    }
    let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (mut new, mut from) = (String::new(), 0);
    for (at, found) in text.match_indices(value) {
        let (before, after) = (text[..at].chars().next_back(), text[at + found.len()..].chars().next());
        if !within(before) && !within(after) {
            new.push_str(&text[from..at]);
            new.push_str(label);
            from = at + found.len();
        }
    }
    new.push_str(&text[from..]);
    new
}

/// JSON members with names of secrets, and tokens by their form: not every secret was captured.
fn mask(text: &str) -> String {
    #[allow(clippy::unwrap_used)] // constants, which a test compiles
    static SECRETS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
        [
            r#"(?i)("[^"]*(?:token|password|passwd|secret|cookie|authorization|credential|api_?key|jwt)[^"]*"\s*:\s*")(?:[^"\\]|\\.)+"#,
            r"()\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}",
            r"(?i)(\bbearer\s+)[^\s\x22,;]+",
        ]
        .map(|pattern| Regex::new(pattern).unwrap())
    });
    SECRETS.iter().fold(text.to_owned(), |text, secret| {
        let masked = |found: &Captures<'_>| {
            let (whole, before) = (&found[0], &found[1]);
            let label = whole[before.len()..].strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            // A label already describes the value.
            if label.is_some_and(is_name) { whole.to_owned() } else { format!("{before}…") }
        };
        secret.replace_all(&text, masked).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values::new(&BTreeMap::new(), "app.localhost").unwrap()
    }

    #[test]
    fn made_values_differ_and_are_hidden() {
        let vars: BTreeMap<_, _> =
            [("email", "j-{random}@{host}"), ("password", "{secret}"), ("title", "milk")]
                .map(|(name, text)| (name.to_owned(), Template::parse(text)))
                .into();
        let (one, two) = (Values::new(&vars, "h").unwrap(), Values::new(&vars, "h").unwrap());
        let [email, password] = ["email", "password"].map(|name| one.get(name).unwrap().to_owned());
        assert!(email.starts_with("j-") && email.ends_with("@h") && email.len() == 16, "{email}");
        assert!(two.get("email") != Some(&email) && two.get("password") != Some(&password));
        let shown = one.redact(&format!("{email} {password} milk {}", percent_encoded(&email)));
        assert_eq!(shown, "{email} {password} milk {email}");
        assert!(!format!("{one:?}").contains(&password));
    }

    #[test]
    fn every_form_of_a_value_is_hidden() {
        let mut values = values();
        values.set("note", "two \"words\" & more".to_owned(), true);
        let json = serde_json::json!({ "note": values.get("note") }).to_string();
        assert_eq!(values.redact(&json), r#"{"note":"{note}"}"#);
        assert_eq!(values.redact("a=two+%22words%22+%26+more&b=1"), "a={note}&b=1");
        values.set("note", "another value".to_owned(), true);
        assert!(!values.redact(&json).contains("words"), "a former value is still hidden");
    }

    #[test]
    fn short_values_are_hidden_where_they_stand_alone() {
        let mut values = values();
        values.set("id", "1".to_owned(), true);
        assert_eq!(values.redact(r#"{"id":1,"n":10,"at":"2011"}"#), r#"{"id":{id},"n":10,"at":"2011"}"#);
        values.set("empty", String::new(), true);
        assert_eq!(values.redact("abc"), "abc");
    }

    #[test]
    fn a_value_within_another_leaves_no_rest() {
        let mut values = values();
        values.set("part", "canarycanary".to_owned(), true);
        values.set("all", "canarycanary.signature".to_owned(), true);
        assert_eq!(values.redact("canarycanary.signature canarycanary"), "{all} {part}");
    }

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        let values = values();
        let shown = values.redact(r#"{"accessToken" : "ab\"cd", "id":7,"new_password":"x"}"#);
        assert_eq!(shown, r#"{"accessToken" : "…", "id":7,"new_password":"…"}"#);
        assert_eq!(values.redact("got eyJhbGciOiJFZERTQSJ9.eyJzdWIi.c2ln here"), "got … here");
        assert_eq!(values.redact("Authorization: Bearer abc.def"), "Authorization: Bearer …");
    }
}
