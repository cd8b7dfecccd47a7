//! The journey of `up` and `check`: it names the broken segment of the request path, needs nothing from
//! outside, and leaves no account behind.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::config::{set, stay_inside};
use super::{API, CACHE, DATABASE, MODEL, TOOLS, sql};
use crate::bed::{Bed, docker, gateway};
use crate::program::Run;

/// The stopped service, its kind, and the journey's message; `None`: the journey passes without it.
const AWAY: [(&str, &str, Option<&str>); 4] = [
    (TOOLS, "deployment", Some("tools_unavailable")),
    (MODEL, "deployment", Some("ai_unavailable")),
    (CACHE, "statefulset", None),
    (DATABASE, "statefulset", Some("frontend → database")),
];

/// Each service is stopped and started again; no other service has to be restarted.
pub fn hops(bed: &Bed) {
    let containers = restarts(bed);
    let mut left = accounts(bed);
    for (service, kind, told) in AWAY {
        scale(bed, kind, service, 0);
        let run = check(bed);
        match told {
            Some(told) => {
                let run = run.expect(4);
                assert!(run.stdout.contains(told), "without {service}: {}", run.tail(20));
                run.expect_said("help:");
            }
            None => drop(run.expect(0)),
        }
        scale(bed, kind, service, 1);
        let end = Instant::now() + Duration::from_secs(2 * 60);
        while check(bed).code != Some(0) {
            assert!(Instant::now() < end, "{service} is back, and the journey still fails");
        }
        // Without the database, an account cannot be deleted.
        let now = accounts(bed);
        assert!(
            service == DATABASE || now == left,
            "accounts of journeys are left without {service}: {now:?}"
        );
        left = now;
    }
    assert_eq!(restarts(bed), containers, "no container was restarted");
    bed.up();
}

/// The accounts of journeys.
fn accounts(bed: &Bed) -> Vec<String> {
    sql(bed, "select email from \\\"user\\\" where email like 'journey-%@example.test' order by 1")
}

/// Neither the node nor its pods can reach anything outside: the journey does not need it.
pub fn without_egress(bed: &Bed) {
    let (node, _) = bed.node_container();
    let gateway = gateway(&node);
    let outside = TcpListener::bind((gateway.as_str(), 0)).expect("a port outside of the node");
    let port = outside.local_addr().expect("its address").port();
    let reached = || {
        let connect = format!("timeout 3 bash -c '</dev/tcp/{gateway}/{port}'");
        docker(&["exec", &node, "sh", "-c", &connect]).is_ok()
    };
    assert!(reached(), "before, the node reaches what is outside");
    let block = Block::new(&node);
    assert!(!reached(), "the block holds");
    check(bed).expect(0);
    drop(block);
    assert!(reached(), "afterwards as before");
}

/// With the key of a model that cannot be reached, `--mock` works.
pub fn mocked(bed: &Bed) {
    let file = bed.project.join(".env");
    set(&file, "OPENAI_API_KEY", "sk-e2e-0123456789abcdef0123456789abcdef");
    set(&file, "AI_MOCK", "false");
    let plan = bed.call(&["plan"]).expect(0);
    assert!(plan.stdout.contains("AI_MOCK"), "without it, that model is asked: {}", plan.stdout);
    let plan = bed.call(&["plan", "--mock"]).expect(0);
    assert!(!plan.stdout.contains("AI_MOCK"), "{}", plan.stdout);
    bed.call(&["up", "--mock", "--yes", "--events", "json"]).expect(0);
    let config = bed.address().get("/api/config").expect("the API answers").body;
    let config: Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!((&config["ai"]["mock"], &config["accounts"]), (&true.into(), &true.into()), "{config}");
    stay_inside(&file);
    bed.up();
}

fn check(bed: &Bed) -> Run {
    bed.call(&["check", "journey", "--output", "json"])
}

/// Sets the number of pods and waits until it is reached.
fn scale(bed: &Bed, kind: &str, service: &str, to: u32) {
    let namespace = ["--namespace", &bed.app.namespace];
    let (object, replicas) = (format!("{kind}/{service}"), format!("--replicas={to}"));
    bed.kubectl(&[&["scale", &object, &replicas], &namespace[..]].concat());
    if to == 0 {
        let label = format!("app.kubernetes.io/component={service}");
        let gone = ["wait", "pods", "--selector", &label, "--for=delete", "--timeout=120s"];
        bed.kubectl(&[&gone[..], &namespace[..]].concat());
    } else {
        bed.kubectl(&[&["rollout", "status", &object, "--timeout=120s"], &namespace[..]].concat());
    }
}

/// How often containers of the API were restarted.
fn restarts(bed: &Bed) -> Vec<u64> {
    let label = format!("app.kubernetes.io/component={API}");
    let pods = bed.kubectl_json(&["get", "pods", "--selector", &label, "--namespace", &bed.app.namespace]);
    let pods = pods["items"].as_array().expect("a list").iter();
    pods.filter_map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].as_u64()).collect()
}

/// While this value lives, drops new connections out of the node, its own and its pods'.
struct Block<'a> {
    node: &'a str,
}

const RULES: [&str; 2] = ["OUTPUT", "FORWARD"];

impl<'a> Block<'a> {
    fn new(node: &'a str) -> Self {
        let block = Self { node };
        for chain in RULES {
            block.rule("-I", chain).expect("iptables in the node");
        }
        block
    }

    fn rule(&self, verb: &str, chain: &str) -> Result<String, String> {
        let rule = ["-o", "eth0", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"];
        docker(&[&["exec", self.node, "iptables", verb, chain], &rule[..]].concat())
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        for chain in RULES {
            let _ = self.rule("-D", chain);
        }
    }
}
