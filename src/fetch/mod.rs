//! Verified downloads: no file gets its final name before it is verified.

mod archive;
mod client;
mod download;
mod error;
mod queue;
pub mod tar;

pub use archive::extract_member;
pub use client::{Client, Timeouts, causes, permitted};
pub use download::{Answered, Halt, LIMIT, Remote, again, allows, ask, download, read, unanswered};
pub use error::FetchError;
pub use queue::{Place, Queue, Urgency};
pub use reqwest::Url;

#[cfg(test)]
pub(crate) mod testing;
