//! What differs between two revisions of a release.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::Release;
use super::drift::{PATHS, walk};
use super::objects;
use crate::error::Result;

/// Labels that change in every object when the version of the chart changes.
const VERSIONS: [&str; 2] = ["metadata.labels.app.kubernetes.io/version", "metadata.labels.helm.sh/chart"];

impl Release {
    /// The images of its workloads, including those of init containers.
    pub fn images(&self) -> Result<BTreeSet<String>> {
        let mut images = BTreeSet::new();
        for object in objects(&self.manifest)? {
            let pod = &object.data["spec"]["template"]["spec"];
            let all = ["initContainers", "containers"].map(|key| pod[key].as_array());
            let named = all.into_iter().flatten().flatten().filter_map(|one| one["image"].as_str());
            images.extend(named.map(str::to_owned));
        }
        Ok(images)
    }
}

/// What installing `new` changes in the objects of `old`: a line for each object, with the paths of its fields but
/// never their values.
pub fn changes(old: &Release, new: &Release) -> Result<Vec<String>> {
    let (old, new) = (by_name(old)?, by_name(new)?);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| match (old.get(name), new.get(name)) {
        (Some(_), None) => Some(format!("{name} removed")),
        (None, _) => Some(format!("{name} added")),
        (Some(old), Some(new)) => {
            let mut paths = Vec::new();
            walk(old, new, "", &mut paths);
            let paths: Vec<&str> = paths
                .iter()
                .map(|path| path.trim_start_matches('.'))
                .filter(|path| !VERSIONS.contains(path))
                .take(PATHS)
                .collect();
            (!paths.is_empty()).then(|| format!("{name} ({})", paths.join(", ")))
        }
    };
    Ok(names.into_iter().filter_map(change).collect())
}

/// Labels, annotations and content of each object, by kind and name.
fn by_name(release: &Release) -> Result<BTreeMap<String, Value>> {
    let entry = |object: DynamicObject| {
        let kind = object.types.clone().unwrap_or_default().kind;
        let name = format!("{kind} {}", object.name_any());
        let mut content = object.data;
        content["metadata"] =
            json!({"labels": object.metadata.labels, "annotations": object.metadata.annotations});
        (name, content)
    };
    Ok(objects(&release.manifest)?.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(manifest: &str) -> Release {
        Release { manifest: manifest.to_owned(), ..Release::default() }
    }

    fn web(version: &str, image: &str, replicas: u8) -> String {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, labels: {{app.kubernetes.io/version: '{version}'}}}}\n\
             spec: {{replicas: {replicas}, template: {{spec: {{initContainers: [{{name: i, image: init}}], containers: [{{name: web, image: '{image}'}}]}}}}}}\n"
        )
    }

    const SECRET: &str =
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {KEY: hidden}\n";

    #[test]
    fn objects_and_paths_are_named_but_no_values() {
        let old = release(&(web("1", "web:1", 1) + SECRET));
        let new = release(&(web("2", "web:2", 3) + &SECRET.replace("name: s", "name: t")));
        let image = "spec.template.spec.containers[web].image";
        assert_eq!(
            changes(&old, &new).unwrap(),
            [
                format!("Deployment web (spec.replicas, {image})"),
                "Secret s removed".into(),
                "Secret t added".into()
            ]
        );
        assert!(changes(&old, &release(&(web("9", "web:1", 1) + SECRET))).unwrap().is_empty());
    }

    #[test]
    fn images_of_all_containers_count() {
        let images = release(&(web("1", "web:1", 1) + SECRET)).images().unwrap();
        assert_eq!(images.into_iter().collect::<Vec<_>>(), ["init", "web:1"]);
    }
}
