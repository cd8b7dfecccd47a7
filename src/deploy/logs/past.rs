//! The logs until now: every container is read once, and the lines are merged by time.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, LogParams};

use super::source::{Source, containers};
use super::{Entry, Kind, Query};
use crate::deploy::services;
use crate::deploy::services::LiveServices;
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::kubernetes::error_line;
use crate::task::Task;

const AT_ONCE: usize = 8;

/// Everything that was found, oldest first.
#[derive(Debug, Default)]
pub struct Past {
    pub entries: Vec<Entry>,
    /// The names of all services.
    pub services: Vec<String>,
    /// Descriptions of what could not be read.
    pub missed: Vec<String>,
    /// The state at that time, for [`super::follow()`].
    pub(super) live: LiveServices,
    pub(super) taken: Timestamp,
}

/// Reads what `query` requests. For a service that does not exist nothing is found: see [`Past::services`].
pub fn past(task: &Task<'_>, kube: &Kube, namespace: &str, query: &Query) -> Result<Past> {
    task.wait("the logs", async {
        let taken = Timestamp::now();
        let live = services::live_services(kube, namespace).await?;
        let mut wanted = Vec::new();
        let mut entries = Vec::new();
        for pod in &live.pods {
            let service = live.service_of(pod);
            if !query.wants(&service) {
                continue;
            }
            for container in containers(pod, &service) {
                entries.extend(container.restart(taken));
                if if query.previous { container.last().is_some() } else { container.has_log() } {
                    wanted.push(container.source);
                }
            }
        }
        let read = stream::iter(wanted.iter().map(|source| read(kube, namespace, query, source)));
        let read: Vec<_> = read.buffered(AT_ONCE).collect().await;
        let mut missed = Vec::new();
        for result in read {
            match result {
                Ok(lines) => entries.extend(lines),
                Err(why) => missed.push(why),
            }
        }
        Ok(Past { entries: merged(entries, query, taken), services: live.names(), missed, live, taken })
    })
}

async fn read(
    kube: &Kube,
    namespace: &str,
    query: &Query,
    source: &Arc<Source>,
) -> Result<Vec<Entry>, String> {
    let api: Api<Pod> = Api::namespaced(kube.client().clone(), namespace);
    let params = LogParams {
        container: Some(source.container.clone()),
        previous: query.previous,
        since_seconds: query.since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX).max(1)),
        tail_lines: query.tail,
        timestamps: true,
        ..LogParams::default()
    };
    match api.logs(&source.pod, &params).await {
        Ok(text) => {
            let mut last = Timestamp::MIN;
            let mut entry = |line| {
                let entry = Entry::line(source, line, last);
                last = entry.time;
                entry
            };
            Ok(text.lines().map(&mut entry).collect())
        }
        // The pod was deleted after it was listed.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(format!("{}/{}: {}", source.pod, source.container, error_line(&error))),
    }
}

/// Sorts by time; lines of one container keep their order. Events before the requested time, or before a
/// container's first line that is shown, are left out.
fn merged(mut entries: Vec<Entry>, query: &Query, now: Timestamp) -> Vec<Entry> {
    if let Some(since) = query.since {
        let first = now.checked_sub(since).unwrap_or(Timestamp::MIN);
        entries.retain(|entry| entry.kind == Kind::Line || entry.time >= first);
    }
    entries.sort_by_key(|entry| entry.time);
    entries
}

