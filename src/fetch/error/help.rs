//! What helps against each failure: the exact command, or the one thing to change.

use reqwest::StatusCode;

use super::FetchError;

const AGAIN: &str = "todo-bootstrap up   tries again and goes on from here";

impl FetchError {
    /// The `help:` line of the error.
    pub fn help(&self) -> String {
        match self {
            Self::Unreachable { host, .. } => format!(
                "curl -I https://{host}/   shows whether this network lets it through; behind a proxy: \
                 HTTPS_PROXY=http://HOST:PORT todo-bootstrap up"
            ),
            Self::Certificate { .. } => "if a proxy of your company opens TLS, name the file of its root \
                                         certificate: SSL_CERT_FILE=FILE todo-bootstrap up"
                .to_owned(),
            Self::RedirectHost { .. } => {
                "if this network has a log-in page, log in with a browser; then: todo-bootstrap up   \
                 (a host that files are to come from belongs to `hosts` of the tool's pin.toml)"
                    .to_owned()
            }
            Self::RedirectPlain { .. } => {
                "if this network has a log-in page, log in with a browser; a mirror has to serve the file \
                 itself or lead to https"
                    .to_owned()
            }
            Self::LoginPage { .. } => {
                "open a browser, log in to the network, then: todo-bootstrap up".to_owned()
            }
            Self::Answered { status, .. } => answered(*status),
            error => error.help_of_transfer(),
        }
    }

    fn help_of_transfer(&self) -> String {
        match self {
            Self::NotPermitted { .. } => "give an address that begins with https://",
            Self::RedirectLoop { .. } | Self::RedirectMany { .. } | Self::RedirectNowhere { .. } => {
                "the server is set up wrongly; use another source: todo-bootstrap up --mirror URL"
            }
            Self::Unwell { .. } => "the server has trouble; try again in some minutes: todo-bootstrap up",
            Self::Busy { .. } => "come back then, or use a mirror: todo-bootstrap up --mirror URL",
            Self::Encoded { .. } => {
                "a proxy rewrites what it passes on; let it leave this host alone: \
                 NO_PROXY=HOST todo-bootstrap up"
            }
            Self::BadRange { .. } => {
                "the server or a proxy serves other bytes than were asked for; go around it: \
                 NO_PROXY=HOST todo-bootstrap up"
            }
            Self::TooLarge { .. } => "no tool is that large: check the address in its pin.toml",
            Self::Changed { .. } => "wait until the server serves one file: todo-bootstrap up",
            Self::TooSlow { .. } => {
                "try another network or a mirror: todo-bootstrap up --mirror URL   (it goes on from here)"
            }
            Self::Stalled { .. } => {
                "todo-bootstrap up   goes on from here; if it stands still again, try another network"
            }
            Self::Announced { .. } | Self::TooLong { .. } | Self::Size { .. } | Self::Wrong { .. } => {
                "something between here and there changes files; ask who runs the network, or use \
                 another one: todo-bootstrap up"
            }
            error => return error.help_of_machine(),
        }
        .to_owned()
    }

    fn help_of_machine(&self) -> String {
        match self {
            Self::NoSpace { folder, .. } | Self::DiskFull { folder, .. } => format!(
                "df -h {}   shows the disk; free some of it, or use another one: \
                 TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up",
                folder.display()
            ),
            Self::ReadOnly { folder, .. } => format!(
                "ls -ld {}   shows who may write there; or use another folder: \
                 TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up",
                folder.display()
            ),
            Self::Planted { path, .. } => {
                format!("look who made it: ls -l {0}   then: rm {0}", path.display())
            }
            _ => AGAIN.to_owned(),
        }
    }
}

fn answered(status: StatusCode) -> String {
    match status {
        StatusCode::UNAUTHORIZED => {
            "give name and password in the mirror's address: --mirror https://NAME:PASSWORD@HOST".to_owned()
        }
        StatusCode::FORBIDDEN => {
            "a proxy or the server does not let it through; ask who runs the network, or use a mirror: \
             todo-bootstrap up --mirror URL"
                .to_owned()
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            "the file is not there (any more): check the mirror, or get a newer todo-bootstrap: ./install.sh"
                .to_owned()
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "the proxy wants a name: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT todo-bootstrap up".to_owned()
        }
        _ => AGAIN.to_owned(),
    }
}
