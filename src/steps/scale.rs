//! The plan of `scale`: sets the number of pods of a service.

use std::collections::BTreeMap;

use kube::api::DynamicObject;

use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::cluster::{Need, free};
use crate::deploy::scale::{self, Autoscaler};
use crate::deploy::services::Service;
use crate::deploy::watch::{Target, Workload};
use crate::deploy::{has_own_volumes, replicas, shares_volume};
use crate::error::{Error, Result};
use crate::task::Task;

/// The maximum number of pods: more than fit into any cluster that we create.
pub const MOST: u32 = 100;

/// A plan with the only step of `scale`. Fails if the number of pods cannot, or must not, be set.
pub fn plan(session: &Session, task: &Task<'_>, service: &Service, pods: u32) -> Result<Plan> {
    let (name, kube) = (&service.name, session.kube()?);
    let target = target(name, &service.workloads)?;
    if let Some(autoscaler) = scale::autoscaler(task, kube, &target)? {
        return Err(owned(name, &target, &autoscaler, pods));
    }
    let object = scale::read(task, kube, &target)?;
    data_allows(name, &target, &object, pods)?;
    room_for(name, &object, pods, &free(task, kube)?)?;
    let title = format!("Scale {name} to {pods}");
    let step = ScaleStep { service: name.clone(), target, pods };
    Plan::new(vec![Planned::new(format!("scale-{name}"), title, 6, NOTHING, NO_CHANGE, step)])
}

/// The only workload of a service.
fn target(service: &str, workloads: &[Target]) -> Result<Target> {
    match workloads {
        [one] if matches!(one.workload, Workload::Deployment | Workload::StatefulSet) => Ok(one.clone()),
        _ => {
            let all: Vec<String> = workloads.iter().map(ToString::to_string).collect();
            Err(Error::refused(format!("service `{service}` cannot be scaled"))
                .because(format!("only a single Deployment or StatefulSet can be; it is {}", all.join(", ")))
                .help("todo-bootstrap status   # shows the services"))
        }
    }
}

/// The error for a service whose number of pods an autoscaler sets: it would overwrite any other number.
fn owned(service: &str, target: &Target, autoscaler: &Autoscaler, pods: u32) -> Error {
    let Autoscaler { name, min, max } = autoscaler;
    let spec = match i32::try_from(pods) {
        Ok(pods) if pods > *max => format!("\"minReplicas\":{pods},\"maxReplicas\":{pods}"),
        _ => format!("\"minReplicas\":{}", pods.max(1)),
    };
    Error::refused(format!("service `{service}` is scaled by its autoscaler"))
        .because(format!("HorizontalPodAutoscaler {name} chooses from {min} to {max} pods by their load"))
        .help(format!("in a values file: `services.{service}.autoscaling.min`, then run `up`"))
        .help(format!(
            "kubectl patch hpa {name} -n {} -p '{{\"spec\":{{{spec}}}}}'   # until the next `up`",
            target.namespace
        ))
}

/// Fails if more pods would share a volume, or have empty volumes beside the one with the data.
fn data_allows(service: &str, target: &Target, object: &DynamicObject, pods: u32) -> Result<()> {
    let now = replicas(object);
    let refused = |why: &str| {
        Err(Error::refused(format!("service `{service}` cannot have {pods} pods"))
            .because(why)
            .help(format!("todo-bootstrap scale {service} {}", now.max(1))))
    };
    if target.workload == Workload::StatefulSet {
        return if has_own_volumes(object) && pods > now.max(1) {
            refused("each pod has a volume of its own: new pods would answer without the data of the others")
        } else {
            Ok(())
        };
    }
    if shares_volume(object) && pods > 1 {
        refused("its pods share one volume, which only one pod can use")
    } else {
        Ok(())
    }
}

/// Fails if the nodes do not have the capacity for the additional pods.
fn room_for(service: &str, object: &DynamicObject, pods: u32, free: &BTreeMap<String, Need>) -> Result<()> {
    let now = replicas(object);
    let pod = Need::of_pod(&object.data["spec"]["template"]["spec"])?;
    let room = free.values().fold(0_u32, |sum, left| sum.saturating_add(left.holds(pod)));
    if pods.saturating_sub(now) <= room {
        return Ok(());
    }
    let most = now + room;
    let mut error =
        Error::host(format!("the cluster has no capacity for {pods} pods of service `{service}`"))
            .because(format!("there are {now}, and there is room for {room} more; each requests {pod}"));
    for (node, left) in free {
        error = error.because(format!("node {node} has {left} left"));
    }
    if most > now {
        error = error.help(format!("todo-bootstrap scale {service} {most}"));
    }
    Err(error.help("todo-bootstrap plan   # shows the sizes; a larger cluster: `cpus` and `memory` in [cluster] of the profile"))
}

