//! Network policies, as the node enforces them: what the diagram of the architecture allows, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, gateway};
use crate::todo::{API, CACHE, DATABASE, MODEL, PAGE, TOOLS};

/// The arrows between services, caller first.
const ARROWS: [(&str, &str); 10] = [
    (INGRESS, PAGE),
    (INGRESS, API),
    (PAGE, API),
    (PAGE, DATABASE),
    (API, PAGE),
    (API, TOOLS),
    (API, MODEL),
    (API, DATABASE),
    (API, CACHE),
    (TOOLS, API),
];
const SERVICES: [&str; 6] = [PAGE, API, TOOLS, MODEL, DATABASE, CACHE];
const INGRESS: &str = "ingress";
/// A pod in a namespace without policies.
const FOREIGN: &str = "foreign";
const OUTSIDE: &str = "outside";
const DNS: &str = "dns";
const NAMESPACE: &str = "todo-bootstrap-e2e-policies";
/// Connects from the network namespace of each `from NAME IP` to each `to NAME IP PORT`, all at once, and prints
/// `open` or `closed` with both names. The pods' own images need no program for it.
const CONNECT: &str = r#"
while read -r kind name ip port; do
    [ "$kind" = from ] && from[$((++sources))]="$name $ip"
    [ "$kind" = to ] && to[$((++targets))]="$name $ip $port"
