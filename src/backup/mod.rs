//! Backups of an application's data: dumps of its stores and a manifest, and how they are restored.
//!
//! What the stores are, and how each is dumped and loaded, is data of the application (`[[data]]`).

mod manifest;
mod shelf;
mod store;

pub use manifest::{Dump, Manifest, Reason};
pub use shelf::{Backup, KEPT, Shelf};
pub use store::{Origin, Store, create, newer, stores};
