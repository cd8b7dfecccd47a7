//! From statuses, events and logs to one cause and its remedy, on one screen.
//!
//! [`pod_cause`] and [`claim_cause`] are pure; [`explain`] feeds them with what lives.

mod cause;
mod explain;
pub mod machine;
mod pods;
mod volumes;

pub use cause::Cause;
pub use explain::{Scene, explain, verdict};
pub(crate) use explain::{explain_async, gather, last_lines, moment, screen};
pub use pods::{is_ready, phase, pod_cause};
pub use volumes::claim_cause;
