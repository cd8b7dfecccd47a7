//! Faults of machines as a table: each has a code of its own and a command, and healthy machines have none.

use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::engine::testing::engine;
use crate::engine::{Builder, Endpoint, EngineHost};
use crate::host::recorded::{alpine, debian, linux, macos, micro_vm, wsl};
use crate::host::{Arch, Cgroup, Folder, Inotify, MissingHelpers, Os, Purpose};
use crate::origins::{Build, Forecast, Host, Origin, Way};
use crate::process_env::ProcessEnv;
use crate::source::Cost;

const NOW: &str = "2026-12-01T12:00:00Z";

/// All inputs of the probes of a machine.
#[derive(Clone)]
struct Machine {
    facts: Facts,
    details: Details,
    engine: Option<Engine>,
    fault: Option<Fault>,
    artifacts: Artifacts,
    login: Option<Login>,
    pinned: Option<Pinned>,
    engine_disk: u64,
    minor: u64,
}

pub(super) fn fetched(name: &str, host: &str, refusal: Option<&str>) -> Forecast {
    let hosts = vec![Host { name: host.to_owned(), url: format!("https://{host}/") }];
    let way = Way::Fetched { origin: Origin::Download, from: format!("{host}/{name}"), hosts, bytes: None };
    let cost = Cost { artifacts: [(name.to_owned(), Some(7))].into(), needs: ["Go", "root"].into() };
    let build = Build { refusal: refusal.map(str::to_owned), cost, differs: None };
    Forecast { name: name.to_owned(), image: true, version: "1".to_owned(), way, build }
}

fn answered(host: &str) -> HostAnswer {
    let quota = (host == "registry-1.docker.io").then_some(Quota { left: 95, limit: 100, hours: 6 });
    let ahead = Some(SignedDuration::from_secs(-2));
    HostAnswer { host: host.to_owned(), trouble: None, ahead, quota }
}

fn folder(purpose: Purpose, path: &str) -> Folder {
    let file_system = "ext4".to_owned();
    let (network, noexec, read_only, writable) = (false, false, false, true);
    Folder { purpose, path: path.into(), file_system, network, noexec, read_only, writable, owner: None }
}

/// A machine from which nothing is missing but the images.
fn healthy(facts: Facts) -> Machine {
    let refusal = Some("Go 1.26.4 or newer is not installed (https://go.dev/dl)");
    let hosts = ["registry-1.docker.io", "registry.k8s.io"];
    let linux = facts.os == Os::Linux;
    Machine {
        details: Details {
            folders: vec![
                folder(Purpose::Home, "/home/me"),
                folder(Purpose::Cache, "/home/me/.cache/todo-bootstrap"),
                folder(Purpose::State, "/home/me/.local/state"),
                Folder { owner: Some(0), file_system: "tmpfs".to_owned(), ..folder(Purpose::Temp, "/tmp") },
            ],
            // The kernel's defaults, on the smallest machine that a cluster fits on.
            inotify: linux.then_some(Inotify { instances: 128, watches: 14_000 }),
            helpers: None,
        },
        engine: Some(Engine {
            builder: Builder::Buildx,
            cgroup_version: 2,
            host: if linux { EngineHost::Unknown } else { EngineHost::DockerDesktop },
            runtime: "runc".to_owned(),
            ..engine()
        }),
        facts,
        fault: None,
        artifacts: Artifacts {
            forecasts: hosts.iter().map(|host| fetched("node", host, refusal)).collect(),
            answers: hosts.iter().map(|host| answered(host)).collect(),
        },
        login: None,
        pinned: None,
        engine_disk: 60 << 30,
        minor: 35,
    }
}

fn ubuntu() -> Facts {
    linux("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n")
}

