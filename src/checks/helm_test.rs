//! Kind `helm-test`: the tests of the installed releases pass, as `helm test` runs them. What they create is removed
//! afterwards; a failure shows the end of the log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, LogParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};

use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::deploy::watch::Workload;
use crate::deploy::{objects, releases};
use crate::diagnose::{gather, phase, pod_cause};
use crate::error::Error;
use crate::kubernetes::{error_line, not_found};
use crate::quantity::show_time;

/// The number of log lines that are shown.
const LOG_LINES: i64 = 8;
/// What remains of the timeout for finding the cause and removing what was created.
const AFTER: Duration = Duration::from_secs(4);

#[derive(Debug)]
struct HelmTest {
    /// How long all tests together may take.
    timeout: Duration,
    /// What was created and not removed yet.
    open: Mutex<Vec<DynamicObject>>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of every kind
pub(super) fn read(_fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    Some(Box::new(HelmTest { timeout: Duration::ZERO, open: Mutex::default() }))
}

impl Check for HelmTest {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let deadline = Instant::now() + self.timeout.min(cx.task.remaining().saturating_sub(AFTER));
            let verdict = self.play(cx, deadline).await.unwrap_or_else(|verdict| verdict);
            self.close(cx).await;
            verdict
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap logs   # shows the last log lines of the services that the test names"
    }

    fn within(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// A test keeps its time itself; this is only longer.
    fn look_timeout(&self) -> Duration {
        self.timeout + AFTER
    }

    fn starts_pods(&self) -> bool {
        true
    }

    fn tidy<'a>(&'a self, cx: &'a Context<'_>) -> Option<BoxFuture<'a, ()>> {
        let open = !self.opened().is_empty();
        open.then(|| self.close(cx).boxed())
    }
}

impl HelmTest {
    /// Creates the objects of all tests in their order, such as policies before pods, and waits for each pod.
    async fn play(&self, cx: &Context<'_>, deadline: Instant) -> Result<Verdict, Verdict> {
        let releases = releases(cx.kube, &cx.namespace).await.map_err(|error| waiting(&error))?;
        let mut tests = Vec::new();
        for manifest in releases.iter().flat_map(|release| &release.tests) {
            tests.extend(objects(manifest).map_err(|error| Verdict::Never(error.one_line()))?);
        }
        if let Some(other) = tests.iter().find(|test| Workload::parse(&kind(test)).is_some()) {
            let name = other.name_any();
            return Err(Verdict::Never(format!(
                "the test {} {name} cannot be run: only pods can",
                kind(other)
            )));
        }
        let mut passed = Vec::new();
        for test in &tests {
            let api = api(cx, test).await.map_err(|error| waiting(&error))?;
            let failed = |error: kube::Error| Verdict::NotYet(error_line(&error));
            remove(&api, &test.name_any()).await.map_err(failed)?;
            self.opened().push(test.clone());
            api.create(&PostParams::default(), test).await.map_err(failed)?;
            if kind(test) == "Pod" {
                ends_well(cx, test, deadline).await?;
                passed.push(test.name_any());
            }
        }
        match passed.len() {
            0 if releases.is_empty() => {
                Err(Verdict::NotYet(format!("no release is installed in {}", cx.namespace)))
            }
            0 => Err(Verdict::Never("the installed chart has no test".to_owned())),
            count => Ok(Verdict::Pass(format!("{count} passed: {}", passed.join(", ")))),
        }
    }

    /// Removes what was created.
    async fn close(&self, cx: &Context<'_>) {
        let open = std::mem::take(&mut *self.opened());
        for object in open {
            let name = object.name_any();
            let removed = match api(cx, &object).await {
                Ok(api) => delete(&api, &name).await.map_err(|error| error_line(&error)),
                Err(error) => Err(error.one_line()),
            };
            if let Err(why) = removed {
                cx.task.warn(format!("{} {name} of a test may be left behind: {why}", kind(&object)));
            }
        }
    }

    fn opened(&self) -> MutexGuard<'_, Vec<DynamicObject>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waiting(error: &Error) -> Verdict {
    Verdict::NotYet(error.one_line())
}

