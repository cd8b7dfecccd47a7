//! Clusters: providers, sizes, what fits into a cluster, and ownership.

mod demand;
pub mod fit;
pub mod identity;
pub mod kind;
mod local;
pub mod minikube;
mod need;
pub mod nodes;
mod provider;
mod sizes;

pub use demand::{Demand, Service};
pub use fit::{Candidate, Fit};
pub use local::{Local, Naming, Owner};
pub(crate) use need::show_need;
pub use need::{Need, control_plane};
pub use provider::{Owned, Ports, Provider, State};
pub(crate) use sizes::{MIN_CPUS, MIN_MEMORY, SLACK};
pub use sizes::{Machine, Sizes, Span, room};
