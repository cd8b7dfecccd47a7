//! Clusters: what makes one, how large it is, and whether it is ours.

pub mod identity;
pub mod kind;
pub mod nodes;
mod provider;
mod sizes;

pub use provider::{Owned, Ports, Provider, State};
pub use sizes::{Machine, Sizes};
