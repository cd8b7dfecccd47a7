//! The definition of a journey in its file, and all problems of the file.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::template::{Template, is_name};
use super::values::{HOST, ORIGIN, RANDOM, SECRET};
use crate::checks::expect::{self, Expect};
use crate::checks::http::{self, Via};
use crate::checks::spec::{duration, required};
use crate::config::{Fields, suggest};

/// The default timeout of a step.
const STEP: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct File {
    pub vars: BTreeMap<String, Template>,
    /// The value of `{host}`; `None`: the application's host.
    pub host: Option<String>,
    pub steps: Vec<Step>,
    pub finally: Vec<Step>,
}

/// A request, the expected response, and the values to capture from it.
#[derive(Debug)]
pub(super) struct Step {
    pub name: String,
    /// The segment of the request path that it exercises.
    pub hop: Option<String>,
    pub via: Via,
    pub host: Option<String>,
    pub method: Method,
    pub path: Template,
    pub headers: BTreeMap<String, Template>,
    pub body: Body,
    /// Its texts may contain placeholders.
    pub expect: Expect,
    pub captures: Vec<Capture>,
    pub timeout: Duration,
    /// Of `[[finally]]`: the step that it undoes.
    pub undoes: Option<String>,
}

#[derive(Debug)]
pub(super) enum Body {
    None,
    Text(Template),
    /// Its texts may contain placeholders.
    Json(Value),
    Form(BTreeMap<String, Template>),
}

#[derive(Debug)]
pub(super) struct Capture {
    pub name: String,
    pub from: Source,
    /// Whether messages must not show it.
    pub hide: bool,
}

/// Where a value is in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Json(String),
    Header(String),
    Cookie(String),
    /// In the first event of that name that has a value there.
    Event {
        name: String,
        pointer: String,
    },
}

/// Defaults for the steps, and the names that a step may use.
struct Scope {
    via: Via,
    host: Option<String>,
    vars: BTreeSet<String>,
    captures: BTreeSet<String>,
    steps: BTreeSet<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> File {
    let via = if fields.has("via") { http::read_via(fields) } else { Some(Via::Ingress) };
    let host = fields.opt_parsed("host", http::host);
    let vars = read_vars(fields);
    let names = vars.keys().cloned().chain([HOST, ORIGIN].map(str::to_owned)).collect();
    // An invalid `via` is reported already; the steps are still read for their problems.
    let (via, steps) = (via.unwrap_or(Via::Ingress), BTreeSet::new());
    let mut scope = Scope { via, host: host.clone(), vars: names, captures: BTreeSet::new(), steps };
    let steps = fields.tables("step", |fields| read_step(fields, &mut scope, false));
    if !fields.has("step") {
        fields.problem("step", "is missing: a journey has at least one step");
    }
    let finally = fields.tables("finally", |fields| read_step(fields, &mut scope, true));
    File { vars, host, steps, finally }
}

fn read_vars(fields: &mut Fields<'_, '_>) -> BTreeMap<String, Template> {
    let mut vars = BTreeMap::new();
    fields.opt_table("vars", |fields| {
        for name in fields.keys() {
            let text = fields.opt_parsed(&name, |text| {
                check_name(&name)?;
                let template = Template::parse(text);
                let other = template.names().find(|part| ![HOST, RANDOM, SECRET].contains(part));
                if let Some(other) = other {
                    return Err(format!(
                        "contains `{{{other}}}`, but may only contain {{random}}, {{secret}}, {{host}}"
                    ));
                }
                Ok(template)
            });
            // Added even if it is invalid, so that its uses cause no further problems.
            vars.insert(name, text.unwrap_or_else(|| Template::parse("")));
        }
        Some(())
    });
    vars
}

fn check_name(name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err("is not a valid name: a-z, then a-z, 0-9 and `_`".to_owned());
    }
    if [HOST, ORIGIN, RANDOM, SECRET].contains(&name) {
        return Err("is a predefined name".to_owned());
    }
    Ok(())
}

impl Scope {
    /// Whether every placeholder of `text` can be filled.
    fn check(&self, text: &str) -> Result<(), String> {
        let known = |name: &str| self.vars.contains(name) || self.captures.contains(name);
        let template = Template::parse(text);
        let Some(unknown) = template.names().find(|name| !known(name)) else { return Ok(()) };
        let names: Vec<&str> = self.vars.iter().chain(&self.captures).map(String::as_str).collect();
        let near = suggest(unknown, &names);
        Err(format!("uses `{{{unknown}}}`, which neither [vars] nor an earlier step defines{near}"))
    }

    fn template(&self, text: &str) -> Result<Template, String> {
        self.check(text).map(|()| Template::parse(text))
    }
}

