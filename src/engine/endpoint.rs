//! Which engine the user has selected, and whether it runs on this machine.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use crate::files::sha256;
use crate::host::{Facts, Os, docker_config};
use crate::process_env::ProcessEnv;

/// The variable that selects `docker` or `podman`. Without it, Podman is used only where Docker is not installed.
pub const SELECTION: &str = "TODO_BOOTSTRAP_ENGINE";

/// What selects the engine if [`SELECTION`] is not set. Both are names of engines, or of drivers that minikube refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preference {
    /// The engine that has the cluster; no other engine replaces it.
    pub made_by: Option<String>,
    /// The driver of the profile.
    pub driver: Option<String>,
}

/// Where Docker's daemon listens by default.
const DEFAULTS: [&str; 3] =
    ["unix:///var/run/docker.sock", "unix:///run/docker.sock", "npipe:////./pipe/docker_engine"];

/// An engine that the user has selected instead of the client's default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What selects it: an environment variable that holds the address, or a docker context.
    setting: String,
    /// The environment variable to unset.
    variable: Option<&'static str>,
    /// Empty if the docker context does not exist.
    pub address: String,
}

impl Endpoint {
    /// What Docker's client uses, in its order: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of
    /// its configuration. `None` for the default engine.
    pub fn of_docker(process_env: &ProcessEnv) -> Option<Self> {
        let endpoint = match process_env.var("DOCKER_HOST") {
            Some(address) => Self::of_variable("DOCKER_HOST", address),
            None => Self::of_context(process_env)?,
        };
        (!DEFAULTS.contains(&endpoint.address.as_str())).then_some(endpoint)
    }

    pub fn of_podman(process_env: &ProcessEnv) -> Option<Self> {
        Some(Self::of_variable("CONTAINER_HOST", process_env.var("CONTAINER_HOST")?))
    }

    /// The variable `by` selects the engine with this name.
    pub(super) fn of_selection(by: &'static str, name: &str) -> Self {
        Self { setting: format!("{by} selects {name}"), variable: Some(by), address: String::new() }
    }

    fn of_variable(name: &'static str, address: &str) -> Self {
        Self { setting: format!("{name} is set to"), variable: Some(name), address: address.to_owned() }
    }

    fn of_context(process_env: &ProcessEnv) -> Option<Self> {
        let config = docker_config(process_env)?;
        let read = |file: &str| -> Option<Value> {
            serde_json::from_slice(&std::fs::read(config.join(file)).ok()?).ok()
        };
        let (name, variable) = match process_env.var("DOCKER_CONTEXT") {
            Some(name) => (name.to_owned(), Some("DOCKER_CONTEXT")),
            None => (read("config.json")?["currentContext"].as_str()?.to_owned(), None),
        };
        if name.is_empty() || name == "default" {
            return None;
        }
        let meta = read(&format!("contexts/meta/{}/meta.json", sha256(name.as_bytes())));
        let address = meta.and_then(|meta| Some(meta["Endpoints"]["docker"]["Host"].as_str()?.to_owned()));
        let verb = if address.is_some() { "uses" } else { "does not exist" };
        let setting = format!("the docker context `{name}` {verb}");
        Some(Self { setting, variable, address: address.unwrap_or_default() })
    }

    /// Whether the engine runs on another machine, so that ports on its loopback address are out of reach.
    pub fn is_remote(&self) -> bool {
        let Some((scheme, rest)) = self.address.split_once("://") else { return false };
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let here = host == "localhost" || host.parse().is_ok_and(is_own);
        matches!(scheme, "tcp" | "http" | "https" | "ssh") && !host.is_empty() && !here
    }

    /// The command that selects the default engine again.
    pub fn reset(&self, facts: &Facts) -> String {
        match (self.variable, facts.os) {
            (None, _) => "docker context use default".to_owned(),
            (Some(name), Os::Windows) => format!("Remove-Item Env:{name}"),
            (Some(name), _) => format!("unset {name}"),
        }
    }
}

/// Only an address of this machine can be bound.
fn is_own(ip: IpAddr) -> bool {
    ip.is_loopback() || std::net::UdpSocket::bind((ip, 0)).is_ok()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(format!("{} {}", self.setting, self.address).trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::recorded::{debian, windows};

    fn process_env(env: &[(&str, &str)]) -> ProcessEnv {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        ProcessEnv { env, home: None, ..ProcessEnv::real() }
    }

    fn address(address: &str) -> Endpoint {
        Endpoint::of_docker(&process_env(&[("DOCKER_HOST", address)])).unwrap()
    }

    #[test]
    fn an_address_of_another_host_is_remote() {
        for remote in
            ["tcp://192.0.2.7:2376", "ssh://me@box", "ssh://me@box:22/run/x.sock", "tcp://[2001:db8::1]:1"]
        {
            assert!(address(remote).is_remote(), "{remote}");
        }
        for local in [
            "unix:///run/user/1000/docker.sock",
            "npipe:////./pipe/dockerDesktopLinuxEngine",
            "tcp://localhost:2375",
            "tcp://127.0.0.1:2375",
            "ssh://core@[::1]:50000/run/podman.sock",
            "box",
        ] {
            assert!(!address(local).is_remote(), "{local}");
        }
    }

    #[test]
    fn dockers_order_of_settings_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let config = ("DOCKER_CONFIG", dir.path().to_str().unwrap());
        let docker = |env: &[(&str, &str)]| Endpoint::of_docker(&process_env(env));
        assert_eq!(docker(&[config]), None);
        std::fs::write(dir.path().join("config.json"), r#"{"currentContext":"work"}"#).unwrap();
        let missing = docker(&[config]).unwrap();
        assert_eq!(missing.to_string(), "the docker context `work` does not exist");
        let meta = dir.path().join("contexts/meta").join(sha256(b"work"));
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(meta.join("meta.json"), r#"{"Endpoints":{"docker":{"Host":"ssh://me@box"}}}"#)
            .unwrap();
        let current = docker(&[config]).unwrap();
        assert_eq!(current.to_string(), "the docker context `work` uses ssh://me@box");
        assert_eq!(current.reset(&debian()), "docker context use default");
        let selected = docker(&[config, ("DOCKER_CONTEXT", "work")]).unwrap();
        assert_eq!(selected.reset(&debian()), "unset DOCKER_CONTEXT");
        assert_eq!(docker(&[config, ("DOCKER_CONTEXT", "default")]), None);
        let host = docker(&[config, ("DOCKER_HOST", "tcp://box:1"), ("DOCKER_CONTEXT", "work")]).unwrap();
        assert_eq!(host.to_string(), "DOCKER_HOST is set to tcp://box:1");
        assert_eq!(host.reset(&windows()), "Remove-Item Env:DOCKER_HOST");
        assert_eq!(docker(&[config, ("DOCKER_HOST", "unix:///var/run/docker.sock")]), None);
    }
}
