//! The requirements of an application: its services with replicas and requests, by the convention
//! `services.NAME` of a chart's values. Those of a chart without it are unknown.

use serde::Serialize;
use serde_json::Value;

use super::Need;
use crate::config::Values;
use crate::error::{Error, Result};
use crate::quantity::{parse_bytes, parse_milli};

/// One component of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub name: String,
    /// Whether an update first starts a new pod, as of a `Deployment` without a volume (only one pod can use it).
    pub surges: bool,
    /// The minimum number of pods: `replicas`, or the autoscaler's minimum.
    pub replicas: u32,
    /// The maximum number of pods; differs from `replicas` only with an autoscaler.
    pub most: u32,
    /// The requests of one pod.
    pub pod: Need,
    /// The memory limit of one pod in bytes; its request if it has no limit.
    pub memory_limit: u64,
    /// Bytes of all its volumes together.
    pub storage: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Demand {
    /// The enabled services, by name.
    pub services: Vec<Service>,
}

impl Demand {
    /// `None` if the values do not follow the convention. Reports all mistakes, each with its file and key.
    pub fn read(values: &Values) -> Result<Option<Self>> {
        let Some(Value::Object(table)) = values.merged().get("services") else { return Ok(None) };
        let mut problems = Vec::new();
        let enabled = table.iter().filter(|(_, service)| service["enabled"] != false);
        let read = |(name, service): (&String, &Value)| {
            Reading { values, name, service, problems: &mut problems }.service()
        };
        let services = enabled.map(read).collect();
        if problems.is_empty() {
            return Ok(Some(Self { services }));
        }
        let error = Error::usage("the values of the application's services cannot be used");
        let error = problems.into_iter().fold(error, Error::because);
        Err(error.help("fix the keys named above in their files"))
    }

    /// `count` pods of each service, and the one additional pod with which a Deployment starts an update: the
    /// requests of a pod and the number of such pods. One additional pod is enough for all: while it is in use, the
    /// other Deployments wait until the first has ended its old pod.
    pub fn pods(&self, count: impl Fn(&Service) -> u32) -> Vec<(Need, u32)> {
        let surges = self.services.iter().filter(|service| service.surges && service.replicas > 0);
        let surge = surges.map(|service| service.pod).fold(Need::default(), Need::larger);
        self.services.iter().map(|service| (service.pod, count(service))).chain([(surge, 1)]).collect()
    }

    /// The requests of these pods together.
    pub fn at(&self, count: impl Fn(&Service) -> u32) -> Need {
        self.pods(count).into_iter().map(|(pod, count)| pod.times(count)).sum()
    }

    /// All services with their minimum number of pods.
    pub fn base(&self) -> Need {
        self.at(|service| service.replicas)
    }

    /// The memory that the pods can use at most with `most` pods of each service.
    pub fn memory_limit(&self, most: impl Fn(&Service) -> u32) -> u64 {
        self.services.iter().map(|service| service.memory_limit.saturating_mul(most(service).into())).sum()
    }

    /// Bytes of all volumes.
    pub fn storage(&self) -> u64 {
        self.services.iter().map(|service| service.storage).sum()
    }
}

/// Reads one service and collects its problems.
struct Reading<'a> {
    values: &'a Values,
    name: &'a str,
    service: &'a Value,
    problems: &'a mut Vec<String>,
}

impl<'a> Reading<'a> {
    fn service(&mut self) -> Service {
        let service = self.service;
        let (replicas, most) = if service["autoscaling"]["enabled"] == true {
            let least = self.count(&["autoscaling", "min"], 1);
            (least, self.count(&["autoscaling", "max"], least).max(least))
        } else {
            let replicas = self.count(&["replicas"], 1);
            (replicas, replicas)
        };
        let mut resource = |kind, key, parse: Parse| self.amount(&["resources", kind, key], parse);
        let cpu = resource("requests", "cpu", parse_milli);
        let memory = resource("requests", "memory", parse_bytes);
        let cpu_limit = resource("limits", "cpu", parse_milli);
        let memory_limit = resource("limits", "memory", parse_bytes);
        // As in Kubernetes, a limit without a request is the request.
        let cpu = cpu.or(cpu_limit).unwrap_or_default();
        let memory = memory.or(memory_limit).unwrap_or_default();
        let size = self.amount(&["storage", "size"], parse_bytes).unwrap_or_default();
        let deployment = service["kind"].as_str().unwrap_or("Deployment") == "Deployment";
        Service {
            name: self.name.to_owned(),
            surges: deployment && size == 0,
            replicas,
            most,
            pod: Need { cpu, memory },
            memory_limit: memory_limit.unwrap_or(memory).max(memory),
            // A StatefulSet has a volume for each pod, a Deployment one for all.
            storage: if deployment { size } else { size.saturating_mul(replicas.into()) },
        }
    }

