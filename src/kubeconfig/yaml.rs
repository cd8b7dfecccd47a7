//! A YAML document as a value that keeps the order of keys and the type of each scalar.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    /// Too large for [`Yaml::Int`].
    Large(u64),
    Float(f64),
    Text(String),
    List(Vec<Yaml>),
    Map(IndexMap<String, Yaml>),
}

/// What kubectl reads as a boolean, besides `true` and `false`; in this case only.
const SPELLINGS: [&str; 20] = [
    "True", "TRUE", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
    "OFF", "y", "Y", "n", "N",
];

/// The content of a file.
#[derive(Debug)]
pub struct Read {
    pub documents: Vec<Yaml>,
    /// Whether there are comments: a value has none, so they are lost when it is written.
    pub comments: bool,
}

impl Yaml {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A map of `fields`, in their order.
    pub fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Map(fields) = self { fields.get(key) } else { None }
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        if let Self::Map(fields) = self { fields.get_mut(key) } else { None }
    }

    /// Sets `key` in its place, or at the end; does nothing if this is not a map.
    pub fn set(&mut self, key: &str, value: Self) {
        if let Self::Map(fields) = self {
            fields.insert(key.to_owned(), value);
        }
    }

    /// Removes `key`.
    pub fn take(&mut self, key: &str) -> Option<Self> {
        if let Self::Map(fields) = self { fields.shift_remove(key) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// With sorted keys, so that an entry is recognised after another program has reordered it.
    pub fn sorted(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            Self::Map(fields) => {
                let mut fields: IndexMap<String, Self> =
                    fields.iter().map(|(key, value)| (key.clone(), value.sorted())).collect();
                fields.sort_unstable_keys();
                Self::Map(fields)
            }
            scalar => scalar.clone(),
        }
    }
}

/// Reads all documents of `text`. The error names the line and never quotes it: these files contain secrets.
pub fn read(text: &str) -> Result<Read, String> {
    let comments = Rc::new(RefCell::new(0));
    let documents = documents(text, false, &comments)?;
    let strict = self::documents(text, true, &comments)?;
    let documents = documents.into_iter().zip(strict).map(|(wide, strict)| as_kubectl(wide, strict));
    let documents = documents.collect();
    let comments = *comments.borrow() > 0;
    Ok(Read { documents, comments })
}

fn documents(text: &str, strict_booleans: bool, comments: &Rc<RefCell<usize>>) -> Result<Vec<Yaml>, String> {
    let seen = comments.clone();
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: strict_booleans,
        reject_unsupported_tags: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    };
    let options = options.with_budget_report(move |report| {
        *seen.borrow_mut() += report.total_comment_bytes;
    });
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
fn as_kubectl(wide: Yaml, strict: Yaml) -> Yaml {
    match (wide, strict) {
        (Yaml::Bool(value), Yaml::Text(text)) => {
            if SPELLINGS.contains(&text.as_str()) {
                Yaml::Bool(value)
            } else {
                Yaml::Text(text)
            }
        }
        (Yaml::List(wide), Yaml::List(strict)) => {
            Yaml::List(wide.into_iter().zip(strict).map(|(wide, strict)| as_kubectl(wide, strict)).collect())
        }
        (Yaml::Map(wide), Yaml::Map(strict)) => {
            let fields = wide.into_iter().zip(strict);
            Yaml::Map(fields.map(|((key, wide), (_, strict))| (key, as_kubectl(wide, strict))).collect())
        }
        (wide, _) => wide,
    }
}

/// One document as text, in the form that kubectl writes.
pub fn write(value: &Yaml) -> Result<String, String> {
    // Folded lines would be valid, but certificates could not be copied from them.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Yaml {
        let mut read = read(text).unwrap();
        assert_eq!(read.documents.len(), 1);
        read.documents.remove(0)
    }

    #[test]
    fn order_and_types_are_kept() {
        let value = one("z: 1\na: [yes, 'yes', ~, 1.5, -3, 18446744073709551615, '012', \"\"]\nm: {}\n");
        let Some(Yaml::List(items)) = value.get("a") else { panic!("{value:?}") };
        let expected = [
            Yaml::Bool(true),
            Yaml::text("yes"),
            Yaml::Null,
            Yaml::Float(1.5),
            Yaml::Int(-3),
            Yaml::Large(u64::MAX),
            Yaml::text("012"),
            Yaml::text(""),
        ];
        assert_eq!(items, &expected);
        let text = write(&value).unwrap();
        assert!(text.starts_with("z: 1\na:\n- true\n- 'yes'\n") || text.contains("\"yes\""), "{text}");
        assert_eq!(one(&text), value, "{text}");
    }

    #[test]
    fn booleans_are_those_of_kubectl() {
        let value = one("{a: n, b: 'n', c: On, d: oN, e: !!str on, f: yEs}");
        let expected = [
            ("a", Yaml::Bool(false)),
            ("b", Yaml::text("n")),
            ("c", Yaml::Bool(true)),
            ("d", Yaml::text("oN")),
            ("e", Yaml::text("on")),
            ("f", Yaml::text("yEs")),
        ];
        assert_eq!(value, Yaml::map(expected));
        assert_eq!(one(&write(&value).unwrap()), value);
    }

    #[test]
    fn comments_are_seen_and_hashes_in_texts_are_none() {
        assert!(read("# mine\na: 1\n").unwrap().comments);
        assert!(read("a: 1 # mine\n").unwrap().comments);
        assert!(!read("a: 'x # y'\nb: c#d\n").unwrap().comments);
    }

    #[test]
    fn an_error_tells_the_line_and_quotes_none() {
        let error = read("users:\n- name: a\n  user: {token: hunter2\n- x\n").unwrap_err();
        assert!(error.contains("line ") && !error.contains("hunter2"), "{error}");
        for text in [
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

    fn yaml() -> impl Strategy<Value = Yaml> {
        let scalar = prop_oneof![
            Just(Yaml::Null),
            any::<bool>().prop_map(Yaml::Bool),
            any::<i64>().prop_map(Yaml::Int),
            (i64::MAX as u64 + 1..).prop_map(Yaml::Large),
            (-1e6..1e6_f64).prop_map(Yaml::Float),
            "[ -~äß\n\t]{0,12}".prop_map(Yaml::Text),
            "(yes|no|null|~|0x1f|0o17|012|1e3|2001-01-01|12:30|<<|=|- a|a: b|#x| x |\\.nan)"
                .prop_map(Yaml::Text),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            let key = "[a-z./:#-]{1,8}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Yaml::List),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|fields| Yaml::Map(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in yaml()) {
            let value = Yaml::map([("kept", value)]);
            let text = write(&value).unwrap();
            prop_assert_eq!(one(&text), value, "{}", text);
        }
    }
}
