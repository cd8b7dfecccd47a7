//! The connection to a cluster: its client, its errors, programs in its containers, and what its Services lead to.

mod client;
mod error;
mod exec;
pub(crate) mod reach;
#[cfg(test)]
pub(crate) mod testing;

pub use client::Kube;
pub use error::{api_error, certificates_expired, error_line, expired};
pub(crate) use error::{conflict, innermost, not_found, transient};
pub(crate) use exec::PodCmd;

/// The annotation of the default `StorageClass`.
pub(crate) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
