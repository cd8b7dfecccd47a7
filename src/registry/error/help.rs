//! The help for each failure: the command to run, or the one thing to change.

use super::RegistryError;
use crate::fetch::{FetchError, permitted};

const AGAIN: &str = "todo-bootstrap up   # retries and continues from here";

impl RegistryError {
    /// The `help:` line of the error.
    pub fn help(&self) -> String {
        let (host, cause) = (String::new(), String::new());
        match self {
            Self::Unreachable { host, .. } if permitted(&format!("http://{host}/")).is_ok() => {
                format!(
                    "todo-bootstrap up   # restarts it; `curl http://{host}/v2/` shows whether it is running"
                )
            }
            Self::Unreachable { host, .. } => FetchError::Unreachable { host: host.clone(), cause }.help(),
            Self::Certificate { .. } => FetchError::Certificate { host, cause }.help(),
            Self::LoginPage { .. } => FetchError::LoginPage { url: host }.help(),
            Self::NoPlatform { platform, .. } => format!(
                "pin an image that is published for {platform} (manifests/images.toml), or use a machine of \
                 another platform"
            ),
            Self::Full { .. } => {
                "docker system df   # shows the disk usage; free some space, then run `up` again".to_owned()
            }
            Self::Stranger { authority, .. } => {
                let port = authority.rsplit(':').next().unwrap_or_default();
                format!("ss -ltnp 'sport = :{port}'   # shows the program; stop it, then run `up` again")
            }
            Self::Transfer(error) => error.help(),
            Self::Local(error) => error.hints().first().map_or(AGAIN, String::as_str).to_owned(),
            error => error.advice().to_owned(),
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => {
                "check the name (registries also answer this for images that do not exist), or use a mirror \
                 that needs no login"
            }
            Self::NotFound { .. } => {
                "check the name and its digest in manifests/images.toml, or install a newer todo-bootstrap: \
                 ./install.sh"
            }
            Self::RateLimited { .. } => {
                "todo-bootstrap up   # after the time that it asks to wait, or with a mirror of your own"
            }
            Self::Moved { .. } => "pin the new digest: cargo xtask pins",
            Self::Mismatch { .. } => {
                "todo-bootstrap up   # on another network: something between here and the host changes files"
            }
            Self::Malformed { .. } => {
                "NO_PROXY=HOST todo-bootstrap up   # bypasses a proxy that may have answered instead"
            }
            Self::Archive { .. } => "create the archive again: docker save --output FILE NAME",
            Self::Name(_) => "docker image ls   # shows valid names",
            _ => AGAIN,
        }
    }
}
