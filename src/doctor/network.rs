//! Ports, proxies and gateways.

use super::{Answer, Inputs};
use crate::engine::Engine;
use crate::host::{PortState, holder, port_state};

/// A port that cannot be used is not an error: the next free one is used, and announced.
pub(super) fn port(inputs: &Inputs<'_>, port: u16) -> Answer {
    let as_user = inputs.engine.is_some_and(Engine::publishes_as_user);
    match port_state(port) {
        PortState::Taken => taken(port, holder(port)),
        PortState::Privileged if as_user => {
            Answer::ok("the engine may not use it; a new cluster uses the next free port")
        }
        PortState::Free | PortState::Privileged => Answer::ok("free"),
    }
}

fn taken(port: u16, holder: Option<String>) -> Answer {
    let who = holder.unwrap_or_else(|| "another process".to_owned());
    Answer::warn(
        format!("{who} uses it; a new cluster uses the next free port"),
        format!("sudo ss --listening --tcp --processes 'sport = {port}'"),
    )
}

pub(super) fn authorities(inputs: &Inputs<'_>) -> Answer {
    let added = &inputs.facts.local_cas;
    if added.is_empty() {
        return Answer::ok("none");
    }
    let names: Vec<_> = added.iter().map(|path| path.display().to_string()).collect();
    Answer::ok(format!(
        "{} (a TLS-inspecting gateway?): copied into the base images that are built here",
        names.join(", ")
    ))
}

pub(super) fn proxies(inputs: &Inputs<'_>) -> Answer {
    let set = &inputs.facts.proxies;
    let names = set.join(", ");
    let has = |name: &str| set.iter().any(|variable| variable.eq_ignore_ascii_case(name));
    if !has("http_proxy") && !has("https_proxy") && !has("all_proxy") {
        return Answer::ok("none set");
    }
    if has("no_proxy") {
        return Answer::ok(format!("{names} set; downloads use them, the cluster is reached directly"));
    }
    Answer::warn(
        format!("{names} set without NO_PROXY: other programs would reach the cluster through the proxy"),
        "export NO_PROXY=localhost,127.0.0.1,.localhost,10.96.0.0/12,.svc,.cluster.local",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Severity, inputs};
    use crate::host::Facts;
    use crate::host::recorded::{debian, micro_vm};

    fn with_proxies(names: &[&str]) -> Severity {
        let facts = Facts { proxies: names.iter().map(|name| (*name).to_owned()).collect(), ..debian() };
        proxies(&inputs(&facts)).severity
    }

    #[test]
    fn a_proxy_needs_its_exceptions() {
        assert_eq!(with_proxies(&[]), Severity::Ok);
        assert_eq!(with_proxies(&["no_proxy"]), Severity::Ok);
        assert_eq!(with_proxies(&["HTTPS_PROXY"]), Severity::Warn);
        assert_eq!(with_proxies(&["HTTPS_PROXY", "no_proxy"]), Severity::Ok);
    }

    #[test]
    fn a_taken_port_names_who_listens() {
        assert!(taken(80, Some("nginx (pid 7)".to_owned())).detail.starts_with("nginx (pid 7) uses it"));
        assert!(taken(80, None).detail.starts_with("another process uses it"));
    }

    #[test]
    fn a_gateways_authority_is_named() {
        let facts = micro_vm();
        assert!(authorities(&inputs(&facts)).detail.contains("gateway.crt"));
    }
}
