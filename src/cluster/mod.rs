//! Clusters: providers, sizes, what fits into a cluster, and ownership.

mod demand;
pub mod fit;
pub mod identity;
mod kind;
mod local;
mod minikube;
mod need;
pub mod nodes;
mod provider;
mod sizes;

pub use demand::{Demand, Service};
pub use fit::{Candidate, Fit};
pub use local::{Owner, Provider};
pub(crate) use need::show_need;
pub use need::{Need, control_plane};
pub use provider::{Owned, Ports, State};
pub(crate) use sizes::{MIN_CPUS, MIN_MEMORY, SLACK};
pub use sizes::{Machine, Sizes, Span, room};
