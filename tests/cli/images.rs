//! `images`, and targets, with a stub engine and stub scanners.

use std::fs;

use serde_json::json;

use super::INFO;
use super::tools::{TRUST, publish};
use crate::support::registry::server::TestRegistry;
use crate::support::{Machine, Screen, registry};

const PROJECT: &str = "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n\
                       [[images]]\nname = \"web\"\ncontext = \"web\"\n";
const ENVIRONMENTS: &str = "[[environments]]\nname = \"staging\"\ntarget = \"prod\"\n\
                            [[environments]]\nname = \"dev\"\nset = {LEVEL = \"DEBUG\"}\n\
                            [[environments]]\nname = \"prod\"\nrequires-any = [\"KEY\", \"OTHER_KEY\"]\n\
                            refuses = {MOCK = \"true\"}\n";
const CONTRACT: &str = "# The level.\n# @config @required\nLEVEL=INFO\n# A key.\n# @secret\nKEY=\n\
                        # Another key.\n# @secret\nOTHER_KEY=\n# Whether a mock answers.\n# @config\nMOCK=\n";
const REPORT: &str = r#"{"Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"zlib","InstalledVersion":"1.2","FixedVersion":"1.3","Severity":"HIGH"},{"VulnerabilityID":"CVE-2","PkgName":"tar","Severity":"LOW"}]}]}"#;

fn project() -> Machine {
    Machine::new()
        .file("application.toml", PROJECT)
        .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .file("web/Dockerfile", "FROM scratch\n")
}

/// A registry that has the image for target `prod`, built from older sources.
fn machine() -> (Machine, TestRegistry) {
    machine_with(&[0; 2048])
}

/// The same, with this tar as the image's layer.
pub(super) fn machine_with(layer: &[u8]) -> (Machine, TestRegistry) {
    let machine = project();
    let (served, container) = registry::start(&machine);
    let labels = json!({
        "todo-bootstrap.dev/inputs": "0123456789abcdef", "todo-bootstrap.dev/tag": "v0.1.0-0000000",
        "todo-bootstrap.dev/target": "prod",
    });
    registry::image_of(&served, "shop/web", &["v0.1.0-local", "v0.1.0-0000000"], &labels, layer);
    let body = format!("case \"$1\" in\ninfo) echo '{INFO}';;\nps) echo '{container}';;\n*) exit 1;;\nesac");
    (machine.stub("docker", &body), served)
}

fn with_bill(machine: Machine) -> Machine {
    let dir = machine.path("state/clusters/todo-bootstrap/sbom");
    fs::create_dir_all(&dir).expect("a folder");
    let bill = r#"{"bomFormat":"CycloneDX","components":[{}],"metadata":{"properties":[{"name":"todo-bootstrap:covers","value":"a.lock: 1 packages"}]}}"#;
    fs::write(dir.join("web.cdx.json"), bill).expect("a bill");
    machine
}

#[test]
fn list_shows_what_the_registry_has_and_whether_it_is_current() {
    let (machine, served) = machine();
    let machine = with_bill(machine);
    let screen = machine.run(&["images", "list"]).exits(0);
    let digest = served.state().repositories["shop/web"].tags["v0.1.0-local"].clone();
    screen
        .out_has(&format!("registry.todo-bootstrap.internal/shop/web:v0.1.0-0000000@{digest}"))
        .out_has(&digest.trim_start_matches("sha256:")[..12])
        .out_has("0123456789ab ")
        .out_has("its sources or its base image changed");
    let json = machine.run(&["images", "list", "--output", "json"]).exits(0).json();
    let web = &json[0];
    assert_eq!((&web["size"], &web["target"]), (&2048.into(), &"prod".into()), "{json}");
    assert_eq!(web["sbom"]["document"]["bomFormat"], "CycloneDX", "{json}");
    assert!(web["current"] == false && web["inputs"] == "0123456789abcdef", "{json}");
}

