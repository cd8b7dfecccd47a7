//! Reads a TOML table field by field and collects all problems; serde would stop at the first.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::Problems;
use crate::error::{Error, Result};

type Value<'a> = Spanned<DeValue<'a>>;

/// A parsed file.
pub struct Document<'a> {
    file: String,
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Parses `text`; a syntax error is reported with its line. `file` is its name in messages.
    pub fn parse(file: &str, text: &'a str) -> Result<Self> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { file: file.to_owned(), text, table: table.into_inner() });
        }
        let mut problems = Problems::in_text(file, text);
        for error in errors {
            let line = error.span().map(|span| line_of(text, span.start));
            problems.add(line, format!("not valid TOML: {}", error.message()));
        }
        Err(problems.into())
    }

    /// Reads the document with `read`; fails with all problems, including unknown keys.
    pub fn read<T>(&self, read: impl FnOnce(&mut Fields<'_, 'a>) -> Option<T>) -> Result<T, Error> {
        let mut problems = Problems::in_text(&self.file, self.text);
        let (text, table, path) = (self.text, &self.table, String::new());
        let mut fields = Fields { text, table, path, known: Vec::new(), problems: &mut problems };
        let value = read(&mut fields);
        fields.finish();
        problems.or(value)
    }
}

/// One table being read. Each getter marks its key as known; [`Fields::finish`] reports the rest.
pub struct Fields<'p, 'a> {
    text: &'a str,
    table: &'p DeTable<'a>,
    path: String,
    known: Vec<String>,
    problems: &'p mut Problems,
}

impl<'p, 'a> Fields<'p, 'a> {
    /// Adds a problem at the line of `key` (or of the table, where the key is missing).
    pub fn problem(&mut self, key: &str, message: impl Into<String>) {
        let line = self.table.get(key).map(|value| line_of(self.text, value.span().start));
        let message = format!("`{}{key}` {}", self.path, message.into());
        self.problems.add(line, message);
    }

    fn get(&mut self, key: &str) -> Option<&'p Value<'a>> {
        self.known.push(key.to_owned());
        self.table.get(key)
    }

    /// Whether the table has `key`, without marking it as known.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The keys of this table, in order; for tables whose keys are data.
    pub fn keys(&self) -> Vec<String> {
        self.table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    pub fn string(&mut self, key: &str) -> Option<String> {
        if !self.has(key) {
            self.problem(key, "is missing");
        }
        self.opt_string(key)
    }

    pub fn opt_string(&mut self, key: &str) -> Option<String> {
        match self.get(key)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => self.wrong(key, "a string", other),
        }
    }

    pub fn opt_bool(&mut self, key: &str) -> Option<bool> {
        match self.get(key)?.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => self.wrong(key, "true or false", other),
        }
    }

    /// An integer within `range` (both ends included).
    pub fn opt_integer(&mut self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = match self.get(key)?.get_ref() {
            DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix()).ok(),
            other => return self.wrong(key, "a whole number", other),
        };
        let fitting = value.filter(|value| range.contains(value));
        if fitting.is_none() {
            self.problem(key, format!("must be from {} to {}", range.start(), range.end()));
        }
        fitting
    }

    /// A list of strings; a missing key is an empty list.
    pub fn strings(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(key, "a list of strings", value.get_ref()).unwrap_or_default();
        };
        let texts: Vec<_> = items.iter().filter_map(|item| item.get_ref().as_str()).collect();
        if texts.len() != items.len() {
            self.problem(key, "must be a list of strings");
        }
        texts.into_iter().map(str::to_owned).collect()
    }

    /// A string that `parse` understands; its error text completes "`key` …".
    pub fn opt_parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.opt_string(key)?;
        parse(&text).map_err(|message| self.problem(key, message)).ok()
    }

    /// One of `choices`, with a suggestion for a near miss.
    pub fn opt_choice(&mut self, key: &str, choices: &[&str]) -> Option<String> {
        self.opt_parsed(key, |text| {
            if choices.contains(&text) {
                return Ok(text.to_owned());
            }
            let (all, near) = (choices.join(", "), suggest(text, choices));
            Err(format!("is \"{text}\", but must be one of: {all}{near}"))
        })
    }

    /// A table of its own; `None` if the key is missing or no table (which is reported).
    pub fn opt_table<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Fields<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(key, "a table", value.get_ref());
        };
        self.within(table, format!("{}{key}.", self.path), read)
    }

    fn within<T>(
        &mut self,
        table: &DeTable<'a>,
        path: String,
        read: impl FnOnce(&mut Fields<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let (text, known) = (self.text, Vec::new());
        let mut fields = Fields { text, table, path, known, problems: self.problems };
        let value = read(&mut fields);
        fields.finish();
        value
    }

    /// A list of tables; a missing key is an empty list.
    pub fn tables<T>(&mut self, key: &str, mut read: impl FnMut(&mut Fields<'_, 'a>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(key, "a list of tables", value.get_ref()).unwrap_or_default();
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}{key}[{index}].", self.path);
            if let DeValue::Table(table) = item.get_ref() {
                values.extend(self.within(table, path, &mut read));
            } else {
                let line = line_of(self.text, item.span().start);
                self.problems.add(Some(line), format!("`{}{key}[{index}]` must be a table", self.path));
            }
        }
        values
    }

    /// A table of strings whose keys are data; a missing key is an empty map.
    pub fn string_map(&mut self, key: &str) -> std::collections::BTreeMap<String, String> {
        let mut map = std::collections::BTreeMap::new();
        self.opt_table(key, |fields| {
            for name in fields.keys() {
                if let Some(value) = fields.opt_string(&name) {
                    map.insert(name, value);
                }
            }
            Some(())
        });
        map
    }

    /// Any value, as JSON; what `check` refuses is a problem at the line of that text.
    pub fn opt_json(
        &mut self,
        key: &str,
        check: &dyn Fn(&str) -> Result<(), String>,
    ) -> Option<serde_json::Value> {
        let value = self.get(key)?;
        let mut wrong = Vec::new();
        let json = json(value, check, &mut wrong);
        for (offset, message) in wrong {
            let message = format!("`{}{key}` {message}", self.path);
            self.problems.add(Some(line_of(self.text, offset)), message);
        }
        Some(json)
    }

    fn wrong<T>(&mut self, key: &str, wanted: &str, got: &DeValue<'_>) -> Option<T> {
        self.problem(key, format!("must be {wanted}, but is {}", name_of(got)));
        None
    }

    fn finish(self) {
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if self.known.iter().any(|known| known == name) {
                continue;
            }
            let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
            let line = line_of(self.text, key.span().start.min(value.span().start));
            let message = format!("unknown key `{}{name}`{}", self.path, suggest(name, &known));
            self.problems.add(Some(line), message);
        }
    }
}

