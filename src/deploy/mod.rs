//! Writing to the cluster: server-side apply, Helm, Secrets; seeing what lives, waiting for it.

mod apply;
mod drift;
mod error;
pub mod helm;
mod kube_client;
mod objects;
mod proxy;
mod release;
pub mod secrets;
pub mod watch;

pub use apply::apply;
pub use drift::{Drift, What, drift};
pub use error::api_error;
pub use kube_client::Kube;
pub use objects::{objects, title};
pub use proxy::{Executed, Reply, exec, service_get, tcp_open};
pub use release::{Release, release, release_drift};

/// The field manager under which we apply.
pub const MANAGER: &str = "todo-bootstrap";

/// Carried by every object that we apply; only such objects are ever taken back by force.
pub const LABEL: (&str, &str) = ("todo-bootstrap.dev/managed", "true");
