//! Merging and its undoing, on files as users have them.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::{Document, Merged};
use super::entries::recorded;
use super::yaml::{self, tests::any_value};
use crate::error::{Exit, Result};

/// What nobody may lose: an order of its own, an exec user, extensions, fields that nobody knows.
const MINE: &str = "kind: Config
apiVersion: v1
preferences: {colors: true}
x-unknown: {b: [1, 2.5, ~], a: '012'}
users:
- name: work
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: aws
      args: [eks, get-token, --cluster-name, 'yes']
      env: [{name: AWS_PROFILE, value: '007'}]
      interactiveMode: IfAvailable
contexts:
- name: work
  context:
    user: work
    cluster: work
    namespace: shop
    extensions: [{name: context_info, extension: {provider: minikube.sigs.k8s.io, last: '2024-01-01'}}]
clusters:
- name: work
  cluster: {server: 'https://work.example', insecure-skip-tls-verify: true, tls-server-name: x}
current-context: work
";

const OURS: &str = "todo-bootstrap";

fn parse(text: &str) -> Document {
    Document::parse(text, Path::new("/home/me/.kube/config")).unwrap()
}

fn value(text: &str) -> Value {
    yaml::read(text).unwrap().0.remove(0)
}

fn merge(document: &mut Document, current: bool) -> Result<Merged> {
    document.merge(&recorded(OURS, 6443), &BTreeSet::new(), current)
}

#[test]
fn what_was_there_is_there_after_a_merge_and_its_undoing() {
    let mut document = parse(MINE);
    let first = merge(&mut document, true).unwrap();
    let mut document = parse(&document.text().unwrap());
    let second = document.merge(&recorded(OURS, 6443), &first.digests, true).unwrap();
    assert_eq!(second, Merged { changed: false, previous: None, digests: first.digests.clone() });
    let done = document.unmerge(OURS, &first.digests, first.previous.as_deref());
    assert_eq!((done.removed, done.left.len()), (vec!["cluster", "context", "user"], 0));
    assert_eq!(value(&document.text().unwrap()), value(MINE));
}

#[test]
fn a_new_file_is_as_kubectl_makes_it() {
    for text in ["", "\n# nothing\n", "---\n"] {
        let mut document = parse(text);
        assert!(document.is_empty());
        let merged = merge(&mut document, true).unwrap();
        assert_eq!(merged.previous.as_deref(), Some(""));
        let text = document.text().unwrap();
        assert!(text.starts_with("apiVersion: v1\nclusters:\n- cluster:\n"), "{text}");
        let parsed: kube::config::Kubeconfig = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(parsed.current_context.as_deref(), Some(OURS));
        assert_eq!(parsed.auth_infos.len() + parsed.clusters.len() + parsed.contexts.len(), 3);
        document.unmerge(OURS, &merged.digests, None);
        assert!(document.is_empty());
    }
}

#[test]
fn the_current_context_goes_back_to_what_it_was() {
    let ours = |text: &str| {
        let mut document = parse(text);
        let merged = merge(&mut document, true).unwrap();
        assert_eq!(document.current(), OURS);
        (document, merged)
    };
    let (mut document, merged) = ours(MINE);
    assert_eq!(merged.previous.as_deref(), Some("work"));
    assert_eq!(document.unmerge(OURS, &merged.digests, Some("work")).current.as_deref(), Some("work"));
    assert_eq!(document.current(), "work");
    let (mut document, merged) = ours(MINE);
    assert_eq!(document.unmerge(OURS, &merged.digests, Some("gone")).current.as_deref(), Some(""));
    // Whoever chose another one since keeps it.
    let (document, merged) = ours(MINE);
    let mut document =
        parse(&document.text().unwrap().replace("current-context: todo-bootstrap", "current-context: other"));
    assert_eq!(document.unmerge(OURS, &merged.digests, Some("work")).current, None);
    assert_eq!(document.current(), "other");
}

#[test]
fn an_entry_of_somebody_else_is_refused_and_left() {
    let foreign = MINE.replace("- name: work\n  cluster:", "- name: todo-bootstrap\n  cluster:");
    let mut document = parse(&foreign);
    let error = merge(&mut document, false).unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    assert!(
        error.to_string().contains("kubectl config delete-cluster todo-bootstrap --kubeconfig"),
        "{error}"
    );
    assert_eq!(value(&document.text().unwrap()), value(&foreign), "nothing was changed");
    let done = document.unmerge(OURS, &BTreeSet::from(["other".to_owned()]), None);
    assert_eq!(done.left, ["cluster"]);
    assert_eq!(value(&document.text().unwrap()), value(&foreign));
}

