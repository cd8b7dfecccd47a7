//! What the application's chart promises beyond rendering: wrong values are refused in words that
//! help, a changed key restarts its users only, and what runs before a service may no more than it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::shell::{self, Result, root};

const CHART: &str = "manifests/todo-chatbot";
/// These go on top of any preset.
const EXTERNAL: &str = "manifests/todo-chatbot/values/external-database.yaml";
const EXTERNAL_MODEL: &str = "manifests/todo-chatbot/values/external-model.yaml";
const PRESETS: [&str; 3] = ["tiny", "normal", "full"];
/// Values files whose first line is a comment: what Helm must say to them.
const REFUSED: &str = "tests/chart";
const MARK: &str = "# refused: ";
const SCRIPTS: &str = "manifests/todo-chatbot/scripts";
/// The secret of the database in the cluster: where there is none, nobody is given it.
const PASSWORD: &str = "POSTGRES_PASSWORD";
/// What a container that prepares a service has in common with the service's own.
const SHARED: [&str; 6] = ["image", "imagePullPolicy", "env", "resources", "securityContext", "volumeMounts"];

pub(crate) fn prove(helm: &Path) -> Result {
    presets_without_database(helm)?;
    wrong_values(helm)?;
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
        return Err(format!("{REFUSED} holds no values"));
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
            wrong.push(format!("{name} was taken, but must be refused"));
        } else if !said.contains(expected) {
            wrong.push(format!("{name} was refused without `{expected}`: {said}"));
        }
    }
    println!("{CHART} refuses {} of {} wrong values", files.len() - wrong.len(), files.len());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Another digest of a key changes the objects that name the key, and no other one.
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
            return Err(format!("{key} is used by {users:?}, but its change restarts {changed:?}"));
        }
    }
    println!("{CHART}: each of {} keys restarts its users only", keys.len());
    Ok(())
}

/// Containers that prepare a service run scripts of the chart, whole, with its arguments, and with
/// neither more nor fewer rights than its own.
fn scripts(rendered: &str) -> Result {
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(rendered).map_err(|error| format!("helm rendered no YAML: {error}"))?;
    let files = shell::files(&root().join(SCRIPTS), &|_| true);
    let read = |file| std::fs::read_to_string(file).map_err(|error| format!("cannot read a script: {error}"));
    let all = files.iter().map(read).collect::<Result<Vec<String>>>()?;
    let mut unused = all.clone();
    for object in &objects {
        let pod = &object["spec"]["template"]["spec"];
        for step in pod["initContainers"].as_array().into_iter().flatten() {
            let (service, name) = (&pod["containers"][0], &step["name"]);
            if let Some(key) = SHARED.iter().find(|key| step[**key] != service[**key]) {
                return Err(format!("container {name} has another {key} than {}", service["name"]));
            }
            let args = step["args"].as_array().map(Vec::as_slice).unwrap_or_default();
            // The cluster makes one dollar sign of two.
            let script = args.first().and_then(Value::as_str).unwrap_or_default().replace("$$", "$");
            let given = service["args"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !all.contains(&script) || args.get(1) != Some(name) || args.get(2..) != Some(given) {
                return Err(format!("container {name} does not run a file of {SCRIPTS} with {given:?}"));
            }
            unused.retain(|file| *file != script);
        }
    }
    println!("{CHART} runs {} of {} scripts before its services", all.len() - unused.len(), all.len());
    if unused.is_empty() { Ok(()) } else { Err(format!("{SCRIPTS} holds a file that nothing runs")) }
}

/// Every key that an object names, with the part of the values in which its digest stands.
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

/// Kind and name of the documents that `wanted` holds for.
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
        assert!(pod("[cut, a, serve]", "{}").contains("another securityContext"));
        assert!(scripts("kind: Service").unwrap_err().contains("nothing runs"));
    }

    #[test]
    fn keys_are_found_with_their_class_and_users() {
        assert_eq!(keys(RENDERED), [("TOKEN".to_owned(), "secret")].into());
        assert_eq!(documents(RENDERED, |_, document| uses(document, "TOKEN")), ["Deployment web"]);
        assert!(documents(RENDERED, |_, document| uses(document, "TOK")).is_empty());
    }
}
