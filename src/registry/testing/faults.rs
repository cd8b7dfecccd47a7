//! Ways in which a registry can fail.

use super::wire::{Reply, Request};

/// What goes wrong with requests of a kind.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    /// Part of the path.
    pub path: String,
    /// How often it is to happen.
    pub times: usize,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// Another answer.
    Answer { status: &'static str, headers: Vec<(&'static str, String)>, body: String },
    /// Only so many bytes of the answer's body, then the connection is closed.
    Cut(usize),
    /// So many bytes of the request's body are read, then the connection is closed.
    Die(usize),
    /// No answer, for long.
    Stall,
    /// The body has another first byte.
    Corrupt,
    /// To the same path of another server.
    Redirect(String),
}

impl Fault {
    /// Once.
    pub fn once(method: &'static str, path: &str, what: What) -> Self {
        Self { method, path: path.to_owned(), times: 1, what }
    }

    pub fn always(method: &'static str, path: &str, what: What) -> Self {
        Self { times: usize::MAX, ..Self::once(method, path, what) }
    }

    /// Another answer, always.
    pub fn answers(method: &'static str, path: &str, status: &'static str, body: &str) -> Self {
        let what = What::Answer { status, headers: Vec::new(), body: body.to_owned() };
        Self::always(method, path, what)
    }

    pub(super) fn is_for(&self, request: &Request) -> bool {
        self.times > 0 && self.method == request.method && request.path.contains(&self.path)
    }
}

impl What {
    /// What becomes of the right answer.
    pub(super) fn apply(&self, request: &Request, right: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Answer { status, headers, body } => {
                let reply = Reply::new(status).body(body.as_bytes());
                headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
            }
            Self::Redirect(base) => Reply::new("307 Temporary Redirect")
                .header("Location", format!("{base}{}", request.path))
                .body(""),
            Self::Cut(after) => right().cut(*after),
            Self::Corrupt => {
                let mut reply = right();
                reply.body.first_mut().into_iter().for_each(|byte| *byte ^= 1);
                reply
            }
            Self::Stall => {
                std::thread::sleep(std::time::Duration::from_secs(30));
                right()
            }
            // Done before the body was read.
            Self::Die(_) => right(),
        }
    }
}