#[test]
fn list_without_a_registry_says_why_nothing_is_there() {
    let machine = project().stub("docker", &format!("[ \"$1\" = info ] && echo '{INFO}'"));
    machine.run(&["images", "list"]).exits(0).out_has("the local registry is not running");
    machine.stub("trivy", "exit 1").run(&["images", "scan"]).exits(1).err_has("help: todo-bootstrap up");
}

#[test]
fn a_bill_of_materials_is_printed_and_a_missing_one_is_an_error() {
    let machine = project();
    machine.run(&["images", "sbom", "web"]).exits(1).err_has("help: todo-bootstrap up");
    let machine = with_bill(machine);
    assert_eq!(machine.run(&["images", "sbom", "web"]).exits(0).json()["bomFormat"], "CycloneDX");
    machine.run(&["images", "sbom"]).exits(0).out_has("a.lock: 1 packages").out_has("web.cdx.json");
    machine.run(&["images", "sbom", "wep"]).exits(2).err_has("did you mean `web`?");
}

#[test]
fn without_a_scanner_a_scan_is_skipped_and_says_why() {
    let machine = project();
    machine.run(&["images", "scan"]).exits(0).out_has("skipped: no scanner (trivy, grype) on PATH; help: ");
    let json = machine.run(&["images", "scan", "--output", "json"]).exits(0).json();
    assert_eq!(json["skipped"], "no scanner (trivy, grype) on PATH");
    // A scan gate fails if it cannot scan.
    let gate = machine.run(&["images", "scan", "--fail-on", "high"]).exits(3);
    gate.err_has("no scanner (trivy, grype) on PATH").err_has("help: todo-bootstrap tools install grype\n");
    let gate = machine.run(&["images", "scan", "--fail-on", "low", "--output", "json"]).exits(3);
    assert_eq!(gate.json()["skipped"], "no scanner (trivy, grype) on PATH");
    machine.run(&["images", "scan", "nobody"]).exits(2).err_has("its images are: web");
}

