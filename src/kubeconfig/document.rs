//! A kubeconfig's content: entries of ours put in and taken out, and nothing else touched.

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
    /// As a value has none, they are lost by writing it.
    pub(super) comments: bool,
    /// Stands in errors.
    path: PathBuf,
}

/// What [`Document::merge`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Merged {
    pub changed: bool,
    /// Of each entry as it stands there now; it makes it known again.
    pub digests: BTreeSet<String>,
    /// The current context before it became ours; `None` where it was not changed.
    pub previous: Option<String>,
}

/// An entry of our name that somebody changed, and that is therefore not ours to remove.
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
    /// The current context now, where it was ours.
    pub current: Option<String>,
}

impl Document {
    /// Reads `text` of the file `path`; no text is a kubeconfig without entries.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |why: &str| {
            Error::failed(format!("{} cannot be read as a kubeconfig; nothing was changed", path.display()))
                .because(why)
                .help(format!(
                    "todo-bootstrap kubeconfig merge --file FILE   # takes another file; or mend {}",
                    path.display()
                ))
        };
        let read = yaml::read(text).map_err(|why| wrong(&why))?;
        let mut documents = read.documents.into_iter();
        let root = match (documents.next(), documents.next()) {
            (_, Some(_)) => {
                let why = "it holds several YAML documents, of which kubectl reads the first only";
                return Err(wrong(why));
            }
            (None | Some(Yaml::Null), None) => empty(),
            (Some(root @ Yaml::Map(_)), None) => root,
            (Some(_), None) => return Err(wrong("it is no table of keys and values")),
        };
        if root.get("kind").is_some_and(|kind| !matches!(kind.as_text(), Some("Config" | ""))) {
            return Err(wrong("its `kind` is not `Config`"));
        }
        for (plural, _) in LISTS {
            if !matches!(root.get(plural), None | Some(Yaml::Null | Yaml::List(_))) {
                return Err(wrong(&format!("its `{plural}` are no list")));
            }
        }
        Ok(Self { root, comments: read.comments, path: path.to_owned() })
    }

    /// Puts `entries` in. An entry of their name must be one that we wrote, known by its digest, or
    /// be the same as ours.
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
        // All of it can be done: only now something is changed.
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

    /// Takes the entries `name` out that are known by their digest. A current context of ours
    /// becomes `previous` where that is there still, else none.
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

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.root.sorted() == empty().sorted()
    }

    /// The current context; empty where there is none.
    pub fn current(&self) -> &str {
        self.root.get(CURRENT).and_then(Yaml::as_text).unwrap_or_default()
    }

    /// The text to write, proved to say what this says.
    pub fn text(&self) -> Result<String> {
        let wrong = |why: &str| {
            Error::failed(format!("{} cannot be written again; nothing was changed", self.path.display()))
                .because(why)
                .help("todo-bootstrap kubeconfig merge --file FILE   # takes another file; KUBECONFIG may name several, parted by colons")
        };
        let text = yaml::write(&self.root).map_err(|why| wrong(&why))?;
        match yaml::read(&text).map(|read| read.documents) {
            Ok(documents) if documents == [self.root.clone()] => Ok(text),
            _ => Err(wrong("it would not be the same; this is a fault of todo-bootstrap, please report it")),
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

    /// Changes the list, which is made where it is missing.
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
            .because("it is not as todo-bootstrap wrote it, or was written by somebody else")
            .help(format!("kubectl config delete-{key} {name} --kubeconfig {path}   # if nobody needs it"))
            .help("todo-bootstrap kubeconfig merge --file FILE   # takes another file")
    }
}

/// As kubectl writes a new one.
fn empty() -> Yaml {
    Yaml::map([
        ("apiVersion", Yaml::text("v1")),
        ("clusters", Yaml::List(Vec::new())),
        ("contexts", Yaml::List(Vec::new())),
        (CURRENT, Yaml::text("")),
        ("kind", Yaml::text("Config")),
        ("preferences", Yaml::Map(Vec::new())),
        ("users", Yaml::List(Vec::new())),
    ])
}

/// Keys in the order of the alphabet, as kubectl has them.
fn item(key: &str, name: &str, body: Yaml) -> Yaml {
    let (body, name) = ((key, body), ("name", Yaml::text(name)));
    if key < "name" { Yaml::map([body, name]) } else { Yaml::map([name, body]) }
}

/// Knows an entry again, whatever the order of its keys. Of a context only what it leads to counts:
/// a namespace is set there every day (`kubectl config set-context --current --namespace`).
fn digest(key: &str, name: &str, body: &Yaml) -> String {
    let body = if key == "context" {
        let part = |part: &str| body.get(part).cloned().unwrap_or(Yaml::Null);
        Yaml::map([("cluster", part("cluster")), ("user", part("user"))])
    } else {
        body.sorted()
    };
    // It lies in receipts, which later versions read.
    let body = serde_json::to_string(&body).unwrap_or_else(|_| format!("{body:?}"));
    sha256(format!("{key} {name} {body}").as_bytes())
}