done
for file in /var/run/netns/*; do
    ip=$(nsenter --net="$file" ip -oneline -4 address show eth0 2>/dev/null | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p')
    [ -z "$ip" ] || netns[$((++known))]="$ip $file"
done
for source in "${from[@]}"; do
    read -r name ip <<<"$source"
    file=
    for one in "${netns[@]}"; do [ "${one% *}" != "$ip" ] || file=${one#* }; done
    [ -n "$file" ] || { echo "no network namespace has $ip of $name" >&2; exit 1; }
    for target in "${to[@]}"; do
        read -r other address port <<<"$target"
        {
            if nsenter --net="$file" timeout 4 bash -c "</dev/tcp/$address/$port" 2>/dev/null
            then echo "open $name $other"; else echo "closed $name $other"; fi
        } &
    done
done
wait
"#;

/// Opens connections to port 5432 of a host for 10 seconds, and prints how often a first packet had to be repeated.
const CONNECTIONS: &str = r#"
const fs = require("fs"), net = require("net"), dns = require("dns").promises;
function repeated() {
    const lines = fs.readFileSync("/proc/net/netstat", "utf8").split("\n").filter((line) => line.startsWith("TcpExt:"));
    const [names, values] = lines.map((line) => line.split(" "));
    return Number(values[names.indexOf("TCPSynRetrans")]);
}
const connect = (host) => new Promise((done) => {
    const socket = net.connect(5432, host, () => { socket.destroy(); done(); }).on("error", done);
});
(async () => {
    const { address } = await dns.lookup(process.argv[1]);
    const before = repeated(), end = Date.now() + 10000;
    let made = 0;
    for (; Date.now() < end; made += 1) {
        await connect(address);
        // PostgreSQL starts a process for each of them; faster, it would not keep up.
        await new Promise((done) => setTimeout(done, 5));
    }
    console.log(`${made} connections; first packets sent again: ${repeated() - before}`);
})();
"#;

/// Each pod to each service, a foreign pod to each service, and each to an address outside of the cluster.
pub fn matrix(bed: &Bed) {
    matrix_of(bed, "app.kubernetes.io/name=traefik");
}

/// As [`matrix`], with the pods of the ingress controller that have the label `controller`.
pub fn matrix_of(bed: &Bed, controller: &str) {
    let foreign = Foreign::new(bed);
    let pods = pods(bed, controller);
    let (node, _) = bed.node_container();
    let outside = Outside::of(&node);
    let sources: Vec<(&str, String)> =
        SERVICES.iter().chain(&[INGRESS]).map(|name| (*name, pods[*name].0.clone())).collect();
    let sources = [sources, vec![(FOREIGN, foreign.ip.clone())]].concat();
    let services = SERVICES.iter().chain(&[DNS]).map(|name| (*name, pods[*name].clone()));
    let targets: Vec<_> = services.chain([(OUTSIDE, (outside.ip.clone(), outside.port()))]).collect();

    let open = connect(&node, &sources, &targets);
    let allowed = |from: &str, to: &str| match to {
        DNS => true,
        OUTSIDE => [FOREIGN, INGRESS].contains(&from),
        _ => ARROWS.contains(&(from, to)),
    };
    print_matrix(&open, &sources, &targets);
    let mut wrong = Vec::new();
    for (from, _) in &sources {
        for (to, _) in targets.iter().filter(|(to, _)| to != from) {
            let is_open = open.contains(&((*from).to_owned(), (*to).to_owned()));
            if is_open != allowed(from, to) {
                wrong.push(format!("{from} → {to} is {}", if is_open { "open" } else { "closed" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");

    // One pod with one rule after the other: blocks of addresses, and named ports.
    let targets = [(OUTSIDE, (outside.ip.clone(), outside.port())), (DNS, pods[DNS].clone())];
    let expect = |rule: Value, wanted: &[&str]| {
        foreign.restrict(&rule);
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let open = connect(&node, &[(FOREIGN, foreign.ip.clone())], &targets);
            let open: Vec<String> = open.into_iter().map(|(_, to)| to).collect();
            if open == wanted {
                println!("egress {rule}: open are {open:?}");
                break;
            }
            assert!(Instant::now() < end, "egress {rule}: open are {open:?} instead of {wanted:?}");
        }
    };
    let block = format!("{}/32", outside.ip);
    expect(json!([]), &[]);
    expect(json!([{"to": [{"ipBlock": {"cidr": block}}]}]), &[OUTSIDE]);
    expect(json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [block]}}]}]), &[DNS]);
    let namespace = json!({"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}});
    let named = |port: &str| json!([{"to": [{"namespaceSelector": namespace}], "ports": [{"protocol": "TCP", "port": port}]}]);
    expect(named("dns-tcp"), &[DNS]);
    // The name of the port for UDP.
    expect(named("dns"), &[]);
    changes_lose_nothing(bed, &foreign);
    bed.call(&["check", "--output", "json"]).expect(0);
}

/// While the policy of another namespace changes, no first packet of a connection is lost: the kernel would send it again.
fn changes_lose_nothing(bed: &Bed, foreign: &Foreign<'_>) {
    let mut kubectl = Command::new(bed.tool("kubectl"));
    kubectl.arg("--kubeconfig").arg(bed.kubeconfig()).args(["exec", "--namespace", &bed.app.namespace]);
    let page = format!("deployment/{PAGE}");
    kubectl.args([&page, "--", "node", "-e", CONNECTIONS, DATABASE]).stdout(Stdio::piped());
    let child = kubectl.spawn().expect("kubectl");
    let end = Instant::now() + Duration::from_secs(10);
    let mut changes = 0;
    while Instant::now() < end {
        changes += 1;
        foreign.restrict(&json!([{"ports": [{"port": 1000 + changes}]}]));
    }
    let output = child.wait_with_output().expect("kubectl ends");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    println!("{changes} changes of a policy, meanwhile {said}");
    let repeated: u64 = said.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number");
    // One may be late on a busy machine.
    assert!(repeated <= 1, "first packets of connections were lost");
}

/// The application's policy for DNS names the wrong port: `check` names it, and `up` restores it.
pub fn dns_blocked(bed: &Bed) {
    let patch = json!([
        {"op": "replace", "path": "/spec/egress/0/ports/0/port", "value": 54},
        {"op": "replace", "path": "/spec/egress/0/ports/1/port", "value": 54},
    ]);
    let namespace = ["--namespace", &bed.app.namespace];
    let patch = ["patch", "networkpolicy", "allow-dns", "--type=json", "--patch", &patch.to_string()]
        .map(str::to_owned);
    let patch: Vec<&str> = patch.iter().map(String::as_str).chain(namespace).collect();
    bed.kubectl(&patch);
    let started = Instant::now();
    let check = bed.call(&["check", "dns-policy"]).expect(4);
    println!("named after {:.1} s:\n{}{}", started.elapsed().as_secs_f64(), check.stdout, check.stderr);
    check.expect_said("do not allow requests to the cluster's DNS");
    check.expect_said("allow-dns");
    bed.up();
    bed.call(&["check", "dns-policy"]).expect(0);
}

/// The address and port of the first pod of each service, of the ingress controller and of the cluster's DNS.
fn pods(bed: &Bed, controller: &str) -> BTreeMap<String, (String, u16)> {
    let mut found = BTreeMap::new();
    let mut add = |name: &str, namespace: &str, selector: &str, port: Option<u16>| {
        let list = bed.kubectl_json(&["get", "pods", "--namespace", namespace, "--selector", selector]);
        let pod =
            list["items"].as_array().expect("a list").iter().find(|pod| pod["status"]["phase"] == "Running");
        let pod = pod.unwrap_or_else(|| panic!("no pod of {name} runs"));
        let own = pod["spec"]["containers"][0]["ports"][0]["containerPort"].as_u64().expect("a port");
        let ip = pod["status"]["podIP"].as_str().expect("an address").to_owned();
        found.insert(name.to_owned(), (ip, port.unwrap_or_else(|| u16::try_from(own).expect("a port"))));
    };
    for name in SERVICES {
        add(name, &bed.app.namespace, &format!("app.kubernetes.io/component={name}"), None);
    }
    add(INGRESS, "kube-system", controller, None);
    add(DNS, "kube-system", "k8s-app=kube-dns", Some(53));
    found
}

/// The pairs of names, caller first, between which a connection was accepted.
fn connect(
    node: &str,
    sources: &[(&str, String)],
    targets: &[(&str, (String, u16))],
) -> BTreeSet<(String, String)> {
    let from = sources.iter().map(|(name, ip)| format!("from {name} {ip}\n"));
    let to = targets.iter().map(|(name, (ip, port))| format!("to {name} {ip} {port}\n"));
    let input: String = from.chain(to).collect();
    let mut command = Command::new("docker");
    command.args(["exec", "--interactive", node, "bash", "-c", CONNECT]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
    child.stdin.take().expect("a stream").write_all(input.as_bytes()).expect("write to docker");
    let output = child.wait_with_output().expect("docker ends");
    assert!(output.status.success(), "the node connects: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.lines().count(), sources.len() * targets.len(), "a line for each pair: {said}");
    let open = said.lines().filter_map(|line| line.strip_prefix("open ")?.split_once(' '));
    open.map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
}

fn print_matrix(
    open: &BTreeSet<(String, String)>,
    sources: &[(&str, String)],
    targets: &[(&str, (String, u16))],
) {
    let header: Vec<String> = targets.iter().map(|(to, _)| format!("{to:>10}")).collect();
    println!("{:>10} {}", "from \\ to", header.join(" "));
    for (from, _) in sources {
        let cells = targets.iter().map(|(to, _)| {
            match (from == to, open.contains(&((*from).to_owned(), (*to).to_owned()))) {
                (true, _) => "-",
                (_, true) => "open",
                (_, false) => "closed",
            }
        });
        println!("{from:>10} {}", cells.map(|cell| format!("{cell:>10}")).collect::<Vec<_>>().join(" "));
    }
}

/// Something that listens outside of the cluster, where the node can reach it.
struct Outside {
    ip: String,
    listener: TcpListener,
}

impl Outside {
    fn of(node: &str) -> Self {
        let ip = gateway(node);
        Self { listener: TcpListener::bind((ip.as_str(), 0)).expect("a port outside of the node"), ip }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("its address").port()
    }
}

/// A pod in another namespace, for as long as this value lives.
struct Foreign<'a> {
    bed: &'a Bed,
    ip: String,
}

impl<'a> Foreign<'a> {
    fn new(bed: &'a Bed) -> Self {
        let model = format!("app.kubernetes.io/component={MODEL}");
        let pods =
            bed.kubectl_json(&["get", "pods", "--namespace", &bed.app.namespace, "--selector", &model]);
        let image = pods["items"][0]["spec"]["containers"][0]["image"].as_str().expect("an image").to_owned();
        let namespace = ["--namespace", NAMESPACE];
        bed.kubectl(&["create", "namespace", NAMESPACE]);
        let run = ["run", FOREIGN, "--image", &image, "--command", "--", "sleep", "infinity"];
        bed.kubectl(&[&namespace[..], &run].concat());
        let mut made = Self { bed, ip: String::new() };
        bed.kubectl(
            &[&["wait", "pod", FOREIGN, "--for=condition=Ready", "--timeout=120s"], &namespace[..]].concat(),
        );
        let pod = bed.kubectl_json(&[&["get", "pod", FOREIGN], &namespace[..]].concat());
        pod["status"]["podIP"].as_str().expect("an address").clone_into(&mut made.ip);
        made
    }

    /// Replaces the policy of its namespace by one with these egress rules.
    fn restrict(&self, egress: &Value) {
        let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "only", "namespace": NAMESPACE},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": egress}});
        let file = self.bed.dir.join("policy.json");
        std::fs::write(&file, policy.to_string()).expect("write the policy");
        self.bed.kubectl(&["apply", "--filename", &file.to_string_lossy()]);
    }
}

impl Drop for Foreign<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.bed.kubectl(&["delete", "pod", FOREIGN, "--namespace", NAMESPACE, "--grace-period=1"]);
        self.bed.kubectl(&["delete", "namespace", NAMESPACE, "--wait=true"]);
    }
}
