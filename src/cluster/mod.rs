//! Clusters: providers, sizes, what fits into a cluster, and ownership.

mod demand;
mod encryption;
pub mod fit;
mod free;
pub mod identity;
mod kind;
mod local;
mod minikube;
mod need;
pub mod nodes;
mod overhead;
mod provider;
mod sizes;

pub use demand::{Demand, Service};
pub use encryption::{Encryption, rewrite_secrets};
pub use fit::{Candidate, Fit};
pub use free::free;
pub use local::{Owner, Provider};
pub(crate) use need::show_need;
pub use need::{Need, control_plane};
pub use overhead::Overhead;
pub use provider::{Owned, Ports, State};
pub(crate) use sizes::{MIN_CPUS, MIN_MEMORY, SLACK};
pub use sizes::{Machine, Sizes, Span, needed_disk, room};
