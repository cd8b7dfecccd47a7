//! The help for each failure: the command to run, or the one thing to change.

use reqwest::StatusCode;

use super::FetchError;

const AGAIN: &str = "todo-bootstrap up   # retries and continues from here";
const MIRROR: &str = "todo-bootstrap up --mirror URL   # uses another server";
const OTHER_NETWORK: &str =
    "todo-bootstrap up   # on another network: something between here and the server changes files";

impl FetchError {
    /// The `help:` line of the error.
    pub fn help(&self) -> String {
        match self {
            Self::Unreachable { host, .. } => {
                return format!(
                    "HTTPS_PROXY=http://HOST:PORT todo-bootstrap up   # behind a proxy; otherwise, \
                     `curl -I https://{host}/` shows whether this network lets it through"
                );
            }
            Self::NoSpace { folder, .. } | Self::DiskFull { folder, .. } => {
                return format!(
                    "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another disk; or free space on this one, \
                     which `df -h {}` shows",
                    folder.display()
                );
            }
            Self::ReadOnly { folder, .. } => {
                return format!(
                    "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another folder; `ls -ld {}` shows who may \
                     write to this one",
                    folder.display()
                );
            }
            Self::Planted { path, .. } => {
                return format!("rm {0}   # check first who created it: ls -l {0}", path.display());
            }
            Self::Certificate { .. } => {
                "SSL_CERT_FILE=FILE todo-bootstrap up   # if a proxy of your company inspects TLS: the file with \
                 its root certificate"
            }
            Self::RedirectHost { .. } => {
                "todo-bootstrap up   # after logging in with a browser, if this network has a login page"
            }
            Self::RedirectPlain { .. } => {
                "if this network has a login page, log in with a browser; a mirror must serve the file itself or \
                 redirect to https"
            }
            Self::LoginPage { .. } => "todo-bootstrap up   # after logging in to the network with a browser",
            Self::NotPermitted { .. } => "use an address that begins with https://",
            Self::RedirectLoop { .. }
            | Self::RedirectMany { .. }
            | Self::RedirectNowhere { .. }
            | Self::TooSlow { .. } => MIRROR,
            Self::Unwell { .. } => "todo-bootstrap up   # retries; best in a few minutes, when the server has recovered",
            Self::Busy { .. } => "todo-bootstrap up --mirror URL   # uses a mirror; or retry after that time",
            Self::Encoded { .. } | Self::BadRange { .. } => {
                "NO_PROXY=HOST todo-bootstrap up   # bypasses a proxy that changes responses"
            }
            Self::TooLarge { .. } => "no tool is that large: check the address in its pin.toml",
            Self::Changed { .. } => "todo-bootstrap up   # once the server serves one version of the file",
            Self::Stalled { .. } => {
                "todo-bootstrap up   # continues from here; if it stalls again, try another network"
            }
            Self::Announced { .. } | Self::TooLong { .. } | Self::Size { .. } | Self::Wrong { .. } => OTHER_NETWORK,
            Self::Answered { status, .. } => match *status {
                StatusCode::UNAUTHORIZED => {
                    "--mirror https://NAME:PASSWORD@HOST   # with the user name and password of the mirror"
                }
                StatusCode::FORBIDDEN => {
                    "todo-bootstrap up --mirror URL   # a proxy or the server blocks it; or ask who runs the network"
                }
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    "the file does not exist (any more): check the mirror, or install a newer todo-bootstrap"
                }
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT todo-bootstrap up   # the proxy requires a login"
                }
                _ => AGAIN,
            },
            Self::Broken { .. } | Self::Local(_) => AGAIN,
        }
        .to_owned()
    }
}
