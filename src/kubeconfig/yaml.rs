//! A YAML document as a value that keeps everything: the order of keys, and each scalar's type.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    /// Larger than an [`Yaml::Int`] can be.
    Large(u64),
    Float(f64),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Yaml, Yaml)>),
}

/// What kubectl takes for a boolean, besides `true` and `false`; in no other case.
const SPELLINGS: [&str; 20] = [
    "True", "TRUE", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
    "OFF", "y", "Y", "n", "N",
];

/// What a file holds.
#[derive(Debug)]
pub struct Read {
    pub documents: Vec<Yaml>,
    /// A value has no comments: they get lost when it is written.
    pub comments: bool,
}

impl Yaml {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A map of `fields`, in their order.
    pub fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Map(fields.into_iter().map(|(key, value)| (Self::text(key), value)).collect())
    }

    /// The value of `key`, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(fields) = self else { return None };
        fields.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Map(fields) = self else { return None };
        fields.iter_mut().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    /// Sets `key` where it stands, or at the end; nothing where this is no map.
    pub fn set(&mut self, key: &str, value: Self) {
        if let Some(place) = self.get_mut(key) {
            *place = value;
        } else if let Self::Map(fields) = self {
            fields.push((Self::text(key), value));
        }
    }

    /// Takes `key` out.
    pub fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Map(fields) = self else { return None };
        let at = fields.iter().position(|(name, _)| name.as_text() == Some(key))?;
        Some(fields.remove(at).1)
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The same whatever the order of keys: what other programs write in an order of their own is
    /// known again.
    pub fn sorted(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            Self::Map(fields) => {
                let mut fields: Vec<(Self, Self)> =
                    fields.iter().map(|(key, value)| (key.sorted(), value.sorted())).collect();
                fields.sort_by_cached_key(|(key, _)| format!("{key:?}"));
                Self::Map(fields)
            }
            scalar => scalar.clone(),
        }
    }
}

/// Reads all documents of `text`. The error tells the line, and never quotes a line: there are
/// secrets in these files.
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

/// What is wrong, by its line and in our words: those of the parser may hold a part of a key.
pub fn fault(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as E;
    let what = match error.without_snippet() {
        E::DuplicateMappingKey { .. } => "a key stands there a second time",
        E::UnsupportedTag { .. } => "it has a tag, which would get lost",
        E::NonFiniteFloat { .. } => "it has a number that is too large",
        _ => "it is not valid YAML, or not what belongs there",
    };
    error.location().map_or_else(|| what.to_owned(), |at| format!("line {}: {what}", at.line()))
}

/// Reads booleans as kubectl does: `yes` is one, `yEs` is a text. What is a boolean
/// to one reading and a text to the other one stands there without quotes.
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
            Yaml::Map(fields.map(|(w, s)| (as_kubectl(w.0, s.0), as_kubectl(w.1, s.1))).collect())
        }
        (wide, _) => wide,
    }
}

/// The text of one document, in the form that kubectl writes.
pub fn write(value: &Yaml) -> Result<String, String> {
    // Folded lines would be no mistake, but nobody could copy a certificate out of them.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}

impl Serialize for Yaml {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Int(value) => to.serialize_i64(*value),
            Self::Large(value) => to.serialize_u64(*value),
            Self::Float(value) => to.serialize_f64(*value),
            Self::Text(value) => to.serialize_str(value),
            Self::List(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(i64::try_from(value).map_or(Yaml::Large(value), Yaml::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::text(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Yaml, E> {
        Ok(Yaml::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Yaml, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Yaml::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Yaml, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = from.next_entry()? {
            fields.push(field);
        }
        Ok(Yaml::Map(fields))
    }
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
        assert!(read("a: !secret b\n").is_err(), "a tag would get lost");
        assert!(read("a: 1e400\n").is_err(), "a number would get lost");
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
            let key = "[a-z./:#-]{1,8}".prop_map(Yaml::Text);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Yaml::List),
                prop::collection::vec((key, inner), 0..4).prop_map(|mut fields| {
                    let mut seen = std::collections::BTreeSet::new();
                    fields.retain(|(key, _)| seen.insert(format!("{key:?}")));
                    Yaml::Map(fields)
                }),
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
