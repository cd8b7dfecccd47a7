//! Access to the cluster: server-side apply, Helm, Secrets; reading its state, and waiting for it.

mod apply;
pub mod dashboard;
mod drift;
mod forward;
pub mod helm;
pub mod logs;
mod objects;
mod release;
mod restart;
pub mod routes;
pub mod secrets;
pub mod services;
pub mod usage;
mod users;
pub mod watch;

pub use apply::apply;
pub use drift::drift;
pub use forward::forward;
pub use objects::{objects, title};
pub(crate) use release::members;
pub use release::{Release, release, release_drift};
pub use restart::restart;
pub use users::{Users, users};

/// The field manager under which we apply.
pub const MANAGER: &str = "todo-bootstrap";

/// The label of every object that we apply. Only such objects are ever changed by force.
pub const LABEL: (&str, &str) = ("todo-bootstrap.dev/managed", "true");
