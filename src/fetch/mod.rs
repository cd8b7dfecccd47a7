//! Hashing downloads into place: nothing arrives under its final name unverified.

mod archive;
mod atomic;
mod client;
mod download;
mod error;
mod place;
pub mod tar;

pub use archive::extract_member;
pub use atomic::{set_mode, sync_dir, write_atomic};
pub use client::{Client, Timeouts, causes, permitted};
pub use download::{
    Answered, Halt, LIMIT, Question, Remote, TRIES, Tries, allows, ask, download, read, unanswered,
};
pub use error::FetchError;
pub use place::{hex, is_sha256, place, sha256, sha256_file, sha256_stream};
pub use reqwest::Url;