fn json(
    value: &Value<'_>,
    check: &dyn Fn(&str) -> Result<(), String>,
    wrong: &mut Vec<(usize, String)>,
) -> serde_json::Value {
    let start = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => {
            wrong.extend(check(text).err().map(|message| (start, message)));
            text.as_ref().into()
        }
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Array(items) => items.iter().map(|item| json(item, check, wrong)).collect(),
        DeValue::Table(table) => {
            let member = |(key, value): (&Spanned<Cow<'_, str>>, _)| {
                (key.get_ref().to_string(), json(value, check, wrong))
            };
            serde_json::Value::Object(table.iter().map(member).collect())
        }
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => refuse(start, "contains a number that is too large", wrong),
        },
        DeValue::Float(number) => {
            match number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                Some(number) => number.into(),
                None => refuse(start, "contains a number that JSON does not support", wrong),
            }
        }
        DeValue::Datetime(_) => {
            refuse(start, "contains a date, which JSON does not support; put it in quotes", wrong)
        }
    }
}

fn refuse(start: usize, message: &str, wrong: &mut Vec<(usize, String)>) -> serde_json::Value {
    wrong.push((start, message.to_owned()));
    serde_json::Value::Null
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.get(..offset).unwrap_or(text).matches('\n').count()
}

/// ` (did you mean …?)` for the most similar of `choices`, or nothing.
pub(crate) fn suggest(text: &str, choices: &[&str]) -> String {
    let distances = choices.iter().map(|choice| (strsim::levenshtein(text, choice), choice));
    let near = distances
        .filter(|(distance, _)| *distance <= 1 + text.len() / 4)
        .min_by_key(|(distance, _)| *distance);
    near.map(|(_, choice)| format!(" (did you mean `{choice}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_at_once_with_lines() {
        let text = "name = 3\ncpus = 99\ncolor = true\n[ingres]\nport = 1\n";
        let document = Document::parse("p.toml", text).unwrap();
        let error = document
            .read(|fields| {
                fields.string("name");
                fields.string("provider");
                fields.opt_integer("cpus", 1..=64);
                fields.opt_table("ingress", |_| Some(()));
                Some(())
            })
            .unwrap_err();
        assert_eq!(
            error.causes(),
            [
                "p.toml:1: `name` must be a string, but is a number\n1 | name = 3",
                "p.toml:2: `cpus` must be from 1 to 64\n2 | cpus = 99",
                "p.toml:3: unknown key `color`\n3 | color = true",
                "p.toml:4: unknown key `ingres` (did you mean `ingress`?)\n4 | [ingres]",
                "p.toml: `provider` is missing",
            ]
        );
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let error = Document::parse("p.toml", "a = 1\nb = = 2\n").err().unwrap();
        assert!(error.causes()[0].starts_with("p.toml:2: not valid TOML"), "{error}");
    }

    #[test]
    fn any_value_is_json_and_its_texts_are_looked_at() {
        let text = "[body]\na = 1\nb = [true, 1.5]\n[body.c]\nbad = \"x\"\nday = 2024-01-02\n";
        let document = Document::parse("p.toml", text).unwrap();
        let read = |wanted: &'static str| {
            let check = move |text: &str| if text == wanted { Err("is bad".to_owned()) } else { Ok(()) };
            document.read(|fields| fields.opt_json("body", &check))
        };
        let causes = read("x").unwrap_err();
        let day = "p.toml:6: `body` contains a date, which JSON does not support; put it in quotes";
        let first_lines = causes.causes().iter().filter_map(|cause| cause.lines().next());
        assert_eq!(first_lines.collect::<Vec<_>>(), ["p.toml:5: `body` is bad", day]);
        let text = "body = {a = 1, b = [true, 1.5], c = {d = \"e\"}}";
        let document = Document::parse("p.toml", text).unwrap();
        let json = document.read(|fields| fields.opt_json("body", &|_| Ok(()))).unwrap();
        assert_eq!(json, serde_json::json!({"a": 1, "b": [true, 1.5], "c": {"d": "e"}}));
    }
}
