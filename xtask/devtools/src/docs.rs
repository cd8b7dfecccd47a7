//! Writes the parts of the documentation that are generated: the tables of values in the README of the
//! application's chart, from its schema.

use std::path::PathBuf;

use serde_json::Value;

use crate::chart::CHART;
use crate::shell::{Result, root};

/// The line above a table of the README, which the definition of the schema follows.
const MARK: &str = "<!-- Written by `cargo xtask docs` from values.schema.json: ";
const HEAD: &str = "| value | default | description |\n|---|---|---|\n";

pub(crate) fn write() -> Result {
    let text = generated()?;
    std::fs::write(readme(), text).map_err(|error| format!("cannot write {}: {error}", readme().display()))
}

fn readme() -> PathBuf {
    root().join(CHART).join("README.md")
}

/// The README with current tables.
fn generated() -> Result<String> {
    let read = |name: &str| {
        let path = root().join(CHART).join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let schema: Value = serde_json::from_str(&read("values.schema.json")?).map_err(|e| e.to_string())?;
    let values: Value = serde_saphyr::from_str(&read("values.yaml")?).map_err(|e| e.to_string())?;
    let mut text = String::new();
    let mut replaced = false;
    for line in read("README.md")?.lines() {
        replaced &= line.starts_with('|');
        if !replaced {
            text += &format!("{line}\n");
        }
        if let Some(name) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->")) {
            text += HEAD;
            let (node, values) = match name {
                "values" => (&schema, &values),
                name => (&schema["definitions"][name], &Value::Null),
            };
            rows(&schema, node, "", values, &mut text)?;
            replaced = true;
        }
    }
    Ok(text)
}

/// A row for each described node below `node`; what is below a description is part of it. Fails if a node
/// has neither a description nor described parts.
fn rows(schema: &Value, node: &Value, at: &str, values: &Value, text: &mut String) -> Result {
    let node = node["$ref"].as_str().and_then(|path| schema.pointer(path.strip_prefix('#')?)).unwrap_or(node);
    let own = node["properties"].as_object().into_iter().flatten();
    let named = node["patternProperties"].as_object().into_iter().flatten();
    let parts = own.map(|(name, part)| (name.as_str(), part, &values[name]));
    let mut parts = parts.chain(named.map(|(_, part)| ("NAME", part, values))).peekable();
    if parts.peek().is_none() {
        return Err(format!("values.schema.json: `{at}` has no description"));
    }
    for (name, part, value) in parts {
        let path = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let Some(description) = part["description"].as_str() else {
            rows(schema, part, &path, value, text)?;
            continue;
        };
        let required = node["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let default = match (&part["default"], value) {
            (Value::Null, Value::Null) if required => "required".to_owned(),
            (Value::Null, value) => shown(value),
            (default, _) => shown(default),
        };
        *text += &format!("| `{path}` | {default} | {description} |\n");
    }
    Ok(())
}

/// A default as the table shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => "none".to_owned(),
        Value::Object(_) => "see `values.yaml`".to_owned(),
        Value::String(text) if !text.is_empty() => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_current() {
        let text = std::fs::read_to_string(readme()).unwrap();
        assert_eq!(text.matches(MARK).count(), 2);
        assert!(text == generated().unwrap(), "help: cargo xtask docs");
    }

    #[test]
    fn every_value_has_a_row_or_is_part_of_one() {
        let schema = serde_json::json!({
            "required": ["a"],
            "properties": {
                "a": { "description": "of a" },
                "b": { "$ref": "#/definitions/b" },
                "c": { "patternProperties": { "^x$": { "description": "of each", "default": 7 } } },
            },
            "definitions": { "b": { "properties": { "d": { "description": "of d" } } } },
        });
        let mut text = String::new();
        let values = serde_json::json!({ "b": { "d": ["x", "y"] } });
        rows(&schema, &schema, "", &values, &mut text).unwrap();
        let expected =
            "| `a` | required | of a |\n| `b.d` | `x`, `y` | of d |\n| `c.NAME` | `7` | of each |\n";
        assert_eq!(text, expected);
        let bare = serde_json::json!({ "properties": { "e": { "type": "string" } } });
        let error = rows(&bare, &bare, "", &Value::Null, &mut text).unwrap_err();
        assert_eq!(error, "values.schema.json: `e` has no description");
    }
}
