//! The labels of an image: our own, and the OCI annotations. None contains the build time, which would change an
//! image whose inputs are unchanged: `created` is the time of the commit, if the folder does not differ from it.

use super::Order;
use super::tag::Commit;

/// The hash of the inputs, [`super::inputs_hash`].
pub const INPUTS_LABEL: &str = "todo-bootstrap.dev/inputs";
/// The tag under which the image was given out; a later run gives out the same one.
pub const TAG_LABEL: &str = "todo-bootstrap.dev/tag";
pub const TARGET_LABEL: &str = "todo-bootstrap.dev/target";

/// <https://specs.opencontainers.org/image-spec/annotations/>
const OCI: &str = "org.opencontainers.image.";

pub(super) fn labels(
    order: &Order<'_>,
    inputs: &str,
    tag: &str,
    commit: Option<&Commit>,
) -> Vec<(String, String)> {
    let own = [
        (INPUTS_LABEL, inputs.to_owned()),
        (TAG_LABEL, tag.to_owned()),
        (TARGET_LABEL, order.target.to_string()),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    own.chain(annotations(order, commit)).collect()
}

fn annotations(order: &Order<'_>, commit: Option<&Commit>) -> Vec<(String, String)> {
    let revision = |commit: &Commit| commit.id.clone() + if commit.dirty { "-dirty" } else { "" };
    let clean = commit.filter(|commit| !commit.dirty);
    let all = [
        ("title", Some(order.spec.name.clone())),
        ("version", Some(order.app.version.clone())),
        ("revision", commit.map(revision)),
        ("created", clean.and_then(|commit| commit.time.clone())),
        ("source", commit.and_then(|commit| commit.source.clone())),
        ("base.name", order.base.map(|base| format!("{}:{}", base.repository, base.tag))),
        ("base.digest", order.base.map(|base| base.digest.clone())),
    ];
    all.into_iter().filter_map(|(key, value)| Some((format!("{OCI}{key}"), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Target;
    use crate::images::testing::application;

    fn said(commit: Option<&Commit>) -> Vec<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let app = application(dir.path());
        let base = crate::images::testing::stored("sha256:1");
        let order = Order { app: &app, spec: &app.images[0], target: Target::Dev, base: Some(&base) };
        labels(&order, "abc", "v1", commit)
    }

    #[test]
    fn a_clean_commit_says_when_and_where_it_is_from() {
        let commit = Commit {
            id: "0123456".to_owned(),
            dirty: false,
            time: Some("2026-01-02T03:04:05Z".to_owned()),
            source: Some("https://example.org/a".to_owned()),
        };
        let lines: Vec<String> =
            said(Some(&commit)).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        todo-bootstrap.dev/inputs=abc
        todo-bootstrap.dev/tag=v1
        todo-bootstrap.dev/target=dev
        org.opencontainers.image.title=web
        org.opencontainers.image.version=1.2.3
        org.opencontainers.image.revision=0123456
        org.opencontainers.image.created=2026-01-02T03:04:05Z
        org.opencontainers.image.source=https://example.org/a
        org.opencontainers.image.base.name=todo-bootstrap/base:1
        org.opencontainers.image.base.digest=sha256:1
        ");
        let dirty = said(Some(&Commit { dirty: true, ..commit }));
        assert!(dirty.iter().any(|(_, value)| value == "0123456-dirty"));
        assert!(!dirty.iter().any(|(key, _)| key.ends_with(".created")));
        // Without git, nothing is made up.
        let keys: Vec<String> = said(None).into_iter().map(|(key, _)| key).collect();
        assert!(!keys.iter().any(|key| key.ends_with("revision") || key.ends_with("source")), "{keys:?}");
    }
}