impl Machine {
    fn findings(&self) -> Vec<Finding> {
        let inputs = Inputs {
            details: &self.details,
            engine: self.engine.as_ref(),
            fault: self.fault.as_ref(),
            kubernetes_minor: self.minor,
            artifacts: Some(&self.artifacts),
            login: self.login.as_ref(),
            pinned: self.pinned.as_ref(),
            engine_disk: Some(self.engine_disk),
            now: NOW.parse().unwrap(),
            ..inputs(&self.facts)
        };
        // The ports are those of the machine that runs the tests.
        PROBES.iter().filter(|probe| !probe.alone).map(|probe| probe.run(&inputs)).collect()
    }

    fn fails(&mut self, fault: Fault) {
        (self.engine, self.fault) = (None, Some(fault));
    }

    /// What the first host answers instead.
    fn answers(&mut self, change: impl FnOnce(&mut HostAnswer)) {
        change(&mut self.artifacts.answers[0]);
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.answers(|answer| answer.trouble = Some(trouble));
    }

    fn folder(&mut self, at: usize, change: impl FnOnce(&mut Folder)) {
        change(&mut self.details.folders[at]);
    }

    fn change_engine(&mut self, change: impl FnOnce(&mut Engine)) {
        change(self.engine.as_mut().unwrap());
    }
}

/// The setting that selects an engine at `address`.
fn endpoint(address: &str) -> Endpoint {
    let env = [("DOCKER_HOST".to_owned(), address.into())].into();
    Endpoint::of_docker(&ProcessEnv { env, ..ProcessEnv::real() }).unwrap()
}

fn said(detail: &str) -> String {
    detail.to_owned()
}

fn outdated(machine: &mut Machine) {
    let text = "reviewed = \"2026-11-29\"\n[products.docker]\ntitle = \"Docker Engine\"\nsource = \"s\"\n\
        [products.docker.lines]\n28 = { ends = \"2026-05-13\" }\n";
    let support = Support::parse("support.toml", text).unwrap();
    let (line, on) = ("Thing 1".to_owned(), date(2026, 12, 5));
    let due = vec![Due { line, pins: vec!["thing".to_owned()], on, left: 4 }];
    machine.pinned = Some(Pinned { today: date(2026, 12, 1), support, due });
}

fn expired(machine: &mut Machine) {
    let ends: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
    machine.login = Some(Login { cluster: said("c"), kubeconfig: "/k".into(), ends });
}

type Case = (&'static str, Severity, fn() -> Facts, fn(&mut Machine), &'static str);

