//! The user's own kubeconfig: our cluster goes into it on request, and out of it again, with
//! everything else in it as it was.

mod document;
mod entries;
mod file;
mod lock;
#[cfg(test)]
mod tests;
mod yaml;

pub use document::{Document, Left, Merged, Unmerged};
pub use entries::{Entries, name_for};
pub use file::{KubeconfigFile, Saved, Then, default_file};
pub use yaml::fault;
