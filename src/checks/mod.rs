//! Checks: each kind is a module, and the checks themselves are data.
//!
//! A check is a file `checks/<group>/<id>.toml`. A kind evaluates the state once; [`run`] decides when it is
//! evaluated again, in the same way for all kinds.

mod autoscaler;
mod condition;
mod dns_policy;
mod expect;
mod helm_test;
mod http;
mod image_digest;
mod journey;
mod metrics;
mod pulse;
mod pvc;
mod restarts;
mod rollout;
mod run;
mod secure;
mod spec;
mod sse;
mod storage_class;
mod tcp;

#[cfg(test)]
pub(crate) mod testing;

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use kube::Client;
use serde::Serialize;

use crate::config::Fields;
use crate::images::Built;
use crate::kubernetes::Kube;
use crate::task::Task;

pub use http::page;
pub use run::{run_all, run_once};
pub use secure::Secure;
pub use spec::{Spec, load};

/// What a check may look at.
pub struct Context<'a> {
    pub task: &'a Task<'a>,
    pub kube: &'a Kube,
    /// Where a check that names no namespace looks.
    pub namespace: String,
    /// The host name that an `http` check through the ingress asks for, if it names none.
    pub host: String,
    /// The port on this machine's loopback address where the ingress controller answers.
    pub ingress: u16,
    /// The hosts that it answers with TLS.
    pub secure: Option<Secure>,
    /// The images that were built from the project.
    pub built: Vec<Built>,
}

impl Context<'_> {
    fn client(&self) -> Client {
        self.kube.client().clone()
    }
}

/// The result of one run of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass(String),
    /// Not so, but it may become so.
    NotYet(String),
    /// Not so, and waiting cannot mend it.
    Never(String),
}

/// A check of some kind, with all that its file says.
pub trait Check: Debug + Send + Sync {
    /// Looks once. Errors of the API are [`Verdict::NotYet`]: they may pass.
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict>;

    /// An item for each change after which to look again; without a watch, pauses separate the looks.
    fn changes(&self, _cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        None
    }

    /// What to do when it fails and its file gives no `help`.
    fn help(&self) -> &'static str;

    /// Told once what the file gives as `timeout`, for a kind whose one look may take that long.
    fn within(&mut self, _timeout: Duration) {}

    /// The longest that one look may take before it counts as no answer.
    fn look_timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Whether a look starts pods of its own; `up` looks only after it changed the application.
    fn starts_pods(&self) -> bool {
        false
    }

    /// Undoes what an interrupted run left behind: asked when all is over, and must be short.
    fn tidy<'a>(&'a self, _cx: &'a Context<'_>) -> Option<BoxFuture<'a, ()>> {
        None
    }
}

/// Reads a check of some kind from a table of TOML.
type Read = fn(&mut Fields<'_, '_>) -> Option<Box<dyn Check>>;

/// Every kind that `kind = "…"` may name.
const KINDS: &[(&str, Read)] = &[
    ("autoscaler", autoscaler::read),
    ("condition", condition::read),
    ("dns-policy", dns_policy::read),
    ("helm-test", helm_test::read),
    ("http", http::read),
    ("image-digest", image_digest::read),
    ("journey", journey::read),
    ("metrics", metrics::read),
    ("pvc", pvc::read),
    ("restarts", restarts::read),
    ("rollout", rollout::read),
    ("storage-class", storage_class::read),
    ("tcp", tcp::read),
];

/// The result of a check, for screens and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub id: String,
    pub title: String,
    /// The finding's stable name.
    pub code: String,
    pub passed: bool,
    /// What was seen, in words.
    pub detail: String,
    /// The remedy; empty where the check passed.
    pub help: String,
    pub millis: u64,
}
