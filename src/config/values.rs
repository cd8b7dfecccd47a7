//! A chart's values merged with other values files, as Helm merges them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub struct Values {
    /// Name and content of each file, the chart's own first.
    files: Vec<(String, Value)>,
    merged: Value,
}

impl Values {
    /// Reads `values.yaml` of `chart` and then `files`, of which a later one wins.
    pub fn load(chart: &Path, files: &[PathBuf]) -> Result<Self> {
        let own = chart.join("values.yaml");
        let own = if own.is_file() { read(&own)? } else { Value::Null };
        let name = chart.join("values.yaml").display().to_string();
        let mut all = vec![(name, own)];
        for file in files {
            all.push((file.display().to_string(), read(file)?));
        }
        Ok(Self::merge(all))
    }

    /// Merges the given files, and the result over the chart's own: `null` removes, a later file adds again.
    fn merge(files: Vec<(String, Value)>) -> Self {
        let mut given = Value::Null;
        for (_, file) in files.iter().skip(1) {
            lay(&mut given, file);
        }
        let mut merged = files.first().map_or(Value::Null, |(_, own)| own.clone());
        lay(&mut merged, &given);
        drop_nulls(&mut merged);
        Self { files, merged }
    }

    pub fn merged(&self) -> &Value {
        &self.merged
    }

    /// The last file that sets the value at `path`, or the chart's own.
    pub fn file_of(&self, path: &[&str]) -> &str {
        let at = |value: &Value| path.iter().try_fold(value.clone(), |value, key| value.get(key).cloned());
        let last = self.files.iter().rev().find(|(_, value)| at(value).is_some());
        last.or(self.files.first()).map_or("values", |(name, _)| name)
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    parse(&text).map_err(|why| {
        Error::usage(format!("{} cannot be read as values", path.display()))
            .because(why)
            .help(format!("fix the problem named above in {}", path.display()))
    })
}

fn parse(text: &str) -> Result<Value, String> {
    // As Helm reads YAML: `0644` is octal.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.to_string())?;
    match documents.into_iter().next() {
        None => Ok(Value::Null),
        Some(value @ (Value::Object(_) | Value::Null)) => Ok(value),
        Some(_) => Err("it is not a map of keys and values".to_owned()),
    }
}

/// Merges `over` into `under`: maps key by key, everything else as one value.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (_, Value::Null) => {}
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                match under.get_mut(key) {
                    Some(below) if below.is_object() && value.is_object() => lay(below, value),
                    _ => {
                        under.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}

fn drop_nulls(value: &mut Value) {
    if let Value::Object(table) = value {
        table.retain(|_, value| !value.is_null());
        table.values_mut().for_each(drop_nulls);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(files: &[&str]) -> Value {
        let files = files.iter().map(|text| ("f".to_owned(), parse(text).unwrap())).collect();
        Values::merge(files).merged
    }

    #[test]
    fn tables_are_merged_deep_lists_replaced_and_null_deletes() {
        let all = merged(&[
            "a: {x: 1, y: 2, list: [1, 2]}\nb: gone\nc: kept\n",
            "a: {y: 3, list: [9]}\nb: null\n",
            "# only a comment\n",
            "a: {z: 4}\n",
        ]);
        assert_eq!(all, json!({"a": {"x": 1, "y": 3, "z": 4, "list": [9]}, "c": "kept"}));
        // What a later file says again is laid over the chart's own.
        assert_eq!(merged(&["a: {x: 1}\n", "a: null\n", "a: {y: 2}\n"]), json!({"a": {"x": 1, "y": 2}}));
        assert_eq!(merged(&["a: {x: 1}\n", "a: {y: 2}\n", "a: null\n"]), json!({}));
    }

    #[test]
    fn the_file_with_the_last_word_is_known() {
        let files = [("base", "a: {x: 1}"), ("one", "a: {x: 2}"), ("two", "b: 1")]
            .map(|(name, text)| (name.to_owned(), parse(text).unwrap()));
        let values = Values::merge(files.to_vec());
        assert_eq!(values.file_of(&["a", "x"]), "one");
        assert_eq!(values.file_of(&["b"]), "two");
        assert_eq!(values.file_of(&["none"]), "base");
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("small.yaml");
        for text in ["a: [", "- a\n", "a: 1\na: 2\n"] {
            std::fs::write(&file, text).unwrap();
            let error = Values::load(dir.path(), std::slice::from_ref(&file)).unwrap_err();
            assert!(error.what().contains("small.yaml"), "{error}");
            assert_eq!(error.causes().len(), 1, "{error}");
        }
        let missing = Values::load(dir.path(), &[dir.path().join("none.yaml")]).unwrap_err();
        assert!(missing.what().contains("cannot read"), "{missing}");
    }
}
