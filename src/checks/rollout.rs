//! Kind `rollout`: a workload runs what was last asked of it, with every replica ready.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::Api;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::deploy::reach::said;

#[derive(Debug)]
struct Rollout {
    object: Object,
    name: String,
    namespace: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Object {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Object {
    const ALL: [(&'static str, Self); 3] = [
        ("Deployment", Self::Deployment),
        ("StatefulSet", Self::StatefulSet),
        ("DaemonSet", Self::DaemonSet),
    ];
}

/// What of a workload's status tells how far it is; counts are pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    /// The generation that was asked for, and the one that its controller has seen.
    generation: i64,
    observed: i64,
    wanted: i32,
    updated: i32,
    ready: i32,
    /// All pods, those of an older generation included.
    current: i32,
    stuck: bool,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    if !fields.has("object") {
        fields.string("object");
    }
    let object = fields.opt_choice("object", &Object::ALL.map(|(name, _)| name));
    let object = Object::ALL.iter().find(|(name, _)| Some(*name) == object.as_deref());
    let (name, namespace) = (fields.string("name"), fields.opt_string("namespace"));
    Some(Box::new(Rollout { object: object?.1, name: name?, namespace }))
}

impl Check for Rollout {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.progress(cx).await {
                Ok(Some(progress)) => judge(progress),
                Ok(None) => Verdict::NotYet(format!("there is no {:?} {}", self.object, self.name)),
                Err(error) => Verdict::NotYet(said(&error)),
            }
        }
        .boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
        let client = cx.client();
        Some(match self.object {
            Object::Deployment => pulse::of_one::<Deployment>(Api::namespaced(client, namespace), &self.name),
            Object::StatefulSet => {
                pulse::of_one::<StatefulSet>(Api::namespaced(client, namespace), &self.name)
            }
            Object::DaemonSet => pulse::of_one::<DaemonSet>(Api::namespaced(client, namespace), &self.name),
        })
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # rolls it out again and shows why a pod is not ready"
    }
}

impl Rollout {
    async fn progress(&self, cx: &Context<'_>) -> Result<Option<Progress>, kube::Error> {
        let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
        let (client, name) = (cx.client(), self.name.as_str());
        Ok(match self.object {
            Object::Deployment => {
                let api: Api<Deployment> = Api::namespaced(client, namespace);
                api.get_opt(name).await?.as_ref().map(Progress::from)
            }
            Object::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                api.get_opt(name).await?.as_ref().map(Progress::from)
            }
            Object::DaemonSet => {
                let api: Api<DaemonSet> = Api::namespaced(client, namespace);
                api.get_opt(name).await?.as_ref().map(Progress::from)
            }
        })
    }
}

impl From<&Deployment> for Progress {
    fn from(object: &Deployment) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        Self {
            generation: object.metadata.generation.unwrap_or_default(),
            observed: status.observed_generation.unwrap_or_default(),
            wanted: object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or_default(),
            ready: status.ready_replicas.unwrap_or_default(),
            current: status.replicas.unwrap_or_default(),
            stuck: conditions.iter().any(|c| c.reason.as_deref() == Some("ProgressDeadlineExceeded")),
        }
    }
}

impl From<&StatefulSet> for Progress {
    fn from(object: &StatefulSet) -> Self {
        let status = object.status.clone().unwrap_or_default();
        // A set whose revisions agree has nothing left to update, whatever `updated` says.
        let settled = status.update_revision.is_some() && status.update_revision == status.current_revision;
        let updated = if settled { status.replicas } else { status.updated_replicas.unwrap_or_default() };
        Self {
            generation: object.metadata.generation.unwrap_or_default(),
            observed: status.observed_generation.unwrap_or_default(),
            wanted: object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated,
            ready: status.ready_replicas.unwrap_or_default(),
            current: status.replicas,
            stuck: false,
        }
    }
}

impl From<&DaemonSet> for Progress {
    fn from(object: &DaemonSet) -> Self {
        let status = object.status.clone().unwrap_or_default();
        Self {
            generation: object.metadata.generation.unwrap_or_default(),
            observed: status.observed_generation.unwrap_or_default(),
            wanted: status.desired_number_scheduled,
            updated: status.updated_number_scheduled.unwrap_or_default(),
            ready: status.number_ready,
            current: status.desired_number_scheduled,
            stuck: false,
        }
    }
}

