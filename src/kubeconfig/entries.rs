//! What our private kubeconfig says of one cluster, ready to stand in another file.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::yaml::{self, Yaml};
use crate::error::{Error, Result};

/// Begins the name of everything of ours in a file that is not ours.
const PREFIX: &str = "todo-bootstrap";

/// The name that the entries of `cluster` have in the user's file.
pub fn name_for(cluster: &str) -> String {
    if cluster.starts_with(PREFIX) { cluster.to_owned() } else { format!("{PREFIX}-{cluster}") }
}

/// A cluster and how to enter it, with all certificates within.
#[derive(Clone, PartialEq)]
pub struct Entries {
    pub(super) name: String,
    pub(super) cluster: Yaml,
    pub(super) user: Yaml,
}

impl Entries {
    /// What the current context of `kubeconfig`, the file of `cluster`, leads to.
    pub fn load(kubeconfig: &Path, cluster: &str) -> Result<Self> {
        let text = std::fs::read_to_string(kubeconfig).map_err(|e| Error::io("read", kubeconfig, &e))?;
        let dir = kubeconfig.parent().unwrap_or(Path::new("."));
        Self::parse(&text, dir, &name_for(cluster)).map_err(|why| {
            Error::failed(format!("cannot use the kubeconfig {}", kubeconfig.display()))
                .because(why)
                .help("todo-bootstrap up   # writes it again")
        })
    }

    fn parse(text: &str, dir: &Path, name: &str) -> Result<Self, String> {
        let document = yaml::read(text)?.documents.into_iter().next().ok_or("it is empty")?;
        let current = document.get("current-context").and_then(Yaml::as_text).unwrap_or_default();
        let context = named(&document, "contexts", "context", current)?;
        let of = |plural: &str, key: &str| {
            named(&document, plural, key, context.get(key).and_then(Yaml::as_text).unwrap_or_default())
        };
        let (mut cluster, mut user) = (of("clusters", "cluster")?, of("users", "user")?);
        embed(&mut cluster, "certificate-authority", dir)?;
        embed(&mut user, "client-certificate", dir)?;
        embed(&mut user, "client-key", dir)?;
        Ok(Self { name: name.to_owned(), cluster, user })
    }

    /// The name of the cluster, the user and the context.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn named(document: &Yaml, plural: &str, key: &str, name: &str) -> Result<Yaml, String> {
    let Some(Yaml::List(items)) = document.get(plural) else { return Err(format!("it has no {plural}")) };
    let item = items.iter().find(|item| item.get("name").and_then(Yaml::as_text) == Some(name));
    item.and_then(|item| item.get(key)).cloned().ok_or_else(|| format!("its {plural} do not hold `{name}`"))
}

/// Replaces the name of a file by what is in it: the other kubeconfig lies in another folder, and
/// outlives ours.
fn embed(entry: &mut Yaml, key: &str, dir: &Path) -> Result<(), String> {
    let Some(file) = entry.take(key) else { return Ok(()) };
    let data = format!("{key}-data");
    // Where both stand, client-go takes the data.
    if entry.get(&data).is_some() {
        return Ok(());
    }
    let file = dir.join(file.as_text().unwrap_or_default());
    let bytes = std::fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    entry.set(&data, Yaml::Text(BASE64_STANDARD.encode(bytes)));
    Ok(())
}

#[cfg(test)]
pub(super) fn recorded(name: &str, port: u16) -> Entries {
    let text = format!(
        "apiVersion: v1
clusters:
- cluster: {{certificate-authority-data: Q0E=, server: 'https://127.0.0.1:{port}'}}
  name: kind-x
contexts:
- context: {{cluster: kind-x, user: kind-x}}
  name: kind-x
current-context: kind-x
kind: Config
users:
- name: kind-x
  user: {{client-certificate-data: Q1JU, client-key-data: S0VZ}}
"
    );
    Entries::parse(&text, Path::new("."), name).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        assert_eq!(name_for("todo-bootstrap"), "todo-bootstrap");
        assert_eq!(name_for("demo"), "todo-bootstrap-demo");
    }

    #[test]
    fn certificates_in_files_are_embedded() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.crt"), "CA").unwrap();
        let text = "current-context: c\ncontexts: [{name: c, context: {cluster: a, user: b}}]\n\
                    clusters: [{name: a, cluster: {certificate-authority: ca.crt, server: s}}]\n\
                    users: [{name: b, user: {token: t}}]\n";
        let entries = Entries::parse(text, dir.path(), "n").unwrap();
        let expected = [("server", Yaml::text("s")), ("certificate-authority-data", Yaml::text("Q0E="))];
        assert_eq!(entries.cluster, Yaml::map(expected));
        let error = Entries::parse(&text.replace("ca.crt", "no.crt"), dir.path(), "n").err().unwrap();
        assert!(error.contains("no.crt"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| Entries::parse(text, Path::new("."), "n").err().unwrap();
        assert_eq!(error(""), "it is empty");
        assert_eq!(error("current-context: c\n"), "it has no contexts");
        assert_eq!(error("current-context: c\ncontexts: []\n"), "its contexts do not hold `c`");
    }
}
