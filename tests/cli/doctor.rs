//! `doctor`: what it predicts and what `--fix` runs, with faults of a whole machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use base64::Engine as _;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use super::{INFO, write_receipt};
use crate::support::{Machine, Screen};

/// A machine with an engine, and with the programs that fixes use.
fn machine() -> Machine {
    let machine = Machine::new().stub("docker", &format!("[ \"$1\" = info ] && echo '{INFO}'"));
    machine.link(&["sh", "sed"]);
    machine
}

/// The finding with this code.
#[track_caller]
fn finding(screen: &Screen, code: &str) -> Value {
    let found = screen.json();
    let rows = found.as_array().expect("a list").iter();
    let row = rows.into_iter().find(|row| row["code"] == code);
    row.unwrap_or_else(|| panic!("there is no finding {code}\n{screen}")).clone()
}

/// A proxy that answers every request with `status`.
fn proxy(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

#[test]
fn every_artifact_is_listed_with_its_origin_and_its_hosts_are_asked() {
    let machine = machine().env("HTTPS_PROXY", &proxy("407 Proxy Authentication Required"));
    let screen = machine.run(&["doctor", "--output", "json"]);
    let found = finding(&screen, "proxy-login");
    assert!(found["remedy"].as_str().is_some_and(|text| text.starts_with("export HTTPS_PROXY=")), "{screen}");
    let hosts: Vec<&str> =
        found["hosts"].as_array().expect("hosts").iter().filter_map(|host| host["host"].as_str()).collect();
    assert!(hosts.contains(&"registry-1.docker.io") && hosts.contains(&"dl.k8s.io"), "{hosts:?}");
    let rows = screen.json();
    let listed = rows.as_array().expect("a list").iter().find_map(|row| row["artifacts"].as_array());
    let names: Vec<&str> = listed.expect("artifacts").iter().filter_map(|one| one["name"].as_str()).collect();
    for name in ["kind", "kubectl", "helm", "node", "registry", "traefik"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // People get one line, and the table on request.
    let brief = machine.run(&["doctor"]);
    assert!(!brief.stdout.contains("ARTIFACT"), "{brief}");
    machine.run(&["doctor", "--verbose"]).out_has("ARTIFACT").out_has("image traefik");
}

#[test]
fn a_host_behind_a_proxy_that_blocks_it_is_told_from_one_that_wants_a_login() {
    let machine = machine().env("HTTPS_PROXY", &proxy("403 Forbidden"));
    let found = finding(&machine.run(&["doctor", "--output", "json"]), "proxy-blocks");
    assert!(
        found["detail"].as_str().is_some_and(|text| text.contains("the proxy does not connect")),
        "{found}"
    );
}

const STORE: &str = "{\n\t\"auths\": {},\n\t\"credsStore\": \"desktop.exe\"\n}\n";

#[test]
fn a_setting_of_the_user_is_changed_only_with_consent() {
    let machine = machine();
    let config = machine.path("home/.docker/config.json");
    std::fs::create_dir(machine.path("home/.docker")).expect("a folder");
    std::fs::write(&config, STORE).expect("write");
    let read = || std::fs::read_to_string(&config).expect("read");
    // Nobody can be asked, so the command is only shown.
    let screen = machine.run(&["doctor", "--fix"]);
    assert!(
        screen.stderr.contains("there is no terminal to ask on: --yes, or run\n    sed -i.bak"),
        "{screen}"
    );
    assert!(screen.stdout.contains("(credential-helper)"), "{screen}");
    assert_eq!(read(), STORE);
    let screen = machine.run(&["doctor", "--fix", "--yes"]);
    assert!(
        screen.stderr.contains("$ sed -i.bak") && screen.stderr.contains("solved: credential helpers"),
        "{screen}"
    );
    assert!(!screen.stdout.contains("(credential-helper)"), "{screen}");
    assert_eq!(read(), STORE.replace("credsStore", "credsStore-off"));
    assert_eq!(std::fs::read_to_string(config.with_extension("json.bak")).expect("a copy"), STORE);
}

/// A stopped engine of the user is started without a question, and the probes run again.
#[test]
fn what_is_safe_is_done_without_a_question_and_verified() {
    let machine = Machine::new();
    let mark = machine.path("started");
    let docker = format!(
        "[ -e '{0}' ] && echo '{INFO}' && exit; echo 'Cannot connect to the Docker daemon at \
         unix:///Users/me/.colima/default/docker.sock. Is the docker daemon running?' >&2; exit 1",
        mark.display()
    );
    let machine = machine.stub("docker", &docker).stub("colima", &format!("touch '{}'", mark.display()));
    machine.link(&["sh"]);
    machine
        .run(&["doctor"])
        .exits(3)
        .err_has("help: colima start")
        .err_has("help: todo-bootstrap doctor --fix");
    let screen = machine.run(&["doctor", "--fix"]);
    assert_eq!(machine.calls("colima"), ["start"]);
    assert!(screen.stderr.contains("  $ colima start\n"), "{screen}");
    assert!(
        screen.stderr.contains("solved: the container engine is not running (engine-not-running)"),
        "{screen}"
    );
    assert!(screen.stdout.contains("container engine: docker 28.0.1"), "{screen}");
}

/// A command in the background cannot ask for a password.
#[test]
fn root_is_only_asked_for_where_sudo_needs_no_password() {
    const FORBIDDEN: &str =
        "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1";
    let machine = Machine::new().stub("docker", FORBIDDEN).stub("sudo", "exit 1");
    machine.link(&["sh"]);
    let screen = machine.run(&["doctor", "--fix", "--yes"]).exits(3);
    let screen =
        screen.err_has("sudo wants a password: run `sudo -v`").err_has("sudo usermod -aG docker \"$USER\"");
    assert_eq!(machine.calls("sudo"), ["--non-interactive true"], "{screen}");
    let machine = machine.stub("sudo", "exit 0").env("USER", "me");
    let screen = machine.run(&["doctor", "--fix", "--yes"]).exits(3);
    assert_eq!(machine.calls("sudo").last().map(String::as_str), Some("usermod -aG docker me"), "{screen}");
    screen.err_has("not solved: this user has no permission to use the container engine");
}

#[test]
fn an_expired_certificate_of_the_cluster_is_renewed_by_start() {
    let machine = machine();
    write_receipt(&machine);
    let mut params = CertificateParams::new(vec![]).expect("parameters");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
    let data = base64::prelude::BASE64_STANDARD.encode(certificate.pem());
    let text = super::KUBECONFIG.replace("{token: t}", &format!("{{client-certificate-data: {data}}}"));
    std::fs::write(machine.path("state/clusters/todo-bootstrap/kubeconfig"), text).expect("write");
    let found = finding(&machine.run(&["doctor", "--output", "json"]), "certificate-expired");
    assert_eq!(found["severity"], "warn");
    assert_eq!(found["fix"]["commands"][0], "todo-bootstrap start --profile kind");
    assert_eq!(found["fix"]["safe"], true);
    // Our own commands are run by this program, which need not be on PATH. Here, the engine has no such node.
    let screen = machine.run(&["doctor", "--fix"]);
    assert!(machine.calls("docker").iter().any(|call| !call.starts_with("info")), "{screen}");
    screen
        .err_has("  $ todo-bootstrap start --profile kind\n")
        .err_has("warning: `todo-bootstrap start --profile kind` ended with status")
        .err_has("not solved: certificate of the cluster's user");
}