fn read_step(fields: &mut Fields<'_, '_>, scope: &mut Scope, last: bool) -> Option<Step> {
    let name = fields.string("name");
    let hop = fields.opt_string("hop");
    let via = if fields.has("via") { http::read_via(fields) } else { Some(scope.via.clone()) };
    let host = fields.opt_parsed("host", http::host).or_else(|| scope.host.clone());
    let method = fields.opt_parsed("method", http::method);
    let path = required(fields, "path", |text| scope.template(&http::path(text)?));
    let headers = templates(fields, "headers", scope);
    let body = read_body(fields, scope);
    if !matches!(body, Body::None) && !fields.has("method") {
        fields.problem("method", "is missing, and GET has no body");
    }
    let expect = read_expect(fields, scope);
    let timeout = fields.opt_parsed("timeout", duration).unwrap_or(STEP);
    let steps: Vec<&str> = scope.steps.iter().map(String::as_str).collect();
    let undoes = if last { fields.opt_choice("undoes", &steps) } else { None };
    let captures = read_captures(fields, scope);
    if let Some(name) = &name
        && !last
        && !scope.steps.insert(name.clone())
    {
        fields.problem("name", format!("is \"{name}\", like that of an earlier step"));
    }
    let method = method.unwrap_or(Method::GET);
    let (name, via, path, expect) = (name?, via?, path?, expect?);
    Some(Step { name, hop, via, host, method, path, headers, body, expect, captures, timeout, undoes })
}

/// A table of texts with placeholders; for headers, the names and fixed texts are checked as well.
fn templates(fields: &mut Fields<'_, '_>, key: &str, scope: &Scope) -> BTreeMap<String, Template> {
    let mut map = BTreeMap::new();
    fields.opt_table(key, |fields| {
        for name in fields.keys() {
            let text = fields.opt_parsed(&name, |text| {
                if key == "headers" {
                    http::header_map(&[(name.clone(), text.to_owned())].into())?;
                }
                scope.template(text)
            });
            map.extend(text.map(|text| (name, text)));
        }
        Some(())
    });
    map
}

fn read_body(fields: &mut Fields<'_, '_>, scope: &Scope) -> Body {
    let given: Vec<&str> = ["body", "json", "form"].into_iter().filter(|key| fields.has(key)).collect();
    if let [_, second, ..] = given.as_slice() {
        fields.problem(second, "is a second body: use one of `body`, `json`, `form`");
    }
    let text = fields.opt_parsed("body", |text| scope.template(text));
    let json = fields.opt_json("json", &|text| scope.check(text));
    let form = templates(fields, "form", scope);
    match (text, json) {
        (Some(text), _) => Body::Text(text),
        (_, Some(json)) => Body::Json(json),
        _ if given.contains(&"form") => Body::Form(form),
        _ => Body::None,
    }
}

fn read_expect(fields: &mut Fields<'_, '_>, scope: &Scope) -> Option<Expect> {
    if !fields.has("expect") {
        return Some(Expect::default());
    }
    let expect = fields.opt_table("expect", expect::read)?;
    let wrong = RefCell::new(BTreeSet::new());
    let note = |text: &str| -> Result<String, ()> {
        wrong.borrow_mut().extend(scope.check(text).err());
        Ok(String::new())
    };
    let _ = expect.with_texts(&note);
    for message in wrong.into_inner() {
        fields.problem("expect", message);
    }
    Some(expect)
}

fn read_captures(fields: &mut Fields<'_, '_>, scope: &mut Scope) -> Vec<Capture> {
    let mut captures = Vec::new();
    let show = fields.strings("show");
    fields.opt_table("capture", |fields| {
        for name in fields.keys() {
            let from = fields.opt_parsed(&name, |text| {
                check_name(&name)?;
                if scope.vars.contains(&name) {
                    return Err("is a variable of [vars]".to_owned());
                }
                source(text)
            });
            scope.captures.insert(name.clone());
            let hide = !show.contains(&name);
            captures.extend(from.map(|from| Capture { name, from, hide }));
        }
        Some(())
    });
    let unknown = show.iter().find(|name| !captures.iter().any(|capture| capture.name == **name));
    if let Some(unknown) = unknown {
        fields.problem("show", format!("names `{unknown}`, which this step does not capture"));
    }
    captures
}

fn source(text: &str) -> Result<Source, String> {
    let wrong = || {
        let forms = "\"/json/pointer\", \"header:NAME\", \"cookie:NAME\", \"sse:EVENT:/pointer\"";
        Err(format!("is \"{text}\", but must be one of {forms}"))
    };
    if text.starts_with('/') {
        return Ok(Source::Json(text.to_owned()));
    }
    match text.split_once(':') {
        Some(("header", name)) if !name.is_empty() => Ok(Source::Header(name.to_ascii_lowercase())),
        Some(("cookie", name)) if !name.is_empty() => Ok(Source::Cookie(name.to_owned())),
        Some(("sse", rest)) => match rest.split_once(':') {
            Some((name, pointer)) if !name.is_empty() && pointer.starts_with('/') => {
                Ok(Source::Event { name: name.to_owned(), pointer: pointer.to_owned() })
            }
            _ => wrong(),
        },
        _ => wrong(),
    }
}
