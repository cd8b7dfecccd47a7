//! One pass through a journey: its values, and how a step runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue};
use serde_json::Value;

use super::cookies::{Given, Jar};
use super::file::{Body, Capture, Source, Step};
use super::template::{Template, percent_encoded};
use super::values::{ORIGIN, Values};
use crate::checks::Context;
use crate::checks::expect::{Answer, Show, plain};
use crate::checks::http::{Request, Via, header_map};
use crate::checks::sse;

/// Characters of a body that a message shows.
const SHOWN: usize = 300;

/// Its `Debug` output shows no value, because those of [`Values`] and [`Jar`] do not.
#[derive(Debug)]
pub(super) struct Pass {
    values: Values,
    jar: Jar,
    /// Names of the steps that were or may have been executed.
    taken: BTreeSet<String>,
    /// How many steps of `[[finally]]` have finished.
    pub finished: usize,
}

/// The failure of a step, without secrets.
#[derive(Debug)]
pub(super) struct Wrong {
    pub message: String,
    /// Of a response that was not the expected one.
    pub status: Option<u16>,
    /// Whether an application that is still starting can cause it.
    pub may_pass: bool,
    /// The application limits how often it is asked; after this time it accepts the request.
    pub retry_after: Option<Duration>,
}

/// What `Retry-After` of a response 429 requests in seconds. Some libraries send it as `X-Retry-After`.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let headers = ["retry-after", "x-retry-after"].into_iter().filter(|_| answer.status == 429);
    let mut texts = headers.filter_map(|name| answer.headers.get(name));
    texts.find_map(|text| text.trim().parse().ok()).map(Duration::from_secs)
}

impl Pass {
    pub fn new(vars: &BTreeMap<String, Template>, host: &str, origin: String) -> Result<Self, String> {
        let (jar, taken) = (Jar::default(), BTreeSet::new());
        let mut values = Values::new(vars, host)?;
        values.set(ORIGIN, origin, false);
        Ok(Self { values, jar, taken, finished: 0 })
    }

    /// Whether a step of `[[finally]]` is needed: what it undoes may be done, and its values are known.
    pub fn is_needed(&self, step: &Step) -> bool {
        let undoes = step.undoes.as_ref().is_none_or(|name| self.taken.contains(name));
        undoes && self.request(step).is_ok()
    }

    /// Sends the step's request, compares the response within its timeout (or `left`, if that is less) and
    /// captures values from it.
    pub async fn take(&mut self, cx: &Context<'_>, step: &Step, left: Duration) -> Result<(), Wrong> {
        let mut answer = Answer::default();
        // With the values before the step, which may capture a new value for a name.
        let expect =
            step.expect.with_texts(&|text: &str| Template::parse(text).fill(|name| self.value(name)));
        let found = self.ask(cx, step, left, &mut answer).await;
        // Everything that arrived is registered before any message is written.
        let captured = self.learn(cx, step, &answer);
        let redact = |text: &str| self.values.redact(text);
        let judged = found.and_then(|()| {
            // The body is shown below.
            let show = Show { body: 0, redact: &redact };
            let judged = expect.and_then(|expect| expect.judge_shown(&answer, &show));
            judged.and(captured).map_err(|why| (why, false))
        });
        let Err((why, may_pass)) = judged else { return Ok(()) };
        let status = (answer.status != 0).then_some(answer.status);
        let retry_after = retry_after(&answer);
        let unready = matches!(status, Some(502..=504)) && status != Some(step.expect.status());
        let shown = Show { body: SHOWN, redact: &redact }.excerpt(&answer.body);
        let (name, hop, asked) = (&step.name, hop(cx, step), asked(cx, step));
        let message = format!("{name} ({hop}): {asked} {}{shown}", redact(&why));
        Err(Wrong { message, status, may_pass: may_pass || unready, retry_after })
    }

    /// Sends the step's request. The error tells also whether an application that is still starting can cause it.
    async fn ask(
        &mut self,
        cx: &Context<'_>,
        step: &Step,
        left: Duration,
        answer: &mut Answer,
    ) -> Result<(), (String, bool)> {
        let mut request = self.request(step).map_err(|why| (why, false))?;
        let authority = request.authority(cx).to_owned();
        if !request.headers.contains_key(COOKIE)
            && let Some(cookies) = self.jar.header(&authority, &request.path)
        {
            let mut cookies = HeaderValue::from_str(&cookies)
                .map_err(|_| ("has a cookie that cannot be sent".to_owned(), false))?;
            cookies.set_sensitive(true);
            request.headers.insert(COOKIE, cookies);
        }
        if left.is_zero() {
            return Err(("was not sent: the `timeout` has expired".to_owned(), true));
        }
        // From here on it may have been executed, even if this future is dropped.
        self.taken.insert(step.name.clone());
        let limit = step.timeout.min(left);
        let asked = tokio::time::timeout(limit, request.ask(cx, answer)).await;
        let refused = answer.status >= 400 && step.expect.status() < 400;
        let unsent = matches!(&asked, Ok(Err(error)) if !error.sent);
        if unsent || (refused && asked.is_ok()) {
            self.taken.remove(&step.name);
        }
        if let Ok(answered) = asked {
            return answered.map_err(|error| (error.message, true));
        }
        let what = if answer.status == 0 { "no answer" } else { "no end of the answer" };
        let whose = if left < step.timeout { " that were left of the `timeout`" } else { "" };
        Err((format!("gave {what} within {}{whose}", seconds(limit)), true))
    }

