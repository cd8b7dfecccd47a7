//! The validators of a version of a file: what a server sends to distinguish it from the next version.

use reqwest::header::{ETAG, HeaderMap, HeaderName, LAST_MODIFIED};

#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Validator {
    /// The length of the whole file.
    pub(super) total: Option<u64>,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
}

impl Validator {
    pub(super) fn of(headers: &HeaderMap, total: Option<u64>) -> Self {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
        Self { total, etag: text(ETAG), modified: text(LAST_MODIFIED) }
    }

    /// What `If-Range` may carry: a weak tag only promises that both files mean the same.
    pub(super) fn strong(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| tag.starts_with('"') && tag.len() > 2)
    }

    pub(super) fn can_be_compared(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }

    /// How `other` differs; values that either of them lacks are not compared.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        if let (Some(was), Some(is)) = (self.total, other.total)
            && was != is
        {
            return Some(format!("it had {was} bytes and now has {is}"));
        }
        let pairs = [("ETag", &self.etag, &other.etag), ("Last-Modified", &self.modified, &other.modified)];
        let differs = pairs.into_iter().find_map(|(name, was, is)| match (was, is) {
            (Some(was), Some(is)) if was != is => Some(format!("its {name} was {was} and now is {is}")),
            _ => None,
        });
        // Servers behind one name often have different dates; a strong tag decides.
        let same_tag = self.strong().is_some() && self.strong() == other.strong();
        differs.filter(|_| !same_tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(etag: Option<&str>, modified: Option<&str>) -> Validator {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Validator { total: Some(9), etag: own(etag), modified: own(modified) }
    }

    #[test]
    fn only_strong_tags_promise_the_same_bytes() {
        assert_eq!(validator(Some("\"a\""), None).strong(), Some("\"a\""));
        for tag in [None, Some("W/\"a\""), Some("a"), Some("\"")] {
            assert_eq!(validator(tag, None).strong(), None, "{tag:?}");
        }
    }

    #[test]
    fn what_both_say_must_be_the_same() {
        let was = validator(Some("\"a\""), Some("Monday"));
        assert_eq!(was.difference(&validator(None, None)), None);
        assert_eq!(was.difference(&validator(Some("\"a\""), Some("Tuesday"))), None);
        assert!(was.difference(&validator(Some("\"b\""), Some("Monday"))).unwrap().contains("ETag"));
        assert!(was.difference(&validator(None, Some("Tuesday"))).unwrap().contains("Last-Modified"));
        assert!(was.difference(&Validator { total: Some(8), ..was.clone() }).unwrap().contains('8'));
    }
}
