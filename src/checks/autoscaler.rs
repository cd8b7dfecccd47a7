//! Kind `autoscaler`: the autoscalers of the namespace can scale, which requires metrics. Passes without any.

use futures::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition};
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams};

use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::deploy::usage::metrics;
use crate::kubernetes::error_line;

/// How long new pods may have no samples: two scrapes of the metrics server and an evaluation of the autoscaler, with
/// a reserve for a busy machine (seconds).
const FIRST_SAMPLES: i64 = 180;

#[derive(Debug)]
struct Autoscalers {
    namespace: Option<String>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of every kind
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    Some(Box::new(Autoscalers { namespace: fields.opt_string("namespace") }))
}

impl Check for Autoscalers {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
            let all: Api<HorizontalPodAutoscaler> = Api::namespaced(cx.client(), namespace);
            let all = match all.list(&ListParams::default()).await {
                Ok(all) if all.items.is_empty() => return Verdict::Pass("there is no autoscaler".to_owned()),
                Ok(all) => all.items,
                Err(error) => return Verdict::NotYet(error_line(&error)),
            };
            // An autoscaler notices missing metrics only at its next evaluation.
            let resource = metrics("PodMetrics", "pods");
            let samples: Api<DynamicObject> =
                Api::namespaced_with(cx.kube.once().clone(), namespace, &resource);
            if let Err(error) = samples.list(&ListParams::default().limit(1)).await {
                let names: Vec<String> = all.iter().map(kube::ResourceExt::name_any).collect();
                return Verdict::NotYet(format!(
                    "{} cannot scale, because the metrics API does not respond: {}",
                    names.join(", "),
                    error_line(&error)
                ));
            }
            judge(&all, Timestamp::now())
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # repairs the metrics addon and the autoscalers"
    }
}

fn judge(all: &[HorizontalPodAutoscaler], now: Timestamp) -> Verdict {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for autoscaler in all {
        let name = autoscaler.name_any();
        let conditions = autoscaler.status.as_ref().and_then(|status| status.conditions.as_deref());
        match conditions.unwrap_or_default().iter().find(|condition| unable(condition)) {
            None => fine.push(figures(autoscaler, &name)),
            Some(condition) if without_samples(condition, now) => {
                fine.push(format!("{name}: no samples of its new pods yet"));
            }
            Some(condition) => {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let (message, reason) = (text(&condition.message), text(&condition.reason));
                wrong.push(format!("{name} cannot scale: {message} ({reason})"));
            }
        }
    }
    if wrong.is_empty() { Verdict::Pass(fine.join("; ")) } else { Verdict::NotYet(wrong.join("; ")) }
}

fn figures(autoscaler: &HorizontalPodAutoscaler, name: &str) -> String {
    let (spec, status) = (autoscaler.spec.as_ref(), autoscaler.status.as_ref());
    let now = status.and_then(|status| status.current_replicas).unwrap_or_default();
    let least = spec.and_then(|spec| spec.min_replicas).unwrap_or(1);
    format!("{name}: {now} pods, {least} to {}", spec.map_or(least, |spec| spec.max_replicas))
}

/// Whether the condition says that the autoscaler does not work. One that is switched off because its workload was
/// scaled to 0 does.
fn unable(condition: &HorizontalPodAutoscalerCondition) -> bool {
    let of_interest = ["ScalingActive", "AbleToScale"].contains(&condition.type_.as_str());
    of_interest && condition.status == "False" && condition.reason.as_deref() != Some("ScalingDisabled")
}

/// Whether only the samples of pods that started recently are missing.
fn without_samples(condition: &HorizontalPodAutoscalerCondition, now: Timestamp) -> bool {
    let message = condition.message.as_deref().unwrap_or_default();
    let since = condition.last_transition_time.as_ref().map(|time| time.0.as_second());
    // The texts of the controller: `pkg/controller/podautoscaler/metrics` of Kubernetes.
    let missing = message.contains("did not receive metrics") || message.contains("no metrics returned");
    missing && since.is_some_and(|since| now.as_second() - since < FIRST_SAMPLES)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, ResponseTemplate};

    use super::super::testing::with_server;
    use super::super::{Spec, run_once};
    use super::*;
    use crate::kubernetes::testing::{object, serve};

    fn web(conditions: &str) -> HorizontalPodAutoscaler {
        object(&format!(
            "metadata: {{name: web}}\nspec: {{minReplicas: 2, maxReplicas: 5, scaleTargetRef: {{kind: Deployment, name: web}}}}\n\
             status: {{currentReplicas: 3, desiredReplicas: 3, conditions: [{conditions}]}}\n"
        ))
    }

    fn condition(status: &str, reason: &str, message: &str) -> String {
        format!(
            "{{type: ScalingActive, status: '{status}', reason: {reason}, message: '{message}', lastTransitionTime: '2026-01-01T10:00:00Z'}}"
        )
    }

    #[test]
    fn one_without_metrics_is_named_with_its_reason() {
        let now = |text: &str| text.parse::<Timestamp>().unwrap();
        let (soon, later) = (now("2026-01-01T10:01:00Z"), now("2026-01-01T10:04:00Z"));
        let active = web(&condition("True", "ValidMetricFound", "fine"));
        assert_eq!(judge(&[active], soon), Verdict::Pass("web: 3 pods, 2 to 5".to_owned()));
        let off = web(&condition("False", "ScalingDisabled", "zero"));
        assert!(matches!(judge(&[off], soon), Verdict::Pass(_)));

        let gone = web(&condition("False", "FailedGetResourceMetric", "unable to fetch metrics"));
        let expected = "web cannot scale: unable to fetch metrics (FailedGetResourceMetric)";
        assert_eq!(judge(&[gone], soon), Verdict::NotYet(expected.to_owned()));
        let young = [web(&condition(
            "False",
            "FailedGetResourceMetric",
            "no metrics returned from resource metrics API",
        ))];
        assert!(matches!(judge(&young, soon), Verdict::Pass(_)));
        assert!(matches!(judge(&young, later), Verdict::NotYet(_)), "new pods are sampled by then");
    }

    #[test]
    fn a_metrics_api_that_is_down_is_noticed_before_the_autoscaler_notices() {
        let list = serde_json::json!({"metadata": {}, "items":
            [serde_json::to_value(web(&condition("True", "ValidMetricFound", "fine"))).unwrap()]});
        let autoscalers = "/apis/autoscaling/v2/namespaces/app/horizontalpodautoscalers";
        let (_runtime, server) = serve([
            Mock::given(path(autoscalers)).respond_with(ResponseTemplate::new(200).set_body_json(list)),
            Mock::given(path("/apis/metrics.k8s.io/v1beta1/namespaces/app/pods"))
                .respond_with(ResponseTemplate::new(503).set_body_string("service unavailable")),
        ]);
        let spec = [Spec::parse("x", "f", "title = \"t\"\nkind = \"autoscaler\"\n").unwrap()];
        let outcome = with_server(&server.uri(), |cx| run_once(cx, &spec)).0.remove(0);
        assert!(!outcome.passed && outcome.detail.starts_with("web cannot scale"), "{outcome:?}");
    }
}
