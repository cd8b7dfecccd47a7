//! The content of a kubeconfig: our entries are added and removed, and nothing else is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Entries;
use super::yaml::{self, Yaml};
use crate::error::{Error, Result};
use crate::files::sha256;

/// The lists that a kubeconfig consists of, each with the key that its items have.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("contexts", "context"), ("users", "user")];

const CURRENT: &str = "current-context";

pub struct Document {
    root: Yaml,
    /// Whether the file has comments, which are lost when it is written.
    pub(super) comments: bool,
    /// For errors.
    path: PathBuf,
}

/// What [`Document::merge`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Merged {
    pub changed: bool,
    /// The digest of each entry as it is now, by which it is recognised later.
    pub digests: BTreeSet<String>,
    /// The current context before it became ours; `None` if it was not changed.
    pub previous: Option<String>,
}

/// An entry with our name that somebody changed, and that is therefore not removed.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub key: &'static str,
    pub name: String,
}

/// What [`Document::unmerge`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unmerged {
    /// `cluster`, `context`, `user`: those that were removed.
    pub removed: Vec<&'static str>,
    pub left: Vec<Left>,
    /// The new current context, if it was ours before.
    pub current: Option<String>,
}

impl Document {
    /// Reads `text` of the file `path`; an empty text is a kubeconfig without entries.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |why: &str| {
            Error::failed(format!("{} cannot be read as a kubeconfig; nothing was changed", path.display()))
                .because(why)
                .help(format!(
                    "todo-bootstrap kubeconfig merge --file FILE   # uses another file; or fix {}",
                    path.display()
                ))
        };
        let read = yaml::read(text).map_err(|why| wrong(&why))?;
        let mut documents = read.documents.into_iter();
        let root = match (documents.next(), documents.next()) {
            (_, Some(_)) => {
                let why = "it contains several YAML documents, of which kubectl reads the first only";
                return Err(wrong(why));
            }
            (None | Some(Yaml::Null), None) => empty(),
            (Some(root @ Yaml::Map(_)), None) => root,
            (Some(_), None) => return Err(wrong("it is not a map of keys and values")),
        };
        if root.get("kind").is_some_and(|kind| !matches!(kind.as_text(), Some("Config" | ""))) {
            return Err(wrong("its `kind` is not `Config`"));
        }
        for (plural, _) in LISTS {
            if !matches!(root.get(plural), None | Some(Yaml::Null | Yaml::List(_))) {
                return Err(wrong(&format!("its `{plural}` are not a list")));
            }
        }
        Ok(Self { root, comments: read.comments, path: path.to_owned() })
    }

    /// Adds `entries`. An existing entry of their name must be one that we wrote, recognised by its digest, or equal
    /// to ours.
    pub fn merge(&mut self, entries: &Entries, known: &BTreeSet<String>, current: bool) -> Result<Merged> {
        let name = &entries.name;
        let context = Yaml::map([("cluster", Yaml::text(name)), ("user", Yaml::text(name))]);
        let bodies = [&entries.cluster, &context, &entries.user];
        let digests: BTreeSet<String> =
            LISTS.iter().zip(bodies).map(|((_, key), body)| digest(key, name, body)).collect();
        let mut places = Vec::new();
        for (plural, key) in LISTS {
            let found: Vec<usize> = self.positions(plural, name);
            let ours = found.iter().all(|at| {
                let digest = digest(key, name, self.body(plural, key, *at));
                digests.contains(&digest) || known.contains(&digest)
            });
            if found.len() > 1 || !ours {
                return Err(self.foreign(key, name));
            }
            places.push(found.first().copied());
        }
        // Nothing is changed before all checks have passed.
        let mut changed = false;
        for (((plural, key), body), place) in LISTS.into_iter().zip(bodies).zip(places) {
            match place {
                Some(at) if digest(key, name, self.body(plural, key, at)) == digest(key, name, body) => {}
                Some(at) => {
                    self.list(plural, |items| items[at].set(key, body.clone()));
                    changed = true;
                }
                None => {
                    self.list(plural, |items| items.push(item(key, name, body.clone())));
                    changed = true;
                }
            }
        }
        let before = self.current().to_owned();
        let previous = (current && before != *name).then_some(before);
        if previous.is_some() {
            self.root.set(CURRENT, Yaml::text(name));
        }
        Ok(Merged { changed: changed || previous.is_some(), digests, previous })
    }

    /// Removes the entries `name` whose digests are known. If the current context is ours, it becomes `previous` if
    /// that still exists, otherwise none.
    pub fn unmerge(&mut self, name: &str, known: &BTreeSet<String>, previous: Option<&str>) -> Unmerged {
        let mut done = Unmerged::default();
        for (plural, key) in LISTS {
            for at in self.positions(plural, name).into_iter().rev() {
                if known.contains(&digest(key, name, self.body(plural, key, at))) {
                    self.list(plural, |items| drop(items.remove(at)));
                    done.removed.push(key);
                } else {
                    done.left.push(Left { key, name: name.to_owned() });
                }
            }
        }
        if self.current() == name && self.positions("contexts", name).is_empty() {
            let there = previous.filter(|previous| !self.positions("contexts", previous).is_empty());
            let current = there.unwrap_or_default().to_owned();
            self.root.set(CURRENT, Yaml::text(&current));
            done.current = Some(current);
        }
        done
    }

    /// Whether it has no content.
    pub fn is_empty(&self) -> bool {
        self.root.sorted() == empty().sorted()
    }

    /// The current context; empty if there is none.
    pub fn current(&self) -> &str {
        self.root.get(CURRENT).and_then(Yaml::as_text).unwrap_or_default()
    }

    /// The text to write, verified to have the same content.
    pub fn text(&self) -> Result<String> {
        let wrong = |why: &str| {
            Error::failed(format!("cannot write {}; nothing was changed", self.path.display()))
                .because(why)
                .help("todo-bootstrap kubeconfig merge --file FILE   # uses another file; KUBECONFIG may name several, separated by colons")
        };
        let text = yaml::write(&self.root).map_err(|why| wrong(&why))?;
        match yaml::read(&text).map(|read| read.documents) {
            Ok(documents) if documents == [self.root.clone()] => Ok(text),
            _ => Err(wrong("its content would change; this is a bug in todo-bootstrap, please report it")),
        }
    }

    fn items(&self, plural: &str) -> &[Yaml] {
        if let Some(Yaml::List(items)) = self.root.get(plural) { items } else { &[] }
    }

    fn positions(&self, plural: &str, name: &str) -> Vec<usize> {
        let named = |item: &Yaml| item.get("name").and_then(Yaml::as_text) == Some(name);
        let items = self.items(plural).iter().enumerate();
        items.filter(|(_, item)| named(item)).map(|(at, _)| at).collect()
    }

    fn body(&self, plural: &str, key: &str, at: usize) -> &Yaml {
        self.items(plural).get(at).and_then(|item| item.get(key)).unwrap_or(&Yaml::Null)
    }

    /// Changes the list, which is created if it is missing.
    fn list(&mut self, plural: &str, change: impl FnOnce(&mut Vec<Yaml>)) {
        if !matches!(self.root.get(plural), Some(Yaml::List(_))) {
            self.root.set(plural, Yaml::List(Vec::new()));
        }
        if let Some(Yaml::List(items)) = self.root.get_mut(plural) {
            change(items);
        }
    }

    fn foreign(&self, key: &str, name: &str) -> Error {
        let path = self.path.display();
        Error::refused(format!("{path} has a {key} `{name}` that is not ours; nothing was changed"))
            .because("it was changed, or it was written by another program")
            .help(format!(
                "kubectl config delete-{key} {name} --kubeconfig {path}   # if it is no longer needed"
            ))
            .help("todo-bootstrap kubeconfig merge --file FILE   # uses another file")
    }
}

