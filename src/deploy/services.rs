//! The services of an application as they live: workloads, with their pods, by one name each.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join4};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Service as Endpoint};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use super::routes::{Route, routes};
use super::watch::{Target, Workload};
use super::{Kube, api_error};
use crate::error::Result;
use crate::task::Task;

/// By this label charts name the part of an application that a workload is.
const COMPONENT: &str = "app.kubernetes.io/component";

/// One deployable of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// Most often one.
    pub workloads: Vec<Target>,
    pub wanted: i32,
    pub ready: i32,
    /// Of the containers that stay, without doubles.
    pub images: Vec<String>,
    /// When the first of its workloads was made.
    pub created: Option<Timestamp>,
    /// A rollout that was paused by hand does not restart anything.
    pub paused: bool,
    /// Labels of its pods, by which a Service of Kubernetes finds them.
    labels: BTreeMap<String, String>,
}

/// What stands in a namespace.
#[derive(Debug, Clone, Default)]
pub struct Living {
    /// By name.
    pub services: Vec<Service>,
    pub pods: Vec<Pod>,
    pub routes: Vec<Route>,
    endpoints: Vec<Endpoint>,
}

/// As [`living`], within the time of `task`.
pub fn read(task: &Task<'_>, kube: &Kube, namespace: &str) -> Result<Living> {
    task.wait("the services", living(kube, namespace))
}

pub(crate) async fn living(kube: &Kube, namespace: &str) -> Result<Living> {
    let all = ListParams::default();
    let failed = |e: kube::Error| api_error(&format!("look at namespace {namespace}"), &e);
    let deployments: Api<Deployment> = Api::namespaced(kube.client().clone(), namespace);
    let stateful_sets: Api<StatefulSet> = Api::namespaced(kube.client().clone(), namespace);
    let daemon_sets: Api<DaemonSet> = Api::namespaced(kube.client().clone(), namespace);
    let pods: Api<Pod> = Api::namespaced(kube.client().clone(), namespace);
    let endpoints: Api<Endpoint> = Api::namespaced(kube.client().clone(), namespace);
    let ingresses: Api<Ingress> = Api::namespaced(kube.client().clone(), namespace);
    let ((deployments, stateful_sets, daemon_sets, pods), (endpoints, ingresses)) = futures::join!(
        join4(deployments.list(&all), stateful_sets.list(&all), daemon_sets.list(&all), pods.list(&all)),
        join(endpoints.list(&all), ingresses.list(&all)),
    );
    let found = deployments.map_err(failed)?.items.into_iter().map(deployment);
    let found = found.chain(stateful_sets.map_err(failed)?.items.into_iter().map(stateful_set));
    let found = found.chain(daemon_sets.map_err(failed)?.items.into_iter().map(daemon_set));
    Ok(Living {
        services: together(found.collect()),
        pods: pods.map_err(failed)?.items,
        routes: routes(&ingresses.map_err(failed)?.items),
        endpoints: endpoints.map_err(failed)?.items,
    })
}

impl Living {
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.services.iter().map(|service| service.name.clone()).collect();
        names.extend(self.pods.iter().map(|pod| self.service_of(pod)));
        names.into_iter().collect()
    }

    /// The service that a pod belongs to, by its owner; the pod's own label or name where no
    /// workload owns it.
    pub fn service_of(&self, pod: &Pod) -> String {
        let owner = owner(pod);
        let found = owner.as_ref().and_then(|(kind, name)| {
            let is = |target: &Target| format!("{:?}", target.workload) == *kind && target.name == *name;
            self.services.iter().find(|service| service.workloads.iter().any(is))
        });
        match (found, owner) {
            (Some(service), _) => service.name.clone(),
            (None, owner) => {
                let label = pod.labels().get(COMPONENT).cloned();
                label.or(owner.map(|(_, name)| name)).unwrap_or_else(|| pod.name_any())
            }
        }
    }

    pub fn pods_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().filter(move |pod| self.service_of(pod) == service)
    }

    /// The Services of Kubernetes that lead to the pods of `service`.
    pub fn endpoints_of<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = String> + 'a {
        let leads = |endpoint: &&Endpoint| {
            let selector = endpoint.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            selector.is_some_and(|selector| {
                !selector.is_empty()
                    && selector.iter().all(|(key, value)| service.labels.get(key) == Some(value))
            })
        };
        self.endpoints.iter().filter(leads).map(kube::ResourceExt::name_any)
    }
}

