//! The network of a company, on a laptop that was elsewhere before: names and addresses of the internet do not
//! exist, only a proxy with a password, whose authority signs every connection, and mirrors of every registry.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::internet::{Authority, Content, Internet, Proxy};
use crate::laptop::Laptop;
use crate::laptop_scenes::Engine;
use crate::program::Run;

const UP: Duration = Duration::from_secs(20 * 60);
const SHORT: Duration = Duration::from_secs(5 * 60);
/// The proxy, and the DNS server that knows only its name.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PROXY: &str = "proxy.corp.example";
const PACKAGES: &str = "nexus.corp.example";
const REGISTRIES: &str = "harbor.corp.example";
const NODE: &str = "todo-bootstrap-control-plane";
const USER: &str = "ada";
const PASSWORD: &str = "blue-giraffe-4711";

/// `up` and `down` there. `tags` are those that the images of the application have elsewhere; `image` is a public
/// image.
pub fn up(laptop: &Laptop, internet: &Internet, tags: &str, image: &str) {
    let before = Engine::now(laptop);
    let refused = call(laptop, "wrong", "up --yes", SHORT);
    assert_ne!(refused.code, Some(0), "the proxy's password does not matter");
    refused.expect_said("proxy authorization required");
    refused.expect_said("help: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT todo-bootstrap up");
    assert!(!refused.stderr.contains("wrong"), "the password is shown:\n{}", refused.tail(60));
    assert_eq!(Engine::now(laptop), before, "a refused `up` left something");

    let up = call(laptop, PASSWORD, "up --yes --events json", UP).expect(0);
    println!("up behind a proxy: {:.1} s", up.took.as_secs_f64());
    call(laptop, PASSWORD, "check", SHORT).expect(0);
    let pull = format!("docker exec {NODE} crictl pull {image}");
    laptop.sh(&pull).expect("a pod of the user gets its image through the proxy and the mirror");
    assert_eq!(image_tags(&|line| call(laptop, PASSWORD, line, SHORT)), tags, "inputs of images");
    let traces = traces(laptop);
    let log = internet.log();
    println!("--- {} bytes; unknown: {:?}", log.bytes, log.unknown);
    let packages = log.requests.keys().filter(|request| request.contains(PACKAGES)).count();
    assert!(packages > 100, "{packages} requests of packages");
    assert!(log.requests.keys().all(|request| !request.contains("docker.io/")), "the mirrors were not used");
    drop(log);
    assert_eq!(traces, "", "what is known of the company in images, state and logs");
    call(laptop, PASSWORD, "down --purge --yes --no-backup", SHORT).expect(0);
}

/// The input-dependent tags of the application's images, as `run` reports them.
pub fn image_tags(run: &dyn Fn(&str) -> Run) -> String {
    let listed: serde_json::Value =
        serde_json::from_str(&run("images list --output json").expect(0).stdout).expect("JSON");
    let of = |image: &serde_json::Value| format!("{} {}\n", image["name"], image["inputs"]);
    listed.as_array().expect("images").iter().map(of).collect()
}

/// The laptop's network from now on.
pub fn move_in(laptop: &Laptop, content: Arc<Content>) -> Internet {
    let authority = Authority::new();
    // The internet's root certificate is not trusted any more, and its servers cannot be reached.
    let line = format!(
        "ip address add {ADDRESS}/32 dev lo && echo nameserver {ADDRESS} >/etc/resolv.conf && \
         iptables -I INPUT -d {elsewhere} -j REJECT && \
         cat >/usr/local/share/ca-certificates/corporate.crt <<'END'\n{pem}END\nupdate-ca-certificates",
        elsewhere = crate::internet::ADDRESS,
        pem = authority.pem(),
    );
    laptop.root(&line).expect("the laptop moves");
    laptop.sh("docker builder prune --all --force").expect("an empty build cache");
    let proxy =
        Proxy { name: PROXY, user: USER, password: PASSWORD, registries: REGISTRIES, packages: PACKAGES };
    Internet::behind(laptop.init(), content, &authority, ADDRESS, proxy)
}

fn call(laptop: &Laptop, password: &str, line: &str, limit: Duration) -> Run {
    let proxy = format!("http://{USER}:{password}@{PROXY}:3128");
    let mirrors = format!("docker.io={REGISTRIES}/hub,registry.k8s.io={REGISTRIES}/k8s");
    laptop.run(
        &format!(
            "cd ~/todo && export HTTPS_PROXY={proxy} HTTP_PROXY={proxy} NO_PROXY=localhost,127.0.0.1 \
             PIP_INDEX_URL=https://{PACKAGES}/pypi/simple NPM_CONFIG_REGISTRY=https://{PACKAGES}/npm/ \
             TODO_BOOTSTRAP_PINS=~/published/pins TODO_BOOTSTRAP_REGISTRY_MIRROR={mirrors} && \
             todo-bootstrap {line}"
        ),
        limit,
    )
}

/// The files of the local registry, of the state and of the logs that contain what belongs to the company: the
/// password, names of hosts, the authority. Mirrors may be in logs.
fn traces(laptop: &Laptop) -> String {
    let search = format!(
        "cd /var/lib/docker/volumes && \
         printf '%s\\n' {PASSWORD} {PROXY} {PACKAGES} {REGISTRIES} >/tmp/words && \
         sed -n 3p /usr/local/share/ca-certificates/corporate.crt >>/tmp/words && \
         find . -path '*registry*' -path '*/blobs/*' -type f -size -100M | while read -r file; do \
         zcat -f $file 2>/dev/null | grep -q -a -F -f /tmp/words && echo $file; done; \
         grep -rlF {PASSWORD} /home/ada/.local/state/todo-bootstrap /home/ada/.cache/todo-bootstrap/logs; true"
    );
    laptop.root(&search).expect("the search")
}