/// Records the number of pods for the next `up`. Returns whether that keeps it: it cannot pass it to a chart without
/// `services`, and starts a service again that was scaled to 0.
pub fn keep(session: &Session, namespace: &str, service: &str, pods: u32) -> Result<bool> {
    let (preset, candidates) = (session.receipt().preset, session.candidates()?);
    let chosen = candidates.iter().find(|candidate| candidate.preset == preset);
    let services = chosen.and_then(|candidate| candidate.demand.as_ref()).map(|demand| &demand.services);
    let chart = services.into_iter().flatten().find(|one| one.name == service).map(|one| one.replicas);
    let key = format!("{namespace}/{service}");
    session.record(|receipt| {
        if pods > 0 && chart.is_some_and(|chart| chart != pods) {
            receipt.scaled.insert(key, pods);
        } else {
            receipt.scaled.remove(&key);
        }
    })?;
    Ok(pods > 0 && chart.is_some())
}

struct ScaleStep {
    service: String,
    target: Target,
    pods: u32,
}

impl Step for ScaleStep {
    /// The number may be right already while pods are not ready.
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed("its pods are started or ended".to_owned()))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let scaled = scale::scale(task, session.kube()?, &self.target, self.pods);
        scaled.map_err(|error| {
            error.help(format!(
                "todo-bootstrap logs {}   # shows the last log lines of its pods",
                self.service
            ))
        })?;
        Ok(if self.pods == 0 { "all pods ended".to_owned() } else { "all pods are ready".to_owned() })
    }

    /// `run` waited until the pods were ready.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn web(spec: &str) -> DynamicObject {
        object(&format!("metadata: {{name: web}}\nspec: {{replicas: 2, {spec}}}"))
    }

    fn of(workload: Workload) -> Target {
        Target { workload, namespace: "shop".to_owned(), name: "web".to_owned() }
    }

    const POD: &str =
        "template: {spec: {containers: [{name: c, resources: {requests: {cpu: 150m, memory: 100Mi}}}]}}";

    #[test]
    fn what_an_autoscaler_sets_is_left_to_it() {
        let autoscaler = Autoscaler { name: "web".to_owned(), min: 2, max: 5 };
        let error = |pods| owned("web", &of(Workload::Deployment), &autoscaler, pods).to_string();
        assert!(
            error(3).contains("from 2 to 5 pods") && error(3).contains("'{\"spec\":{\"minReplicas\":3}}'")
        );
        assert!(error(7).contains("\"minReplicas\":7,\"maxReplicas\":7"), "{}", error(7));
        assert!(error(0).contains("\"minReplicas\":1"), "an autoscaler has at least one pod");
    }

    #[test]
    fn data_is_not_split() {
        let deployment = |spec: &str, pods| data_allows("web", &of(Workload::Deployment), &web(spec), pods);
        let set = |spec: &str, pods| data_allows("web", &of(Workload::StatefulSet), &web(spec), pods);
        let claim = "template: {spec: {volumes: [{persistentVolumeClaim: {claimName: data}}]}}";
        assert!(deployment(POD, 9).is_ok() && deployment(claim, 1).is_ok());
        let error = deployment(claim, 2).unwrap_err();
        assert!(error.to_string().contains("share one volume"), "{error}");
        let templates = "volumeClaimTemplates: [{metadata: {name: data}}]";
        assert!(set(templates, 2).is_ok() && set(templates, 0).is_ok() && set("x: 1", 9).is_ok());
        assert!(set(templates, 3).unwrap_err().to_string().contains("volume of its own"));
    }

    #[test]
    fn the_capacity_is_told_in_figures() {
        let node = |cpu| Need { cpu, memory: 1 << 30 };
        let free = BTreeMap::from([("a".to_owned(), node(320)), ("b".to_owned(), node(100))]);
        assert!(room_for("web", &web(POD), 4, &free).is_ok());
        assert!(room_for("web", &web(POD), 1, &BTreeMap::new()).is_ok(), "fewer pods need no room");
        let error = room_for("web", &web(POD), 5, &free).unwrap_err().to_string();
        for part in [
            "no capacity for 5 pods",
            "there are 2, and there is room for 2 more; each requests 0.15 CPU and 100 MiB",
            "node a has 0.32 CPU and 1.0 GiB left",
            "help: todo-bootstrap scale web 4",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn only_one_deployment_or_set_can_be_scaled() {
        let of_web = |workloads: &[Workload]| {
            let workloads: Vec<Target> = workloads.iter().map(|workload| of(*workload)).collect();
            target("web", &workloads).map(|target| target.workload)
        };
        assert_eq!(of_web(&[Workload::StatefulSet]).unwrap(), Workload::StatefulSet);
        assert!(of_web(&[Workload::Deployment, Workload::StatefulSet]).is_err() && of_web(&[]).is_err());
        let error = of_web(&[Workload::DaemonSet]).unwrap_err();
        assert!(error.to_string().contains("DaemonSet shop/web"), "{error}");
    }
}
