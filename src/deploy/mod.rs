//! Access to the cluster: server-side apply, Helm, Secrets; reading its state, and waiting for it.

mod apply;
pub mod dashboard;
mod drift;
mod forward;
pub mod helm;
mod history;
pub mod logs;
mod objects;
mod release;
mod remove;
mod restart;
pub mod routes;
pub mod scale;
pub mod secrets;
pub mod services;
pub mod usage;
mod users;
pub mod watch;

pub use apply::apply;
pub use drift::drift;
pub use forward::forward;
pub use history::changes;
pub use objects::{has_own_volumes, objects, replicas, shares_volume, title};
pub use release::{Release, history, release, release_drift};
pub(crate) use release::{members, releases};
pub use remove::{ObjectRef, present, remove};
pub use restart::restart;
pub use users::{Users, users};

/// The field manager under which we apply.
pub const MANAGER: &str = "todo-bootstrap";

/// The label of every object that we apply. Only such objects are ever changed by force.
pub const LABEL: (&str, &str) = ("todo-bootstrap.dev/managed", "true");
