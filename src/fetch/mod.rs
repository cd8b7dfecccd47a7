//! Hashing downloads into place: nothing arrives under its final name unverified.

mod archive;
mod client;
mod download;
mod error;
pub mod tar;

pub use archive::extract_member;
pub use client::{Client, Timeouts, causes, permitted};
pub use download::{
    Answered, Halt, LIMIT, Question, Remote, TRIES, Tries, allows, ask, download, read, unanswered,
};
pub use error::FetchError;
pub use reqwest::Url;
