//! Compares the planner's sums of a chart's requests with the objects that Helm renders from the same
//! values.

use std::path::Path;

use serde_json::Value;

use crate::shell::{self, Result, binary, root};

/// Millicores and bytes of all pods at their minimum and maximum replica counts, and bytes of all volumes.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    least: [u64; 2],
    most: [u64; 2],
    storage: u64,
}

impl Sums {
    fn add(&mut self, pod: [u64; 2], least: u64, most: u64, storage: u64) {
        for (kind, amount) in pod.into_iter().enumerate() {
            self.least[kind] += amount * least;
            self.most[kind] += amount * most;
        }
        self.storage += storage;
    }
}

/// Compares them for each size of each application in the checkout whose chart declares its requests.
pub(crate) fn planner_agrees(helm: &Path) -> Result {
    let is_application = |path: &Path| path.file_name().is_some_and(|name| name == "application.toml");
    // A separate state directory: an existing cluster would limit the choice.
    let state = shell::target().join("xtask-plan-state").to_string_lossy().into_owned();
    for file in shell::files(&root(), &is_application) {
        let dir = file.parent().unwrap_or(Path::new(".")).to_string_lossy().into_owned();
        let args = ["plan", "--output", "json", "--profile", "kind", "--dir", &dir];
        let plan = shell::cmd(&root(), &binary(), args).env("TODO_BOOTSTRAP_STATE", &state).read();
        let plan = plan.map_err(|error| format!("todo-bootstrap plan --dir {dir}: {error}"))?;
        let plan: Value = serde_json::from_str(&plan).map_err(|error| format!("plan of {dir}: {error}"))?;
        for size in list(&plan["presets"]).iter().filter(|size| size["services"].is_array()) {
            let mut args = vec!["template", "check", plan["chart"].as_str().unwrap_or_default()];
            for values in list(&size["values"]).iter().filter_map(Value::as_str) {
                args.extend(["--values", values]);
            }
            let objects = shell::read(helm, &args)?;
            let (planned, rendered) = (planned(&size["services"]), rendered(&objects)?);
            if planned != rendered {
                let preset = &size["preset"];
                return Err(format!("{dir}, preset {preset}: planned {planned:?}, rendered {rendered:?}"));
            }
            println!("{dir}, preset {}: {rendered:?}", size["preset"]);
        }
    }
    Ok(())
}

fn planned(services: &Value) -> Sums {
    let mut sums = Sums::default();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    for service in list(services) {
        let pod = [number(&service["pod"]["cpu"]), number(&service["pod"]["memory"])];
        let (least, most) = (number(&service["replicas"]), number(&service["most"]));
        sums.add(pod, least, most, number(&service["storage"]));
    }
    sums
}

fn rendered(yaml: &str) -> Result<Sums> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(yaml)
        .map_err(|error| format!("helm did not render valid YAML: {error}"))?;
    let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let mut sums = Sums::default();
    for object in of("Deployment").chain(of("StatefulSet")) {
        let spec = &object["spec"];
        let target = |scaler: &&Value| {
            let target = &scaler["spec"]["scaleTargetRef"];
            target["kind"] == object["kind"] && target["name"] == object["metadata"]["name"]
        };
        let (least, most) = match of("HorizontalPodAutoscaler").find(target) {
            Some(scaler) => {
                let limit = |key: &str| scaler["spec"][key].as_u64().unwrap_or(1);
                (limit("minReplicas"), limit("maxReplicas"))
            }
            None => [spec["replicas"].as_u64().unwrap_or(1); 2].into(),
        };
        let mut pod = [0; 2];
        for container in list(&spec["template"]["spec"]["containers"]) {
            let requests = &container["resources"]["requests"];
            pod[0] += quantity(&requests["cpu"], 1000)?;
            pod[1] += quantity(&requests["memory"], 1)?;
        }
        let claims = list(&spec["volumeClaimTemplates"]).iter().map(claimed);
        sums.add(pod, least, most, claims.sum::<Result<u64>>()? * least);
    }
    for claim in of("PersistentVolumeClaim") {
        sums.storage += claimed(claim)?;
    }
    Ok(sums)
}

fn claimed(claim: &Value) -> Result<u64> {
    quantity(&claim["spec"]["resources"]["requests"]["storage"], 1)
}

/// Parses a quantity in parts of `unit`. Deliberately not the planner's own parser, and only for what our
/// charts use.
fn quantity(value: &Value, unit: u64) -> Result<u64> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (number, factor) = match &text {
        text if text == "null" => return Ok(0),
        text if text.ends_with("Gi") => (&text[..text.len() - 2], 1 << 30),
        text if text.ends_with("Mi") => (&text[..text.len() - 2], 1 << 20),
        text if text.ends_with('m') && unit == 1000 => return quantity(&text[..text.len() - 1].into(), 1),
        text => (text.as_str(), 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is no quantity that is known here"))?;
    Ok(number * factor * unit)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_objects_are_summed() {
        let yaml = "
kind: Deployment
metadata: {name: web}
spec:
  template: {spec: {containers: [{resources: {requests: {cpu: 100m, memory: 1Mi}}}, {name: side}]}}
---
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 5}
---
kind: StatefulSet
metadata: {name: store}
spec:
  replicas: 2
  template: {spec: {containers: [{resources: {requests: {cpu: 1}}}]}}
  volumeClaimTemplates: [{spec: {resources: {requests: {storage: 1Gi}}}}]
";
        let sums = Sums { least: [2200, 2 << 20], most: [2500, 5 << 20], storage: 2 << 30 };
        assert_eq!(rendered(yaml), Ok(sums));
        let services = serde_json::json!([
            {"pod": {"cpu": 100, "memory": 1 << 20}, "replicas": 2, "most": 5, "storage": 0},
            {"pod": {"cpu": 1000, "memory": 0}, "replicas": 2, "most": 2, "storage": 2_147_483_648_u64},
        ]);
        assert_eq!(Ok(planned(&services)), rendered(yaml));
        assert!(quantity(&"1.5G".into(), 1).is_err());
    }
}
