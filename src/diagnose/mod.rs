//! From statuses, events and logs to one cause, with its fix.
//!
//! [`pod_cause`] and [`claim_cause`] are pure; [`explain()`] reads their input from the cluster.

mod cause;
mod dns;
mod explain;
mod pods;
mod volumes;

pub use cause::Cause;
pub use dns::dns_cause;
pub use explain::{Observed, explain, verdict};
pub(crate) use explain::{explain_async, gather, moment, told};
pub(crate) use pods::statuses;
pub use pods::{is_ready, phase, pod_cause};
pub use volumes::claim_cause;

/// A recorded pod with its events.
#[cfg(test)]
pub(crate) fn recorded(
    name: &str,
) -> (k8s_openapi::api::core::v1::Pod, Vec<k8s_openapi::api::core::v1::Event>) {
    use crate::kubernetes::testing::from_json;
    let file = format!("{}/src/diagnose/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut both: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    (from_json(both["pod"].take()), from_json(both["events"].take()))
}