fn judge(progress: Progress) -> Verdict {
    let Progress { generation, observed, wanted, updated, ready, current, stuck } = progress;
    if observed < generation {
        return Verdict::NotYet(format!(
            "its controller has not seen change {generation} (last: {observed})"
        ));
    }
    if wanted == 0 {
        return Verdict::NotYet("asks for no pods".to_owned());
    }
    if updated >= wanted && ready >= wanted && current <= wanted {
        return Verdict::Pass(format!("{ready} of {wanted} ready"));
    }
    let late = if stuck { ", past its progress deadline" } else { "" };
    let old = current.saturating_sub(updated);
    let old = if old > 0 { format!(", {old} of an older version") } else { String::new() };
    Verdict::NotYet(format!("{ready} of {wanted} ready, {updated} up to date{old}{late}"))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, ResponseTemplate};

    use super::super::testing::{object, serve, with_server};
    use super::super::{Spec, run_all};
    use super::*;

    fn deployment(status: &str) -> Progress {
        let yaml = format!(
            "metadata: {{generation: 4}}\nspec: {{replicas: 2, selector: {{}}, template: {{}}}}\nstatus: {{{status}}}\n"
        );
        Progress::from(&object::<Deployment>(&yaml))
    }

    fn not_yet(verdict: Verdict) -> String {
        match verdict {
            Verdict::NotYet(detail) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ready_replicas_of_the_observed_generation_pass() {
        let ready = "observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2";
        assert_eq!(judge(deployment(ready)), Verdict::Pass("2 of 2 ready".to_owned()));
    }

    #[test]
    fn a_stale_status_does_not() {
        let stale = "observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2";
        assert!(not_yet(judge(deployment(stale))).contains("has not seen change 4"));
    }

    #[test]
    fn pods_of_an_older_version_do_not() {
        let old = "observedGeneration: 4, replicas: 3, updatedReplicas: 1, readyReplicas: 2";
        assert_eq!(not_yet(judge(deployment(old))), "2 of 2 ready, 1 up to date, 2 of an older version");
        let late = "observedGeneration: 4, replicas: 2, updatedReplicas: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]";
        assert!(not_yet(judge(deployment(late))).contains("past its progress deadline"));
    }

    #[test]
    fn stateful_and_daemon_sets_are_read_by_their_own_fields() {
        let set: StatefulSet = object(
            "metadata: {generation: 1}\nspec: {selector: {}, serviceName: a, template: {}}\nstatus: {observedGeneration: 1, replicas: 1, readyReplicas: 1, currentRevision: a-1, updateRevision: a-1}\n",
        );
        assert_eq!(judge(Progress::from(&set)), Verdict::Pass("1 of 1 ready".to_owned()));
        let daemon = |ready: u8| -> DaemonSet {
            object(&format!(
                "metadata: {{generation: 1}}\nstatus: {{observedGeneration: 1, desiredNumberScheduled: 1, currentNumberScheduled: 1, updatedNumberScheduled: 1, numberReady: {ready}, numberMisscheduled: 0}}\n"
            ))
        };
        assert!(matches!(judge(Progress::from(&daemon(1))), Verdict::Pass(_)));
        assert!(not_yet(judge(Progress::from(&daemon(0)))).contains("0 of 1 ready"));
    }

    #[test]
    fn a_daemon_set_on_no_node_is_not_ready() {
        assert_eq!(not_yet(judge(Progress::default())), "asks for no pods");
    }

    #[test]
    fn a_change_that_the_watch_tells_is_looked_at_at_once() {
        let deployment = |ready: u8| {
            serde_json::json!({
                "metadata": {"name": "web", "generation": 1, "resourceVersion": "5"},
                "spec": {"replicas": 1, "selector": {}, "template": {}},
                "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
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
        let text = "title = \"t\"\nkind = \"rollout\"\nobject = \"Deployment\"\nname = \"web\"\n";
        let spec = [Spec::parse("x", "f", text).unwrap()];
        let outcome = with_server(&server.uri(), |cx| run_all(cx, &spec)).remove(0);
        assert!(outcome.passed, "{}", outcome.detail);
        assert!(outcome.millis < 1000, "not by the clock: {}", outcome.millis);
    }

    #[test]
    fn a_file_names_the_workload() {
        let parse = |text: &str| Spec::parse("x", "f", &format!("title = \"t\"\nkind = \"rollout\"\n{text}"));
        parse("object = \"DaemonSet\"\nname = \"a\"\nnamespace = \"b\"\n").unwrap();
        let error = parse("object = \"Pod\"\n").unwrap_err().to_string();
        assert!(
            error.contains("must be one of: Deployment") && error.contains("`name` is missing"),
            "{error}"
        );
    }
}