    fn count(&mut self, path: &[&str], default: u32) -> u32 {
        let value = self.at(path);
        if value.is_null() {
            return default;
        }
        value.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_else(|| {
            self.problem(path, &format!("is `{}`, but must be a whole number", shown(value)));
            default
        })
    }

    fn amount(&mut self, path: &[&str], parse: Parse) -> Option<u64> {
        let value = self.at(path);
        if value.is_null() {
            return None;
        }
        parse(&shown(value)).map_err(|why| self.problem(path, &why)).ok()
    }

    fn problem(&mut self, path: &[&str], why: &str) {
        let path = [&["services", self.name], path].concat();
        self.problems.push(format!("{}: `{}` {why}", self.values.file_of(&path), path.join(".")));
    }

    fn at(&self, path: &[&str]) -> &'a Value {
        path.iter().fold(self.service, |value, key| &value[*key])
    }
}

type Parse = fn(&str) -> Result<u64, String>;

/// A text unchanged, anything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The demand that a chart of these values has.
    pub(crate) fn demand(yaml: &str) -> Result<Option<Demand>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("values.yaml"), yaml).unwrap();
        Demand::read(&Values::load(dir.path(), &[]).unwrap())
    }

    const SHOP: &str = "
services:
  web:
    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
    autoscaling: {enabled: true, min: 2, max: 5}
    replicas: 7
  worker:
    replicas: 3
    resources: {requests: {cpu: 0.05, memory: 64Mi}}
    autoscaling: {enabled: false, min: 2, max: 5}
  store:
    kind: StatefulSet
    replicas: 2
    resources: {limits: {cpu: 1, memory: 1G}}
    storage: {size: 1Gi}
  cache:
    resources: {requests: {cpu: 1, memory: 0}}
    storage: {size: 1G}
  off:
    enabled: false
    resources: {requests: {cpu: nonsense}}
";

    #[test]
    fn requests_are_summed_over_all_pods_and_one_for_updates() {
        let demand = demand(SHOP).unwrap().unwrap();
        let names: Vec<&str> = demand.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["cache", "store", "web", "worker"]);
        let memory = 2_000_000_000 + (2 + 1) * 128 * MIB + 3 * 64 * MIB;
        assert_eq!(demand.base(), Need { cpu: 3000 + (2 + 1) * 100 + 3 * 50, memory });
        let most = demand.at(|service| service.most);
        assert_eq!(most, Need { cpu: 3000 + (5 + 1) * 100 + 3 * 50, memory: memory + 3 * 128 * MIB });
        assert_eq!(demand.storage(), (2 << 30) + 1_000_000_000);
        assert_eq!(demand.memory_limit(|service| service.replicas), 2_000_000_000 + (512 + 192) * MIB);
    }

    #[test]
    fn a_chart_of_another_kind_has_no_demand_that_we_know() {
        assert_eq!(demand("resources: {requests: {cpu: 10m}}\n").unwrap(), None);
        assert_eq!(demand("").unwrap(), None);
        assert_eq!(demand("services: {}\n").unwrap(), Some(Demand::default()));
    }

    #[test]
    fn every_mistake_has_its_file_and_key() {
        let yaml =
            "services:\n  web:\n    replicas: many\n    resources: {requests: {cpu: 1x, memory: [1]}}\n";
        let error = demand(yaml).unwrap_err();
        let causes = error.causes();
        assert_eq!(causes.len(), 3, "{error}");
        assert!(causes[0].contains("values.yaml: `services.web.replicas` is `many`"), "{error}");
        assert!(causes[1].contains("`services.web.resources.requests.cpu` is `1x`"), "{error}");
    }
}
