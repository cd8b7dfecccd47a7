//! The expected HTTP response, compared by pure functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::sse::{self, Event};
use crate::config::Fields;

/// The parts of a response that are compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Every `Set-Cookie` header separately.
    pub cookies: Vec<String>,
    pub body: String,
}

/// Every given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expect {
    /// 200 unless given.
    pub status: Option<u16>,
    /// Instead of one status: any status for which a browser shows a page, including a request to log in.
    pub page: bool,
    /// By name in lower case: the header must exist, and its value must contain this text.
    pub headers: BTreeMap<String, String>,
    /// The whole body, without surrounding white space.
    pub body: Option<String>,
    pub contains: Vec<String>,
    /// By JSON pointer (RFC 6901): a string, or the JSON text of any other value.
    pub json: BTreeMap<String, String>,
    /// Server-sent events that must arrive in this order; others may arrive between them.
    pub events: Vec<WantedEvent>,
    /// Names of server-sent events that must not arrive.
    pub no_events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedEvent {
    pub event: String,
    pub contains: Vec<String>,
    /// By JSON pointer into the event's data, as [`Expect::json`].
    pub json: BTreeMap<String, String>,
}

/// How much of a response a message shows, and what it must not show.
pub(super) struct Show<'a> {
    /// Characters of the body; 0 if the caller shows the body.
    pub body: usize,
    pub redact: &'a dyn Fn(&str) -> String,
}

/// For a response to a request without secrets.
const PLAIN: Show<'_> = Show { body: 120, redact: &|text| text.to_owned() };

#[allow(clippy::unnecessary_wraps)] // the signature that a table is read with
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Expect> {
    let status = fields.opt_integer("status", 100..=599).and_then(|status| u16::try_from(status).ok());
    let page = fields.opt_bool("page").unwrap_or(false);
    if page && fields.has("status") {
        fields.problem("page", "cannot be combined with `status`");
    }
    let headers = fields.string_map("headers");
    let body = fields.opt_string("body");
    let contains = fields.strings("contains");
    let json = read_json(fields);
    let events = fields.tables("events", |fields| {
        let event = fields.string("event");
        let (contains, json) = (fields.strings("contains"), read_json(fields));
        Some(WantedEvent { event: event?, contains, json })
    });
    let no_events = fields.strings("no-events");
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Some(Expect { status, page, headers, body, contains, json, events, no_events })
}

fn read_json(fields: &mut Fields<'_, '_>) -> BTreeMap<String, String> {
    let json = fields.string_map("json");
    if json.keys().any(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        fields.problem("json", "must have JSON pointers as keys, such as \"/status\"");
    }
    json
}

impl Expect {
    pub fn status(&self) -> u16 {
        self.status.unwrap_or(200)
    }

    /// The same with `change` applied to every compared text; stops at the first error.
    pub fn with_texts<E>(&self, change: &dyn Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        let map = |map: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, E> {
            map.iter().map(|(key, value)| Ok((key.clone(), change(value)?))).collect()
        };
        let list =
            |list: &[String]| -> Result<Vec<String>, E> { list.iter().map(|text| change(text)).collect() };
        let event = |wanted: &WantedEvent| -> Result<WantedEvent, E> {
            let (contains, json) = (list(&wanted.contains)?, map(&wanted.json)?);
            Ok(WantedEvent { event: wanted.event.clone(), contains, json })
        };
        Ok(Self {
            headers: map(&self.headers)?,
            body: self.body.as_deref().map(change).transpose()?,
            contains: list(&self.contains)?,
            json: map(&self.json)?,
            events: self.events.iter().map(event).collect::<Result<_, E>>()?,
            ..self.clone()
        })
    }

    /// `Err` with the difference, or `Ok` with what was found.
    pub fn judge(&self, answer: &Answer) -> Result<String, String> {
        self.judge_shown(answer, &PLAIN)
    }

    /// As [`Expect::judge`]; `show` limits what the message shows.
    pub fn judge_shown(&self, answer: &Answer, show: &Show<'_>) -> Result<String, String> {
        let body = || show.excerpt(&answer.body);
        if self.page && !matches!(answer.status, 200..=399 | 401 | 403) {
            return Err(format!("answered {}, which is not a page{}", answer.status, body()));
        }
        if !self.page && answer.status != self.status() {
            return Err(format!("answered {} instead of {}{}", answer.status, self.status(), body()));
        }
        self.judge_headers(answer, show)?;
        self.judge_body(answer, show)?;
        self.judge_events(answer, show)?;
        Ok(format!("answered {}", answer.status))
    }