fn kind(object: &DynamicObject) -> String {
    object.types.clone().unwrap_or_default().kind
}

fn namespace(cx: &Context<'_>, object: &DynamicObject) -> String {
    object.namespace().unwrap_or_else(|| cx.namespace.clone())
}

async fn api(cx: &Context<'_>, object: &DynamicObject) -> Result<Api<DynamicObject>, Error> {
    let namespace = namespace(cx, object);
    if kind(object) == "Pod" {
        return Ok(Api::namespaced_with(cx.client(), &namespace, &ApiResource::erase::<Pod>(&())));
    }
    let api = cx.kube.api(object, Some(&namespace)).await?;
    api.ok_or_else(|| Error::failed(format!("the cluster does not know objects of kind {}", kind(object))))
}

/// Waits until the pod of a test ends, at most until `deadline`.
async fn ends_well(cx: &Context<'_>, test: &DynamicObject, deadline: Instant) -> Result<(), Verdict> {
    let (name, namespace) = (test.name_any(), namespace(cx, test));
    let api = Api::<Pod>::namespaced(cx.client(), &namespace);
    let left = deadline.saturating_duration_since(Instant::now());
    match tokio::time::timeout(left, await_condition(api.clone(), &name, ended)).await {
        Ok(Ok(Some(pod))) if phase_of(&pod) == "Succeeded" => Ok(()),
        Ok(Ok(Some(_))) => Err(Verdict::Never(format!("{name} failed: {}", log(&api, &name).await))),
        Ok(Ok(None)) => Err(Verdict::NotYet(format!("{name} was deleted while it ran"))),
        Ok(Err(error)) => Err(Verdict::NotYet(format!("{name} cannot be watched: {error}"))),
        Err(_) => {
            let why = late(cx, &namespace, &name).await;
            Err(Verdict::NotYet(format!("{name} did not end within {}: {why}", show_time(left))))
        }
    }
}

