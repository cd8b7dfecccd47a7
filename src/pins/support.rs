//! `support.toml`: until when the pinned lines of versions are supported.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::config::{Document, Fields};
use crate::data::Data;
use crate::error::{Error, Result};

pub(super) const FILE: &str = "support.toml";

/// The products that we pin, each with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The day on which somebody last compared all of it with its sources.
    pub reviewed: Date,
    pub(super) products: BTreeMap<String, Product>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    /// The keys of `versions.toml` that hold a version of it.
    pub(super) keys: Vec<String>,
    lines: BTreeMap<String, Line>,
}

/// A line of versions, such as 3.11, and how long its project patches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The product and the line, `Python 3.11`.
    pub title: String,
    pub end: End,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    On(Date),
    /// No day is known; why.
    Open(String),
}

impl Line {
    /// Whether support ended before `day`.
    pub fn ended(&self, day: Date) -> Option<Date> {
        match self.end {
            End::On(end) if end < day => Some(end),
            End::On(_) | End::Open(_) => None,
        }
    }
}

impl Support {
    pub fn load(data: &Data) -> Result<Self> {
        let text = data.read(FILE)?.ok_or_else(|| Error::failed(format!("{FILE} is missing")))?;
        Self::parse(&text.origin, &text.text)
    }

    /// Parses a whole file; `file` is its name in messages. All problems are reported at once.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        Document::parse(file, text)?.read(|fields| {
            let reviewed = date(fields, "reviewed");
            if !fields.has("reviewed") {
                fields.problem("reviewed", "is missing");
            }
            let mut products = BTreeMap::new();
            fields.opt_table("products", |all| {
                for name in all.keys() {
                    products.extend(all.opt_table(&name, product).map(|product| (name, product)));
                }
                Some(())
            });
            Some(Self { reviewed: reviewed?, products })
        })
    }

    /// The line of a product that a version is of, if it is known.
    pub fn line(&self, product: &str, version: &str) -> Option<&Line> {
        let is_of = |line: &str| {
            version.strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let lines = self.products.get(product)?.lines.iter().filter(|(line, _)| is_of(line));
        lines.max_by_key(|(line, _)| line.len()).map(|(_, line)| line)
    }
}

fn product(fields: &mut Fields<'_, '_>) -> Option<Product> {
    let title = fields.string("title");
    let (keys, source) = (fields.strings("versions"), fields.opt_string("source"));
    let mut lines = BTreeMap::new();
    fields.opt_table("lines", |all| {
        for name in all.keys() {
            let title = format!("{} {name}", title.as_deref().unwrap_or_default());
            let line = all.opt_table(&name, |fields| line(fields, title, source.as_deref()));
            lines.extend(line.map(|line| (name, line)));
        }
        Some(())
    });
    if !fields.has("lines") {
        fields.problem("lines", "is missing");
    }
    title.map(|_| Product { keys, lines })
}

fn line(fields: &mut Fields<'_, '_>, title: String, common: Option<&str>) -> Option<Line> {
    let (ends, open) = (date(fields, "ends"), fields.opt_string("open"));
    if fields.has("ends") == fields.has("open") {
        fields.problem("ends", "or `open` is required, but not both: the last day, or why none is known");
    }
    let source = fields.opt_string("source").or_else(|| common.map(str::to_owned));
    if source.is_none() {
        fields.problem(
            "source",
            "is missing, here and at the product: it is the address where the day is published",
        );
    }
    Some(Line { title, end: ends.map(End::On).or_else(|| open.map(End::Open))?, source: source? })
}

fn date(fields: &mut Fields<'_, '_>, key: &str) -> Option<Date> {
    fields.opt_parsed(key, |text| {
        text.parse().map_err(|_| format!("is \"{text}\", which is not a date (2027-02-28)"))
    })
}
