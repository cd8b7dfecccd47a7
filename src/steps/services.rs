//! The services of the application, as `status` shows them. Changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::deploy::routes;
use crate::deploy::services::{LiveServices, Service};
use crate::deploy::usage::Usage;
use crate::diagnose::{Observed, is_ready, verdict};

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    pub service: String,
    /// Such as `Deployment shop/web`.
    pub workloads: Vec<String>,
    pub ready: i32,
    pub wanted: i32,
    pub restarts: i32,
    pub images: Vec<String>,
    /// Null without metrics.
    pub usage: Option<Usage>,
    /// The age of its oldest pod.
    pub age_seconds: Option<i64>,
    /// The URLs that the Ingress routes to it.
    pub urls: Vec<String>,
    /// Why the service or one of its pods is not ready, if known.
    pub cause: Option<CauseStatus>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CauseStatus {
    pub code: &'static str,
    pub object: String,
    pub what: String,
    pub details: Vec<String>,
    pub help: Vec<String>,
}

/// The data from which the status is computed.
pub struct View<'a> {
    pub live: &'a LiveServices,
    pub usage: &'a BTreeMap<String, Usage>,
    /// Events and claims of the namespace.
    pub observed: &'a Observed,
    /// The application's URL and host name.
    pub address: Option<(&'a str, &'a str)>,
    pub now: Timestamp,
}

pub fn services(view: &View<'_>) -> Vec<ServiceStatus> {
    view.live.services.iter().map(|service| one(view, service)).collect()
}

fn one(view: &View<'_>, service: &Service) -> ServiceStatus {
    let pods: Vec<&Pod> =
        view.live.pods_of(&service.name).filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
    let made = pods.iter().filter_map(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let since = made.min().or(service.created);
    let used = pods.iter().filter_map(|pod| view.usage.get(&pod.name_any()).copied());
    // A new pod may fail while the old ones still serve.
    let degraded = service.ready < service.wanted || pods.iter().any(|pod| !is_ready(pod));
    let cause = if degraded { cause(view, &pods) } else { None };
    ServiceStatus {
        service: service.name.clone(),
        workloads: service.workloads.iter().map(ToString::to_string).collect(),
        ready: service.ready,
        wanted: service.wanted,
        restarts: pods.iter().map(|pod| restarts(pod)).sum(),
        images: service.images.clone(),
        usage: used.reduce(|a, b| a + b),
        age_seconds: since.map(|since| (view.now.as_second() - since.as_second()).max(0)),
        urls: urls(view, service),
        cause,
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    statuses.unwrap_or_default().iter().map(|status| status.restart_count).sum()
}

fn cause(view: &View<'_>, pods: &[&Pod]) -> Option<CauseStatus> {
    let claimed = |name: &String| {
        pods.iter().flat_map(|pod| pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten())).any(
            |volume| volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.claim_name == *name),
        )
    };
    let observed = Observed {
        pods: pods.iter().map(|pod| (*pod).clone()).collect(),
        claims: view.observed.claims.iter().filter(|claim| claimed(&claim.name_any())).cloned().collect(),
        policies: view.observed.policies.clone(),
        events: view.observed.events.clone(),
    };
    let cause = verdict(&observed)?;
    let (code, object, what) = (cause.code, cause.object, cause.what);
    Some(CauseStatus { code, object, what, details: cause.details, help: cause.help })
}

fn urls(view: &View<'_>, service: &Service) -> Vec<String> {
    let Some((url, host)) = view.address else { return Vec::new() };
    let base = url.trim_end_matches('/');
    let mut urls: Vec<String> = view
        .live
        .endpoints_of(service)
        .flat_map(|endpoint| {
            let paths = routes::paths(&view.live.routes, host, &endpoint);
            paths.into_iter().map(|path| format!("{base}{path}")).collect::<Vec<_>>()
        })
        .collect();
    urls.sort();
    urls.dedup();
    urls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::services::recorded;

    #[test]
    fn a_service_is_shown_with_status_usage_and_cause() {
        let live = recorded();
        let usage = BTreeMap::from([
            ("web-5d9c-a".to_owned(), Usage { cpu_millis: 3, memory: 1 << 20 }),
            ("web-5d9c-b".to_owned(), Usage { cpu_millis: 4, memory: 1 << 20 }),
            ("other".to_owned(), Usage { cpu_millis: 900, memory: 0 }),
        ]);
        let view = View {
            live: &live,
            usage: &usage,
            observed: &Observed::default(),
            address: Some(("http://shop.localhost:8080/", "shop.localhost")),
            now: "2026-01-01T10:02:00Z".parse().unwrap(),
        };
        let shown = services(&view);
        assert_eq!(shown.len(), 2);
        let web = &shown[1];
        assert_eq!((web.service.as_str(), web.ready, web.wanted, web.restarts), ("web", 1, 2, 5));
        assert_eq!(web.usage, Some(Usage { cpu_millis: 7, memory: 2 << 20 }));
        assert_eq!((web.age_seconds, shown[0].age_seconds), (Some(120), None));
        assert_eq!(web.urls, ["http://shop.localhost:8080/"]);
        let cause = web.cause.as_ref().unwrap();
        assert_eq!(cause.code, "crash-loop");
        assert!(cause.object.contains("web-5d9c-b"), "{cause:?}");
        assert_eq!((&shown[0].cause, shown[0].usage), (&None, None));
    }
}
