//! The services of an application in the cluster: workloads and their pods, grouped by name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Service as Endpoint};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams};

use super::routes::{Route, routes};
use super::watch::{self, Target, Workload};
use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// The label by which charts name the component that a workload belongs to.
const COMPONENT: &str = "app.kubernetes.io/component";

/// One component of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// Usually one.
    pub workloads: Vec<Target>,
    pub wanted: i32,
    pub ready: i32,
    /// Images of its containers, without init containers and duplicates.
    pub images: Vec<String>,
    /// When its first workload was created.
    pub created: Option<Timestamp>,
    /// A rollout that was paused by hand restarts nothing.
    pub paused: bool,
    /// The labels of its pods, which Kubernetes Services select.
    labels: BTreeMap<String, String>,
}

/// The application in a namespace.
#[derive(Debug, Clone, Default)]
pub struct LiveServices {
    /// By name.
    pub services: Vec<Service>,
    pub pods: Vec<Pod>,
    pub routes: Vec<Route>,
    endpoints: Vec<Endpoint>,
}

/// As [`live_services`], limited by the deadline of `task`.
pub fn read(task: &Task<'_>, kube: &Kube, namespace: &str) -> Result<LiveServices> {
    task.wait("the services", live_services(kube, namespace))
}

pub(crate) async fn live_services(kube: &Kube, namespace: &str) -> Result<LiveServices> {
    let all = ListParams::default();
    let client = kube.client();
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let endpoints: Api<Endpoint> = Api::namespaced(client.clone(), namespace);
    let ingresses: Api<Ingress> = Api::namespaced(client.clone(), namespace);
    let found = futures::try_join!(
        watch::workloads(client, namespace),
        pods.list(&all),
        endpoints.list(&all),
        ingresses.list(&all)
    );
    let (workloads, pods, endpoints, ingresses) =
        found.map_err(|error| api_error(&format!("list the objects in namespace {namespace}"), &error))?;
    Ok(LiveServices {
        services: together(workloads.iter().map(|(workload, object)| service(*workload, object))),
        pods: pods.items,
        routes: routes(&ingresses.items),
        endpoints: endpoints.items,
    })
}

impl LiveServices {
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.services.iter().map(|service| service.name.clone()).collect();
        names.extend(self.pods.iter().map(|pod| self.service_of(pod)));
        names.into_iter().collect()
    }

    /// The service that a pod belongs to, by its owner; otherwise the pod's label or name.
    pub fn service_of(&self, pod: &Pod) -> String {
        let owner = owner(pod);
        let found = owner.as_ref().and_then(|(kind, name)| {
            let is = |target: &Target| format!("{:?}", target.workload) == *kind && target.name == *name;
            self.services.iter().find(|service| service.workloads.iter().any(is))
        });
        if let Some(service) = found {
            return service.name.clone();
        }
        let label = pod.labels().get(COMPONENT).cloned();
        label.or(owner.map(|(_, name)| name)).unwrap_or_else(|| pod.name_any())
    }

    pub fn pods_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().filter(move |pod| self.service_of(pod) == service)
    }

    /// The Kubernetes Services that select the pods of `service`.
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

/// The kind and name of the workload that owns a pod. The owner of a Deployment's pod is a `ReplicaSet`,
/// whose name is the Deployment's name with the hash that is also a label of the pod.
pub(crate) fn owner(pod: &Pod) -> Option<(String, String)> {
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true))?;
    if owner.kind == "ReplicaSet"
        && let Some(hash) = pod.labels().get("pod-template-hash")
        && let Some(name) = owner.name.strip_suffix(hash).and_then(|name| name.strip_suffix('-'))
    {
        return Some(("Deployment".to_owned(), name.to_owned()));
    }
    Some((owner.kind.clone(), owner.name.clone()))
}

