//! `[[overrides]]` of an application: what values of `.env` change about its chart, images and checks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::application::inside;
use super::env::Pattern;
use super::reader::Fields;

/// What applies only with some values in `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// It applies if the value of one of these keys …
    keys: Vec<String>,
    /// … matches this; by default, it only has to have a value, …
    matches: Option<Pattern>,
    /// … and does not match this, …
    unless_matches: Option<Pattern>,
    /// … unless one of these keys has the given value.
    unless: BTreeMap<String, String>,
    /// Merged after those of the preset.
    pub values: Option<PathBuf>,
    /// The IDs of the checks of what these values remove.
    pub without_checks: Vec<String>,
    /// The images of what they remove: these are neither built nor pulled.
    pub without_images: Vec<String>,
}

impl Override {
    /// `value` gives the value of a key, which is empty if it is not set.
    pub(super) fn applies<'v>(&self, value: impl Fn(&str) -> &'v str) -> bool {
        let matches =
            |text: &str| self.matches.as_ref().map_or(!text.is_empty(), |wanted| wanted.holds(text));
        let except = |text: &str| self.unless_matches.as_ref().is_some_and(|own| own.holds(text));
        self.keys.iter().map(|key| value(key)).any(|text| matches(text) && !except(text))
            && !self.unless.iter().any(|(key, unless)| value(key) == unless)
    }
}

/// `images`: the names of all images of the application.
pub(super) fn read(dir: &Path, fields: &mut Fields<'_, '_>, images: &[String]) -> Vec<Override> {
    fields.tables("overrides", |fields| {
        let keys = fields.strings("keys");
        if keys.is_empty() {
            fields.problem("keys", "names no key of .env".to_owned());
        }
        let mut pattern = |key| fields.opt_parsed(key, Pattern::new);
        let (matches, unless_matches) = (pattern("matches"), pattern("unless-matches"));
        let unless = fields.string_map("unless");
        let values = if fields.has("values") { inside(dir, fields, "values", Path::is_file) } else { None };
        let without_checks = fields.strings("without-checks");
        let without_images = fields.strings("without-images");
        for name in without_images.iter().filter(|name| !images.contains(name)) {
            fields.problem("without-images", format!("names `{name}`, which is not in [[images]]"));
        }
        Some(Override { keys, matches, unless_matches, unless, values, without_checks, without_images })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an override for the key `URL` applies with each of these values.
    fn applies(matches: Option<&str>, unless: Option<&str>, values: [&str; 4]) -> [bool; 4] {
        let pattern = |text: Option<&str>| text.map(|text| Pattern::new(text).unwrap());
        let over = Override {
            keys: vec!["URL".to_owned()],
            matches: pattern(matches),
            unless_matches: pattern(unless),
            unless: BTreeMap::from([("MOCK".to_owned(), "true".to_owned())]),
            values: None,
            without_checks: Vec::new(),
            without_images: Vec::new(),
        };
        assert!(!over.applies(|key| if key == "MOCK" { "true" } else { "store://file" }));
        values.map(|value| over.applies(|key| if key == "URL" { value } else { "" }))
    }

    #[test]
    fn the_value_of_a_key_decides() {
        let values = ["", "store://ours/x", "store://theirs/x", "file:///x"];
        assert_eq!(applies(None, None, values), [false, true, true, true]);
        assert_eq!(applies(None, Some("store://ours/.*|file:.*"), values), [false, false, true, false]);
        assert_eq!(applies(Some("file:.*"), None, values), [false, false, false, true]);
        assert_eq!(applies(Some(""), None, values), [true, false, false, false]);
    }
}
