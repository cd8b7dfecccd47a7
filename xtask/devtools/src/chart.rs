//! Tests of the application's chart beyond rendering: wrong values are rejected with helpful messages, a changed
//! key restarts only the services that use it, and init containers have no more rights than their service.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::rendered;
use crate::shell::{self, Result, root};

pub(crate) const CHART: &str = "manifests/todo-chatbot";
/// Combined with any preset.
const EXTERNAL: &str = "manifests/todo-chatbot/values/external-database.yaml";
const EXTERNAL_MODEL: &str = "manifests/todo-chatbot/values/external-model.yaml";
const PRESETS: [&str; 3] = ["tiny", "normal", "full"];
/// Values files whose first line is a comment with the error that Helm must print.
const REFUSED: &str = "tests/chart/refused";
const MARK: &str = "# refused: ";
const SCRIPTS: &str = "manifests/todo-chatbot/scripts";
/// The secret of the database in the cluster: without that database, no object contains it.
const PASSWORD: &str = "POSTGRES_PASSWORD";
/// What an init container has in common with the container of its service.
const SHARED: [&str; 6] = ["image", "imagePullPolicy", "env", "resources", "securityContext", "volumeMounts"];

pub(crate) fn prove(helm: &Path) -> Result {
    presets_without_database(helm)?;
    wrong_values(helm)?;
    rendered::prove(helm, CHART)?;
    changed_keys(helm)?;
    scripts(&shell::read(helm, &["template", "check", CHART])?)
}

fn presets_without_database(helm: &Path) -> Result {
    for preset in PRESETS {
        let values = format!("{CHART}/values/{preset}.yaml");
        let values = [CHART, "--values", &values, "--values", EXTERNAL, "--values", EXTERNAL_MODEL];
        shell::read(helm, &[&["lint", "--strict"], &values[..]].concat())?;
        let rendered = shell::read(helm, &[&["template", "check"], &values[..]].concat())?;
        if uses(&rendered, PASSWORD) {
            return Err(format!("{CHART} with {EXTERNAL} gives {PASSWORD} to a container"));
        }
    }
    println!("{CHART} renders each preset with {EXTERNAL}");
    Ok(())
}