/// The workload above a pod. A Deployment is not the owner itself, but its name is that of the
/// `ReplicaSet` without the hash that both pod and `ReplicaSet` carry.
fn owner(pod: &Pod) -> Option<(String, String)> {
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true))?;
    if owner.kind == "ReplicaSet"
        && let Some(hash) = pod.labels().get("pod-template-hash")
        && let Some(name) = owner.name.strip_suffix(hash).and_then(|name| name.strip_suffix('-'))
    {
        return Some(("Deployment".to_owned(), name.to_owned()));
    }
    Some((owner.kind.clone(), owner.name.clone()))
}

/// Workloads of one name are one service.
fn together(found: Vec<Service>) -> Vec<Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for part in found {
        match services.get_mut(&part.name) {
            None => {
                services.insert(part.name.clone(), part);
            }
            Some(service) => {
                service.workloads.extend(part.workloads);
                service.wanted += part.wanted;
                service.ready += part.ready;
                service.images.extend(part.images);
                service.images.dedup();
                service.created = service.created.min(part.created);
                service.paused |= part.paused;
            }
        }
    }
    services.into_values().collect()
}

fn deployment(object: Deployment) -> Service {
    let status = object.status.unwrap_or_default();
    let spec = object.spec.unwrap_or_default();
    Service {
        wanted: spec.replicas.unwrap_or(1),
        ready: status.ready_replicas.unwrap_or_default(),
        paused: spec.paused.unwrap_or_default(),
        ..service(Workload::Deployment, object.metadata, spec.template)
    }
}

fn stateful_set(object: StatefulSet) -> Service {
    let spec = object.spec.unwrap_or_default();
    Service {
        wanted: spec.replicas.unwrap_or(1),
        ready: object.status.and_then(|status| status.ready_replicas).unwrap_or_default(),
        ..service(Workload::StatefulSet, object.metadata, spec.template)
    }
}

fn daemon_set(object: DaemonSet) -> Service {
    let status = object.status.unwrap_or_default();
    Service {
        wanted: status.desired_number_scheduled,
        ready: status.number_ready,
        ..service(Workload::DaemonSet, object.metadata, object.spec.unwrap_or_default().template)
    }
}

fn service(workload: Workload, meta: ObjectMeta, template: PodTemplateSpec) -> Service {
    let name = meta.name.unwrap_or_default();
    let label = meta.labels.as_ref().and_then(|labels| labels.get(COMPONENT)).cloned();
    let mut images: Vec<String> =
        template.spec.into_iter().flat_map(|spec| spec.containers).filter_map(|c| c.image).collect();
    images.dedup();
    Service {
        name: label.unwrap_or_else(|| name.clone()),
        workloads: vec![Target { workload, namespace: meta.namespace.unwrap_or_default(), name }],
        wanted: 0,
        ready: 0,
        images,
        created: meta.creation_timestamp.map(|time| time.0),
        paused: false,
        labels: template.metadata.and_then(|meta| meta.labels).unwrap_or_default(),
    }
}

