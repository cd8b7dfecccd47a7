//! The pins of the program: complete, of the right versions, and confirmed by two sources.

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
fn versions_are_read_from_the_output() {
    for (tool, output, version) in [
        ("kubectl", r#"{"clientVersion":{"gitVersion":"v1.34.5"}}"#, "1.34.5"),
        ("helm", "v4.0.1\n", "4.0.1"),
        ("kind", "kind v0.33.2 go1.24.1 linux/amd64", "0.33.2"),
        ("minikube", "v1.38.1\n", "1.38.1"),
        ("k9s", "Version              v0.51.0\nCommit               0", "0.51.0"),
        ("stern", "version: 1.34.0\ncommit: 0", "1.34.0"),
        ("kubectl-ai", "version: 0.0.5\ncommit: 0", "0.0.5"),
        ("cosign", r#"{"gitVersion":"v3.1.3","gitCommit":"0"}"#, "3.1.3"),
        ("grype", r#"{"application":"grype","version":"0.119.0"}"#, "0.119.0"),
    ] {
        let spec = ToolSpec::named(tool).unwrap();
        assert_eq!(spec.parse(output), Version::parse(version).ok(), "{tool}");
        assert_eq!(spec.parse("kind: usage: …"), None, "{tool}");
    }
}

#[test]
fn other_versions_fit_by_the_rule_of_the_tool() {
    let wanted = Wanted { tool: Version::new(1, 34, 5), cluster: Version::new(1, 34, 4) };
    for (tool, good, bad) in [
        ("kubectl", ["1.33.0", "1.35.9"], ["1.32.4-dispatcher", "1.36.0"]),
        ("helm", ["1.34.0", "1.2.0"], ["2.34.5", "0.1.0"]),
        ("kind", ["1.34.5", "1.34.6"], ["1.34.4", "1.35.0"]),
    ] {
        let spec = ToolSpec::named(tool).unwrap();
        let fits = |text: &str| spec.fits(&Version::parse(text).unwrap(), &wanted);
        assert!(good.iter().all(|text| fits(text).is_ok()), "{tool}");
        assert!(bad.iter().all(|text| fits(text).is_err()), "{tool}");
    }
}

#[test]
fn an_unknown_tool_is_answered_with_those_there_are() {
    let text = ToolSpec::named("k3d").unwrap_err().to_string();
    assert!(text.contains("kubectl, helm, kind, minikube, k9s"), "{text}");
    assert!(ToolSpec::named("kubctl").unwrap_err().what().contains("did you mean `kubectl`?"));
}