impl Past {
    /// The time of a container's last line, from which its log is followed.
    pub(super) fn heard(&self, pod: &Pod, container: &str) -> Timestamp {
        let name = pod.name_any();
        let own = |entry: &&Entry| {
            entry.kind == Kind::Line && entry.source.pod == name && entry.source.container == container
        };
        self.entries.iter().rev().find(own).map_or(self.taken, |entry| entry.time)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{path, path_regex, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::kubernetes::testing::{serve, with_server};

    fn pod(name: &str, restarts: i32) -> Value {
        json!({"metadata": {"name": name, "namespace": "app", "uid": name,
                "labels": {"app.kubernetes.io/component": name.split('-').next()}},
            "spec": {"containers": [{"name": "c"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "c", "image": "i", "imageID": "",
                "ready": true, "restartCount": restarts, "state": {"running": {}},
                "lastState": if restarts == 0 { json!({}) } else {
                    json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T10:00:02Z"}}) }}]}})
    }

    /// An API server with two pods, and logs of the texts given.
    fn server(web: &str, store: &str) -> (tokio::runtime::Runtime, MockServer) {
        let list = |items: Vec<Value>| {
            ResponseTemplate::new(200).set_body_json(json!({"metadata": {}, "items": items}))
        };
        let pods = Mock::given(path("/api/v1/namespaces/app/pods"));
        let log = |pod: &str| Mock::given(path(format!("/api/v1/namespaces/app/pods/{pod}/log")));
        let text = |text: &str| ResponseTemplate::new(200).set_body_string(text);
        serve([
            pods.respond_with(list(vec![pod("web-1", 0), pod("store-0", 1)])),
            log("web-1").and(query_param("timestamps", "true")).respond_with(text(web)),
            log("store-0").respond_with(text(store)),
            Mock::given(path_regex("^/api")).respond_with(list(vec![])).with_priority(9),
        ])
    }

    fn lines(past: &Past) -> Vec<String> {
        let line = |entry: &Entry| format!("{} {:?} {}", entry.source.label(), entry.kind, entry.message);
        past.entries.iter().map(line).collect()
    }

    #[test]
    fn lines_of_all_pods_stand_in_the_order_of_their_time() {
        let web = "2026-01-01T10:00:01Z one\n2026-01-01T10:00:03.5Z three\n";
        let (_runtime, server) = server(web, "2026-01-01T10:00:03.25Z two\n");
        with_server(&server.uri(), |task, kube| {
            let all = past(task, kube, "app", &Query::default()).unwrap();
            assert_eq!(
                lines(&all),
                [
                    "web-1 Line one",
                    "store-0 Event restarted (exit 1, Error)",
                    "store-0 Line two",
                    "web-1 Line three"
                ]
            );
            assert_eq!(all.services, ["store", "web"]);
            let one = Query { services: vec!["web".to_owned()], ..Query::default() };
            let one = past(task, kube, "app", &one).unwrap();
            assert_eq!(lines(&one), ["web-1 Line one", "web-1 Line three"]);
            assert_eq!(one.heard(&one.live.pods[0], "c").to_string(), "2026-01-01T10:00:03.5Z");
        });
    }

    #[test]
    fn a_log_that_cannot_be_read_is_said_and_the_rest_is_shown() {
        let busy =
            json!({"kind": "Status", "status": "Failure", "message": "no disk", "reason": "X", "code": 400});
        let (runtime, server) = server("2026-01-01T10:00:01Z one\n", "");
        let broken = Mock::given(path("/api/v1/namespaces/app/pods/store-0/log"));
        runtime.block_on(
            server.register(
                broken.respond_with(ResponseTemplate::new(400).set_body_json(busy)).with_priority(1),
            ),
        );
        with_server(&server.uri(), |task, kube| {
            let all = past(task, kube, "app", &Query::default()).unwrap();
            assert_eq!(all.missed, ["store-0/c: no disk"]);
            assert_eq!(all.entries.len(), 2);
        });
    }

    #[test]
    fn what_happened_before_is_left_out() {
        let source = Arc::new(Source::default());
        let now: Timestamp = "2026-01-01T10:00:00Z".parse().unwrap();
        let event = |time: &str| Entry::event(time.parse().unwrap(), source.clone(), "restarted");
        let query = Query { since: Some(std::time::Duration::from_secs(60)), ..Query::default() };
        let entries = vec![event("2026-01-01T09:59:30Z"), event("2026-01-01T09:00:00Z")];
        assert_eq!(merged(entries, &query, now).len(), 1);
    }
}
