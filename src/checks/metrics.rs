//! Kind `metrics`: the metrics API has a sample of every node, or of every running pod.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::Value;

use super::spec::choice;
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::deploy::usage::metrics as resource;
use crate::kubernetes::error_line;

#[derive(Debug)]
enum Metrics {
    Nodes,
    Pods { namespace: Option<String> },
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let check = match choice(fields, "of", &["nodes", "pods"])?.as_str() {
        "nodes" => Metrics::Nodes,
        _ => Metrics::Pods { namespace: fields.opt_string("namespace") },
    };
    Some(Box::new(check))
}

impl Check for Metrics {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.facts(cx).await {
                Ok((wanted, samples)) => judge(&wanted, &samples),
                Err(error) => {
                    Verdict::NotYet(format!("the metrics API does not respond: {}", error_line(&error)))
                }
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # repairs the metrics addon"
    }
}

impl Metrics {
    /// The names for which there should be samples, and the samples.
    async fn facts(&self, cx: &Context<'_>) -> Result<(BTreeSet<String>, Vec<DynamicObject>), kube::Error> {
        let all = ListParams::default();
        let (names, samples): (BTreeSet<String>, Api<DynamicObject>) = match self {
            Self::Nodes => {
                let nodes = Api::<Node>::all(cx.client()).list(&all).await?;
                let names = nodes.items.into_iter().filter_map(|node| node.metadata.name);
                (names.collect(), Api::all_with(cx.client(), &resource("NodeMetrics", "nodes")))
            }
            Self::Pods { namespace } => {
                let namespace = namespace.as_deref().unwrap_or(&cx.namespace);
                let pods = Api::<Pod>::namespaced(cx.client(), namespace).list(&all).await?;
                let running = pods.items.into_iter().filter(|pod| {
                    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
                });
                let names = running.filter_map(|pod| pod.metadata.name).collect();
                (names, Api::namespaced_with(cx.client(), namespace, &resource("PodMetrics", "pods")))
            }
        };
        Ok((names, samples.list(&all).await?.items))
    }
}

fn judge(wanted: &BTreeSet<String>, samples: &[DynamicObject]) -> Verdict {
    if wanted.is_empty() {
        return Verdict::NotYet("there is nothing to measure".to_owned());
    }
    let sampled: BTreeSet<&str> = samples
        .iter()
        .filter(|sample| used(&sample.data))
        .filter_map(|sample| sample.metadata.name.as_deref())
        .collect();
    let missing: Vec<&str> =
        wanted.iter().map(String::as_str).filter(|name| !sampled.contains(name)).collect();
    if missing.is_empty() {
        return Verdict::Pass(format!("samples of {} of {}", wanted.len(), wanted.len()));
    }
    Verdict::NotYet(format!("no sample yet of {}", missing.join(", ")))
}

/// Whether a sample contains memory usage: an empty one exists before the first scrape ends.
fn used(sample: &Value) -> bool {
    let figure = |usage: &Value| usage["memory"].as_str().is_some_and(|text| !text.is_empty() && text != "0");
    let containers = sample["containers"].as_array();
    figure(&sample["usage"]) || containers.is_some_and(|all| all.iter().any(|c| figure(&c["usage"])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn node(name: &str, memory: &str) -> DynamicObject {
        object(&format!("metadata: {{name: {name}}}\nusage: {{cpu: 21m, memory: {memory}}}\n"))
    }

    #[test]
    fn every_node_has_a_sample() {
        let pass = judge(&names(&["a"]), &[node("a", "512Ki"), node("gone", "1Ki")]);
        assert_eq!(pass, Verdict::Pass("samples of 1 of 1".to_owned()));
        let missing = judge(&names(&["a", "b"]), &[node("a", "512Ki")]);
        assert_eq!(missing, Verdict::NotYet("no sample yet of b".to_owned()));
        assert!(matches!(judge(&names(&["a"]), &[node("a", "\"0\"")]), Verdict::NotYet(_)));
        assert!(matches!(judge(&names(&[]), &[]), Verdict::NotYet(_)));
    }

    #[test]
    fn a_pod_is_sampled_by_its_containers() {
        let pod: DynamicObject =
            object("metadata: {name: a}\ncontainers: [{name: c, usage: {cpu: 1m, memory: 20Mi}}]\n");
        assert!(matches!(judge(&names(&["a"]), &[pod]), Verdict::Pass(_)));
        let empty: DynamicObject = object("metadata: {name: a}\ncontainers: []\n");
        assert!(matches!(judge(&names(&["a"]), &[empty]), Verdict::NotYet(_)));
    }
}
