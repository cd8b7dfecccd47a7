//! YAML documents as JSON values: the type of each scalar is kept, and keys are sorted, as kubectl writes them.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::Value;

/// What kubectl reads as a boolean, besides `true` and `false`; in this case only.
const SPELLINGS: [&str; 20] = [
    "True", "TRUE", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
    "OFF", "y", "Y", "n", "N",
];

/// Reads all documents of `text`, and tells whether it has comments: a value has none, so they are lost when it is
/// written. The error names the line and never quotes it: these files contain secrets.
pub fn read(text: &str) -> Result<(Vec<Value>, bool), String> {
    let comments = Rc::new(Cell::new(0));
    let wide = documents(text, false, &comments)?;
    let strict = documents(text, true, &comments)?;
    let documents = wide.into_iter().zip(strict).map(|(wide, strict)| as_kubectl(wide, strict)).collect();
    Ok((documents, comments.get() > 0))
}

fn documents(text: &str, strict_booleans: bool, comments: &Rc<Cell<usize>>) -> Result<Vec<Value>, String> {
    let seen = comments.clone();
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: strict_booleans,
        reject_unsupported_tags: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    };
    let options = options.with_budget_report(move |report| seen.set(seen.get() + report.total_comment_bytes));
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| fault(&error))
}

/// What is wrong and in which line, without the parser's own message: it may contain a part of a key.
pub fn fault(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as E;
    let what = match error.without_snippet() {
        E::DuplicateMappingKey { .. } => "a key occurs twice",
        E::UnsupportedTag { .. } => "it has a tag, which would be lost",
        E::NonFiniteFloat { .. } => "it has a number that is too large",
        _ => "it is not valid YAML, or not what is expected there",
    };
    error.location().map_or_else(|| what.to_owned(), |at| format!("line {}: {what}", at.line()))
}

/// Reads booleans as kubectl does: `yes` is one, `yEs` is text. What is a boolean to one reader and text to the other
/// is written without quotes.
fn as_kubectl(wide: Value, strict: Value) -> Value {
    match (wide, strict) {
        (Value::Bool(_), Value::String(text)) if !SPELLINGS.contains(&text.as_str()) => Value::String(text),
        (Value::Array(wide), Value::Array(strict)) => {
            wide.into_iter().zip(strict).map(|(wide, strict)| as_kubectl(wide, strict)).collect()
        }
        (Value::Object(wide), Value::Object(strict)) => {
            let fields = wide.into_iter().zip(strict);
            fields.map(|((key, wide), (_, strict))| (key, as_kubectl(wide, strict))).collect()
        }
        (wide, _) => wide,
    }
}

/// One document as text, in the form that kubectl writes.
pub fn write(value: &Value) -> Result<String, String> {
    // Folded lines would be valid, but certificates could not be copied from them.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Value {
        let (mut documents, _) = read(text).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    #[test]
    fn types_are_kept_and_booleans_are_those_of_kubectl() {
        let value = one("z: 1\na: [yes, 'yes', ~, 1.5, -3, 18446744073709551615, '012', \"\"]\n\
                         m: {a: n, b: 'n', c: On, d: oN, e: !!str on, f: yEs}\n");
        let list = json!([true, "yes", null, 1.5, -3, u64::MAX, "012", ""]);
        let map = json!({"a": false, "b": "n", "c": true, "d": "oN", "e": "on", "f": "yEs"});
        assert_eq!(value, json!({"z": 1, "a": list, "m": map}));
        let text = write(&value).unwrap();
        assert_eq!(one(&text), value, "{text}");
    }

    #[test]
    fn comments_are_seen_and_hashes_in_texts_are_none() {
        assert!(read("# mine\na: 1\n").unwrap().1);
        assert!(read("a: 1 # mine\n").unwrap().1);
        assert!(!read("a: 'x # y'\nb: c#d\n").unwrap().1);
    }

    #[test]
    fn an_error_tells_the_line_and_quotes_none() {
        for text in [
            "users:\n- name: a\n  user: {token: hunter2\n- x\n",
            "hunter2: 1\nhunter2: 1\n",
            "a: *hunter2\n",
            "a: !hunter2 b\n",
            "a: \"hunter2\n",
            "a: {hunter2\n",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("line ") && !error.contains("hunter2"), "{error}");
        }
        assert!(read("a: !secret b\n").is_err(), "a tag would be lost");
        assert!(read("a: 1e400\n").is_err(), "a number would be lost");
    }

    /// Any YAML value, with texts that other types are easily taken for.
    pub(in crate::kubeconfig) fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (i64::MAX as u64 + 1..).prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            "[ -~äß\n\t]{0,12}".prop_map(Value::from),
            "(yes|no|null|~|0x1f|0o17|012|1e3|2001-01-01|12:30|<<|=|- a|a: b|#x| x |\\.nan)"
                .prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            let key = "[a-z./:#-]{1,8}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in any_value()) {
            let value = json!({"kept": value});
            let text = write(&value).unwrap();
            prop_assert_eq!(one(&text), value, "{}", text);
        }
    }
}
