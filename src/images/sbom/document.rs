//! The SBOM as a `CycloneDX` 1.5 document, <https://cyclonedx.org/docs/1.5/json/>.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Lock, Package};
use crate::error::{Error, Result};
use crate::images::{Built, Order, inputs_hash};
use crate::local_registry::Stored;

/// What no lock file of a build context tells.
const LEFT_OUT: &str = "packages of the base image's system; what the Dockerfile downloads itself";

/// It contains no timestamp, so an image always has the same SBOM.
pub(super) fn render(order: &Order<'_>, image: &Built, locks: &[Lock]) -> Result<Vec<u8>> {
    let incomplete = json!([image.stored.to_string()]);
    sealed(metadata(order, image, locks)?, &components(order, locks), &incomplete)
}

/// An SBOM as text, with a serial number that follows from its content. The parts of `incomplete` are not all known.
pub(crate) fn sealed(mut metadata: Value, components: &[Value], incomplete: &Value) -> Result<Vec<u8>> {
    metadata["tools"] = json!({ "components": [{
        "type": "application", "name": "todo-bootstrap", "version": env!("CARGO_PKG_VERSION"),
    }]});
    let mut sbom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "compositions": [{ "aggregate": "incomplete", "assemblies": incomplete }],
    });
    let digest = Sha256::digest(sbom.to_string());
    let id = digest.first_chunk::<16>().copied().unwrap_or_default();
    let id = uuid::Builder::from_custom_bytes(id).into_uuid();
    sbom["serialNumber"] = Value::String(id.urn().to_string());
    let mut text = serde_json::to_vec_pretty(&sbom)
        .map_err(|error| Error::failed("cannot write the SBOM").because(error))?;
    text.push(b'\n');
    Ok(text)
}

fn metadata(order: &Order<'_>, image: &Built, locks: &[Lock]) -> Result<Value> {
    let mut said = vec![
        property("inputs", inputs_hash(order)?),
        property("target", order.target.name()),
        property("leaves-out", LEFT_OUT),
    ];
    for lock in locks {
        said.push(match &lock.packages {
            Ok(packages) => property("covers", format!("{}: {} packages", lock.path, packages.len())),
            Err(why) => property("cannot-read", format!("{}: {why}", lock.path)),
        });
    }
    if locks.is_empty() {
        said.push(property("covers", "no lock file in the build context"));
    }
    Ok(json!({ "component": container(&image.stored), "properties": said }))
}

pub(crate) fn property(name: &str, value: impl Into<String>) -> Value {
    json!({ "name": format!("todo-bootstrap:{name}"), "value": value.into() })
}

fn container(image: &Stored) -> Value {
    let mut value = json!({
        "type": "container",
        "bom-ref": image.to_string(),
        "name": image.repository,
        "version": image.tag,
    });
    if let Some(hash) = image.digest.strip_prefix("sha256:").filter(|hash| hash.len() == 64) {
        value["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
    }
    value
}

/// The base image, then all packages by their package URL.
fn components(order: &Order<'_>, locks: &[Lock]) -> Vec<Value> {
    let mut packages: BTreeMap<&str, Package> = BTreeMap::new();
    for package in locks.iter().flat_map(|lock| lock.packages.iter().flatten()) {
        let known = packages.entry(&package.purl).or_insert_with(|| package.clone());
        // Needed in one place is needed.
        known.development &= package.development;
        known.optional &= package.optional;
    }
    let base = order.base.map(container);
    base.into_iter().chain(packages.values().map(component)).collect()
}

fn component(package: &Package) -> Value {
    let needed = !package.development && !package.optional;
    let mut value = json!({
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "scope": if needed { "required" } else { "optional" },
        "purl": package.purl,
    });
    if let Some(group) = &package.group {
        value["group"] = group.as_str().into();
    }
    if let Some(licence) = &package.licence {
        value["licenses"] = json!([{ "license": { "name": licence } }]);
    }
    if let Some((algorithm, content)) = &package.hash {
        value["hashes"] = json!([{ "alg": algorithm, "content": content }]);
    }
    if package.development {
        value["properties"] = json!([{ "name": "cdx:npm:package:development", "value": "true" }]);
    }
    value
}
