//! Mirrors of registries: where images of a registry are copied from instead. Their digests are compared all
//! the same.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::fetch::permitted;
use crate::local_registry::NodeMirror;
use crate::registry::Reference;

/// By registry (`docker.io`): the host of its mirror, and the prefix of repositories there, which may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryMirrors(BTreeMap<String, (String, String)>);

impl RegistryMirrors {
    /// Reads `UPSTREAM=HOST[/PREFIX]` of each text; all problems are reported at once.
    pub fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self> {
        let (mut mirrors, mut problems) = (BTreeMap::new(), Vec::new());
        for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
            match mirror(text) {
                Ok((upstream, to)) if mirrors.contains_key(&upstream) && mirrors[&upstream] != to => {
                    problems.push(format!("\"{text}\" is the second mirror of {upstream}"));
                }
                Ok((upstream, to)) => _ = mirrors.insert(upstream, to),
                Err(why) => problems.push(why),
            }
        }
        if problems.is_empty() {
            return Ok(Self(mirrors));
        }
        let error = problems.iter().fold(Error::usage("invalid mirror of a registry"), Error::because);
        Err(error.help("--registry-mirror docker.io=HOST/PREFIX"))
    }

    /// Where an image is copied from.
    pub(super) fn of(&self, published: Reference) -> Reference {
        let Some((host, prefix)) = self.0.get(&published.host) else { return published };
        let repository = [prefix.as_str(), published.repository.as_str()].join("/");
        let repository = repository.trim_start_matches('/').to_owned();
        Reference { host: host.clone(), repository, ..published }
    }

    /// The mirrors that nodes can reach: on the loopback address, a node finds itself.
    pub fn for_nodes(&self) -> Vec<NodeMirror<'_>> {
        let mirrors = self.0.iter().map(|(registry, (host, prefix))| NodeMirror { registry, host, prefix });
        // Plain HTTP is permitted on the loopback address only.
        mirrors.filter(|mirror| permitted(&format!("http://{}/", mirror.host)).is_err()).collect()
    }
}

fn mirror(text: &str) -> Result<(String, (String, String)), String> {
    // It may contain a password.
    let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    let bad = |why: &str| format!("\"{shown}\": {why}");
    let (upstream, mirror) = text.split_once('=').ok_or_else(|| bad("there is no `=` in it"))?;
    let mirror = mirror.strip_prefix("https://").unwrap_or(mirror).trim_end_matches('/');
    if mirror.contains("://") {
        return Err(bad("a mirror is asked by https only"));
    }
    if mirror.contains('@') {
        return Err(bad("user names and passwords are not supported"));
    }
    // A registry and its prefix are the beginning of an image's name.
    let registry = |text: &str| Some(Reference::parse(&format!("{text}/x")).ok()?.host);
    let upstream = registry(upstream).filter(|_| is_host(upstream));
    let upstream = upstream.ok_or_else(|| bad("a registry such as docker.io must precede the `=`"))?;
    let (name, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
    if !is_host(name) || registry(mirror).is_none() {
        return Err(bad("HOST or HOST/PREFIX must follow the `=`"));
    }
    Ok((upstream, (name.to_owned(), prefix.to_owned())))
}

/// Whether the first part of an image's name would be taken for a host.
fn is_host(text: &str) -> bool {
    !text.contains('/') && (text.contains(['.', ':']) || text == "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mirrors: &[&str], image: &str) -> String {
        let mirrors = RegistryMirrors::parse(mirrors.iter().copied()).unwrap();
        mirrors.of(Reference::parse(image).unwrap()).to_string()
    }

    #[test]
    fn images_of_a_registry_are_copied_from_its_mirror() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let node = format!("docker.io/kindest/node:v1@{digest}");
        for (mirror, expected) in [
            ("docker.io=harbor.example/hub", format!("harbor.example/hub/kindest/node:v1@{digest}")),
            (
                "docker.io=https://mirror.example:5000/",
                format!("mirror.example:5000/kindest/node:v1@{digest}"),
            ),
            ("index.docker.io=127.0.0.1:5000/a/b", format!("127.0.0.1:5000/a/b/kindest/node:v1@{digest}")),
            ("gcr.io=harbor.example/gcr", node.clone()),
        ] {
            assert_eq!(of(&[mirror], &node), expected, "{mirror}");
        }
        let both = ["docker.io=a.example/hub", " registry.k8s.io=a.example/k8s ", ""];
        assert_eq!(of(&both, "registry.k8s.io/pause:3"), "a.example/k8s/pause:3");
        assert_eq!(of(&both, "alpine:3"), "a.example/hub/library/alpine:3");
    }

    #[test]
    fn nodes_get_the_mirrors_that_they_can_reach() {
        let texts = ["docker.io=a.example:8443/hub", "gcr.io=localhost:5000", "ghcr.io=127.0.0.1:5000/x"];
        let mirrors = RegistryMirrors::parse(texts.into_iter()).unwrap();
        let hub = NodeMirror { registry: "docker.io", host: "a.example:8443", prefix: "hub" };
        assert_eq!(mirrors.for_nodes(), [hub]);
    }

    #[test]
    fn every_problem_is_named_without_a_password() {
        let texts = [
            "docker.io",
            "docker.io=",
            "=a.example",
            "docker.io=mirror",
            "docker.io=http://a.example",
            "docker.io=ftp://a.example",
            "docker.io/library=a.example",
            "gcr.io=a.example/UPPER",
        ];
        let error = RegistryMirrors::parse(texts.into_iter()).unwrap_err();
        assert_eq!(error.causes().len(), texts.len(), "{error}");
        let twice = RegistryMirrors::parse(["gcr.io=a.example", "gcr.io=b.example"].into_iter()).unwrap_err();
        assert!(twice.to_string().contains("second mirror of gcr.io"), "{twice}");
        let secret = RegistryMirrors::parse(["gcr.io=me:geheim@a.example"].into_iter()).unwrap_err();
        assert!(
            secret.to_string().contains("not supported") && !secret.to_string().contains("geheim"),
            "{secret}"
        );
    }
}
