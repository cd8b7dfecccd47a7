//! What helps against each failure: the exact command, or the one thing to change.

use reqwest::StatusCode;

use super::FetchError;

const AGAIN: &str = "todo-bootstrap up   # tries again and goes on from here";

impl FetchError {
    /// The `help:` line of the error.
    pub fn help(&self) -> String {
        match self {
            Self::Unreachable { host, .. } => format!(
                "HTTPS_PROXY=http://HOST:PORT todo-bootstrap up   # behind a proxy; without one, \
                 `curl -I https://{host}/` shows whether this network lets it through"
            ),
            Self::Certificate { .. } => {
                "SSL_CERT_FILE=FILE todo-bootstrap up   # if a proxy of your company \
                                         opens TLS: the file of its root certificate"
                    .to_owned()
            }
            Self::RedirectHost { .. } => {
                "todo-bootstrap up   # after a log-in with a browser, if this network has a page for it (a \
                 host that files are to come from belongs to `hosts` of the tool's pin.toml)"
                    .to_owned()
            }
            Self::RedirectPlain { .. } => {
                "if this network has a log-in page, log in with a browser; a mirror has to serve the file \
                 itself or lead to https"
                    .to_owned()
            }
            Self::LoginPage { .. } => {
                "todo-bootstrap up   # after a log-in to the network with a browser".to_owned()
            }
            Self::Answered { status, .. } => answered(*status),
            error => error.help_of_transfer(),
        }
    }

    fn help_of_transfer(&self) -> String {
        match self {
            Self::NotPermitted { .. } => "give an address that begins with https://",
            Self::RedirectLoop { .. } | Self::RedirectMany { .. } | Self::RedirectNowhere { .. } => {
                "todo-bootstrap up --mirror URL   # takes another source: this server is set up wrongly"
            }
            Self::Unwell { .. } => "todo-bootstrap up   # tries again, best in some minutes: the server has trouble",
            Self::Busy { .. } => "todo-bootstrap up --mirror URL   # takes a mirror; or come back then",
            Self::Encoded { .. } => {
                "NO_PROXY=HOST todo-bootstrap up   # goes around the proxy, which rewrites what it passes on"
            }
            Self::BadRange { .. } => {
                "NO_PROXY=HOST todo-bootstrap up   # goes around a proxy: other bytes came than were asked for"
            }
            Self::TooLarge { .. } => "no tool is that large: check the address in its pin.toml",
            Self::Changed { .. } => "todo-bootstrap up   # once the server serves one file",
            Self::TooSlow { .. } => {
                "todo-bootstrap up --mirror URL   # goes on from here by a mirror; or try another network"
            }
            Self::Stalled { .. } => {
                "todo-bootstrap up   # goes on from here; if it stands still again, try another network"
            }
            Self::Announced { .. } | Self::TooLong { .. } | Self::Size { .. } | Self::Wrong { .. } => {
                "todo-bootstrap up   # by another network: something between here and there changes files"
            }
            error => return error.help_of_machine(),
        }
        .to_owned()
    }

    fn help_of_machine(&self) -> String {
        match self {
            Self::NoSpace { folder, .. } | Self::DiskFull { folder, .. } => format!(
                "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another disk; or free some of this one, \
                 which `df -h {}` shows",
                folder.display()
            ),
            Self::ReadOnly { folder, .. } => format!(
                "TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another folder; `ls -ld {}` shows who may \
                 write to this one",
                folder.display()
            ),
            Self::Planted { path, .. } => {
                format!("rm {0}   # after a look at who made it: ls -l {0}", path.display())
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
            "todo-bootstrap up --mirror URL   # a proxy or the server does not let it through; or ask who \
             runs the network"
                .to_owned()
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            "the file is not there (any more): check the mirror, or get a newer todo-bootstrap: ./install.sh"
                .to_owned()
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT todo-bootstrap up   # the proxy wants a name"
                .to_owned()
        }
        _ => AGAIN.to_owned(),
    }
}