fn wrong_values(helm: &Path) -> Result {
    let files =
        shell::files(&root().join(REFUSED), &|path| path.extension().is_some_and(|end| end == "yaml"));
    if files.is_empty() {
        return Err(format!("{REFUSED} contains no values files"));
    }
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let name = file.strip_prefix(root()).unwrap_or(file).display();
        let Some(expected) = text.lines().next().and_then(|line| line.strip_prefix(MARK)) else {
            wrong.push(format!("{name} does not begin with `{MARK}`"));
            continue;
        };
        let values = file.to_string_lossy();
        let call = shell::cmd(&root(), helm, ["template", "check", CHART, "--values", values.as_ref()]);
        let output = call.stdout_null().stderr_capture().unchecked().run();
        let output = output.map_err(|error| format!("cannot start helm: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            wrong.push(format!("{name} was accepted, but must be refused"));
        } else if !said.contains(expected) {
            wrong.push(format!("{name} was refused without `{expected}`: {said}"));
        }
    }
    println!("{CHART} refuses {} of {} wrong values", files.len() - wrong.len(), files.len());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// A different digest of a key changes only the objects that use the key.
fn changed_keys(helm: &Path) -> Result {
    let before = shell::read(helm, &["template", "check", CHART])?;
    let keys = keys(&before);
    if keys.is_empty() {
        return Err(format!("{CHART} uses no key of .env"));
    }
    for (key, class) in &keys {
        let digest = format!("{class}.keys.{key}=0123456789abcdef");
        let after = shell::read(helm, &["template", "check", CHART, "--set-string", &digest])?;
        let users = documents(&before, |_, document| uses(document, key));
        let after: Vec<&str> = split(&after).collect();
        let changed = documents(&before, |index, document| after.get(index) != Some(&document));
        if users != changed {
            return Err(format!("{key} is used by {users:?}, but changing it restarts {changed:?}"));
        }
    }
    println!("{CHART}: each of {} keys restarts only its users", keys.len());
    Ok(())
}

/// Init containers run complete scripts of the chart with the arguments of the service, and with exactly
/// its rights.
fn scripts(rendered: &str) -> Result {
    let objects: Vec<Value> = serde_saphyr::from_multiple(rendered)
        .map_err(|error| format!("helm did not render valid YAML: {error}"))?;
    let files = shell::files(&root().join(SCRIPTS), &|_| true);
    let read = |file| std::fs::read_to_string(file).map_err(|error| format!("cannot read a script: {error}"));
    let all = files.iter().map(read).collect::<Result<Vec<String>>>()?;
    let mut unused = all.clone();
    for object in &objects {
        let pod = &object["spec"]["template"]["spec"];
        for step in pod["initContainers"].as_array().into_iter().flatten() {
            let (service, name) = (&pod["containers"][0], &step["name"]);
            if let Some(key) = SHARED.iter().find(|key| step[**key] != service[**key]) {
                return Err(format!("container {name} has a different {key} than {}", service["name"]));
            }
            let args = step["args"].as_array().map(Vec::as_slice).unwrap_or_default();
            // Kubernetes replaces `$$` with `$`.
            let script = args.first().and_then(Value::as_str).unwrap_or_default().replace("$$", "$");
            let given = service["args"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !all.contains(&script) || args.get(1) != Some(name) || args.get(2..) != Some(given) {
                return Err(format!("container {name} does not run a file of {SCRIPTS} with {given:?}"));
            }
            unused.retain(|file| *file != script);
        }
    }
    println!("{CHART} runs {} of {} scripts in init containers", all.len() - unused.len(), all.len());
    if unused.is_empty() { Ok(()) } else { Err(format!("{SCRIPTS} contains a file that nothing runs")) }
}

/// Every key that an object uses, with the part of the values that contains its digest.
fn keys(rendered: &str) -> BTreeMap<String, &'static str> {
    let lines: Vec<&str> = rendered.lines().map(str::trim).collect();
    let key = |window: &[&str]| {
        let class = match window[0] {
            "secretKeyRef:" => "secret",
            "configMapKeyRef:" => "config",
            _ => return None,
        };
        Some((window[2].strip_prefix("key: ")?.to_owned(), class))
    };
    lines.windows(3).filter_map(key).collect()
}

fn uses(document: &str, key: &str) -> bool {
    document.lines().any(|line| line.trim().strip_prefix("key: ") == Some(key))
}

fn split(rendered: &str) -> impl Iterator<Item = &str> {
    rendered.split("\n---\n")
}

/// Kind and name of the documents that satisfy `wanted`.
fn documents(rendered: &str, wanted: impl Fn(usize, &str) -> bool) -> Vec<String> {
    let named = |document: &str| {
        let value = |start: &str| document.lines().find_map(|line| line.strip_prefix(start));
        format!("{} {}", value("kind: ").unwrap_or("?"), value("  name: ").unwrap_or("?"))
    };
    let documents = split(rendered).enumerate().filter(|(index, document)| wanted(*index, document));
    documents.map(|(_, document)| named(document)).collect()
}

#[cfg(test)]
mod tests {
    use todo_bootstrap::config::env::{Class, Contract, Declaration};

    use super::*;

    const RENDERED: &str = "kind: Deployment\nmetadata:\n  name: web\nenv:\n  secretKeyRef:\n    name: s\n    \
                            key: TOKEN\n---\nkind: Service\nmetadata:\n  name: web\n";

    #[test]
    fn a_script_that_was_cut_or_has_other_rights_is_found() {
        let pod = |args: &str, rights: &str| {
            let shared = "image: db, securityContext: {runAsNonRoot: true}, args: [serve]";
            let step = format!("name: a, image: db, args: {args}, securityContext: {rights}");
            let pod = format!("containers: [{{name: db, {shared}}}], initContainers: [{{{step}}}]");
            scripts(&format!("spec: {{template: {{spec: {{{pod}}}}}}}")).unwrap_err()
        };
        assert!(pod("[cut, a, serve]", "{runAsNonRoot: true}").contains("does not run a file"));
        assert!(pod("[cut, a, serve]", "{}").contains("a different securityContext"));
        assert!(scripts("kind: Service").unwrap_err().contains("nothing runs"));
    }

    #[test]
    fn secrets_that_the_contract_does_not_require_are_optional() {
        let values = std::fs::read_to_string(root().join(CHART).join("values.yaml")).unwrap();
        let values: Value = serde_saphyr::from_str(&values).unwrap();
        let contract = Contract::load(&root().join(".env.example")).unwrap().unwrap();
        let optional = |one: &&Declaration| one.class == Class::Secret && !one.required;
        let optional: Vec<&str> =
            contract.declarations.iter().filter(optional).map(|one| one.key.as_str()).collect();
        assert_eq!(values["secret"]["optional"], serde_json::json!(optional));
    }

    #[test]
    fn keys_are_found_with_their_class_and_users() {
        assert_eq!(keys(RENDERED), [("TOKEN".to_owned(), "secret")].into());
        assert_eq!(documents(RENDERED, |_, document| uses(document, "TOKEN")), ["Deployment web"]);
        assert!(documents(RENDERED, |_, document| uses(document, "TOK")).is_empty());
    }
}
