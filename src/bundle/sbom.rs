//! The SBOM of a whole bundle, in `CycloneDX` 1.5: composed of the manifest and the SBOMs in the bundle.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Contents, Entry};
use crate::error::{Error, Result};
use crate::images::sbom::{encoded, property, purl, sealed};

/// The entry of an image that was built from a project.
pub fn application(image: &str) -> String {
    format!("app-{image}")
}

/// The entry with the SBOM of such an image.
pub fn entry_name(image: &str) -> String {
    format!("sbom-{image}")
}

pub fn render(contents: &Contents) -> Result<Vec<u8>> {
    let sboms = sboms(contents)?;
    let mut components = Vec::new();
    for entry in &contents.manifest.entries {
        let image = entry.name.strip_prefix("app-").filter(|_| entry.kind == "application");
        let parts = image.and_then(|image| sboms.get(&(entry_name(image), entry.platform.clone())));
        components.push(component(entry, parts));
    }
    let images = components.iter().filter(|part| part["type"] == "container");
    // The packages of an image's system are not known.
    let incomplete: Value = images.map(|part| part["bom-ref"].clone()).collect();
    let metadata = json!({
        "component": {
            "type": "file",
            "bom-ref": format!("bundle:{}", contents.sha256),
            "name": "bundle",
            "version": contents.sha256,
            "hashes": [{ "alg": "SHA-256", "content": contents.sha256 }],
        },
    });
    sealed(metadata, &components, &incomplete)
}

/// The packages that the SBOMs in the bundle tell, by name and platform of the SBOM.
fn sboms(contents: &Contents) -> Result<BTreeMap<(String, String), Vec<Value>>> {
    let mut all = BTreeMap::new();
    for entry in contents.manifest.entries.iter().filter(|entry| entry.kind == "sbom") {
        let Some(text) = contents.sboms.get(&entry.file) else { continue };
        let sbom: Value = serde_json::from_slice(text)
            .map_err(|error| Error::refused(format!("{} is not an SBOM", entry.file)).because(error))?;
        let parts = sbom["components"].as_array().cloned().unwrap_or_default();
        all.insert((entry.name.clone(), entry.platform.clone()), parts);
    }
    Ok(all)
}

fn component(entry: &Entry, parts: Option<&Vec<Value>>) -> Value {
    let purl = entry_purl(entry);
    let kind = match entry.kind.as_str() {
        "tool" => "application",
        "image" | "application" => "container",
        _ => "file",
    };
    let mut said = vec![
        property("kind", entry.kind.as_str()),
        property("platform", entry.platform.as_str()),
        property("file", entry.file.as_str()),
        property("size", entry.size.to_string()),
    ];
    said.extend(entry.reference.as_deref().map(|reference| property("reference", reference)));
    said.extend(entry.image_id.as_deref().map(|id| property("image-id", id)));
    let mut value = json!({
        "type": kind,
        "bom-ref": purl,
        "name": entry.name,
        "version": entry.version,
        "purl": purl,
        "hashes": [{ "alg": "SHA-256", "content": entry.sha256 }],
        "properties": said,
    });
    if let Some(parts) = parts {
        // The same package in two images is two parts of the bundle.
        let own = |part: &Value| {
            let mut part = part.clone();
            let name = part["bom-ref"].as_str().unwrap_or_default().to_owned();
            part["bom-ref"] = format!("{purl}#{name}").into();
            part
        };
        value["components"] = parts.iter().map(own).collect();
    }
    value
}

/// <https://github.com/package-url/purl-spec>: an image by its repository, anything else by name.
fn entry_purl(entry: &Entry) -> String {
    let mut said = BTreeMap::new();
    if let Some((os, arch)) = entry.platform.split_once('/') {
        said.extend([("os", encoded(os)), ("arch", encoded(arch))]);
    }
    let reference = entry.reference.as_deref().filter(|_| entry.kind != "tool");
    let package = reference.map_or_else(
        || purl("generic", None, &entry.name, &entry.version),
        |reference| {
            let start = reference.rfind('/').map_or(0, |slash| slash + 1);
            let (name, tag) = reference[start..].split_once(':').unwrap_or((&reference[start..], "latest"));
            let mut path: Vec<&str> = reference[..start].split('/').filter(|part| !part.is_empty()).collect();
            if path.first().is_some_and(|host| host.contains(['.', ':']) || *host == "localhost") {
                said.insert("repository_url", encoded(path.remove(0)));
            }
            let whole = purl("docker", None, name, tag);
            let path: String = path.iter().map(|part| encoded(part) + "/").collect();
            whole.replacen("pkg:docker/", &format!("pkg:docker/{path}"), 1)
        },
    );
    let said: Vec<String> = said.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if said.is_empty() { package } else { format!("{package}?{}", said.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Manifest;

    fn entry(name: &str, kind: &str, reference: Option<&str>) -> Entry {
        let plain = crate::bundle::entry(name, kind, name.as_bytes());
        let file = format!("files/{}-{name}", plain.sha256);
        Entry { file, reference: reference.map(str::to_owned), ..plain }
    }

    #[test]
    fn every_part_has_an_address_and_a_digest() {
        let entries = vec![
            entry("kubectl", "tool", None),
            entry("image-node", "image", Some("docker.io/kindest/node:v1.34.0")),
            entry("app-web", "application", Some("localhost/app/web:v1-abc")),
            entry("sbom-web", "sbom", None),
        ];
        let packages =
            json!({ "components": [{ "bom-ref": "pkg:npm/a@1", "name": "a", "type": "library" }] });
        let sbom = packages.to_string().into_bytes();
        let file = entries[3].file.clone();
        let contents = Contents {
            manifest: Manifest::new(entries).unwrap(),
            sha256: "0".repeat(64),
            sboms: [(file, sbom)].into(),
        };
        let text = render(&contents).unwrap();
        assert_eq!(render(&contents).unwrap(), text);
        let sbom: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
        let parts = sbom["components"].as_array().unwrap();
        let purls: Vec<&str> = parts.iter().map(|part| part["purl"].as_str().unwrap()).collect();
        assert_eq!(
            purls,
            [
                "pkg:docker/app/web@v1-abc?arch=amd64&os=linux&repository_url=localhost",
                "pkg:docker/kindest/node@v1.34.0?arch=amd64&os=linux&repository_url=docker.io",
                "pkg:generic/kubectl@1.2.3?arch=amd64&os=linux",
                "pkg:generic/sbom-web@1.2.3?arch=amd64&os=linux",
            ]
        );
        assert!(parts.iter().all(|part| part["hashes"][0]["content"].as_str().unwrap().len() == 64));
        let inner = &parts[0]["components"][0];
        assert_eq!(inner["bom-ref"], format!("{}#pkg:npm/a@1", purls[0]));
        assert!(sbom["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
    }
}
