//! Names of images, as registries and engines parse them.

use std::fmt;

/// The host that engines use if none is named.
const DEFAULT_HOST: &str = "docker.io";
/// The host that answers for it.
const DEFAULT_SERVER: &str = "registry-1.docker.io";

/// `docker.io/library/alpine:3@sha256:…`, parsed; all that may be left out is filled in but the tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// With its port, if it has one.
    pub host: String,
    /// `library/alpine`.
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a reference by the rules of the distribution project; an error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("\"{text}\" is not an image name: {why}");
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_owned())),
            Some(_) => return Err(bad("the @ is not followed by sha256:…")),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name[last..].find(':').map(|at| name.split_at(last + at)) {
            Some((name, tag)) if is_tag(&tag[1..]) => (name, Some(tag[1..].to_owned())),
            Some(_) => {
                return Err(bad("its tag has characters other than letters, digits, `_`, `.` and `-`"));
            }
            None => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DEFAULT_HOST, name),
        };
        let host = if host == "index.docker.io" { DEFAULT_HOST } else { host };
        if !is_host(host) {
            return Err(bad("its host is invalid"));
        }
        if !is_repository(path) {
            return Err(bad("a name consists of lower-case letters and digits, in parts separated by `/`"));
        }
        let library = host == DEFAULT_HOST && !path.contains('/');
        let repository = if library { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }
}

/// The host that serves images of `host`.
pub fn host_to_ask(host: &str) -> &str {
    if host == DEFAULT_HOST { DEFAULT_SERVER } else { host }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether `text` is `sha256:` and 64 lower-case hex digits.
pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(crate::files::is_sha256)
}

/// Whether `text` is what stands between a registry's host and a tag.
pub(super) fn is_repository(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(is_component)
}

pub(super) fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_host(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty() && text.chars().all(sign)
}

/// Words of lower-case letters and digits, between them `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(word).filter(|part| !part.is_empty());
    text.starts_with(word)
        && text.ends_with(word)
        && separators.all(|part| matches!(part, "." | "_" | "__") || part.chars().all(|c| c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (text, full, asked) in [
            ("alpine", "docker.io/library/alpine", "registry-1.docker.io"),
            ("alpine:3.22", "docker.io/library/alpine:3.22", "registry-1.docker.io"),
            ("index.docker.io/a/b", "docker.io/a/b", "registry-1.docker.io"),
            ("kindest/node:v1", "docker.io/kindest/node:v1", "registry-1.docker.io"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10", "registry.k8s.io"),
            ("localhost/app/web:v1-a", "localhost/app/web:v1-a", "localhost"),
            ("localhost:5001/a", "localhost:5001/a", "localhost:5001"),
            ("[::1]:5001/a:b", "[::1]:5001/a:b", "[::1]:5001"),
            ("a.example/x__y/z--1.b", "a.example/x__y/z--1.b", "a.example"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!((reference.to_string().as_str(), host_to_ask(&reference.host)), (full, asked));
            assert_eq!(Reference::parse(full).unwrap(), reference);
        }
        let pinned = Reference::parse(&format!("alpine:3@{DIGEST}")).unwrap();
        assert_eq!(pinned.to_string(), format!("docker.io/library/alpine:3@{DIGEST}"));
        assert_eq!((pinned.tag.as_deref(), pinned.digest.as_deref()), (Some("3"), Some(DIGEST)));
    }

    #[test]
    fn what_is_no_name_is_said() {
        let long = format!("a:{}", "x".repeat(129));
        for text in [
            "",
            "/",
            "a/",
            "A/b",
            "a.example/B",
            "a..b",
            "a_-b",
            "-a",
            "a:",
            "a:.b",
            "a:b c",
            "a@sha256:12",
            "a@md5:12",
            "a b/c",
            "a.example/",
            "host name.x/a",
            &long,
        ] {
            assert!(Reference::parse(text).is_err_and(|why| why.contains("is not an image name")), "{text}");
        }
    }
}
