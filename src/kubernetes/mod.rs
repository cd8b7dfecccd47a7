//! The connection to a cluster: its client, its errors, and what its Services lead to.

mod client;
mod error;
pub(crate) mod reach;
#[cfg(test)]
pub(crate) mod testing;

pub use client::Kube;
pub use error::{api_error, certificates_expired, error_line, expired};
pub(crate) use error::{innermost, not_found, transient};

/// The annotation of the default `StorageClass`.
pub(crate) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
