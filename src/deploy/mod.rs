//! Writing to the cluster: server-side apply, Helm, Secrets; seeing what lives, waiting for it.

mod apply;
pub mod dashboard;
mod drift;
mod error;
mod forward;
pub mod helm;
mod kube_client;
pub mod logs;
mod objects;
mod proxy;
pub(crate) mod reach;
mod release;
mod restart;
pub mod routes;
pub mod secrets;
pub mod services;
pub mod usage;
mod users;
pub mod watch;

pub use apply::apply;
pub use drift::{Drift, What, drift};
pub use error::{api_error, certificates_expired, expired};
pub use forward::forward;
pub use kube_client::Kube;
pub use objects::{objects, title};
pub use proxy::{Executed, Reply, exec, service_get};
pub use release::{Release, release, release_drift};
pub use restart::restart;
pub use users::{Users, users};

/// The field manager under which we apply.
pub const MANAGER: &str = "todo-bootstrap";

/// Carried by every object that we apply; only such objects are ever taken back by force.
pub const LABEL: (&str, &str) = ("todo-bootstrap.dev/managed", "true");