/// A new kubeconfig as kubectl writes it.
fn empty() -> Yaml {
    Yaml::map([
        ("apiVersion", Yaml::text("v1")),
        ("clusters", Yaml::List(Vec::new())),
        ("contexts", Yaml::List(Vec::new())),
        (CURRENT, Yaml::text("")),
        ("kind", Yaml::text("Config")),
        ("preferences", Yaml::map([])),
        ("users", Yaml::List(Vec::new())),
    ])
}

/// Keys in alphabetical order, as kubectl writes them.
fn item(key: &str, name: &str, body: Yaml) -> Yaml {
    let (body, name) = ((key, body), ("name", Yaml::text(name)));
    if key < "name" { Yaml::map([body, name]) } else { Yaml::map([name, body]) }
}

/// Identifies an entry regardless of the order of its keys. Of a context, only the cluster and the user count: users
/// change its namespace (`kubectl config set-context --current --namespace`).
fn digest(key: &str, name: &str, body: &Yaml) -> String {
    let body = if key == "context" {
        let part = |part: &str| body.get(part).cloned().unwrap_or(Yaml::Null);
        Yaml::map([("cluster", part("cluster")), ("user", part("user"))])
    } else {
        body.sorted()
    };
    // Receipts contain it, and later versions read them.
    let body = serde_json::to_string(&body).unwrap_or_else(|_| format!("{body:?}"));
    sha256(format!("{key} {name} {body}").as_bytes())
}
