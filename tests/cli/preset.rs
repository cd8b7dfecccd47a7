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
fn plan_warns_of_an_autoscaler_without_capacity() {
    let warning = "warning: preset large leaves no capacity to scale web: it stays at 2 replicas under load";
    machine(8, 5).run(&["plan"]).exits(0).out_has(warning);
    let screen = machine(8, 6).run(&["plan"]).exits(0);
    assert!(!screen.stdout.contains("warning:"), "{screen}");
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
fn several_nodes_share_the_cpus_and_divide_the_memory() {
    let application = format!("several-nodes = \"many.yaml\"\n{APPLICATION}");
    let machine = || machine(2, 12).file("application.toml", &application).file("many.yaml", "# nothing\n");
    let screen = machine().run(&["plan", "--nodes", "3"]).exits(0);
    let screen = screen.out_has("3 containers (2 CPU, 3.5 GiB each)").out_has(
        "3 nodes: the first one runs the control plane, the other 2 the application; each has 3.5 GiB",
    );
    assert_eq!(
        said(&screen),
        ["preset large: needs 2.93 of 3 × 2 CPUs and 5.1 GiB of 3 × 3.5 GiB, with Kubernetes and addons"]
    );
    let plan = machine().run(&["plan", "--nodes", "3", "--output", "json"]).exits(0).json();
    assert_eq!(plan["fit"]["sizes"]["nodes"], 3);
    let values = &plan["presets"][1]["values"];
    let ends = |index: usize, file: &str| values[index].as_str().is_some_and(|path| path.ends_with(file));
    assert!(ends(0, "large.yaml") && ends(1, "many.yaml"), "{values}");
    let one = machine().run(&["plan"]).exits(0);
    assert!(one.stdout.contains("a container (2 CPU,") && !one.stdout.contains("preset large: "), "{one}");
}

#[test]
fn a_number_of_nodes_that_cannot_be_is_refused() {
    machine(2, 12)
        .run(&["plan", "--profile", "minikube", "--nodes", "2"])
        .exits(2)
        .err_has("provider `minikube` does not create several nodes")
        .err_has("help: todo-bootstrap up --profile kind --nodes 2");
    machine(2, 12).run(&["plan", "--nodes", "10"]).exits(2).err_has("10");
    machine(2, 4)
        .run(&["up", "--yes", "--nodes", "3"])
        .exits(3)
        .err_has("a cluster of 3 nodes needs 6.0 GiB of memory, but would get 3.0 GiB of 4.0 GiB")
        .err_has("for 3 nodes and addons");
}

/// The receipt of a complete cluster of one node.
#[test]
fn the_number_of_nodes_of_a_cluster_is_kept_and_another_one_is_refused() {
    let receipt = r#"{"schema":2,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind",
        "made":{"cluster":{"http_port":80,"https_port":443,"cpus":2,"memory":4294967296,"complete":true}}}"#;
    let machine = machine(2, 12);
    let dir = machine.path("state/clusters/todo-bootstrap");
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    machine
        .run(&["plan", "--nodes", "3"])
        .exits(5)
        .err_has("cluster `todo-bootstrap` has 1 node, and --nodes requests 3")
        .err_has("because kind neither adds nodes to a cluster nor removes them")
        .err_has("help: todo-bootstrap down && todo-bootstrap up --nodes 3   # deletes the data");
    let kept = machine.run(&["plan", "--nodes", "1"]);
    assert!(!kept.stderr.contains("has 1 node"), "{kept}");
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
