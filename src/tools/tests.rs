//! The pins of the program: complete, of the right versions, and vouched for.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::data::Data;

const PLATFORMS: [&str; 5] = ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"];

/// The files for which one published text alone was found, and why they are pinned nevertheless.
const SINGLE: [(&str, &str, &str); 1] =
    [("helm", "windows/arm64", "one installer lists it; others leave this platform out")];

#[test]
fn every_pin_is_complete_and_of_the_version_that_versions_toml_names() {
    let versions = Versions::load(&Data::default()).unwrap();
    for spec in TOOLS.iter().filter(|spec| !spec.optional) {
        let pin = spec.pin().unwrap();
        assert_eq!(pin.version, spec.wanted(&versions).unwrap().tool, "{}", spec.name);
        for platform in PLATFORMS {
            assert!(pin.assets.contains_key(platform), "{} {platform}", spec.name);
        }
        assert!(pin.checksum.is_some(), "{}: where is its checksum published?", spec.name);
    }
}

#[test]
fn every_asset_comes_by_https_and_its_archive_can_be_opened() {
    for spec in TOOLS {
        for (platform, asset) in spec.pin().unwrap().assets {
            assert!(asset.url.starts_with("https://"), "{}", asset.url);
            assert_ne!(asset.unpack, Unpack::Unsupported, "{} {platform}", spec.name);
        }
    }
}

#[test]
fn two_sources_agree_on_each_checksum_or_the_exception_has_a_reason() {
    let mut single = BTreeMap::new();
    for spec in TOOLS.iter().filter(|spec| !spec.optional) {
        for (platform, asset) in spec.pin().unwrap().assets {
            match asset.sources.len() {
                0 => panic!("{} {platform} has no source", spec.name),
                count if count < SOURCES => {
                    single.insert((spec.name, platform), asset.sources);
                }
                _ => {}
            }
        }
    }
    let known: BTreeSet<(&str, String)> =
        SINGLE.iter().map(|(name, platform, _)| (*name, (*platform).to_owned())).collect();
    assert_eq!(single.into_keys().collect::<BTreeSet<_>>(), known);
    assert!(SINGLE.iter().all(|(.., reason)| !reason.is_empty()));
}

#[test]
fn no_two_pins_share_a_hash() {
    let pins: Vec<Pin> = TOOLS.iter().map(|spec| spec.pin().unwrap()).collect();
    let hashes: Vec<&String> = pins.iter().flat_map(|p| p.assets.values().map(|a| &a.sha256)).collect();
    let distinct: BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}

#[test]
fn every_folder_is_registered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tools");
    let folders = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("pin.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut known: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn an_unknown_tool_is_answered_with_those_there_are() {
    let text = ToolSpec::named("k3d").unwrap_err().to_string();
    assert!(text.contains("kubectl, helm, kind, minikube, k9s"), "{text}");
    assert!(ToolSpec::named("kubctl").unwrap_err().what().contains("did you mean `kubectl`?"));
}