/// The code, how bad it is, the machine, what is wrong with it, and the beginning of the command.
#[rustfmt::skip]
const FAULTS: &[Case] = {
    use Severity::{Fail, Warn};
    &[
        ("host-platform", Fail, ubuntu, |m| m.facts.arch = Arch::Other, "use a machine with"),
        ("host-platform", Fail, crate::host::recorded::windows, |_| {}, "wsl --install"),
        ("host-cpu", Fail, wsl, |m| m.change_engine(|engine| engine.cpus = 1), "set processors="),
        ("host-memory", Fail, macos, |m| m.change_engine(|engine| engine.memory = 1 << 30), "Docker Desktop: Settings"),
        ("host-memory", Warn, ubuntu, |m| m.facts.memory_available = 1 << 30, "ps aux"),
        ("host-disk", Fail, ubuntu, |m| m.facts.disk_free = 5 << 30, "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up"),
        ("engine-disk", Fail, ubuntu, |m| m.engine_disk = 2 << 30, "docker system df"),
        ("engine-absent", Fail, ubuntu, |m| m.fails(Fault::Absent), "sudo apt-get update"),
        ("engine-not-running", Fail, ubuntu, |m| m.fails(Fault::NotRunning { detail: said("x") }), "sudo systemctl enable"),
        ("engine-endpoint", Fail, ubuntu, |m| m.fails(Fault::Endpoint { endpoint: endpoint("unix:///x"), other: true, detail: said("x") }), "unset DOCKER_HOST"),
        ("engine-remote", Fail, ubuntu, |m| m.fails(Fault::Remote { endpoint: endpoint("ssh://me@box") }), "unset DOCKER_HOST"),
        ("engine-no-permission", Fail, ubuntu, |m| m.fails(Fault::NoPermission { detail: said("x") }), "sudo usermod -aG docker"),
        ("engine-unusable", Fail, ubuntu, |m| m.fails(Fault::Unusable { detail: said("x") }), "docker version"),
        ("engine-builder", Warn, ubuntu, |m| m.change_engine(|engine| engine.builder = Builder::Legacy), "sudo apt-get install"),
        ("cgroup-version", Fail, ubuntu, |m| { m.facts.cgroup = Cgroup::None; m.change_engine(|engine| engine.cgroup_version = 0) }, "sudo mount -t cgroup2"),
        ("cgroup-version", Warn, ubuntu, |m| m.change_engine(|engine| engine.cgroup_version = 1), "boot with"),
        ("cgroup-unmounted", Warn, ubuntu, |m| m.facts.unmounted_controllers = vec![said("hugetlb")], "use the node image"),
        ("capabilities-cut", Fail, ubuntu, |m| m.facts.missing_capabilities = vec![said("CAP_SYS_ADMIN")], "run on the machine itself"),
        ("proxy-set", Warn, ubuntu, |m| m.facts.proxies = vec![said("HTTPS_PROXY")], "export NO_PROXY="),
        ("support-ends", Warn, ubuntu, outdated, "git pull && ./install.sh"),
        ("artifact-missing", Fail, ubuntu, |m| m.artifacts.forecasts[0].way = Way::Nowhere { reason: said("no") }, "todo-bootstrap up --bundle PATH"),
        ("network-dns", Fail, ubuntu, |m| m.trouble(Trouble::Name), "getent hosts registry-1.docker.io"),
        ("network-dns", Fail, macos, |m| m.trouble(Trouble::Name), "dscacheutil -q host -a name registry-1.docker.io"),
        ("network-refused", Fail, ubuntu, |m| m.trouble(Trouble::Refused), "curl -I https://registry-1.docker.io/"),
        ("network-timeout", Fail, ubuntu, |m| m.trouble(Trouble::TimedOut), "curl -I https://registry-1.docker.io/"),
        ("network-untrusted", Fail, ubuntu, |m| m.trouble(Trouble::Untrusted(Some(said("Example CA")))), "SSL_CERT_FILE=FILE todo-bootstrap doctor"),
        ("network-clock", Fail, ubuntu, |m| m.trouble(Trouble::Outdated), "sudo timedatectl set-ntp true"),
        ("network-failed", Fail, ubuntu, |m| m.trouble(Trouble::Other(said("odd"))), "curl -I"),
        ("proxy-login", Fail, ubuntu, |m| m.trouble(Trouble::ProxyLogin), "export HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"),
        ("proxy-blocks", Fail, ubuntu, |m| m.trouble(Trouble::Proxy(said("403"))), "curl --verbose"),
        ("registry-token", Fail, ubuntu, |m| m.trouble(Trouble::Token(said("403"))), "todo-bootstrap up --registry-mirror docker.io=mirror.gcr.io"),
        ("rate-limit", Fail, ubuntu, |m| m.answers(|a| a.quota = Some(Quota { left: 0, limit: 100, hours: 6 })), "todo-bootstrap up --registry-mirror docker.io="),
        ("clock-skew", Fail, ubuntu, |m| m.artifacts.answers.iter_mut().for_each(|a| a.ahead = Some(SignedDuration::from_hours(-49))), "sudo timedatectl"),
        ("clock-skew", Warn, alpine, |m| m.artifacts.answers.iter_mut().for_each(|a| a.ahead = Some(SignedDuration::from_mins(6))), "sudo date --utc --set='2026-12-01T11:54:00Z'"),
        ("clock-skew", Warn, wsl, |m| m.artifacts.answers.iter_mut().for_each(|a| a.ahead = Some(SignedDuration::from_mins(-60))), "sudo hwclock --hctosys"),
        ("folder-read-only", Fail, ubuntu, |m| m.folder(2, |f| (f.read_only, f.writable) = (true, false)), "TODO_BOOTSTRAP_STATE=DIR todo-bootstrap up"),
        ("folder-owner", Fail, ubuntu, |m| m.folder(1, |f| (f.owner, f.writable) = (Some(0), false)), "sudo chown -R"),
        ("folder-noexec", Fail, ubuntu, |m| m.folder(1, |f| f.noexec = true), "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up"),
        ("folder-network", Warn, ubuntu, |m| m.folder(1, |f| (f.network, f.file_system) = (true, said("nfs4"))), "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up"),
        ("inotify-limit", Warn, ubuntu, |m| m.details.inotify = Some(Inotify { instances: 64, watches: 14_000 }), "sudo sysctl fs.inotify.max_user_instances=512"),
        ("credential-helper", Warn, wsl, |m| m.details.helpers = Some(MissingHelpers { file: "/home/me/.docker/config.json".into(), keys: ["credsStore"].into(), programs: [said("docker-credential-desktop.exe")].into() }), "sed -i.bak -e 's/\"credsStore\"/"),
        ("certificate-expired", Warn, ubuntu, expired, "todo-bootstrap start --profile kind"),
    ]
};

