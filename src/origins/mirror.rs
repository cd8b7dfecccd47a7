//! A mirror: a server or folder with published files under the `<host>/<path>` of their URL.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A server, by HTTPS or plain HTTP: what arrives is compared with its pin in either case.
    Server(Url),
    Folder(PathBuf),
}

/// Where a mirror has a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    Url(Url),
    File(PathBuf),
}

impl Mirror {
    /// Reads `--mirror`: an address has a scheme, all else is a folder relative to `cwd`.
    pub fn parse(text: &str, cwd: &Path) -> Result<Self> {
        let bad = |why: String| {
            Error::usage(format!("{} cannot be used as a mirror", without_secrets(text)))
                .because(why)
                .help("--mirror https://HOST/PATH   # or --mirror DIR")
        };
        if !text.contains("://") {
            return Ok(Self::Folder(cwd.join(text)));
        }
        let url = Url::parse(text).map_err(|error| bad(format!("it is not a URL: {error}")))?;
        match url.scheme() {
            "file" => {
                url.to_file_path().map(Self::Folder).map_err(|()| bad("it does not name a folder".to_owned()))
            }
            "http" | "https" if url.query().is_some() || url.fragment().is_some() => {
                Err(bad("a path cannot be appended to an address with `?` or `#`".to_owned()))
            }
            "http" | "https" => Ok(Self::Server(url)),
            scheme => Err(bad(format!("only https, http and folders are supported, not {scheme}"))),
        }
    }

    /// Whether what comes from it can be read and changed on the way.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Server(url) if url.scheme() == "http")
    }

    /// The host that is asked, with its port.
    pub(super) fn authority(&self) -> Option<String> {
        let Self::Server(url) = self else { return None };
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// Where the mirror has the file that is published at `url`; fails if the path could lead out of it.
    pub fn place(&self, url: &str) -> Result<Place, String> {
        let published = Url::parse(url).map_err(|error| format!("{url} is not a URL: {error}"))?;
        let host = published.host_str().ok_or_else(|| format!("{url} has no host"))?;
        let parts: Vec<&str> = published.path_segments().into_iter().flatten().collect();
        let odd = |part: &&str| matches!(*part, "" | "." | "..") || part.contains(['%', '\\', ':']);
        if host.contains(['[', ':']) || parts.is_empty() || parts.iter().any(odd) {
            return Err(format!("{url} has no place in a mirror"));
        }
        Ok(match self {
            Self::Folder(dir) => Place::File(parts.iter().fold(dir.join(host), |path, part| path.join(part))),
            Self::Server(base) => {
                let mut url = base.clone();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().push(host).extend(parts);
                }
                Place::Url(url)
            }
        })
    }
}

/// Without the name and password that an address may carry.
impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(url) => f.write_str(&without_secrets(url.as_str())),
            Self::Folder(dir) => write!(f, "{}", dir.display()),
        }
    }
}

/// Cuts out what stands between `://` and the `@` of an address, valid or not.
fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "https://dl.example.org/release/v1/kubectl";

    fn at(mirror: &str) -> Place {
        Mirror::parse(mirror, Path::new("/work")).unwrap().place(PUBLISHED).unwrap()
    }

    #[test]
    fn the_host_and_the_path_stand_below_the_mirror() {
        let url = |text: &str| Place::Url(Url::parse(text).unwrap());
        let wanted = url("https://m.example/a/dl.example.org/release/v1/kubectl");
        assert_eq!(at("https://m.example/a"), wanted);
        assert_eq!(at("https://m.example/a/"), wanted);
        assert_eq!(at("http://m.example:81"), url("http://m.example:81/dl.example.org/release/v1/kubectl"));
        let file = |text: &str| Place::File(PathBuf::from(text));
        assert_eq!(at("usb/"), file("/work/usb/dl.example.org/release/v1/kubectl"));
        assert_eq!(at("file:///mnt/usb"), file("/mnt/usb/dl.example.org/release/v1/kubectl"));
    }

    #[test]
    fn no_path_leads_out_of_it() {
        let mirror = Mirror::parse("/mirror", Path::new("/")).unwrap();
        // The standard for URLs takes dots away, the encoded ones as well.
        let Place::File(file) = mirror.place("https://e.org/../../a/%2e%2e/etc/passwd").unwrap() else {
            panic!("no file")
        };
        assert_eq!(file, Path::new("/mirror/e.org/etc/passwd"));
        for url in ["https://e.org/a/..%2f..%2fx", "https://e.org//x", "https://e.org/", "https://[::1]/x"] {
            assert!(mirror.place(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_is_no_mirror_is_said_without_its_password() {
        for text in ["ftp://me:geheim@e.org", "https://me:geheim@e.org/x?token=1", "https://me:geheim@:1"] {
            let error = Mirror::parse(text, Path::new("/")).unwrap_err();
            assert!(!error.to_string().contains("geheim"), "{error}");
            assert_eq!(error.exit(), crate::error::Exit::Usage);
            assert!(!error.hints().is_empty());
        }
        let mirror = Mirror::parse("https://me:geheim@e.org/x", Path::new("/")).unwrap();
        assert_eq!(mirror.to_string(), "https://e.org/x");
        assert_eq!(mirror.authority().unwrap(), "e.org");
    }
}
