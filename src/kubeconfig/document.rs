//! The content of a kubeconfig: our entries are added and removed, and nothing else is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Entries, yaml};
use crate::error::{Error, Result};
use crate::files::sha256;

/// The lists that a kubeconfig consists of, each with the key that its items have.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("contexts", "context"), ("users", "user")];

const CURRENT: &str = "current-context";

pub struct Document {
    root: Value,
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

/// What [`Document::unmerge`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unmerged {
    /// `cluster`, `context`, `user`: those that were removed.
    pub removed: Vec<&'static str>,
    /// Those that somebody changed, and that are therefore kept.
    pub left: Vec<&'static str>,
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
        let (documents, comments) = yaml::read(text).map_err(|why| wrong(&why))?;
        let mut documents = documents.into_iter();
        let root = match (documents.next(), documents.next()) {
            (_, Some(_)) => {
                let why = "it contains several YAML documents, of which kubectl reads the first only";
                return Err(wrong(why));
            }
            (None | Some(Value::Null), None) => empty(),
            (Some(root @ Value::Object(_)), None) => root,
            (Some(_), None) => return Err(wrong("it is not a map of keys and values")),
        };
        if root.get("kind").is_some_and(|kind| kind != "Config" && kind != "") {
            return Err(wrong("its `kind` is not `Config`"));
        }
        for (plural, _) in LISTS {
            if !matches!(root.get(plural), None | Some(Value::Null | Value::Array(_))) {
                return Err(wrong(&format!("its `{plural}` are not a list")));
            }
        }
        Ok(Self { root, comments, path: path.to_owned() })
    }

    /// Adds `entries`. An existing entry of their name must be ours, by its digest, or equal to ours.
    pub fn merge(&mut self, entries: &Entries, known: &BTreeSet<String>, current: bool) -> Result<Merged> {
        let name = entries.name.as_str();
        let context = json!({"cluster": name, "user": name});
        let before = self.root.clone();
        let mut digests = BTreeSet::new();
        for ((plural, key), body) in LISTS.into_iter().zip([&entries.cluster, &context, &entries.user]) {
            let new = digest(key, name, body);
            let items = self.root[plural].as_array().into_iter().flatten().enumerate();
            let found: Vec<_> = items.filter(|(_, item)| item["name"] == name).collect();
            let old: Vec<_> = found.iter().map(|(_, item)| digest(key, name, &item[key])).collect();
            if found.len() > 1 || old.iter().any(|old| *old != new && !known.contains(old)) {
                self.root = before;
                return Err(self.foreign(key, name));
            }
            match found.first().map(|(at, _)| *at) {
                Some(_) if old[0] == new => {}
                Some(at) => self.root[plural][at][key] = body.clone(),
                None => match &mut self.root[plural] {
                    Value::Array(items) => items.push(json!({key: body, "name": name})),
                    missing => *missing = json!([{key: body, "name": name}]),
                },
            }
            digests.insert(new);
        }
        let previous = (current && self.current() != name).then(|| self.current().to_owned());
        if previous.is_some() {
            self.root[CURRENT] = name.into();
        }
        Ok(Merged { changed: self.root != before, digests, previous })
    }

    /// Removes the entries `name` whose digests are known. If the current context is ours, it becomes `previous` if
    /// that still exists, otherwise none.
    pub fn unmerge(&mut self, name: &str, known: &BTreeSet<String>, previous: Option<&str>) -> Unmerged {
        let mut done = Unmerged::default();
        for (plural, key) in LISTS {
            let Some(items) = self.root.get_mut(plural).and_then(Value::as_array_mut) else { continue };
            items.retain(|item| {
                let ours = known.contains(&digest(key, name, &item[key]));
                if item["name"] == name {
                    if ours { done.removed.push(key) } else { done.left.push(key) }
                }
                item["name"] != name || !ours
            });
        }
        if self.current() == name && !self.has_context(name) {
            let current = previous.filter(|previous| self.has_context(previous)).unwrap_or_default();
            self.root[CURRENT] = current.into();
            done.current = Some(current.to_owned());
        }
        done
    }

    fn has_context(&self, name: &str) -> bool {
        self.root["contexts"].as_array().is_some_and(|all| all.iter().any(|context| context["name"] == name))
    }

    /// Whether it has no content.
    pub fn is_empty(&self) -> bool {
        self.root == empty()
    }

    /// The current context; empty if there is none.
    pub fn current(&self) -> &str {
        self.root[CURRENT].as_str().unwrap_or_default()
    }

    /// The text to write, verified to have the same content.
    pub fn text(&self) -> Result<String> {
        let wrong = |why: &str| {
            Error::failed(format!("cannot write {}; nothing was changed", self.path.display()))
                .because(why)
                .help("todo-bootstrap kubeconfig merge --file FILE   # uses another file; KUBECONFIG may name several, separated by colons")
        };
        let text = yaml::write(&self.root).map_err(|why| wrong(&why))?;
        match yaml::read(&text) {
            Ok((documents, _)) if documents == [self.root.clone()] => Ok(text),
            _ => Err(wrong("its content would change; this is a bug in todo-bootstrap, please report it")),
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
fn empty() -> Value {
    json!({"apiVersion": "v1", "kind": "Config", "preferences": {}, CURRENT: "",
        "clusters": [], "contexts": [], "users": []})
}

/// Identifies an entry. Of a context, only the cluster and the user count: users change its namespace
/// (`kubectl config set-context --current --namespace`). Receipts contain it, and later versions read them.
fn digest(key: &str, name: &str, body: &Value) -> String {
    let body = match key {
        "context" => json!({"cluster": body["cluster"], "user": body["user"]}),
        _ => body.clone(),
    };
    sha256(format!("{key} {name} {body}").as_bytes())
}