#[test]
fn each_fault_has_a_code_of_its_own_and_a_command() {
    let mut codes = BTreeSet::new();
    for (code, severity, facts, break_it, command) in FAULTS {
        let mut machine = healthy(facts());
        break_it(&mut machine);
        let findings = machine.findings();
        let found = findings.iter().find(|finding| finding.code == *code);
        let found = found.unwrap_or_else(|| panic!("{code} is not found: {findings:?}"));
        assert_eq!(found.severity, *severity, "{found:?}");
        let remedy = found.remedy.as_deref().unwrap_or_default();
        assert!(remedy.starts_with(command), "{code}: {remedy}");
        codes.insert(*code);
        // Nothing else is told of, except what follows from it.
        let follows = |other: &str| match *code {
            code if code.starts_with("network-") || code.starts_with("proxy-") => other == "artifact-missing",
            "registry-token" | "rate-limit" => other == "artifact-missing",
            "host-platform" => true,
            _ => false,
        };
        let others = findings.iter().filter(|other| other.severity != Severity::Ok && other.code != *code);
        let others: Vec<_> = others.filter(|other| !follows(other.code)).collect();
        assert!(others.is_empty(), "{code}: {others:?}");
    }
    assert!(codes.len() >= 25, "{} codes", codes.len());
}

