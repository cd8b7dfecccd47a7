//! Kubeconfig files: the user's own, into which our cluster is merged on request and removed again without changing
//! anything else, and the private one of a cluster.

mod document;
mod entries;
mod file;
mod lock;
#[cfg(test)]
mod tests;
mod yaml;

pub use document::{Document, Merged, Unmerged};
pub use entries::{Entries, client_certificate, damage, name_for};
pub use file::{Then, change, default_file, is_same};
pub use yaml::fault;