/// Workloads of the same name are one service.
fn together(found: impl Iterator<Item = Service>) -> Vec<Service> {
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

fn service(workload: Workload, object: &DynamicObject) -> Service {
    let (spec, status) = (&object.data["spec"], &object.data["status"]);
    let (wanted, ready) = match workload {
        Workload::DaemonSet => (status["desiredNumberScheduled"].as_i64().unwrap_or(0), "numberReady"),
        _ => (spec["replicas"].as_i64().unwrap_or(1), "readyReplicas"),
    };
    let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    let template: PodTemplateSpec = serde_json::from_value(spec["template"].clone()).unwrap_or_default();
    let containers = template.spec.into_iter().flat_map(|spec| spec.containers);
    let mut images: Vec<String> = containers.filter_map(|container| container.image).collect();
    images.dedup();
    let name = object.name_any();
    Service {
        name: object.labels().get(COMPONENT).unwrap_or(&name).clone(),
        workloads: vec![Target { workload, namespace: object.namespace().unwrap_or_default(), name }],
        wanted: count(wanted),
        ready: count(status[ready].as_i64().unwrap_or_default()),
        images,
        created: object.creation_timestamp().map(|time| time.0),
        paused: spec["paused"].as_bool().unwrap_or_default(),
        labels: template.metadata.and_then(|meta| meta.labels).unwrap_or_default(),
    }
}

/// A recorded application: `web` with two pods, one of them crashing, and `store` without any.
#[cfg(test)]
pub(crate) fn recorded() -> LiveServices {
    use crate::kubernetes::testing::object;
    let web: DynamicObject = object(
        "metadata: {name: shop-web, namespace: shop, labels: {app.kubernetes.io/component: web}}
spec: {replicas: 2, selector: {}, template: {metadata: {labels: {part: web, x: 'y'}}, spec: {containers: [{name: a, image: 'web:1'}, {name: b, image: 'web:1'}]}}}
status: {readyReplicas: 1}",
    );
    let store: DynamicObject = object(
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
    LiveServices {
        services: together(
            [service(Workload::StatefulSet, &store), service(Workload::Deployment, &web)].into_iter(),
        ),
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
    use crate::kubernetes::testing::object;

    fn pod(owner: &str, labels: &str) -> Pod {
        object(&format!(
            "metadata:\n  name: p-1\n  labels: {{{labels}}}\n  ownerReferences: [{{apiVersion: a, kind: {}, name: {}, uid: u, controller: true}}]\n",
            owner.split('/').next().unwrap(),
            owner.split('/').nth(1).unwrap()
        ))
    }

    #[test]
    fn a_service_is_a_workload_by_its_label_or_its_name() {
        let live = recorded();
        let web = &live.services[1];
        assert_eq!(live.names(), ["store", "web"]);
        assert_eq!((web.ready, web.wanted, web.images.as_slice()), (1, 2, &["web:1".to_owned()][..]));
        assert_eq!(live.endpoints_of(web).collect::<Vec<_>>(), ["shop-web"]);
        assert_eq!(live.endpoints_of(&live.services[0]).count(), 0);
    }

    #[test]
    fn a_pod_belongs_to_the_service_of_its_owner() {
        let live = recorded();
        let of = |owner: &str, labels: &str| live.service_of(&pod(owner, labels));
        assert_eq!(of("ReplicaSet/shop-web-5d9c", "pod-template-hash: 5d9c"), "web");
        assert_eq!(of("StatefulSet/store", "a: b"), "store");
        assert_eq!(of("Job/nightly-1", "a: b"), "nightly-1");
        assert_eq!(of("Job/nightly-1", "app.kubernetes.io/component: nightly"), "nightly");
        assert_eq!(live.service_of(&object("metadata: {name: alone}")), "alone");
    }

    #[test]
    fn workloads_of_one_label_are_one_service() {
        let part = |name: &str| {
            service(
                Workload::Deployment,
                &object(&format!(
                    "metadata: {{name: {name}, labels: {{app.kubernetes.io/component: web}}}}\nspec: {{replicas: 1, selector: {{}}, template: {{}}}}"
                )),
            )
        };
        let services = together([part("a"), part("b")].into_iter());
        assert_eq!((services.len(), services[0].wanted, services[0].workloads.len()), (1, 2, 2));
    }
}
