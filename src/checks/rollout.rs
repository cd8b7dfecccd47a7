//! Kind `rollout`: the rollout of a workload is complete, and all its replicas are ready.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;

use super::spec::choice;
use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::deploy::watch::{Progress, Target, Workload, progress};
use crate::kubernetes::error_line;

#[derive(Debug)]
struct Rollout {
    workload: Workload,
    name: String,
    namespace: Option<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let object = choice(fields, "object", &["Deployment", "StatefulSet", "DaemonSet"]);
    let (name, namespace) = (fields.string("name"), fields.opt_string("namespace"));
    Some(Box::new(Rollout { workload: Workload::parse(&object?)?, name: name?, namespace }))
}

impl Rollout {
    fn target(&self, cx: &Context<'_>) -> Target {
        let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace).to_owned();
        Target { workload: self.workload, namespace, name: self.name.clone() }
    }
}

impl Check for Rollout {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let object = match self.target(cx).api(&cx.client()).get_opt(&self.name).await {
                Ok(Some(object)) => object,
                Ok(None) => return Verdict::NotYet(format!("there is no {:?} {}", self.workload, self.name)),
                Err(error) => return Verdict::NotYet(error_line(&error)),
            };
            match progress(self.workload, &object) {
                Progress::Ready(_) if object.data["spec"]["replicas"] == 0 => {
                    Verdict::NotYet("it is scaled to 0 replicas".to_owned())
                }
                Progress::Ready(detail) => Verdict::Pass(detail),
                Progress::Waiting(detail) => Verdict::NotYet(detail),
                // The controller continues, although it has given up waiting.
                Progress::Failed(message) => Verdict::NotYet(message),
            }
        }
        .boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        Some(pulse::of_one(self.target(cx).api(&cx.client()), &self.name))
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # rolls it out again and shows why a pod is not ready"
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, ResponseTemplate};

    use super::super::testing::with_server;
    use super::super::{Spec, run_all};
    use crate::kubernetes::testing::serve;

    #[test]
    fn a_change_that_the_watch_reports_is_checked_at_once() {
        let deployment = |ready: u8| {
            serde_json::json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 1, "resourceVersion": "5"},
                "spec": {"replicas": 1, "selector": {}, "template": {}},
                "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready}
            })
        };
        let all = "/apis/apps/v1/namespaces/app/deployments";
        let one = || Mock::given(path(format!("{all}/web")));
        let answer = |json: serde_json::Value| ResponseTemplate::new(200).set_body_json(json);
        let list = serde_json::json!({"metadata": {"resourceVersion": "5"}, "items": [deployment(1)]});
        let (_runtime, server) = serve([
            one().respond_with(answer(deployment(0))).up_to_n_times(1),
            one().respond_with(answer(deployment(1))).with_priority(9),
            Mock::given(path(all)).respond_with(answer(list)),
        ]);
        let text =
            "title = \"t\"\nkind = \"rollout\"\nobject = \"Deployment\"\nname = \"web\"\ntimeout = \"4s\"\n";
        // Without the watch, the next evaluation would be after 5 s.
        let spec = [Spec::parse("x", "f", text).unwrap()];
        let outcome = with_server(&server.uri(), |cx| run_all(cx, &spec)).0.remove(0);
        assert!(outcome.passed, "{}", outcome.detail);
    }
}