/// A recorded application: `web` with two pods, one of them crashing, and `store` without any.
#[cfg(test)]
pub(crate) fn recorded() -> Living {
    use crate::checks::testing::object;
    let web: Deployment = object(
        "metadata: {name: shop-web, namespace: shop, labels: {app.kubernetes.io/component: web}}
spec: {replicas: 2, selector: {}, template: {metadata: {labels: {part: web, x: y}}, spec: {containers: [{name: a, image: 'web:1'}, {name: b, image: 'web:1'}]}}}
status: {readyReplicas: 1}",
    );
    let store: StatefulSet = object(
        "metadata: {name: store, namespace: shop}
spec: {serviceName: s, selector: {}, template: {spec: {containers: [{name: a, image: 'store:1'}]}}}
status: {replicas: 1, readyReplicas: 1}",
    );
    let pod = |name: &str, restarts: i32, state: &str| -> Pod {
        object(&format!(
            "metadata:
  name: {name}
  namespace: shop
  creationTimestamp: '2026-01-01T10:00:00Z'
  labels: {{pod-template-hash: 5d9c}}
  ownerReferences: [{{apiVersion: a, kind: ReplicaSet, name: shop-web-5d9c, uid: u, controller: true}}]
status:
  containerStatuses: [{{name: a, image: i, imageID: '', ready: false, restartCount: {restarts}, state: {state}}}]
"
        ))
    };
    let crashing = "{waiting: {reason: CrashLoopBackOff}}";
    let ingress = super::routes::recorded(
        "spec: {rules: [{host: shop.localhost, http: {paths: [{path: /, pathType: Prefix, to: {service: {name: shop-web, port: {name: http}}}}]}}]}",
    );
    Living {
        services: together(vec![stateful_set(store), deployment(web)]),
        pods: vec![pod("web-5d9c-a", 0, "{running: {}}"), pod("web-5d9c-b", 5, crashing)],
        routes: routes(&[ingress]),
        endpoints: vec![
            object("metadata: {name: shop-web}\nspec: {selector: {part: web}}"),
            object("metadata: {name: outside}\nspec: {externalName: x}"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;

    fn pod(owner: &str, labels: &str) -> Pod {
        object(&format!(
            "metadata:\n  name: p-1\n  labels: {{{labels}}}\n  ownerReferences: [{{apiVersion: a, kind: {}, name: {}, uid: u, controller: true}}]\n",
            owner.split('/').next().unwrap(),
            owner.split('/').nth(1).unwrap()
        ))
    }

    #[test]
    fn a_service_is_a_workload_by_its_label_or_its_name() {
        let living = recorded();
        let web = &living.services[1];
        assert_eq!(living.names(), ["store", "web"]);
        assert_eq!((web.ready, web.wanted, web.images.as_slice()), (1, 2, &["web:1".to_owned()][..]));
        assert_eq!(living.endpoints_of(web).collect::<Vec<_>>(), ["shop-web"]);
        assert_eq!(living.endpoints_of(&living.services[0]).count(), 0);
    }

    #[test]
    fn a_pod_belongs_to_the_service_of_its_owner() {
        let living = recorded();
        let of = |owner: &str, labels: &str| living.service_of(&pod(owner, labels));
        assert_eq!(of("ReplicaSet/shop-web-5d9c", "pod-template-hash: 5d9c"), "web");
        assert_eq!(of("StatefulSet/store", "a: b"), "store");
        assert_eq!(of("Job/nightly-1", "a: b"), "nightly-1");
        assert_eq!(of("Job/nightly-1", "app.kubernetes.io/component: nightly"), "nightly");
        assert_eq!(living.service_of(&object("metadata: {name: alone}")), "alone");
    }

    #[test]
    fn workloads_of_one_label_are_one_service() {
        let part = |name: &str| -> Deployment {
            object(&format!(
                "metadata: {{name: {name}, labels: {{app.kubernetes.io/component: web}}}}\nspec: {{replicas: 1, selector: {{}}, template: {{}}}}"
            ))
        };
        let services = together(vec![deployment(part("a")), deployment(part("b"))]);
        assert_eq!((services.len(), services[0].wanted, services[0].workloads.len()), (1, 2, 2));
    }
}