    /// The request of a step, with every placeholder filled. The error names missing values.
    fn request(&self, step: &Step) -> Result<Request, String> {
        let value = |name: &str| self.value(name);
        let path = step.path.fill(|name| value(name).map(|value| percent_encoded(&value)))?;
        let mut headers = BTreeMap::new();
        for (name, text) in &step.headers {
            headers.insert(name.clone(), text.fill(value)?);
        }
        let mut headers = header_map(&headers)?;
        let body = match &step.body {
            Body::None => None,
            Body::Text(text) => Some(text.fill(value)?),
            Body::Json(json) => {
                content_type(&mut headers, "application/json");
                Some(filled(json, &value)?.to_string())
            }
            Body::Form(form) => {
                content_type(&mut headers, "application/x-www-form-urlencoded");
                let mut pairs = Vec::new();
                for (name, text) in form {
                    pairs.push(format!("{}={}", percent_encoded(name), percent_encoded(&text.fill(value)?)));
                }
                Some(pairs.join("&"))
            }
        };
        let (via, method, host) = (step.via.clone(), step.method.clone(), step.host.clone());
        Ok(Request { via, method, path, host, headers, body })
    }

    /// Stores cookies and captures; the error names the first missing capture.
    fn learn(&mut self, cx: &Context<'_>, step: &Step, answer: &Answer) -> Result<(), String> {
        if let Ok(request) = self.request(step) {
            for given in answer.cookies.iter().filter_map(|header| Given::parse(header)) {
                self.values.hide(&format!("cookie {}", given.name), given.value);
                self.jar.take(request.authority(cx), &request.path, &given);
            }
        }
        let mut missing = Ok(());
        for Capture { name, from, hide } in &step.captures {
            match find(from, answer) {
                Some(value) => self.values.set(name, value, *hide),
                None if missing.is_ok() => {
                    missing = Err(format!("answered {}, but without {from} for {{{name}}}", answer.status));
                }
                None => {}
            }
        }
        missing
    }

    fn value(&self, name: &str) -> Result<String, String> {
        let value = self.values.get(name).map(str::to_owned);
        value.ok_or_else(|| format!("needs {{{name}}}, which is not known"))
    }
}

fn content_type(headers: &mut HeaderMap, kind: &'static str) {
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
}

/// `json` with the placeholders of its texts filled.
fn filled(json: &Value, value: &dyn Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    Ok(match json {
        Value::String(text) => Value::String(Template::parse(text).fill(value)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| filled(item, value)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let member = |(key, member): (&String, &Value)| Ok((key.clone(), filled(member, value)?));
            Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn find(from: &Source, answer: &Answer) -> Option<String> {
    let present = |value: Value| (!value.is_null()).then(|| plain(&value));
    match from {
        Source::Json(pointer) => {
            let document: Value = serde_json::from_str(&answer.body).ok()?;
            document.pointer(pointer).cloned().and_then(present)
        }
        Source::Header(name) => answer.headers.get(name).cloned(),
        Source::Cookie(name) => {
            let mut given = answer.cookies.iter().filter_map(|header| Given::parse(header));
            given.find(|given| given.name == name).map(|given| given.value.to_owned())
        }
        Source::Event { name, pointer } => {
            let events = sse::events(&answer.body);
            let mut found = events.iter().filter(|event| event.name == *name);
            found.find_map(|event| event.pointer(pointer).and_then(present))
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(pointer) => write!(f, "{pointer}"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Event { name, pointer } => write!(f, "{pointer} in event {name}"),
        }
    }
}

/// The request, with the placeholders of the file.
fn asked(cx: &Context<'_>, step: &Step) -> String {
    let path = step.path.to_string();
    let (via, method, host) = (step.via.clone(), step.method.clone(), step.host.clone());
    let shown = Request { via, method, path, host, headers: HeaderMap::new(), body: None }.shown(cx);
    format!("{} {shown}", step.method)
}

fn hop(cx: &Context<'_>, step: &Step) -> String {
    match (&step.hop, &step.via) {
        (Some(hop), _) => hop.clone(),
        (None, Via::Ingress) => format!("ingress → {}", step.host.as_deref().unwrap_or(&cx.host)),
        (None, Via::Service { name, port, .. }) => format!("{name}:{port}"),
    }
}

/// Rounded to two digits.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
