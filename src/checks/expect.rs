//! What an HTTP answer must be like, as a pure comparison.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Fields;

/// The part of an answer that is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Everything that is given must hold; what is not given may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expect {
    pub status: u16,
    /// Instead of one status: whatever a browser shows as a page, a demand to log in included.
    pub page: bool,
    /// By name in lower case: the header must be there and its value must contain this text.
    pub headers: BTreeMap<String, String>,
    /// The whole body, white space around it aside.
    pub body: Option<String>,
    pub contains: Vec<String>,
    /// By JSON pointer (RFC 6901): a string, or the JSON text of any other value.
    pub json: BTreeMap<String, String>,
}

impl Default for Expect {
    fn default() -> Self {
        let (headers, json) = (BTreeMap::new(), BTreeMap::new());
        Self { status: 200, page: false, headers, body: None, contains: Vec::new(), json }
    }
}

#[allow(clippy::unnecessary_wraps)] // the signature that a table is read with
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Expect> {
    let status = fields.opt_integer("status", 100..=599).and_then(|status| u16::try_from(status).ok());
    let page = fields.opt_bool("page").unwrap_or(false);
    if page && fields.has("status") {
        fields.problem("page", "goes without `status`");
    }
    let headers = fields.string_map("headers");
    let body = fields.opt_string("body");
    let contains = fields.strings("contains");
    let json = fields.string_map("json");
    if json.keys().any(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        fields.problem("json", "must have JSON pointers as keys, such as \"/status\"");
    }
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Some(Expect { status: status.unwrap_or(200), page, headers, body, contains, json })
}

impl Expect {
    /// What is wrong with `answer`, or `Ok` with what was seen.
    pub fn judge(&self, answer: &Answer) -> Result<String, String> {
        if self.page && !matches!(answer.status, 200..=399 | 401 | 403) {
            return Err(format!("answered {}, which is no page{}", answer.status, excerpt(&answer.body)));
        }
        if !self.page && answer.status != self.status {
            let body = excerpt(&answer.body);
            return Err(format!("answered {} instead of {}{body}", answer.status, self.status));
        }
        self.judge_headers(answer)?;
        self.judge_body(answer)?;
        Ok(format!("answered {}", answer.status))
    }

    fn judge_headers(&self, answer: &Answer) -> Result<(), String> {
        for (name, wanted) in &self.headers {
            match answer.headers.get(name) {
                None => return Err(format!("answered without header {name}")),
                Some(value) if !value.contains(wanted.as_str()) => {
                    return Err(format!("header {name} is \"{value}\", not \"{wanted}\""));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn judge_body(&self, answer: &Answer) -> Result<(), String> {
        if let Some(wanted) = &self.body
            && wanted.trim() != answer.body.trim()
        {
            return Err(format!("the body is not \"{}\"{}", wanted.trim(), excerpt(&answer.body)));
        }
        if let Some(missing) = self.contains.iter().find(|part| !answer.body.contains(part.as_str())) {
            return Err(format!("the body does not contain \"{missing}\"{}", excerpt(&answer.body)));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let document: Value = serde_json::from_str(&answer.body)
            .map_err(|error| format!("the body is no JSON ({error}){}", excerpt(&answer.body)))?;
        for (pointer, wanted) in &self.json {
            let found = document.pointer(pointer).map(plain);
            if found.as_ref() != Some(wanted) {
                let found = found.unwrap_or_else(|| "missing".to_owned());
                return Err(format!("{pointer} of the body is {found}, not {wanted}"));
            }
        }
        Ok(())
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The start of a body for a message, on one line.
fn excerpt(body: &str) -> String {
    const LONGEST: usize = 120;
    let text = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return String::new();
    }
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!(": {cut}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = [("content-type".to_owned(), "text/html; charset=utf-8".to_owned())].into();
        Answer { status, headers, body: body.to_owned() }
    }

    fn expect() -> Expect {
        Expect::default()
    }

    #[test]
    fn a_status_alone_is_enough() {
        assert_eq!(expect().judge(&answer(200, "anything")), Ok("answered 200".to_owned()));
        let wrong = expect().judge(&answer(404, "no  such\npage")).unwrap_err();
        assert_eq!(wrong, "answered 404 instead of 200: no such page");
    }

    #[test]
    fn a_page_may_lead_on_or_ask_for_a_login() {
        let page = Expect { page: true, ..expect() };
        for status in [200, 204, 302, 401, 403] {
            assert!(page.judge(&answer(status, "")).is_ok(), "{status}");
        }
        assert_eq!(page.judge(&answer(404, "no")).unwrap_err(), "answered 404, which is no page: no");
        assert!(page.judge(&answer(503, "")).is_err());
    }

    #[test]
    fn headers_are_a_subset() {
        let wants = |name: &str, value: &str| Expect {
            headers: [(name.to_owned(), value.to_owned())].into(),
            ..expect()
        };
        assert!(wants("content-type", "text/html").judge(&answer(200, "")).is_ok());
        assert!(wants("content-type", "json").judge(&answer(200, "")).unwrap_err().contains("text/html"));
        assert!(wants("x-none", "").judge(&answer(200, "")).unwrap_err().contains("without header x-none"));
    }

    #[test]
    fn bodies_are_compared_as_asked() {
        let exact = Expect { body: Some("pong".to_owned()), ..expect() };
        assert!(exact.judge(&answer(200, "pong\n")).is_ok());
        assert!(exact.judge(&answer(200, "pong!")).is_err());
        let part = Expect { contains: vec!["a".to_owned(), "z".to_owned()], ..expect() };
        assert!(part.judge(&answer(200, "a to z")).is_ok());
        assert!(part.judge(&answer(200, "a to b")).unwrap_err().contains("\"z\""));
    }

    #[test]
    fn json_is_compared_by_pointer() {
        let wants = |pointer: &str, value: &str| Expect {
            json: [(pointer.to_owned(), value.to_owned())].into(),
            ..expect()
        };
        let body = r#"{"status":"ok","notes":[{"n":3,"open":true}]}"#;
        assert!(wants("/status", "ok").judge(&answer(200, body)).is_ok());
        assert!(wants("/notes/0/n", "3").judge(&answer(200, body)).is_ok());
        assert!(wants("/notes/0/open", "true").judge(&answer(200, body)).is_ok());
        assert_eq!(
            wants("/status", "bad").judge(&answer(200, body)).unwrap_err(),
            "/status of the body is ok, not bad"
        );
        assert!(wants("/none", "x").judge(&answer(200, body)).unwrap_err().contains("missing"));
        assert!(wants("/x", "x").judge(&answer(200, "<html>")).unwrap_err().contains("no JSON"));
    }

    #[test]
    fn a_long_body_is_cut() {
        let long = "é".repeat(500);
        let wrong = expect().judge(&answer(500, &long)).unwrap_err();
        assert!(wrong.ends_with('…') && wrong.chars().count() < 160);
    }
}
