//! The local registry: a container through which all images go. The engine pushes to it and builds from it over the
//! loopback address; the nodes of each cluster pull from it over the cluster's network. It belongs to the cache: all
//! clusters that use the cache share it, and its volume is removed with the cache (`down --purge`).

mod container;
mod hosts;
mod nodes;
mod record;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use container::{LABEL, LocalRegistry};
pub use hosts::{NodeMirror, Outside, is_configured, write_hosts};
pub use nodes::{hosting, node_images, pull};

/// The registry's name in the image references of pods, which nodes map to the container (`hosts.toml`). It resolves
/// nowhere else: `.internal` is reserved for private use (ICANN, 2024-07-29).
pub const HOST: &str = "registry.todo-bootstrap.internal";

/// An image in the registry. The digest identifies it; the tag is for readers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stored {
    /// Such as `todo-bootstrap/node` or `docker.io/library/traefik`.
    pub repository: String,
    pub tag: String,
    /// `sha256:…` of the manifest for the platform of the nodes.
    pub digest: String,
}

impl Stored {
    /// The image of a pod's reference; `None` for one of another registry, or without tag or digest.
    pub fn of_pod(reference: &str) -> Option<Self> {
        let (name, digest) = reference.strip_prefix(HOST)?.strip_prefix('/')?.split_once('@')?;
        let (repository, tag) = name.rsplit_once(':')?;
        let [repository, tag, digest] = [repository, tag, digest].map(str::to_owned);
        Some(Self { repository, tag, digest })
    }

    /// The reference for pods.
    pub fn in_cluster(&self) -> String {
        format!("{HOST}/{self}")
    }

    /// The reference for the engine. Some engines refuse one with tag and digest.
    pub fn in_engine(&self, authority: &str) -> String {
        format!("{authority}/{}@{}", self.repository, self.digest)
    }

    /// The name in an archive. Engines take a name without a registry as one of Docker Hub.
    pub fn in_archive(&self) -> String {
        let first = self.repository.split('/').next().unwrap_or_default();
        let host = if first.contains('.') { "" } else { "localhost/" };
        format!("{host}{}:{}", self.repository, self.tag)
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.repository, self.tag, self.digest)
    }
}

/// Repository and tag for an image that has the name `reference` elsewhere: `localhost/a/b:1` becomes `a/b`;
/// any other registry's name becomes the first part of the path.
pub fn place_of(reference: &str) -> (String, String) {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, "latest"),
    };
    let name = name.strip_prefix("localhost/").unwrap_or(name);
    (name.replace(':', "-"), tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_and_engine_get_the_same_digest() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let image = Stored { repository: "app/web".to_owned(), tag: "v1".to_owned(), digest };
        assert_eq!(image.in_cluster(), format!("{HOST}/app/web:v1@sha256:{}", "1".repeat(64)));
        assert_eq!(Stored::of_pod(&image.in_cluster()).as_ref(), Some(&image));
        for other in
            ["web:v1", "docker.io/web:v1@sha256:1", &format!("{HOST}/web:v1"), &format!("{HOST}x/web:v1@a")]
        {
            assert_eq!(Stored::of_pod(other), None, "{other}");
        }
        assert_eq!(
            image.in_engine("127.0.0.1:5001"),
            format!("127.0.0.1:5001/app/web@sha256:{}", "1".repeat(64))
        );
    }

    #[test]
    fn every_reference_has_a_place() {
        for (reference, repository, tag) in [
            ("localhost/todo-bootstrap/node:v1.35.8", "todo-bootstrap/node", "v1.35.8"),
            ("docker.io/library/traefik:v3@sha256:ab", "docker.io/library/traefik", "v3"),
            ("registry.example:5000/a/b", "registry.example-5000/a/b", "latest"),
        ] {
            assert_eq!(place_of(reference), (repository.to_owned(), tag.to_owned()), "{reference}");
            let (repository, tag) = (repository.to_owned(), tag.to_owned());
            let stored = Stored { repository, tag, digest: String::new() };
            assert_eq!(place_of(&stored.in_archive()), (stored.repository, stored.tag));
        }
    }
}
