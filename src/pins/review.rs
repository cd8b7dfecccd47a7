//! Which pinned versions lose support, and when.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use super::{End, Images, Line, Support};
use crate::config::Versions;

/// So many days before the end of support it is spoken of.
pub const WARN_DAYS: i32 = 60;

/// A line with a known end of support, and what is pinned of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// `Python 3.11`.
    pub line: String,
    /// Keys of `versions.toml`, and images.
    pub pins: Vec<String>,
    /// The last day.
    pub on: Date,
    /// Days from today to the last day; less than 0 where it is past.
    pub left: i32,
}

impl Due {
    pub fn is_near(&self) -> bool {
        self.left <= WARN_DAYS
    }

    pub fn is_past(&self) -> bool {
        self.left < 0
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.line, self.pins.join(", "))?;
        match self.left {
            ..0 => write!(f, " has been out of support since {}", self.on),
            0 => write!(f, " loses support today, on {}", self.on),
            1 => write!(f, " loses support tomorrow, on {}", self.on),
            left => write!(f, " loses support on {}, in {left} days", self.on),
        }
    }
}

/// The pinned lines whose end of support is known, the soonest first, without the stand-in for a published image
/// of another line, which says so itself ([`super::PublishedImage::difference`]).
pub fn due(support: &Support, versions: &Versions, images: &Images, today: Date) -> Vec<Due> {
    let stands_in =
        |key: &str| images.iter().any(|image| image.source_key == key && image.version_differs.is_some());
    let of_version = |product: &str, key: &String| {
        if stands_in(key) {
            return None;
        }
        let line = versions.get(key).ok().and_then(|version| support.line(product, version));
        line.map(|line| (line, key.clone()))
    };
    let products = support.products.iter();
    let named = products.flat_map(|(name, about)| about.keys.iter().filter_map(|key| of_version(name, key)));
    let published = images.iter().map(|image| (&image.support, format!("image {}", image.name)));
    let mut pins: BTreeMap<&str, (&Line, Vec<String>)> = BTreeMap::new();
    for (line, name) in named.chain(published) {
        pins.entry(&line.title).or_insert_with(|| (line, Vec::new())).1.push(name);
    }
    let mut all: Vec<Due> = pins
        .into_values()
        .filter_map(|(Line { title, end, .. }, pins)| match end {
            End::On(on) => {
                // Days are the largest unit unless another one is asked for.
                let left = on.since(today).map_or(i32::MAX, |span| span.get_days());
                Some(Due { line: title.clone(), pins, on: *on, left })
            }
            End::Open(_) => None,
        })
        .collect();
    all.sort_by_key(|due| due.on);
    all
}
