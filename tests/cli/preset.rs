//! Which preset is selected, what is reported, and what is refused before anything is created.

use crate::support::{Machine, Screen};

const APPLICATION: &str = "\
name = \"shop\"
host = \"shop.local\"
chart = \"chart\"
[[presets]]
name = \"small\"
values = \"small.yaml\"
[[presets]]
name = \"large\"
values = \"large.yaml\"
";
const VALUES: &str = "\
services:
  web:
    resources: {requests: {cpu: 100m, memory: 128Mi}}
    autoscaling: {enabled: false, min: 2, max: 4}
  store:
    kind: StatefulSet
    resources: {requests: {cpu: 100m, memory: 128Mi}}
    storage: {size: 1Gi}
";
const LARGE: &str = "\
services:
  web:
    resources: {requests: {cpu: 500m, memory: 1Gi}}
    autoscaling: {enabled: true}
";

/// A machine whose engine is a Docker Desktop of this size.
fn machine(cpus: u32, gib: u64) -> Machine {
    let memory = gib << 30;
    let info = format!(
        r#"{{"NCPU":{cpus},"MemTotal":{memory},"ServerVersion":"28.0.1","OperatingSystem":"Docker Desktop","CgroupVersion":"2","ClientInfo":{{"Version":"28.0.1"}}}}"#
    );
    Machine::new()
        .file("application.toml", APPLICATION)
        .file("chart/Chart.yaml", "name: shop\n")
        .file("chart/values.yaml", VALUES)
        .file("small.yaml", "# as the chart has it\n")
        .file("large.yaml", LARGE)
        .stub("docker", &format!("[ \"$1\" = info ] && echo '{info}'"))
}

/// The output of `plan` after its table of steps.
fn said(screen: &Screen) -> Vec<&str> {
    screen.stdout.lines().filter(|line| line.starts_with("preset ")).collect()
}

#[test]
fn plan_says_what_fits_and_what_does_not() {
    let screen = machine(2, 4).run(&["plan"]).exits(0).out_has("(2 CPU, 2.0 GiB)");
    assert_eq!(
        said(&screen),
        [
            "preset small: needs 1.33 of 2 CPUs and 1.6 GiB of 2.0 GiB, with Kubernetes and addons",
            "preset large does not fit: needs 2.63 CPUs (2 available) and 4.3 GiB (3.5 GiB available)",
        ]
    );
    let screen = machine(8, 6).run(&["plan"]).exits(0).out_has("(4 CPU, 5.5 GiB)");
    assert_eq!(
        said(&screen),
        [
            "preset large: needs 2.63 of 4 CPUs and 4.3 GiB of 5.5 GiB, with Kubernetes and addons",
            "preset large: web at most 3 replicas instead of 4",
        ]
    );
}

#[test]
fn a_plan_for_programs_holds_the_figures() {
    let plan = machine(8, 6).run(&["plan", "--output", "json"]).exits(0).json();
    assert_eq!(plan["fit"]["preset"], "large");
    assert_eq!(plan["fit"]["trimmed"][0]["most"], 3);
    assert_eq!(plan["presets"][1]["services"][1]["pod"]["cpu"], 500);
    assert!(plan["presets"][1]["values"][0].as_str().is_some_and(|file| file.ends_with("large.yaml")));
    assert!(plan["steps"].as_array().is_some_and(|steps| steps.len() > 5), "{plan}");
}

#[test]
fn a_preset_that_was_asked_for_is_taken_or_refused() {
    let small = machine(8, 6).run(&["plan", "--preset", "small"]).exits(0);
    assert_eq!(said(&small).len(), 1, "{small}");
    machine(2, 4)
        .run(&["plan", "--preset", "large"])
        .exits(3)
        .err_has("preset large does not fit this machine")
        .err_has("because preset small would fit")
        .err_has("help: todo-bootstrap up --preset small");
    machine(2, 4)
        .run(&["plan", "--preset", "smal"])
        .exits(2)
        .err_has("no preset `smal` (did you mean `small`?)")
        .err_has("its presets are: small, large");
}

#[test]
fn up_refuses_a_machine_that_is_too_small_before_it_makes_anything() {
    let machine = machine(1, 2);
    let screen = machine.run(&["up", "--yes"]).exits(3);
    let screen = screen
        .err_has("because a cluster needs 2 CPUs, but would get 1 of 1")
        .err_has("because preset small needs 1.33 CPU and 1.6 GiB")
        .err_has("help: Docker Desktop: Settings > Resources: at least 2 CPUs and 3 GB of memory");
    assert_eq!(machine.calls("docker").len(), 1, "{screen}");
    assert_eq!(std::fs::read_dir(machine.path("state")).expect("list").count(), 0, "{screen}");
}

#[test]
fn doctor_reckons_as_up_does() {
    machine(1, 2)
        .run(&["doctor"])
        .exits(3)
        .out_has("CPUs: 1 for containers, 2 required")
        .out_has("the smallest cluster needs 2.0 GiB, 1.5 GiB are available")
        .out_has("Docker Desktop: Settings > Resources");
}

#[test]
fn a_wrong_quantity_has_its_file_and_key() {
    machine(2, 4)
        .file("large.yaml", "services: {web: {resources: {requests: {cpu: lots}}}}\n")
        .run(&["plan"])
        .exits(2)
        .err_has("[machine]/work/large.yaml: `services.web.resources.requests.cpu` is `lots`");
}

#[test]
fn the_choice_is_an_event() {
    let screen = machine(2, 4).run(&["up", "--yes", "--events", "json", "--timeout", "5s"]).fails();
    let first = screen.stdout.lines().next().unwrap_or_default();
    assert!(first.contains("\"step\":\"preset\"") && first.contains("preset small: needs 1.33"), "{screen}");
}