fn phase_of(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether the pod has ended, or was deleted.
fn ended(pod: Option<&Pod>) -> bool {
    pod.is_none_or(|pod| matches!(phase_of(pod), "Succeeded" | "Failed"))
}

/// Deletes an object, if it exists, and waits until it is gone: an earlier run, or Helm, may have left it.
async fn remove(api: &Api<DynamicObject>, name: &str) -> Result<(), kube::Error> {
    let Some(object) = api.get_opt(name).await? else { return Ok(()) };
    delete(api, name).await?;
    let uid = object.uid().unwrap_or_default();
    let gone = await_condition(api.clone(), name, conditions::is_deleted(&uid));
    // If it does not go, creating the new one fails with the reason.
    let _ = tokio::time::timeout(AFTER, gone).await;
    Ok(())
}

/// A test needs no time to end in an orderly way.
async fn delete(api: &Api<DynamicObject>, name: &str) -> Result<(), kube::Error> {
    match api.delete(name, &DeleteParams::default().grace_period(0)).await {
        Err(error) if !not_found(&error) => Err(error),
        _ => Ok(()),
    }
}

/// The end of a test's log in one line.
async fn log(api: &Api<Pod>, name: &str) -> String {
    let params = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
    match api.logs(name, &params).await {
        Ok(text) if !text.trim().is_empty() => text.lines().map(str::trim).collect::<Vec<_>>().join(" | "),
        Ok(_) => "its log is empty".to_owned(),
        Err(error) => format!("its log cannot be read: {}", error_line(&error)),
    }
}

/// Why a test has not ended.
async fn late(cx: &Context<'_>, namespace: &str, name: &str) -> String {
    let Ok(observed) = gather(cx.kube, namespace, "").await else { return "it cannot be read".to_owned() };
    let Some(pod) = observed.pods.iter().find(|pod| pod.name_any() == name) else {
        return "it does not exist".to_owned();
    };
    match pod_cause(pod, &observed.events) {
        Some(cause) => [vec![cause.what], cause.details].concat().join(": "),
        None => phase(pod),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{method, path, query_param_contains};
    use wiremock::{Mock, ResponseTemplate};

    use super::super::testing::with_server;
    use super::super::{Outcome, Spec, run_once};
    use crate::kubernetes::testing::serve;

    const PODS: &str = "/api/v1/namespaces/app/pods";
    /// A policy of the test itself, which is created before its pod.
    const POLICY: &str =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: open}\n---\n";
    const TEST: &str =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shop-test}\nspec: {containers: [{name: t}]}\n";

    fn answer(body: &Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(body)
    }

    /// Runs the check against a server on which the test's pod ends in this phase.
    fn outcome(manifest: &str, phase: &str, deletes: u64) -> Outcome {
        let hook = json!({"name": "t", "events": ["test"], "manifest": format!("{POLICY}{manifest}")});
        let release = json!({"manifest": "", "info": {}, "hooks": [hook]});
        let encode = |bytes: &[u8]| {
            serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let packed = encode(encode(release.to_string().as_bytes()).as_bytes());
        let secret = json!({"metadata": {"name": "s", "labels": {"name": "shop", "version": "1"}}, "data": {"release": packed}});
        let pod = json!({"metadata": {"name": "shop-test", "uid": "u", "resourceVersion": "5"}, "spec": {"containers": []},
            "status": {"phase": phase}});
        let none = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "none"});
        let list = |items: &[&Value]| json!({"metadata": {"resourceVersion": "5"}, "items": items});
        let policies = "/apis/networking.k8s.io/v1/namespaces/app/networkpolicies";
        let known = json!({"groupVersion": "networking.k8s.io/v1", "resources": [{"name": "networkpolicies",
            "singularName": "networkpolicy", "namespaced": true, "kind": "NetworkPolicy", "verbs": ["create", "delete", "get"]}]});
        let (_runtime, server) = serve([
            Mock::given(path("/apis/networking.k8s.io/v1")).respond_with(answer(&known)),
            Mock::given(method("GET"))
                .and(path(format!("{policies}/open")))
                .respond_with(ResponseTemplate::new(404).set_body_json(&none)),
            Mock::given(method("POST")).and(path(policies)).respond_with(answer(&pod)).expect(deletes),
            Mock::given(method("DELETE"))
                .and(path(format!("{policies}/open")))
                .respond_with(answer(&pod))
                .expect(deletes),
            Mock::given(path("/api/v1/namespaces/app/secrets")).respond_with(answer(&list(&[&secret]))),
            Mock::given(method("GET"))
                .and(path(format!("{PODS}/shop-test")))
                .respond_with(ResponseTemplate::new(404).set_body_json(&none)),
            Mock::given(method("POST")).and(path(PODS)).respond_with(answer(&pod)),
            Mock::given(method("GET"))
                .and(path(PODS))
                .and(query_param_contains("fieldSelector", "shop-test"))
                .respond_with(answer(&list(&[&pod]))),
            Mock::given(path(format!("{PODS}/shop-test/log"))).respond_with(
                ResponseTemplate::new(200).set_body_string("web answers 200\nstore FAILED: refused\n"),
            ),
            Mock::given(method("DELETE"))
                .and(path(format!("{PODS}/shop-test")))
                .respond_with(answer(&pod))
                .expect(deletes),
        ]);
        let spec =
            [Spec::parse("x", "f", "title = \"t\"\nkind = \"helm-test\"\ntimeout = \"9s\"\n").unwrap()];
        with_server(&server.uri(), |cx| run_once(cx, &spec)).0.remove(0)
    }

    #[test]
    fn a_test_that_succeeds_passes_and_what_it_created_is_deleted() {
        let outcome = outcome(TEST, "Succeeded", 1);
        assert!(outcome.passed, "{outcome:?}");
        assert_eq!(outcome.detail, "1 passed: shop-test");
    }

    #[test]
    fn a_failure_shows_the_log_and_what_it_created_is_deleted() {
        let outcome = outcome(TEST, "Failed", 1);
        assert!(!outcome.passed);
        assert_eq!(outcome.detail, "shop-test failed: web answers 200 | store FAILED: refused");
    }

    #[test]
    fn what_is_not_a_pod_is_named_and_not_created() {
        let outcome = outcome("apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\n", "Succeeded", 0);
        assert_eq!(
            (outcome.passed, outcome.detail.contains("Job migrate cannot be run")),
            (false, true),
            "{outcome:?}"
        );
    }
}