    fn judge_headers(&self, answer: &Answer, show: &Show<'_>) -> Result<(), String> {
        for (name, wanted) in &self.headers {
            match answer.headers.get(name) {
                None => return Err(format!("answered without header {name}")),
                Some(value) if !value.contains(wanted.as_str()) => {
                    let (value, wanted) = ((show.redact)(value), (show.redact)(wanted));
                    return Err(format!("header {name} is \"{value}\", not \"{wanted}\""));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn judge_body(&self, answer: &Answer, show: &Show<'_>) -> Result<(), String> {
        let body = || show.excerpt(&answer.body);
        if let Some(wanted) = &self.body
            && wanted.trim() != answer.body.trim()
        {
            return Err(format!("the body is not \"{}\"{}", (show.redact)(wanted.trim()), body()));
        }
        judge_text(&answer.body, &self.contains, &self.json, show).map_err(|difference| match difference {
            Difference::Whole(wrong) => format!("the body {wrong}{}", body()),
            Difference::Part(pointer, wrong) => format!("{pointer} of the body {wrong}"),
        })
    }

    fn judge_events(&self, answer: &Answer, show: &Show<'_>) -> Result<(), String> {
        if self.events.is_empty() && self.no_events.is_empty() {
            return Ok(());
        }
        let events = sse::events(&answer.body);
        if let Some(bad) = events.iter().find(|event| self.no_events.contains(&event.name)) {
            return Err(format!("event {} came: {}", bad.name, show.cut(&bad.data)));
        }
        let mut rest = events.as_slice();
        for wanted in &self.events {
            let Some(at) = rest.iter().position(|event| wanted.judge(event, show).is_ok()) else {
                return Err(wanted.missing(rest, &events, show));
            };
            rest = &rest[at + 1..];
        }
        Ok(())
    }
}

impl WantedEvent {
    fn judge(&self, event: &Event, show: &Show<'_>) -> Result<(), String> {
        if event.name != self.event {
            return Err(format!("is {}", event.name));
        }
        judge_text(&event.data, &self.contains, &self.json, show).map_err(|difference| match difference {
            Difference::Whole(wrong) => wrong,
            Difference::Part(pointer, wrong) => format!("has {pointer}, which {wrong}"),
        })
    }

    /// Why none of `rest`, the remaining events of `all`, is this event.
    fn missing(&self, rest: &[Event], all: &[Event], show: &Show<'_>) -> String {
        if let Some(near) = rest.iter().find(|event| event.name == self.event) {
            let wrong = self.judge(near, show).err().unwrap_or_default();
            return format!("event {} {wrong}: {}", self.event, show.cut(&near.data));
        }
        let names: Vec<&str> = all.iter().map(|event| event.name.as_str()).collect();
        let came = if names.is_empty() {
            "none arrived".to_owned()
        } else {
            format!("arrived: {}", names.join(", "))
        };
        let order = if names.contains(&self.event.as_str()) { " in its place" } else { "" };
        format!("event {} did not arrive{order} ({})", self.event, show.cut(&came))
    }
}

/// What a text is not as it should be.
enum Difference {
    Whole(String),
    /// The JSON pointer to a value, and what is wrong with it.
    Part(String, String),
}

fn judge_text(
    text: &str,
    contains: &[String],
    json: &BTreeMap<String, String>,
    show: &Show<'_>,
) -> Result<(), Difference> {
    if let Some(missing) = contains.iter().find(|part| !text.contains(part.as_str())) {
        return Err(Difference::Whole(format!("does not contain \"{}\"", (show.redact)(missing))));
    }
    if json.is_empty() {
        return Ok(());
    }
    let document: Value =
        serde_json::from_str(text).map_err(|error| Difference::Whole(format!("is not JSON ({error})")))?;
    for (pointer, wanted) in json {
        let found = document.pointer(pointer).map(plain);
        if found.as_ref() != Some(wanted) {
            let found = found.map_or_else(|| "missing".to_owned(), |found| show.value(pointer, &found));
            let wrong = format!("is {found}, not {}", (show.redact)(wanted));
            return Err(Difference::Part(pointer.clone(), wrong));
        }
    }
    Ok(())
}

/// A string as it is, any other value as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Show<'_> {
    /// The start of a body for a message, in one line.
    pub fn excerpt(&self, body: &str) -> String {
        if self.body == 0 || body.trim().is_empty() {
            return String::new();
        }
        format!(": {}", cut(&(self.redact)(body), self.body))
    }

    /// A part of a response, which is shown if the body is not.
    fn cut(&self, text: &str) -> String {
        cut(&(self.redact)(text), LONGEST)
    }

    /// As it appears in the document, so that secrets are recognised by their names.
    fn value(&self, pointer: &str, text: &str) -> String {
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let member = serde_json::json!({ name: text }).to_string();
        let redacted = (self.redact)(&member);
        cut(if redacted == member { text } else { &redacted }, LONGEST)
    }
}

/// The maximum number of characters of a part of a body that are shown.
const LONGEST: usize = 120;

/// The first `longest` characters in one line.
fn cut(text: &str, longest: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = text.chars().take(longest).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = [("content-type".to_owned(), "text/html; charset=utf-8".to_owned())].into();
        Answer { status, headers, cookies: Vec::new(), body: body.to_owned() }
    }

    #[test]
    fn every_given_condition_must_hold() {
        let map = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        let headers = |name: &str, value: &str| Expect { headers: map(name, value), ..Expect::default() };
        let exact = || Expect { body: Some("pong".to_owned()), ..Expect::default() };
        let parts = || Expect { contains: vec!["a".to_owned(), "z".to_owned()], ..Expect::default() };
        let json = |pointer: &str, value: &str| Expect { json: map(pointer, value), ..Expect::default() };
        let body = r#"{"status":"ok","notes":[{"n":3,"open":true}]}"#;
        for (expect, status, body, wrong) in [
            (Expect::default(), 200, "anything", ""),
            (Expect::default(), 404, "no  such\npage", "answered 404 instead of 200: no such page"),
            (headers("content-type", "text/html"), 200, "", ""),
            (headers("content-type", "json"), 200, "", "\"text/html; charset=utf-8\", not \"json\""),
            (headers("x-none", ""), 200, "", "without header x-none"),
            (exact(), 200, "pong\n", ""),
            (exact(), 200, "pong!", "the body is not \"pong\": pong!"),
            (parts(), 200, "a to z", ""),
            (parts(), 200, "a to b", "does not contain \"z\""),
            (json("/status", "ok"), 200, body, ""),
            (json("/notes/0/n", "3"), 200, body, ""),
            (json("/notes/0/open", "true"), 200, body, ""),
            (json("/status", "bad"), 200, body, "/status of the body is ok, not bad"),
            (json("/none", "x"), 200, body, "missing"),
            (json("/x", "x"), 200, "<html>", "not JSON"),
        ] {
            let judged = expect.judge(&answer(status, body));
            assert_eq!(judged.is_ok(), wrong.is_empty(), "{judged:?}");
            assert!(judged.err().unwrap_or_default().contains(wrong), "{wrong}");
        }
        let wrong = Expect::default().judge(&answer(500, &"é".repeat(500))).unwrap_err();
        assert!(wrong.ends_with('…') && wrong.chars().count() < 160);
    }

    #[test]
    fn a_page_may_lead_on_or_ask_for_a_login() {
        let page = Expect { page: true, ..Expect::default() };
        for status in [200, 204, 302, 401, 403] {
            assert!(page.judge(&answer(status, "")).is_ok(), "{status}");
        }
        assert_eq!(page.judge(&answer(404, "no")).unwrap_err(), "answered 404, which is not a page: no");
        assert!(page.judge(&answer(503, "")).is_err());
    }

    const CHAT: &str = "event: start\ndata: {\"mock\":true}\n\nevent: call\ndata: {\"name\":\"add\"}\n\n\
                        event: delta\ndata: {\"text\":\"Added.\"}\n\nevent: done\ndata: {}\n\n";

    fn event(name: &str, json: &[(&str, &str)]) -> WantedEvent {
        let json = json.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        WantedEvent { event: name.to_owned(), contains: Vec::new(), json }
    }

    #[test]
    fn events_must_come_in_their_order() {
        let judge =
            |events: Vec<WantedEvent>| Expect { events, ..Expect::default() }.judge(&answer(200, CHAT));
        assert!(judge(vec![event("call", &[("/name", "add")]), event("done", &[])]).is_ok());
        let wrong = judge(vec![event("done", &[]), event("call", &[])]).unwrap_err();
        assert_eq!(wrong, "event call did not arrive in its place (arrived: start, call, delta, done)");
        let wrong = judge(vec![event("call", &[("/name", "list")])]).unwrap_err();
        assert_eq!(wrong, "event call has /name, which is add, not list: {\"name\":\"add\"}");
        let said = WantedEvent { contains: vec!["Removed".to_owned()], ..event("delta", &[]) };
        assert!(judge(vec![said]).unwrap_err().contains("does not contain \"Removed\""));
        assert!(judge(vec![event("pong", &[])]).unwrap_err().contains("event pong did not arrive (arrived"));
    }

    #[test]
    fn some_events_must_not_come() {
        let no_events = vec!["error".to_owned(), "delta".to_owned()];
        let wrong = Expect { no_events, ..Expect::default() }.judge(&answer(200, CHAT)).unwrap_err();
        assert_eq!(wrong, "event delta came: {\"text\":\"Added.\"}");
    }
}
