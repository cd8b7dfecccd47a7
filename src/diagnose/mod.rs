//! From statuses, events and logs to one cause, with its fix.
//!
//! [`pod_cause`] and [`claim_cause`] are pure; [`explain()`] reads their input from the cluster.

mod cause;
mod explain;
mod pods;
mod volumes;

pub use cause::Cause;
pub use explain::{Observed, explain, verdict};
pub(crate) use explain::{explain_async, gather, last_lines, moment, screen};
pub use pods::{is_ready, phase, pod_cause};
pub use volumes::claim_cause;
