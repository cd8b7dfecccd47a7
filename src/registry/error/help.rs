//! What helps against each failure: the exact command, or the one thing to change.

use super::RegistryError;
use crate::fetch::{FetchError, permitted};

const AGAIN: &str = "todo-bootstrap up   # tries again and goes on from here";

impl RegistryError {
    /// The `help:` line of the error.
    pub fn help(&self) -> String {
        let (host, cause) = (String::new(), String::new());
        match self {
            Self::Unreachable { host, .. } if permitted(&format!("http://{host}/")).is_ok() => {
                format!(
                    "todo-bootstrap up   # starts it again; `curl http://{host}/v2/` shows whether it runs"
                )
            }
            Self::Unreachable { host, .. } => FetchError::Unreachable { host: host.clone(), cause }.help(),
            Self::Certificate { .. } => FetchError::Certificate { host, cause }.help(),
            Self::LoginPage { .. } => FetchError::LoginPage { url: host }.help(),
            Self::NoPlatform { platform, .. } => format!(
                "pin an image that is published for {platform} (manifests/images.toml), or use a machine of \
                 one of the others"
            ),
            Self::Full { .. } => {
                "docker system df   # shows what takes the space; free some of it, then call `up` again"
                    .to_owned()
            }
            Self::Stranger { authority, .. } => {
                let port = authority.rsplit(':').next().unwrap_or_default();
                format!("ss -ltnp 'sport = :{port}'   # names the program; end it, then call `up` again")
            }
            Self::Transfer(error) => error.help(),
            Self::Local(error) => error.hints().first().map_or(AGAIN, String::as_str).to_owned(),
            error => error.advice().to_owned(),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => {
                "registries say so of images that do not exist as well: check the name; where only those \
                 with a name and password may pull, use a mirror that lets everybody"
            }
            Self::NotFound { .. } => {
                "check the name and its digest in manifests/images.toml, or get a newer todo-bootstrap: \
                 ./install.sh"
            }
            Self::RateLimited { .. } => {
                "todo-bootstrap up   # when it has waited as long as it asks for, or through a mirror of your own"
            }
            Self::Moved { .. } => "pin the new digest: cargo xtask pins",
            Self::Mismatch { .. } => {
                "todo-bootstrap up   # by another network: something between here and there changes files"
            }
            Self::Malformed { .. } => {
                "NO_PROXY=HOST todo-bootstrap up   # goes around a proxy that may have answered in its place"
            }
            Self::Archive { .. } => "make the archive anew: docker save --output FILE NAME",
            Self::Name(_) => "docker image ls   # shows names as they are written",
            _ => AGAIN,
        }
    }
}