#[test]
fn our_own_older_entry_is_replaced_where_it_stands() {
    let mut document = parse(MINE);
    let merged = merge(&mut document, false).unwrap();
    let error = document.merge(&recorded(OURS, 7443), &BTreeSet::new(), false).unwrap_err();
    assert_eq!(error.exit(), Exit::Refused, "nobody knows that it is ours");
    let newer = document.merge(&recorded(OURS, 7443), &merged.digests, false).unwrap();
    assert!(newer.changed && newer.digests != merged.digests);
    let text = document.text().unwrap();
    assert!(text.contains(":7443") && !text.contains(":6443"), "{text}");
    assert_eq!(document.unmerge(OURS, &newer.digests, None).removed.len(), 3);
}

/// `kubectl config set-context --current --namespace` is used every day; kubectl sorts keys, too.
#[test]
fn a_namespace_and_another_order_do_not_make_an_entry_foreign() {
    let mut document = parse("");
    let merged = merge(&mut document, false).unwrap();
    let text = document.text().unwrap();
    let text = text.replace(
        "    cluster: todo-bootstrap\n    user: todo-bootstrap\n",
        "    user: todo-bootstrap\n    namespace: shop\n    cluster: todo-bootstrap\n",
    );
    assert!(text.contains("namespace: shop"), "{text}");
    let mut document = parse(&text);
    let again = document.merge(&recorded(OURS, 6443), &merged.digests, false).unwrap();
    assert!(!again.changed && document.text().unwrap().contains("namespace: shop"));
    assert_eq!(document.unmerge(OURS, &merged.digests, None).removed.len(), 3);
}

#[test]
fn what_is_no_kubeconfig_is_refused_with_its_line() {
    let error = |text: &str| Document::parse(text, Path::new("/c")).err().unwrap().to_string();
    let broken = error("apiVersion: v1\nusers:\n- name: a\n  user: {token: hunter2\nclusters: []\n");
    assert!(broken.contains("line ") && !broken.contains("hunter2"), "{broken}");
    assert!(broken.contains("/c cannot be read as a kubeconfig; nothing was changed"), "{broken}");
    assert!(error("a: 1\n---\nb: 2\n").contains("several YAML documents"));
    assert!(error("- a\n").contains("not a map"));
    assert!(error("kind: Pod\n").contains("`kind`"));
    assert!(error("users: {a: 1}\n").contains("`users` are not a list"));
}

fn list(key: &'static str) -> impl Strategy<Value = Value> {
    let item = (any_value(), "[a-c]{1,2}").prop_map(move |(body, name)| json!({key: body, "name": name}));
    prop::collection::vec(item, 0..4).prop_map(Value::from)
}

fn kubeconfig() -> impl Strategy<Value = Value> {
    let lists = (list("cluster"), list("context"), list("user"));
    (lists, "[a-c]{0,2}", any_value()).prop_map(|((clusters, contexts, users), current, x)| {
        json!({"clusters": clusters, "contexts": contexts, "users": users, "current-context": current, "x-y": x})
    })
}

proptest! {
    #[test]
    fn any_kubeconfig_comes_back_as_it_was(root in kubeconfig(), current in any::<bool>()) {
        let text = yaml::write(&root).unwrap();
        let mut document = parse(&text);
        let merged = merge(&mut document, current).unwrap();
        let mut document = parse(&document.text().unwrap());
        let before = document.current().to_owned();
        prop_assert_eq!(before == OURS, current);
        let done = document.unmerge(OURS, &merged.digests, merged.previous.as_deref());
        prop_assert_eq!(done.removed.len(), 3);
        let mut expected = root.clone();
        // A current context that leads nowhere is not restored.
        if current && done.current.as_deref() == Some("") {
            expected["current-context"] = "".into();
        } else {
            prop_assert_eq!(&root["current-context"], document.current());
        }
        prop_assert_eq!(value(&document.text().unwrap()), expected);
    }
}