#[test]
fn every_code_is_documented() {
    let doc = include_str!("../../docs/TROUBLESHOOTING.md");
    let codes = PROBES.iter().map(|probe| probe.code).chain(FAULTS.iter().map(|(code, ..)| *code));
    let missing: BTreeSet<_> = codes.filter(|code| !doc.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/TROUBLESHOOTING.md lacks {missing:?}");
}

#[test]
fn a_healthy_machine_raises_no_alarm() {
    let fedora = || linux("ID=fedora\nVERSION_ID=43\n");
    for facts in [debian(), ubuntu(), fedora(), alpine(), wsl(), macos()] {
        let name = facts.distro.as_ref().map_or_else(|| "macos".to_owned(), crate::host::Distro::name);
        let mut machine = healthy(facts);
        for all_present in [false, true] {
            if all_present {
                machine.artifacts.answers.clear();
                for forecast in &mut machine.artifacts.forecasts {
                    forecast.way = Way::Present { origin: Origin::Cache };
                }
            }
            let findings = machine.findings();
            assert!(findings.iter().all(|found| found.severity == Severity::Ok), "{name}: {findings:#?}");
        }
    }
}

/// What would come from a host can be built as well: it is slower, and no failure.
#[test]
fn what_can_be_built_is_not_missing_without_its_host() {
    let mut machine = healthy(micro_vm());
    machine.artifacts.forecasts.iter_mut().for_each(|forecast| forecast.build.refusal = None);
    machine.trouble(Trouble::Name);
    let findings = machine.findings();
    let of = |code: &str| findings.iter().find(|finding| finding.code == code).unwrap();
    assert_eq!((of("network-dns").severity, of("artifacts").severity), (Severity::Warn, Severity::Ok));
    assert_eq!(
        of("artifacts").detail,
        "1 download from registry.k8s.io; 1 built from source, about 7 min on 2 cores, needs Go and root"
    );
    assert!(machine.artifacts.builds());
    // A limit that is not used up, but too low for all images.
    let mut machine = healthy(ubuntu());
    machine.artifacts.forecasts.push(fetched("other", "registry-1.docker.io", None));
    machine.answers(|answer| answer.quota = Some(Quota { left: 1, limit: 100, hours: 6 }));
    let found = machine.findings().into_iter().find(|finding| finding.code == "rate-limit").unwrap();
    assert_eq!(found.severity, Severity::Warn);
    assert_eq!(found.detail, "1 pulls left of 100 in 6 h at registry-1.docker.io, 2 needed");
}

#[test]
fn the_artifacts_are_summed_up_by_where_they_come_from() {
    let present = |origin| Way::Present { origin };
    let sized = |bytes| {
        let hosts = vec![Host { name: "dl.example".to_owned(), url: String::new() }];
        Way::Fetched { origin: Origin::Download, from: "dl.example".to_owned(), hosts, bytes: Some(bytes) }
    };
    let ways = [
        present(Origin::Cache),
        present(Origin::System),
        Way::Bundle { bytes: 5 },
        sized(1 << 30),
        sized(1 << 29),
        Way::Built,
    ];
    let mut machine = healthy(ubuntu());
    machine.artifacts.forecasts.extend(ways.into_iter().enumerate().map(|(number, way)| Forecast {
        way,
        image: false,
        ..fetched(&format!("tool{number}"), "x", None)
    }));
    let detail = |machine: &Machine| {
        machine.findings().into_iter().find(|finding| finding.code.starts_with("artifact")).unwrap().detail
    };
    assert_eq!(
        detail(&machine),
        "1 cached, 1 in the bundle, 1 of this machine; 4 downloads (1.5 GiB, without 2 of unknown size) from \
         dl.example, registry-1.docker.io, registry.k8s.io; 1 built from source, about 7 min on 2 cores, needs Go \
         and root"
    );
    let rows = machine.artifacts.rows();
    assert_eq!(rows[0], ["image node 1", "registry-1.docker.io/node", ""]);
    assert_eq!(rows[5], ["tool tool3 1", "dl.example", "1.0 GiB"]);
    assert_eq!(
        rows[7],
        ["tool tool5 1", "source", "built from source, about 7 min on 2 cores, needs Go and root"]
    );
    // The same reason is told once, and each host is asked once.
    machine.trouble(Trouble::Refused);
    machine.artifacts.forecasts.push(fetched(
        "other",
        "registry-1.docker.io",
        machine.artifacts.forecasts[0].build.refusal.as_deref(),
    ));
    assert!(
        detail(&machine)
            .starts_with("not available: node, other (registry-1.docker.io: the connection is refused; Go "),
        "{}",
        detail(&machine)
    );
    assert_eq!(Artifacts::hosts(&machine.artifacts.forecasts).len(), 3);
}

#[test]
fn a_port_in_use_is_told_with_the_command_that_shows_by_whom() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let facts = debian();
    let answer = network::port(&inputs(&facts), port);
    assert_eq!(answer.severity, Severity::Warn);
    assert!(answer.remedy.unwrap().starts_with("sudo ss "));
}