#[test]
fn a_scan_names_its_scanner_and_fails_where_it_is_asked_to() {
    let (machine, _served) = machine();
    let machine = machine.stub("trivy", &format!("echo '{REPORT}'"));
    let scan = |args: &[&str]| -> Screen { machine.run(&[&["images", "scan"], args].concat()) };
    let screen = scan(&[]).exits(0).err_has("scanning with trivy: [machine]/bin/trivy, sha256 ");
    screen.out_has("CVE-1").out_has("1 more below high");
    scan(&["-v"]).exits(0).out_has("CVE-2");
    scan(&["--fail-on", "high"]).exits(4).err_has("affected images: web");
    scan(&["--fail-on", "critical"]).exits(0);
    let json = scan(&["--output", "json"]).exits(0).json();
    assert!(json["skipped"].is_null() && json["images"][0]["counts"]["high"] == 1, "{json}");
    assert_eq!(json["images"][0]["findings"][0]["fixed"], "1.3", "{json}");
    let left = fs::read_dir(machine.path("cache")).expect("the cache").flatten();
    let left: Vec<_> =
        left.filter(|entry| entry.file_name().to_string_lossy().starts_with("scan-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_scanner_that_was_fetched_is_used_where_none_is_on_path() {
    let (machine, _served) = machine();
    publish(&machine, "grype", "0.119.0", "#!/bin/sh\necho '{\"matches\":[]}'\n");
    machine.run(&["images", "scan"]).exits(0).out_has("help: todo-bootstrap tools install grype");
    machine.run(&[&["tools", "install", "grype"][..], &TRUST].concat()).exits(0);
    let scan = machine.run(&[&["images", "scan"][..], &TRUST].concat()).exits(0);
    scan.err_has("scanning with grype: [machine]/cache/tools/grype-0.119.0/grype, sha256 ").out_has("web");
}

#[test]
fn an_image_that_is_not_there_is_not_scanned_as_clean() {
    let (machine, served) = machine();
    let machine = machine.stub("grype", "exit 1");
    machine.run(&["images", "scan"]).exits(1).err_has("help: grype --version");
    served.state().repositories.clear();
    machine.run(&["images", "scan"]).exits(1).err_has("there is no image web to scan");
}

#[test]
fn plan_says_what_images_are_built_for() {
    let (machine, _served) = machine();
    machine.run(&["plan"]).exits(0).out_has("images are built for target prod").out_has("(target prod)");
    let unknown = machine.run(&["plan", "--env", "dev"]).exits(2);
    unknown.err_has("shop has no environment `dev`").err_has("has no [[environments]]").err_has("help: ");
    let machine = machine.file("application.toml", &format!("{PROJECT}{ENVIRONMENTS}"));
    let machine = machine.file(".env.example", CONTRACT);
    let json = machine.run(&["plan", "--env", "dev", "--output", "json"]).exits(0).json();
    assert_eq!((&json["environment"], &json["target"]), (&"dev".into(), &"dev".into()));
    assert!(json.to_string().contains("shop/web was not built yet"), "{json}");
    let unknown = machine.run(&["plan", "--env", "live"]).exits(2);
    unknown
        .err_has("its environments are: staging, dev, prod")
        .err_has("help: todo-bootstrap up --env staging");
}

/// An environment replaces settings, and does not start with those that it refuses.
#[test]
fn an_environment_replaces_and_requires_settings() {
    let (machine, _served) = machine();
    let project = format!("{PROJECT}{ENVIRONMENTS}[mock]\nMOCK = \"true\"\n");
    let machine = machine.file("application.toml", &project).file(".env.example", CONTRACT);
    let refused = machine.run(&["plan", "--env", "prod"]).exits(2);
    refused
        .err_has("the settings do not suit environment `prod`; nothing was changed")
        .err_has("/.env: KEY, OTHER_KEY")
        .err_has("help: todo-bootstrap up --env staging");
    machine.run(&["up", "--env", "prod", "--yes"]).exits(2).err_has("/.env: KEY, OTHER_KEY");
    assert!(!machine.path("state/clusters/todo-bootstrap/receipt.json").exists());
    let machine = machine.file(".env", "OTHER_KEY=x\n");
    machine
        .run(&["plan", "--env", "prod"])
        .exits(0)
        .out_has("environment prod; images are built for target prod");
    let mocked = machine.run(&["plan", "--env", "prod", "--mock"]).exits(2);
    mocked.err_has("MOCK must not be true, as --mock sets it");
    record(&machine, "\"environment\":\"dev\"");
    machine.run(&["env", "check"]).exits(0).out_has("set by the environment");
    let keys = machine.run(&["env", "check", "--output", "json"]).exits(0).json();
    assert_eq!(keys["keys"][0]["source"], "environment");
    let changed = "environment staging, which replaces dev; images are built for target prod";
    machine.run(&["plan", "--env", "staging"]).exits(0).out_has(changed);
}

/// `status`, `check` and the next `up` use the environment of the last `up`; earlier versions recorded the target.
#[test]
fn the_environment_of_the_last_up_stays() {
    let (machine, _served) = machine();
    let machine = machine.file("application.toml", &format!("{PROJECT}{ENVIRONMENTS}"));
    let machine = machine.file(".env.example", CONTRACT);
    for (recorded, environment) in [
        ("\"environment\":\"dev\"", "environment dev;"),
        ("\"target\":\"dev\"", "environment dev;"),
        ("\"target\":\"prod\"", "environment staging;"),
        ("\"environment\":\"gone\"", "environment staging, which replaces gone;"),
    ] {
        record(&machine, recorded);
        machine.run(&["plan"]).exits(0).out_has(environment);
    }
    machine.run(&["plan", "--env", "prod"]).exits(2).err_has("KEY");
}

/// A receipt with this field.
fn record(machine: &Machine, field: &str) {
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let cluster =
        r#""schema":2,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind""#;
    fs::write(dir.join("receipt.json"), format!("{{{cluster},{field}}}")).expect("a receipt");
}
